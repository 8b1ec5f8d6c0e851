/* SPDX-License-Identifier: MIT
 *
 * The activations on AVX-512, 16 floats at a time.
 *
 * SiLU and sigmoid write the arithmetic of SLEEF's expf in place, for e^-c with -88 <= c: no overflow to guard against,
 * and the scaling by 2^q is exact, so that one FMA gives 1 + e^-c rounded as the separate operations would. One vector
 * at a time: the CPU's reordering hides the latency, two at once are no faster (16 cycles a vector of SiLU on Zen 4,
 * either way).
 */
#include "set_avx512.h"
#include "vec_avx512.h"

ALWAYS_INLINE __m512 none(__m512 x) { return x; }

ALWAYS_INLINE __m512 relu(__m512 x) { return _mm512_max_ps(_mm512_setzero_ps(), x); }

ALWAYS_INLINE __m512 relu6(__m512 x) { return clamp(x, _mm512_setzero_ps(), _mm512_set1_ps(6.0f)); }

ALWAYS_INLINE __m512 hard_sigmoid(__m512 x) {
  return _mm512_div_ps(relu6(_mm512_add_ps(x, _mm512_set1_ps(3.0f))), _mm512_set1_ps(6.0f));
}

ALWAYS_INLINE __m512 hard_swish(__m512 x) {
  const __m512 product = _mm512_mul_ps(x, relu6(_mm512_add_ps(x, _mm512_set1_ps(3.0f))));
  return _mm512_div_ps(product, _mm512_set1_ps(6.0f));
}

/* 1 + e^-c for c >= -88; see vec_scalar.h for the steps. */
ALWAYS_INLINE __m512 one_plus_exp_minus(__m512 c) {
  const __m512 d = _mm512_max_ps(_mm512_set1_ps(-87.0f), _mm512_xor_ps(c, _mm512_set1_ps(-0.0f)));
  const __m512 shifter = _mm512_set1_ps(0x1.8p23f);
  const __m512 log2_e = _mm512_set1_ps(1.442695040888963407359924681001892137426645954152985934135449406931f);
  const __m512 shifted = _mm512_add_ps(_mm512_mul_ps(d, log2_e), shifter);
  const __m512 q = _mm512_sub_ps(shifted, shifter);
  __m512 s = _mm512_fnmadd_ps(q, _mm512_set1_ps(0.693145751953125f), d);
  s = _mm512_fnmadd_ps(q, _mm512_set1_ps(1.428606765330187045e-06f), s);
  __m512 p = _mm512_set1_ps(0.000198527617612853646278381f);
  p = _mm512_fmadd_ps(p, s, _mm512_set1_ps(0.00139304355252534151077271f));
  p = _mm512_fmadd_ps(p, s, _mm512_set1_ps(0.00833336077630519866943359f));
  p = _mm512_fmadd_ps(p, s, _mm512_set1_ps(0.0416664853692054748535156f));
  p = _mm512_fmadd_ps(p, s, _mm512_set1_ps(0.166666671633720397949219f));
  p = _mm512_fmadd_ps(p, s, _mm512_set1_ps(0.5f));
  const __m512 one = _mm512_set1_ps(1.0f);
  const __m512 u = _mm512_add_ps(one, _mm512_fmadd_ps(_mm512_mul_ps(s, s), p, s));
  const __m512i power =
      _mm512_add_epi32(_mm512_slli_epi32(_mm512_castps_si512(shifted), 23), _mm512_castps_si512(one)); /* 2^q */
  return _mm512_fmadd_ps(u, _mm512_castsi512_ps(power), one);
}

ALWAYS_INLINE __m512 silu(__m512 x) {
  const __m512 c = floor88(x);
  return _mm512_div_ps(c, one_plus_exp_minus(c));
}

ALWAYS_INLINE __m512 sigmoid(__m512 x) { return _mm512_div_ps(_mm512_set1_ps(1.0f), one_plus_exp_minus(floor88(x))); }

void mbconv_none_avx512(size_t n, const float *x, float *y) { map(none, n, x, y); }

void mbconv_relu_avx512(size_t n, const float *x, float *y) { map(relu, n, x, y); }

void mbconv_relu6_avx512(size_t n, const float *x, float *y) { map(relu6, n, x, y); }

void mbconv_hard_sigmoid_avx512(size_t n, const float *x, float *y) { map(hard_sigmoid, n, x, y); }

void mbconv_hard_swish_avx512(size_t n, const float *x, float *y) { map(hard_swish, n, x, y); }

void mbconv_silu_avx512(size_t n, const float *x, float *y) { map(silu, n, x, y); }

void mbconv_sigmoid_avx512(size_t n, const float *x, float *y) { map(sigmoid, n, x, y); }
