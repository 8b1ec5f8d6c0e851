/* SPDX-License-Identifier: MIT
 *
 * Vectors of 16 bytes for depthwise_columns.h: one lane of 16 bytes, for 16 channels of one pixel.
 * Behind the vectors of fewer bytes.
 */
#undef R
#define R(name) name##_x16

typedef __m128i vec_x16;

ALWAYS_INLINE vec_x16 load_x16(const void *x) { return _mm_loadu_si128((const __m128i_u *)x); }
ALWAYS_INLINE void store_x16(void *y, vec_x16 v) { _mm_storeu_si128((__m128i_u *)y, v); }
ALWAYS_INLINE vec_x16 same_bytes_x16(uint8_t v) { return _mm_set1_epi8((char)v); }
ALWAYS_INLINE vec_x16 same_words_x16(int16_t v) { return _mm_set1_epi16(v); }

ALWAYS_INLINE vec_x16 low_bytes_x16(vec_x16 a, vec_x16 b) { return _mm_unpacklo_epi8(a, b); }
ALWAYS_INLINE vec_x16 high_bytes_x16(vec_x16 a, vec_x16 b) { return _mm_unpackhi_epi8(a, b); }
ALWAYS_INLINE vec_x16 low_words_x16(vec_x16 a, vec_x16 b) { return _mm_unpacklo_epi16(a, b); }
ALWAYS_INLINE vec_x16 high_words_x16(vec_x16 a, vec_x16 b) { return _mm_unpackhi_epi16(a, b); }

/* Each dword times 2^8. */
ALWAYS_INLINE vec_x16 a_byte_up_x16(vec_x16 v) { return _mm_slli_epi32(v, 8); }

/* It stays in a register. */
#ifdef MBCONV_MEMORY_SANITIZED
ALWAYS_INLINE void keep_x16(vec_x16 *v) { (void)v; }
#else
ALWAYS_INLINE void keep_x16(vec_x16 *v) { __asm__("" : "+v"(*v)); }
#endif

ALWAYS_INLINE vec_x16 scaled_x16(vec_x16 sum, vec_x16 scale) {
  return _mm_cvtps_epi32(_mm_mul_ps(_mm_cvtepi32_ps(sum), _mm_castsi128_ps(scale)));
}

/* requantize_avx512.h says how: `scale` is negated, and `addend` is made of it. */
ALWAYS_INLINE vec_x16 scaled_relu_x16(vec_x16 sum, vec_x16 scale, vec_x16 addend) {
  return _mm_cvtps_epi32(_mm_fnmadd_ps(_mm_castsi128_ps(sum), _mm_castsi128_ps(scale), _mm_castsi128_ps(addend)));
}

ALWAYS_INLINE vec_x16 addend_x16(vec_x16 scale, int32_t exponent) {
  return _mm_add_epi32(scale, _mm_set1_epi32(exponent));
}

ALWAYS_INLINE vec_x16 narrow_x16(vec_x16 a, vec_x16 b) { return _mm_packs_epi32(a, b); }
ALWAYS_INLINE vec_x16 add_words_x16(vec_x16 a, vec_x16 b) { return _mm_adds_epi16(a, b); }

/* Bytes of words, at most `top`, and then `base` added. */
ALWAYS_INLINE vec_x16 bytes_x16(vec_x16 a, vec_x16 b, vec_x16 top, vec_x16 base) {
  return _mm_add_epi8(_mm_min_epu8(_mm_packus_epi16(a, b), top), base);
}

/* Pixels are loaded and stored as the parts of a vector that is cut into as many: the first at x or y, the others at
 * those offsets behind it. */
ALWAYS_INLINE vec_x16 pixels_16(const char *x, const size_t *offsets) {
  (void)offsets;
  return load_x16(x);
}

/* 8 bytes of each lane: the lower ones to y, and the upper ones to y1. */
ALWAYS_INLINE void store_one_16(char *y, const size_t *offsets, vec_x16 v) {
  (void)offsets;
  _mm_storel_epi64((__m128i_u *)y, v);
}

ALWAYS_INLINE void store_two_16(char *y, char *y1, const size_t *offsets, vec_x16 v) {
  store_one_16(y, offsets, v);
  store_upper(y1, v);
}
