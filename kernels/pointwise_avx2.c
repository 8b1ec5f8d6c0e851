/* SPDX-License-Identifier: MIT
 *
 * Pointwise on AVX2: tiles of 6 pixels x 16 channels and 12 pixels x 8 channels.
 *
 * Both have 12 independent chains, more than the 8 or 10 that hide the latency of FMA (4 or 5 cycles, 2 a cycle). 6x16
 * does 8 loads for 12 FMAs, 12x8 does 13: it serves only a last panel of up to 8 channels.
 *
 *     registers     6x16      12x8
 *     sums          12        12
 *     weights       2         1
 *     pixel         1         1      (broadcast; a second one when the compiler likes)
 *
 * The sums are named: gcc 12 keeps an array of them in memory, even when every loop over it is unrolled. `rows` is a
 * constant at every call of a tile, so the comparisons with it vanish.
 *
 * Order: k ascending, one FMA a step, from the bias or from the partial sum in y.
 */
#include <assert.h>

#include "set_avx2.h"
#include "vec_avx2.h"

/* The chain's start: the bias, or the partial sum that y holds. */
ALWAYS_INLINE __m256 start(const struct mbconv_pointwise_panel *panel, const float *y, size_t v) {
  return panel->bias ? _mm256_load_ps(panel->bias + v * LANES) : _mm256_loadu_ps(y + v * LANES);
}

/* Constants are loaded here, after the k loop: gcc 12 would keep them in registers through it and spill sums. */
ALWAYS_INLINE void finish(const struct mbconv_pointwise_panel *panel, float *y, const float *residual, size_t row,
                          size_t v, __m256 sum) {
  if (residual) sum = _mm256_add_ps(sum, _mm256_loadu_ps(residual + row * panel->r_stride + v * LANES));
  const __m256 lo = _mm256_broadcast_ss(&panel->lo), hi = _mm256_broadcast_ss(&panel->hi);
  _mm256_storeu_ps(y + v * LANES, clamp(sum, lo, hi));
}

ALWAYS_INLINE void step2(const float *x, __m256 w0, __m256 w1, __m256 *sum0, __m256 *sum1) {
  const __m256 pixel = _mm256_broadcast_ss(x);
  *sum0 = _mm256_fmadd_ps(pixel, w0, *sum0);
  *sum1 = _mm256_fmadd_ps(pixel, w1, *sum1);
}

ALWAYS_INLINE void tile_6x16(const size_t rows, const struct mbconv_pointwise_panel *panel, const float *x,
                             float *const *y, size_t offset, const float *residual) {
  __m256 a0 = start(panel, y[0] + offset, 0), a1 = start(panel, y[0] + offset, 1);
  __m256 b0 = a0, b1 = a1, c0 = a0, c1 = a1, d0 = a0, d1 = a1, e0 = a0, e1 = a1, f0 = a0, f1 = a1;
  if (!panel->bias) {
    if (rows > 1) b0 = start(panel, y[1] + offset, 0), b1 = start(panel, y[1] + offset, 1);
    if (rows > 2) c0 = start(panel, y[2] + offset, 0), c1 = start(panel, y[2] + offset, 1);
    if (rows > 3) d0 = start(panel, y[3] + offset, 0), d1 = start(panel, y[3] + offset, 1);
    if (rows > 4) e0 = start(panel, y[4] + offset, 0), e1 = start(panel, y[4] + offset, 1);
    if (rows > 5) f0 = start(panel, y[5] + offset, 0), f1 = start(panel, y[5] + offset, 1);
  }
  const size_t stride = panel->x_stride;
  const float *x3 = x + 3 * stride;
  const float *weights = panel->weights;
  for (size_t left = panel->k; left > 0; left--) {
    const __m256 w0 = _mm256_load_ps(weights), w1 = _mm256_load_ps(weights + LANES);
    step2(x, w0, w1, &a0, &a1);
    if (rows > 1) step2(x + stride, w0, w1, &b0, &b1);
    if (rows > 2) step2(x + 2 * stride, w0, w1, &c0, &c1);
    if (rows > 3) step2(x3, w0, w1, &d0, &d1);
    if (rows > 4) step2(x3 + stride, w0, w1, &e0, &e1);
    if (rows > 5) step2(x3 + 2 * stride, w0, w1, &f0, &f1);
    x++, x3++;
    weights += 2 * LANES;
  }
  finish(panel, y[0] + offset, residual, 0, 0, a0), finish(panel, y[0] + offset, residual, 0, 1, a1);
  if (rows > 1) finish(panel, y[1] + offset, residual, 1, 0, b0), finish(panel, y[1] + offset, residual, 1, 1, b1);
  if (rows > 2) finish(panel, y[2] + offset, residual, 2, 0, c0), finish(panel, y[2] + offset, residual, 2, 1, c1);
  if (rows > 3) finish(panel, y[3] + offset, residual, 3, 0, d0), finish(panel, y[3] + offset, residual, 3, 1, d1);
  if (rows > 4) finish(panel, y[4] + offset, residual, 4, 0, e0), finish(panel, y[4] + offset, residual, 4, 1, e1);
  if (rows > 5) finish(panel, y[5] + offset, residual, 5, 0, f0), finish(panel, y[5] + offset, residual, 5, 1, f1);
}

void mbconv_pointwise_avx2_6x16(const struct mbconv_pointwise_panel *panel, size_t pixels, const float *x,
                                float *const *y, size_t y_offset, const float *residual) {
  assert(panel->channels == 2 * LANES);
  switch (pixels) {
    case 1: tile_6x16(1, panel, x, y, y_offset, residual); break;
    case 2: tile_6x16(2, panel, x, y, y_offset, residual); break;
    case 3: tile_6x16(3, panel, x, y, y_offset, residual); break;
    case 4: tile_6x16(4, panel, x, y, y_offset, residual); break;
    case 5: tile_6x16(5, panel, x, y, y_offset, residual); break;
    default: tile_6x16(6, panel, x, y, y_offset, residual); break;
  }
}

ALWAYS_INLINE void step1(const float *x, __m256 w, __m256 *sum) {
  *sum = _mm256_fmadd_ps(_mm256_broadcast_ss(x), w, *sum);
}

ALWAYS_INLINE void tile_12x8(const size_t rows, const struct mbconv_pointwise_panel *panel, const float *x,
                             float *const *y, size_t offset, const float *residual) {
  __m256 a = start(panel, y[0] + offset, 0);
  __m256 b = a, c = a, d = a, e = a, f = a, g = a, h = a, i = a, j = a, k = a, l = a;
  if (!panel->bias) {
    if (rows > 1) b = start(panel, y[1] + offset, 0);
    if (rows > 2) c = start(panel, y[2] + offset, 0);
    if (rows > 3) d = start(panel, y[3] + offset, 0);
    if (rows > 4) e = start(panel, y[4] + offset, 0);
    if (rows > 5) f = start(panel, y[5] + offset, 0);
    if (rows > 6) g = start(panel, y[6] + offset, 0);
    if (rows > 7) h = start(panel, y[7] + offset, 0);
    if (rows > 8) i = start(panel, y[8] + offset, 0);
    if (rows > 9) j = start(panel, y[9] + offset, 0);
    if (rows > 10) k = start(panel, y[10] + offset, 0);
    if (rows > 11) l = start(panel, y[11] + offset, 0);
  }
  const size_t stride = panel->x_stride;
  const float *x3 = x + 3 * stride, *x6 = x + 6 * stride, *x9 = x + 9 * stride;
  const float *weights = panel->weights;
  for (size_t left = panel->k; left > 0; left--) {
    const __m256 w = _mm256_load_ps(weights);
    step1(x, w, &a);
    if (rows > 1) step1(x + stride, w, &b);
    if (rows > 2) step1(x + 2 * stride, w, &c);
    if (rows > 3) step1(x3, w, &d);
    if (rows > 4) step1(x3 + stride, w, &e);
    if (rows > 5) step1(x3 + 2 * stride, w, &f);
    if (rows > 6) step1(x6, w, &g);
    if (rows > 7) step1(x6 + stride, w, &h);
    if (rows > 8) step1(x6 + 2 * stride, w, &i);
    if (rows > 9) step1(x9, w, &j);
    if (rows > 10) step1(x9 + stride, w, &k);
    if (rows > 11) step1(x9 + 2 * stride, w, &l);
    x++, x3++, x6++, x9++;
    weights += LANES;
  }
  finish(panel, y[0] + offset, residual, 0, 0, a);
  if (rows > 1) finish(panel, y[1] + offset, residual, 1, 0, b);
  if (rows > 2) finish(panel, y[2] + offset, residual, 2, 0, c);
  if (rows > 3) finish(panel, y[3] + offset, residual, 3, 0, d);
  if (rows > 4) finish(panel, y[4] + offset, residual, 4, 0, e);
  if (rows > 5) finish(panel, y[5] + offset, residual, 5, 0, f);
  if (rows > 6) finish(panel, y[6] + offset, residual, 6, 0, g);
  if (rows > 7) finish(panel, y[7] + offset, residual, 7, 0, h);
  if (rows > 8) finish(panel, y[8] + offset, residual, 8, 0, i);
  if (rows > 9) finish(panel, y[9] + offset, residual, 9, 0, j);
  if (rows > 10) finish(panel, y[10] + offset, residual, 10, 0, k);
  if (rows > 11) finish(panel, y[11] + offset, residual, 11, 0, l);
}

void mbconv_pointwise_avx2_12x8(const struct mbconv_pointwise_panel *panel, size_t pixels, const float *x,
                                float *const *y, size_t y_offset, const float *residual) {
  assert(panel->channels == LANES);
  switch (pixels) {
    case 1: tile_12x8(1, panel, x, y, y_offset, residual); break;
    case 2: tile_12x8(2, panel, x, y, y_offset, residual); break;
    case 3: tile_12x8(3, panel, x, y, y_offset, residual); break;
    case 4: tile_12x8(4, panel, x, y, y_offset, residual); break;
    case 5: tile_12x8(5, panel, x, y, y_offset, residual); break;
    case 6: tile_12x8(6, panel, x, y, y_offset, residual); break;
    case 7: tile_12x8(7, panel, x, y, y_offset, residual); break;
    case 8: tile_12x8(8, panel, x, y, y_offset, residual); break;
    case 9: tile_12x8(9, panel, x, y, y_offset, residual); break;
    case 10: tile_12x8(10, panel, x, y, y_offset, residual); break;
    case 11: tile_12x8(11, panel, x, y, y_offset, residual); break;
    default: tile_12x8(12, panel, x, y, y_offset, residual); break;
  }
}
