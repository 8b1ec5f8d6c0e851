/* SPDX-License-Identifier: MIT
 *
 * What the AVX2 kernels share: partial loads and stores, and the activations on one vector of 8 floats.
 *
 * x86 min and max return their second operand if either is NaN: so the value always comes second.
 */
#ifndef MBCONV_VEC_AVX2_H
#define MBCONV_VEC_AVX2_H

#if !defined(__AVX2__) || !defined(__FMA__)
#error "the AVX2 set must be compiled with -mavx2 -mfma"
#endif

#include <immintrin.h>
#include <stddef.h>

enum { LANES = 8 };

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Compilers. NO_UNROLL stands before a loop that must stay one: unrolled, its loads move up and registers run out.
 * in_order() keeps loads and stores behind it from moving before the computation of v. keep_order() does so for clang
 * 14 alone, which would spill what it loads early; gcc often needs no such help and would only add moves. The memory
 * sanitizer would take it for a use of all lanes, of which those beyond a tensor's channels may hold anything. */
#ifdef MBCONV_MEMORY_SANITIZED
ALWAYS_INLINE void in_order(__m256 *v) { (void)v; }
#else
ALWAYS_INLINE void in_order(__m256 *v) { __asm__ volatile("" : "+x"(*v)::"memory"); }
#endif

#if defined(__clang__)
#define NO_UNROLL _Pragma("clang loop unroll(disable)")
ALWAYS_INLINE void keep_order(__m256 *v) { in_order(v); }
#else
#define NO_UNROLL _Pragma("GCC unroll 1")
ALWAYS_INLINE void keep_order(__m256 *v) { (void)v; }
#endif

/* A value whose origin the compiler forgets, so that it keeps it in a register and does not compute it again. */
ALWAYS_INLINE size_t opaque(size_t v) {
  __asm__("" : "+r"(v));
  return v;
}

ALWAYS_INLINE char *opaque_pointer(char *p) {
  __asm__("" : "+r"(p));
  return p;
}

/* n < 8 floats; lanes beyond n are zero. */
ALWAYS_INLINE __m256 load_partial(const float *x, size_t n) {
  __m128 part[2] = {_mm_setzero_ps(), _mm_setzero_ps()};
  __m128 *low = &part[0];
  if (n & 4) {
    *low = _mm_loadu_ps(x);
    low = &part[1];
    x += 4;
  }
  if (n & 2) *low = _mm_castsi128_ps(_mm_loadl_epi64((const __m128i_u *)x));
  if (n & 1) {
    __m128 one = _mm_load_ss(x + (n & 2));
    *low = n & 2 ? _mm_movelh_ps(*low, one) : one;
  }
  return _mm256_set_m128(part[1], part[0]);
}

/* n < 8 floats. A masked store would be one instruction, but takes some 40 cycles on AMD. */
ALWAYS_INLINE void store_partial(float *y, __m256 v, size_t n) {
  __m128 rest = _mm256_castps256_ps128(v);
  if (n & 4) {
    _mm_storeu_ps(y, rest);
    rest = _mm256_extractf128_ps(v, 1);
    y += 4;
  }
  if (n & 2) {
    _mm_storel_epi64((__m128i_u *)y, _mm_castps_si128(rest));
    rest = _mm_movehl_ps(rest, rest);
    y += 2;
  }
  if (n & 1) _mm_store_ss(y, rest);
}

ALWAYS_INLINE __m256 clamp(__m256 v, __m256 lo, __m256 hi) { return _mm256_min_ps(hi, _mm256_max_ps(lo, v)); }

/* y[i] = act(x[i]), i < n, for a function of one vector. */
ALWAYS_INLINE void map(__m256 (*act)(__m256), size_t n, const float *x, float *y) {
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) _mm256_storeu_ps(y + i, act(_mm256_loadu_ps(x + i)));
  if (i < n) store_partial(y + i, act(load_partial(x + i, n - i)), n - i);
}

/* c of SiLU and sigmoid: max(x, -88). */
ALWAYS_INLINE __m256 floor88(__m256 x) { return _mm256_max_ps(_mm256_set1_ps(-88.0f), x); }

#endif
