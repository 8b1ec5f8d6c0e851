/* SPDX-License-Identifier: MIT
 *
 * Vectors of 64 bytes for depthwise_columns.h: four lanes.
 */
#undef WIDTH
#undef F
#define WIDTH 64
#define F(name) name##_64

typedef __m512i vec_64;

ALWAYS_INLINE vec_64 load_64(const void *x) { return _mm512_loadu_si512(x); }
ALWAYS_INLINE vec_64 low8_64(vec_64 a, vec_64 b) { return _mm512_unpacklo_epi8(a, b); }
ALWAYS_INLINE vec_64 high8_64(vec_64 a, vec_64 b) { return _mm512_unpackhi_epi8(a, b); }
ALWAYS_INLINE vec_64 low16_64(vec_64 a, vec_64 b) { return _mm512_unpacklo_epi16(a, b); }
ALWAYS_INLINE vec_64 high16_64(vec_64 a, vec_64 b) { return _mm512_unpackhi_epi16(a, b); }
ALWAYS_INLINE vec_64 same_64(uint8_t v) { return _mm512_set1_epi8((char)v); }

/* A mask of zeros costs nothing here. */
ALWAYS_INLINE vec_64 narrow_64(vec_64 a, vec_64 b) {
  return _mm512_maskz_packus_epi16(UINT64_C(0x5555555555555555), a, b);
}
ALWAYS_INLINE vec_64 bytes_64(vec_64 a, vec_64 b) { return _mm512_packus_epi16(a, b); }
ALWAYS_INLINE vec_64 clamp_64(vec_64 v, vec_64 top, vec_64 base) {
  return _mm512_add_epi8(_mm512_min_epu8(v, top), base);
}

ALWAYS_INLINE vec_64 scaled_64(vec_64 sum, const void *factor, const void *addend) {
  const __m512 f = _mm512_castsi512_ps(load_64(factor)), a = _mm512_castsi512_ps(load_64(addend));
  return _mm512_castps_si512(_mm512_fmadd_ps(_mm512_castsi512_ps(sum), f, a));
}

ALWAYS_INLINE bool any_nan_64(const void *v) {
  const __m512 f = _mm512_castsi512_ps(load_64(v));
  return _mm512_cmp_ps_mask(f, f, _CMP_UNORD_Q) != 0;
}

/* The upper bytes of the lanes need no shuffle: their store begins 8 bytes ahead. */
ALWAYS_INLINE void store_one_64(void *y, vec_64 v) { _mm512_mask_storeu_epi64(y, 0x55, v); }
ALWAYS_INLINE void store_two_64(void *y0, void *y1, vec_64 v) {
  store_one_64(y0, v);
  _mm512_mask_storeu_epi64((char *)y1 - 8, 0xaa, v);
}
ALWAYS_INLINE void store_64(void *y, vec_64 v) { _mm512_storeu_si512(y, v); }
