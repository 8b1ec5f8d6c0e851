/* SPDX-License-Identifier: MIT
 *
 * Vectors of 16 bytes for depthwise_columns.h: one lane.
 */
#define WIDTH 16
#define F(name) name##_16

typedef __m128i vec_16;

ALWAYS_INLINE vec_16 load_16(const void *x) { return _mm_loadu_si128((const __m128i_u *)x); }
ALWAYS_INLINE vec_16 low8_16(vec_16 a, vec_16 b) { return _mm_unpacklo_epi8(a, b); }
ALWAYS_INLINE vec_16 high8_16(vec_16 a, vec_16 b) { return _mm_unpackhi_epi8(a, b); }
ALWAYS_INLINE vec_16 low16_16(vec_16 a, vec_16 b) { return _mm_unpacklo_epi16(a, b); }
ALWAYS_INLINE vec_16 high16_16(vec_16 a, vec_16 b) { return _mm_unpackhi_epi16(a, b); }
ALWAYS_INLINE vec_16 same_16(uint8_t v) { return _mm_set1_epi8((char)v); }

/* Lower words of a and b, as bytes in words. */
ALWAYS_INLINE vec_16 narrow_16(vec_16 a, vec_16 b) {
  return _mm_and_si128(_mm_packus_epi16(a, b), _mm_set1_epi16(0xff));
}
ALWAYS_INLINE vec_16 bytes_16(vec_16 a, vec_16 b) { return _mm_packus_epi16(a, b); }
ALWAYS_INLINE vec_16 clamp_16(vec_16 v, vec_16 top, vec_16 base) { return _mm_add_epi8(_mm_min_epu8(v, top), base); }

ALWAYS_INLINE vec_16 scaled_16(vec_16 sum, const void *factor, const void *addend) {
  const __m128 t = _mm_castsi128_ps(sum), f = _mm_castsi128_ps(load_16(factor)), a = _mm_castsi128_ps(load_16(addend));
  return _mm_castps_si128(_mm_fmadd_ps(t, f, a));
}

ALWAYS_INLINE bool any_nan_16(const void *v) {
  const __m128 f = _mm_castsi128_ps(load_16(v));
  return _mm_movemask_ps(_mm_cmpunord_ps(f, f)) != 0;
}

/* 8 bytes of each lane: the lower ones to y0, the upper ones to y1. */
ALWAYS_INLINE void store_one_16(void *y, vec_16 v) { _mm_storel_epi64((__m128i_u *)y, v); }
ALWAYS_INLINE void store_two_16(void *y0, void *y1, vec_16 v) {
  store_one_16(y0, v);
  _mm_storeh_pd((double *)y1, _mm_castsi128_pd(v));
}
ALWAYS_INLINE void store_16(void *y, vec_16 v) { _mm_storeu_si128((__m128i_u *)y, v); }
