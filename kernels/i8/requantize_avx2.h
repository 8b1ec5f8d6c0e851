/* SPDX-License-Identifier: MIT
 *
 * Sums to bytes on AVX2, FP32's way: requantize_avx512.h in halves of a vector instead of quarters.
 */
#ifndef MBCONV_REQUANTIZE_AVX2_H
#define MBCONV_REQUANTIZE_AVX2_H

#include "../vec_avx2.h"
#include "i8.h"

/* What sums become after scaling: the same for all channels. */
struct end {
  __m256i zero; /* words: the zero point, counted from lo */
  __m256i top;  /* bytes: hi - lo */
  __m256i base; /* bytes: lo, flipped: to add 0x80 is to flip */
};

ALWAYS_INLINE struct end end_of(const struct mbconv_i8_ending *ending) {
  return (struct end){_mm256_set1_epi16((short)(ending->zero - ending->lo)),
                      _mm256_set1_epi8((char)(ending->hi - ending->lo)),
                      _mm256_set1_epi8((char)(ending->lo + ending->flip))};
}

/* Whole numbers of 32 bits. */
ALWAYS_INLINE __m256i scaled(__m256i sum, const float *scale) {
  return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_load_ps(scale)));
}

/* `scale` is negated. */
ALWAYS_INLINE __m256i scaled_relu(__m256i sum, const float *scale, const float *addend) {
  const __m256 float_sum = _mm256_castsi256_ps(sum);
  return _mm256_cvtps_epi32(_mm256_fnmadd_ps(float_sum, _mm256_load_ps(scale), _mm256_load_ps(addend)));
}

/* Stored bytes: in each half of the vector 4 of a, 4 of b, of c and of d, those of the same half. `relu`, a constant:
 * the zero point is lo. */
ALWAYS_INLINE __m256i to_bytes(const bool relu, const struct end *end, __m256i a, __m256i b, __m256i c, __m256i d) {
  __m256i ab = _mm256_packs_epi32(a, b), cd = _mm256_packs_epi32(c, d);
  if (!relu) ab = _mm256_adds_epi16(ab, end->zero), cd = _mm256_adds_epi16(cd, end->zero);
  return _mm256_add_epi8(_mm256_min_epu8(_mm256_packus_epi16(ab, cd), end->top), end->base);
}

#endif
