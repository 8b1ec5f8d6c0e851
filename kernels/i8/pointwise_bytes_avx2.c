/* SPDX-License-Identifier: MIT
 *
 * Int8 pointwise on AVX2 for a single pixel: a classifier, or the layers of squeeze-excite. They read all their weights
 * for few products, and wait for memory. So weights are bytes there, half as many, which are widened as they are
 * loaded. All else is as in pointwise_avx2.c, and more pixels are as right, but slower.
 *
 *     operations of a step of 2 of k, 1 pixel: products 4, additions 4, words made of bytes 4
 */
enum { WEIGHTS = 16 };

#include "pointwise_avx2_words.h"

ALWAYS_INLINE __m256i dot(__m256i sum, __m256i x, const char *weights) {
  const __m256i words = _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)(const void *)weights));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(x, words));
}

void mbconv_i8_pointwise_avx2_bytes_3x32(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                         const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(4, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_avx2_bytes_4x24(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                         const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(3, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_avx2_bytes_6x16(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                         const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(2, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_avx2_bytes_12x8(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                         const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(1, panel, pixels, tiles, x, y, offset);
}
