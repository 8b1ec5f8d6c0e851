/* SPDX-License-Identifier: MIT
 *
 * Pointwise on NEON: tiles of 10 pixels x 8 channels and 10 pixels x 4 channels.
 *
 * k goes in steps of 4: a pixel's 4 floats are one load, and an FMA takes one of them as its scalar operand. The step's
 * weights stay in registers while the pixels pass, two at a time. 10x8 does 18 loads for 80 FMAs; 10x4 does 14 for 40
 * and serves only a last panel of up to 4 channels. One body does both: `vectors` is 2 or 1.
 *
 *     registers     10x8      10x4
 *     sums          20        10
 *     weights       8         4      (of 4 k)
 *     pixels        2         2
 *
 * Instructions per FMA, loads counted once per register, k = 96, ends included (gcc 12; clang 14 within 1 %):
 *     pixels        10     9      8      7      6
 *     10x8          1.39   1.41   1.43   1.46   1.50
 * The k loop of 10 pixels takes 1.28. Left to order it themselves, compilers load ahead until they run out of
 * registers: 1.65 (gcc 12) and 1.40 (clang 14). 6x16 would do 22 loads for 96 FMAs, no fewer, with twice the channels
 * lost in a last panel. Two pixels are 4 chains side by side: enough for CPUs that execute in order (Cortex-A55: an
 * FMA of 4 floats a cycle, latency 4). Those with two FMAs a cycle look further ahead themselves.
 *
 * The sums are named: gcc 12 keeps an array of them in memory, even when every loop over it is unrolled. `rows` is a
 * constant at every call of a tile, so the comparisons with it vanish.
 *
 * Order: k ascending, one FMA a step, from the bias.
 */
#include <assert.h>

#include "set_neon.h"
#include "vec_neon.h"

/* Constants are loaded here, after the k loop, and so occupy no registers in it. */
ALWAYS_INLINE void finish(const size_t vectors, const struct mbconv_pointwise_panel *panel, float *y,
                          const float *residual, size_t row, float32x4_t sum0, float32x4_t sum1) {
  if (residual) {
    residual += row * panel->r_stride;
    sum0 = vaddq_f32(sum0, vld1q_f32(residual));
    if (vectors > 1) sum1 = vaddq_f32(sum1, vld1q_f32(residual + LANES));
  }
  const float32x4_t lo = vld1q_dup_f32(&panel->lo), hi = vld1q_dup_f32(&panel->hi);
  vst1q_f32(y, clamp(sum0, lo, hi));
  if (vectors > 1) vst1q_f32(y + LANES, clamp(sum1, lo, hi));
}

ALWAYS_INLINE void step4(const size_t vectors, const float **x, const float32x4_t *w, float32x4_t *sum0,
                         float32x4_t *sum1) {
  const float32x4_t pixel = vld1q_f32(*x);
  *x += 4;
  *sum0 = vfmaq_laneq_f32(*sum0, w[0], pixel, 0);
  if (vectors > 1) *sum1 = vfmaq_laneq_f32(*sum1, w[1], pixel, 0);
  *sum0 = vfmaq_laneq_f32(*sum0, w[2], pixel, 1);
  if (vectors > 1) *sum1 = vfmaq_laneq_f32(*sum1, w[3], pixel, 1);
  *sum0 = vfmaq_laneq_f32(*sum0, w[4], pixel, 2);
  if (vectors > 1) *sum1 = vfmaq_laneq_f32(*sum1, w[5], pixel, 2);
  *sum0 = vfmaq_laneq_f32(*sum0, w[6], pixel, 3);
  if (vectors > 1) *sum1 = vfmaq_laneq_f32(*sum1, w[7], pixel, 3);
}

/* Two rows, or the last one of an odd number. */
ALWAYS_INLINE void pair4(const bool both, const size_t vectors, const float **xa, const float **xb,
                         const float32x4_t *w, float32x4_t *a0, float32x4_t *a1, float32x4_t *b0, float32x4_t *b1) {
  step4(vectors, xa, w, a0, a1);
  if (both) step4(vectors, xb, w, b0, b1);
  keep_order(a0);
  if (vectors > 1) keep_order(a1);
  if (both) keep_order(b0);
  if (both && vectors > 1) keep_order(b1);
}

ALWAYS_INLINE void step1(const size_t vectors, const float **x, float32x4_t w0, float32x4_t w1, float32x4_t *sum0,
                         float32x4_t *sum1) {
  const float pixel = *(*x)++;
  *sum0 = vfmaq_n_f32(*sum0, w0, pixel);
  if (vectors > 1) *sum1 = vfmaq_n_f32(*sum1, w1, pixel);
}

ALWAYS_INLINE void tile(const size_t rows, const size_t vectors, const struct mbconv_pointwise_panel *panel,
                        const float *x, float *const *y, size_t offset, const float *residual) {
  const size_t second = vectors - 1;
  float32x4_t a0 = vld1q_f32(panel->bias), a1 = vld1q_f32(panel->bias + second * LANES);
  float32x4_t b0 = a0, b1 = a1, c0 = a0, c1 = a1, d0 = a0, d1 = a1, e0 = a0, e1 = a1, f0 = a0, f1 = a1, g0 = a0,
              g1 = a1, h0 = a0, h1 = a1, i0 = a0, i1 = a1, j0 = a0, j1 = a1;
  const size_t stride = panel->x_stride;
  const float *xa = x, *xb = opaque_pointer(xa + stride), *xc = opaque_pointer(xb + stride),
              *xd = opaque_pointer(xc + stride), *xe = opaque_pointer(xd + stride), *xf = opaque_pointer(xe + stride),
              *xg = opaque_pointer(xf + stride), *xh = opaque_pointer(xg + stride), *xi = opaque_pointer(xh + stride),
              *xj = opaque_pointer(xi + stride);
  const float *weights = panel->weights;
  for (size_t left = panel->k / 4; left > 0; left--) {
    float32x4_t w[8];
    w[0] = vld1q_f32(weights), w[1] = vld1q_f32(weights + second * LANES);
    weights += vectors * LANES;
    w[2] = vld1q_f32(weights), w[3] = vld1q_f32(weights + second * LANES);
    weights += vectors * LANES;
    w[4] = vld1q_f32(weights), w[5] = vld1q_f32(weights + second * LANES);
    weights += vectors * LANES;
    w[6] = vld1q_f32(weights), w[7] = vld1q_f32(weights + second * LANES);
    weights += vectors * LANES;
    pair4(rows > 1, vectors, &xa, &xb, w, &a0, &a1, &b0, &b1);
    if (rows > 2) pair4(rows > 3, vectors, &xc, &xd, w, &c0, &c1, &d0, &d1);
    if (rows > 4) pair4(rows > 5, vectors, &xe, &xf, w, &e0, &e1, &f0, &f1);
    if (rows > 6) pair4(rows > 7, vectors, &xg, &xh, w, &g0, &g1, &h0, &h1);
    if (rows > 8) pair4(rows > 9, vectors, &xi, &xj, w, &i0, &i1, &j0, &j1);
  }
  for (size_t left = panel->k % 4; left > 0; left--) {
    const float32x4_t w0 = vld1q_f32(weights), w1 = vld1q_f32(weights + second * LANES);
    weights += vectors * LANES;
    step1(vectors, &xa, w0, w1, &a0, &a1);
    if (rows > 1) step1(vectors, &xb, w0, w1, &b0, &b1);
    if (rows > 2) step1(vectors, &xc, w0, w1, &c0, &c1);
    if (rows > 3) step1(vectors, &xd, w0, w1, &d0, &d1);
    if (rows > 4) step1(vectors, &xe, w0, w1, &e0, &e1);
    if (rows > 5) step1(vectors, &xf, w0, w1, &f0, &f1);
    if (rows > 6) step1(vectors, &xg, w0, w1, &g0, &g1);
    if (rows > 7) step1(vectors, &xh, w0, w1, &h0, &h1);
    if (rows > 8) step1(vectors, &xi, w0, w1, &i0, &i1);
    if (rows > 9) step1(vectors, &xj, w0, w1, &j0, &j1);
  }
  finish(vectors, panel, y[0] + offset, residual, 0, a0, a1);
  if (rows > 1) finish(vectors, panel, y[1] + offset, residual, 1, b0, b1);
  if (rows > 2) finish(vectors, panel, y[2] + offset, residual, 2, c0, c1);
  if (rows > 3) finish(vectors, panel, y[3] + offset, residual, 3, d0, d1);
  if (rows > 4) finish(vectors, panel, y[4] + offset, residual, 4, e0, e1);
  if (rows > 5) finish(vectors, panel, y[5] + offset, residual, 5, f0, f1);
  if (rows > 6) finish(vectors, panel, y[6] + offset, residual, 6, g0, g1);
  if (rows > 7) finish(vectors, panel, y[7] + offset, residual, 7, h0, h1);
  if (rows > 8) finish(vectors, panel, y[8] + offset, residual, 8, i0, i1);
  if (rows > 9) finish(vectors, panel, y[9] + offset, residual, 9, j0, j1);
}

ALWAYS_INLINE void any_tile(const size_t vectors, const struct mbconv_pointwise_panel *panel, size_t pixels,
                            const float *x, float *const *y, size_t y_offset, const float *residual) {
  assert(panel->channels == vectors * LANES);
  switch (pixels) {
    case 1: tile(1, vectors, panel, x, y, y_offset, residual); break;
    case 2: tile(2, vectors, panel, x, y, y_offset, residual); break;
    case 3: tile(3, vectors, panel, x, y, y_offset, residual); break;
    case 4: tile(4, vectors, panel, x, y, y_offset, residual); break;
    case 5: tile(5, vectors, panel, x, y, y_offset, residual); break;
    case 6: tile(6, vectors, panel, x, y, y_offset, residual); break;
    case 7: tile(7, vectors, panel, x, y, y_offset, residual); break;
    case 8: tile(8, vectors, panel, x, y, y_offset, residual); break;
    case 9: tile(9, vectors, panel, x, y, y_offset, residual); break;
    default: tile(10, vectors, panel, x, y, y_offset, residual); break;
  }
}

ALWAYS_INLINE void run(const size_t vectors, const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                       const float *x, float *const *y, size_t y_offset, const float *residual) {
  for (; tiles > 0; tiles--) {
    any_tile(vectors, panel, pixels, x, y, y_offset, residual);
    x += pixels * panel->x_stride;
    y += pixels;
    if (residual) residual += pixels * panel->r_stride;
  }
}

void mbconv_pointwise_neon_10x8(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const float *x,
                                float *const *y, size_t y_offset, const float *residual) {
  run(2, panel, pixels, tiles, x, y, y_offset, residual);
}

void mbconv_pointwise_neon_10x4(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const float *x,
                                float *const *y, size_t y_offset, const float *residual) {
  run(1, panel, pixels, tiles, x, y, y_offset, residual);
}
