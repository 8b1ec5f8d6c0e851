/* SPDX-License-Identifier: MIT
 *
 * Transposition in plain C, a float at a time.
 */
#include "set_scalar.h"

void mbconv_transpose_scalar_1x1(size_t tiles, const void *x_, size_t x_stride, size_t x_step, void *y_,
                                 size_t y_stride, size_t y_step, const void *residual_) {
  const float *x = x_, *residual = residual_;
  float *y = y_;
  (void)x_stride;
  (void)y_stride;
  for (size_t i = 0; i < tiles; i++) {
    const float v = x[i * x_step];
    y[i * y_step] = residual ? v + residual[i * y_step] : v;
  }
}
