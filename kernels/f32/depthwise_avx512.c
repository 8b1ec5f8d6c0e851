/* SPDX-License-Identifier: MIT
 *
 * Depthwise on AVX-512: tiles of 7 output pixels x 16 channels, for 3x3, 5x5 and 7x7 at stride 1 and 2.
 *
 * A tile walks the input pixels of one tap row from left to right. Each is loaded once and goes into all chains whose
 * window covers it, k at most. 3x3 at stride 1 takes 9 + 3 loads for 21 FMAs a row (one load per FMA and more if each
 * tap loads its own). 7 divides the widths 7, 14, 28, 56 and 112. 16 channels are a whole cache line, of scratch that
 * is aligned.
 *
 *     registers     3x3   5x5   7x7
 *     sums          7     7     7
 *     weights       3     5     7     (of one tap row)
 *     input pixel   1     1     1
 *
 * Percent of the FMA peak on Zen 4 (gcc 12, 28 outputs x 32 channels in L1; a 512-bit load costs as much as an FMA):
 *     stride 1      95    98    98
 *     stride 2      86    95    96
 * 14 outputs and all 9 weights of 3x3 in registers: 97 and 93 with gcc 12, but clang 14 spills and falls to 88 and 55.
 *
 * The last pixels are done by a tile that overlaps the one before and computes the same floats again, or by tiles of 3
 * and 1. Order: taps row by row, one FMA each, from the bias.
 */
#include "set_avx512.h"
#include "vec_avx512.h"

struct sums {
  __m512 p0, p1, p2, p3, p4, p5, p6;
};

/* Adds input pixel q of a tap row to the sum of output p, if the window of p covers q. */
ALWAYS_INLINE void tap(const size_t q, const size_t p, const size_t k, const size_t stride, __m512 x, const __m512 *w,
                       __m512 *sum) {
  if (q >= p * stride && q < p * stride + k) {
    *sum = _mm512_fmadd_ps(x, w[q - p * stride], *sum);
  }
}

/* `n`, `k` and `stride` are constants at every call: the comparisons vanish and the sums live in registers. */
ALWAYS_INLINE void column(const size_t q, const size_t n, const size_t k, const size_t stride, const float *x,
                          size_t x_stride, const __m512 *w, struct sums *sum) {
  if (q >= (n - 1) * stride + k) return;
  __m512 pixel = _mm512_loadu_ps(x + q * x_stride);
  load_once(&pixel);
  tap(q, 0, k, stride, pixel, w, &sum->p0);
  if (n > 1) tap(q, 1, k, stride, pixel, w, &sum->p1);
  if (n > 2) tap(q, 2, k, stride, pixel, w, &sum->p2);
  if (n > 3) tap(q, 3, k, stride, pixel, w, &sum->p3);
  if (n > 4) tap(q, 4, k, stride, pixel, w, &sum->p4);
  if (n > 5) tap(q, 5, k, stride, pixel, w, &sum->p5);
  if (n > 6) tap(q, 6, k, stride, pixel, w, &sum->p6);
}

ALWAYS_INLINE void finish(__m512 lo, __m512 hi, float *y, __mmask16 lanes, __m512 sum) {
  _mm512_mask_storeu_ps(y, lanes, clamp(sum, lo, hi));
}

/* Outputs `first` to first + n - 1, channels c to c + 15. The 19 input pixels are written out, as many as 7 outputs of
 * 7x7 at stride 2 need; those beyond a smaller tile vanish. As an unrolled loop, which NEON has, gcc 12 makes 2180
 * instructions of what are 1931 here. */
ALWAYS_INLINE void tile(const size_t n, const size_t k, const size_t stride, const struct mbconv_depthwise_group *group,
                        const void *const *rows, float *y, size_t first, size_t c) {
  const size_t x_stride = group->x_stride, y_stride = group->y_stride;
  const float *weights = (const float *)group->weights + c * (k * k + 1);
  const __m512 bias = _mm512_load_ps(weights);
  struct sums sum = {bias, bias, bias, bias, bias, bias, bias};
  weights += LANES;
  const size_t offset = first * stride * x_stride + c;
  NO_UNROLL
  for (size_t i = 0; i < k; i++) {
    const float *x = (const float *)rows[i] + offset;
    __m512 w[7];
    w[0] = _mm512_load_ps(weights), w[1] = _mm512_load_ps(weights + LANES), w[2] = _mm512_load_ps(weights + 2 * LANES);
    if (k > 3) w[3] = _mm512_load_ps(weights + 3 * LANES), w[4] = _mm512_load_ps(weights + 4 * LANES);
    if (k > 5) w[5] = _mm512_load_ps(weights + 5 * LANES), w[6] = _mm512_load_ps(weights + 6 * LANES);
    column(0, n, k, stride, x, x_stride, w, &sum);
    column(1, n, k, stride, x, x_stride, w, &sum);
    column(2, n, k, stride, x, x_stride, w, &sum);
    column(3, n, k, stride, x, x_stride, w, &sum);
    column(4, n, k, stride, x, x_stride, w, &sum);
    column(5, n, k, stride, x, x_stride, w, &sum);
    column(6, n, k, stride, x, x_stride, w, &sum);
    column(7, n, k, stride, x, x_stride, w, &sum);
    column(8, n, k, stride, x, x_stride, w, &sum);
    column(9, n, k, stride, x, x_stride, w, &sum);
    column(10, n, k, stride, x, x_stride, w, &sum);
    column(11, n, k, stride, x, x_stride, w, &sum);
    column(12, n, k, stride, x, x_stride, w, &sum);
    column(13, n, k, stride, x, x_stride, w, &sum);
    column(14, n, k, stride, x, x_stride, w, &sum);
    column(15, n, k, stride, x, x_stride, w, &sum);
    column(16, n, k, stride, x, x_stride, w, &sum);
    column(17, n, k, stride, x, x_stride, w, &sum);
    column(18, n, k, stride, x, x_stride, w, &sum);
    weights += k * LANES;
  }
  const __mmask16 lanes = first_lanes(group->channels - c);
  y += first * y_stride + c;
  __m512 lo = _mm512_set1_ps(group->ending.lo), hi = _mm512_set1_ps(group->ending.hi);
  load_once(&lo), load_once(&hi); /* 12 of 75 loads less: at stride 2 the time goes into loads */
  finish(lo, hi, y, lanes, sum.p0);
  if (n > 1) finish(lo, hi, y + 1 * y_stride, lanes, sum.p1);
  if (n > 2) finish(lo, hi, y + 2 * y_stride, lanes, sum.p2);
  if (n > 3) finish(lo, hi, y + 3 * y_stride, lanes, sum.p3);
  if (n > 4) finish(lo, hi, y + 4 * y_stride, lanes, sum.p4);
  if (n > 5) finish(lo, hi, y + 5 * y_stride, lanes, sum.p5);
  if (n > 6) finish(lo, hi, y + 6 * y_stride, lanes, sum.p6);
}

/* `most` is the widest tile that the registers allow. */
ALWAYS_INLINE void row(const size_t most, const size_t k, const size_t stride,
                       const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows, float *y) {
  const size_t n = pixels >= most ? most : pixels >= 3 ? 3 : 1;
  for (size_t done = 0; done < pixels; done += n) {
    const size_t first = done + n <= pixels ? done : pixels - n;
    for (size_t c = 0; c < group->channels; c += LANES) {
      if (n == most)
        tile(most, k, stride, group, rows, y, first, c);
      else if (n == 3)
        tile(3, k, stride, group, rows, y, first, c);
      else
        tile(1, k, stride, group, rows, y, first, c);
    }
  }
}

void mbconv_depthwise_avx512_3x3s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                   void *y) {
  row(7, 3, 1, group, pixels, rows, y);
}

void mbconv_depthwise_avx512_3x3s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                   void *y) {
  row(7, 3, 2, group, pixels, rows, y);
}

void mbconv_depthwise_avx512_5x5s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                   void *y) {
  row(7, 5, 1, group, pixels, rows, y);
}

void mbconv_depthwise_avx512_5x5s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                   void *y) {
  row(7, 5, 2, group, pixels, rows, y);
}

void mbconv_depthwise_avx512_7x7s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                   void *y) {
  row(7, 7, 1, group, pixels, rows, y);
}

void mbconv_depthwise_avx512_7x7s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                   void *y) {
  row(7, 7, 2, group, pixels, rows, y);
}
