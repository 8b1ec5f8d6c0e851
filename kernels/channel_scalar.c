/* SPDX-License-Identifier: MIT
 *
 * Squeeze-excite's two loops over channels in plain C.
 */
#include "set_scalar.h"

void mbconv_channel_sum_scalar(size_t pixels, size_t channels, const float *x, size_t x_stride, float *sum) {
  for (size_t c = 0; c < channels; c++) {
    float row = 0.0f;
    for (size_t p = 0; p < pixels; p++) row += x[p * x_stride + c];
    sum[c] += row;
  }
}

void mbconv_channel_scale_scalar(size_t pixels, size_t channels, const float *x, size_t x_stride, const float *scale,
                                 float *y, size_t y_stride) {
  for (size_t p = 0; p < pixels; p++) {
    for (size_t c = 0; c < channels; c++) y[p * y_stride + c] = x[p * x_stride + c] * scale[c];
  }
}
