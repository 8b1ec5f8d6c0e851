/* SPDX-License-Identifier: MIT
 *
 * Pointwise in plain C: a tile of 4 pixels x 4 channels, one float at a time.
 *
 * Four chains side by side hide the latency of a step, be it an FMA instruction (ARM64) or made of doubles (x86-64,
 * whose baseline has none).
 *
 * Order: k ascending, one fma_f32() a step, from the bias.
 */
#include "set_scalar.h"
#include "vec_scalar.h"

/* One pixel; `channels` is a constant at both calls, or the rest of the last panel. */
static inline void row(const struct mbconv_pointwise_panel *panel, const size_t channels, const float *x, float *y,
                       const float *residual) {
  const float *weights = panel->weights, *bias = panel->bias;
  float sum[SIDE];
  for (size_t c = 0; c < channels; c++) sum[c] = bias[c];
  for (size_t left = panel->k; left > 0; left -= panel->segment, x += panel->segment + panel->jump) {
    for (size_t k = 0; k < panel->segment; k++, weights += SIDE) {
      for (size_t c = 0; c < channels; c++) sum[c] = fma_f32(weights[c], x[k], sum[c]);
    }
  }
  for (size_t c = 0; c < channels; c++) {
    if (residual) sum[c] += residual[c];
    y[c] = clamp(sum[c], panel->ending.lo, panel->ending.hi);
  }
}

void mbconv_pointwise_scalar_4x4(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                 const void *x_, void *const *y, size_t y_offset, const void *residual_) {
  const float *x = x_, *residual = residual_;
  for (size_t p = 0; p < pixels * tiles; p++) {
    float *to = y[p];
    const float *r = residual ? residual + p * panel->r_stride : NULL;
    if (panel->channels == SIDE) {
      row(panel, SIDE, x + p * panel->x_stride, to + y_offset, r);
    } else {
      row(panel, panel->channels, x + p * panel->x_stride, to + y_offset, r);
    }
  }
}
