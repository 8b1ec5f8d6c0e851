/* SPDX-License-Identifier: MIT
 *
 * Transposition on NEON, 4 rows x 4 columns at a time: two permutations for each vector.
 */
#include "set_neon.h"
#include "vec_neon.h"

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

void mbconv_transpose_neon_4x4(size_t tiles, const void *x, size_t x_stride, size_t x_step, void *y, size_t y_stride,
                               size_t y_step, const void *residual) {
  if (residual)
    walk_added(tiles, x, x_stride, x_step, y, y_stride, y_step, residual);
  else
    walk_plain(tiles, x, x_stride, x_step, y, y_stride, y_step);
}
