/* SPDX-License-Identifier: MIT
 *
 * Squeeze-excite's loops over channels in plain C. The means are those of all f32 sets: they are computed once per
 * image.
 */
#include <string.h>

#include "set_scalar.h"

void mbconv_channel_sum_scalar(size_t pixels, size_t channels, const void *x_, size_t x_stride, void *sum_) {
  const float *x = x_;
  float *sum = sum_;
  for (size_t c = 0; c < channels; c++) {
    float row = 0.0f;
    for (size_t p = 0; p < pixels; p++) row += x[p * x_stride + c];
    sum[c] += row;
  }
}

void mbconv_channel_mean_scalar(size_t channels, size_t rows, void *sum_, size_t sum_stride, size_t pixels, void *y) {
  float *sum = sum_;
  for (size_t r = 1; r < rows; r++)
    for (size_t c = 0; c < channels; c++) sum[c] += sum[r * sum_stride + c];
  const float reciprocal = (float)(1.0 / (double)pixels);
  for (size_t c = 0; c < channels; c++) sum[c] *= reciprocal;
  if (y != sum) memcpy(y, sum, channels * sizeof *sum);
}

void mbconv_channel_scale_scalar(size_t pixels, size_t channels, const void *x_, size_t x_stride, const void *scale_,
                                 void *y_, size_t y_stride) {
  const float *x = x_, *scale = scale_;
  float *y = y_;
  for (size_t p = 0; p < pixels; p++) {
    for (size_t c = 0; c < channels; c++) y[p * y_stride + c] = x[p * x_stride + c] * scale[c];
  }
}
