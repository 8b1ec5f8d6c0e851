/* SPDX-License-Identifier: MIT
 *
 * Pointwise on NEON: tiles of 6 pixels x 4 channels, for a last panel of up to 4 channels. It works like
 * pointwise_neon.c, but takes one pixel at a time. The code is kept small: few layers have such a panel.
 *
 *     registers
 *     sums          6
 *     weights       4      (of 4 k)
 *     pixels        1
 *
 * Tiles of 2, 4 and 5 pixels are made of tiles of 3 and 1. Order: k ascending, one FMA a step, from the bias.
 */
#include <assert.h>

#include "set_neon.h"
#include "silu_tiles_neon.h"
#include "vec_neon.h"

struct sums {
  float32x4_t a, b, c, d, e, f;
};

/* 4 k of one row. */
ALWAYS_INLINE void row4(const float *x, const float32x4_t *w, float32x4_t *sum) {
  const float32x4_t pixel = vld1q_f32(x);
  *sum = vfmaq_laneq_f32(*sum, w[0], pixel, 0);
  *sum = vfmaq_laneq_f32(*sum, w[1], pixel, 1);
  *sum = vfmaq_laneq_f32(*sum, w[2], pixel, 2);
  *sum = vfmaq_laneq_f32(*sum, w[3], pixel, 3);
}

/* 1 k of one row. */
ALWAYS_INLINE void row1(const float *x, float32x4_t w, float32x4_t *sum) {
  *sum = vfmaq_f32(*sum, w, vld1q_dup_f32(x));
}

ALWAYS_INLINE void steps4(const size_t rows, const float *x, size_t stride, const float *weights, struct sums *s) {
  const float32x4_t w[4] = {vld1q_f32(weights), vld1q_f32(weights + LANES), vld1q_f32(weights + 2 * LANES),
                            vld1q_f32(weights + 3 * LANES)};
  row4(x, w, &s->a);
  if (rows > 1) row4(x + stride, w, &s->b);
  if (rows > 1) row4(x + 2 * stride, w, &s->c);
  if (rows > 3) row4(x + 3 * stride, w, &s->d);
  if (rows > 3) row4(x + 4 * stride, w, &s->e);
  if (rows > 3) row4(x + 5 * stride, w, &s->f);
}

ALWAYS_INLINE void steps1(const size_t rows, const float *x, size_t stride, const float *weights, struct sums *s) {
  const float32x4_t w = vld1q_f32(weights);
  row1(x, w, &s->a);
  if (rows > 1) row1(x + stride, w, &s->b);
  if (rows > 1) row1(x + 2 * stride, w, &s->c);
  if (rows > 3) row1(x + 3 * stride, w, &s->d);
  if (rows > 3) row1(x + 4 * stride, w, &s->e);
  if (rows > 3) row1(x + 5 * stride, w, &s->f);
}

/* Row p. Its residual is at r, or there is none and r is NULL. */
ALWAYS_INLINE void finish(const struct mbconv_pointwise_panel *panel, size_t p, const float *r, void *const *y,
                          size_t offset, float32x4_t sum) {
  if (r) sum = vaddq_f32(sum, vld1q_f32(r + p * panel->r_stride));
  float *to = y[p];
  vst1q_f32(to + offset, clamp(sum, vld1q_dup_f32(&panel->ending.lo), vld1q_dup_f32(&panel->ending.hi)));
}

/* `rows`, a constant at every call, is 6, 3 or 1. */
ALWAYS_INLINE void tile(const size_t rows, const struct mbconv_pointwise_panel *panel, const float *x, void *const *y,
                        size_t offset, const float *residual) {
  const float32x4_t bias = vld1q_f32(panel->bias);
  struct sums s = {bias, bias, bias, bias, bias, bias};
  const float *weights = panel->weights;
  size_t left = panel->k;
  NO_UNROLL
  for (; left >= 4; left -= 4, x += 4, weights += 4 * LANES) steps4(rows, x, panel->x_stride, weights, &s);
  NO_UNROLL
  for (; left > 0; left--, x++, weights += LANES) steps1(rows, x, panel->x_stride, weights, &s);
  finish(panel, 0, residual, y, offset, s.a);
  if (rows > 1) finish(panel, 1, residual, y, offset, s.b);
  if (rows > 1) finish(panel, 2, residual, y, offset, s.c);
  if (rows > 3) finish(panel, 3, residual, y, offset, s.d);
  if (rows > 3) finish(panel, 4, residual, y, offset, s.e);
  if (rows > 3) finish(panel, 5, residual, y, offset, s.f);
}

void mbconv_pointwise_neon_6x4(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const void *x_,
                               void *const *y, size_t y_offset, const void *residual_) {
  const float *x = x_, *residual = residual_;
  assert(panel->channels == LANES);
  const size_t all = pixels * tiles;
  for (size_t p = 0, n; p < all; p += n) {
    const float *first_x = x + p * panel->x_stride, *first_r = residual ? residual + p * panel->r_stride : NULL;
    n = all - p >= 6 ? 6 : all - p >= 3 ? 3 : 1;
    switch (n) {
      case 6: tile(6, panel, first_x, y + p, y_offset, first_r); break;
      case 3: tile(3, panel, first_x, y + p, y_offset, first_r); break;
      default: tile(1, panel, first_x, y + p, y_offset, first_r); break;
    }
  }
  if (panel->ending.silu) silu_stored(panel, all, y, y_offset);
}
