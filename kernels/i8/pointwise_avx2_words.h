/* SPDX-License-Identifier: MIT
 *
 * Pixels as words, for pointwise_avx2.h. The file that includes this one defines WEIGHTS, and dot().
 */
#ifndef MBCONV_I8_POINTWISE_AVX2_WORDS_H
#define MBCONV_I8_POINTWISE_AVX2_WORDS_H

enum { K_BYTES = 2 };

#include "pointwise_avx2.h"
#include "set_avx2.h"

/* Widens 16 bytes at a time. The last 16 are loaded together, too: they overlap those before, unless 16 divides k. */
ALWAYS_INLINE void fill(size_t k, const uint8_t *x, char *to) {
  uint16_t *words = (uint16_t *)(void *)to;
  if (k >= 16) {
    size_t i = 0;
    do {
      const __m128i bytes = _mm_loadu_si128((const __m128i_u *)(x + i));
      _mm256_storeu_si256((__m256i_u *)(words + i), _mm256_cvtepu8_epi16(bytes));
      i = i + 16 < k && i + 32 > k ? k - 16 : i + 16;
    } while (i < k);
  } else {
    for (size_t i = 0; i < k; i++) words[i] = x[i];
  }
  words[k] = 0;
}

#endif
