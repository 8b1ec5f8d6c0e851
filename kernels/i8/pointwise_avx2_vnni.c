/* SPDX-License-Identifier: MIT
 *
 * Int8 pointwise on AVX2 with VNNI: pointwise_avx2.h says what the tiles are.
 *
 * vpdpbusd adds 4 products of bytes to each of 8 sums: a step of 4 of k is 12 operations, of which CPUs begin 2 a
 * cycle. That is 64 products a cycle, where f32 has 16.
 */
enum { K_BYTES = 1, WEIGHTS = 32 };

#include "pointwise_avx2.h"
#include "set_avx2_vnni.h"
#include "vnni_avx2.h"

ALWAYS_INLINE __m256i dot(__m256i sum, __m256i x, const char *weights) {
  return add_dots(sum, x, _mm256_load_si256((const __m256i *)weights));
}

/* Copies 32 bytes at a time. The last 32 are loaded together, too: they overlap those before, unless 32 divides k. */
ALWAYS_INLINE void fill(size_t k, const uint8_t *x, char *to) {
  memset(to + k / STEP_BYTES * STEP_BYTES, 0, STEP_BYTES);
  if (k >= 32) {
    size_t i = 0;
    do {
      _mm256_storeu_si256((__m256i_u *)(to + i), _mm256_loadu_si256((const __m256i_u *)(x + i)));
      i = i + 32 < k && i + 64 > k ? k - 32 : i + 32;
    } while (i < k);
  } else if (k >= 16) {
    _mm_storeu_si128((__m128i_u *)to, _mm_loadu_si128((const __m128i_u *)x));
    _mm_storeu_si128((__m128i_u *)(to + k - 16), _mm_loadu_si128((const __m128i_u *)(x + k - 16)));
  } else {
    for (size_t i = 0; i < k; i++) to[i] = (char)x[i];
  }
}

void mbconv_i8_pointwise_avx2_vnni_3x32(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                        const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(4, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_avx2_vnni_4x24(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                        const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(3, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_avx2_vnni_6x16(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                        const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(2, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_avx2_vnni_12x8(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                        const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(1, panel, pixels, tiles, x, y, offset);
}
