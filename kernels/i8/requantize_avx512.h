/* SPDX-License-Identifier: MIT
 *
 * Sums to bytes on AVX-512, FP32's way. A sum of an int8 layer costs as much here as 6 to 10 steps of k.
 *
 *     operations for 64 outputs            scaled()   scaled_relu()
 *     convert, multiply, round                   12               8
 *     narrow twice                                3               3
 *     zero point                                  2               0
 *     clamp, flip                                 2               2
 *
 * scaled_relu() serves endings whose least byte is the zero point. Their sums begin with bias + MBCONV_I8_RELU_START,
 * the bits of 2^23. Then the bits of a sum s, 0 <= s < 2^23, are those of the float 2^23 + s, without a conversion, and
 *
 *     fma(2^23 + s, scale, -2^23 * scale) = fl32(s * scale)
 *
 * because 2^23 * scale is exact. The bits of negative sums are those of floats below 2^23, with other distances between
 * them: the results are negative, as they should be, and the clamp takes them all. Those of larger sums are of floats
 * above 2^24: larger than the largest byte, as they should be, if scale >= 2^-15. mbconv_i8_relu_fits() of relu.h says
 * whether a channel's sums and scale allow it. The addend is made from the scale when a kernel is called.
 */
#ifndef MBCONV_REQUANTIZE_AVX512_H
#define MBCONV_REQUANTIZE_AVX512_H

#include "../vec_avx512.h"
#include "i8.h"

/* What sums become after scaling: the same for all channels. */
struct end {
  __m512i zero; /* words: the zero point, counted from lo */
  __m512i top;  /* bytes: hi - lo */
  __m512i base; /* bytes: lo, flipped: to add 0x80 is to flip */
};

ALWAYS_INLINE struct end end_of(const struct mbconv_i8_ending *ending) {
  return (struct end){_mm512_set1_epi16((short)(ending->zero - ending->lo)),
                      _mm512_set1_epi8((char)(ending->hi - ending->lo)),
                      _mm512_set1_epi8((char)(ending->lo + ending->flip))};
}

/* Whole numbers of 32 bits. */
ALWAYS_INLINE __m512i scaled(__m512i sum, const float *scale) {
  return _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_load_ps(scale)));
}

/* `scale` is negated. */
ALWAYS_INLINE __m512i scaled_relu(__m512i sum, const float *scale, const float *addend) {
  const __m512 float_sum = _mm512_castsi512_ps(sum);
  return _mm512_cvtps_epi32(_mm512_fnmadd_ps(float_sum, _mm512_load_ps(scale), _mm512_load_ps(addend)));
}

/* Stored bytes: in each quarter of the vector 4 of a, 4 of b, of c and of d, those of the same quarter. `relu`, a
 * constant: the zero point is lo. */
ALWAYS_INLINE __m512i to_bytes(const bool relu, const struct end *end, __m512i a, __m512i b, __m512i c, __m512i d) {
  __m512i ab = _mm512_packs_epi32(a, b), cd = _mm512_packs_epi32(c, d);
  if (!relu) ab = _mm512_adds_epi16(ab, end->zero), cd = _mm512_adds_epi16(cd, end->zero);
  return _mm512_add_epi8(_mm512_min_epu8(_mm512_packus_epi16(ab, cd), end->top), end->base);
}

/* The first n bytes; all of them from n = 64. */
ALWAYS_INLINE __mmask64 first_bytes(size_t n) { return n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX; }

#endif
