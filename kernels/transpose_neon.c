/* SPDX-License-Identifier: MIT
 *
 * Transposition on NEON, 4 rows x 4 columns at a time: two permutations for each vector.
 *
 * Order   Planes are long and far apart, pixels short and close together. 4 planes are walked at a time: if they are a
 *         multiple of 4 KB apart, their lines share one set of L1, which may have 4 ways only. They are walked for RUN
 *         pixels, some lines of each, while the pixels' lines stay in L1 for the other planes.
 * Edges   The last rows and columns are done as a whole tile, some of them a second time. Fewer are left to plain C.
 */
#include "set_neon.h"
#include "set_scalar.h"
#include "vec_neon.h"

enum { ROWS = 4, COLUMNS = 4, RUN = 64 };

ALWAYS_INLINE float32x4_t low_halves(float32x4_t a, float32x4_t b) {
  return vreinterpretq_f32_f64(vzip1q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
}

ALWAYS_INLINE float32x4_t high_halves(float32x4_t a, float32x4_t b) {
  return vreinterpretq_f32_f64(vzip2q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
}

ALWAYS_INLINE void store(float *y, float32x4_t v, bool added, const float *residual) {
  vst1q_f32(y, added ? vaddq_f32(v, vld1q_f32(residual)) : v);
}

ALWAYS_INLINE void tile(const float *x, size_t x_stride, float *y, size_t y_stride, bool added, const float *residual) {
  const float32x4_t a = vld1q_f32(x), b = vld1q_f32(x + x_stride);
  const float32x4_t c = vld1q_f32(x + 2 * x_stride), d = vld1q_f32(x + 3 * x_stride);
  const float32x4_t ab01 = vzip1q_f32(a, b), ab23 = vzip2q_f32(a, b);
  const float32x4_t cd01 = vzip1q_f32(c, d), cd23 = vzip2q_f32(c, d);
  store(y, low_halves(ab01, cd01), added, residual);
  store(y + y_stride, high_halves(ab01, cd01), added, residual + y_stride);
  store(y + 2 * y_stride, low_halves(ab23, cd23), added, residual + 2 * y_stride);
  store(y + 3 * y_stride, high_halves(ab23, cd23), added, residual + 3 * y_stride);
}

/* Tiles, one after the other. */
ALWAYS_INLINE void walk(size_t tiles, const float *x, size_t x_stride, size_t x_step, float *y, size_t y_stride,
                        size_t y_step, bool added, const float *residual) {
  for (; tiles > 0; tiles--) {
    tile(x, x_stride, y, y_stride, added, residual);
    x += x_step;
    y += y_step;
    residual += y_step;
  }
}

/* Functions of their own: inlined together they share instructions, and gcc 12 runs out of registers for addresses. */
__attribute__((noinline)) static void walk_plain(size_t tiles, const float *x, size_t x_stride, size_t x_step, float *y,
                                                 size_t y_stride, size_t y_step) {
  walk(tiles, x, x_stride, x_step, y, y_stride, y_step, false, y);
}

__attribute__((noinline)) static void walk_added(size_t tiles, const float *x, size_t x_stride, size_t x_step, float *y,
                                                 size_t y_stride, size_t y_step, const float *residual) {
  walk(tiles, x, x_stride, x_step, y, y_stride, y_step, true, residual);
}

/* Rows or columns: how many there are, in all and in a tile, and how far apart they are in x and y. */
struct axis {
  size_t count, tile, x_step, y_step;
};

/* All planes, of the pixels from `first` on that `tiles` tiles hold. */
static void run(const struct axis *planes, const struct axis *pixels, size_t first, size_t tiles, const float *x,
                size_t x_stride, float *y, size_t y_stride, const float *residual) {
  const size_t x_step = pixels->tile * pixels->x_step, y_step = pixels->tile * pixels->y_step;
  const size_t last = planes->count - planes->tile;
  for (size_t i = 0; i < planes->count; i += planes->tile) {
    const size_t plane = i < last ? i : last;
    const float *from = x + plane * planes->x_step + first * pixels->x_step;
    const size_t to = plane * planes->y_step + first * pixels->y_step;
    if (residual)
      walk_added(tiles, from, x_stride, x_step, y + to, y_stride, y_step, residual + to);
    else
      walk_plain(tiles, from, x_stride, x_step, y + to, y_stride, y_step);
  }
}

void mbconv_transpose_neon(size_t rows, size_t columns, const float *x, size_t x_stride, float *y, size_t y_stride,
                           const float *residual) {
  if (rows < ROWS || columns < COLUMNS) {
    mbconv_transpose_scalar(rows, columns, x, x_stride, y, y_stride, residual);
    return;
  }
  const struct axis row = {rows, ROWS, x_stride, 1}, column = {columns, COLUMNS, 1, y_stride};
  const bool rows_are_planes = x_stride > y_stride;
  const struct axis planes = rows_are_planes ? row : column, pixels = rows_are_planes ? column : row;
  for (size_t first = 0; first + pixels.tile <= pixels.count; first += RUN) {
    const size_t most = pixels.count - first < RUN ? pixels.count - first : RUN;
    run(&planes, &pixels, first, most / pixels.tile, x, x_stride, y, y_stride, residual);
  }
  if (pixels.count % pixels.tile)
    run(&planes, &pixels, pixels.count - pixels.tile, 1, x, x_stride, y, y_stride, residual);
}
