/* SPDX-License-Identifier: MIT
 *
 * The activations on AVX-512, 16 floats at a time.
 *
 * SiLU and sigmoid write the arithmetic of SLEEF's expf in place, for e^-c with -88 <= c: no overflow to guard against,
 * and the scaling by 2^-q is exact. SiLU runs as the pipeline of silu_pipeline.h. Cycles per vector on Zen 4, gcc 12 /
 * clang 14:
 *
 *     three stages, this                                 13.1 / 13.1
 *     two, in two loops over a chunk                     14.4 / 14.4
 *     one                                                16.4
 */
#include "set_avx512.h"
#include "vec_avx512.h"

/* It uses LANES. */
#include "silu_pipeline.h"

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

/* c = q ln 2 + s with |s| <= ln(2) / 2, for -88 <= c <= 87; *shifted_q holds q in the low bits of its mantissa. See
 * vec_scalar.h for the steps; these reduce c instead of -c, so that signs alternate instead. */
ALWAYS_INLINE __m512 reduce(__m512 c, __m512 *shifted_q) {
  const __m512 shifter = _mm512_set1_ps(0x1.8p23f);
  const __m512 log2_e = _mm512_set1_ps(1.442695040888963407359924681001892137426645954152985934135449406931f);
  *shifted_q = _mm512_add_ps(_mm512_mul_ps(c, log2_e), shifter);
  const __m512 q = _mm512_sub_ps(*shifted_q, shifter);
  const __m512 s = _mm512_fnmadd_ps(q, _mm512_set1_ps(0.693145751953125f), c);
  return _mm512_fnmadd_ps(q, _mm512_set1_ps(1.428606765330187045e-06f), s);
}

/* e^-s */
ALWAYS_INLINE __m512 exp_minus(__m512 s) {
  __m512 p = _mm512_set1_ps(0.000198527617612853646278381f);
  p = _mm512_fnmadd_ps(p, s, _mm512_set1_ps(0.00139304355252534151077271f));
  p = _mm512_fnmadd_ps(p, s, _mm512_set1_ps(0.00833336077630519866943359f));
  p = _mm512_fnmadd_ps(p, s, _mm512_set1_ps(0.0416664853692054748535156f));
  p = _mm512_fnmadd_ps(p, s, _mm512_set1_ps(0.166666671633720397949219f));
  p = _mm512_fnmadd_ps(p, s, _mm512_set1_ps(0.5f));
  return _mm512_add_ps(_mm512_set1_ps(1.0f), _mm512_fmsub_ps(_mm512_mul_ps(s, s), p, s));
}

ALWAYS_INLINE __m512i exponent_of(__m512 shifted_q) { return _mm512_slli_epi32(_mm512_castps_si512(shifted_q), 23); }

/* The clamp from above compares integers, which leaves the FMA units free. That is right for all numbers; a NaN comes
 * back with the dividend. */
ALWAYS_INLINE void start_silu(const float *x, float *s, int *exponent) {
  const __m512i top = _mm512_castps_si512(_mm512_set1_ps(87.0f));
  const __m512i c = _mm512_min_epi32(_mm512_castps_si512(floor88(_mm512_loadu_ps(x))), top);
  __m512 shifted_q;
  _mm512_store_ps(s, reduce(_mm512_castsi512_ps(c), &shifted_q));
  _mm512_store_si512((__m512i *)(void *)exponent, exponent_of(shifted_q));
}

ALWAYS_INLINE void raise_silu(float *s) { _mm512_store_ps(s, exp_minus(_mm512_load_ps(s))); }

/* e^-s 2^-q by subtracting q from the exponent: exact, or (q = 126) so small that it vanishes against 1. */
ALWAYS_INLINE void finish_silu(const float *x, const float *power, const int *exponent, float *y) {
  const __m512i q = _mm512_load_si512((const __m512i *)(const void *)exponent);
  const __m512 e = _mm512_castsi512_ps(_mm512_sub_epi32(_mm512_castps_si512(_mm512_load_ps(power)), q));
  _mm512_storeu_ps(y, _mm512_div_ps(floor88(_mm512_loadu_ps(x)), _mm512_add_ps(_mm512_set1_ps(1.0f), e)));
}

/* The dividend is 1, which brings no NaN back. So the comparison is of floats, and 2^-q is a factor. */
ALWAYS_INLINE __m512 sigmoid(__m512 x) {
  const __m512 one = _mm512_set1_ps(1.0f);
  __m512 shifted_q;
  const __m512 s = reduce(_mm512_min_ps(_mm512_set1_ps(87.0f), floor88(x)), &shifted_q);
  const __m512 power =
      _mm512_castsi512_ps(_mm512_sub_epi32(_mm512_castps_si512(one), exponent_of(shifted_q))); /* 2^-q */
  return _mm512_div_ps(one, _mm512_fmadd_ps(exp_minus(s), power, one));
}

void mbconv_none_avx512(size_t n, const void *x, void *y) { map(none, n, x, y); }

void mbconv_relu_avx512(size_t n, const void *x, void *y) { map(relu, n, x, y); }

void mbconv_relu6_avx512(size_t n, const void *x, void *y) { map(relu6, n, x, y); }

void mbconv_hard_sigmoid_avx512(size_t n, const void *x, void *y) { map(hard_sigmoid, n, x, y); }

void mbconv_hard_swish_avx512(size_t n, const void *x, void *y) { map(hard_swish, n, x, y); }

void mbconv_silu_avx512(size_t n, const void *x_, void *y_) {
  const float *x = x_;
  float *y = y_;
  const struct silu_stages stages = {start_silu, raise_silu, finish_silu};
  const size_t rest = n % LANES, whole = n - rest;
  pipeline(stages, whole, x, y);
  if (rest) {
    float last[LANES];
    _mm512_storeu_ps(last, load_partial(x + whole, rest));
    pipeline(stages, LANES, last, last);
    store_partial(y + whole, _mm512_loadu_ps(last), rest);
  }
}

void mbconv_sigmoid_avx512(size_t n, const void *x, void *y) { map(sigmoid, n, x, y); }
