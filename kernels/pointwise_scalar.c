/* SPDX-License-Identifier: MIT
 *
 * Pointwise in plain C: a tile of 4 pixels x 4 channels, one float at a time.
 *
 * Four chains side by side hide the latency of FMA where the compiler has an instruction for it (ARM64). x86-64's
 * baseline has none: fmaf() is then a call, which costs more than anything around it.
 *
 * Order: k ascending, one fmaf() a step, from the bias.
 */
#include "set_scalar.h"
#include "vec_scalar.h"

enum { WIDTH = 4 };

/* One pixel; `channels` is a constant at both calls, or the rest of the last panel. */
static inline void row(const struct mbconv_pointwise_panel *panel, const size_t channels, const float *x, float *y,
                       const float *residual) {
  float sum[WIDTH];
  for (size_t c = 0; c < channels; c++) sum[c] = panel->bias[c];
  for (size_t k = 0; k < panel->k; k++) {
    for (size_t c = 0; c < channels; c++) sum[c] = fmaf(panel->weights[k * WIDTH + c], x[k], sum[c]);
  }
  for (size_t c = 0; c < channels; c++) {
    if (residual) sum[c] += residual[c];
    y[c] = clamp(sum[c], panel->lo, panel->hi);
  }
}

void mbconv_pointwise_scalar_4x4(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                 const float *x, float *const *y, size_t y_offset, const float *residual) {
  for (size_t p = 0; p < pixels * tiles; p++) {
    const float *r = residual ? residual + p * panel->r_stride : NULL;
    if (panel->channels == WIDTH) {
      row(panel, WIDTH, x + p * panel->x_stride, y[p] + y_offset, r);
    } else {
      row(panel, panel->channels, x + p * panel->x_stride, y[p] + y_offset, r);
    }
  }
}
