/* SPDX-License-Identifier: MIT */
#include "operations.h"

#include <immintrin.h>

#ifdef MBCONV_TWINS_VNNI_H
#define NAME(name) twin_##name
#else
#define NAME(name) real_##name
#endif

void NAME(dots_avx512_128)(const void *sum, const void *x, const void *w, void *y) {
  _mm_storeu_si128(y, _mm_dpbusd_epi32(_mm_loadu_si128(sum), _mm_loadu_si128(x), _mm_loadu_si128(w)));
}

void NAME(dots_avx512_512)(const void *sum, const void *x, const void *w, void *y) {
  const __m512i from = _mm512_loadu_si512(sum);
  _mm512_storeu_si512(y, _mm512_dpbusd_epi32(from, _mm512_loadu_si512(x), _mm512_loadu_si512(w)));
}

void NAME(look_up_all_avx512)(const void *at, const void *table, void *y) {
  _mm512_storeu_si512(y, _mm512_permutexvar_epi8(_mm512_loadu_si512(at), _mm512_loadu_si512(table)));
}

void NAME(look_up_avx512)(const void *otherwise, uint64_t mask, const void *at, const void *table, void *y) {
  const __m512i from = _mm512_loadu_si512(otherwise);
  _mm512_storeu_si512(
      y, _mm512_mask_permutexvar_epi8(from, (__mmask64)mask, _mm512_loadu_si512(at), _mm512_loadu_si512(table)));
}
