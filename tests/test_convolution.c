/* SPDX-License-Identifier: MIT
 *
 * The dense convolution: all small shapes and random ones against the promised chain and the exact sum, in both
 * layouts, with a residual and in place of it, on any number of threads.
 */
#include <math.h>
#include <stdlib.h>

#include "block_case.h"
#include "oracle.h"
#include "test.h"

struct shape {
  size_t batch, threads;
  bool reversed; /* the threads' order */
  bool bias, residual, residual_is_y;
  mbconv_convolution_desc desc; /* weights and bias are set by create */
  enum test_guard guard;
};

/* What a case computes with. The weights are in PyTorch's layout; x in the description's. */
struct operands {
  float *weights, *bias;
  struct test_buffer x, residual;
  size_t height, width; /* of the output */
};

/* Input (r, q, c) of an image; +0 outside. */
static float input(const struct shape *s, const float *x, size_t r, size_t q, size_t c) {
  const mbconv_convolution_desc *d = &s->desc;
  if (r >= d->height || q >= d->width) return 0.0f;
  const size_t at =
      d->layout == MBCONV_NCHW ? (c * d->height + r) * d->width + q : (r * d->width + q) * d->in_channels + c;
  return x[at];
}

/* Output (row, column, channel) of image x: taps row by row, channels ascending. */
static struct oracle chain(const struct shape *s, const struct operands *o, const float *x, size_t row, size_t column,
                           size_t channel, const float *residual) {
  const mbconv_convolution_desc *d = &s->desc;
  struct oracle_chain sum = oracle_start(s->bias ? o->bias[channel] : 0.0f);
  for (size_t i = 0; i < d->kernel; i++) {
    for (size_t j = 0; j < d->kernel; j++) {
      for (size_t c = 0; c < d->in_channels; c++) {
        const size_t at = ((channel * d->in_channels + c) * d->kernel + i) * d->kernel + j;
        oracle_term(&sum, o->weights[at],
                    input(s, x, row * d->stride + i - d->pad.top, column * d->stride + j - d->pad.left, c));
      }
    }
  }
  if (residual) oracle_add(&sum, *residual);
  return oracle_end(&sum, -INFINITY, INFINITY);
}

static void check_output(struct test *t, const struct shape *s, const struct operands *o, const float *residual,
                         const struct test_buffer *y) {
  const mbconv_convolution_desc *d = &s->desc;
  float *want = malloc(y->n * sizeof *want);
  if (!want) abort();
  bool near = true;
  for (size_t i = 0; i < y->n; i++) {
    const size_t channel = i % d->out_channels, pixel = i / d->out_channels;
    const size_t image = pixel / (o->height * o->width), at = pixel % (o->height * o->width);
    const struct oracle exact = chain(s, o, o->x.data + image * d->height * d->width * d->in_channels, at / o->width,
                                      at % o->width, channel, residual ? residual + i : NULL);
    want[i] = exact.chain;
    near = near && oracle_allows(&exact, d->activation, y->data[i]);
  }
  mbconv_kernels_scalar.activation[MBCONV_EXP_INLINE - MBCONV_EXP_SLEEF][d->activation](y->n, want, want);
  test_check_equal(t, y->data, want, y->n, "against the chain");
  test_check(t, near, "farther from the exact sum than the bound");
  test_check(t, test_buffer_intact(y), "wrote outside its outputs");
  free(want);
}

/* From parameters that are read-only, and gone afterwards: it must have its own. */
static mbconv_convolution *create(struct test *t, const struct shape *s, const struct operands *o) {
  mbconv_convolution_desc desc = s->desc;
  struct test_buffer w, b;
  test_buffer_new(&w, desc.out_channels * desc.in_channels * desc.kernel * desc.kernel, s->guard);
  test_buffer_new(&b, desc.out_channels, s->guard);
  memcpy(w.data, o->weights, w.n * sizeof(float));
  memcpy(b.data, o->bias, b.n * sizeof(float));
  test_buffer_protect(&w);
  test_buffer_protect(&b);
  desc.conv = &(mbconv_conv){.weight = w.data, .bias = s->bias ? b.data : NULL};
  const mbconv_options options = {.isa = t->isa};
  mbconv_convolution *convolution = NULL;
  mbconv_error error = {.message = ""};
  const mbconv_status status = mbconv_convolution_create(&desc, &options, &convolution, &error);
  test_buffer_free(&w);
  test_buffer_free(&b);
  if (!test_check(t, status == MBCONV_OK && convolution, "create: %s", error.message)) return NULL;
  mbconv_info info = {0};
  test_check(t, mbconv_convolution_info(convolution, &info, NULL) == MBCONV_OK && info.isa == t->isa,
             "made for another set");
  return convolution;
}

/* Scratch is as large as asked for, guarded and full of NaN. */
static void run(struct test *t, const struct shape *s, const mbconv_convolution *convolution, struct operands *o) {
  const mbconv_convolution_desc *d = &s->desc;
  size_t height = 0, width = 0;
  mbconv_convolution_output_size(convolution, &height, &width);
  if (!test_check(t, height == o->height && width == o->width, "output %zux%zu, not %zux%zu", height, width, o->height,
                  o->width))
    return;
  const size_t bytes = mbconv_convolution_scratch_size(convolution, s->threads);
  struct test_buffer y, scratch;
  test_buffer_new(&y, s->batch * height * width * d->out_channels, s->guard);
  test_scratch_new(&scratch, bytes);
  const float *residual = s->residual ? o->residual.data : NULL;
  if (residual && s->residual_is_y) {
    memcpy(y.data, residual, y.n * sizeof(float));
    residual = y.data;
  }
  const mbconv_threads threads = {.parallel_for = s->reversed ? parallel_reversed : parallel_forward,
                                  .count = s->threads};
  mbconv_error error = {.message = ""};
  const mbconv_status status =
      mbconv_convolution_run(convolution, s->batch, o->x.data, y.data, residual, scratch.data, bytes, &threads, &error);
  test_check(t, status == MBCONV_OK, "run: %s", error.message);
  test_check(t, test_scratch_intact(&scratch, bytes), "wrote outside the scratch");
  check_output(t, s, o, s->residual ? o->residual.data : NULL, &y);
  test_buffer_free(&y);
  test_buffer_free(&scratch);
}

static void check_shape(struct test *t, uint64_t *state, const struct shape *s) {
  const mbconv_convolution_desc *d = &s->desc;
  if (d->height + d->pad.top + d->pad.bottom < d->kernel) return; /* no output */
  if (d->width + d->pad.left + d->pad.right < d->kernel) return;
  test_at(t,
          "batch %zu, %zux%zux%zu to %zu, kernel %zu, stride %zu, pads %zu %zu %zu %zu, layout %d, bias %d, residual "
          "%d%d, activation %d, guard %d, %zu threads",
          s->batch, d->height, d->width, d->in_channels, d->out_channels, d->kernel, d->stride, d->pad.top, d->pad.left,
          d->pad.bottom, d->pad.right, d->layout, s->bias, s->residual, s->residual_is_y, d->activation, s->guard,
          s->threads);
  struct operands o = {.height = (d->height + d->pad.top + d->pad.bottom - d->kernel) / d->stride + 1,
                       .width = (d->width + d->pad.left + d->pad.right - d->kernel) / d->stride + 1};
  o.weights = test_new_floats(state, d->out_channels * d->in_channels * d->kernel * d->kernel);
  o.bias = test_new_floats(state, d->out_channels);
  test_buffer_new(&o.x, s->batch * d->height * d->width * d->in_channels, s->guard);
  test_buffer_new(&o.residual, s->batch * o.height * o.width * d->out_channels, s->guard);
  test_fill(state, o.x.data, o.x.n);
  test_fill(state, o.residual.data, o.residual.n);
  test_buffer_protect(&o.x);
  test_buffer_protect(&o.residual);
  mbconv_convolution *convolution = create(t, s, &o);
  if (convolution) run(t, s, convolution, &o);
  mbconv_convolution_destroy(convolution);
  test_buffer_free(&o.x);
  test_buffer_free(&o.residual);
  free(o.weights);
  free(o.bias);
}

/* What a shape does not say. */
static void decorate(uint64_t *state, struct shape *s) {
  static const size_t threads[] = {1, 2, 3, 7, 67};
  s->batch = test_random_size(state, 1, 3);
  s->reversed = test_random_size(state, 0, 1);
  s->threads = threads[test_random_size(state, 0, 4)];
  s->bias = test_random_size(state, 0, 3) > 0;
  s->residual = test_random_size(state, 0, 2) == 0;
  s->residual_is_y = test_random_size(state, 0, 1) == 0;
  s->desc.layout = (mbconv_layout)test_random_size(state, MBCONV_NHWC, MBCONV_NCHW);
  s->desc.activation =
      (mbconv_activation_kind)test_random_size(state, MBCONV_ACTIVATION_NONE, MBCONV_ACTIVATION_HARD_SWISH);
  s->guard = (enum test_guard)test_random_size(state, TEST_GUARD_AFTER, TEST_GUARD_BEFORE);
}

/* Every kernel and stride on images down to 1x1, with any padding. */
static void check_small_images(struct test *t, uint64_t *state) {
  for (size_t kernel = 1; kernel <= 7; kernel++) {
    for (size_t i = 0; i < (t->small ? 12 : 120); i++) {
      const size_t most = kernel - 1;
      struct shape s = {.desc = {.height = test_random_size(state, 1, 5),
                                 .width = test_random_size(state, 1, 5),
                                 .in_channels = test_random_size(state, 1, 5),
                                 .out_channels = test_random_size(state, 1, 5),
                                 .kernel = kernel,
                                 .stride = 1 + i % 2}};
      s.desc.pad = (mbconv_pad){test_random_size(state, 0, most), test_random_size(state, 0, most),
                                test_random_size(state, 0, most), test_random_size(state, 0, most)};
      decorate(state, &s);
      check_shape(t, state, &s);
    }
  }
}

/* Rows of several chunks, and chunks of several rows; channels over and under the tiles. */
static void check_random_shapes(struct test *t, uint64_t *state) {
  const size_t size = t->small ? 9 : 24, channels = t->small ? 9 : 2 * MBCONV_MAX_LANES + 3;
  for (size_t i = 0; i < (t->small ? 20 : 150); i++) {
    const size_t kernel = test_random_size(state, 1, 7), pad = test_random_size(state, 0, kernel / 2);
    struct shape s = {.desc = {.height = test_random_size(state, 1, size),
                               .width = test_random_size(state, 1, size),
                               .in_channels = test_random_size(state, 1, channels),
                               .out_channels = test_random_size(state, 1, channels),
                               .kernel = kernel,
                               .stride = test_random_size(state, 1, 2),
                               .pad = {pad, pad, pad, pad}}};
    decorate(state, &s);
    check_shape(t, state, &s);
  }
}

/* Stems as the networks have them: images of three planes or channels, wider than a chunk. */
static void check_stems(struct test *t, uint64_t *state) {
  for (size_t width = 1; width <= (t->small ? 9 : 40); width++) {
    struct shape s = {.desc = {.height = test_random_size(state, 1, 9),
                               .width = width * (t->small ? 1 : 7),
                               .in_channels = 3,
                               .out_channels = 32,
                               .kernel = 3,
                               .stride = 2,
                               .pad = {1, 1, 1, 1}}};
    decorate(state, &s);
    check_shape(t, state, &s);
    s.desc.layout = s.desc.layout == MBCONV_NHWC ? MBCONV_NCHW : MBCONV_NHWC;
    check_shape(t, state, &s);
  }
}

/* A 1x1 at stride 2, read in place: every width, even and odd, and height. */
static void check_strided_1x1(struct test *t, uint64_t *state) {
  for (size_t width = 1; width <= 9; width++) {
    for (size_t height = 1; height <= 4; height++) {
      struct shape s = {.desc = {.height = height,
                                 .width = width,
                                 .in_channels = 1 + height,
                                 .out_channels = 3 + width,
                                 .kernel = 1,
                                 .stride = 2}};
      decorate(state, &s);
      s.batch = 1 + width % 2;
      s.desc.layout = height == 4 ? MBCONV_NCHW : MBCONV_NHWC;
      check_shape(t, state, &s);
    }
  }
  /* Rows and images of more pixels than the chunk over which an activation is mapped, which then begins in a row. */
  static const size_t sizes[][3] = {{2, 65, 2}, {2, 131, 1}, {9, 16, 1}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    struct shape s = {.desc = {.height = sizes[i][0] * sizes[i][2],
                               .width = sizes[i][1] * sizes[i][2],
                               .in_channels = 2,
                               .out_channels = 73,
                               .kernel = 1,
                               .stride = sizes[i][2]}};
    decorate(state, &s);
    s.threads = 1;
    s.desc.activation = MBCONV_ACTIVATION_HARD_SWISH;
    s.desc.layout = MBCONV_NHWC;
    check_shape(t, state, &s);
  }
}

/* NHWC with tap rows that are long enough to be read from the image itself: images with windows inside, and only a few
 * or none; and more rows than windows at an edge are gathered at a time. */
static void check_in_place(struct test *t, uint64_t *state) {
  static const size_t sizes[][6] = {/* height, width, in, out, kernel, stride */
                                    {7, 11, 11, 5, 3, 1}, {8, 12, 12, 19, 3, 2}, {9, 6, 13, 49, 3, 1},
                                    {9, 17, 7, 33, 5, 2}, {40, 8, 48, 3, 3, 1},  {5, 5, 16, 4, 3, 1},
                                    {6, 19, 9, 18, 4, 1}, {70, 17, 33, 2, 3, 2}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const size_t *n = sizes[i], pad = n[4] / 2;
    struct shape s = {.desc = {.height = n[0],
                               .width = n[1],
                               .in_channels = n[2],
                               .out_channels = n[3],
                               .kernel = n[4],
                               .stride = n[5],
                               .pad = {pad, i % 2 ? 0 : pad, pad, pad}}};
    decorate(state, &s);
    if (i % 3 == 1) s.threads = 1;
    s.desc.layout = MBCONV_NHWC;
    check_shape(t, state, &s);
  }
}

void test_convolution(struct test *t) {
  uint64_t state = t->seed;
  check_in_place(t, &state);
  check_strided_1x1(t, &state);
  check_small_images(t, &state);
  check_stems(t, &state);
  check_random_shapes(t, &state);
}
