/* SPDX-License-Identifier: MIT
 *
 * Transposition, with and without a residual, against the plain loop of its contract.
 */
#include <math.h>

#include "test.h"
#include "transpose.h"

enum { MOST = 2 * MBCONV_MAX_LANES + 1, GAP = 5, FAR = 100 };

struct shape {
  size_t rows, columns, x_stride, y_stride;
  enum test_guard guard;
};

/* Puts values that an addition could get wrong among those of the matrix. */
static void sprinkle(uint64_t *state, float *x, size_t rows, size_t row, size_t stride) {
  static const float special[] = {NAN, INFINITY, -INFINITY, -0.0f, 0x1p-149f, -0x1p-140f, 0x1.fffffep127f};
  enum { COUNT = sizeof special / sizeof *special };
  for (size_t i = 0; i < 1 + rows * row / 8; i++) {
    const size_t at = test_random_size(state, 0, rows - 1) * stride + test_random_size(state, 0, row - 1);
    x[at] = special[test_random_size(state, 0, COUNT - 1)];
  }
}

static void check(struct test *t, const struct shape *s, const struct test_buffer *x, const float *residual) {
  struct test_buffer y;
  test_buffer_new(&y, (s->columns - 1) * s->y_stride + s->rows, s->guard);
  mbconv_transpose(t->kernels, s->rows, s->columns, x->data, s->x_stride, y.data, s->y_stride, residual);
  size_t wrong = 0, where_row = 0, where_column = 0;
  for (size_t c = 0; c < s->columns; c++) {
    for (size_t r = 0; r < s->rows; r++) {
      const float from = x->data[r * s->x_stride + c], got = y.data[c * s->y_stride + r];
      const float want = residual ? from + residual[c * s->y_stride + r] : from;
      if (got == want || (isnan(got) && isnan(want) && !test_is_poison(got))) continue;
      if (wrong++ == 0) where_row = r, where_column = c;
    }
  }
  test_check(t, wrong == 0, "%zu floats are wrong, the first that of row %zu, column %zu", wrong, where_row,
             where_column);
  test_check(t, test_buffer_intact(&y) && test_gaps_intact(y.data, s->columns, s->rows, s->y_stride),
             "wrote outside the output");
  test_buffer_free(&y);
}

static void check_shape(struct test *t, uint64_t *state, const struct shape *s) {
  struct test_buffer x, residual;
  test_buffer_new_rows(state, &x, s->rows, s->columns, s->x_stride, s->guard);
  test_buffer_new_rows(state, &residual, s->columns, s->rows, s->y_stride, s->guard);
  sprinkle(state, x.data, s->rows, s->columns, s->x_stride);
  sprinkle(state, residual.data, s->columns, s->rows, s->y_stride);
  test_buffer_protect(&x);
  test_buffer_protect(&residual);
  for (int with = 0; with < 2; with++) {
    test_at(t, "%zu rows %zu apart x %zu columns %zu apart, guard %d, %s residual", s->rows, s->x_stride, s->columns,
            s->y_stride, s->guard, with ? "with a" : "no");
    check(t, s, &x, with ? residual.data : NULL);
  }
  test_buffer_free(&x);
  test_buffer_free(&residual);
}

/* Both ways: the rows are pixels, then planes, and the other way round. */
static void check_both(struct test *t, uint64_t *state, size_t rows, size_t columns, enum test_guard guard) {
  const size_t near_x = columns + test_random_size(state, 0, GAP), near_y = rows + test_random_size(state, 0, GAP);
  const struct shape in = {rows, columns, near_x + near_y + test_random_size(state, 0, FAR), near_y, guard};
  const struct shape out = {rows, columns, near_x, near_x + near_y + test_random_size(state, 0, FAR), guard};
  check_shape(t, state, &in);
  check_shape(t, state, &out);
}

/* An image of the networks in one piece: in, and out again. */
static void check_image(struct test *t, uint64_t *state, size_t pixels, size_t channels, size_t plane) {
  const struct shape in = {channels, pixels, plane, channels, TEST_GUARD_AFTER};
  const struct shape out = {pixels, channels, channels, plane, TEST_GUARD_BEFORE};
  check_shape(t, state, &in);
  check_shape(t, state, &out);
}

/* Three planes to pixels. */
static void check_interleave(struct test *t, uint64_t *state, size_t pixels, size_t stride, enum test_guard guard) {
  test_at(t, "3 planes of %zu pixels, %zu apart, guard %d", pixels, stride, guard);
  struct test_buffer x, y;
  test_buffer_new_rows(state, &x, 3, pixels, stride, guard);
  sprinkle(state, x.data, 3, pixels, stride);
  test_buffer_protect(&x);
  test_buffer_new(&y, 3 * pixels, guard);
  t->kernels->interleave3(pixels, x.data, stride, y.data);
  size_t wrong = 0;
  for (size_t i = 0; i < 3 * pixels; i++) {
    const float want = x.data[i % 3 * stride + i / 3], got = y.data[i];
    wrong += !(got == want || (isnan(got) && isnan(want) && !test_is_poison(got)));
  }
  test_check(t, wrong == 0 && test_buffer_intact(&y), "%zu floats are wrong, or written outside", wrong);
  test_buffer_free(&x);
  test_buffer_free(&y);
}

void test_transpose(struct test *t) {
  uint64_t state = t->seed;
  for (size_t pixels = 1; pixels <= MOST; pixels++) {
    check_interleave(t, &state, pixels, pixels, TEST_GUARD_AFTER);
    check_interleave(t, &state, pixels, pixels + GAP, TEST_GUARD_BEFORE);
  }
  for (size_t rows = 1; rows <= MOST; rows++) {
    for (size_t columns = 1 + (t->small ? rows % 4 : 0); columns <= MOST; columns += t->small ? 4 : 1) {
      check_both(t, &state, rows, columns, TEST_GUARD_AFTER);
      check_both(t, &state, rows, columns, TEST_GUARD_BEFORE);
    }
  }
  /* About the ends of runs of 64 and 128 pixels. */
  for (size_t pixels = 57; pixels <= (t->small ? 73 : 137); pixels++) {
    check_both(t, &state, pixels, 12, TEST_GUARD_AFTER);
    check_both(t, &state, 12, pixels, TEST_GUARD_BEFORE);
  }
  check_image(t, &state, 49, 160, 49);
  check_image(t, &state, 112, 32, t->small ? 112 : 112 * 112);
  check_image(t, &state, 256, 16, 1024);
}
