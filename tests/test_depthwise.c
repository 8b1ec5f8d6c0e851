/* SPDX-License-Identifier: MIT
 *
 * Depthwise: every kernel of the set alone (depthwise_kernel.c), then the operator through the public header.
 */
#include <math.h>
#include <stdlib.h>

#include "block_case.h"
#include "depthwise_kernel.h"
#include "oracle.h"
#include "test.h"

struct shape {
  size_t batch, threads;
  mbconv_parallel_for parallel_for;
  bool bias;
  mbconv_depthwise_desc desc; /* weights and bias are set by check_shape */
  enum test_guard guard;
};

static void decorate(uint64_t *state, struct shape *s) {
  static const size_t threads[] = {1, 2, 3, 7, 67};
  s->threads = threads[test_random_size(state, 0, 4)];
  s->parallel_for = test_random_size(state, 0, 1) ? parallel_reversed : parallel_forward;
  s->bias = test_random_size(state, 0, 3) > 0;
  s->desc.activation =
      (mbconv_activation_kind)test_random_size(state, MBCONV_ACTIVATION_NONE, MBCONV_ACTIVATION_HARD_SWISH);
  s->guard = (enum test_guard)test_random_size(state, TEST_GUARD_AFTER, TEST_GUARD_BEFORE);
}

/* Creates the operator from parameters that are read-only, and gone afterwards: it must have its own. */
static mbconv_depthwise *create(struct test *t, const struct shape *s, const float *weights, const float *bias) {
  mbconv_depthwise_desc desc = s->desc;
  struct test_buffer w, b;
  test_buffer_new(&w, desc.channels * desc.kernel * desc.kernel, s->guard);
  test_buffer_new(&b, desc.channels, s->guard);
  memcpy(w.data, weights, w.n * sizeof *weights);
  memcpy(b.data, bias, b.n * sizeof *bias);
  test_buffer_protect(&w);
  test_buffer_protect(&b);
  desc.conv = &(mbconv_conv){.weight = w.data, .bias = s->bias ? b.data : NULL};
  const mbconv_options options = {.isa = t->isa};
  mbconv_depthwise *depthwise = NULL;
  mbconv_error error = {.message = ""};
  const mbconv_status status = mbconv_depthwise_create(&desc, &options, &depthwise, &error);
  test_buffer_free(&w);
  test_buffer_free(&b);
  if (!test_check(t, status == MBCONV_OK && depthwise, "create: %s", error.message)) return NULL;
  mbconv_info info = {0};
  test_check(t, mbconv_depthwise_info(depthwise, &info, NULL) == MBCONV_OK && info.isa == t->isa,
             "made for another set");
  return depthwise;
}

/* The promised chains, then the scalar set's activation, image by image. */
static void check_output(struct test *t, const struct shape *s, const float *weights, const float *bias,
                         const struct test_buffer *x, const struct test_buffer *y, size_t height, size_t width) {
  const mbconv_depthwise_desc *d = &s->desc;
  float *want = malloc(y->n * sizeof *want);
  bool near = true;
  for (size_t i = 0; i < y->n; i++) {
    const size_t c = i % d->channels, pixel = i / d->channels;
    const size_t image_index = pixel / (height * width);
    const struct oracle_image image = {x->data + image_index * d->height * d->width * d->channels,
                                       d->height,
                                       d->width,
                                       d->channels,
                                       d->kernel,
                                       d->stride,
                                       d->dilation,
                                       d->pad};
    const struct oracle o =
        oracle_depthwise(&image, weights, s->bias ? bias[c] : 0.0f, pixel / width % height, pixel % width, c);
    want[i] = o.chain;
    near = near && oracle_allows(&o, d->activation, y->data[i]);
  }
  mbconv_kernels_scalar.activation[MBCONV_EXP_INLINE - MBCONV_EXP_SLEEF][d->activation](y->n, want, want);
  test_check_equal(t, y->data, want, y->n, "against the chain");
  test_check(t, near, "farther from the exact sum than the bound");
  test_check(t, test_buffer_intact(y), "wrote outside its outputs");
  free(want);
}

/* Scratch is as large as asked for, guarded and full of NaN. */
static void run(struct test *t, const struct shape *s, const mbconv_depthwise *depthwise, const float *weights,
                const float *bias, const struct test_buffer *x) {
  const mbconv_depthwise_desc *d = &s->desc;
  const size_t span = oracle_span(d->kernel, d->dilation);
  const size_t rows = (d->height + d->pad.top + d->pad.bottom - span) / d->stride + 1;
  const size_t columns = (d->width + d->pad.left + d->pad.right - span) / d->stride + 1;
  size_t height = 0, width = 0;
  mbconv_depthwise_output_size(depthwise, &height, &width);
  if (!test_check(t, height == rows && width == columns, "output %zux%zu, not %zux%zu", height, width, rows, columns)) {
    return;
  }
  const size_t bytes = mbconv_depthwise_scratch_size(depthwise, s->threads);
  struct test_buffer y, scratch;
  test_buffer_new(&y, s->batch * rows * columns * d->channels, s->guard);
  test_scratch_new(&scratch, bytes);
  const mbconv_threads threads = {.parallel_for = s->parallel_for, .count = s->threads};
  mbconv_error error = {.message = ""};
  const mbconv_status status =
      mbconv_depthwise_run(depthwise, s->batch, x->data, y.data, scratch.data, bytes, &threads, &error);
  test_check(t, status == MBCONV_OK, "run: %s", error.message);
  test_check(t, test_scratch_intact(&scratch, bytes), "wrote outside the scratch");
  check_output(t, s, weights, bias, x, &y, rows, columns);
  test_buffer_free(&y);
  test_buffer_free(&scratch);
}

static void check_shape(struct test *t, uint64_t *state, const struct shape *s) {
  const mbconv_depthwise_desc *d = &s->desc;
  const size_t taps = d->kernel * d->kernel, span = oracle_span(d->kernel, d->dilation);
  if (d->height + d->pad.top + d->pad.bottom < span) return; /* no output */
  if (d->width + d->pad.left + d->pad.right < span) return;
  test_at(t,
          "batch %zu, %zux%zux%zu, kernel %zu, stride %zu, dilation %zu, pads %zu %zu %zu %zu, bias %d, activation %d, "
          "guard %d, %zu threads",
          s->batch, d->height, d->width, d->channels, d->kernel, d->stride, d->dilation, d->pad.top, d->pad.left,
          d->pad.bottom, d->pad.right, s->bias, d->activation, s->guard, s->threads);
  struct test_buffer x;
  test_buffer_new(&x, s->batch * d->height * d->width * d->channels, s->guard);
  test_fill(state, x.data, x.n);
  test_buffer_protect(&x);
  float *weights = test_new_floats(state, taps * d->channels), *bias = test_new_floats(state, d->channels);
  mbconv_depthwise *depthwise = create(t, s, weights, bias);
  if (depthwise) run(t, s, depthwise, weights, bias, &x);
  mbconv_depthwise_destroy(depthwise);
  test_buffer_free(&x);
  free(weights);
  free(bias);
}

/* All combinations of pads on images down to 1x1; emulated, some. */
static void check_pads(struct test *t, uint64_t *state) {
  static const size_t few[] = {1, 13, 101}; /* every so many for kernel 3, 5, 7 where emulated */
  for (size_t kernel = 3; kernel <= 7; kernel += 2) {
    const size_t step = t->small ? few[(kernel - 3) / 2] : 1;
    for (size_t pads = 0; pads < kernel * kernel * kernel * kernel; pads += step) {
      struct shape s = {.batch = 1 + pads % 2};
      s.desc = (mbconv_depthwise_desc){.height = test_random_size(state, 1, 4),
                                       .width = test_random_size(state, 1, 4),
                                       .channels = test_random_size(state, 1, 3),
                                       .kernel = kernel,
                                       .stride = test_random_size(state, 1, 2),
                                       .pad = {pads % kernel, pads / kernel % kernel, pads / (kernel * kernel) % kernel,
                                               pads / (kernel * kernel * kernel)}};
      decorate(state, &s);
      check_shape(t, state, &s);
    }
  }
}

/* Any pads that a description with this kernel and dilation may name; now and then those that keep the size. */
static mbconv_pad random_pads(uint64_t *state, const mbconv_depthwise_desc *d) {
  const size_t most = oracle_span(d->kernel, d->dilation) - 1, half = most / 2;
  if (test_random_size(state, 0, 2) == 0) return (mbconv_pad){half, half, half, half};
  return (mbconv_pad){test_random_size(state, 0, most), test_random_size(state, 0, most),
                      test_random_size(state, 0, most), test_random_size(state, 0, most)};
}

static void check_random_shapes(struct test *t, uint64_t *state) {
  const size_t size = t->small ? 9 : 23, channels = 2 * MBCONV_MAX_LANES + 1;
  for (size_t i = 0; i < (t->small ? 60 : 500); i++) {
    struct shape s = {.batch = test_random_size(state, 1, 2)};
    s.desc = (mbconv_depthwise_desc){.height = test_random_size(state, 1, size),
                                     .width = test_random_size(state, 1, size),
                                     .channels = test_random_size(state, 1, channels),
                                     .kernel = 3 + 2 * test_random_size(state, 0, 2),
                                     .stride = test_random_size(state, 1, 2)};
    s.desc.pad = random_pads(state, &s.desc);
    decorate(state, &s);
    check_shape(t, state, &s);
  }
}

/* Dilations up to far more than the image has pixels. Of rows of whole tiles of channels much is read in place. */
static void check_dilations(struct test *t, uint64_t *state) {
  const size_t tile = t->kernels->pointwise[0].channels, size = t->small ? 16 : 40;
  for (size_t i = 0; i < (t->small ? 120 : 1200); i++) {
    struct shape s = {.batch = test_random_size(state, 1, 2)};
    const size_t dilation = i % 8 == 7 ? test_random_size(state, 7, 40) : 1 + i % 6;
    s.desc = (mbconv_depthwise_desc){.height = test_random_size(state, 1, i % 4 ? 6 : size),
                                     .width = test_random_size(state, 1, size),
                                     .channels = i % 3 ? tile : test_random_size(state, 1, 2 * MBCONV_MAX_LANES + 1),
                                     .kernel = 3 + 2 * test_random_size(state, 0, 2),
                                     .stride = 1 + i / 6 % 2,
                                     .dilation = dilation};
    s.desc.pad = random_pads(state, &s.desc);
    decorate(state, &s);
    check_shape(t, state, &s);
  }
}

/* What networks have, and the corners: every tap but the middle one outside, one row, one column. */
static void check_named_dilations(struct test *t, uint64_t *state) {
  static const struct {
    size_t height, width, kernel, stride, dilation;
  } cases[] = {{9, 33, 3, 1, 2}, {9, 33, 5, 1, 2},  {5, 65, 3, 1, 4},  {7, 7, 7, 1, 18},  {1, 1, 3, 1, 1000},
               {1, 20, 5, 1, 3}, {20, 1, 5, 1, 3},  {4, 31, 3, 2, 2},  {4, 32, 5, 2, 3},  {5, 33, 7, 2, 4},
               {3, 3, 3, 2, 6},  {13, 40, 3, 1, 6}, {2, 50, 3, 1, 25}, {6, 26, 3, 1, 13}, {6, 26, 3, 2, 26}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (size_t channels = 3; channels <= 3 + MBCONV_MAX_LANES; channels += MBCONV_MAX_LANES) {
      const size_t half = cases[i].kernel / 2 * cases[i].dilation;
      struct shape s = {.batch = 1};
      s.desc = (mbconv_depthwise_desc){.height = cases[i].height,
                                       .width = cases[i].width,
                                       .channels = channels == 3 ? 3 : t->kernels->pointwise[0].channels,
                                       .kernel = cases[i].kernel,
                                       .stride = cases[i].stride,
                                       .pad = {half, half, half, half},
                                       .dilation = cases[i].dilation};
      decorate(state, &s);
      check_shape(t, state, &s);
    }
  }
}

/* Whole groups of channels and rows wide enough that the inner windows are read from the image itself. */
static void check_wide_rows(struct test *t, uint64_t *state) {
  const size_t channels = t->kernels->pointwise[0].channels;
  for (size_t kernel = 3; kernel <= 7; kernel += 2) {
    for (size_t stride = 1; stride <= 2; stride++) {
      for (size_t width = 20 * stride; width < 20 * stride + (t->small ? 4 : 24); width++) {
        const size_t most = kernel - 1;
        struct shape s = {.batch = 1};
        s.desc = (mbconv_depthwise_desc){
            .height = test_random_size(state, 1, 4),
            .width = width,
            .channels = channels * test_random_size(state, 1, 3),
            .kernel = kernel,
            .stride = stride,
            .pad = {most, test_random_size(state, 0, most), most, test_random_size(state, 0, most)}};
        decorate(state, &s);
        check_shape(t, state, &s);
      }
    }
  }
}

/* So many channels that they are copied and computed in parts: of 3x3 and where pixels are whole KiB apart. */
static void check_many_channels(struct test *t, uint64_t *state) {
  static const struct {
    size_t height, width, channels, kernel, stride, dilation;
  } cases[] = {{5, 14, 160, 3, 1, 1}, {4, 14, 133, 3, 1, 1}, {4, 3, 720, 3, 1, 1},  {6, 15, 200, 3, 2, 1},
               {5, 14, 512, 3, 2, 1}, {4, 10, 256, 3, 1, 2}, {5, 7, 256, 5, 1, 1},  {4, 8, 250, 5, 2, 1},
               {3, 9, 256, 7, 1, 1},  {5, 9, 512, 7, 2, 1},  {6, 12, 256, 5, 1, 2}, {9, 14, 96, 5, 1, 1}};
  for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
    const size_t at = i / 2, half = cases[at].kernel / 2 * cases[at].dilation;
    struct shape s = {.batch = 1 + i % 2};
    s.desc = (mbconv_depthwise_desc){.height = cases[at].height,
                                     .width = cases[at].width,
                                     .channels = cases[at].channels,
                                     .kernel = cases[at].kernel,
                                     .stride = cases[at].stride,
                                     .pad = {half, half, half, half},
                                     .dilation = cases[at].dilation};
    decorate(state, &s);
    check_shape(t, state, &s);
  }
}

void test_depthwise(struct test *t) {
  uint64_t state = t->seed;
  check_many_channels(t, &state);
  check_wide_rows(t, &state);
  check_named_dilations(t, &state);
  check_dilations(t, &state);
  depthwise_kernels(t, &state);
  check_pads(t, &state);
  check_random_shapes(t, &state);
}
