/* SPDX-License-Identifier: MIT
 *
 * Floats to bytes and back, in plain C: the reference for all sets.
 */
#include "requantize.h"
#include "set_scalar.h"

void mbconv_i8_quantize_scalar(const struct mbconv_i8_converter *by, size_t n, const void *x_, void *y_) {
  const float *x = x_;
  uint8_t *y = y_;
  for (size_t i = 0; i < n; i++) y[i] = mbconv_i8_quantize(by, x[i]);
}

void mbconv_i8_dequantize_scalar(const struct mbconv_i8_converter *by, size_t n, const void *x_, void *y_) {
  const uint8_t *x = x_;
  float *y = y_;
  for (size_t i = 0; i < n; i++) y[i] = (float)(x[i] - by->zero) * by->scale;
}
