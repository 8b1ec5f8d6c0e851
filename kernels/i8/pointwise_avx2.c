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
 * Weights that lie in memory as bytes, and are widened as they are loaded, once for the 3 pixels of a tile, cost 7% to
 * 11% of the time on Zen 4: pointwise_bytes_avx2.c does so where a single pixel waits for its weights.
 */
enum { WEIGHTS = 32 };

#include "pointwise_avx2_words.h"

ALWAYS_INLINE __m256i dot(__m256i sum, __m256i x, const char *weights) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(x, _mm256_load_si256((const __m256i *)weights)));
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
