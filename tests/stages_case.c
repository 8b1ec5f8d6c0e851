/* SPDX-License-Identifier: MIT
 *
 * Lists of stages and the composition of public operators: see stages_case.h.
 */
#include "stages_case.h"

#include <math.h>
#include <stdlib.h>

#include "dense.h"

/* ---- Lists ------------------------------------------------------------------------------------------------------- */

static const float *parameters(struct stages_case *c, size_t n, float scale, uint64_t *state) {
  float *x = c->floats[c->floats_count++] = test_new_floats(state, n);
  for (size_t i = 0; i < n; i++) x[i] *= scale;
  return x;
}

static mbconv_conv conv_new(struct stages_case *c, size_t out, size_t terms, uint64_t *state) {
  mbconv_conv conv = {.weight = parameters(c, out * terms, 1.7f / sqrtf((float)terms), state)};
  conv.bias = parameters(c, out, 0.5f, state);
  return conv;
}

void stages_case_fill(struct stages_case *c, uint64_t *state) {
  c->floats_count = 0;
  for (size_t i = 0; c->kinds[i]; i++) {
    const size_t in = c->channels[i], out = c->channels[i + 1], taps = c->window[i].kernel * c->window[i].kernel;
    if (c->kinds[i] == 'E') {
      const size_t width = c->squeeze_excite.width;
      c->reduce = conv_new(c, width, in, state);
      c->excite = conv_new(c, in, width, state);
      c->squeeze_excite.reduce = &c->reduce;
      c->squeeze_excite.expand = &c->excite;
    } else {
      c->conv[i] = conv_new(c, out, c->kinds[i] == 'D' ? taps : in * taps, state);
    }
  }
}

void stages_case_free(struct stages_case *c) {
  for (size_t i = 0; i < c->floats_count; i++) free(c->floats[i]);
  c->floats_count = 0;
}

static mbconv_stage_kind kind_of(char letter) {
  if (letter == 'P') return MBCONV_STAGE_POINTWISE;
  if (letter == 'D') return MBCONV_STAGE_DEPTHWISE;
  return letter == 'C' ? MBCONV_STAGE_DENSE : MBCONV_STAGE_SQUEEZE_EXCITE;
}

mbconv_status stages_case_create(const struct stages_case *c, size_t height, size_t width,
                                 const mbconv_options *options, struct mbconv_stages **out, mbconv_error *error) {
  struct mbconv_described described = {.stages = {.base.info.type = MBCONV_F32,
                                                  .layout = c->layout,
                                                  .residual = c->residual,
                                                  .strip_rows = c->strip_rows,
                                                  .group_channels = c->group_channels}};
  for (size_t i = 0; c->kinds[i]; i++) {
    described.stages.stage[i] = (struct mbconv_stage){.kind = kind_of(c->kinds[i]),
                                                      .in_channels = c->channels[i],
                                                      .out_channels = c->channels[i + 1],
                                                      .window = c->window[i],
                                                      .dense = c->kinds[i] == 'C' ? &mbconv_dense : NULL};
    described.parameters[i] =
        (struct mbconv_parameters){.name = "stage", .conv = &c->conv[i], .activation = c->activation[i]};
    if (c->kinds[i] == 'E')
      described.parameters[i] = (struct mbconv_parameters){.name = "excite", .excite = &c->squeeze_excite};
    described.stages.count++;
  }
  *out = NULL;
  const mbconv_status status = mbconv_described_check(&described, height, width, true, error);
  return status == MBCONV_OK ? mbconv_stages_create(&described, options, out, error) : status;
}

/* ---- The composition --------------------------------------------------------------------------------------------- */

static float *floats(size_t n) {
  float *x = malloc((n + 1) * sizeof *x);
  if (!x) abort();
  return x;
}

/* What the composition asks of the library must be done. */
static void must(mbconv_status status) {
  if (status != MBCONV_OK) abort();
}

/* y of `pixels` pixels; `added` is added to the sums before the activation, or NULL. */
static void pointwise(const mbconv_conv *conv, mbconv_activation_kind activation, mbconv_isa isa, size_t in, size_t out,
                      size_t pixels, const float *x, const float *added, float *y) {
  const mbconv_options options = {.isa = isa};
  const mbconv_pointwise_desc desc = {.in_channels = in, .out_channels = out, .conv = conv, .activation = activation};
  mbconv_pointwise *object = NULL;
  must(mbconv_pointwise_create(&desc, &options, &object, NULL));
  must(mbconv_pointwise_run(object, pixels, x, 0, y, 0, added, 0, NULL, NULL));
  mbconv_pointwise_destroy(object);
}

/* Squeeze-excite in place: the means of the channels, two layers, and one product per float. */
static void excite(const struct stages_case *c, mbconv_isa isa, struct stages_image *x) {
  const mbconv_options options = {.isa = isa};
  const mbconv_squeeze_excite *se = &c->squeeze_excite;
  float *means = floats(x->channels), *narrow = floats(se->width), *scales = floats(x->channels);
  mbconv_global_pool *pool = NULL;
  must(mbconv_global_pool_create(&(mbconv_global_pool_desc){.channels = x->channels}, &options, &pool, NULL));
  must(mbconv_global_pool_run_at(pool, 1, x->height, x->width, x->pixels, means, NULL, NULL));
  mbconv_global_pool_destroy(pool);
  pointwise(se->reduce, se->inner, isa, x->channels, se->width, 1, means, NULL, narrow);
  pointwise(se->expand, se->gate, isa, se->width, x->channels, 1, narrow, NULL, scales);
  for (size_t i = 0; i < x->height * x->width * x->channels; i++) x->pixels[i] *= scales[i % x->channels];
  free(means), free(narrow), free(scales);
}

/* A depthwise or a dense convolution of x to y; false if x is too small. */
static bool windowed(const struct stages_case *c, size_t stage, mbconv_isa isa, const struct stages_image *x,
                     struct stages_image *y, mbconv_error *error) {
  const mbconv_options options = {.isa = isa};
  const struct mbconv_window *w = &c->window[stage];
  const mbconv_pad_kind kind = w->same ? MBCONV_PAD_SAME : MBCONV_PAD_GIVEN;
  const bool dense = c->kinds[stage] == 'C';
  const mbconv_depthwise_desc depthwise = {.channels = x->channels,
                                           .kernel = w->kernel,
                                           .stride = w->stride,
                                           .pad = w->pad,
                                           .pad_kind = kind,
                                           .conv = &c->conv[stage],
                                           .activation = c->activation[stage],
                                           .dilation = w->dilation};
  const mbconv_convolution_desc convolution = {.in_channels = x->channels,
                                               .out_channels = y->channels,
                                               .kernel = w->kernel,
                                               .stride = w->stride,
                                               .pad = w->pad,
                                               .pad_kind = kind,
                                               .conv = &c->conv[stage],
                                               .activation = c->activation[stage]};
  mbconv_depthwise *d = NULL;
  mbconv_convolution *v = NULL;
  size_t bytes = 0;
  if (dense)
    must(mbconv_convolution_create(&convolution, &options, &v, NULL));
  else
    must(mbconv_depthwise_create(&depthwise, &options, &d, NULL));
  const bool fits =
      (dense ? mbconv_convolution_output_size_at(v, x->height, x->width, &y->height, &y->width, error)
             : mbconv_depthwise_output_size_at(d, x->height, x->width, &y->height, &y->width, error)) == MBCONV_OK;
  if (fits) {
    must(dense ? mbconv_convolution_scratch_size_at(v, x->height, x->width, 1, &bytes, NULL)
               : mbconv_depthwise_scratch_size_at(d, x->height, x->width, 1, &bytes, NULL));
    void *scratch = malloc(bytes);
    y->pixels = floats(y->height * y->width * y->channels);
    must(dense ? mbconv_convolution_run_at(v, 1, x->height, x->width, x->pixels, y->pixels, NULL, scratch, bytes, NULL,
                                           NULL)
               : mbconv_depthwise_run_at(d, 1, x->height, x->width, x->pixels, y->pixels, scratch, bytes, NULL, NULL));
    free(scratch);
  }
  mbconv_depthwise_destroy(d);
  mbconv_convolution_destroy(v);
  return fits;
}

bool stages_case_compose(const struct stages_case *c, mbconv_isa isa, const struct stages_image *x, const float *added,
                         struct stages_image *y, mbconv_error *error) {
  struct stages_image image = *x;
  image.pixels = floats(x->height * x->width * x->channels);
  memcpy(image.pixels, x->pixels, x->height * x->width * x->channels * sizeof(float));
  bool fits = true;
  for (size_t i = 0; c->kinds[i] && fits; i++) {
    if (c->kinds[i] == 'E') {
      excite(c, isa, &image);
      continue;
    }
    struct stages_image next = {.height = image.height, .width = image.width, .channels = c->channels[i + 1]};
    if (c->kinds[i] == 'P') {
      const float *residual = c->kinds[i + 1] ? NULL : c->residual ? x->pixels : added;
      next.pixels = floats(next.height * next.width * next.channels);
      pointwise(&c->conv[i], c->activation[i], isa, image.channels, next.channels, image.height * image.width,
                image.pixels, residual, next.pixels);
    } else {
      fits = windowed(c, i, isa, &image, &next, error);
    }
    free(image.pixels);
    image = next;
  }
  *y = image;
  return fits;
}

void stages_transpose(size_t rows, size_t columns, const float *from, float *to) {
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < columns; c++) to[c * rows + r] = from[r * columns + c];
}
