/* SPDX-License-Identifier: MIT
 *
 * Sums to bytes on AVX-512.
 *
 * First each sum becomes a word, the lower 16 bits of its 32: its byte counted from the lower clamp, not clamped yet.
 * by_fma() does that by one FMA where affine.h has found one, by_scale() by all operations of FP32 where not, and for
 * TFLite's rounding a scalar function does. Then four vectors are packed to one of bytes, clamped and turned to what is
 * stored.
 *
 *     operations for 64 outputs    by_fma  by_scale
 *     words                             4        24
 *     pack                              3         3
 *     clamp, flip                       2         2
 */
#ifndef MBCONV_REQUANTIZE_AVX512_H
#define MBCONV_REQUANTIZE_AVX512_H

#include "../vec_avx512.h"
#include "affine.h"

/* The constants of an ending. packs clamp at 0 themselves. */
struct end {
  __m512i top;  /* bytes: hi - lo */
  __m512i base; /* bytes: lo, flipped: to add 0x80 is to flip */
};

ALWAYS_INLINE struct end end_of(const struct mbconv_i8_ending *ending) {
  return (struct end){_mm512_set1_epi8((char)(ending->hi - ending->lo)), _mm512_set1_epi8((char)(ending->lo + ending->flip))};
}

/* The sum began with `start` of affine.h. */
ALWAYS_INLINE __m512i by_fma(__m512i sum, const float *factor, const float *addend) {
  const __m512 t = _mm512_castsi512_ps(sum);
  return _mm512_castps_si512(_mm512_fmadd_ps(t, _mm512_load_ps(factor), _mm512_load_ps(addend)));
}

/* The sum began with the bias. What is clamped to +-512 stays so in all that follows. */
ALWAYS_INLINE __m512i by_scale(__m512i sum, const float *scale, int32_t zero) {
  __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_load_ps(scale));
  v = _mm512_min_ps(_mm512_max_ps(v, _mm512_set1_ps(-512.0f)), _mm512_set1_ps(512.0f));
  return _mm512_add_epi32(_mm512_cvtps_epi32(v), _mm512_set1_epi32(zero));
}

/* The bytes of 4 x 16 words, in each quarter of the vector
 *     a0 c0 a1 c1 a2 c2 a3 c3 b0 d0 b1 d1 b2 d2 b3 d3
 * for the lanes 0 to 3 of the same quarter of a, b, c and d. The upper words become bytes, too: those are overwritten. */
ALWAYS_INLINE __m512i pack4(__m512i a, __m512i b, __m512i c, __m512i d) {
  const __m512i ab = _mm512_packus_epi16(a, b), cd = _mm512_packus_epi16(c, d);
  return _mm512_mask_alignr_epi8(ab, UINT64_C(0xaaaaaaaaaaaaaaaa), cd, cd, 15);
}

ALWAYS_INLINE __m512i clamp_and_flip(struct end end, __m512i bytes) {
  return _mm512_add_epi8(_mm512_min_epu8(bytes, end.top), end.base);
}

/* The first n bytes; all of them from n = 64. */
ALWAYS_INLINE __mmask64 first_bytes(size_t n) { return n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX; }

#endif
