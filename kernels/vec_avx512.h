/* SPDX-License-Identifier: MIT
 *
 * What the AVX-512 kernels share: masks, partial loads and stores, the clamp, and a map over a buffer.
 *
 * x86 min and max return their second operand if either is NaN: so the value always comes second.
 */
#ifndef MBCONV_VEC_AVX512_H
#define MBCONV_VEC_AVX512_H

#if !defined(__AVX512F__) || !defined(__AVX512VL__) || !defined(__AVX512BW__) || !defined(__AVX512DQ__)
#error "the AVX-512 set must be compiled with -mavx512f -mavx512vl -mavx512bw -mavx512dq"
#endif

#include <immintrin.h>
#include <stddef.h>

enum { LANES = 16 };

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Stands before a loop that must stay one: unrolled, its loads move up and registers run out. */
#if defined(__clang__)
#define NO_UNROLL _Pragma("clang loop unroll(disable)")
#else
#define NO_UNROLL _Pragma("GCC unroll 1")
#endif

/* load_once() has v in a register, once loaded: gcc 12 would repeat the load as an operand of every FMA that uses v.
 * in_order() keeps loads and stores behind it from moving before the computation of v. The memory sanitizer would take
 * either for a use of all lanes, of which those beyond a tensor's channels may hold anything. */
#ifdef MBCONV_MEMORY_SANITIZED
ALWAYS_INLINE void load_once(__m512 *v) { (void)v; }
ALWAYS_INLINE void in_order(__m512 *v) { (void)v; }
#else
ALWAYS_INLINE void load_once(__m512 *v) { __asm__("" : "+v"(*v)); }
ALWAYS_INLINE void in_order(__m512 *v) { __asm__ volatile("" : "+v"(*v)::"memory"); }
#endif

/* The first n lanes; all of them from n = 16. */
ALWAYS_INLINE __mmask16 first_lanes(size_t n) { return (__mmask16)(n < LANES ? (1u << n) - 1 : 0xffff); }

/* 1 <= n <= 16 floats; lanes beyond n are zero. */
ALWAYS_INLINE __m512 load_partial(const float *x, size_t n) { return _mm512_maskz_loadu_ps(first_lanes(n), x); }

ALWAYS_INLINE void store_partial(float *y, __m512 v, size_t n) { _mm512_mask_storeu_ps(y, first_lanes(n), v); }

ALWAYS_INLINE __m512 clamp(__m512 v, __m512 lo, __m512 hi) { return _mm512_min_ps(hi, _mm512_max_ps(lo, v)); }

/* y[i] = act(x[i]), i < n, for a function of one vector. */
ALWAYS_INLINE void map(__m512 (*act)(__m512), size_t n, const float *x, float *y) {
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) _mm512_storeu_ps(y + i, act(_mm512_loadu_ps(x + i)));
  if (i < n) store_partial(y + i, act(load_partial(x + i, n - i)), n - i);
}

/* c of SiLU and sigmoid: max(x, -88). */
ALWAYS_INLINE __m512 floor88(__m512 x) { return _mm512_max_ps(_mm512_set1_ps(-88.0f), x); }

#endif
