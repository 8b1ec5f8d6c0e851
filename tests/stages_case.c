/* SPDX-License-Identifier: MIT
 *
 * Lists of stages and the composition of public operators: see stages_case.h.
 */
#include "stages_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Lists ------------------------------------------------------------------------------------------------------- */

static float *parameters(struct stages_case *c, size_t n, float scale, uint64_t *state) {
  float *x = c->floats[c->floats_count++] = test_new_floats(state, n);
  for (size_t i = 0; i < n; i++) x[i] *= scale;
  return x;
}

static mbconv_conv conv_new(struct stages_case *c, size_t out, size_t terms, uint64_t *state) {
  mbconv_conv conv = {.weight = parameters(c, out * terms, 1.7f / sqrtf((float)terms), state)};
  conv.bias = parameters(c, out, 0.5f, state);
  conv.slope = parameters(c, out, 0.7f, state);
  if (test_random_size(state, 0, 3) == 0) conv.scale = parameters(c, out, 1.3f, state);
  return conv;
}

static mbconv_stage_kind kind_of(char letter) {
  if (letter == 'P') return MBCONV_STAGE_POINTWISE;
  if (letter == 'D') return MBCONV_STAGE_DEPTHWISE;
  return letter == 'C' ? MBCONV_STAGE_DENSE : MBCONV_STAGE_SQUEEZE_EXCITE;
}

void stages_case_fill(struct stages_case *c, uint64_t *state) {
  c->floats_count = 0;
  for (size_t i = 0; c->kinds[i]; i++) {
    mbconv_stage_desc *stage = &c->stage[i];
    const size_t in = c->channels[i], out = c->channels[i + 1], taps = stage->kernel * stage->kernel;
    stage->kind = kind_of(c->kinds[i]);
    stage->out_channels = out;
    if (stage->kind == MBCONV_STAGE_SQUEEZE_EXCITE) {
      const size_t width = c->squeeze_excite.width;
      c->reduce = conv_new(c, width, in, state);
      c->excite = conv_new(c, in, width, state);
      c->squeeze_excite.reduce = &c->reduce;
      c->squeeze_excite.expand = &c->excite;
      stage->squeeze_excite = &c->squeeze_excite;
    } else {
      const size_t terms = stage->kind == MBCONV_STAGE_DEPTHWISE ? taps
                           : stage->kind == MBCONV_STAGE_DENSE   ? in * taps
                                                                 : in;
      c->conv[i] = conv_new(c, out, terms, state);
      stage->conv = &c->conv[i];
    }
  }
}

void stages_case_free(struct stages_case *c) {
  for (size_t i = 0; i < c->floats_count; i++) free(c->floats[i]);
  c->floats_count = 0;
}

mbconv_stages_desc stages_case_desc(const struct stages_case *c, size_t height, size_t width) {
  return (mbconv_stages_desc){.height = height,
                              .width = width,
                              .in_channels = c->channels[0],
                              .count = strlen(c->kinds),
                              .stages = c->stage,
                              .residual = c->residual,
                              .residual_place = c->place,
                              .residual_channels = c->residual_channels,
                              .layout = c->layout,
                              .strip_rows = c->strip_rows,
                              .group_channels = c->group_channels};
}

size_t stages_case_residual_channels(const struct stages_case *c) {
  return c->residual_channels ? c->residual_channels : c->channels[strlen(c->kinds)];
}

/* ---- The composition --------------------------------------------------------------------------------------------- */

static const mbconv_options scalar = {.isa = MBCONV_ISA_SCALAR};

static float *floats(size_t n) {
  float *x = malloc((n + 1) * sizeof *x);
  if (!x) abort();
  return x;
}

/* What the composition asks of the library must be done. */
static void must(mbconv_status status) {
  if (status != MBCONV_OK) abort();
}

static size_t size_of(const struct stages_image *image) { return image->height * image->width * image->channels; }

static void pointwise(const mbconv_conv *conv, mbconv_activation_kind activation, size_t in, size_t out, size_t pixels,
                      const float *x, float *y) {
  const mbconv_pointwise_desc desc = {.in_channels = in, .out_channels = out, .conv = conv, .activation = activation};
  mbconv_pointwise *object = NULL;
  must(mbconv_pointwise_create(&desc, &scalar, &object, NULL));
  must(mbconv_pointwise_run(object, pixels, x, 0, y, 0, NULL, 0, NULL, NULL));
  mbconv_pointwise_destroy(object);
}

static void activate(mbconv_activation_kind kind, const mbconv_conv *conv, struct stages_image *x) {
  const mbconv_activation_desc desc = {.kind = kind, .channels = x->channels, .slope = conv ? conv->slope : NULL};
  mbconv_activation *object = NULL;
  must(mbconv_activation_create(&desc, &scalar, &object, NULL));
  must(mbconv_activation_run(object, size_of(x), x->pixels, x->pixels, NULL));
  mbconv_activation_destroy(object);
}

/* Squeeze-excite in place: the means of the channels, two layers, one product per float, and an activation. */
static void excite(const mbconv_stage_desc *stage, struct stages_image *x) {
  const mbconv_squeeze_excite *se = stage->squeeze_excite;
  float *means = floats(x->channels), *narrow = floats(se->width), *scales = floats(x->channels);
  mbconv_global_pool *pool = NULL;
  must(mbconv_global_pool_create(&(mbconv_global_pool_desc){.channels = x->channels}, &scalar, &pool, NULL));
  must(mbconv_global_pool_run_at(pool, 1, x->height, x->width, x->pixels, means, NULL, NULL));
  mbconv_global_pool_destroy(pool);
  pointwise(se->reduce, se->inner, x->channels, se->width, 1, means, narrow);
  pointwise(se->expand, se->gate, se->width, x->channels, 1, narrow, scales);
  for (size_t i = 0; i < size_of(x); i++) x->pixels[i] *= scales[i % x->channels];
  activate(stage->activation, NULL, x);
  free(means), free(narrow), free(scales);
}

/* False if x is too small. */
static bool depthwise(const mbconv_stage_desc *stage, mbconv_activation_kind activation, const struct stages_image *x,
                      struct stages_image *y, mbconv_error *error) {
  const mbconv_depthwise_desc desc = {.channels = x->channels,
                                      .kernel = stage->kernel,
                                      .stride = stage->stride,
                                      .pad = stage->pad,
                                      .pad_kind = stage->pad_kind,
                                      .conv = stage->conv,
                                      .activation = activation,
                                      .dilation = stage->dilation};
  mbconv_depthwise *object = NULL;
  size_t bytes;
  must(mbconv_depthwise_create(&desc, &scalar, &object, NULL));
  const bool fits =
      mbconv_depthwise_output_size_at(object, x->height, x->width, &y->height, &y->width, error) == MBCONV_OK;
  if (fits) {
    must(mbconv_depthwise_scratch_size_at(object, x->height, x->width, 1, &bytes, NULL));
    void *scratch = malloc(bytes);
    y->pixels = floats(size_of(y));
    must(mbconv_depthwise_run_at(object, 1, x->height, x->width, x->pixels, y->pixels, scratch, bytes, NULL, NULL));
    free(scratch);
  }
  mbconv_depthwise_destroy(object);
  return fits;
}

static bool dense(const mbconv_stage_desc *stage, mbconv_activation_kind activation, const struct stages_image *x,
                  struct stages_image *y, mbconv_error *error) {
  const mbconv_convolution_desc desc = {.in_channels = x->channels,
                                        .out_channels = y->channels,
                                        .kernel = stage->kernel,
                                        .stride = stage->stride,
                                        .pad = stage->pad,
                                        .pad_kind = stage->pad_kind,
                                        .conv = stage->conv,
                                        .activation = activation};
  mbconv_convolution *object = NULL;
  size_t bytes;
  must(mbconv_convolution_create(&desc, &scalar, &object, NULL));
  const bool fits =
      mbconv_convolution_output_size_at(object, x->height, x->width, &y->height, &y->width, error) == MBCONV_OK;
  if (fits) {
    must(mbconv_convolution_scratch_size_at(object, x->height, x->width, 1, &bytes, NULL));
    void *scratch = malloc(bytes);
    y->pixels = floats(size_of(y));
    must(mbconv_convolution_run_at(object, 1, x->height, x->width, x->pixels, y->pixels, NULL, scratch, bytes, NULL,
                                   NULL));
    free(scratch);
  }
  mbconv_convolution_destroy(object);
  return fits;
}

/* One stage of x to y, whose channels are set; false if x is too small. */
static bool run_stage(const mbconv_stage_desc *stage, mbconv_activation_kind activation, const struct stages_image *x,
                      struct stages_image *y, mbconv_error *error) {
  y->height = x->height;
  y->width = x->width;
  if (stage->kind == MBCONV_STAGE_DEPTHWISE) return depthwise(stage, activation, x, y, error);
  if (stage->kind == MBCONV_STAGE_DENSE) return dense(stage, activation, x, y, error);
  y->pixels = floats(size_of(y));
  if (stage->kind == MBCONV_STAGE_SQUEEZE_EXCITE) {
    memcpy(y->pixels, x->pixels, size_of(y) * sizeof(float));
    excite(stage, y);
  } else {
    pointwise(stage->conv, activation, x->channels, y->channels, x->height * x->width, x->pixels, y->pixels);
  }
  return true;
}

/* Adds `channels` channels to the first ones of y. */
static void add(const float *added, size_t channels, struct stages_image *y) {
  for (size_t p = 0; p < y->height * y->width; p++)
    for (size_t i = 0; i < channels; i++) y->pixels[p * y->channels + i] += added[p * channels + i];
}

bool stages_case_compose(const struct stages_case *c, const struct stages_image *x, const float *added,
                         struct stages_image *y, mbconv_error *error) {
  const size_t last = strlen(c->kinds) - 1, channels = stages_case_residual_channels(c);
  const float *shortcut = c->residual == MBCONV_RESIDUAL_ON ? x->pixels : added;
  struct stages_image image = *x;
  image.pixels = floats(size_of(x));
  memcpy(image.pixels, x->pixels, size_of(x) * sizeof(float));
  for (size_t i = 0; i <= last; i++) {
    const mbconv_stage_desc *stage = &c->stage[i];
    const bool before = i == last && shortcut && c->place == MBCONV_RESIDUAL_BEFORE_ACTIVATION;
    struct stages_image next = {.channels = c->channels[i + 1]};
    const bool fits = run_stage(stage, before ? MBCONV_ACTIVATION_NONE : stage->activation, &image, &next, error);
    free(image.pixels);
    if (!fits) return false;
    image = next;
    if (i < last || !shortcut) continue;
    add(shortcut, channels, &image);
    if (before) activate(stage->activation, stage->conv, &image);
  }
  *y = image;
  return true;
}

void stages_transpose(size_t rows, size_t columns, const float *from, float *to) {
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < columns; c++) to[c * rows + r] = from[r * columns + c];
}
