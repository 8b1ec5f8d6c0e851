/* SPDX-License-Identifier: MIT
 *
 * Vectors of 32 bytes for depthwise_columns.h: two lanes. Behind vec_16.h.
 */
#undef WIDTH
#undef F
#define WIDTH 32
#define F(name) name##_32

typedef __m256i vec_32;

ALWAYS_INLINE vec_32 load_32(const void *x) { return _mm256_loadu_si256((const __m256i_u *)x); }
ALWAYS_INLINE vec_32 low8_32(vec_32 a, vec_32 b) { return _mm256_unpacklo_epi8(a, b); }
ALWAYS_INLINE vec_32 high8_32(vec_32 a, vec_32 b) { return _mm256_unpackhi_epi8(a, b); }
ALWAYS_INLINE vec_32 low16_32(vec_32 a, vec_32 b) { return _mm256_unpacklo_epi16(a, b); }
ALWAYS_INLINE vec_32 high16_32(vec_32 a, vec_32 b) { return _mm256_unpackhi_epi16(a, b); }
ALWAYS_INLINE vec_32 same_32(uint8_t v) { return _mm256_set1_epi8((char)v); }

ALWAYS_INLINE vec_32 narrow_32(vec_32 a, vec_32 b) {
  return _mm256_and_si256(_mm256_packus_epi16(a, b), _mm256_set1_epi16(0xff));
}
ALWAYS_INLINE vec_32 bytes_32(vec_32 a, vec_32 b) { return _mm256_packus_epi16(a, b); }
ALWAYS_INLINE vec_32 clamp_32(vec_32 v, vec_32 top, vec_32 base) {
  return _mm256_add_epi8(_mm256_min_epu8(v, top), base);
}

ALWAYS_INLINE vec_32 scaled_32(vec_32 sum, const void *factor, const void *addend) {
  const __m256 f = _mm256_castsi256_ps(load_32(factor)), a = _mm256_castsi256_ps(load_32(addend));
  return _mm256_castps_si256(_mm256_fmadd_ps(_mm256_castsi256_ps(sum), f, a));
}

ALWAYS_INLINE bool any_nan_32(const void *v) {
  const __m256 f = _mm256_castsi256_ps(load_32(v));
  return _mm256_movemask_ps(_mm256_cmp_ps(f, f, _CMP_UNORD_Q)) != 0;
}

ALWAYS_INLINE void store_one_32(void *y, vec_32 v) {
  store_one_16(y, _mm256_castsi256_si128(v));
  store_one_16((char *)y + 16, _mm256_extracti128_si256(v, 1));
}
ALWAYS_INLINE void store_two_32(void *y0, void *y1, vec_32 v) {
  store_two_16(y0, y1, _mm256_castsi256_si128(v));
  store_two_16((char *)y0 + 16, (char *)y1 + 16, _mm256_extracti128_si256(v, 1));
}
ALWAYS_INLINE void store_32(void *y, vec_32 v) { _mm256_storeu_si256((__m256i_u *)y, v); }
