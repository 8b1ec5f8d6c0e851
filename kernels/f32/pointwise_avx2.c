/* SPDX-License-Identifier: MIT
 *
 * Pointwise on AVX2: tiles of 4 pixels x 24 channels. The tiles of last panels are in pointwise_narrow_avx2.c.
 *
 * 12 independent chains are more than the 8 or 10 that hide the latency of FMA (4 or 5 cycles, 2 a cycle), and 12 FMAs
 * take 7 loads. All expanded channels of MobileNetV2-1.0 and EfficientNet-B0 but the first are multiples of 24.
 *
 *     registers
 *     sums          12
 *     weights       3
 *     pixel         1      (broadcast)
 *
 * 4x24 is faster than 6x16: on Zen 4, with 48 channels and k from 16 to 960, by 1.5 to 2.4% for 56 pixels and by 1 to
 * 3% for 49 and 196 (gcc 12; with clang 14 the two are within 2%). 24 channels without this tile would take 6x16 and
 * 12x8 together, which are 6 to 16% slower.
 *
 * The sums are named: gcc 12 keeps an array of them in memory, even when every loop over it is unrolled. `rows` is a
 * constant at every call of a tile, so the comparisons with it vanish.
 *
 * The loop over tiles is in this file because a call costs 5 cycles more than an iteration: 5% at k = 16, 1% at k = 64.
 *
 * Order: k ascending, one FMA a step, from the bias.
 */
#include <assert.h>

#include "pointwise_avx2.h"
#include "set_avx2.h"
#include "vec_avx2.h"

struct sums_4x24 {
  __m256 a0, a1, a2, b0, b1, b2, c0, c1, c2, d0, d1, d2;
};

ALWAYS_INLINE void step3(const float *x, __m256 w0, __m256 w1, __m256 w2, __m256 *sum0, __m256 *sum1, __m256 *sum2) {
  const __m256 pixel = _mm256_broadcast_ss(x);
  *sum0 = _mm256_fmadd_ps(pixel, w0, *sum0);
  *sum1 = _mm256_fmadd_ps(pixel, w1, *sum1);
  *sum2 = _mm256_fmadd_ps(pixel, w2, *sum2);
}

ALWAYS_INLINE void finish3(const bool add, struct limits limits, float *y, const float *residual, size_t r, __m256 sum0,
                           __m256 sum1, __m256 sum2) {
  finish(add, limits, y, residual, r, sum0);
  finish(add, limits, y + LANES, residual, r + LANES, sum1);
  finish(add, limits, y + 2 * LANES, residual, r + 2 * LANES, sum2);
}

/* Each tile prefetches its share of the next panel into L2, at an even pace, so that the first tile of that panel does
 * not wait for L3. Weights come from L3 in a whole network. On Zen 4 the blocks of 7x7 pixels gain 8%, those of 14x14
 * gain 1%. */
struct ahead {
  const char *at;
  size_t step; /* bytes that each step of k prefetches */
};

/* A panel has 24 weights for each k. Panels of fewer k than LEAST_K_TO_PREFETCH gain nothing. */
enum { PANEL_BYTES_PER_K = 96, LEAST_K_TO_PREFETCH = 64 };

ALWAYS_INLINE struct ahead ahead_of(const struct mbconv_pointwise_panel *panel, size_t tiles) {
  return (struct ahead){(const char *)panel->weights + panel->next, (PANEL_BYTES_PER_K + tiles - 1) / tiles};
}

/* `ahead` is NULL if the tile prefetches nothing. */
ALWAYS_INLINE void tile_4x24(const size_t rows, const bool add, struct ahead *ahead,
                             const struct mbconv_pointwise_panel *panel, const float *x, void *const *y, size_t offset,
                             const float *residual) {
  const float *bias = panel->bias;
  const __m256 bias0 = _mm256_load_ps(bias), bias1 = _mm256_load_ps(bias + LANES),
               bias2 = _mm256_load_ps(bias + 2 * LANES);
  struct sums_4x24 s = {bias0, bias1, bias2, bias0, bias1, bias2, bias0, bias1, bias2, bias0, bias1, bias2};
  const size_t stride = panel->x_stride;
  const float *x3 = x + 3 * stride;
  const float *weights = panel->weights;
  size_t left = panel->k;
  do {
    size_t i = panel->segment;
    NO_UNROLL
    do {
      const __m256 w0 = _mm256_load_ps(weights), w1 = _mm256_load_ps(weights + LANES),
                   w2 = _mm256_load_ps(weights + 2 * LANES);
      if (ahead) _mm_prefetch(ahead->at, _MM_HINT_T1), ahead->at += ahead->step;
      step3(x, w0, w1, w2, &s.a0, &s.a1, &s.a2);
      if (rows > 1) step3(x + stride, w0, w1, w2, &s.b0, &s.b1, &s.b2);
      if (rows > 2) step3(x + 2 * stride, w0, w1, w2, &s.c0, &s.c1, &s.c2);
      if (rows > 3) step3(x3, w0, w1, w2, &s.d0, &s.d1, &s.d2);
      x++, x3++;
      weights += 3 * LANES;
    } while (--i > 0);
    x += panel->jump, x3 += panel->jump;
  } while ((left -= panel->segment) > 0);
  const struct limits limits = limits_of(panel);
  const size_t r = add ? panel->r_stride : 0;
  finish3(add, limits, output(y, 0, offset), residual, 0, s.a0, s.a1, s.a2);
  if (rows > 1) finish3(add, limits, output(y, 1, offset), residual, r, s.b0, s.b1, s.b2);
  if (rows > 2) finish3(add, limits, output(y, 2, offset), residual, 2 * r, s.c0, s.c1, s.c2);
  if (rows > 3) finish3(add, limits, output(y, 3, offset), residual, 3 * r, s.d0, s.d1, s.d2);
}

ALWAYS_INLINE void each_4x24(const size_t rows, const bool add, size_t tiles,
                             const struct mbconv_pointwise_panel *panel, const float *x, void *const *y, size_t offset,
                             const float *residual) {
  struct ahead ahead = ahead_of(panel, tiles);
  for (; tiles > 0; tiles--) {
    if (rows > 2 && panel->k >= LEAST_K_TO_PREFETCH && !panel->warm)
      tile_4x24(rows, add, &ahead, panel, x, y, offset, residual);
    else
      tile_4x24(rows, add, NULL, panel, x, y, offset, residual);
    x += rows * panel->x_stride;
    y += rows;
    if (add) residual += rows * panel->r_stride;
  }
}

ALWAYS_INLINE void tiles_4x24(const size_t rows, size_t tiles, const struct mbconv_pointwise_panel *panel,
                              const float *x, void *const *y, size_t offset, const float *residual) {
  if (residual)
    each_4x24(rows, true, tiles, panel, x, y, offset, residual);
  else
    each_4x24(rows, false, tiles, panel, x, y, offset, NULL);
}

void mbconv_pointwise_avx2_4x24(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const void *x,
                                void *const *y, size_t y_offset, const void *residual) {
  assert(panel->channels == 3 * LANES);
  switch (pixels) {
    case 1: tiles_4x24(1, tiles, panel, x, y, y_offset, residual); break;
    case 2: tiles_4x24(2, tiles, panel, x, y, y_offset, residual); break;
    case 3: tiles_4x24(3, tiles, panel, x, y, y_offset, residual); break;
    default: tiles_4x24(4, tiles, panel, x, y, y_offset, residual); break;
  }
}
