/* SPDX-License-Identifier: MIT
 *
 * The activations on AVX2, 8 floats at a time.
 *
 * SiLU and sigmoid write the arithmetic of SLEEF's expf in place, for e^-c with -88 <= c: no overflow to guard against,
 * and the scaling by 2^q is exact, so that one FMA gives 1 + e^-c rounded as the separate operations would. One vector
 * at a time: the loop's latency of some 70 cycles is hidden by the CPU's reordering, 11 of the operations need an FMA
 * unit.
 */
#include "set_avx2.h"
#include "vec_avx2.h"

ALWAYS_INLINE __m256 none(__m256 x) { return x; }

ALWAYS_INLINE __m256 relu(__m256 x) { return _mm256_max_ps(_mm256_setzero_ps(), x); }

ALWAYS_INLINE __m256 relu6(__m256 x) { return clamp(x, _mm256_setzero_ps(), _mm256_set1_ps(6.0f)); }

ALWAYS_INLINE __m256 hard_sigmoid(__m256 x) {
  return _mm256_div_ps(relu6(_mm256_add_ps(x, _mm256_set1_ps(3.0f))), _mm256_set1_ps(6.0f));
}

ALWAYS_INLINE __m256 hard_swish(__m256 x) {
  const __m256 product = _mm256_mul_ps(x, relu6(_mm256_add_ps(x, _mm256_set1_ps(3.0f))));
  return _mm256_div_ps(product, _mm256_set1_ps(6.0f));
}

/* 1 + e^-c for c >= -88; see vec_scalar.h for the steps. */
ALWAYS_INLINE __m256 one_plus_exp_minus(__m256 c) {
  const __m256 d = _mm256_max_ps(_mm256_set1_ps(-87.0f), _mm256_xor_ps(c, _mm256_set1_ps(-0.0f)));
  const __m256 shifter = _mm256_set1_ps(0x1.8p23f);
  const __m256 log2_e = _mm256_set1_ps(1.442695040888963407359924681001892137426645954152985934135449406931f);
  const __m256 shifted = _mm256_add_ps(_mm256_mul_ps(d, log2_e), shifter);
  const __m256 q = _mm256_sub_ps(shifted, shifter);
  __m256 s = _mm256_fnmadd_ps(q, _mm256_set1_ps(0.693145751953125f), d);
  s = _mm256_fnmadd_ps(q, _mm256_set1_ps(1.428606765330187045e-06f), s);
  __m256 p = _mm256_set1_ps(0.000198527617612853646278381f);
  p = _mm256_fmadd_ps(p, s, _mm256_set1_ps(0.00139304355252534151077271f));
  p = _mm256_fmadd_ps(p, s, _mm256_set1_ps(0.00833336077630519866943359f));
  p = _mm256_fmadd_ps(p, s, _mm256_set1_ps(0.0416664853692054748535156f));
  p = _mm256_fmadd_ps(p, s, _mm256_set1_ps(0.166666671633720397949219f));
  p = _mm256_fmadd_ps(p, s, _mm256_set1_ps(0.5f));
  const __m256 one = _mm256_set1_ps(1.0f);
  const __m256 u = _mm256_add_ps(one, _mm256_fmadd_ps(_mm256_mul_ps(s, s), p, s));
  const __m256i power =
      _mm256_add_epi32(_mm256_slli_epi32(_mm256_castps_si256(shifted), 23), _mm256_castps_si256(one)); /* 2^q */
  return _mm256_fmadd_ps(u, _mm256_castsi256_ps(power), one);
}

ALWAYS_INLINE __m256 silu(__m256 x) {
  const __m256 c = floor88(x);
  return _mm256_div_ps(c, one_plus_exp_minus(c));
}

ALWAYS_INLINE __m256 sigmoid(__m256 x) { return _mm256_div_ps(_mm256_set1_ps(1.0f), one_plus_exp_minus(floor88(x))); }

void mbconv_none_avx2(size_t n, const float *x, float *y) { map(none, n, x, y); }

void mbconv_relu_avx2(size_t n, const float *x, float *y) { map(relu, n, x, y); }

void mbconv_relu6_avx2(size_t n, const float *x, float *y) { map(relu6, n, x, y); }

void mbconv_hard_sigmoid_avx2(size_t n, const float *x, float *y) { map(hard_sigmoid, n, x, y); }

void mbconv_hard_swish_avx2(size_t n, const float *x, float *y) { map(hard_swish, n, x, y); }

void mbconv_silu_avx2(size_t n, const float *x, float *y) { map(silu, n, x, y); }

void mbconv_sigmoid_avx2(size_t n, const float *x, float *y) { map(sigmoid, n, x, y); }
