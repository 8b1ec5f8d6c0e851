/* SPDX-License-Identifier: MIT
 *
 * How AVX2's tiles of the 1x1 convolution end.
 */
#ifndef MBCONV_POINTWISE_AVX2_H
#define MBCONV_POINTWISE_AVX2_H

#include "set_avx2.h"
#include "vec_avx2.h"

/* A tile ends by adding the residual, if there is one, and by the clamp. It clamps even where that changes nothing: on
 * Zen 4 a tile that ends with FMA, max, min and store takes 5 cycles less than one that ends with FMA and store. */
struct limits {
  __m256 lo, hi;
};

ALWAYS_INLINE struct limits limits_of(const struct mbconv_pointwise_panel *panel) {
  return (struct limits){_mm256_broadcast_ss(&panel->ending.lo), _mm256_broadcast_ss(&panel->ending.hi)};
}

/* Where channel `offset` of output pixel p is stored. */
ALWAYS_INLINE float *output(void *const *y, size_t p, size_t offset) { return (float *)y[p] + offset; }

/* Finishes one sum after the other: gcc 12 would take the maximum of all of them first, which costs 3 cycles a tile. */
ALWAYS_INLINE void finish(const bool add, struct limits limits, float *y, const float *residual, size_t r, __m256 sum) {
  in_order(&sum);
  if (add) sum = _mm256_add_ps(sum, _mm256_loadu_ps(residual + r));
  _mm256_storeu_ps(y, clamp(sum, limits.lo, limits.hi));
}

#endif
