/* SPDX-License-Identifier: MIT
 *
 * Squeeze-excite's two loops over channels on AVX-512, up to 4 vectors of channels at a time.
 *
 * The sum over pixels has a fixed order, one addition after the other: 4 chains side by side hide the latency of an
 * addition. The scales of 4 vectors stay in registers.
 */
#include "set_avx512.h"
#include "vec_avx512.h"

enum { MOST = 4 };

/* `vectors`, 1 to MOST, is a constant at every call. */
ALWAYS_INLINE void sum_vectors(size_t vectors, size_t pixels, const float *x, size_t x_stride, float *sum) {
  __m512 row[MOST];
  for (size_t v = 0; v < vectors; v++) row[v] = _mm512_setzero_ps();
  NO_UNROLL
  for (size_t p = 0; p < pixels; p++, x += x_stride)
    for (size_t v = 0; v < vectors; v++) row[v] = _mm512_add_ps(row[v], _mm512_loadu_ps(x + v * LANES));
  for (size_t v = 0; v < vectors; v++)
    _mm512_storeu_ps(sum + v * LANES, _mm512_add_ps(_mm512_loadu_ps(sum + v * LANES), row[v]));
}

static void sum_partial(size_t pixels, size_t channels, const float *x, size_t x_stride, float *sum) {
  const __mmask16 lanes = first_lanes(channels);
  __m512 row = _mm512_setzero_ps();
  for (size_t p = 0; p < pixels; p++, x += x_stride) row = _mm512_add_ps(row, _mm512_maskz_loadu_ps(lanes, x));
  _mm512_mask_storeu_ps(sum, lanes, _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, sum), row));
}

void mbconv_channel_sum_avx512(size_t pixels, size_t channels, const void *x_, size_t x_stride, void *sum_) {
  const float *x = x_;
  float *sum = sum_;
  size_t c = 0;
  for (; channels - c >= 4 * LANES; c += 4 * LANES) sum_vectors(4, pixels, x + c, x_stride, sum + c);
  for (; channels - c >= 2 * LANES; c += 2 * LANES) sum_vectors(2, pixels, x + c, x_stride, sum + c);
  for (; channels - c >= LANES; c += LANES) sum_vectors(1, pixels, x + c, x_stride, sum + c);
  if (c < channels) sum_partial(pixels, channels - c, x + c, x_stride, sum + c);
}

ALWAYS_INLINE void scale_vectors(size_t vectors, size_t pixels, const float *x, size_t x_stride, const float *scale,
                                 float *y, size_t y_stride) {
  __m512 factor[MOST];
  for (size_t v = 0; v < vectors; v++) factor[v] = _mm512_loadu_ps(scale + v * LANES);
  NO_UNROLL
  for (size_t p = 0; p < pixels; p++, x += x_stride, y += y_stride)
    for (size_t v = 0; v < vectors; v++)
      _mm512_storeu_ps(y + v * LANES, _mm512_mul_ps(_mm512_loadu_ps(x + v * LANES), factor[v]));
}

static void scale_partial(size_t pixels, size_t channels, const float *x, size_t x_stride, const float *scale, float *y,
                          size_t y_stride) {
  const __mmask16 lanes = first_lanes(channels);
  const __m512 factor = _mm512_maskz_loadu_ps(lanes, scale);
  for (size_t p = 0; p < pixels; p++, x += x_stride, y += y_stride)
    _mm512_mask_storeu_ps(y, lanes, _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, x), factor));
}

void mbconv_channel_scale_avx512(size_t pixels, size_t channels, const void *x_, size_t x_stride, const void *scale_,
                                 void *y_, size_t y_stride) {
  const float *x = x_, *scale = scale_;
  float *y = y_;
  size_t c = 0;
  for (; channels - c >= 4 * LANES; c += 4 * LANES)
    scale_vectors(4, pixels, x + c, x_stride, scale + c, y + c, y_stride);
  for (; channels - c >= 2 * LANES; c += 2 * LANES)
    scale_vectors(2, pixels, x + c, x_stride, scale + c, y + c, y_stride);
  for (; channels - c >= LANES; c += LANES) scale_vectors(1, pixels, x + c, x_stride, scale + c, y + c, y_stride);
  if (c < channels) scale_partial(pixels, channels - c, x + c, x_stride, scale + c, y + c, y_stride);
}
