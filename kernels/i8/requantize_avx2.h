/* SPDX-License-Identifier: MIT
 *
 * Sums to bytes on AVX2: what requantize_avx512.h says, in halves of a vector for quarters.
 *
 *     operations for 32 outputs    by_fma  by_scale
 *     words                             4        24
 *     pack                              5         5
 *     clamp, flip                       2         2
 */
#ifndef MBCONV_REQUANTIZE_AVX2_H
#define MBCONV_REQUANTIZE_AVX2_H

#include "../vec_avx2.h"
#include "affine.h"

struct end {
  __m256i top;  /* bytes: hi - lo */
  __m256i base; /* bytes: lo, flipped: to add 0x80 is to flip */
};

ALWAYS_INLINE struct end end_of(const struct mbconv_i8_ending *ending) {
  return (struct end){_mm256_set1_epi8((char)(ending->hi - ending->lo)), _mm256_set1_epi8((char)(ending->lo + ending->flip))};
}

/* The sum began with `start` of affine.h. */
ALWAYS_INLINE __m256i by_fma(__m256i sum, const float *factor, const float *addend) {
  const __m256 t = _mm256_castsi256_ps(sum);
  return _mm256_castps_si256(_mm256_fmadd_ps(t, _mm256_load_ps(factor), _mm256_load_ps(addend)));
}

/* The sum began with the bias. What is clamped to +-512 stays so in all that follows. */
ALWAYS_INLINE __m256i by_scale(__m256i sum, const float *scale, int32_t zero) {
  __m256 v = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_load_ps(scale));
  v = _mm256_min_ps(_mm256_max_ps(v, _mm256_set1_ps(-512.0f)), _mm256_set1_ps(512.0f));
  return _mm256_add_epi32(_mm256_cvtps_epi32(v), _mm256_set1_epi32(zero));
}

/* The bytes of 4 x 8 words, in each half of the vector
 *     a0 c0 a1 c1 a2 c2 a3 c3 b0 d0 b1 d1 b2 d2 b3 d3
 * for the lanes 0 to 3 of the same half of a, b, c and d. The upper words become bytes, too: those are dropped. */
ALWAYS_INLINE __m256i pack4(__m256i a, __m256i b, __m256i c, __m256i d) {
  const __m256i ab = _mm256_packus_epi16(a, b), cd = _mm256_packus_epi16(c, d);
  return _mm256_or_si256(_mm256_and_si256(ab, _mm256_set1_epi16(0xff)), _mm256_slli_epi16(cd, 8));
}

ALWAYS_INLINE __m256i clamp_and_flip(struct end end, __m256i bytes) {
  return _mm256_add_epi8(_mm256_min_epu8(bytes, end.top), end.base);
}

#endif
