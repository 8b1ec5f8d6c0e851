/* SPDX-License-Identifier: MIT
 *
 * Squeeze-excite's sums, means and scales of channels, against the plain loops of their contracts and the scalar set.
 */
#include <math.h>

#include "test.h"

enum { PIXELS = 9, MOST_CHANNELS = 2 * MBCONV_MAX_LANES + 1, LARGE_CHANNELS = 1152, GAP = 5 };

struct shape {
  size_t pixels, channels, x_stride, y_stride;
  enum test_guard guard;
};

/* Left to right from +0, then one addition; the running sum in float, as the numbers are promised. */
static void check_sum(struct test *t, const struct shape *s, const struct test_buffer *x, const float *start) {
  float want[LARGE_CHANNELS], scalar[LARGE_CHANNELS];
  bool near = true;
  for (size_t c = 0; c < s->channels; c++) {
    float sum = 0.0f;
    double exact = start[c], magnitude = fabs(exact);
    for (size_t p = 0; p < s->pixels; p++) {
      const float term = x->data[p * s->x_stride + c];
      sum += term;
      exact += term;
      magnitude += fabs((double)term);
    }
    want[c] = start[c] + sum;
    scalar[c] = start[c];
    near = near && fabs(want[c] - exact) <= (double)(s->pixels + 2) * 0x1p-24 * magnitude;
  }
  struct test_buffer sum;
  test_buffer_new(&sum, s->channels, s->guard);
  memcpy(sum.data, start, s->channels * sizeof *start);
  t->kernels->channel_sum(s->pixels, s->channels, x->data, s->x_stride, sum.data);
  mbconv_kernels_scalar.channel_sum(s->pixels, s->channels, x->data, s->x_stride, scalar);
  test_check_equal(t, sum.data, want, s->channels, "sum against the plain loop");
  test_check_equal(t, sum.data, scalar, s->channels, "sum against the scalar set");
  test_check(t, near, "the sum is farther from the exact one than the bound");
  test_check(t, test_buffer_intact(&sum), "the sum wrote outside its output");
  test_buffer_free(&sum);
}

/* Rows of sums, their gaps poisoned, added up top to bottom; to a y of its own, and to where they are. */
static void check_mean(struct test *t, uint64_t *state, const struct shape *s) {
  const size_t rows = test_random_size(state, 1, 4),
               stride = rows > 1 ? s->channels + test_random_size(state, 0, GAP) : 0;
  const size_t n = (rows - 1) * stride + s->channels;
  const float reciprocal = (float)(1.0 / (double)s->pixels);
  struct test_buffer sums, again, y;
  test_buffer_new_rows(state, &sums, rows, s->channels, mbconv_max(stride, s->channels), s->guard);
  test_buffer_new(&again, n, s->guard);
  test_buffer_new(&y, s->channels, s->guard);
  memcpy(again.data, sums.data, n * sizeof *sums.data);
  float want[LARGE_CHANNELS];
  for (size_t c = 0; c < s->channels; c++) {
    want[c] = sums.data[c];
    for (size_t r = 1; r < rows; r++) want[c] += sums.data[r * stride + c];
    want[c] *= reciprocal;
  }
  t->kernels->channel_mean(s->channels, rows, sums.data, stride, s->pixels, y.data);
  t->kernels->channel_mean(s->channels, rows, again.data, stride, s->pixels, again.data);
  test_check_equal(t, y.data, want, s->channels, "means");
  test_check_equal(t, again.data, want, s->channels, "means in place");
  test_check(t, test_buffer_intact(&sums) && test_buffer_intact(&again) && test_buffer_intact(&y),
             "the means wrote outside their output");
  test_buffer_free(&sums);
  test_buffer_free(&again);
  test_buffer_free(&y);
}

static void check_scale(struct test *t, const struct shape *s, const struct test_buffer *x,
                        const struct test_buffer *scale) {
  struct test_buffer y, scalar;
  const size_t n = (s->pixels - 1) * s->y_stride + s->channels;
  test_buffer_new(&y, n, s->guard);
  test_buffer_new(&scalar, n, s->guard);
  t->kernels->channel_scale(s->pixels, s->channels, x->data, s->x_stride, scale->data, y.data, s->y_stride);
  mbconv_kernels_scalar.channel_scale(s->pixels, s->channels, x->data, s->x_stride, scale->data, scalar.data,
                                      s->y_stride);
  bool equal = true;
  for (size_t p = 0; p < s->pixels; p++) {
    for (size_t c = 0; c < s->channels; c++) {
      equal = equal && y.data[p * s->y_stride + c] == x->data[p * s->x_stride + c] * scale->data[c];
    }
  }
  test_check(t, equal, "scale is not the product");
  test_check_equal(t, y.data, scalar.data, n, "scale against the scalar set");
  test_check(t, test_buffer_intact(&y) && test_gaps_intact(y.data, s->pixels, s->channels, s->y_stride),
             "scale wrote outside its output");
  test_buffer_free(&y);
  test_buffer_free(&scalar);
}

static void check_shape(struct test *t, uint64_t *state, size_t pixels, size_t channels, enum test_guard guard) {
  const struct shape s = {.pixels = pixels,
                          .channels = channels,
                          .x_stride = channels + test_random_size(state, 0, GAP),
                          .y_stride = channels + test_random_size(state, 0, GAP),
                          .guard = guard};
  test_at(t, "%zu pixels x %zu channels, strides %zu and %zu, guard %d", pixels, channels, s.x_stride, s.y_stride,
          guard);
  struct test_buffer x, scale, start;
  test_buffer_new_rows(state, &x, pixels, channels, s.x_stride, guard);
  test_buffer_new_rows(state, &scale, 1, channels, channels, guard);
  test_buffer_new_rows(state, &start, 1, channels, channels, guard);
  test_buffer_protect(&x);
  test_buffer_protect(&scale);
  check_sum(t, &s, &x, start.data);
  check_scale(t, &s, &x, &scale);
  check_mean(t, state, &s);
  test_buffer_free(&x);
  test_buffer_free(&scale);
  test_buffer_free(&start);
}

void test_channel(struct test *t) {
  uint64_t state = t->seed;
  for (size_t channels = 1; channels <= MOST_CHANNELS; channels++) {
    for (size_t pixels = 1; pixels <= PIXELS; pixels += t->small ? 3 : 1) {
      check_shape(t, &state, pixels, channels, TEST_GUARD_AFTER);
      check_shape(t, &state, pixels, channels, TEST_GUARD_BEFORE);
    }
  }
  /* As in EfficientNet-B0: many pixels, many channels. */
  check_shape(t, &state, t->small ? 14 : 112, 32, TEST_GUARD_AFTER);
  check_shape(t, &state, t->small ? 14 : 112, 144, TEST_GUARD_BEFORE);
  check_shape(t, &state, 7, LARGE_CHANNELS, TEST_GUARD_AFTER);
}
