/* SPDX-License-Identifier: MIT
 *
 * Transposition on AVX-512, 8 rows x 4 columns at a time: two shuffles for each vector. Rows r and r + 4 share a
 * register from the load on, since inserting 128 bits from memory is no shuffle on Intel. Vectors of 8: on Zen 4, 16
 * took as long for most shapes, and longer by half for planes a multiple of 4 KB apart.
 *
 * Order   Planes are long and far apart, pixels short and close together. 8 planes are walked at a time on the way in,
 *         4 on the way out with 4 of the residual: if they are a multiple of 4 KB apart, their lines share one set of
 *         L1, which has 8 ways or more. They are walked for RUN pixels, some lines of each, while the pixels' lines
 *         stay in L1 for the other planes. On Zen 4 that takes up to 30% less time than no such runs. 8 planes on the
 *         way out save a tenth, but take twice as long if planes and residual are a multiple of 4 KB apart.
 * Edges   The last rows and columns are done as a whole tile, some of them a second time. Fewer are left to plain C.
 */
#include "set_avx512.h"
#include "set_scalar.h"
#include "vec_avx512.h"

enum { ROWS = 8, COLUMNS = 4, RUN = 64 };

/* 4 floats each from two rows. */
ALWAYS_INLINE __m256 load_two(const float *low, const float *high) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1);
}

ALWAYS_INLINE void store(float *y, __m256 v, bool added, const float *residual) {
  _mm256_storeu_ps(y, added ? _mm256_add_ps(v, _mm256_loadu_ps(residual)) : v);
}

ALWAYS_INLINE void tile(const float *x, size_t x_stride, float *y, size_t y_stride, bool added, const float *residual) {
  const float *x4 = x + 4 * x_stride;
  const __m256 a = load_two(x, x4), b = load_two(x + x_stride, x4 + x_stride);
  const __m256 c = load_two(x + 2 * x_stride, x4 + 2 * x_stride), d = load_two(x + 3 * x_stride, x4 + 3 * x_stride);
  const __m256 ab01 = _mm256_unpacklo_ps(a, b), ab23 = _mm256_unpackhi_ps(a, b);
  const __m256 cd01 = _mm256_unpacklo_ps(c, d), cd23 = _mm256_unpackhi_ps(c, d);
  store(y, _mm256_shuffle_ps(ab01, cd01, 0x44), added, residual);
  store(y + y_stride, _mm256_shuffle_ps(ab01, cd01, 0xee), added, residual + y_stride);
  store(y + 2 * y_stride, _mm256_shuffle_ps(ab23, cd23, 0x44), added, residual + 2 * y_stride);
  store(y + 3 * y_stride, _mm256_shuffle_ps(ab23, cd23, 0xee), added, residual + 3 * y_stride);
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

void mbconv_transpose_avx512(size_t rows, size_t columns, const float *x, size_t x_stride, float *y, size_t y_stride,
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
