/* SPDX-License-Identifier: MIT
 *
 * Depthwise on NEON: tiles of 14 output pixels x 4 channels for 3x3 and 5x5, of 7 x 4 for 7x7, at stride 1 and 2.
 *
 * A tile walks the input pixels of one tap row from left to right. Each is loaded once and goes into all chains whose
 * window covers it, k at most. 3x3 at stride 1 takes 16 + 3 loads for 42 FMAs a row (one load per FMA and more if each
 * tap loads its own). 14 divides the widths 14, 28, 56 and 112. A row of outputs is walked pixels first, then channels,
 * so that all quarters of a cache line are used while it is in L1.
 *
 *     registers     3x3   5x5   7x7
 *     sums          14    14    7     (7x7 is not tuned)
 *     weights       3     5     7     (of one tap row)
 *     input pixels  2     2     2     (the next is loaded before the FMAs of this one, for CPUs that execute in order)
 *     clamp         2     2     2
 *     SiLU          10              (after the loop over taps: silu_tiles_neon.c, which names the sums' registers)
 *
 * Instructions per FMA, loads counted once per register, clamp and stores included (gcc 12):
 *     stride 1      3x3   5x5          stride 2      3x3   5x5
 *     14 outputs    1.99  1.54                       2.35  1.74
 *     7 outputs     2.25  1.68                       2.52  1.88
 * A 3x3 tile of 14 outputs has 251 instructions: 126 are FMAs, 58 loads, 28 the clamp, 14 set sums to the bias, and 14
 * are stores. Every address is a pointer and a distance in a register. Where the compiler chose addresses, additions
 * between the loads made it 4.3 instructions per FMA.
 *
 * The last pixels are done by a tile that overlaps the one before and computes the same floats again, or by tiles of 7,
 * 3 and 1. Order: taps row by row, one FMA each, from the bias.
 */
#include <math.h>

#include "set_neon.h"
#include "silu_tiles_neon.h"
#include "vec_neon.h"

enum { WIDEST = 14, MAX_KERNEL = 7 };

struct sums {
  float32x4_t p0, p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11, p12, p13;
};

/* Where input pixels and outputs lie, in registers: a load or store takes its address from two of them. Input pixels
 * are reached from a pointer that the load of the first has moved by a vector, and from others every 8 pixels after it.
 */
struct distances {
  size_t x[8], eight, y[5];
};

ALWAYS_INLINE struct distances distances_of(size_t x, size_t y) {
  const struct distances d = {
      {0 - LANES * sizeof(float), distance(x - LANES), distance(2 * x - LANES), distance(3 * x - LANES),
       distance(4 * x - LANES), distance(5 * x - LANES), distance(6 * x - LANES), distance(7 * x - LANES)},
      distance(8 * x),
      {0, distance(y), distance(2 * y), distance(3 * y), distance(4 * y)}};
  return d;
}

/* What is constant at every call of a tile: comparisons with it vanish, and the sums live in registers. */
struct shape {
  size_t n, k, stride; /* outputs, and how they are reached */
};

/* Rows of taps: the weights of one and its input pixel that is next. */
struct taps {
  float32x4_t w[MAX_KERNEL], pixel;
};

/* Adds input pixel q of a tap row to the sum of output p, if the window of p covers q. */
ALWAYS_INLINE void tap(const struct shape s, const size_t q, const size_t p, float32x4_t x, const float32x4_t *w,
                       float32x4_t *sum) {
  if (p < s.n && q >= p * s.stride && q < p * s.stride + s.k) {
    *sum = vfmaq_f32(*sum, x, w[q - p * s.stride]);
    keep_order_clang(sum);
  }
}

/* Input pixel q goes into its sums. */
ALWAYS_INLINE void column(const struct shape s, const size_t q, float32x4_t pixel, const float32x4_t *w,
                          struct sums *sum) {
  tap(s, q, 0, pixel, w, &sum->p0);
  tap(s, q, 1, pixel, w, &sum->p1);
  tap(s, q, 2, pixel, w, &sum->p2);
  tap(s, q, 3, pixel, w, &sum->p3);
  tap(s, q, 4, pixel, w, &sum->p4);
  tap(s, q, 5, pixel, w, &sum->p5);
  tap(s, q, 6, pixel, w, &sum->p6);
  tap(s, q, 7, pixel, w, &sum->p7);
  tap(s, q, 8, pixel, w, &sum->p8);
  tap(s, q, 9, pixel, w, &sum->p9);
  tap(s, q, 10, pixel, w, &sum->p10);
  tap(s, q, 11, pixel, w, &sum->p11);
  tap(s, q, 12, pixel, w, &sum->p12);
  tap(s, q, 13, pixel, w, &sum->p13);
}

/* The first pixel and the weights of tap row i. */
ALWAYS_INLINE void load_row(const struct shape s, const size_t i, const float **x, const float *weights,
                            struct taps *taps) {
  taps->pixel = load_next(&x[i]);
  for (size_t j = 0; j < s.k; j++) taps->w[j] = vld1q_f32(weights + (i * s.k + j) * LANES);
}

/* Tap row i of k. When it begins its first pixel and its weights are loaded; when it ends those of the next row are. x
 * are the pointers to the rows' first pixels. Each pixel is loaded before the FMAs of the pixel before it: CPUs that
 * execute in order do these while they wait for the load. A weight is replaced after the last pixel that needs it. */
ALWAYS_INLINE void add_row(const struct shape s, const size_t i, const bool last, const float **x, const float *weights,
                           const struct distances *d, struct taps *taps, struct sums *sum) {
  const size_t end = (s.n - 1) * s.stride; /* the first pixel of the last window */
  const float *at = x[i];
  UNROLL
  for (size_t q = 0; q < end + s.k; q++) {
    const float32x4_t pixel = taps->pixel;
    if (q + 1 < end + s.k) {
      if ((q + 1) % 8 == 0) at = opaque_pointer(from(at, d->eight));
      taps->pixel = vld1q_f32(from(at, d->x[(q + 1) % 8]));
    } else if (!last) {
      taps->pixel = load_next(&x[i + 1]);
    }
    column(s, q, pixel, taps->w, sum);
    fix_order();
    if (q >= end && !last) taps->w[q - end] = vld1q_f32(weights + ((i + 1) * s.k + q - end) * LANES);
  }
}

ALWAYS_INLINE void clamp_all(float32x4_t lo, float32x4_t hi, struct sums *sum) {
  sum->p0 = clamp(sum->p0, lo, hi), sum->p1 = clamp(sum->p1, lo, hi), sum->p2 = clamp(sum->p2, lo, hi);
  sum->p3 = clamp(sum->p3, lo, hi), sum->p4 = clamp(sum->p4, lo, hi), sum->p5 = clamp(sum->p5, lo, hi);
  sum->p6 = clamp(sum->p6, lo, hi), sum->p7 = clamp(sum->p7, lo, hi), sum->p8 = clamp(sum->p8, lo, hi);
  sum->p9 = clamp(sum->p9, lo, hi), sum->p10 = clamp(sum->p10, lo, hi), sum->p11 = clamp(sum->p11, lo, hi);
  sum->p12 = clamp(sum->p12, lo, hi), sum->p13 = clamp(sum->p13, lo, hi);
}

/* SiLU of the first n sums. */
ALWAYS_INLINE void silu_all(const size_t n, struct sums *sum) {
  const float *constants = silu_constants();
  register float32x4_t k0 __asm__("v0") = vld1q_f32(constants);
  register float32x4_t k1 __asm__("v1") = vld1q_f32(constants + LANES);
  register float32x4_t one __asm__("v2") = vdupq_n_f32(1.0f);
  register float32x4_t p0 __asm__("v10") = floor88(sum->p0);
  register float32x4_t p1 __asm__("v11") = floor88(sum->p1);
  register float32x4_t p2 __asm__("v12") = floor88(sum->p2);
  register float32x4_t p3 __asm__("v13") = floor88(sum->p3);
  register float32x4_t p4 __asm__("v14") = floor88(sum->p4);
  register float32x4_t p5 __asm__("v15") = floor88(sum->p5);
  register float32x4_t p6 __asm__("v16") = floor88(sum->p6);
  register float32x4_t p7 __asm__("v17") = floor88(sum->p7);
  register float32x4_t p8 __asm__("v18") = floor88(sum->p8);
  register float32x4_t p9 __asm__("v19") = floor88(sum->p9);
  register float32x4_t p10 __asm__("v20") = floor88(sum->p10);
  register float32x4_t p11 __asm__("v21") = floor88(sum->p11);
  register float32x4_t p12 __asm__("v22") = floor88(sum->p12);
  register float32x4_t p13 __asm__("v23") = floor88(sum->p13);
  if (n == 14)
    __asm__ volatile("fmov v2.4s, #1.0\n\t" SILU_CALL("v10_to_v23")
                     : "+w"(p0), "+w"(p1), "+w"(p2), "+w"(p3), "+w"(p4), "+w"(p5), "+w"(p6), "+w"(p7), "+w"(p8),
                       "+w"(p9), "+w"(p10), "+w"(p11), "+w"(p12), "+w"(p13)
                     : "w"(k0), "w"(k1)
                     : SILU_CLOBBERS, "v2");
  else if (n == 7)
    __asm__ volatile(SILU_CALL("v10_to_v16")
                     : "+w"(p0), "+w"(p1), "+w"(p2), "+w"(p3), "+w"(p4), "+w"(p5), "+w"(p6)
                     : "w"(k0), "w"(k1), "w"(one)
                     : SILU_CLOBBERS);
  else if (n == 3)
    __asm__ volatile(SILU_CALL("v10_to_v13")
                     : "+w"(p0), "+w"(p1), "+w"(p2), "+w"(p3)
                     : "w"(k0), "w"(k1), "w"(one)
                     : SILU_CLOBBERS);
  else
    __asm__ volatile(SILU_CALL("v10_to_v11") : "+w"(p0), "+w"(p1) : "w"(k0), "w"(k1), "w"(one) : SILU_CLOBBERS);
  *sum = (struct sums){p0, p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11, p12, p13};
}

/* The next of the outputs p to p + 3; *y moves on to what follows them. */
ALWAYS_INLINE void store4(const size_t n, const size_t p, float **y, const struct distances *d, float32x4_t a,
                          float32x4_t b, float32x4_t c, float32x4_t e) {
  if (n > p) vst1q_f32(*y, a);
  if (n > p + 1) vst1q_f32(to(*y, d->y[1]), b);
  if (n > p + 2) vst1q_f32(to(*y, d->y[2]), c);
  if (n > p + 3) vst1q_f32(to(*y, d->y[3]), e);
  if (n > p + 4) *y = opaque_output(to(*y, d->y[4]));
}

ALWAYS_INLINE void store_all(const size_t n, float *y, const struct distances *d, const struct sums *sum) {
  store4(n, 0, &y, d, sum->p0, sum->p1, sum->p2, sum->p3);
  store4(n, 4, &y, d, sum->p4, sum->p5, sum->p6, sum->p7);
  store4(n, 8, &y, d, sum->p8, sum->p9, sum->p10, sum->p11);
  store4(n, 12, &y, d, sum->p12, sum->p13, sum->p13, sum->p13);
}

/* s.n outputs from y on, `vectors` of channels; `offset` is from rows[i] to the first tap of the first. */
ALWAYS_INLINE void walk(const struct shape s, const struct mbconv_depthwise_group *group, size_t vectors,
                        const void *const *rows, size_t offset, float *y) {
  const struct distances d = distances_of(group->x_stride, group->y_stride);
  const bool clamped = group->ending.lo > -INFINITY || group->ending.hi < INFINITY, silu = group->ending.silu;
  const float32x4_t lo = vld1q_dup_f32(&group->ending.lo), hi = vld1q_dup_f32(&group->ending.hi);
  const float *weights = group->weights, *x[MAX_KERNEL];
  for (size_t i = 0; i < s.k; i++) x[i] = (const float *)rows[i] + offset;
  NO_UNROLL
  for (; vectors > 0; vectors--) {
    const float32x4_t bias = vld1q_f32(weights);
    struct sums sum = {bias, bias, bias, bias, bias, bias, bias, bias, bias, bias, bias, bias, bias, bias};
    struct taps taps;
    weights += LANES;
    if (s.k < 7) load_row(s, 0, x, weights, &taps);
    if (s.k < 7) {
      add_row(s, 0, false, x, weights, &d, &taps, &sum);
      add_row(s, 1, false, x, weights, &d, &taps, &sum);
      add_row(s, 2, s.k == 3, x, weights, &d, &taps, &sum);
      if (s.k > 3) add_row(s, 3, false, x, weights, &d, &taps, &sum);
      if (s.k > 3) add_row(s, 4, true, x, weights, &d, &taps, &sum);
    } else {
      NO_UNROLL
      for (size_t i = 0; i < s.k; i++) {
        load_row(s, i, x, weights, &taps);
        add_row(s, i, true, x, weights, &d, &taps, &sum);
      }
    }
    weights += s.k * s.k * LANES;
    if (clamped)
      clamp_all(lo, hi, &sum);
    else if (silu)
      silu_all(s.n, &sum);
    store_all(s.n, y, &d, &sum);
    y += LANES;
  }
}

/* The whole vectors of channels; `most` is the widest tile. */
ALWAYS_INLINE void run_vectors(const size_t most, const size_t k, const size_t stride,
                               const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                               float *y) {
  const size_t vectors = group->channels / LANES;
  for (size_t done = 0, n; done < pixels; done += n) {
    const size_t left = pixels - done;
    n = left >= 12 && pixels >= 14 ? 14 : left >= 5 && pixels >= 7 ? 7 : left >= 2 && pixels >= 3 ? 3 : 1;
    if (n > most) n = most;
    const size_t first = left >= n ? done : pixels - n;
    const size_t offset = first * stride * group->x_stride;
    float *first_y = y + first * group->y_stride;
    switch (n) {
      case 14: walk((struct shape){most == 14 ? 14 : 7, k, stride}, group, vectors, rows, offset, first_y); break;
      case 7: walk((struct shape){7, k, stride}, group, vectors, rows, offset, first_y); break;
      case 3: walk((struct shape){3, k, stride}, group, vectors, rows, offset, first_y); break;
      default: walk((struct shape){1, k, stride}, group, vectors, rows, offset, first_y); break;
    }
  }
}

/* The last channels, fewer than a vector, by way of whole vectors on the stack. It is not inlined and not unrolled:
 * that would be a third of the code, and few outputs are computed here. */
__attribute__((noinline)) static void run_rest(mbconv_depthwise_fn *run, size_t k, size_t stride,
                                               const struct mbconv_depthwise_group *group, size_t pixels,
                                               const void *const *rows, float *y) {
  const size_t channels = group->channels % LANES, c = group->channels - channels;
  float staged[WIDEST * LANES];
  const struct mbconv_depthwise_group vector = {.channels = LANES,
                                                .x_stride = group->x_stride,
                                                .y_stride = LANES,
                                                .weights = (const float *)group->weights + c * (k * k + 1),
                                                .ending = group->ending};
  for (size_t done = 0; done < pixels; done += WIDEST) {
    const size_t n = pixels - done < WIDEST ? pixels - done : WIDEST;
    const void *x[MAX_KERNEL];
    NO_UNROLL
    for (size_t i = 0; i < k; i++) x[i] = (const float *)rows[i] + done * stride * group->x_stride + c;
    run(&vector, n, x, staged);
    NO_UNROLL
    for (size_t p = 0; p < n; p++)
      store_partial(y + (done + p) * group->y_stride + c, vld1q_f32(staged + p * LANES), channels);
  }
}

void mbconv_depthwise_neon_3x3s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                 void *y) {
  run_vectors(14, 3, 1, group, pixels, rows, y);
  if (group->channels % LANES) run_rest(mbconv_depthwise_neon_3x3s1, 3, 1, group, pixels, rows, y);
}

void mbconv_depthwise_neon_3x3s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                 void *y) {
  run_vectors(14, 3, 2, group, pixels, rows, y);
  if (group->channels % LANES) run_rest(mbconv_depthwise_neon_3x3s2, 3, 2, group, pixels, rows, y);
}

void mbconv_depthwise_neon_5x5s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                 void *y) {
  run_vectors(14, 5, 1, group, pixels, rows, y);
  if (group->channels % LANES) run_rest(mbconv_depthwise_neon_5x5s1, 5, 1, group, pixels, rows, y);
}

void mbconv_depthwise_neon_5x5s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                 void *y) {
  run_vectors(14, 5, 2, group, pixels, rows, y);
  if (group->channels % LANES) run_rest(mbconv_depthwise_neon_5x5s2, 5, 2, group, pixels, rows, y);
}

void mbconv_depthwise_neon_7x7s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                 void *y) {
  run_vectors(7, 7, 1, group, pixels, rows, y);
  if (group->channels % LANES) run_rest(mbconv_depthwise_neon_7x7s1, 7, 1, group, pixels, rows, y);
}

void mbconv_depthwise_neon_7x7s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                 void *y) {
  run_vectors(7, 7, 2, group, pixels, rows, y);
  if (group->channels % LANES) run_rest(mbconv_depthwise_neon_7x7s2, 7, 2, group, pixels, rows, y);
}
