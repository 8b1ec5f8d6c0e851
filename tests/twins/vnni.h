/* SPDX-License-Identifier: MIT
 *
 * Stands before the int8 kernels that need VNNI or VBMI when they are compiled for mbconv_twins_tests: these
 * instructions, written out in AVX2 and AVX-512BW. An intrinsic that is missing here does not compile: the compiler is
 * not told of VNNI.
 */
#ifndef MBCONV_TWINS_VNNI_H
#define MBCONV_TWINS_VNNI_H

#include <immintrin.h>

#define TWIN static inline __attribute__((always_inline))

/* vpdpbusd: adds to each dword the four products of the unsigned bytes of x and the signed ones of w. The even bytes
 * and the odd ones become words, of which two products and their sum are exact in 32 bits; the last sum wraps. */
TWIN __m128i twin_dpbusd_128(__m128i sum, __m128i x, __m128i w) {
  const __m128i even = _mm_and_si128(x, _mm_set1_epi16(0xff)), odd = _mm_srli_epi16(x, 8);
  const __m128i w_even = _mm_srai_epi16(_mm_slli_epi16(w, 8), 8), w_odd = _mm_srai_epi16(w, 8);
  return _mm_add_epi32(sum, _mm_add_epi32(_mm_madd_epi16(even, w_even), _mm_madd_epi16(odd, w_odd)));
}

TWIN __m256i twin_dpbusd_256(__m256i sum, __m256i x, __m256i w) {
  const __m256i even = _mm256_and_si256(x, _mm256_set1_epi16(0xff)), odd = _mm256_srli_epi16(x, 8);
  const __m256i w_even = _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8), w_odd = _mm256_srai_epi16(w, 8);
  return _mm256_add_epi32(sum, _mm256_add_epi32(_mm256_madd_epi16(even, w_even), _mm256_madd_epi16(odd, w_odd)));
}

#undef _mm_dpbusd_epi32
#undef _mm256_dpbusd_avx_epi32
#define _mm_dpbusd_epi32(sum, x, w) twin_dpbusd_128(sum, x, w)
#define _mm256_dpbusd_avx_epi32(sum, x, w) twin_dpbusd_256(sum, x, w)

#ifdef __AVX512BW__
TWIN __m512i twin_dpbusd_512(__m512i sum, __m512i x, __m512i w) {
  const __m512i even = _mm512_and_si512(x, _mm512_set1_epi16(0xff)), odd = _mm512_srli_epi16(x, 8);
  const __m512i w_even = _mm512_srai_epi16(_mm512_slli_epi16(w, 8), 8), w_odd = _mm512_srai_epi16(w, 8);
  return _mm512_add_epi32(sum, _mm512_add_epi32(_mm512_madd_epi16(even, w_even), _mm512_madd_epi16(odd, w_odd)));
}

/* The byte of `table` that the lower 6 bits of each word of `at` name, in a word. */
TWIN __m512i twin_look_up(__m512i at, __m512i table) {
  const __m512i words = _mm512_permutexvar_epi16(_mm512_srli_epi16(at, 1), table); /* takes 5 bits */
  const __m512i shift = _mm512_slli_epi16(_mm512_and_si512(at, _mm512_set1_epi16(1)), 3);
  return _mm512_and_si512(_mm512_srlv_epi16(words, shift), _mm512_set1_epi16(0xff));
}

/* vpermb: each byte becomes the byte of `table` that its lower 6 bits name. */
TWIN __m512i twin_permutexvar_epi8(__m512i at, __m512i table) {
  const __m512i odd = twin_look_up(_mm512_srli_epi16(at, 8), table);
  return _mm512_or_si512(twin_look_up(at, table), _mm512_slli_epi16(odd, 8));
}

TWIN __m512i twin_mask_permutexvar_epi8(__m512i otherwise, __mmask64 mask, __m512i at, __m512i table) {
  return _mm512_mask_blend_epi8(mask, otherwise, twin_permutexvar_epi8(at, table));
}

#undef _mm512_dpbusd_epi32
#undef _mm512_permutexvar_epi8
#undef _mm512_mask_permutexvar_epi8
#define _mm512_dpbusd_epi32(sum, x, w) twin_dpbusd_512(sum, x, w)
#define _mm512_permutexvar_epi8(at, table) twin_permutexvar_epi8(at, table)
#define _mm512_mask_permutexvar_epi8(otherwise, mask, at, table) twin_mask_permutexvar_epi8(otherwise, mask, at, table)
#endif

#undef TWIN

#endif
