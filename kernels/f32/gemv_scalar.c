/* SPDX-License-Identifier: MIT
 *
 * One pixel in plain C: the pointwise tile, panel after panel.
 */
#include "set_scalar.h"
#include "vec_scalar.h"

void mbconv_gemv_scalar(const struct mbconv_pointwise_panel *first, size_t panels, const void *x, void *y,
                        const void *residual_) {
  const float *residual = residual_;
  struct mbconv_pointwise_panel panel = *first;
  for (size_t i = 0; i < panels; i++) {
    mbconv_pointwise_scalar_4x4(&panel, 1, 1, x, &y, i * SIDE, residual ? residual + i * SIDE : NULL);
    panel.weights = (const char *)panel.weights + panel.next;
    panel.bias = (const char *)panel.bias + panel.next;
  }
}
