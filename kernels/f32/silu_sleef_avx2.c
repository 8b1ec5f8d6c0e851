/* SPDX-License-Identifier: MIT
 *
 * SiLU and sigmoid on AVX2 by calls to SLEEF's expf of 1.0 ULP. Twice as slow as the same arithmetic in place
 * (activation_avx2.c): across a call every vector register is saved.
 */
#include <sleef.h>

#include "set_avx2.h"
#include "vec_avx2.h"

ALWAYS_INLINE __m256 one_plus_exp_minus(__m256 c) {
  return _mm256_add_ps(_mm256_set1_ps(1.0f), Sleef_expf8_u10avx2(_mm256_xor_ps(c, _mm256_set1_ps(-0.0f))));
}

ALWAYS_INLINE __m256 silu(__m256 x) {
  const __m256 c = floor88(x);
  return _mm256_div_ps(c, one_plus_exp_minus(c));
}

ALWAYS_INLINE __m256 sigmoid(__m256 x) { return _mm256_div_ps(_mm256_set1_ps(1.0f), one_plus_exp_minus(floor88(x))); }

void mbconv_silu_sleef_avx2(size_t n, const void *x, void *y) { map(silu, n, x, y); }

void mbconv_sigmoid_sleef_avx2(size_t n, const void *x, void *y) { map(sigmoid, n, x, y); }
