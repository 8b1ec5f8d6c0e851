/* SPDX-License-Identifier: MIT
 *
 * Activations as tables of 256 bytes, as the hosts compute them: in floats of which each operation is rounded once, or
 * in fixed point. exp, tanh and erf are the library's own, so that tables are the same bytes everywhere.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "i8.h"
#include "i8/requantize.h"
#include "status.h"

/* What a table is made of. Zero points and bounds are those of the caller's type. */
struct maker {
  mbconv_type type;
  bool reference; /* TFLite's own kernels, not XNNPACK's */
  mbconv_quantization x, y;
  int32_t lo, hi;
  float alpha;
};

/* The value of x's byte q. */
static float real_of(const struct maker *maker, int32_t q) { return (float)(q - maker->x.zero_point) * maker->x.scale; }

/* ---- Functions of doubles ---------------------------------------------------------------------------------------- */

/* e^v to about an ulp, |v| <= 700: v = n ln 2 + r, and the series of e^r. */
static double exponential(double v) {
  const double n = rint(v * 1.4426950408889634), r = v - n * 0.693147180369123816490 - n * 1.90821492927058770002e-10;
  double sum = 1.0;
  for (int i = 16; i > 0; i--) sum = 1.0 + sum * r / i;
  const uint64_t bits = (uint64_t)((int64_t)n + 1023) << 52;
  double power;
  memcpy(&power, &bits, sizeof power);
  return sum * power;
}

static double hyperbolic_tangent(double v) {
  const double a = fabs(v);
  if (a < 1e-4) return v - v * v * v / 3.0;
  const double e = a < 22.0 ? exponential(-2.0 * a) : 0.0;
  return (v < 0.0 ? -1.0 : 1.0) * (1.0 - e) / (1.0 + e);
}

/* 2 / sqrt(pi) * e^(-v^2) * (v + 2 v^3 / 3 + 4 v^5 / 15 ...): all terms have one sign. */
static double error_function(double v) {
  if (fabs(v) > 6.0) return v < 0.0 ? -1.0 : 1.0;
  double term = v, sum = v;
  for (int i = 1; fabs(term) > 1e-20 * fabs(sum); i++) {
    term *= 2.0 * v * v / (2 * i + 1);
    sum += term;
  }
  return 1.1283791670955126 * exponential(-v * v) * sum;
}

static float logistic(const struct maker *maker, float real) {
  if (real < -100.0f || real > 100.0f) return real < 0.0f ? 0.0f : 1.0f;
  if (maker->reference) return real < -88.0f ? 0.0f : 1.0f / (1.0f + (float)exponential(-(double)real));
  const double e = exponential((double)real);
  return (float)(e / (1.0 + e));
}

static float gelu(float real) {
  if (real < -40.0f || real > 40.0f) return real < 0.0f ? 0.0f : real;
  const double v = (double)real;
  return (float)(v / 2.0 * (1.0 + error_function(v * 1.4142135623730951 / 2.0)));
}

static float value_of(mbconv_i8_function function, const struct maker *maker, float real) {
  if (function == MBCONV_I8_TANH) return (float)hyperbolic_tangent((double)real);
  return function == MBCONV_I8_GELU ? gelu(real) : logistic(maker, real);
}

/* ---- To bytes ---------------------------------------------------------------------------------------------------- */

static int32_t byte_of(const struct maker *maker, int32_t v) { return mbconv_i8_clamp(v, maker->lo, maker->hi); }

/* A real number as a byte of quantization y. */
static int32_t quantized(const struct maker *maker, const mbconv_quantization *y, float real, bool away) {
  const float scaled = real * (1.0f / y->scale), most = 1024.0f;
  const float sum = away ? scaled : scaled + (float)y->zero_point;
  const float v = sum < -most ? -most : sum > most ? most : sum;
  if (!away) return byte_of(maker, mbconv_round_half_even(v));
  const float size = fabsf(v);
  const int32_t whole = (int32_t)size, rounded = whole + (size - (float)whole >= 0.5f);
  return byte_of(maker, (v < 0.0f ? -rounded : rounded) + y->zero_point);
}

static int32_t by_function(mbconv_i8_function function, const struct maker *maker, const mbconv_quantization *y,
                           int32_t q) {
  const bool away = maker->reference || function == MBCONV_I8_GELU;
  return quantized(maker, y, value_of(function, maker, real_of(maker, q)), away);
}

/* ---- Functions of two operators, or in fixed point --------------------------------------------------------------- */

/* Each of these fills y[0 .. 255] for the bytes from the type's lowest on; false if the hosts' kernels do not take such
 * scales. */

/* x * LOGISTIC(x), which is a byte between two operators. */
static bool silu(const struct maker *maker, int32_t *y) {
  const mbconv_quantization gate = {1.0f / 256.0f, maker->lo};
  const float product = maker->x.scale * gate.scale, scale = product / maker->y.scale;
  int32_t multiplier, shift;
  mbconv_i8_quantize_multiplier((double)scale, &multiplier, &shift);
  if (!(product >= FLT_MIN && scale >= FLT_MIN && scale <= 8192.0f) || shift > 14) return false;
  const struct mbconv_i8_ending ending = {
      .rounding = maker->reference ? MBCONV_I8_TFLITE_DOUBLE : MBCONV_I8_FP32,
      .zero = maker->y.zero_point - maker->lo,
      .lo = 0,
      .hi = 255,
  };
  union mbconv_i8_scale by = {.scale = scale};
  if (maker->reference) by.multiplier = multiplier;
  for (int32_t i = 0; i < 256; i++) {
    const int32_t q = maker->lo + i, factor = by_function(MBCONV_I8_LOGISTIC, maker, &gate, q) - gate.zero_point;
    y[i] = maker->lo + mbconv_requantize(&ending, (q - maker->x.zero_point) * factor, by, shift);
  }
  return true;
}

/* a * b / 2^15, a and b of 16 bits; rounded to nearest, halves away from zero, or towards zero. */
static int32_t high_16(int32_t a, int32_t b, bool nearest) {
  if (a == INT16_MIN && b == INT16_MIN) return INT16_MAX;
  const int32_t product = a * b;
  return (product + (nearest ? (product < 0 ? 1 - (1 << 14) : 1 << 14) : 0)) / (1 << 15);
}

/* m as a multiplier of 16 bits. */
static int32_t multiplier_16(float m, int32_t *shift) {
  int32_t multiplier;
  mbconv_i8_quantize_multiplier((double)m, &multiplier, shift);
  if (*shift > 30) multiplier = INT32_MAX, *shift = 30;
  return multiplier >= INT32_MAX - (1 << 15) ? INT16_MAX : (multiplier + (1 << 15)) >> 16;
}

static int32_t saturate_16(int64_t v) { return (int32_t)(v < INT16_MIN ? INT16_MIN : v > INT16_MAX ? INT16_MAX : v); }

static bool hard_swish(const struct maker *maker, int32_t *y) {
  const float fine = maker->x.scale / 128.0f;
  int32_t y_shift, relu_shift;
  const int32_t to_y = multiplier_16(fine / maker->y.scale, &y_shift);
  const int32_t to_relu = multiplier_16(fine / (3.0f / 32768.0f), &relu_shift);
  if (y_shift > 0) return false;
  for (int32_t i = 0; i < 256; i++) {
    const int32_t x = (maker->lo + i - maker->x.zero_point) * 128;
    int32_t relu = relu_shift > 0 ? saturate_16((int64_t)x * (INT64_C(1) << (relu_shift - 1))) : x;
    relu = high_16(relu, to_relu, true);
    if (relu_shift > 0) relu = saturate_16(2 * (int64_t)relu);
    if (relu_shift < 0) relu = mbconv_divide_by_power(relu, -relu_shift);
    const int32_t gate = (relu + (1 << 15)) >> 1;
    const int32_t product = high_16(gate, high_16(x, to_y, true), false);
    y[i] = byte_of(maker, mbconv_divide_by_power(product, -y_shift) + maker->y.zero_point);
  }
  return true;
}

/* 8 bits behind the point. */
static bool leaky_relu(const struct maker *maker, int32_t *y) {
  const float ratio = maker->x.scale / maker->y.scale, below = ratio * maker->alpha, least = 1.0f / 256.0f;
  if (!(ratio >= least && ratio <= 128.0f && below >= least && below <= 128.0f)) return false;
  const int32_t factor = mbconv_round_half_even(256.0f * ratio), slope = mbconv_round_half_even(256.0f * below);
  for (int32_t i = 0; i < 256; i++) {
    const int32_t x = maker->lo + i - maker->x.zero_point;
    y[i] = byte_of(maker, ((x * (x < 0 ? slope : factor) + 128) >> 8) + maker->y.zero_point);
  }
  return true;
}

static bool leaky_relu_reference(const struct maker *maker, int32_t *y) {
  int32_t factor[2], shift[2];
  mbconv_i8_quantize_multiplier((double)(maker->x.scale / maker->y.scale), &factor[0], &shift[0]);
  mbconv_i8_quantize_multiplier((double)(maker->x.scale * maker->alpha / maker->y.scale), &factor[1], &shift[1]);
  if (shift[0] > 22 || shift[1] > 22) return false;
  for (int32_t i = 0; i < 256; i++) {
    const int32_t x = maker->lo + i - maker->x.zero_point, side = x < 0;
    y[i] = byte_of(maker, mbconv_requantize_tflite(x, factor[side], shift[side]) + maker->y.zero_point);
  }
  return true;
}

static bool fill(mbconv_i8_function function, const struct maker *maker, int32_t *y) {
  switch (function) {
    case MBCONV_I8_SILU: return silu(maker, y);
    case MBCONV_I8_HARD_SWISH: return hard_swish(maker, y);
    case MBCONV_I8_LEAKY_RELU: return maker->reference ? leaky_relu_reference(maker, y) : leaky_relu(maker, y);
    case MBCONV_I8_LOGISTIC:
    case MBCONV_I8_TANH:
    case MBCONV_I8_GELU: break;
  }
  for (int32_t i = 0; i < 256; i++) y[i] = by_function(function, maker, &maker->y, maker->lo + i);
  return true;
}

/* ---- The call ---------------------------------------------------------------------------------------------------- */

mbconv_status mbconv_i8_make_table(mbconv_i8_function function, float alpha, mbconv_type type,
                                   mbconv_i8_rounding rounding, const mbconv_quantization *input,
                                   const mbconv_quantization *output, uint8_t *table, mbconv_error *error) {
  if ((unsigned)function > MBCONV_I8_LEAKY_RELU)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "function is %d, which is none", (int)function);
  if (type != MBCONV_S8 && type != MBCONV_U8)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "type is %d: tables are of MBCONV_S8 or MBCONV_U8", (int)type);
  if ((unsigned)rounding > MBCONV_I8_TFLITE_DOUBLE)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "rounding is %d: a table knows no such kernels", (int)rounding);
  if (function == MBCONV_I8_LEAKY_RELU ? !(alpha >= 0.0f && alpha <= FLT_MAX) : alpha != 0.0f)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "alpha is not %s",
                       function == MBCONV_I8_LEAKY_RELU ? "a finite number from 0 on" : "0, but the function has none");
  if (!input || !output || !table)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is NULL", !input ? "input" : !output ? "output" : "table");
  mbconv_status status = mbconv_quantization_check(input, type, "table: input", error);
  if (status == MBCONV_OK) status = mbconv_quantization_check(output, type, "table: output", error);
  if (status != MBCONV_OK) return status;
  const int32_t lo = -mbconv_i8_offset(type);
  const struct maker maker = {type, rounding == MBCONV_I8_TFLITE_DOUBLE, *input, *output, lo, lo + 255, alpha};
  int32_t y[256];
  if (!fill(function, &maker, y))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                       "table: input scale / output scale is beyond what the hosts' kernels of this function take");
  for (int32_t i = 0; i < 256; i++) table[(uint8_t)(lo + i)] = (uint8_t)y[i];
  return mbconv_succeed(error);
}
