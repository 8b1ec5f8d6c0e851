/* SPDX-License-Identifier: MIT
 *
 * The arithmetic of quantization, done once at create: scales become the constants that kernels compute with. Each
 * operation on floats and doubles is rounded once, as the hosts do it.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "i8.h"
#include "i8/requantize.h"
#include "status.h"

static bool is_normal(float v) { return v >= FLT_MIN && v <= FLT_MAX; }

mbconv_status mbconv_quantization_check(const mbconv_quantization *quantization, mbconv_type type, const char *name,
                                        mbconv_error *error) {
  const int32_t least = -mbconv_i8_offset(type);
  if (!is_normal(quantization->scale))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: the scale is not a normal number above 0", name);
  if (quantization->zero_point < least || quantization->zero_point > least + 255)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: the zero point is %d, not %s", name,
                       (int)quantization->zero_point, type == MBCONV_S8 ? "-128 to 127" : "0 to 255");
  return MBCONV_OK;
}

/* v rounded half away from zero, or 256 if it is more. */
static int32_t half_away(float v) {
  if (!(v < 256.0f)) return 256;
  const int32_t whole = (int32_t)v;
  return whole + (v - (float)whole >= 0.5f);
}

mbconv_status mbconv_i8_bounds(mbconv_activation_kind activation, const mbconv_quantization *quantization,
                               mbconv_type type, const char *name, uint8_t *lo, uint8_t *hi, mbconv_error *error) {
  const int32_t zero = quantization->zero_point + mbconv_i8_offset(type);
  *lo = 0, *hi = 255;
  if (activation == MBCONV_ACTIVATION_NONE) return MBCONV_OK;
  if (activation != MBCONV_ACTIVATION_RELU && activation != MBCONV_ACTIVATION_RELU6)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                       "%s: activation is %d: in int8 it is NONE, RELU or RELU6, and all others are tables", name,
                       (int)activation);
  *lo = (uint8_t)zero;
  if (activation == MBCONV_ACTIVATION_RELU6) {
    const int32_t six = zero + half_away(6.0f / quantization->scale);
    if (six < *hi) *hi = (uint8_t)six;
  }
  return MBCONV_OK;
}

mbconv_status mbconv_i8_clamp_to(int32_t least, int32_t most, mbconv_type type, const char *name, uint8_t *lo,
                                 uint8_t *hi, mbconv_error *error) {
  const int32_t offset = mbconv_i8_offset(type);
  if (least == 0 && most == 0) return MBCONV_OK;
  if (least < -offset || most > 255 - offset || least > most)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: the clamp is %d to %d, not within %d to %d", name,
                       (int)least, (int)most, (int)-offset, (int)(255 - offset));
  if (least + offset > *lo) *lo = (uint8_t)(least + offset);
  if (most + offset < *hi) *hi = (uint8_t)(most + offset);
  if (*lo <= *hi) return MBCONV_OK;
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: the clamp and the activation have no byte in common", name);
}

/* ---- Requantization ---------------------------------------------------------------------------------------------- */

void mbconv_i8_quantize_multiplier(double m, int32_t *multiplier, int32_t *shift) {
  uint64_t bits; /* of a normal double: an exponent and 52 bits behind the first, of which 30 are kept */
  memcpy(&bits, &m, sizeof bits);
  int exponent = (int)(bits >> 52) - 1022;
  int64_t rounded = (int64_t)(((bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52) + (UINT64_C(1) << 21)) >> 22;
  if (rounded == INT64_C(1) << 31) rounded /= 2, exponent++;
  const bool vanishes = exponent < -31;
  *multiplier = vanishes ? 0 : (int32_t)rounded;
  *shift = vanishes ? 0 : exponent;
}

/* Sets the scale of a channel whose sums are at most `most` away from 0. */
static mbconv_status scale_of(const struct mbconv_i8_stage *stage, size_t channel, int64_t most, const char *name,
                              struct mbconv_i8_channel *out, mbconv_error *error) {
  const mbconv_i8_stage_desc *desc = stage->desc;
  const float weight = desc->weight_scale[desc->weight_scales > 1 ? channel : 0];
  if (!is_normal(weight))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                       "%s: the weight_scale of channel %zu is not a normal number above 0", name, channel);
  if (stage->ending.rounding == MBCONV_I8_FP32) {
    const float product = stage->input.scale * weight, scale = product / desc->output.scale;
    if (!is_normal(product) || !is_normal(scale) || (double)most * (double)scale >= 2147483392.0)
      return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                         "%s: input scale * weight_scale / output scale of channel %zu is beyond what floats can round",
                         name, channel);
    out->scale.scale = scale;
    out->shift = 0;
    return MBCONV_OK;
  }
  /* TFLite computes it in double for int8_t, but rounds the product to float for uint8_t. */
  const float product = stage->input.scale * weight;
  const double exact = (double)stage->input.scale * (double)weight;
  const double m = (stage->type == MBCONV_U8 ? (double)product : exact) / (double)desc->output.scale;
  if (stage->type == MBCONV_U8 && !is_normal(product))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                       "%s: input scale * weight_scale of channel %zu is beyond what floats can round", name, channel);
  mbconv_i8_quantize_multiplier(m, &out->scale.multiplier, &out->shift);
  if (out->shift > 30 || (out->shift > 0 && most > INT32_MAX >> out->shift))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                       "%s: input scale * weight_scale / output scale of channel %zu is too large for its sums", name,
                       channel);
  return MBCONV_OK;
}

mbconv_status mbconv_i8_channel_of(const struct mbconv_i8_stage *stage, size_t channel, size_t k, const char *name,
                                   struct mbconv_i8_channel *out, mbconv_error *error) {
  const int8_t *weight = stage->desc->weight + channel * k;
  int64_t sum = 0, size = 0;
  for (size_t i = 0; i < k; i++) {
    sum += weight[i];
    size += weight[i] < 0 ? -weight[i] : weight[i];
  }
  const int64_t given = stage->desc->bias ? stage->desc->bias[channel] : 0, bias = given - stage->padding * sum;
  const int64_t most = (bias < 0 ? -bias : bias) + 255 * size;
  if (most > INT32_MAX)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: the sums of channel %zu might leave 32 bits", name,
                       channel);
  *out = (struct mbconv_i8_channel){.weight = weight, .bias = (int32_t)bias, .ending = &stage->ending};
  return scale_of(stage, channel, most, name, out, error);
}

/* ---- The shortcut ------------------------------------------------------------------------------------------------ */

/* 2^n, a normal float. */
static float power_of_two(int n) {
  const uint32_t bits = (uint32_t)(n + 127) << 23;
  float power;
  memcpy(&power, &bits, sizeof power);
  return power;
}

/* The exponent of a normal float above 0. */
static int exponent_of(float v) {
  uint32_t bits;
  memcpy(&bits, &v, sizeof bits);
  return (int)(bits >> 23) - 127;
}

static mbconv_status add_xnnpack(float a_ratio, float b_ratio, int32_t a_zero, int32_t b_zero,
                                 struct mbconv_i8_add *add, mbconv_error *error) {
  const float least = power_of_two(-10), most = power_of_two(8);
  if (!(a_ratio >= least && a_ratio < most && b_ratio >= least && b_ratio < most))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                       "sum: a scale that is added is not 2^-10 to below 2^8 times the sum's, as XNNPACK needs it");
  add->shift = 20 - exponent_of(a_ratio > b_ratio ? a_ratio : b_ratio);
  /* At most 2^21: the sum of a half and such a float is exact in double. */
  const float scale = power_of_two(add->shift);
  add->a_factor = (int32_t)rint((double)(a_ratio * scale));
  add->b_factor = (int32_t)rint((double)(b_ratio * scale));
  add->bias = (INT32_C(1) << (add->shift - 1)) - add->a_factor * a_zero - add->b_factor * b_zero;
  return MBCONV_OK;
}

/* The byte's distance from the zero point, times 2^20 and m. */
static void scale_bytes(double m, int32_t zero, int32_t scaled[256]) {
  int32_t multiplier, shift;
  mbconv_i8_quantize_multiplier(m, &multiplier, &shift);
  for (int32_t byte = 0; byte < 256; byte++)
    scaled[byte] = mbconv_requantize_tflite((byte - zero) * (INT32_C(1) << 20), multiplier, shift);
}

static mbconv_status add_tflite(const mbconv_quantization *a, const mbconv_quantization *b,
                                const mbconv_quantization *y, int32_t a_zero, int32_t b_zero, struct mbconv_i8_add *add,
                                mbconv_error *error) {
  const double twice = 2.0 * (double)(a->scale > b->scale ? a->scale : b->scale);
  const double m = twice / (1048576.0 * (double)y->scale);
  if (!(m < 1.0))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                       "sum: a scale that is added is 2^19 times the sum's or more, which TFLite does not add");
  scale_bytes((double)a->scale / twice, a_zero, add->a_scaled);
  scale_bytes((double)b->scale / twice, b_zero, add->b_scaled);
  mbconv_i8_quantize_multiplier(m, &add->multiplier, &add->y_shift);
  if (add->y_shift > 0) /* m has been rounded up to 1 */
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                       "sum: a scale that is added is 2^19 times the sum's, which TFLite does not add");
  return MBCONV_OK;
}

static mbconv_status add_float(const mbconv_quantization *a, const mbconv_quantization *b, const mbconv_quantization *y,
                               struct mbconv_i8_add *add, mbconv_error *error) {
  const float most = power_of_two(64), least = power_of_two(-64);
  if (!(add->a_ratio >= least && add->a_ratio <= most && add->b_ratio >= least && add->b_ratio <= most))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                       "sum: a scale that is added is not 2^-64 to 2^64 times the sum's");
  const float from_b = add->b_ratio * (float)b->zero_point;
  add->fixed = (float)y->zero_point - fma_f32(add->a_ratio, (float)a->zero_point, from_b);
  return MBCONV_OK;
}

mbconv_status mbconv_i8_add_of(mbconv_i8_add_kind kind, mbconv_type type, const mbconv_quantization *a,
                               const mbconv_quantization *b, const mbconv_quantization *y, struct mbconv_i8_add *add,
                               mbconv_error *error) {
  const int32_t offset = mbconv_i8_offset(type), a_zero = a->zero_point + offset, b_zero = b->zero_point + offset;
  *add = (struct mbconv_i8_add){.kind = kind,
                                .zero = y->zero_point + offset,
                                .offset = offset,
                                .a_ratio = a->scale / y->scale,
                                .b_ratio = b->scale / y->scale};
  switch (kind) {
    case MBCONV_I8_ADD_XNNPACK: return add_xnnpack(add->a_ratio, add->b_ratio, a_zero, b_zero, add, error);
    case MBCONV_I8_ADD_TFLITE: return add_tflite(a, b, y, a_zero, b_zero, add, error);
    case MBCONV_I8_ADD_FLOAT: return add_float(a, b, y, add, error);
  }
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "add is %d, which is no way to add", (int)kind);
}
