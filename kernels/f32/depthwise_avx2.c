/* SPDX-License-Identifier: MIT
 *
 * Depthwise on AVX2: tiles of 7 output pixels x 8 channels, for 3x3, 5x5 and 7x7 at stride 1 and 2.
 *
 * A tile walks the input pixels of one tap row from left to right. Each is loaded once and goes into all chains whose
 * window covers it, k at most. 3x3 at stride 1 takes 9 + 3 loads for 21 FMAs a row (one load per FMA and more if each
 * tap loads its own). 7 divides the widths 7, 14, 28, 56 and 112. A row of outputs is walked pixels first, then
 * channels, so that both halves of a cache line are used while it is in L1.
 *
 * Percent of the FMA peak on Zen 4, from L1, 48 channels (gcc 12, clang 14), 3x3 at stride 1: 88, 89; at stride 2: 82,
 * 87; 5x5: 90, 91. Tiles of 9 and 10 for the wider rows were 3 to 5% faster there and up to 4% slower in blocks, from
 * L2.
 *
 *     registers     3x3   5x5   7x7
 *     sums          7     7     3     (7x7 is not tuned)
 *     weights       3     5     7     (of one tap row)
 *     input pixel   1     1     1
 *
 * The last pixels are done by a tile that overlaps the one before and computes the same floats again, or by tiles of 3
 * and 1. Order: taps row by row, one FMA each, from the bias.
 */
#include <string.h>

#include "set_avx2.h"
#include "vec_avx2.h"

struct sums {
  __m256 p0, p1, p2, p3, p4, p5, p6;
};

/* Adds input pixel q of a tap row to the sum of output p, if the window of p covers q. At stride 2 gcc, too, is kept to
 * this order: left alone it loads pixels twice and waits longer for sums (Zen 4: 68 against 74% of the FMA peak); at
 * stride 1 that would cost 2%. */
ALWAYS_INLINE void tap(const size_t q, const size_t p, const size_t k, const size_t stride, __m256 x, const __m256 *w,
                       __m256 *sum) {
  if (q >= p * stride && q < p * stride + k) {
    *sum = _mm256_fmadd_ps(x, w[q - p * stride], *sum);
    if (stride == 2)
      in_order(sum);
    else
      keep_order(sum);
  }
}

/* A walk over pixels in steps of bytes. x86 scales an index by 1, 2, 4 or 8: from one pointer it reaches 4 pixels, and
 * moves on. Both are opaque, or compilers would compute an address for each pixel. */
struct walk {
  char *at;
  size_t one, three;
};

ALWAYS_INLINE struct walk walk_of(size_t stride) {
  const size_t one = stride * sizeof(float);
  return (struct walk){.one = opaque(one), .three = opaque(3 * one)};
}

/* Pixel q. It must be called for 0, 1, 2 and so on. */
ALWAYS_INLINE float *next(const size_t q, struct walk *walk) {
  if (q > 0 && q % 4 == 0) walk->at = opaque_pointer(walk->at + 4 * walk->one);
  const size_t offset[4] = {0, walk->one, 2 * walk->one, walk->three};
  return (float *)(void *)(walk->at + offset[q % 4]);
}

/* `n`, `k` and `stride` are constants at every call: the comparisons vanish and the sums live in registers. */
ALWAYS_INLINE void column(const size_t q, const size_t n, const size_t k, const size_t stride, struct walk *x,
                          const __m256 *w, struct sums *sum) {
  if (q >= (n - 1) * stride + k) return;
  const __m256 pixel = _mm256_loadu_ps(next(q, x));
  tap(q, 0, k, stride, pixel, w, &sum->p0);
  if (n > 1) tap(q, 1, k, stride, pixel, w, &sum->p1);
  if (n > 2) tap(q, 2, k, stride, pixel, w, &sum->p2);
  if (n > 3) tap(q, 3, k, stride, pixel, w, &sum->p3);
  if (n > 4) tap(q, 4, k, stride, pixel, w, &sum->p4);
  if (n > 5) tap(q, 5, k, stride, pixel, w, &sum->p5);
  if (n > 6) tap(q, 6, k, stride, pixel, w, &sum->p6);
}

ALWAYS_INLINE void store(const size_t p, struct walk *y, __m256 sum, __m256 lo, __m256 hi) {
  _mm256_storeu_ps(next(p, y), clamp(sum, lo, hi));
}

/* n outputs x 8 channels, whole vectors to y. */
ALWAYS_INLINE void tile(const size_t n, const size_t k, const size_t stride, const struct mbconv_depthwise_group *group,
                        const void *const *rows, size_t x_offset, struct walk x, const float *weights, struct walk y) {
  const __m256 bias = _mm256_load_ps(weights);
  struct sums sum = {bias, bias, bias, bias, bias, bias, bias};
  weights += LANES;
  NO_UNROLL
  for (size_t i = 0; i < k; i++) {
    x.at = (char *)rows[i] + x_offset;
    __m256 w[7];
    w[0] = _mm256_load_ps(weights), w[1] = _mm256_load_ps(weights + LANES), w[2] = _mm256_load_ps(weights + 2 * LANES);
    if (k > 3) w[3] = _mm256_load_ps(weights + 3 * LANES), w[4] = _mm256_load_ps(weights + 4 * LANES);
    if (k > 5) w[5] = _mm256_load_ps(weights + 5 * LANES), w[6] = _mm256_load_ps(weights + 6 * LANES);
    column(0, n, k, stride, &x, w, &sum);
    column(1, n, k, stride, &x, w, &sum);
    column(2, n, k, stride, &x, w, &sum);
    column(3, n, k, stride, &x, w, &sum);
    column(4, n, k, stride, &x, w, &sum);
    column(5, n, k, stride, &x, w, &sum);
    column(6, n, k, stride, &x, w, &sum);
    column(7, n, k, stride, &x, w, &sum);
    column(8, n, k, stride, &x, w, &sum);
    column(9, n, k, stride, &x, w, &sum);
    column(10, n, k, stride, &x, w, &sum);
    column(11, n, k, stride, &x, w, &sum);
    column(12, n, k, stride, &x, w, &sum);
    column(13, n, k, stride, &x, w, &sum);
    column(14, n, k, stride, &x, w, &sum);
    column(15, n, k, stride, &x, w, &sum);
    column(16, n, k, stride, &x, w, &sum);
    weights += k * LANES;
  }
  const __m256 lo = _mm256_broadcast_ss(&group->ending.lo), hi = _mm256_broadcast_ss(&group->ending.hi);
  store(0, &y, sum.p0, lo, hi);
  if (n > 1) store(1, &y, sum.p1, lo, hi);
  if (n > 2) store(2, &y, sum.p2, lo, hi);
  if (n > 3) store(3, &y, sum.p3, lo, hi);
  if (n > 4) store(4, &y, sum.p4, lo, hi);
  if (n > 5) store(5, &y, sum.p5, lo, hi);
  if (n > 6) store(6, &y, sum.p6, lo, hi);
}

/* Outputs first to first + n - 1, all whole vectors of channels. */
ALWAYS_INLINE void tiles(const size_t n, const size_t k, const size_t stride,
                         const struct mbconv_depthwise_group *group, const void *const *rows, float *y, size_t first) {
  const struct walk x = walk_of(group->x_stride);
  struct walk to = walk_of(group->y_stride);
  const float *weights = group->weights;
  size_t x_offset = first * stride * x.one;
  y += first * group->y_stride;
  for (float *end = y + group->channels / LANES * LANES; y < end; y += LANES) {
    to.at = (char *)y;
    tile(n, k, stride, group, rows, x_offset, x, weights, to);
    x_offset += LANES * sizeof(float);
    weights += (k * k + 1) * LANES;
  }
}

/* The last channels, if they do not fill a vector: one output at a time, by way of the stack. In scratch channels fill
 * whole vectors, so this is for users' tensors. */
ALWAYS_INLINE void tail(const size_t k, const size_t stride, const struct mbconv_depthwise_group *group, size_t pixels,
                        const void *const *rows, float *y) {
  const struct walk x = walk_of(group->x_stride);
  const size_t rest = group->channels % LANES, c = group->channels - rest;
  for (size_t p = 0; p < pixels; p++) {
    float staged[LANES];
    struct walk to = x;
    to.at = (char *)staged;
    tile(1, k, stride, group, rows, p * stride * x.one + c * sizeof(float), x,
         (const float *)group->weights + c * (k * k + 1), to);
    memcpy(y + p * group->y_stride + c, staged, rest * sizeof(float));
  }
}

/* `most` is the widest tile that the registers allow. */
ALWAYS_INLINE void row(const size_t most, const size_t k, const size_t stride,
                       const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows, float *y) {
  const size_t n = pixels >= most ? most : pixels >= 3 ? 3 : 1;
  for (size_t done = 0; done < pixels; done += n) {
    const size_t first = done + n <= pixels ? done : pixels - n;
    if (n == most)
      tiles(most, k, stride, group, rows, y, first);
    else if (n == 3)
      tiles(3, k, stride, group, rows, y, first);
    else
      tiles(1, k, stride, group, rows, y, first);
  }
  if (group->channels % LANES) tail(k, stride, group, pixels, rows, y);
}

void mbconv_depthwise_avx2_3x3s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                 void *y) {
  row(7, 3, 1, group, pixels, rows, y);
}

void mbconv_depthwise_avx2_3x3s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                 void *y) {
  row(7, 3, 2, group, pixels, rows, y);
}

void mbconv_depthwise_avx2_5x5s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                 void *y) {
  row(7, 5, 1, group, pixels, rows, y);
}

void mbconv_depthwise_avx2_5x5s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                 void *y) {
  row(7, 5, 2, group, pixels, rows, y);
}

void mbconv_depthwise_avx2_7x7s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                 void *y) {
  row(3, 7, 1, group, pixels, rows, y);
}

void mbconv_depthwise_avx2_7x7s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                 void *y) {
  row(3, 7, 2, group, pixels, rows, y);
}
