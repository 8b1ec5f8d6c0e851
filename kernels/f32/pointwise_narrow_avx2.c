/* SPDX-License-Identifier: MIT
 *
 * Pointwise on AVX2 for last panels: tiles of 6 pixels x 16 channels and of 12 x 8.
 *
 * Both have 12 independent chains, like the 4x24 of pointwise_avx2.c. For 12 FMAs 6x16 does 8 loads, and 12x8 does 13.
 *
 *     registers     6x16      12x8
 *     sums          12        12
 *     weights       2         1
 *     pixel         1         1      (broadcast; compilers may use a second register)
 *
 * Order: k ascending, one FMA a step, from the bias.
 */
#include <assert.h>

#include "pointwise_avx2.h"
#include "set_avx2.h"
#include "vec_avx2.h"

/* ---- 6 x 16 ------------------------------------------------------------------------------------------------------ */

struct sums_6x16 {
  __m256 a0, a1, b0, b1, c0, c1, d0, d1, e0, e1, f0, f1;
};

ALWAYS_INLINE void step2(const float *x, __m256 w0, __m256 w1, __m256 *sum0, __m256 *sum1) {
  const __m256 pixel = _mm256_broadcast_ss(x);
  *sum0 = _mm256_fmadd_ps(pixel, w0, *sum0);
  *sum1 = _mm256_fmadd_ps(pixel, w1, *sum1);
}

ALWAYS_INLINE void finish2(const bool add, struct limits limits, float *y, const float *residual, size_t r, __m256 sum0,
                           __m256 sum1) {
  finish(add, limits, y, residual, r, sum0);
  finish(add, limits, y + LANES, residual, r + LANES, sum1);
}

ALWAYS_INLINE void tile_6x16(const size_t rows, const bool add, const struct mbconv_pointwise_panel *panel,
                             const float *x, void *const *y, size_t offset, const float *residual) {
  const float *bias = panel->bias;
  const __m256 bias0 = _mm256_load_ps(bias), bias1 = _mm256_load_ps(bias + LANES);
  struct sums_6x16 s = {bias0, bias1, bias0, bias1, bias0, bias1, bias0, bias1, bias0, bias1, bias0, bias1};
  const size_t stride = panel->x_stride;
  const float *x3 = x + 3 * stride;
  const float *weights = panel->weights;
  size_t left = panel->k;
  do {
    size_t i = panel->segment;
    do {
      const __m256 w0 = _mm256_load_ps(weights), w1 = _mm256_load_ps(weights + LANES);
      step2(x, w0, w1, &s.a0, &s.a1);
      if (rows > 1) step2(x + stride, w0, w1, &s.b0, &s.b1);
      if (rows > 2) step2(x + 2 * stride, w0, w1, &s.c0, &s.c1);
      if (rows > 3) step2(x3, w0, w1, &s.d0, &s.d1);
      if (rows > 4) step2(x3 + stride, w0, w1, &s.e0, &s.e1);
      if (rows > 5) step2(x3 + 2 * stride, w0, w1, &s.f0, &s.f1);
      x++, x3++;
      weights += 2 * LANES;
    } while (--i > 0);
    x += panel->jump, x3 += panel->jump;
  } while ((left -= panel->segment) > 0);
  const struct limits limits = limits_of(panel);
  const size_t r = add ? panel->r_stride : 0;
  finish2(add, limits, output(y, 0, offset), residual, 0, s.a0, s.a1);
  if (rows > 1) finish2(add, limits, output(y, 1, offset), residual, r, s.b0, s.b1);
  if (rows > 2) finish2(add, limits, output(y, 2, offset), residual, 2 * r, s.c0, s.c1);
  if (rows > 3) finish2(add, limits, output(y, 3, offset), residual, 3 * r, s.d0, s.d1);
  if (rows > 4) finish2(add, limits, output(y, 4, offset), residual, 4 * r, s.e0, s.e1);
  if (rows > 5) finish2(add, limits, output(y, 5, offset), residual, 5 * r, s.f0, s.f1);
}

ALWAYS_INLINE void tiles_6x16(const size_t rows, size_t tiles, const struct mbconv_pointwise_panel *panel,
                              const float *x, void *const *y, size_t offset, const float *residual) {
  const size_t x_step = rows * panel->x_stride;
  if (residual) {
    for (; tiles > 0; tiles--, x += x_step, y += rows, residual += rows * panel->r_stride)
      tile_6x16(rows, true, panel, x, y, offset, residual);
  } else {
    for (; tiles > 0; tiles--, x += x_step, y += rows) tile_6x16(rows, false, panel, x, y, offset, NULL);
  }
}

void mbconv_pointwise_avx2_6x16(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const void *x,
                                void *const *y, size_t y_offset, const void *residual) {
  assert(panel->channels == 2 * LANES);
  switch (pixels) {
    case 1: tiles_6x16(1, tiles, panel, x, y, y_offset, residual); break;
    case 2: tiles_6x16(2, tiles, panel, x, y, y_offset, residual); break;
    case 3: tiles_6x16(3, tiles, panel, x, y, y_offset, residual); break;
    case 4: tiles_6x16(4, tiles, panel, x, y, y_offset, residual); break;
    case 5: tiles_6x16(5, tiles, panel, x, y, y_offset, residual); break;
    default: tiles_6x16(6, tiles, panel, x, y, y_offset, residual); break;
  }
}

/* ---- 12 x 8 ------------------------------------------------------------------------------------------------------ */

struct sums_12x8 {
  __m256 a, b, c, d, e, f, g, h, i, j, k, l;
};

ALWAYS_INLINE void step1(const float *x, __m256 w, __m256 *sum) {
  *sum = _mm256_fmadd_ps(_mm256_broadcast_ss(x), w, *sum);
}

ALWAYS_INLINE void tile_12x8(const size_t rows, const bool add, const struct mbconv_pointwise_panel *panel,
                             const float *x, void *const *y, size_t offset, const float *residual) {
  const __m256 bias = _mm256_load_ps(panel->bias);
  struct sums_12x8 s = {bias, bias, bias, bias, bias, bias, bias, bias, bias, bias, bias, bias};
  const size_t stride = panel->x_stride;
  const float *x3 = x + 3 * stride, *x6 = x + 6 * stride, *x9 = x + 9 * stride;
  const float *weights = panel->weights;
  size_t left = panel->k;
  do {
    size_t i = panel->segment;
    do {
      const __m256 w = _mm256_load_ps(weights);
      step1(x, w, &s.a);
      if (rows > 1) step1(x + stride, w, &s.b);
      if (rows > 2) step1(x + 2 * stride, w, &s.c);
      if (rows > 3) step1(x3, w, &s.d);
      if (rows > 4) step1(x3 + stride, w, &s.e);
      if (rows > 5) step1(x3 + 2 * stride, w, &s.f);
      if (rows > 6) step1(x6, w, &s.g);
      if (rows > 7) step1(x6 + stride, w, &s.h);
      if (rows > 8) step1(x6 + 2 * stride, w, &s.i);
      if (rows > 9) step1(x9, w, &s.j);
      if (rows > 10) step1(x9 + stride, w, &s.k);
      if (rows > 11) step1(x9 + 2 * stride, w, &s.l);
      x++, x3++, x6++, x9++;
      weights += LANES;
    } while (--i > 0);
    x += panel->jump, x3 += panel->jump, x6 += panel->jump, x9 += panel->jump;
  } while ((left -= panel->segment) > 0);
  const struct limits limits = limits_of(panel);
  const size_t r = add ? panel->r_stride : 0;
  finish(add, limits, output(y, 0, offset), residual, 0, s.a);
  if (rows > 1) finish(add, limits, output(y, 1, offset), residual, r, s.b);
  if (rows > 2) finish(add, limits, output(y, 2, offset), residual, 2 * r, s.c);
  if (rows > 3) finish(add, limits, output(y, 3, offset), residual, 3 * r, s.d);
  if (rows > 4) finish(add, limits, output(y, 4, offset), residual, 4 * r, s.e);
  if (rows > 5) finish(add, limits, output(y, 5, offset), residual, 5 * r, s.f);
  if (rows > 6) finish(add, limits, output(y, 6, offset), residual, 6 * r, s.g);
  if (rows > 7) finish(add, limits, output(y, 7, offset), residual, 7 * r, s.h);
  if (rows > 8) finish(add, limits, output(y, 8, offset), residual, 8 * r, s.i);
  if (rows > 9) finish(add, limits, output(y, 9, offset), residual, 9 * r, s.j);
  if (rows > 10) finish(add, limits, output(y, 10, offset), residual, 10 * r, s.k);
  if (rows > 11) finish(add, limits, output(y, 11, offset), residual, 11 * r, s.l);
}

ALWAYS_INLINE void tiles_12x8(const size_t rows, size_t tiles, const struct mbconv_pointwise_panel *panel,
                              const float *x, void *const *y, size_t offset, const float *residual) {
  const size_t x_step = rows * panel->x_stride;
  if (residual) {
    for (; tiles > 0; tiles--, x += x_step, y += rows, residual += rows * panel->r_stride)
      tile_12x8(rows, true, panel, x, y, offset, residual);
  } else {
    for (; tiles > 0; tiles--, x += x_step, y += rows) tile_12x8(rows, false, panel, x, y, offset, NULL);
  }
}

void mbconv_pointwise_avx2_12x8(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const void *x,
                                void *const *y, size_t y_offset, const void *residual) {
  assert(panel->channels == LANES);
  switch (pixels) {
    case 1: tiles_12x8(1, tiles, panel, x, y, y_offset, residual); break;
    case 2: tiles_12x8(2, tiles, panel, x, y, y_offset, residual); break;
    case 3: tiles_12x8(3, tiles, panel, x, y, y_offset, residual); break;
    case 4: tiles_12x8(4, tiles, panel, x, y, y_offset, residual); break;
    case 5: tiles_12x8(5, tiles, panel, x, y, y_offset, residual); break;
    case 6: tiles_12x8(6, tiles, panel, x, y, y_offset, residual); break;
    case 7: tiles_12x8(7, tiles, panel, x, y, y_offset, residual); break;
    case 8: tiles_12x8(8, tiles, panel, x, y, y_offset, residual); break;
    case 9: tiles_12x8(9, tiles, panel, x, y, y_offset, residual); break;
    case 10: tiles_12x8(10, tiles, panel, x, y, y_offset, residual); break;
    case 11: tiles_12x8(11, tiles, panel, x, y, y_offset, residual); break;
    default: tiles_12x8(12, tiles, panel, x, y, y_offset, residual); break;
  }
}
