/* SPDX-License-Identifier: MIT
 *
 * Squeeze-excite's sums and gates on AVX2. All pixels of some channels, then those of the next ones.
 */
#include "requantize_avx2.h"
#include "set_avx2.h"
#include "set_scalar.h"

enum { WORDS = 16, BYTES = 32, WORD_PIXELS = 257 /* of which words hold the sums */ };

/* ---- Sums -------------------------------------------------------------------------------------------------------- */

ALWAYS_INLINE void add_words(__m128i words, int32_t *sum) {
  const __m256i before = _mm256_loadu_si256((const __m256i_u *)sum);
  _mm256_storeu_si256((__m256i_u *)sum, _mm256_add_epi32(before, _mm256_cvtepu16_epi32(words)));
}

/* 16 channels of at most WORD_PIXELS pixels. */
ALWAYS_INLINE void sum_16(size_t pixels, const uint8_t *x, size_t x_stride, int32_t *sum) {
  __m256i words = _mm256_setzero_si256();
  for (size_t p = 0; p < pixels; p++, x += x_stride)
    words = _mm256_add_epi16(words, _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i_u *)x)));
  add_words(_mm256_castsi256_si128(words), sum);
  add_words(_mm256_extracti128_si256(words, 1), sum + LANES);
}

/* 8 channels. */
ALWAYS_INLINE void sum_8(size_t pixels, const uint8_t *x, size_t x_stride, int32_t *sum) {
  __m128i words = _mm_setzero_si128();
  for (size_t p = 0; p < pixels; p++, x += x_stride)
    words = _mm_add_epi16(words, _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i_u *)x)));
  add_words(words, sum);
}

void mbconv_i8_channel_sum_avx2(size_t pixels, size_t channels, const void *x_, size_t x_stride, void *sum_) {
  const uint8_t *x = x_;
  int32_t *sum = sum_;
  for (size_t count; pixels > 0; pixels -= count, x += count * x_stride) {
    count = pixels < WORD_PIXELS ? pixels : WORD_PIXELS;
    size_t c = 0;
    for (; c + WORDS <= channels; c += WORDS) sum_16(count, x + c, x_stride, sum + c);
    for (; c + LANES <= channels; c += LANES) sum_8(count, x + c, x_stride, sum + c);
    if (c < channels) mbconv_i8_channel_sum_scalar(count, channels - c, x + c, x_stride, sum + c);
  }
}

/* ---- Gates ------------------------------------------------------------------------------------------------------- */

/* Of 8 channels: the factor of x, and what the zero point of x adds to the product. All are whole numbers below 2^24.
 */
struct factor {
  __m256 of_x, added;
};

ALWAYS_INLINE struct factor factor_of(const struct mbconv_i8_gate *gate, const uint8_t *gates) {
  const __m256i g = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i_u *)gates));
  const __m256 of_x = _mm256_cvtepi32_ps(_mm256_sub_epi32(g, _mm256_set1_epi32(gate->gate_zero)));
  return (struct factor){of_x, _mm256_mul_ps(of_x, _mm256_set1_ps((float)gate->x_zero))};
}

/* Whole numbers of 32 bits. */
ALWAYS_INLINE __m256i product(const struct factor *factor, __m256 scale, const uint8_t *x) {
  const __m256 v = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i_u *)x)));
  return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_fmsub_ps(v, factor->of_x, factor->added), scale));
}

/* 32 channels. */
static void gate_32(const struct mbconv_i8_gate *gate, size_t pixels, const uint8_t *x, size_t x_stride,
                    const uint8_t *gates, uint8_t *y, size_t y_stride) {
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  const struct end end = end_of(&gate->ending);
  const __m256 scale = _mm256_set1_ps(gate->scale.scale);
  const struct factor a = factor_of(gate, gates), b = factor_of(gate, gates + LANES);
  const struct factor c = factor_of(gate, gates + 2 * LANES), d = factor_of(gate, gates + 3 * LANES);
  for (size_t p = 0; p < pixels; p++, x += x_stride, y += y_stride) {
    const __m256i bytes = to_bytes(false, &end, product(&a, scale, x), product(&b, scale, x + LANES),
                                   product(&c, scale, x + 2 * LANES), product(&d, scale, x + 3 * LANES));
    _mm256_storeu_si256((__m256i_u *)y, _mm256_permutevar8x32_epi32(bytes, order));
  }
}

/* 8 channels. */
static void gate_8(const struct mbconv_i8_gate *gate, size_t pixels, const uint8_t *x, size_t x_stride,
                   const uint8_t *gates, uint8_t *y, size_t y_stride) {
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  const struct end end = end_of(&gate->ending);
  const __m256 scale = _mm256_set1_ps(gate->scale.scale);
  const struct factor factor = factor_of(gate, gates);
  for (size_t p = 0; p < pixels; p++, x += x_stride, y += y_stride) {
    const __m256i v = product(&factor, scale, x), bytes = to_bytes(false, &end, v, v, v, v); /* each half four times */
    _mm_storel_epi64((__m128i_u *)y, _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(bytes, order)));
  }
}

void mbconv_i8_gate_avx2(const struct mbconv_i8_gate *gate, size_t pixels, size_t channels, const void *x_,
                         size_t x_stride, const void *gates_, void *y_, size_t y_stride) {
  const uint8_t *x = x_, *gates = gates_;
  uint8_t *y = y_;
  size_t c = 0;
  const size_t whole = gate->ending.rounding == MBCONV_I8_FP32 ? channels : 0;
  for (; c + BYTES <= whole; c += BYTES) gate_32(gate, pixels, x + c, x_stride, gates + c, y + c, y_stride);
  for (; c + LANES <= whole; c += LANES) gate_8(gate, pixels, x + c, x_stride, gates + c, y + c, y_stride);
  if (c < channels) mbconv_i8_gate_scalar(gate, pixels, channels - c, x + c, x_stride, gates + c, y + c, y_stride);
}
