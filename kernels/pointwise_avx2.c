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
 * The loop over tiles is in here because a call costs 5 cycles more than an iteration: 5% at k = 16, 1% at k = 64.
 *
 * Order: k ascending, one FMA a step, from the bias or from the partial sum in y.
 */
#include <assert.h>
#include <math.h>

#include "set_avx2.h"
#include "vec_avx2.h"

/* The chain's start: the bias, or the partial sum that y holds. */
ALWAYS_INLINE __m256 start(const struct mbconv_pointwise_panel *panel, const float *y, size_t v) {
  return panel->bias ? _mm256_load_ps(panel->bias + v * LANES) : _mm256_loadu_ps(y + v * LANES);
}

/* How a tile ends. A clamp costs 2 operations for each sum on the ports of the FMAs, 6 cycles a tile: left out where it
 * would do nothing. */
enum ending { PLAIN, CLAMP, RESIDUAL };

ALWAYS_INLINE enum ending ending_of(const struct mbconv_pointwise_panel *panel, const float *residual) {
  if (residual) return RESIDUAL;
  return panel->lo > -INFINITY || panel->hi < INFINITY ? CLAMP : PLAIN;
}

/* Constants are loaded here, after the k loop: gcc 12 would keep them in registers through it and spill sums. */
ALWAYS_INLINE void finish(const enum ending ending, const struct mbconv_pointwise_panel *panel, float *y,
                          const float *residual, __m256 sum) {
  if (ending == RESIDUAL) sum = _mm256_add_ps(sum, _mm256_loadu_ps(residual));
  if (ending != PLAIN) sum = clamp(sum, _mm256_broadcast_ss(&panel->lo), _mm256_broadcast_ss(&panel->hi));
  _mm256_storeu_ps(y, sum);
}

/* ---- 6 x 16 ------------------------------------------------------------------------------------------------------ */

struct sums_6x16 {
  __m256 a0, a1, b0, b1, c0, c1, d0, d1, e0, e1, f0, f1;
};

ALWAYS_INLINE void step2(const float *x, __m256 w0, __m256 w1, __m256 *sum0, __m256 *sum1) {
  const __m256 pixel = _mm256_broadcast_ss(x);
  *sum0 = _mm256_fmadd_ps(pixel, w0, *sum0);
  *sum1 = _mm256_fmadd_ps(pixel, w1, *sum1);
}

ALWAYS_INLINE void finish2(const enum ending ending, const struct mbconv_pointwise_panel *panel, float *y,
                           const float *residual, size_t row, __m256 sum0, __m256 sum1) {
  if (ending == RESIDUAL) residual += row * panel->r_stride;
  finish(ending, panel, y, residual, sum0);
  finish(ending, panel, y + LANES, ending == RESIDUAL ? residual + LANES : NULL, sum1);
}

ALWAYS_INLINE void end_6x16(const enum ending ending, const size_t rows, const struct mbconv_pointwise_panel *panel,
                            float *const *y, size_t offset, const float *residual, const struct sums_6x16 *s) {
  finish2(ending, panel, y[0] + offset, residual, 0, s->a0, s->a1);
  if (rows > 1) finish2(ending, panel, y[1] + offset, residual, 1, s->b0, s->b1);
  if (rows > 2) finish2(ending, panel, y[2] + offset, residual, 2, s->c0, s->c1);
  if (rows > 3) finish2(ending, panel, y[3] + offset, residual, 3, s->d0, s->d1);
  if (rows > 4) finish2(ending, panel, y[4] + offset, residual, 4, s->e0, s->e1);
  if (rows > 5) finish2(ending, panel, y[5] + offset, residual, 5, s->f0, s->f1);
}

ALWAYS_INLINE void tile_6x16(const size_t rows, const struct mbconv_pointwise_panel *panel, const float *x,
                             float *const *y, size_t offset, const float *residual) {
  const __m256 start0 = start(panel, y[0] + offset, 0), start1 = start(panel, y[0] + offset, 1);
  struct sums_6x16 s = {start0, start1, start0, start1, start0, start1, start0, start1, start0, start1, start0, start1};
  if (!panel->bias) {
    if (rows > 1) s.b0 = start(panel, y[1] + offset, 0), s.b1 = start(panel, y[1] + offset, 1);
    if (rows > 2) s.c0 = start(panel, y[2] + offset, 0), s.c1 = start(panel, y[2] + offset, 1);
    if (rows > 3) s.d0 = start(panel, y[3] + offset, 0), s.d1 = start(panel, y[3] + offset, 1);
    if (rows > 4) s.e0 = start(panel, y[4] + offset, 0), s.e1 = start(panel, y[4] + offset, 1);
    if (rows > 5) s.f0 = start(panel, y[5] + offset, 0), s.f1 = start(panel, y[5] + offset, 1);
  }
  const size_t stride = panel->x_stride;
  const float *x3 = x + 3 * stride;
  const float *weights = panel->weights;
  for (size_t left = panel->k; left > 0; left--) {
    const __m256 w0 = _mm256_load_ps(weights), w1 = _mm256_load_ps(weights + LANES);
    step2(x, w0, w1, &s.a0, &s.a1);
    if (rows > 1) step2(x + stride, w0, w1, &s.b0, &s.b1);
    if (rows > 2) step2(x + 2 * stride, w0, w1, &s.c0, &s.c1);
    if (rows > 3) step2(x3, w0, w1, &s.d0, &s.d1);
    if (rows > 4) step2(x3 + stride, w0, w1, &s.e0, &s.e1);
    if (rows > 5) step2(x3 + 2 * stride, w0, w1, &s.f0, &s.f1);
    x++, x3++;
    weights += 2 * LANES;
  }
  switch (ending_of(panel, residual)) {
    case PLAIN: end_6x16(PLAIN, rows, panel, y, offset, residual, &s); break;
    case CLAMP: end_6x16(CLAMP, rows, panel, y, offset, residual, &s); break;
    case RESIDUAL: end_6x16(RESIDUAL, rows, panel, y, offset, residual, &s); break;
  }
}

ALWAYS_INLINE void tiles_6x16(const size_t rows, size_t tiles, const struct mbconv_pointwise_panel *panel,
                              const float *x, float *const *y, size_t offset, const float *residual) {
  for (; tiles > 0; tiles--) {
    tile_6x16(rows, panel, x, y, offset, residual);
    x += rows * panel->x_stride;
    y += rows;
    if (residual) residual += rows * panel->r_stride;
  }
}

void mbconv_pointwise_avx2_6x16(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const float *x,
                                float *const *y, size_t y_offset, const float *residual) {
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

ALWAYS_INLINE void finish1(const enum ending ending, const struct mbconv_pointwise_panel *panel, float *y,
                           const float *residual, size_t row, __m256 sum) {
  finish(ending, panel, y, ending == RESIDUAL ? residual + row * panel->r_stride : NULL, sum);
}

ALWAYS_INLINE void end_12x8(const enum ending ending, const size_t rows, const struct mbconv_pointwise_panel *panel,
                            float *const *y, size_t offset, const float *residual, const struct sums_12x8 *s) {
  finish1(ending, panel, y[0] + offset, residual, 0, s->a);
  if (rows > 1) finish1(ending, panel, y[1] + offset, residual, 1, s->b);
  if (rows > 2) finish1(ending, panel, y[2] + offset, residual, 2, s->c);
  if (rows > 3) finish1(ending, panel, y[3] + offset, residual, 3, s->d);
  if (rows > 4) finish1(ending, panel, y[4] + offset, residual, 4, s->e);
  if (rows > 5) finish1(ending, panel, y[5] + offset, residual, 5, s->f);
  if (rows > 6) finish1(ending, panel, y[6] + offset, residual, 6, s->g);
  if (rows > 7) finish1(ending, panel, y[7] + offset, residual, 7, s->h);
  if (rows > 8) finish1(ending, panel, y[8] + offset, residual, 8, s->i);
  if (rows > 9) finish1(ending, panel, y[9] + offset, residual, 9, s->j);
  if (rows > 10) finish1(ending, panel, y[10] + offset, residual, 10, s->k);
  if (rows > 11) finish1(ending, panel, y[11] + offset, residual, 11, s->l);
}

ALWAYS_INLINE void tile_12x8(const size_t rows, const struct mbconv_pointwise_panel *panel, const float *x,
                             float *const *y, size_t offset, const float *residual) {
  const __m256 first = start(panel, y[0] + offset, 0);
  struct sums_12x8 s = {first, first, first, first, first, first, first, first, first, first, first, first};
  if (!panel->bias) {
    if (rows > 1) s.b = start(panel, y[1] + offset, 0);
    if (rows > 2) s.c = start(panel, y[2] + offset, 0);
    if (rows > 3) s.d = start(panel, y[3] + offset, 0);
    if (rows > 4) s.e = start(panel, y[4] + offset, 0);
    if (rows > 5) s.f = start(panel, y[5] + offset, 0);
    if (rows > 6) s.g = start(panel, y[6] + offset, 0);
    if (rows > 7) s.h = start(panel, y[7] + offset, 0);
    if (rows > 8) s.i = start(panel, y[8] + offset, 0);
    if (rows > 9) s.j = start(panel, y[9] + offset, 0);
    if (rows > 10) s.k = start(panel, y[10] + offset, 0);
    if (rows > 11) s.l = start(panel, y[11] + offset, 0);
  }
  const size_t stride = panel->x_stride;
  const float *x3 = x + 3 * stride, *x6 = x + 6 * stride, *x9 = x + 9 * stride;
  const float *weights = panel->weights;
  for (size_t left = panel->k; left > 0; left--) {
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
  }
  switch (ending_of(panel, residual)) {
    case PLAIN: end_12x8(PLAIN, rows, panel, y, offset, residual, &s); break;
    case CLAMP: end_12x8(CLAMP, rows, panel, y, offset, residual, &s); break;
    case RESIDUAL: end_12x8(RESIDUAL, rows, panel, y, offset, residual, &s); break;
  }
}

ALWAYS_INLINE void tiles_12x8(const size_t rows, size_t tiles, const struct mbconv_pointwise_panel *panel,
                              const float *x, float *const *y, size_t offset, const float *residual) {
  for (; tiles > 0; tiles--) {
    tile_12x8(rows, panel, x, y, offset, residual);
    x += rows * panel->x_stride;
    y += rows;
    if (residual) residual += rows * panel->r_stride;
  }
}

void mbconv_pointwise_avx2_12x8(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const float *x,
                                float *const *y, size_t y_offset, const float *residual) {
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
