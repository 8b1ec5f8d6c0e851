/* SPDX-License-Identifier: MIT
 *
 * Stands before every file that the preset `msan` compiles: what the memory sanitizer must be told.
 *
 * Lanes beyond a tensor's channels may hold anything in scratch, and are computed with; only what reaches an output
 * must have been written. The sanitizer follows that lane by lane, but for Clang 19 a 512-bit minimum or maximum uses
 * all lanes, as does an empty asm: the former are two of 256 bits here, the latter left out by the kernels.
 */
#ifndef MBCONV_MSAN_H
#define MBCONV_MSAN_H

#define MBCONV_MEMORY_SANITIZED

#ifdef __AVX512F__
#include <immintrin.h>

static inline __attribute__((always_inline)) __m512 msan_join(__m256 low, __m256 high) {
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

static inline __attribute__((always_inline)) __m256 msan_low(__m512 v) {
  return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7);
}

static inline __attribute__((always_inline)) __m256 msan_high(__m512 v) {
  return __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
}

#define _mm512_max_ps(a, b) \
  msan_join(_mm256_max_ps(msan_low(a), msan_low(b)), _mm256_max_ps(msan_high(a), msan_high(b)))
#define _mm512_min_ps(a, b) \
  msan_join(_mm256_min_ps(msan_low(a), msan_low(b)), _mm256_min_ps(msan_high(a), msan_high(b)))
#endif

#endif
