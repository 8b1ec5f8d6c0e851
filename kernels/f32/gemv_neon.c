/* SPDX-License-Identifier: MIT
 *
 * One pixel on NEON: 6 panels of 8 channels at a time, then 3, then 1. 6 panels are 12 chains; a tile has 2 for a
 * single pixel.
 *
 * A step loads 12 vectors of weights for 12 FMAs. One pixel uses each weight once, so no load can be shared.
 *
 *     registers
 *     sums          12
 *     weights       1 or more, which the compiler chooses
 *     pixel         1
 *
 * Order: k ascending, one FMA a step, from the bias.
 */
#include "set_neon.h"
#include "vec_neon.h"

enum { WIDTH = 2 * LANES };

/* a to f are the sums of one panel each. They are named for gcc 12, as in pointwise_neon.c. */
struct sums {
  float32x4_t a0, a1, b0, b1, c0, c1, d0, d1, e0, e1, f0, f1;
};

ALWAYS_INLINE void start(const float *bias, float32x4_t *sum0, float32x4_t *sum1) {
  *sum0 = vld1q_f32(bias);
  *sum1 = vld1q_f32(bias + LANES);
}

ALWAYS_INLINE void step(const float *weights, float32x4_t pixel, float32x4_t *sum0, float32x4_t *sum1) {
  *sum0 = vfmaq_f32(*sum0, pixel, vld1q_f32(weights));
  *sum1 = vfmaq_f32(*sum1, pixel, vld1q_f32(weights + LANES));
}

ALWAYS_INLINE void finish(const struct mbconv_pointwise_panel *first, float *y, const float *residual, size_t c,
                          float32x4_t sum0, float32x4_t sum1) {
  const float32x4_t lo = vld1q_dup_f32(&first->ending.lo), hi = vld1q_dup_f32(&first->ending.hi);
  if (residual) {
    sum0 = vaddq_f32(sum0, vld1q_f32(residual + c));
    sum1 = vaddq_f32(sum1, vld1q_f32(residual + c + LANES));
  }
  vst1q_f32(y + c, clamp(sum0, lo, hi));
  vst1q_f32(y + c + LANES, clamp(sum1, lo, hi));
}

/* The panels behind the first `done`. `panels`, a constant at every call, is 6, 3 or 1. */
ALWAYS_INLINE void chunk(const size_t panels, const struct mbconv_pointwise_panel *first, size_t done, const float *x,
                         float *y, const float *residual) {
  const size_t next = first->next;
  const float *bias = from(first->bias, done * next);
  const float *w = from(first->weights, done * next), *w3 = from(w, 3 * next);
  struct sums s;
  start(bias, &s.a0, &s.a1);
  if (panels >= 3) start(from(bias, next), &s.b0, &s.b1);
  if (panels >= 3) start(from(bias, 2 * next), &s.c0, &s.c1);
  if (panels == 6) start(from(bias, 3 * next), &s.d0, &s.d1);
  if (panels == 6) start(from(bias, 4 * next), &s.e0, &s.e1);
  if (panels == 6) start(from(bias, 5 * next), &s.f0, &s.f1);
  for (size_t i = 0; i < first->k; i++, w += WIDTH, w3 += WIDTH) {
    const float32x4_t pixel = vld1q_dup_f32(x + i);
    step(w, pixel, &s.a0, &s.a1);
    if (panels >= 3) step(from(w, next), pixel, &s.b0, &s.b1);
    if (panels >= 3) step(from(w, 2 * next), pixel, &s.c0, &s.c1);
    if (panels == 6) step(w3, pixel, &s.d0, &s.d1);
    if (panels == 6) step(from(w3, next), pixel, &s.e0, &s.e1);
    if (panels == 6) step(from(w3, 2 * next), pixel, &s.f0, &s.f1);
  }
  finish(first, y, residual, 0, s.a0, s.a1);
  if (panels >= 3) finish(first, y, residual, WIDTH, s.b0, s.b1);
  if (panels >= 3) finish(first, y, residual, 2 * WIDTH, s.c0, s.c1);
  if (panels == 6) finish(first, y, residual, 3 * WIDTH, s.d0, s.d1);
  if (panels == 6) finish(first, y, residual, 4 * WIDTH, s.e0, s.e1);
  if (panels == 6) finish(first, y, residual, 5 * WIDTH, s.f0, s.f1);
}

void mbconv_gemv_neon(const struct mbconv_pointwise_panel *first, size_t panels, const void *x_, void *y_,
                      const void *residual_) {
  const float *x = x_, *residual = residual_;
  float *y = y_;
  for (size_t done = 0, n; done < panels; done += n) {
    const float *added = residual ? residual + done * WIDTH : NULL;
    n = panels - done >= 6 ? 6 : panels - done >= 3 ? 3 : 1;
    switch (n) {
      case 6: chunk(6, first, done, x, y + done * WIDTH, added); break;
      case 3: chunk(3, first, done, x, y + done * WIDTH, added); break;
      default: chunk(1, first, done, x, y + done * WIDTH, added); break;
    }
  }
  if (first->ending.silu) mbconv_silu_neon(panels * WIDTH, y, y);
}
