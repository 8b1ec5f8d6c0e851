/* SPDX-License-Identifier: MIT
 *
 * Pointwise: every tile of the set alone (pointwise_tile.c), then the operator through the public header: sweeps
 * over each dimension, random shapes, and the layers of the networks.
 */
#include <math.h>
#include <stdlib.h>

#include "block_case.h"
#include "oracle.h"
#include "test.h"

enum residual { NO_RESIDUAL, SEPARATE, IN_PLACE };

struct shape {
  size_t pixels, in, out;
  size_t x_gap, y_gap, r_gap; /* strides beyond the rows; 0 is given as stride 0, dense */
  enum residual residual;
  size_t threads; /* 0: none given */
  mbconv_parallel_for parallel_for;
  bool bias;
  mbconv_activation_kind kind;
  mbconv_exp exp;
  enum test_guard guard;
};

/* Everything but the sizes at random. */
static void decorate(struct test *t, uint64_t *state, struct shape *s) {
  static const size_t threads[] = {0, 1, 2, 3, 7, 66};
  s->x_gap = test_random_size(state, 0, 1) * test_random_size(state, 1, 5);
  s->y_gap = test_random_size(state, 0, 1) * test_random_size(state, 1, 5);
  s->r_gap = test_random_size(state, 0, 1) * test_random_size(state, 1, 5);
  s->residual = (enum residual)test_random_size(state, NO_RESIDUAL, IN_PLACE);
  s->threads = threads[test_random_size(state, 0, 5)];
  s->parallel_for = test_random_size(state, 0, 1) ? parallel_reversed : parallel_forward;
  s->bias = test_random_size(state, 0, 3) > 0;
  s->kind = (mbconv_activation_kind)test_random_size(state, MBCONV_ACTIVATION_NONE, MBCONV_ACTIVATION_HARD_SWISH);
  s->exp = (mbconv_exp)test_random_size(state, MBCONV_EXP_SLEEF, MBCONV_EXP_INLINE);
  if (!mbconv_exp_usable(t->isa, s->exp)) s->exp = MBCONV_EXP_INLINE;
  s->guard = (enum test_guard)test_random_size(state, TEST_GUARD_AFTER, TEST_GUARD_BEFORE);
}

/* Creates the operator from parameters that are read-only, and gone afterwards: it must have its own. */
static mbconv_pointwise *create(struct test *t, const struct shape *s, const float *weights, const float *bias) {
  struct test_buffer w, b;
  test_buffer_new(&w, s->in * s->out, s->guard);
  test_buffer_new(&b, s->out, s->guard);
  memcpy(w.data, weights, w.n * sizeof *weights);
  memcpy(b.data, bias, b.n * sizeof *bias);
  test_buffer_protect(&w);
  test_buffer_protect(&b);
  const mbconv_pointwise_desc desc = {.in_channels = s->in,
                                      .out_channels = s->out,
                                      .conv = &(mbconv_conv){.weight = w.data, .bias = s->bias ? b.data : NULL},
                                      .activation = s->kind};
  const mbconv_options options = {.isa = t->isa, .exp = s->exp};
  mbconv_pointwise *pointwise = NULL;
  mbconv_error error = {.message = ""};
  const mbconv_status status = mbconv_pointwise_create(&desc, &options, &pointwise, &error);
  test_buffer_free(&w);
  test_buffer_free(&b);
  if (!test_check(t, status == MBCONV_OK && pointwise, "create: %s", error.message)) return NULL;
  mbconv_info info = {0};
  test_check(t, mbconv_pointwise_info(pointwise, &info, NULL) == MBCONV_OK, "info");
  test_check(t, info.isa == t->isa && info.exp == s->exp, "made for another set or variant of the exponential");
  return pointwise;
}

/* The promised chains, then the scalar set's activation. */
static void check_output(struct test *t, const struct shape *s, const float *weights, const float *bias,
                         const struct test_buffer *x, const float *residual, const struct test_buffer *y) {
  const size_t x_stride = s->in + s->x_gap, y_stride = s->out + s->y_gap, r_stride = s->out + s->r_gap;
  float *want = malloc(s->out * sizeof *want);
  bool near = true, equal = true;
  for (size_t p = 0; p < s->pixels && equal && near; p++) {
    const float *row = y->data + p * y_stride;
    for (size_t o = 0; o < s->out; o++) {
      const struct oracle result =
          oracle_dot(s->bias ? bias[o] : 0.0f, s->in, weights + o * s->in, x->data + p * x_stride,
                     s->residual ? residual + p * r_stride + o : NULL, -INFINITY, INFINITY);
      want[o] = result.chain;
      near = near && oracle_allows(&result, s->kind, row[o]);
    }
    mbconv_kernels_scalar.activation[MBCONV_EXP_INLINE - MBCONV_EXP_SLEEF][s->kind](s->out, want, want);
    equal = test_equal(row, want, s->out, NULL);
  }
  test_check(t, equal, "differs from the chain");
  test_check(t, near, "farther from the exact sum than the bound");
  test_check(t, test_buffer_intact(y) && test_gaps_intact(y->data, s->pixels, s->out, y_stride),
             "wrote outside its outputs");
  free(want);
}

static void check_shape(struct test *t, uint64_t *state, struct shape s) {
  if (s.residual == IN_PLACE) s.r_gap = s.y_gap;
  const size_t x_stride = s.in + s.x_gap, y_stride = s.out + s.y_gap, r_stride = s.out + s.r_gap;
  test_at(t,
          "%zu pixels, %zu to %zu, gaps %zu %zu %zu, bias %d, residual %d, activation %d, exp %s, guard %d, "
          "%zu threads",
          s.pixels, s.in, s.out, s.x_gap, s.y_gap, s.r_gap, s.bias, s.residual, s.kind, mbconv_exp_name(s.exp), s.guard,
          s.threads);
  float *weights = test_new_floats(state, s.in * s.out), *bias = test_new_floats(state, s.out);
  mbconv_pointwise *pointwise = create(t, &s, weights, bias);
  struct test_buffer x, residual, y;
  test_buffer_new_rows(state, &x, s.pixels, s.in, x_stride, s.guard);
  test_buffer_new_rows(state, &residual, s.pixels, s.out, r_stride, s.guard);
  test_buffer_new(&y, (s.pixels - 1) * y_stride + s.out, s.guard);
  if (s.residual == IN_PLACE) memcpy(y.data, residual.data, y.n * sizeof(float));
  test_buffer_protect(&x);
  test_buffer_protect(&residual);
  const float *r = s.residual == IN_PLACE ? y.data : residual.data;
  const mbconv_threads threads = {.parallel_for = s.parallel_for, .count = s.threads};
  mbconv_error error = {.message = ""};
  if (pointwise) {
    const mbconv_status status = mbconv_pointwise_run(
        pointwise, s.pixels, x.data, s.x_gap ? x_stride : 0, y.data, s.y_gap ? y_stride : 0, s.residual ? r : NULL,
        s.residual && s.r_gap ? r_stride : 0, s.threads ? &threads : NULL, &error);
    test_check(t, status == MBCONV_OK, "run: %s", error.message);
    check_output(t, &s, weights, bias, &x, residual.data, &y);
  }
  mbconv_pointwise_destroy(pointwise);
  test_buffer_free(&x);
  test_buffer_free(&residual);
  test_buffer_free(&y);
  free(weights);
  free(bias);
}

/* Each size from 1 to 2 * tile + 9, the other two around one tile. */
static void check_sweeps(struct test *t, uint64_t *state) {
  const struct mbconv_pointwise_tile *wide = &t->kernels->pointwise[0];
  const size_t tile[3] = {wide->pixels, t->small ? 8 : 16, wide->channels};
  const size_t step = t->small ? 3 : 1;
  for (size_t swept = 0; swept < 3; swept++) {
    const size_t second = (swept + 1) % 3, third = (swept + 2) % 3;
    const size_t around[2][4] = {{1, tile[second] + 1, tile[second] - 1, tile[second]},
                                 {1, tile[third] + 1, tile[third] - 1, tile[third]}};
    for (size_t n = 1; n <= 2 * tile[swept] + 9; n++) {
      for (size_t i = 0; i < 16; i += step) { /* emulated: six of the 16 ways, others for each n */
        const size_t way = (i + n) % 16;
        size_t size[3];
        size[swept] = n;
        size[second] = around[0][way / 4];
        size[third] = around[1][way % 4];
        struct shape s = {.pixels = size[0], .in = size[1], .out = size[2]};
        decorate(t, state, &s);
        check_shape(t, state, s);
      }
    }
  }
}

static void check_random_shapes(struct test *t, uint64_t *state) {
  const size_t limit = t->small ? 40 : 120;
  for (size_t i = 0; i < (t->small ? 60 : 500); i++) {
    struct shape s = {.pixels = test_random_size(state, 1, limit),
                      .in = test_random_size(state, 1, limit),
                      .out = test_random_size(state, 1, limit)};
    decorate(t, state, &s);
    check_shape(t, state, s);
  }
}

/* Outputs beyond what the operator finishes at once, which has to find its way into each tensor again. */
static void check_large_outputs(struct test *t, uint64_t *state) {
  for (int residual = NO_RESIDUAL; residual <= IN_PLACE; residual++) {
    struct shape s = {.pixels = 99, .in = 2, .out = 131};
    decorate(t, state, &s);
    s.residual = (enum residual)residual;
    s.kind = MBCONV_ACTIVATION_SILU;
    check_shape(t, state, s);
  }
}

/* The 1x1 layers of MobileNetV2 and EfficientNet-B0. 49 pixels are the whole image of the last stage, and of the others
 * enough for every tile. */
static void check_layers(struct test *t, uint64_t *state) {
  const size_t largest = t->kernels->lanes == 1 ? 5000 : 16000; /* weights, where emulated */
  for (size_t i = 0; i < BLOCK_LAYERS; i++) {
    const struct block_layer *l = &block_layers[i];
    struct shape expand = {.pixels = t->small ? 3 : 49, .bias = true, .exp = MBCONV_EXP_INLINE};
    struct shape project = expand;
    expand.in = l->in_channels;
    project.in = expand.out = l->expanded_channels;
    project.out = l->out_channels;
    expand.kind = l->activation;
    project.residual = expand.in == project.out && l->stride == 1 ? SEPARATE : NO_RESIDUAL;
    if (expand.in != expand.out && !(t->small && expand.in * expand.out > largest)) check_shape(t, state, expand);
    if (!(t->small && project.in * project.out > largest)) check_shape(t, state, project);
  }
}

void test_pointwise(struct test *t) {
  uint64_t state = t->seed;
  test_pointwise_tiles(t);
  check_sweeps(t, &state);
  check_random_shapes(t, &state);
  check_large_outputs(t, &state);
  check_layers(t, &state);
}
