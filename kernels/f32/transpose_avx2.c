/* SPDX-License-Identifier: MIT
 *
 * Transposition on AVX2, 8 rows x 4 columns at a time: two shuffles for each vector. Rows r and r + 4 share a register
 * from the load on, since inserting 128 bits from memory is not a shuffle on Intel. The AVX-512 set uses it too: 16 x 4
 * in 512-bit registers was not faster, and it was slower by half where planes are a multiple of 4 KB apart.
 */
#include "set_avx2.h"
#include "vec_avx2.h"

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

void mbconv_transpose_avx2_8x4(size_t tiles, const void *x, size_t x_stride, size_t x_step, void *y, size_t y_stride,
                               size_t y_step, const void *residual) {
  if (residual)
    walk_added(tiles, x, x_stride, x_step, y, y_stride, y_step, residual);
  else
    walk_plain(tiles, x, x_stride, x_step, y, y_stride, y_step);
}
