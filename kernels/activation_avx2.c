/* SPDX-License-Identifier: MIT
 *
 * The activations on AVX2, 8 floats at a time.
 *
 * SiLU and sigmoid write the arithmetic of SLEEF's expf in place, for e^-c with -88 <= c: no overflow to guard against,
 * and the scaling by 2^-q is exact. SiLU runs in two loops, the first up to the range reduction: one loop's chain of 60
 * cycles a vector fills the FPU's schedulers before the next vectors get in. The instructions of the two loops take 2.9
 * and 5.2 cycles on Zen 4 when none depends on another; mixed in one loop they would take 6.8, but no order of them, in
 * registers or by way of the stack, was found that comes near. Cycles per vector, gcc 12 / clang 14:
 *
 *     this                           8.6 / 8.6
 *     three loops                    8.7 / 8.7
 *     one loop                      10.3 / 10.5
 *     one loop, e^d with d = -c, clamped as float, scaled by the last FMA    10.7 / 11.6
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

/* c = q ln 2 + s with |s| <= ln(2) / 2, for -88 <= c <= 87; *shifted_q holds q in the low bits of its mantissa. See
 * vec_scalar.h for the steps; these reduce c instead of -c, so that signs alternate instead. */
ALWAYS_INLINE __m256 reduce(__m256 c, __m256 *shifted_q) {
  const __m256 shifter = _mm256_set1_ps(0x1.8p23f);
  const __m256 log2_e = _mm256_set1_ps(1.442695040888963407359924681001892137426645954152985934135449406931f);
  *shifted_q = _mm256_add_ps(_mm256_mul_ps(c, log2_e), shifter);
  const __m256 q = _mm256_sub_ps(*shifted_q, shifter);
  const __m256 s = _mm256_fnmadd_ps(q, _mm256_set1_ps(0.693145751953125f), c);
  return _mm256_fnmadd_ps(q, _mm256_set1_ps(1.428606765330187045e-06f), s);
}

/* e^-s */
ALWAYS_INLINE __m256 exp_minus(__m256 s) {
  __m256 p = _mm256_set1_ps(0.000198527617612853646278381f);
  p = _mm256_fnmadd_ps(p, s, _mm256_set1_ps(0.00139304355252534151077271f));
  p = _mm256_fnmadd_ps(p, s, _mm256_set1_ps(0.00833336077630519866943359f));
  p = _mm256_fnmadd_ps(p, s, _mm256_set1_ps(0.0416664853692054748535156f));
  p = _mm256_fnmadd_ps(p, s, _mm256_set1_ps(0.166666671633720397949219f));
  p = _mm256_fnmadd_ps(p, s, _mm256_set1_ps(0.5f));
  return _mm256_add_ps(_mm256_set1_ps(1.0f), _mm256_fmsub_ps(_mm256_mul_ps(s, s), p, s));
}

ALWAYS_INLINE __m256i exponent_of(__m256 shifted_q) { return _mm256_slli_epi32(_mm256_castps_si256(shifted_q), 23); }

/* The clamp from above compares as integers, which is right for all but NaN and spares an FMA unit; a NaN comes back
 * with the dividend, finish_silu's x. */
ALWAYS_INLINE __m256 start_silu(__m256 x, __m256i *exponent) {
  const __m256i top = _mm256_castps_si256(_mm256_set1_ps(87.0f));
  __m256 shifted_q;
  const __m256 s = reduce(_mm256_castsi256_ps(_mm256_min_epi32(_mm256_castps_si256(floor88(x)), top)), &shifted_q);
  *exponent = exponent_of(shifted_q);
  return s;
}

/* e^-s 2^-q by subtracting q from the exponent: exact, or (q = 126) so small that it vanishes against 1. */
ALWAYS_INLINE __m256 finish_silu(__m256 x, __m256 s, __m256i exponent) {
  const __m256 e = _mm256_castsi256_ps(_mm256_sub_epi32(_mm256_castps_si256(exp_minus(s)), exponent));
  return _mm256_div_ps(floor88(x), _mm256_add_ps(_mm256_set1_ps(1.0f), e));
}

ALWAYS_INLINE __m256 silu(__m256 x) {
  __m256i exponent;
  const __m256 s = start_silu(x, &exponent);
  return finish_silu(x, s, exponent);
}

/* 1 has no NaN to bring back: so floats are compared, and 2^-q is a factor. */
ALWAYS_INLINE __m256 sigmoid(__m256 x) {
  const __m256 one = _mm256_set1_ps(1.0f);
  __m256 shifted_q;
  const __m256 s = reduce(_mm256_min_ps(_mm256_set1_ps(87.0f), floor88(x)), &shifted_q);
  const __m256 power =
      _mm256_castsi256_ps(_mm256_sub_epi32(_mm256_castps_si256(one), exponent_of(shifted_q))); /* 2^-q */
  return _mm256_div_ps(one, _mm256_fmadd_ps(exp_minus(s), power, one));
}

void mbconv_none_avx2(size_t n, const float *x, float *y) { map(none, n, x, y); }

void mbconv_relu_avx2(size_t n, const float *x, float *y) { map(relu, n, x, y); }

void mbconv_relu6_avx2(size_t n, const float *x, float *y) { map(relu6, n, x, y); }

void mbconv_hard_sigmoid_avx2(size_t n, const float *x, float *y) { map(hard_sigmoid, n, x, y); }

void mbconv_hard_swish_avx2(size_t n, const float *x, float *y) { map(hard_swish, n, x, y); }

/* Two loops over what the stack holds of a chunk. */
void mbconv_silu_avx2(size_t n, const float *x, float *y) {
  enum { CHUNK = 256 };
  float reduced[CHUNK] __attribute__((aligned(32)));
  int exponents[CHUNK] __attribute__((aligned(32)));
  size_t i = 0;
  while (n - i >= LANES) {
    const size_t rest = n - i - (n - i) % LANES, chunk = rest < CHUNK ? rest : CHUNK;
    NO_UNROLL
    for (size_t j = 0; j < chunk; j += LANES) {
      __m256i exponent;
      _mm256_store_ps(reduced + j, start_silu(_mm256_loadu_ps(x + i + j), &exponent));
      _mm256_store_si256((__m256i *)(void *)(exponents + j), exponent);
    }
    NO_UNROLL
    for (size_t j = 0; j < chunk; j += LANES) {
      const __m256i exponent = _mm256_load_si256((const __m256i *)(const void *)(exponents + j));
      _mm256_storeu_ps(y + i + j, finish_silu(_mm256_loadu_ps(x + i + j), _mm256_load_ps(reduced + j), exponent));
    }
    i += chunk;
  }
  if (i < n) map(silu, n - i, x + i, y + i);
}

void mbconv_sigmoid_avx2(size_t n, const float *x, float *y) { map(sigmoid, n, x, y); }
