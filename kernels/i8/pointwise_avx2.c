/* SPDX-License-Identifier: MIT
 *
 * Int8 pointwise on AVX2: pointwise_avx2.h says what the tiles are.
 *
 * vpmaddwd adds 2 products of 16 bits, exactly, and an addition adds that to each of 8 sums. So weights are packed as
 * words, and pixels are widened to words as they are put into the buffer, once for all channels of the panel.
 *
 *     operations of a step of 2 of k: products 12, additions 12
 *
 * An Intel core begins 3 vector operations a cycle, of which 2 are products: 24 products of bytes a cycle, where f32
 * has 16. There is no faster exact way: vpmaddubsw multiplies twice as many bytes, but saturates, and is exact only if
 * weights or pixels are split, which takes at least as many operations.
 */
enum { K_BYTES = 2 };

#include "pointwise_avx2.h"
#include "set_avx2.h"

ALWAYS_INLINE __m256i dot(__m256i sum, __m256i x, const char *weights) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(x, _mm256_load_si256((const __m256i *)weights)));
}

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

void mbconv_i8_pointwise_avx2_3x32(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                   const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(4, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_avx2_4x24(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                   const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(3, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_avx2_6x16(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                   const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(2, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_avx2_12x8(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                   const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(1, panel, pixels, tiles, x, y, offset);
}
