/* SPDX-License-Identifier: MIT
 *
 * Squeeze-excite's two loops over channels in plain C.
 */
#include "set_scalar.h"

void mbconv_channel_sum_scalar(size_t pixels, size_t channels, const void *x_, size_t x_stride, float *sum) {
  const float *x = x_;
  for (size_t c = 0; c < channels; c++) {
    float row = 0.0f;
    for (size_t p = 0; p < pixels; p++) row += x[p * x_stride + c];
    sum[c] += row;
  }
}

void mbconv_channel_scale_scalar(size_t pixels, size_t channels, const void *x_, size_t x_stride, const float *scale,
                                 void *y_, size_t y_stride) {
  const float *x = x_;
  float *y = y_;
  for (size_t p = 0; p < pixels; p++) {
    for (size_t c = 0; c < channels; c++) y[p * y_stride + c] = x[p * x_stride + c] * scale[c];
  }
}
