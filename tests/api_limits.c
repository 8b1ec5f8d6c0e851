/* SPDX-License-Identifier: MIT
 *
 * Sizes at the limits of size_t: products and sums that wrap around must not pass for small ones, and nothing may be
 * larger than PTRDIFF_MAX bytes, each tried at the last size that is good and at the first that is not. No memory of
 * such a size is there: a run with a good size must fail for another reason that comes later (the pointers overlap, the
 * scratch is NULL), a create too (no weights).
 */
#include <stdint.h>
#include <stdlib.h>

#include "api.h"

static const mbconv_status over = MBCONV_SIZE_OVERFLOW, bad = MBCONV_INVALID_ARGUMENT;

size_t api_times(size_t a, size_t b) { return b > 0 && a > SIZE_MAX / b ? SIZE_MAX : a * b; }

/* ---- Runs -------------------------------------------------------------------------------------------------------- */

void api_check_limit(struct test *t, const char *what, api_limited_call *call, const void *context, size_t last,
                     size_t unit) {
  const size_t numbers[] = {1,
                            last / 2,
                            last - 1,
                            last,
                            last + 1,
                            last + 2,
                            SIZE_MAX / unit,
                            SIZE_MAX / unit + 1,
                            SIZE_MAX / unit + 2,
                            SIZE_MAX / 4 + 1,
                            SIZE_MAX / 4 + 2,
                            SIZE_MAX / 2,
                            SIZE_MAX / 2 + 1,
                            SIZE_MAX / 2 + 2,
                            SIZE_MAX - 1,
                            SIZE_MAX};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    if (numbers[i] == 0) continue;
    test_at(t, "%s, %zu", what, numbers[i]);
    mbconv_error error = api_stale_error();
    api_check_error(t, what, call(context, numbers[i], &error), numbers[i] <= last ? bad : over, &error);
  }
  for (size_t wraps = 2; wraps < 40; wraps++) { /* unit * number is a little more than a multiple of 2^64 */
    const size_t number = api_times(SIZE_MAX / unit, wraps) + wraps;
    if (number < SIZE_MAX / unit || number <= last) continue;
    test_at(t, "%s, %zu", what, number);
    mbconv_error error = api_stale_error();
    api_check_error(t, what, call(context, number, &error), over, &error);
  }
}

static float here[64];

/* x and y are one place, which is found out after the sizes. */
struct pointwise_call {
  const mbconv_pointwise *pointwise;
  size_t pixels, x_stride, y_stride, r_stride;
  enum { PIXELS, X_STRIDE, Y_STRIDE, R_STRIDE } varied;
};

static mbconv_status call_pointwise(const void *context, size_t number, mbconv_error *error) {
  struct pointwise_call c = *(const struct pointwise_call *)context;
  size_t *const fields[] = {&c.pixels, &c.x_stride, &c.y_stride, &c.r_stride};
  *fields[c.varied] = number;
  return mbconv_pointwise_run(c.pointwise, c.pixels, here, c.x_stride, here, c.y_stride, c.r_stride ? here : NULL,
                              c.r_stride, NULL, error);
}

/* The last stride with which `pixels` pixels of `channels` floats are at most PTRDIFF_MAX bytes. */
static size_t last_stride(size_t pixels, size_t channels) { return (PTRDIFF_MAX / 4 - channels) / (pixels - 1); }

static void pointwise_limits(struct test *t, const struct api_fixture *f) {
  enum { IN = 6, OUT = 18 }; /* the fixture's */
  void *object = NULL;
  if (!test_check(t, api_create(f, POINTWISE, &f->options, &object, NULL) == MBCONV_OK, "create")) return;
  for (size_t pixels = 2; pixels <= 9; pixels++) {
    struct pointwise_call c = {.pointwise = object, .pixels = pixels, .varied = X_STRIDE};
    const size_t unit = (pixels - 1) * sizeof(float);
    /* A stride of less than the channels is bad, too: all numbers up to the limit fail alike. */
    api_check_limit(t, "x_stride", call_pointwise, &c, last_stride(pixels, IN), unit);
    c.varied = Y_STRIDE;
    api_check_limit(t, "y_stride", call_pointwise, &c, last_stride(pixels, OUT), unit);
    c.varied = R_STRIDE;
    api_check_limit(t, "r_stride", call_pointwise, &c, last_stride(pixels, OUT), unit);
  }
  for (size_t gap = 0; gap < 9; gap++) {
    struct pointwise_call c = {.pointwise = object, .x_stride = IN + gap, .y_stride = OUT, .varied = PIXELS};
    size_t widest = OUT, channels = OUT;
    api_check_limit(t, "pixels", call_pointwise, &c, (PTRDIFF_MAX / 4 - channels) / widest + 1, widest * sizeof(float));
    c.x_stride = 40 + gap;
    widest = 40 + gap;
    channels = IN;
    api_check_limit(t, "pixels, wide x", call_pointwise, &c, (PTRDIFF_MAX / 4 - channels) / widest + 1,
                    widest * sizeof(float));
    c.r_stride = widest = 60 + gap;
    channels = OUT;
    api_check_limit(t, "pixels, wide residual", call_pointwise, &c, (PTRDIFF_MAX / 4 - channels) / widest + 1,
                    widest * sizeof(float));
  }
  api_destroy(POINTWISE, object);
}

/* Scratch is NULL, or x overlaps y, which is found out after the sizes. */
struct image_call {
  enum api_kind kind;
  const void *object;
};

static mbconv_status call_images(const void *context, size_t batch, mbconv_error *error) {
  const struct image_call *c = context;
  switch (c->kind) {
    case DEPTHWISE: return mbconv_depthwise_run(c->object, batch, here, here, NULL, 0, NULL, error);
    case BLOCK: return mbconv_block_run(c->object, batch, here, here, NULL, 0, NULL, error);
    case STAGES: return mbconv_block_run_residual(c->object, batch, here, here, here, NULL, 0, NULL, error);
    case CONVOLUTION: return mbconv_convolution_run(c->object, batch, here, here, NULL, NULL, 0, NULL, error);
    case GLOBAL_POOL: return mbconv_global_pool_run(c->object, batch, here, here, NULL, error);
    default: return mbconv_activation_run(c->object, batch, here, here + 1, error);
  }
}

/* Floats of an image of x or of y, whichever are more. */
static void image_limit(struct test *t, enum api_kind kind, const void *object, size_t floats, const char *what) {
  const struct image_call c = {kind, object};
  api_check_limit(t, what, call_images, &c, PTRDIFF_MAX / sizeof(float) / floats, floats * sizeof(float));
}

static void image_limits(struct test *t, const struct api_fixture *f) {
  static const struct {
    size_t height, width, in, out, stride;
  } shapes[] = {{4, 5, 6, 18, 1}, {4, 5, 18, 6, 1}, {5, 3, 7, 7, 2}, {1, 1, 1, 1, 1}, {4, 4, 4, 2, 1}};
  const mbconv_conv conv = {.weight = f->convolution_weights};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const size_t height = shapes[i].height, width = shapes[i].width, in = shapes[i].in, out = shapes[i].out;
    const size_t stride = shapes[i].stride, pixels = height * width;
    const size_t out_pixels = ((height - 1) / stride + 1) * ((width - 1) / stride + 1);
    const size_t larger = pixels * in > out_pixels * out ? pixels * in : out_pixels * out;
    mbconv_block *block = NULL, *stages = NULL;
    mbconv_depthwise *depthwise = NULL;
    mbconv_convolution *convolution = NULL;
    mbconv_global_pool *pool = NULL;
    const mbconv_pad pad = {1, 1, 1, 1};
    const mbconv_block_desc block_desc = {.height = height,
                                          .width = width,
                                          .in_channels = in,
                                          .expanded_channels = in,
                                          .out_channels = out,
                                          .depthwise = &conv,
                                          .project = &conv,
                                          .kernel = 3,
                                          .stride = stride,
                                          .pad = pad};
    const mbconv_depthwise_desc depthwise_desc = {
        .height = height, .width = width, .channels = in, .kernel = 3, .stride = stride, .pad = pad, .conv = &conv};
    const mbconv_convolution_desc convolution_desc = {.height = height,
                                                      .width = width,
                                                      .in_channels = in,
                                                      .out_channels = out,
                                                      .kernel = 3,
                                                      .stride = stride,
                                                      .pad = pad,
                                                      .conv = &conv};
    const mbconv_global_pool_desc pool_desc = {.height = height, .width = width, .channels = in};
    const mbconv_stage_desc list[] = {
        {.kind = MBCONV_STAGE_DEPTHWISE, .conv = &conv, .kernel = 3, .stride = stride, .pad = pad},
        {.kind = MBCONV_STAGE_POINTWISE, .out_channels = out, .conv = &conv}};
    const mbconv_stages_desc stages_desc = {.height = height,
                                            .width = width,
                                            .in_channels = in,
                                            .count = 2,
                                            .stages = list,
                                            .residual = MBCONV_RESIDUAL_GIVEN};
    bool ok = mbconv_block_create(&block_desc, &f->options, &block, NULL) == MBCONV_OK;
    ok = mbconv_block_create_stages(&stages_desc, &f->options, &stages, NULL) == MBCONV_OK && ok;
    ok = mbconv_depthwise_create(&depthwise_desc, &f->options, &depthwise, NULL) == MBCONV_OK && ok;
    ok = mbconv_convolution_create(&convolution_desc, &f->options, &convolution, NULL) == MBCONV_OK && ok;
    ok = mbconv_global_pool_create(&pool_desc, &f->options, &pool, NULL) == MBCONV_OK && ok;
    test_at(t, "limits of shape %zu", i);
    if (test_check(t, ok, "create")) {
      image_limit(t, BLOCK, block, larger, "batch of block");
      image_limit(t, STAGES, stages, larger, "batch of a list of stages");
      image_limit(t, DEPTHWISE, depthwise, pixels * in, "batch of depthwise");
      image_limit(t, CONVOLUTION, convolution, larger, "batch of convolution");
      image_limit(t, GLOBAL_POOL, pool, pixels * in, "batch of global pool");
    }
    mbconv_block_destroy(block);
    mbconv_block_destroy(stages);
    mbconv_depthwise_destroy(depthwise);
    mbconv_convolution_destroy(convolution);
    mbconv_global_pool_destroy(pool);
  }
  void *activation = NULL;
  if (!test_check(t, api_create(f, ACTIVATION, &f->options, &activation, NULL) == MBCONV_OK, "create")) return;
  const struct image_call c = {ACTIVATION, activation};
  const mbconv_status one =
      mbconv_activation_run(activation, 1, here, here, NULL); /* the least that can overlap is 2 */
  test_check(t, one == MBCONV_OK, "a float in place");
  const size_t last = PTRDIFF_MAX / sizeof(float);
  for (size_t n = 2; n; n = n > SIZE_MAX / 2 ? 0 : n * 2) {
    for (size_t off = 0; off < 3; off++) {
      mbconv_error error = api_stale_error();
      test_at(t, "activation of %zu floats", n + off - 1);
      if (n + off - 1 > 1)
        api_check_error(t, "n", call_images(&c, n + off - 1, &error), n + off - 1 <= last ? bad : over, &error);
    }
  }
  api_destroy(ACTIVATION, activation);
}

/* ---- Scratch ----------------------------------------------------------------------------------------------------- */

/* Threads have scratch of equal size, one after the other, and what they share or what alignment takes behind it: with
 * `each` bytes for one more thread a query is a * threads + b, or SIZE_MAX where that does not fit. */
static void check_queries(struct test *t, const char *what, const void *object,
                          size_t (*query)(const void *object, size_t threads)) {
  const size_t one = query(object, 1), each = query(object, 2) - one;
  test_at(t, "scratch of %s: %zu bytes, and %zu for each more thread", what, one, each);
  test_check(t, one > 0 && query(object, 0) == one, "one thread");
  if (each == 0) return;
  const size_t shared = one - each, last = (SIZE_MAX - shared) / each;
  const size_t counts[] = {3,
                           64,
                           65,
                           1000,
                           last / 2,
                           last - 1,
                           last,
                           last + 1,
                           last + 2,
                           SIZE_MAX / each,
                           SIZE_MAX / each + 1,
                           SIZE_MAX / each + 2,
                           SIZE_MAX / 2 + 1,
                           SIZE_MAX - 1,
                           SIZE_MAX};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    const size_t expected = counts[i] <= last ? each * counts[i] + shared : SIZE_MAX, got = query(object, counts[i]);
    test_check(t, got == expected, "%zu threads: %zu bytes, not %zu", counts[i], got, expected);
  }
}

static size_t query_depthwise(const void *object, size_t threads) {
  return mbconv_depthwise_scratch_size(object, threads);
}

static size_t query_convolution(const void *object, size_t threads) {
  return mbconv_convolution_scratch_size(object, threads);
}

/* Many sizes of a thread's scratch, 192 bytes among them: three times 64, of which a multiple is SIZE_MAX - 63, so that
 * the product fits and the sum does not. */
static void scratch_limits(struct test *t, const struct api_fixture *f) {
  const mbconv_conv conv = {.weight = f->convolution_weights};
  for (size_t channels = 1; channels <= 12; channels++) {
    const mbconv_convolution_desc convolution_desc = {.height = 3,
                                                      .width = 3,
                                                      .in_channels = channels,
                                                      .out_channels = 1,
                                                      .kernel = 3,
                                                      .stride = 1,
                                                      .conv = &conv,
                                                      .layout = channels % 4 == 3 ? MBCONV_NCHW : MBCONV_NHWC};
    mbconv_convolution *convolution = NULL;
    if (test_check(t, mbconv_convolution_create(&convolution_desc, &f->options, &convolution, NULL) == MBCONV_OK,
                   "create"))
      check_queries(t, "convolution", convolution, query_convolution);
    mbconv_convolution_destroy(convolution);
    const mbconv_depthwise_desc depthwise_desc = {
        .height = 3, .width = 3, .channels = channels, .kernel = 3, .stride = 1, .conv = &conv};
    mbconv_depthwise *depthwise = NULL;
    if (test_check(t, mbconv_depthwise_create(&depthwise_desc, &f->options, &depthwise, NULL) == MBCONV_OK, "create"))
      check_queries(t, "depthwise", depthwise, query_depthwise);
    mbconv_depthwise_destroy(depthwise);
  }
}

void api_limits(struct test *t, const struct api_fixture *f) {
  pointwise_limits(t, f);
  image_limits(t, f);
  scratch_limits(t, f);
  api_description_limits(t);
}
