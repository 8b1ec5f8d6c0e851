/* SPDX-License-Identifier: MIT
 *
 * Squeeze-excite's two loops over channels on AVX2.
 *
 * The sum over pixels has a fixed order, one addition after the other: 32 channels at a time give the 4 chains that
 * hide the latency of an addition.
 */
#include "set_avx2.h"
#include "vec_avx2.h"

static void sum_vector(size_t pixels, size_t channels, const float *x, size_t x_stride, float *sum) {
  __m256 row = _mm256_setzero_ps();
  if (channels >= LANES) {
    for (size_t p = 0; p < pixels; p++) row = _mm256_add_ps(row, _mm256_loadu_ps(x + p * x_stride));
    _mm256_storeu_ps(sum, _mm256_add_ps(_mm256_loadu_ps(sum), row));
  } else {
    for (size_t p = 0; p < pixels; p++) row = _mm256_add_ps(row, load_partial(x + p * x_stride, channels));
    store_partial(sum, _mm256_add_ps(load_partial(sum, channels), row), channels);
  }
}

void mbconv_channel_sum_avx2(size_t pixels, size_t channels, const float *x, size_t x_stride, float *sum) {
  size_t c = 0;
  for (; c + 4 * LANES <= channels; c += 4 * LANES) {
    __m256 a = _mm256_setzero_ps(), b = a, d = a, e = a;
    for (size_t p = 0; p < pixels; p++) {
      const float *pixel = x + p * x_stride + c;
      a = _mm256_add_ps(a, _mm256_loadu_ps(pixel));
      b = _mm256_add_ps(b, _mm256_loadu_ps(pixel + LANES));
      d = _mm256_add_ps(d, _mm256_loadu_ps(pixel + 2 * LANES));
      e = _mm256_add_ps(e, _mm256_loadu_ps(pixel + 3 * LANES));
    }
    _mm256_storeu_ps(sum + c, _mm256_add_ps(_mm256_loadu_ps(sum + c), a));
    _mm256_storeu_ps(sum + c + LANES, _mm256_add_ps(_mm256_loadu_ps(sum + c + LANES), b));
    _mm256_storeu_ps(sum + c + 2 * LANES, _mm256_add_ps(_mm256_loadu_ps(sum + c + 2 * LANES), d));
    _mm256_storeu_ps(sum + c + 3 * LANES, _mm256_add_ps(_mm256_loadu_ps(sum + c + 3 * LANES), e));
  }
  for (; c < channels; c += LANES) sum_vector(pixels, channels - c, x + c, x_stride, sum + c);
}

void mbconv_channel_scale_avx2(size_t pixels, size_t channels, const float *x, size_t x_stride, const float *scale,
                               float *y, size_t y_stride) {
  for (size_t p = 0; p < pixels; p++, x += x_stride, y += y_stride) {
    size_t c = 0;
    for (; c + LANES <= channels; c += LANES)
      _mm256_storeu_ps(y + c, _mm256_mul_ps(_mm256_loadu_ps(x + c), _mm256_loadu_ps(scale + c)));
    if (c < channels) {
      const size_t rest = channels - c;
      store_partial(y + c, _mm256_mul_ps(load_partial(x + c, rest), load_partial(scale + c, rest)), rest);
    }
  }
}
