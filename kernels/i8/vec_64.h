/* SPDX-License-Identifier: MIT
 *
 * Vectors of 64 bytes for depthwise_columns.h: four lanes of 16 bytes, for 64 channels of one pixel, or twice 32 for
 * two pixels, or 4 times 16 for four. Behind the vectors of fewer bytes.
 */
#undef R
#define R(name) name##_x64

typedef __m512i vec_x64;

ALWAYS_INLINE vec_x64 load_x64(const void *x) { return _mm512_loadu_si512(x); }
ALWAYS_INLINE void store_x64(void *y, vec_x64 v) { _mm512_storeu_si512(y, v); }
ALWAYS_INLINE vec_x64 same_bytes_x64(uint8_t v) { return _mm512_set1_epi8((char)v); }
ALWAYS_INLINE vec_x64 same_words_x64(int16_t v) { return _mm512_set1_epi16(v); }

ALWAYS_INLINE vec_x64 low_bytes_x64(vec_x64 a, vec_x64 b) { return _mm512_unpacklo_epi8(a, b); }
ALWAYS_INLINE vec_x64 high_bytes_x64(vec_x64 a, vec_x64 b) { return _mm512_unpackhi_epi8(a, b); }
ALWAYS_INLINE vec_x64 low_words_x64(vec_x64 a, vec_x64 b) { return _mm512_unpacklo_epi16(a, b); }
ALWAYS_INLINE vec_x64 high_words_x64(vec_x64 a, vec_x64 b) { return _mm512_unpackhi_epi16(a, b); }

/* Each dword times 2^8. */
ALWAYS_INLINE vec_x64 a_byte_up_x64(vec_x64 v) { return _mm512_slli_epi32(v, 8); }

/* It stays in a register. */
#ifdef MBCONV_MEMORY_SANITIZED
ALWAYS_INLINE void keep_x64(vec_x64 *v) { (void)v; }
#else
ALWAYS_INLINE void keep_x64(vec_x64 *v) { __asm__("" : "+v"(*v)); }
#endif

ALWAYS_INLINE vec_x64 scaled_x64(vec_x64 sum, vec_x64 scale) {
  return _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_castsi512_ps(scale)));
}

/* requantize_avx512.h says how: `scale` is negated, and `addend` is made of it. */
ALWAYS_INLINE vec_x64 scaled_relu_x64(vec_x64 sum, vec_x64 scale, vec_x64 addend) {
  return _mm512_cvtps_epi32(
      _mm512_fnmadd_ps(_mm512_castsi512_ps(sum), _mm512_castsi512_ps(scale), _mm512_castsi512_ps(addend)));
}

ALWAYS_INLINE vec_x64 addend_x64(vec_x64 scale, int32_t exponent) {
  return _mm512_add_epi32(scale, _mm512_set1_epi32(exponent));
}

ALWAYS_INLINE vec_x64 narrow_x64(vec_x64 a, vec_x64 b) { return _mm512_packs_epi32(a, b); }
ALWAYS_INLINE vec_x64 add_words_x64(vec_x64 a, vec_x64 b) { return _mm512_adds_epi16(a, b); }

/* Bytes of words, at most `top`, and then `base` added. */
ALWAYS_INLINE vec_x64 bytes_x64(vec_x64 a, vec_x64 b, vec_x64 top, vec_x64 base) {
  return _mm512_add_epi8(_mm512_min_epu8(_mm512_packus_epi16(a, b), top), base);
}

ALWAYS_INLINE vec_x64 pixels_64(const char *x, const size_t *offsets) {
  (void)offsets;
  return load_x64(x);
}

/* Some parts of a vector need no shuffle: their store begins so much ahead of the vector's first byte. */
ALWAYS_INLINE void store_part(char *y, size_t ahead, __mmask8 part, vec_x64 v) {
  _mm512_mask_storeu_epi64((void *)((uintptr_t)y - ahead), part, v);
}

ALWAYS_INLINE void store_one_64(char *y, const size_t *offsets, vec_x64 v) {
  (void)offsets;
  store_part(y, 0, 0x55, v);
}

ALWAYS_INLINE void store_two_64(char *y, char *y1, const size_t *offsets, vec_x64 v) {
  store_one_64(y, offsets, v);
  store_part(y1, 8, 0xaa, v);
}

/* Twice 32 channels. spread(): those at x, once for each part. */
ALWAYS_INLINE void spread_2x32(void *to, const void *x) { store_x64(to, _mm512_broadcast_i64x4(load_x32(x))); }

ALWAYS_INLINE vec_x64 pixels_2x32(const char *x, const size_t *offsets) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(load_x32(x)), load_x32(x + offsets[0]), 1);
}

ALWAYS_INLINE void store_one_2x32(char *y, const size_t *offsets, vec_x64 v) {
  store_part(y, 0, 0x05, v);
  store_part(y + offsets[0], 32, 0x50, v);
}

ALWAYS_INLINE void store_two_2x32(char *y, char *y1, const size_t *offsets, vec_x64 v) {
  store_one_2x32(y, offsets, v);
  store_part(y1, 8, 0x0a, v);
  store_part(y1 + offsets[0], 40, 0xa0, v);
}

/* 4 times 16 channels. */
ALWAYS_INLINE void spread_4x16(void *to, const void *x) { store_x64(to, _mm512_broadcast_i32x4(load_x16(x))); }

ALWAYS_INLINE vec_x64 pixels_4x16(const char *x, const size_t *offsets) {
  const vec_x64 two = _mm512_inserti64x2(_mm512_castsi128_si512(load_x16(x)), load_x16(x + offsets[0]), 1);
  return _mm512_inserti64x2(_mm512_inserti64x2(two, load_x16(x + offsets[1]), 2), load_x16(x + offsets[2]), 3);
}

ALWAYS_INLINE void store_one_4x16(char *y, const size_t *offsets, vec_x64 v) {
  store_part(y, 0, 0x01, v);
  store_part(y + offsets[0], 16, 0x04, v);
  store_part(y + offsets[1], 32, 0x10, v);
  store_part(y + offsets[2], 48, 0x40, v);
}

ALWAYS_INLINE void store_two_4x16(char *y, char *y1, const size_t *offsets, vec_x64 v) {
  store_one_4x16(y, offsets, v);
  store_part(y1, 8, 0x02, v);
  store_part(y1 + offsets[0], 24, 0x08, v);
  store_part(y1 + offsets[1], 40, 0x20, v);
  store_part(y1 + offsets[2], 56, 0x80, v);
}
