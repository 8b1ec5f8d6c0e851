/* SPDX-License-Identifier: MIT
 *
 * PReLU and the addition of an image: the kernels against the plain loops of their contracts, on every number of
 * channels, with strides, in place, flush against guard pages, and on special values. Then leaky ReLU and PReLU by the
 * operator, and the messages of what it refuses.
 */
#include "more.h"

#include <float.h>
#include <math.h>

#include "test.h"

enum { PIXELS = 5, MOST_CHANNELS = 4 * MBCONV_MAX_LANES + 3, GAP = 5, MOST_FLOATS = 512 };

/* ---- The kernels ------------------------------------------------------------------------------------------------- */

struct shape {
  size_t pixels, channels, x_stride, y_stride;
  enum test_guard guard;
};

/* As the header says: a NaN fails the comparison, and -0 is not less than 0. */
static float prelu(float x, float slope) { return x < 0 ? slope * x : x; }

/* Both zeros and both NaNs count as different, though the latter of any payload are one. */
static bool same(const float *got, const float *want, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const bool nans = isnan(got[i]) && isnan(want[i]);
    if (!nans && test_bits(got[i]) != test_bits(want[i])) return false;
  }
  return true;
}

static bool rows_same(const struct shape *s, const float *y, const float *want) {
  for (size_t p = 0; p < s->pixels; p++)
    if (!same(y + p * s->y_stride, want + p * s->channels, s->channels)) return false;
  return true;
}

/* To a y of its own, whose gaps stay as they were, and in place. */
static void check_prelu(struct test *t, const struct shape *s, const struct test_buffer *x,
                        const struct test_buffer *slope) {
  const struct mbconv_more_kernels *more = mbconv_more_of(t->kernels);
  float want[PIXELS * MOST_CHANNELS];
  for (size_t p = 0; p < s->pixels; p++)
    for (size_t c = 0; c < s->channels; c++)
      want[p * s->channels + c] = prelu(x->data[p * s->x_stride + c], slope->data[c]);
  struct test_buffer y;
  test_buffer_new(&y, (s->pixels - 1) * s->y_stride + s->channels, s->guard);
  more->prelu(s->pixels, s->channels, x->data, s->x_stride, slope->data, y.data, s->y_stride);
  test_check(t, rows_same(s, y.data, want), "prelu against the plain loop");
  test_check(t, test_buffer_intact(&y) && test_gaps_intact(y.data, s->pixels, s->channels, s->y_stride),
             "prelu wrote outside its output");
  test_buffer_reuse(&y, y.n);
  for (size_t p = 0; p < s->pixels; p++)
    memcpy(y.data + p * s->y_stride, x->data + p * s->x_stride, s->channels * sizeof(float));
  more->prelu(s->pixels, s->channels, y.data, s->y_stride, slope->data, y.data, s->y_stride);
  test_check(t, rows_same(s, y.data, want), "prelu in place");
  test_check(t, test_buffer_intact(&y) && test_gaps_intact(y.data, s->pixels, s->channels, s->y_stride),
             "prelu in place wrote outside its output");
  test_buffer_free(&y);
}

static void check_add(struct test *t, const struct shape *s, const struct test_buffer *x, uint64_t *state) {
  struct test_buffer y;
  float want[PIXELS * MOST_CHANNELS];
  test_buffer_new_rows(state, &y, s->pixels, s->channels, s->y_stride, s->guard);
  for (size_t p = 0; p < s->pixels; p++)
    for (size_t c = 0; c < s->channels; c++)
      want[p * s->channels + c] = y.data[p * s->y_stride + c] + x->data[p * s->x_stride + c];
  mbconv_more_of(t->kernels)->add(s->pixels, s->channels, x->data, s->x_stride, y.data, s->y_stride);
  test_check(t, rows_same(s, y.data, want), "add against the plain loop");
  test_check(t, test_buffer_intact(&y) && test_gaps_intact(y.data, s->pixels, s->channels, s->y_stride),
             "add wrote outside its output");
  test_buffer_free(&y);
}

static void check_shape(struct test *t, uint64_t *state, size_t pixels, size_t channels, size_t gap,
                        enum test_guard guard) {
  const struct shape s = {.pixels = pixels,
                          .channels = channels,
                          .x_stride = channels + test_random_size(state, 0, gap),
                          .y_stride = channels + test_random_size(state, 0, gap),
                          .guard = guard};
  test_at(t, "%zu pixels x %zu channels, strides %zu and %zu, guard %d", pixels, channels, s.x_stride, s.y_stride,
          guard);
  struct test_buffer x, slope;
  test_buffer_new_rows(state, &x, pixels, channels, s.x_stride, guard);
  test_buffer_new_rows(state, &slope, 1, channels, channels, guard);
  test_buffer_protect(&x);
  test_buffer_protect(&slope);
  check_prelu(t, &s, &x, &slope);
  check_add(t, &s, &x, state);
  test_buffer_free(&x);
  test_buffer_free(&slope);
}

static void check_shapes(struct test *t) {
  uint64_t state = t->seed;
  for (size_t channels = 1; channels <= MOST_CHANNELS; channels++) {
    for (size_t pixels = 1; pixels <= PIXELS; pixels += t->small ? 2 : 1) {
      check_shape(t, &state, pixels, channels, GAP, TEST_GUARD_AFTER);
      check_shape(t, &state, pixels, channels, GAP, TEST_GUARD_BEFORE);
    }
    check_shape(t, &state, PIXELS, channels, 0, TEST_GUARD_AFTER); /* dense */
  }
}

/* Every special x with every slope, at every place of a vector and of a tail. */
static void check_specials(struct test *t) {
  static const float values[] = {0.0f,    -0.0f,    INFINITY, -INFINITY,    NAN,           FLT_MAX, -FLT_MAX,
                                 FLT_MIN, -FLT_MIN, 1.5f,     FLT_TRUE_MIN, -FLT_TRUE_MIN, -1.5f};
  enum { VALUES = sizeof values / sizeof *values };
  const struct mbconv_more_kernels *more = mbconv_more_of(t->kernels);
  const size_t channels = t->kernels->lanes + 3;
  for (size_t i = 0; i < VALUES * VALUES; i++) {
    const float x = values[i / VALUES], slope = values[i % VALUES];
    float xs[MBCONV_MAX_LANES + 3], slopes[MBCONV_MAX_LANES + 3], y[MBCONV_MAX_LANES + 3], want[MBCONV_MAX_LANES + 3];
    for (size_t c = 0; c < channels; c++) xs[c] = x, slopes[c] = slope, want[c] = prelu(x, slope);
    more->prelu(1, channels, xs, channels, slopes, y, channels);
    test_at(t, "%g and %g", (double)x, (double)slope);
    test_check(t, same(y, want, channels), "prelu of the first with the slope of the second");
    for (size_t c = 0; c < channels; c++) y[c] = slope, want[c] = slope + x;
    more->add(1, channels, xs, channels, y, channels);
    test_check(t, same(y, want, channels), "their sum");
  }
}

/* The sign of a zero: GELU keeps that of x, and gives -0 where it vanishes. */
static void check_zeros(struct test *t) {
  static const float xs[] = {0.0f, -0.0f, -INFINITY, -20.0f, -1e30f};
  const struct mbconv_more_kernels *more = mbconv_more_of(t->kernels);
  test_at(t, "zeros");
  for (size_t i = 0; i < sizeof xs / sizeof *xs; i++) {
    float y[2];
    more->gelu(1, &xs[i], &y[0]);
    more->gelu_tanh(1, &xs[i], &y[1]);
    for (size_t k = 0; k < 2; k++)
      test_check(t, y[k] == 0 && !signbit(y[k]) == !signbit(xs[i]), "%s(%g) is %g", k == 0 ? "gelu" : "gelu-tanh",
                 (double)xs[i], (double)y[k]);
  }
}

/* ---- The operator ------------------------------------------------------------------------------------------------ */

/* n elements from x to y and in place; the slopes that create was given are gone. */
static void check_run(struct test *t, const mbconv_activation *activation, size_t channels, const float *slope,
                      const struct test_buffer *all, struct test_buffer *y, size_t n) {
  float want[MOST_FLOATS];
  const float *x = test_buffer_part(all, n);
  for (size_t i = 0; i < n; i++) want[i] = prelu(x[i], slope[i % channels]);
  test_at_size(t, n, 1);
  mbconv_error error = {.message = ""};
  test_buffer_reuse(y, n);
  mbconv_status status = mbconv_activation_run(activation, n, x, y->data, &error);
  test_check(t, status == MBCONV_OK && same(y->data, want, n), "run %s", error.message);
  bool intact = test_buffer_intact(y);
  test_buffer_reuse(y, n);
  memcpy(y->data, x, n * sizeof *x);
  status = mbconv_activation_run(activation, n, y->data, y->data, &error);
  test_check(t, status == MBCONV_OK && same(y->data, want, n), "run in place %s", error.message);
  intact = intact && test_buffer_intact(y);
  test_check(t, intact, "wrote outside its output");
}

static void check_operator(struct test *t, uint64_t *state, mbconv_activation_kind kind, size_t channels) {
  const bool leaky = kind == MBCONV_ACTIVATION_LEAKY_RELU;
  const mbconv_options options = {.isa = t->isa};
  float slope[MOST_CHANNELS * 3], given[MOST_CHANNELS * 3];
  test_fill(state, slope, channels);
  memcpy(given, slope, channels * sizeof *slope);
  /* A leaky ReLU has no channels; what stands there is not read. */
  const mbconv_activation_desc desc = {.kind = kind, .channels = leaky ? SIZE_MAX : channels, .slope = given};
  mbconv_activation *activation;
  mbconv_error error = {.message = ""};
  test_at(t, "%s, %zu channels", leaky ? "leaky relu" : "prelu", channels);
  const mbconv_status status = mbconv_activation_create(&desc, &options, &activation, &error);
  if (!test_check(t, status == MBCONV_OK, "create: %s", error.message)) return;
  for (size_t c = 0; c < channels; c++) given[c] = NAN;
  for (int guard = TEST_GUARD_AFTER; guard <= TEST_GUARD_BEFORE; guard++) {
    struct test_buffer x, y;
    test_buffer_new(&x, MOST_FLOATS, (enum test_guard)guard);
    test_buffer_new(&y, MOST_FLOATS, (enum test_guard)guard);
    test_fill(state, x.data, MOST_FLOATS);
    test_buffer_protect(&x);
    static const size_t sizes[] = {1, 2, 7, 63, 64, 65, 127, 192, 255, 511, 512};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
      check_run(t, activation, channels, slope, &x, &y, sizes[i]);
    test_buffer_free(&x);
    test_buffer_free(&y);
  }
  mbconv_activation_destroy(activation);
}

static void check_refused(struct test *t, const mbconv_activation_desc *desc, mbconv_status want, const char *message) {
  const mbconv_options options = {.isa = t->isa};
  mbconv_error error = {.message = ""};
  mbconv_activation *activation = (mbconv_activation *)&error;
  const mbconv_status status = mbconv_activation_create(desc, &options, &activation, &error);
  test_at(t, "kind %d, %zu channels, %s", (int)desc->kind, desc->channels, desc->slope ? "slopes" : "none");
  test_check(t, status == want && !activation && strstr(error.message, message), "%s", error.message);
}

static void check_refusals(struct test *t) {
  const float slope = 0.5f;
  const mbconv_activation_desc none = {.kind = MBCONV_ACTIVATION_PRELU, .channels = 1},
                               leaky = {.kind = MBCONV_ACTIVATION_LEAKY_RELU},
                               no_channels = {.kind = MBCONV_ACTIVATION_PRELU, .slope = &slope},
                               huge = {.kind = MBCONV_ACTIVATION_PRELU, .channels = SIZE_MAX / 2, .slope = &slope},
                               unknown = {.kind = (mbconv_activation_kind)(MBCONV_ACTIVATION_PRELU + 1)};
  check_refused(t, &none, MBCONV_INVALID_ARGUMENT, "slope is NULL, but the activation has slopes");
  check_refused(t, &leaky, MBCONV_INVALID_ARGUMENT, "slope is NULL, but the activation has slopes");
  check_refused(t, &no_channels, MBCONV_INVALID_ARGUMENT, "channels is 0, but PReLU has a slope for each");
  check_refused(t, &huge, MBCONV_SIZE_OVERFLOW, "do not fit into memory");
  check_refused(t, &unknown, MBCONV_INVALID_ARGUMENT, "kind is 11, which is no activation");
}

void test_more(struct test *t) {
  uint64_t state = t->seed;
  check_shapes(t);
  check_specials(t);
  check_zeros(t);
  check_operator(t, &state, MBCONV_ACTIVATION_LEAKY_RELU, 1);
  static const size_t channels[] = {1, 2, 3, 5, 16, 24, 63, 64, 65, 200};
  for (size_t i = 0; i < sizeof channels / sizeof *channels; i++)
    check_operator(t, &state, MBCONV_ACTIVATION_PRELU, channels[i]);
  check_refusals(t);
}
