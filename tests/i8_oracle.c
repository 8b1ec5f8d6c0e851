/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "i8_case.h"

struct i8_image i8_image_new(size_t height, size_t width, size_t channels) {
  struct i8_image image = {height, width, channels, malloc((height * width * channels + 1) * sizeof(int32_t)), NULL};
  if (!image.values) abort();
  return image;
}

void i8_image_free(struct i8_image *image) {
  free(image->values);
  free(image->floats);
  *image = (struct i8_image){0};
}

static int64_t least_of(mbconv_type type) { return type == MBCONV_S8 ? -128 : 0; }

static int64_t clamp(int64_t v, int64_t lo, int64_t hi) { return v < lo ? lo : v > hi ? hi : v; }

/* ---- Rounding ---------------------------------------------------------------------------------------------------- */

/* m as a multiplier of 31 bits and an exponent; 0 if it vanishes. */
static int64_t multiplier_of(double m, int *exponent) {
  const double fraction = frexp(m, exponent);
  int64_t multiplier = (int64_t)floor(ldexp(fraction, 31) + 0.5);
  if (multiplier == INT64_C(2147483648)) multiplier /= 2, ++*exponent;
  if (*exponent < -31) *exponent = 0, multiplier = 0;
  return multiplier;
}

static int64_t scaled_by(int64_t v, int64_t multiplier, int exponent) {
  const int64_t shifted = exponent > 0 ? v * (INT64_C(1) << exponent) : v;
  const int64_t doubled = shifted * multiplier + 1073741824, rest = doubled % 2147483648;
  const int64_t high = doubled / 2147483648 - (rest < 0);
  if (exponent >= 0) return high;
  const double quotient = ldexp((double)high, exponent);
  return (int64_t)(quotient < 0.0 ? ceil(quotient - 0.5) : floor(quotient + 0.5));
}

int64_t i8_oracle_scaled(int64_t v, double m) {
  int exponent;
  const int64_t multiplier = multiplier_of(m, &exponent);
  return scaled_by(v, multiplier, exponent);
}

int64_t i8_oracle_share(int64_t sum, size_t pixels, double m) {
  int exponent, power = 0;
  const int64_t multiplier = multiplier_of(m, &exponent);
  while (ldexp(2.0, power) <= (double)pixels && power < exponent + 31) power++;
  return scaled_by(sum, (int64_t)floor(ldexp((double)multiplier, power) / (double)pixels), exponent - power);
}

/* What an activation leaves of a value. */
static int64_t activated(mbconv_activation_kind activation, const mbconv_quantization *q, mbconv_type type, int64_t v) {
  int64_t lo = least_of(type), hi = least_of(type) + 255;
  if (activation != MBCONV_ACTIVATION_NONE) lo = q->zero_point;
  if (activation == MBCONV_ACTIVATION_RELU6) {
    const double six = floor((double)(6.0f / q->scale) + 0.5);
    if (six < 512.0) hi = clamp(q->zero_point + (int64_t)six, lo, hi);
  }
  return clamp(v, lo, hi);
}

static int64_t cut_off(const mbconv_i8_desc *desc, const mbconv_i8_stage_desc *stage, int64_t r) {
  r = activated(stage->activation, &stage->output, desc->type, r + stage->output.zero_point);
  return stage->clamp_lo != 0 || stage->clamp_hi != 0 ? clamp(r, stage->clamp_lo, stage->clamp_hi) : r;
}

/* A byte of a table, as a value. */
static int32_t looked_up(const uint8_t *table, mbconv_type type, int64_t v) {
  const int32_t byte = table[v & 255];
  return type == MBCONV_S8 && byte >= 128 ? byte - 256 : byte;
}

int32_t i8_oracle_end(const mbconv_i8_desc *desc, const mbconv_i8_stage_desc *stage, size_t channel, int64_t r) {
  const int32_t v = (int32_t)cut_off(desc, stage, r);
  const size_t of = stage->tables > 1 ? channel : 0;
  return stage->table ? looked_up(stage->table + of * 256, desc->type, v) : v;
}

/* Before the zero point. */
static int64_t steps_of(const mbconv_i8_desc *desc, const mbconv_i8_stage_desc *stage, float input_scale,
                        size_t channel, int64_t sum) {
  const float weight = stage->weight_scale[stage->weight_scales == 1 ? 0 : channel];
  if (desc->rounding == MBCONV_I8_FP32) {
    const float product = input_scale * weight, scale = product / stage->output.scale, real = (float)sum * scale;
    return (int64_t)rint((double)real);
  }
  const double product = (double)input_scale * (double)weight;
  return i8_oracle_scaled(sum,
                          (desc->type == MBCONV_U8 ? (double)(float)product : product) / (double)stage->output.scale);
}

int32_t i8_oracle_requantize(const mbconv_i8_desc *desc, const mbconv_i8_stage_desc *stage, float input_scale,
                             size_t channel, int64_t sum) {
  return (int32_t)cut_off(desc, stage, steps_of(desc, stage, input_scale, channel, sum));
}

/* ---- The shortcut ------------------------------------------------------------------------------------------------ */

static int64_t add_xnnpack(float a_ratio, float b_ratio, int64_t a, int64_t b) {
  const float larger = a_ratio > b_ratio ? a_ratio : b_ratio;
  int n = 20;
  while (ldexp(1.0, 20 - n + 1) <= (double)larger) n--;
  while (ldexp(1.0, 20 - n) > (double)larger) n++;
  const int64_t first = (int64_t)rint(ldexp((double)a_ratio, n)), second = (int64_t)rint(ldexp((double)b_ratio, n));
  return (int64_t)floor(ldexp((double)(first * a + second * b + (INT64_C(1) << (n - 1))), -n));
}

int32_t i8_oracle_add(const mbconv_i8_desc *desc, const mbconv_quantization *a, const mbconv_quantization *b,
                      int32_t first, int32_t second) {
  const mbconv_quantization *y = &desc->sum;
  const float a_ratio = a->scale / y->scale, b_ratio = b->scale / y->scale;
  const int64_t from_a = first - a->zero_point, from_b = second - b->zero_point;
  int64_t r = 0;
  switch (desc->add) {
    case MBCONV_I8_ADD_XNNPACK: r = add_xnnpack(a_ratio, b_ratio, from_a, from_b) + y->zero_point; break;
    case MBCONV_I8_ADD_TFLITE: {
      const double twice = 2.0 * fmax((double)a->scale, (double)b->scale);
      const int64_t sum = i8_oracle_scaled(from_a * 1048576, (double)a->scale / twice) +
                          i8_oracle_scaled(from_b * 1048576, (double)b->scale / twice);
      r = i8_oracle_scaled(sum, twice / (1048576.0 * (double)y->scale)) + y->zero_point;
      break;
    }
    case MBCONV_I8_ADD_FLOAT: {
      /* Products of a byte and a float are exact in double, and long double holds the sum. */
      const float b_offset = b_ratio * (float)b->zero_point;
      const float offset = (float)((long double)a_ratio * a->zero_point + (long double)b_offset);
      const float fixed = (float)y->zero_point - offset;
      const float with_b = (float)((long double)b_ratio * second + (long double)fixed);
      const float real = (float)((long double)a_ratio * first + (long double)with_b);
      r = (int64_t)rint(fmax(fmin((double)real, 1024.0), -1024.0));
      break;
    }
  }
  return (int32_t)activated(desc->sum_activation, y, desc->type, r);
}

/* ---- Stages ------------------------------------------------------------------------------------------------------ */

struct axis {
  size_t out, before;
};

/* out 0 if the window does not fit. */
static struct axis axis_of(const mbconv_i8_stage_desc *s, size_t in, size_t before, size_t after) {
  const size_t span = (s->kernel - 1) * (s->dilation ? s->dilation : 1) + 1;
  if (s->pad_kind == MBCONV_PAD_SAME) {
    const size_t out = (in + s->stride - 1) / s->stride, reach = (out - 1) * s->stride + span;
    return (struct axis){out, reach > in ? (reach - in) / 2 : 0};
  }
  if (in + before + after < span) return (struct axis){0, before};
  return (struct axis){(in + before + after - span) / s->stride + 1, before};
}

static int64_t tap(const struct i8_image *x, size_t row, size_t column, size_t channel, int32_t zero) {
  if (row >= x->height || column >= x->width) return 0; /* those above and to the left wrap */
  return x->values[(row * x->width + column) * x->channels + channel] - zero;
}

static int64_t sum_of(const mbconv_i8_stage_desc *s, const struct i8_image *x, int32_t zero, size_t row, size_t column,
                      size_t c) {
  int64_t sum = s->bias ? s->bias[c] : 0;
  if (s->kind == MBCONV_STAGE_POINTWISE) {
    for (size_t i = 0; i < x->channels; i++) sum += tap(x, row, column, i, zero) * s->weight[c * x->channels + i];
    return sum;
  }
  const size_t dilation = s->dilation ? s->dilation : 1, taps = s->kernel * s->kernel;
  const bool dense = s->kind == MBCONV_STAGE_DENSE;
  const int8_t *weight = s->weight + c * i8_case_terms(s, x->channels);
  for (size_t in = dense ? 0 : c; in < (dense ? x->channels : c + 1); in++, weight += taps)
    for (size_t t = 0; t < taps; t++)
      sum += tap(x, row + t / s->kernel * dilation, column + t % s->kernel * dilation, in, zero) * weight[t];
  return sum;
}

struct i8_image i8_oracle_stage(const struct i8_case *case_, const mbconv_i8_stage_desc *s, const struct i8_image *x,
                                const mbconv_quantization *input) {
  if (s->kind == MBCONV_STAGE_SQUEEZE_EXCITE) return i8_oracle_excite(case_, s, x, input);
  const bool pointwise = s->kind == MBCONV_STAGE_POINTWISE;
  const struct axis pixel[2] = {{x->height, 0}, {x->width, 0}};
  const struct axis down = pointwise ? pixel[0] : axis_of(s, x->height, s->pad.top, s->pad.bottom);
  const struct axis across = pointwise ? pixel[1] : axis_of(s, x->width, s->pad.left, s->pad.right);
  struct i8_image y = {down.out, across.out, i8_case_channels(s, x->channels), NULL, NULL};
  if (down.out == 0 || across.out == 0) return y;
  y = i8_image_new(y.height, y.width, y.channels);
  const size_t stride = pointwise ? 1 : s->stride;
  for (size_t i = 0; i < y.height * y.width * y.channels; i++) {
    const size_t c = i % y.channels, column = i / y.channels % y.width, row = i / y.channels / y.width;
    const int64_t sum = sum_of(s, x, input->zero_point, row * stride - down.before, column * stride - across.before, c);
    y.values[i] = i8_oracle_end(&case_->desc, s, c, steps_of(&case_->desc, s, input->scale, c, sum));
  }
  return y;
}

struct i8_image i8_oracle(const struct i8_case *c, const struct i8_image *x, const struct i8_image *added) {
  struct i8_image image = *x;
  image.floats = NULL;
  mbconv_quantization input = c->desc.input;
  for (size_t s = 0; s < c->desc.count; s++) {
    const struct i8_image next = i8_oracle_stage(c, &c->stages[s], &image, &input);
    if (s > 0) free(image.values);
    image = next;
    if (!image.values) return image;
    input = i8_case_output(&c->stages[s]);
  }
  const bool given = c->desc.residual == MBCONV_RESIDUAL_GIVEN;
  const bool adds = given || c->desc.residual == MBCONV_RESIDUAL_ON ||
                    (c->desc.residual == MBCONV_RESIDUAL_AUTO && c->desc.sum.scale > 0.0f);
  const struct i8_image *residual = given ? added : x;
  const mbconv_quantization *b = given ? &c->desc.residual_input : &c->desc.input;
  for (size_t i = 0; adds && i < image.height * image.width * image.channels; i++) {
    const int32_t sum = i8_oracle_add(&c->desc, &input, b, image.values[i], residual->values[i]);
    image.values[i] = c->desc.sum_table ? looked_up(c->desc.sum_table, c->desc.type, sum) : sum;
  }
  const mbconv_quantization *y = !adds ? &input : c->desc.sum_table ? &c->desc.sum_table_output : &c->desc.sum;
  if (c->desc.y_door != MBCONV_I8_DOOR_BYTES) i8_image_dequantize(&image, y);
  return image;
}
