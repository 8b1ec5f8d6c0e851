/* SPDX-License-Identifier: MIT
 *
 * Vectors of 32 bytes for depthwise_columns.h: two lanes of 16 bytes, of which those of 64 are made.
 * Behind the vectors of fewer bytes.
 */
#undef R
#define R(name) name##_x32

typedef __m256i vec_x32;

ALWAYS_INLINE vec_x32 load_x32(const void *x) { return _mm256_loadu_si256((const __m256i_u *)x); }
ALWAYS_INLINE void store_x32(void *y, vec_x32 v) { _mm256_storeu_si256((__m256i_u *)y, v); }
ALWAYS_INLINE vec_x32 same_bytes_x32(uint8_t v) { return _mm256_set1_epi8((char)v); }
ALWAYS_INLINE vec_x32 same_words_x32(int16_t v) { return _mm256_set1_epi16(v); }

ALWAYS_INLINE vec_x32 low_bytes_x32(vec_x32 a, vec_x32 b) { return _mm256_unpacklo_epi8(a, b); }
ALWAYS_INLINE vec_x32 high_bytes_x32(vec_x32 a, vec_x32 b) { return _mm256_unpackhi_epi8(a, b); }
ALWAYS_INLINE vec_x32 low_words_x32(vec_x32 a, vec_x32 b) { return _mm256_unpacklo_epi16(a, b); }
ALWAYS_INLINE vec_x32 high_words_x32(vec_x32 a, vec_x32 b) { return _mm256_unpackhi_epi16(a, b); }

ALWAYS_INLINE vec_x32 scaled_x32(vec_x32 sum, vec_x32 scale) {
  return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_castsi256_ps(scale)));
}

/* requantize_avx512.h says how: `scale` is negated, and `addend` is made of it. */
ALWAYS_INLINE vec_x32 scaled_relu_x32(vec_x32 sum, vec_x32 scale, vec_x32 addend) {
  return _mm256_cvtps_epi32(
      _mm256_fnmadd_ps(_mm256_castsi256_ps(sum), _mm256_castsi256_ps(scale), _mm256_castsi256_ps(addend)));
}

ALWAYS_INLINE vec_x32 addend_x32(vec_x32 scale, int32_t exponent) {
  return _mm256_add_epi32(scale, _mm256_set1_epi32(exponent));
}

ALWAYS_INLINE vec_x32 narrow_x32(vec_x32 a, vec_x32 b) { return _mm256_packs_epi32(a, b); }
ALWAYS_INLINE vec_x32 add_words_x32(vec_x32 a, vec_x32 b) { return _mm256_adds_epi16(a, b); }

/* Bytes of words, at most `top`, and then `base` added. */
ALWAYS_INLINE vec_x32 bytes_x32(vec_x32 a, vec_x32 b, vec_x32 top, vec_x32 base) {
  return _mm256_add_epi8(_mm256_min_epu8(_mm256_packus_epi16(a, b), top), base);
}
