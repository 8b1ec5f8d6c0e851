/* SPDX-License-Identifier: MIT */
#include "i8_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void *own(struct i8_case *c, size_t bytes) {
  void *memory = malloc(bytes + 1);
  if (!memory) abort();
  c->memory[c->owned++] = memory;
  return memory;
}

static int32_t random_between(uint64_t *state, int32_t lo, int32_t hi) {
  return lo + (int32_t)test_random_size(state, 0, (size_t)(hi - lo));
}

/* A scale of about `size`, and a zero point of the type: often at an end, as activations have it. */
static mbconv_quantization random_quantization(uint64_t *state, mbconv_type type, double size) {
  const int32_t lo = type == MBCONV_S8 ? -128 : 0;
  const int32_t zeros[] = {lo, lo + 255, lo + 128, random_between(state, lo, lo + 255)};
  const float scale = (float)(size * (1.0 + 0.7 * (double)test_random_float(state)));
  return (mbconv_quantization){scale, zeros[test_random_size(state, 0, 3)]};
}

/* ---- Stages ------------------------------------------------------------------------------------------------------ */

static void random_window(uint64_t *state, bool keeps_size, bool dense, mbconv_i8_stage_desc *s) {
  s->kernel = 3 + 2 * test_random_size(state, 0, 2);
  if (dense) s->kernel = keeps_size ? 1 + 2 * test_random_size(state, 0, 2) : test_random_size(state, 1, 7);
  s->stride = keeps_size ? 1 : test_random_size(state, 1, 2);
  s->dilation = test_random_size(state, 0, 5) == 0 ? test_random_size(state, 1, 3) : test_random_size(state, 0, 1);
  if (dense && s->dilation > 1) s->dilation = 0;
  const size_t span = (s->kernel - 1) * (s->dilation ? s->dilation : 1) + 1;
  if (keeps_size) {
    s->pad = (mbconv_pad){span / 2, span / 2, span / 2, span / 2};
  } else if (test_random_size(state, 0, 1)) {
    s->pad_kind = MBCONV_PAD_SAME;
  } else {
    size_t *pads[] = {&s->pad.top, &s->pad.left, &s->pad.bottom, &s->pad.right};
    for (size_t i = 0; i < 4; i++) *pads[i] = test_random_size(state, 0, span - 1);
  }
}

/* Weights of the whole range, small ones, of its two ends, which no kernel may saturate, or none above 0. */
static void random_weights(uint64_t *state, size_t n, int8_t *weight) {
  enum { SMALL, ENDS, NOT_ABOVE_0, WHOLE };
  const size_t manner = test_random_size(state, SMALL, WHOLE + 1);
  for (size_t i = 0; i < n; i++) {
    const int32_t whole = random_between(state, -128, 127);
    weight[i] = (int8_t)whole;
    if (manner == SMALL) weight[i] = (int8_t)(whole / 16);
    if (manner == ENDS) weight[i] = whole < 0 ? -128 : 127;
    if (manner == NOT_ABOVE_0 && whole > 0) weight[i] = (int8_t)-whole;
  }
}

static void random_scales(uint64_t *state, struct i8_case *c, mbconv_i8_stage_desc *s, size_t out) {
  const bool one = test_random_size(state, 0, 2) == 0;
  float *scale = own(c, out * sizeof(float));
  for (size_t i = 0; i < out; i++) scale[i] = 0.01f * (1.0f + 0.9f * test_random_float(state));
  s->weight_scale = scale;
  s->weight_scales = one ? 1 : out;
}

/* And what it stands for. */
static const uint8_t *random_tables(uint64_t *state, struct i8_case *c, size_t count, mbconv_quantization *output) {
  uint8_t *table = own(c, count * 256);
  for (size_t i = 0; i < count * 256; i++) table[i] = (uint8_t)random_between(state, 0, 255);
  *output = random_quantization(state, c->desc.type, 0.05);
  return table;
}

/* Of so many channels. */
static void random_ending(uint64_t *state, struct i8_case *c, mbconv_i8_stage_desc *s, size_t channels) {
  static const mbconv_activation_kind kinds[] = {MBCONV_ACTIVATION_NONE, MBCONV_ACTIVATION_RELU,
                                                 MBCONV_ACTIVATION_RELU6};
  const mbconv_type type = c->desc.type;
  const int32_t lo = type == MBCONV_S8 ? -128 : 0;
  s->activation = kinds[test_random_size(state, 0, 2)];
  if (test_random_size(state, 0, 3) == 0) {
    s->clamp_lo = random_between(state, lo, lo + 80);
    s->clamp_hi = random_between(state, lo + 150, lo + 255);
    s->activation = MBCONV_ACTIVATION_NONE;
  }
  if (test_random_size(state, 0, 1)) return;
  s->tables = test_random_size(state, 0, 3) ? test_random_size(state, 0, 1) : channels;
  s->table = random_tables(state, c, s->tables > 1 ? channels : 1, &s->table_output);
}

/* The weights of `out` channels of k each, and what their sums become. */
static void random_sums(uint64_t *state, struct i8_case *c, mbconv_i8_stage_desc *s, size_t out, size_t k,
                        float input_scale) {
  int8_t *weight = own(c, out * k);
  random_weights(state, out * k, weight);
  s->weight = weight;
  random_scales(state, c, s, out);
  if (test_random_size(state, 0, 3)) {
    int32_t *bias = own(c, out * sizeof(int32_t));
    for (size_t i = 0; i < out; i++) bias[i] = random_between(state, -20000, 20000);
    s->bias = bias;
  }
  /* So that outputs spread over the whole range, or mostly hit its ends; or lie far beyond them, and beyond 16 bits. */
  static const double beyond[] = {4096.0, 16.0, 16.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0};
  const double size = (double)input_scale * 0.01 * sqrt((double)k) * 90.0;
  s->output = random_quantization(state, c->desc.type, size / beyond[test_random_size(state, 0, 9)]);
  random_ending(state, c, s, out);
}

/* Means, layers, products: so that bytes of all of them spread, or mostly hit the ends of their range. */
static void random_excite(uint64_t *state, struct i8_case *c, mbconv_i8_stage_desc *s, size_t channels,
                          float input_scale) {
  const mbconv_type type = c->desc.type;
  const size_t width = test_random_size(state, 1, channels / 2 + 1);
  mbconv_i8_stage_desc *reduce = &c->reduce, *expand = &c->expand;
  c->excite = (mbconv_i8_squeeze_excite){
      .mean = random_quantization(state, type, (double)input_scale * (test_random_size(state, 0, 1) ? 1.0 : 0.1)),
      .reduce = reduce,
      .expand = expand,
  };
  *reduce = (mbconv_i8_stage_desc){.kind = MBCONV_STAGE_POINTWISE, .out_channels = width};
  *expand = (mbconv_i8_stage_desc){.kind = MBCONV_STAGE_POINTWISE, .out_channels = channels};
  random_sums(state, c, reduce, width, channels, c->excite.mean.scale);
  random_sums(state, c, expand, channels, width, reduce->table ? reduce->table_output.scale : reduce->output.scale);
  const float gate = expand->table ? expand->table_output.scale : expand->output.scale;
  const double size = (double)input_scale * (double)gate * 100.0;
  s->kind = MBCONV_STAGE_SQUEEZE_EXCITE;
  s->squeeze_excite = &c->excite;
  s->output = random_quantization(state, type, test_random_size(state, 0, 3) ? size : size / 30.0);
  random_ending(state, c, s, channels);
}

/* Returns the channels of its output. */
static size_t random_stage(uint64_t *state, struct i8_case *c, mbconv_i8_stage_desc *s, char kind, size_t in,
                           size_t out, bool keeps_size, float input_scale) {
  if (kind == 'E') {
    random_excite(state, c, s, in, input_scale);
    return in;
  }
  const bool depthwise = kind == 'D', dense = kind == 'C';
  s->kind = depthwise ? MBCONV_STAGE_DEPTHWISE : dense ? MBCONV_STAGE_DENSE : MBCONV_STAGE_POINTWISE;
  if (depthwise)
    out = in;
  else
    s->out_channels = out;
  if (depthwise || dense) random_window(state, keeps_size, dense, s);
  random_sums(state, c, s, out, i8_case_terms(s, in), input_scale);
  return out;
}

void i8_case_new(struct i8_case *c, const char *kinds, mbconv_residual residual, size_t most, uint64_t *state) {
  *c = (struct i8_case){.desc = {.type = test_random_size(state, 0, 1) ? MBCONV_S8 : MBCONV_U8,
                                 .rounding = test_random_size(state, 0, 2) ? MBCONV_I8_FP32 : MBCONV_I8_TFLITE_DOUBLE,
                                 .in_channels = test_random_size(state, 1, most),
                                 .count = strlen(kinds),
                                 .residual = residual,
                                 .layout = test_random_size(state, 0, 2) ? MBCONV_NHWC : MBCONV_NCHW}};
  mbconv_i8_desc *desc = &c->desc;
  desc->stages = c->stages;
  desc->input = random_quantization(state, desc->type, 0.05);
  const bool on = residual == MBCONV_RESIDUAL_ON;
  size_t channels = desc->in_channels;
  mbconv_quantization output = desc->input;
  for (size_t i = 0; i < desc->count; i++) {
    mbconv_i8_stage_desc *s = &c->stages[i];
    const size_t out = on && i + 1 == desc->count ? desc->in_channels : test_random_size(state, 1, most);
    channels = random_stage(state, c, s, kinds[i], channels, out, on, output.scale);
    output = s->table ? s->table_output : s->output;
  }
  c->out_channels = channels;
  if (test_random_size(state, 0, 1)) desc->x_door = (mbconv_i8_door)test_random_size(state, 0, 3);
  if (test_random_size(state, 0, 1)) desc->y_door = (mbconv_i8_door)test_random_size(state, 0, 3);
  if (residual == MBCONV_RESIDUAL_OFF) return;
  if (on && test_random_size(state, 0, 1)) desc->residual = MBCONV_RESIDUAL_AUTO;
  if (!on) desc->residual_input = random_quantization(state, desc->type, (double)output.scale);
  desc->add = (mbconv_i8_add_kind)test_random_size(state, 0, 2);
  const float b = on ? desc->input.scale : desc->residual_input.scale;
  desc->sum = random_quantization(state, desc->type, (double)(output.scale > b ? output.scale : b));
  const float ratio = (output.scale < b ? output.scale : b) / desc->sum.scale;
  if (ratio < 0.001f) desc->add = MBCONV_I8_ADD_TFLITE; /* which XNNPACK refuses */
  if (test_random_size(state, 0, 2) == 0) desc->sum_activation = MBCONV_ACTIVATION_RELU;
  if (test_random_size(state, 0, 2) == 0) desc->sum_activation = MBCONV_ACTIVATION_RELU6;
  if (test_random_size(state, 0, 2) == 0) desc->sum_table = random_tables(state, c, 1, &desc->sum_table_output);
}

void i8_case_free(struct i8_case *c) {
  for (size_t i = 0; i < c->owned; i++) free(c->memory[i]);
  c->owned = 0;
}

static char letter_of(mbconv_stage_kind kind) { return " PDCE"[kind]; }

void i8_case_describe(struct test *t, const struct i8_case *c, size_t height, size_t width) {
  static const char *const adds[] = {"XNNPACK", "TFLITE", "FLOAT"};
  const mbconv_i8_desc *d = &c->desc;
  char text[400];
  int length = 0;
  for (size_t i = 0; i < d->count; i++) {
    const mbconv_i8_stage_desc *s = &c->stages[i];
    length += snprintf(text + length, sizeof text - (size_t)length, " %c%zu k%zu s%zu d%zu%s%s", letter_of(s->kind),
                       s->out_channels, s->kernel, s->stride, s->dilation,
                       s->tables > 1 ? " tables"
                       : s->table    ? " table"
                                     : "",
                       s->weight_scales == 1 ? "" : " per channel");
  }
  test_at(t, "%s %s, %zux%zux%zu,%s, residual %d %s, layout %d, doors %d %d, strips %zu, groups %zu",
          d->type == MBCONV_S8 ? "s8" : "u8", d->rounding == MBCONV_I8_FP32 ? "FP32" : "DOUBLE", height, width,
          d->in_channels, text, (int)d->residual, adds[d->add], (int)d->layout, (int)d->x_door, (int)d->y_door,
          d->strip_rows, d->group_channels);
}

/* ---- Images ------------------------------------------------------------------------------------------------------ */

void i8_image_fill(struct i8_image *image, mbconv_type type, uint64_t *state) {
  const int32_t lo = type == MBCONV_S8 ? -128 : 0;
  const bool ends = test_random_size(state, 0, 3) == 0;
  for (size_t i = 0; i < image->height * image->width * image->channels; i++) {
    const int32_t v = random_between(state, lo, lo + 255);
    image->values[i] = !ends ? v : v < lo + 128 ? lo : lo + 255;
  }
}

void i8_image_store(const struct i8_image *image, bool planes, uint8_t *to) {
  const size_t pixels = image->height * image->width;
  for (size_t p = 0; p < pixels; p++) {
    for (size_t c = 0; c < image->channels; c++) {
      const size_t i = p * image->channels + c, at = planes ? c * pixels + p : i;
      if (image->floats)
        memcpy(to + at * sizeof(float), &image->floats[i], sizeof(float));
      else
        to[at] = (uint8_t)image->values[i];
    }
  }
}
