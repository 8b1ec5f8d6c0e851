/* SPDX-License-Identifier: MIT
 *
 * Stands before every file that the preset `msan` compiles: what the memory sanitizer must be told.
 *
 * Lanes beyond a tensor's channels may hold anything in scratch, and are computed with; only what reaches an output
 * must have been written. The sanitizer follows that lane by lane, but for Clang 19 some instructions use all lanes, as
 * does an empty asm: the former are written in others here, the latter left out by the kernels.
 */
#ifndef MBCONV_MSAN_H
#define MBCONV_MSAN_H

#define MBCONV_MEMORY_SANITIZED

#ifdef __AVX2__
#include <immintrin.h>

static inline __attribute__((always_inline)) __m128i msan_cvtps_128(__m128 v) {
  typedef int ints __attribute__((vector_size(16)));
  return (__m128i) __builtin_convertvector(__builtin_elementwise_nearbyint(v), ints);
}

static inline __attribute__((always_inline)) __m256i msan_cvtps_256(__m256 v) {
  typedef int ints __attribute__((vector_size(32)));
  return (__m256i) __builtin_convertvector(__builtin_elementwise_nearbyint(v), ints);
}

#define _mm_cvtps_epi32(v) msan_cvtps_128(v)
#define _mm256_cvtps_epi32(v) msan_cvtps_256(v)
#endif

#ifdef __AVX512F__
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

static inline __attribute__((always_inline)) __m512i msan_join_i(__m256i low, __m256i high) {
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
}

static inline __attribute__((always_inline)) __m256i msan_low_i(__m512i v) {
  return __builtin_shufflevector(v, v, 0, 1, 2, 3);
}

static inline __attribute__((always_inline)) __m256i msan_high_i(__m512i v) {
  return __builtin_shufflevector(v, v, 4, 5, 6, 7);
}

static inline __attribute__((always_inline)) __m512i msan_madd_512(__m512i x, __m512i w) {
  return msan_join_i(_mm256_madd_epi16(msan_low_i(x), msan_low_i(w)),
                     _mm256_madd_epi16(msan_high_i(x), msan_high_i(w)));
}

static inline __attribute__((always_inline)) __m512i msan_packs_512(__m512i a, __m512i b) {
  return msan_join_i(_mm256_packs_epi32(msan_low_i(a), msan_low_i(b)),
                     _mm256_packs_epi32(msan_high_i(a), msan_high_i(b)));
}

static inline __attribute__((always_inline)) __m512i msan_packus_512(__m512i a, __m512i b) {
  return msan_join_i(_mm256_packus_epi16(msan_low_i(a), msan_low_i(b)),
                     _mm256_packus_epi16(msan_high_i(a), msan_high_i(b)));
}

static inline __attribute__((always_inline)) __m512i msan_cvtps_512(__m512 v) {
  return msan_join_i(msan_cvtps_256(msan_low(v)), msan_cvtps_256(msan_high(v)));
}

#define _mm512_madd_epi16(x, w) msan_madd_512(x, w)
#define _mm512_packs_epi32(a, b) msan_packs_512(a, b)
#define _mm512_packus_epi16(a, b) msan_packus_512(a, b)
#define _mm512_cvtps_epi32(v) msan_cvtps_512(v)
#endif

#endif
