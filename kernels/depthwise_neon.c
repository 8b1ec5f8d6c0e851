/* SPDX-License-Identifier: MIT
 *
 * Depthwise on NEON: tiles of 14 output pixels x 4 channels for 3x3 and 5x5, of 7 x 4 for 7x7, at stride 1 and 2.
 *
 * A tile walks the input pixels of one tap row from left to right: each is loaded once and goes into the up to k chains
 * that it belongs to. 3x3 at stride 1 takes 16 + 3 loads for 42 FMAs a row (one load per FMA and more if each tap loads
 * its own). 14 divides the widths 14, 28, 56 and 112. A row of outputs is walked pixels first, then channels, so that
 * all quarters of a cache line are used while it is in L1.
 *
 *     registers     3x3   5x5   7x7
 *     sums          14    14    7     (7x7 is not tuned)
 *     weights       3     5     7     (of one tap row)
 *     input pixels  2     2     2     (the next is loaded before the FMAs of this one, for CPUs that execute in order)
 *
 * Instructions per FMA, loads counted once per register, clamp and stores included (gcc 12, 96 channels):
 *     stride 1      3x3   5x5   7x7          stride 2      3x3   5x5   7x7
 *     14 outputs    2.30  1.68                             2.66  1.89
 *     7 outputs     2.82  2.01  1.73                       3.15  2.17  1.88
 * With addresses left to the compiler, additions between the loads made it 4.3 and 2.6 for 14 outputs at stride 1.
 *
 * Rest pixels are done by a tile that overlaps the one before (it computes the same floats again), or by tiles of 7, 3
 * and 1. Order: taps row by row, one FMA each, from the bias.
 */
#include "set_neon.h"
#include "vec_neon.h"

struct sums {
  float32x4_t p0, p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11, p12, p13;
};

/* Multiples of the strides between pixels, in registers: a load or store takes its address from two of them, and only
 * every eighth input pixel and the eighth output need an addition. */
struct multiples {
  size_t x[9], y[8];
};

ALWAYS_INLINE struct multiples multiples_of(size_t x, size_t y) {
  const struct multiples m = {
      {0, opaque(x), opaque(2 * x), opaque(3 * x), opaque(4 * x), opaque(5 * x), opaque(6 * x), opaque(7 * x),
       opaque(8 * x)},
      {0, opaque(y), opaque(2 * y), opaque(3 * y), opaque(4 * y), opaque(5 * y), opaque(6 * y), opaque(7 * y)}};
  return m;
}

/* Adds input pixel q of a tap row to the sum of output p, if the window of p covers q. */
ALWAYS_INLINE void tap(const size_t q, const size_t p, const size_t k, const size_t stride, float32x4_t x,
                       const float32x4_t *w, float32x4_t *sum) {
  if (q >= p * stride && q < p * stride + k) {
    *sum = vfmaq_f32(*sum, x, w[q - p * stride]);
    keep_order(sum);
  }
}

/* Input pixel q, in *x, goes into its sums; *x becomes the one after it. `n`, `k` and `stride` are constants at every
 * call: the comparisons vanish and the sums live in registers. */
ALWAYS_INLINE void column(const size_t q, const size_t n, const size_t k, const size_t stride, const float *next,
                          const float32x4_t *w, float32x4_t *x, struct sums *sum) {
  if (q >= (n - 1) * stride + k) return;
  const float32x4_t pixel = *x;
  if (q + 1 < (n - 1) * stride + k) *x = vld1q_f32(next);
  tap(q, 0, k, stride, pixel, w, &sum->p0);
  if (n > 1) tap(q, 1, k, stride, pixel, w, &sum->p1);
  if (n > 2) tap(q, 2, k, stride, pixel, w, &sum->p2);
  if (n > 3) tap(q, 3, k, stride, pixel, w, &sum->p3);
  if (n > 4) tap(q, 4, k, stride, pixel, w, &sum->p4);
  if (n > 5) tap(q, 5, k, stride, pixel, w, &sum->p5);
  if (n > 6) tap(q, 6, k, stride, pixel, w, &sum->p6);
  if (n > 7) tap(q, 7, k, stride, pixel, w, &sum->p7);
  if (n > 8) tap(q, 8, k, stride, pixel, w, &sum->p8);
  if (n > 9) tap(q, 9, k, stride, pixel, w, &sum->p9);
  if (n > 10) tap(q, 10, k, stride, pixel, w, &sum->p10);
  if (n > 11) tap(q, 11, k, stride, pixel, w, &sum->p11);
  if (n > 12) tap(q, 12, k, stride, pixel, w, &sum->p12);
  if (n > 13) tap(q, 13, k, stride, pixel, w, &sum->p13);
}

/* Input pixels q to q + 7 of a tap row. */
ALWAYS_INLINE void columns(const size_t q, const size_t n, const size_t k, const size_t stride, const float *x,
                           const struct multiples *m, const float32x4_t *w, float32x4_t *pixel, struct sums *sum) {
  column(q + 0, n, k, stride, x + m->x[1], w, pixel, sum);
  column(q + 1, n, k, stride, x + m->x[2], w, pixel, sum);
  column(q + 2, n, k, stride, x + m->x[3], w, pixel, sum);
  column(q + 3, n, k, stride, x + m->x[4], w, pixel, sum);
  column(q + 4, n, k, stride, x + m->x[5], w, pixel, sum);
  column(q + 5, n, k, stride, x + m->x[6], w, pixel, sum);
  column(q + 6, n, k, stride, x + m->x[7], w, pixel, sum);
  column(q + 7, n, k, stride, x + m->x[8], w, pixel, sum);
}

/* All channels of the vector, or the last `channels` of the group. */
ALWAYS_INLINE void store(const bool full, float *y, float32x4_t sum, float32x4_t lo, float32x4_t hi, size_t channels) {
  if (full)
    vst1q_f32(y, clamp(sum, lo, hi));
  else
    store_partial(y, clamp(sum, lo, hi), channels);
}

ALWAYS_INLINE void finish(const bool full, const size_t n, const struct mbconv_depthwise_group *group, float *y,
                          size_t channels, const struct multiples *m, const struct sums *sum) {
  const float32x4_t lo = vld1q_dup_f32(&group->lo), hi = vld1q_dup_f32(&group->hi);
  store(full, y + m->y[0], sum->p0, lo, hi, channels);
  if (n > 1) store(full, y + m->y[1], sum->p1, lo, hi, channels);
  if (n > 2) store(full, y + m->y[2], sum->p2, lo, hi, channels);
  if (n > 3) store(full, y + m->y[3], sum->p3, lo, hi, channels);
  if (n > 4) store(full, y + m->y[4], sum->p4, lo, hi, channels);
  if (n > 5) store(full, y + m->y[5], sum->p5, lo, hi, channels);
  if (n > 6) store(full, y + m->y[6], sum->p6, lo, hi, channels);
  if (n <= 7) return;
  y += m->y[7];
  store(full, y + m->y[0], sum->p7, lo, hi, channels);
  if (n > 8) store(full, y + m->y[1], sum->p8, lo, hi, channels);
  if (n > 9) store(full, y + m->y[2], sum->p9, lo, hi, channels);
  if (n > 10) store(full, y + m->y[3], sum->p10, lo, hi, channels);
  if (n > 11) store(full, y + m->y[4], sum->p11, lo, hi, channels);
  if (n > 12) store(full, y + m->y[5], sum->p12, lo, hi, channels);
  if (n > 13) store(full, y + m->y[6], sum->p13, lo, hi, channels);
}

/* n outputs from y on, channels c to c + 3; `offset` is from rows[i] to the first tap of the first. */
ALWAYS_INLINE void tile(const size_t n, const size_t k, const size_t stride, const struct mbconv_depthwise_group *group,
                        const struct multiples *m, const float *const *rows, size_t offset, float *y, size_t c) {
  const float *weights = group->weights + c * (k * k + 1);
  const float32x4_t bias = vld1q_f32(weights);
  struct sums sum = {bias, bias, bias, bias, bias, bias, bias, bias, bias, bias, bias, bias, bias, bias};
  weights += LANES;
  NO_UNROLL
  for (size_t i = 0; i < k; i++) {
    const float *x = rows[i] + offset + c;
    float32x4_t w[7], pixel = vld1q_f32(x);
    w[0] = vld1q_f32(weights), w[1] = vld1q_f32(weights + LANES), w[2] = vld1q_f32(weights + 2 * LANES);
    if (k > 3) w[3] = vld1q_f32(weights + 3 * LANES), w[4] = vld1q_f32(weights + 4 * LANES);
    if (k > 5) w[5] = vld1q_f32(weights + 5 * LANES), w[6] = vld1q_f32(weights + 6 * LANES);
    columns(0, n, k, stride, x, m, w, &pixel, &sum);
    columns(8, n, k, stride, x + m->x[8], m, w, &pixel, &sum);
    columns(16, n, k, stride, x + m->x[8] + m->x[8], m, w, &pixel, &sum);
    columns(24, n, k, stride, x + m->x[8] + m->x[8] + m->x[8], m, w, &pixel, &sum);
    weights += k * LANES;
  }
  const size_t channels = group->channels - c;
  if (channels >= LANES)
    finish(true, n, group, y + c, channels, m, &sum);
  else
    finish(false, n, group, y + c, channels, m, &sum);
}

/* `most` is the widest tile. */
ALWAYS_INLINE void row(const size_t most, const size_t k, const size_t stride,
                       const struct mbconv_depthwise_group *group, size_t pixels, const float *const *rows, float *y) {
  const struct multiples m = multiples_of(group->x_stride, group->y_stride);
  for (size_t done = 0, n; done < pixels; done += n) {
    const size_t left = pixels - done;
    n = left >= 12 && pixels >= 14 ? 14 : left >= 5 && pixels >= 7 ? 7 : left >= 2 && pixels >= 3 ? 3 : 1;
    if (n > most) n = most;
    const size_t first = left >= n ? done : pixels - n;
    const size_t offset = first * stride * group->x_stride;
    float *to = y + first * group->y_stride;
    for (size_t c = 0; c < group->channels; c += LANES) {
      if (most == 14 && n == 14)
        tile(14, k, stride, group, &m, rows, offset, to, c);
      else if (n == 7)
        tile(7, k, stride, group, &m, rows, offset, to, c);
      else if (n == 3)
        tile(3, k, stride, group, &m, rows, offset, to, c);
      else
        tile(1, k, stride, group, &m, rows, offset, to, c);
    }
  }
}

void mbconv_depthwise_neon_3x3s1(const struct mbconv_depthwise_group *group, size_t pixels, const float *const *rows,
                                 float *y) {
  row(14, 3, 1, group, pixels, rows, y);
}

void mbconv_depthwise_neon_3x3s2(const struct mbconv_depthwise_group *group, size_t pixels, const float *const *rows,
                                 float *y) {
  row(14, 3, 2, group, pixels, rows, y);
}

void mbconv_depthwise_neon_5x5s1(const struct mbconv_depthwise_group *group, size_t pixels, const float *const *rows,
                                 float *y) {
  row(14, 5, 1, group, pixels, rows, y);
}

void mbconv_depthwise_neon_5x5s2(const struct mbconv_depthwise_group *group, size_t pixels, const float *const *rows,
                                 float *y) {
  row(14, 5, 2, group, pixels, rows, y);
}

void mbconv_depthwise_neon_7x7s1(const struct mbconv_depthwise_group *group, size_t pixels, const float *const *rows,
                                 float *y) {
  row(7, 7, 1, group, pixels, rows, y);
}

void mbconv_depthwise_neon_7x7s2(const struct mbconv_depthwise_group *group, size_t pixels, const float *const *rows,
                                 float *y) {
  row(7, 7, 2, group, pixels, rows, y);
}
