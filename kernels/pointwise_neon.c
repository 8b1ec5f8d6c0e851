/* SPDX-License-Identifier: MIT
 *
 * Pointwise on NEON: tiles of 11 pixels x 8 channels and of 6 pixels x 4 channels.
 *
 * k goes in steps of 4: a pixel's 4 floats are one load, and an FMA takes one of them as its scalar operand. The step's
 * weights stay in registers while the pixels pass, two at a time. 11x8 does 19 loads for 88 FMAs; 6x4 serves only a
 * last panel of up to 4 channels. One body does both: `vectors` is 2 or 1.
 *
 *     registers     11x8      6x4
 *     sums          22        6
 *     weights       8         4      (of 4 k)
 *     pixels        2         2
 *
 * Four steps of 11x8 are 352 FMAs, 76 loads and 2 instructions of the loop: 1.22 for each FMA, loads counted once per
 * register. A tile adds about 115, of which 22 are sums set to the bias, 44 the clamp and 33 stores and their
 * addresses. Rows are reached from one pointer and distances in registers, and the clamp is left out where there is
 * none: that took a tenth off. The FMAs of a pair of rows are assembly: as intrinsics they are moved about, gcc 12 adds
 * copies to 10x8, and both compilers spill in 11x8, which takes all 32 registers. 6x16 and 7x12 load more.
 *
 * llvm-mca's cycles for each FMA: 1.44 on Cortex-A55, 0.50 on Neoverse N1, 0.34 on Apple M1 (at best 1, 0.5 and 0.33).
 * On A55 two pixels are 4 chains side by side, which hide an FMA's latency of 4; the eleventh row is alone, and 10x8
 * is at 1.38 there (1.26 if it loads the next two pixels ahead, in the registers that it has left).
 *
 * The sums are named: gcc 12 keeps an array of them in memory, even when every loop over it is unrolled. `rows` and
 * `vectors` are constants at every call, so the comparisons with them vanish.
 *
 * Order: k ascending, one FMA a step, from the bias.
 */
#include <assert.h>
#include <math.h>

#include "set_neon.h"
#include "vec_neon.h"

/* The sums of the rows, two vectors each. */
struct sums {
  float32x4_t a0, a1, b0, b1, c0, c1, d0, d1, e0, e1, f0, f1, g0, g1, h0, h1, i0, i1, j0, j1, k0, k1;
};

/* Where a tile reads: row i at distances[i] from x, which is i strides less the 4 floats by which the load of row 0 has
 * moved x. */
struct input {
  const float *x, *weights;
  size_t distances[11];
};

ALWAYS_INLINE void load_weights(const size_t vectors, const float **weights, float32x4_t *w0, float32x4_t *w1) {
  if (vectors > 1)
    load_next2(weights, w0, w1);
  else
    *w0 = *w1 = load_next(weights);
}

/* 4 k of one row, one vector. */
ALWAYS_INLINE void narrow4(float32x4_t pixel, const float32x4_t *w, float32x4_t *sum) {
  *sum = vfmaq_laneq_f32(*sum, w[0], pixel, 0);
  *sum = vfmaq_laneq_f32(*sum, w[2], pixel, 1);
  *sum = vfmaq_laneq_f32(*sum, w[4], pixel, 2);
  *sum = vfmaq_laneq_f32(*sum, w[6], pixel, 3);
}

/* 4 k of two rows. */
ALWAYS_INLINE void pair4(float32x4_t a, float32x4_t b, const float32x4_t *w, float32x4_t *a0, float32x4_t *a1,
                         float32x4_t *b0, float32x4_t *b1) {
  __asm__ volatile(
      "fmla %[a0].4s, %[w0].4s, %[a].s[0]\n\tfmla %[b0].4s, %[w0].4s, %[b].s[0]\n\t"
      "fmla %[a1].4s, %[w1].4s, %[a].s[0]\n\tfmla %[b1].4s, %[w1].4s, %[b].s[0]\n\t"
      "fmla %[a0].4s, %[w2].4s, %[a].s[1]\n\tfmla %[b0].4s, %[w2].4s, %[b].s[1]\n\t"
      "fmla %[a1].4s, %[w3].4s, %[a].s[1]\n\tfmla %[b1].4s, %[w3].4s, %[b].s[1]\n\t"
      "fmla %[a0].4s, %[w4].4s, %[a].s[2]\n\tfmla %[b0].4s, %[w4].4s, %[b].s[2]\n\t"
      "fmla %[a1].4s, %[w5].4s, %[a].s[2]\n\tfmla %[b1].4s, %[w5].4s, %[b].s[2]\n\t"
      "fmla %[a0].4s, %[w6].4s, %[a].s[3]\n\tfmla %[b0].4s, %[w6].4s, %[b].s[3]\n\t"
      "fmla %[a1].4s, %[w7].4s, %[a].s[3]\n\tfmla %[b1].4s, %[w7].4s, %[b].s[3]"
      : [a0] "+w"(*a0), [a1] "+w"(*a1), [b0] "+w"(*b0), [b1] "+w"(*b1)
      : [a] "w"(a), [b] "w"(b), [w0] "w"(w[0]), [w1] "w"(w[1]), [w2] "w"(w[2]), [w3] "w"(w[3]), [w4] "w"(w[4]),
        [w5] "w"(w[5]), [w6] "w"(w[6]), [w7] "w"(w[7])
      : "memory");
}

/* 4 k of one row. */
ALWAYS_INLINE void single4(float32x4_t a, const float32x4_t *w, float32x4_t *a0, float32x4_t *a1) {
  __asm__ volatile(
      "fmla %[a0].4s, %[w0].4s, %[a].s[0]\n\tfmla %[a1].4s, %[w1].4s, %[a].s[0]\n\t"
      "fmla %[a0].4s, %[w2].4s, %[a].s[1]\n\tfmla %[a1].4s, %[w3].4s, %[a].s[1]\n\t"
      "fmla %[a0].4s, %[w4].4s, %[a].s[2]\n\tfmla %[a1].4s, %[w5].4s, %[a].s[2]\n\t"
      "fmla %[a0].4s, %[w6].4s, %[a].s[3]\n\tfmla %[a1].4s, %[w7].4s, %[a].s[3]"
      : [a0] "+w"(*a0), [a1] "+w"(*a1)
      : [a] "w"(a), [w0] "w"(w[0]), [w1] "w"(w[1]), [w2] "w"(w[2]), [w3] "w"(w[3]), [w4] "w"(w[4]), [w5] "w"(w[5]),
        [w6] "w"(w[6]), [w7] "w"(w[7])
      : "memory");
}

/* 4 k of two rows, or of the last one of an odd number. */
ALWAYS_INLINE void rows4(const bool both, const size_t vectors, float32x4_t pixel_a, float32x4_t pixel_b,
                         const float32x4_t *w, float32x4_t *a0, float32x4_t *a1, float32x4_t *b0, float32x4_t *b1) {
  if (vectors > 1 && both) {
    pair4(pixel_a, pixel_b, w, a0, a1, b0, b1);
  } else if (vectors > 1) {
    single4(pixel_a, w, a0, a1);
  } else {
    narrow4(pixel_a, w, a0);
    if (both) narrow4(pixel_b, w, b0);
    keep_order(a0);
    if (both) keep_order(b0);
  }
}

/* 4 k of all rows. */
ALWAYS_INLINE void steps4(const size_t rows, const size_t vectors, struct input *in, struct sums *s) {
  const size_t *d = in->distances;
  float32x4_t w[8], a, b;
  for (size_t i = 0; i < 8; i += 2) load_weights(vectors, &in->weights, &w[i], &w[i + 1]);
  a = load_next(&in->x);
  const float *x = in->x;
  b = rows > 1 ? vld1q_f32(from(x, d[1])) : a;
  rows4(rows > 1, vectors, a, b, w, &s->a0, &s->a1, &s->b0, &s->b1);
  if (rows > 2) a = vld1q_f32(from(x, d[2]));
  if (rows > 3) b = vld1q_f32(from(x, d[3]));
  if (rows > 2) rows4(rows > 3, vectors, a, b, w, &s->c0, &s->c1, &s->d0, &s->d1);
  if (rows > 4) a = vld1q_f32(from(x, d[4]));
  if (rows > 5) b = vld1q_f32(from(x, d[5]));
  if (rows > 4) rows4(rows > 5, vectors, a, b, w, &s->e0, &s->e1, &s->f0, &s->f1);
  if (rows > 6) a = vld1q_f32(from(x, d[6]));
  if (rows > 7) b = vld1q_f32(from(x, d[7]));
  if (rows > 6) rows4(rows > 7, vectors, a, b, w, &s->g0, &s->g1, &s->h0, &s->h1);
  if (rows > 8) a = vld1q_f32(from(x, d[8]));
  if (rows > 9) b = vld1q_f32(from(x, d[9]));
  if (rows > 8) rows4(rows > 9, vectors, a, b, w, &s->i0, &s->i1, &s->j0, &s->j1);
  if (rows > 10) a = vld1q_f32(from(x, d[10]));
  if (rows > 10) rows4(false, vectors, a, a, w, &s->k0, &s->k1, &s->k0, &s->k1);
}

ALWAYS_INLINE void step1(const size_t vectors, const float *x, float32x4_t w0, float32x4_t w1, float32x4_t *sum0,
                         float32x4_t *sum1) {
  const float32x4_t pixel = vld1q_dup_f32(x);
  *sum0 = vfmaq_f32(*sum0, w0, pixel);
  if (vectors > 1) *sum1 = vfmaq_f32(*sum1, w1, pixel);
}

/* 1 k of all rows. */
ALWAYS_INLINE void steps1(const size_t rows, const size_t vectors, struct input *in, struct sums *s) {
  const size_t *d = in->distances;
  float32x4_t w0, w1;
  load_weights(vectors, &in->weights, &w0, &w1);
  const float *x = in->x + LANES;
  step1(vectors, in->x, w0, w1, &s->a0, &s->a1);
  if (rows > 1) step1(vectors, from(x, d[1]), w0, w1, &s->b0, &s->b1);
  if (rows > 2) step1(vectors, from(x, d[2]), w0, w1, &s->c0, &s->c1);
  if (rows > 3) step1(vectors, from(x, d[3]), w0, w1, &s->d0, &s->d1);
  if (rows > 4) step1(vectors, from(x, d[4]), w0, w1, &s->e0, &s->e1);
  if (rows > 5) step1(vectors, from(x, d[5]), w0, w1, &s->f0, &s->f1);
  if (rows > 6) step1(vectors, from(x, d[6]), w0, w1, &s->g0, &s->g1);
  if (rows > 7) step1(vectors, from(x, d[7]), w0, w1, &s->h0, &s->h1);
  if (rows > 8) step1(vectors, from(x, d[8]), w0, w1, &s->i0, &s->i1);
  if (rows > 9) step1(vectors, from(x, d[9]), w0, w1, &s->j0, &s->j1);
  if (rows > 10) step1(vectors, from(x, d[10]), w0, w1, &s->k0, &s->k1);
  in->x = opaque_pointer(in->x + 1);
}

ALWAYS_INLINE void add(const size_t vectors, const float *residual, float32x4_t *sum0, float32x4_t *sum1) {
  *sum0 = vaddq_f32(*sum0, vld1q_f32(residual));
  if (vectors > 1) *sum1 = vaddq_f32(*sum1, vld1q_f32(residual + LANES));
}

ALWAYS_INLINE void add_all(const size_t rows, const size_t vectors, const float *r, size_t stride, struct sums *s) {
  add(vectors, r, &s->a0, &s->a1);
  if (rows > 1) add(vectors, r += stride, &s->b0, &s->b1);
  if (rows > 2) add(vectors, r += stride, &s->c0, &s->c1);
  if (rows > 3) add(vectors, r += stride, &s->d0, &s->d1);
  if (rows > 4) add(vectors, r += stride, &s->e0, &s->e1);
  if (rows > 5) add(vectors, r += stride, &s->f0, &s->f1);
  if (rows > 6) add(vectors, r += stride, &s->g0, &s->g1);
  if (rows > 7) add(vectors, r += stride, &s->h0, &s->h1);
  if (rows > 8) add(vectors, r += stride, &s->i0, &s->i1);
  if (rows > 9) add(vectors, r += stride, &s->j0, &s->j1);
  if (rows > 10) add(vectors, r += stride, &s->k0, &s->k1);
}

ALWAYS_INLINE void clamp2(float32x4_t lo, float32x4_t hi, float32x4_t *sum0, float32x4_t *sum1) {
  *sum0 = clamp(*sum0, lo, hi);
  *sum1 = clamp(*sum1, lo, hi);
}

/* Vectors and rows that are not there cost nothing: nobody stores them. */
ALWAYS_INLINE void clamp_all(float32x4_t lo, float32x4_t hi, struct sums *s) {
  clamp2(lo, hi, &s->a0, &s->a1), clamp2(lo, hi, &s->b0, &s->b1), clamp2(lo, hi, &s->c0, &s->c1);
  clamp2(lo, hi, &s->d0, &s->d1), clamp2(lo, hi, &s->e0, &s->e1), clamp2(lo, hi, &s->f0, &s->f1);
  clamp2(lo, hi, &s->g0, &s->g1), clamp2(lo, hi, &s->h0, &s->h1), clamp2(lo, hi, &s->i0, &s->i1);
  clamp2(lo, hi, &s->j0, &s->j1), clamp2(lo, hi, &s->k0, &s->k1);
}

ALWAYS_INLINE void store(const size_t vectors, float *y, size_t first, size_t second, float32x4_t sum0,
                         float32x4_t sum1) {
  vst1q_f32(to(y, first), sum0);
  if (vectors > 1) vst1q_f32(to(y, second), sum1);
}

ALWAYS_INLINE void store_all(const size_t rows, const size_t vectors, float *const *y, size_t first, size_t second,
                             const struct sums *s) {
  store(vectors, y[0], first, second, s->a0, s->a1);
  if (rows > 1) store(vectors, y[1], first, second, s->b0, s->b1);
  if (rows > 2) store(vectors, y[2], first, second, s->c0, s->c1);
  if (rows > 3) store(vectors, y[3], first, second, s->d0, s->d1);
  if (rows > 4) store(vectors, y[4], first, second, s->e0, s->e1);
  if (rows > 5) store(vectors, y[5], first, second, s->f0, s->f1);
  if (rows > 6) store(vectors, y[6], first, second, s->g0, s->g1);
  if (rows > 7) store(vectors, y[7], first, second, s->h0, s->h1);
  if (rows > 8) store(vectors, y[8], first, second, s->i0, s->i1);
  if (rows > 9) store(vectors, y[9], first, second, s->j0, s->j1);
  if (rows > 10) store(vectors, y[10], first, second, s->k0, s->k1);
}

/* Tiles of `rows` pixels, one after the other. */
ALWAYS_INLINE void walk(const size_t rows, const size_t vectors, const struct mbconv_pointwise_panel *panel,
                        size_t tiles, const float *x, float *const *y, size_t offset, const float *residual) {
  const size_t stride = panel->x_stride, k = panel->k, first = distance(offset), second = distance(offset + LANES);
  /* k each time around; small tiles are rare, let them be short. */
  const size_t once = rows >= 10 ? 16 : 4;
  const bool clamped = panel->lo > -INFINITY || panel->hi < INFINITY;
  struct input in = {.x = x, .weights = panel->weights};
  UNROLL
  for (size_t i = 1; i < rows; i++) in.distances[i] = distance(i * stride - LANES);
  const size_t back = distance(k * vectors * LANES), next = distance(rows * stride - k);
  for (; tiles > 0; tiles--) {
    const float32x4_t bias0 = vld1q_f32(panel->bias), bias1 = vld1q_f32(panel->bias + (vectors - 1) * LANES);
    struct sums s = {bias0, bias1, bias0, bias1, bias0, bias1, bias0, bias1, bias0, bias1, bias0,
                     bias1, bias0, bias1, bias0, bias1, bias0, bias1, bias0, bias1, bias0, bias1};
    for (size_t left = k / once; left > 0; left--) {
      UNROLL
      for (size_t i = 0; i < once; i += 4) steps4(rows, vectors, &in, &s);
    }
    if (k % once) {
      NO_UNROLL
      for (size_t left = once > 4 ? k % once / 4 : 0; left > 0; left--) steps4(rows, vectors, &in, &s);
      NO_UNROLL
      for (size_t left = k & 3; left > 0; left--) steps1(rows, vectors, &in, &s);
    }
    in.x = from(in.x, next), in.weights = from(in.weights, 0 - back);
    if (residual) {
      add_all(rows, vectors, residual, panel->r_stride, &s);
      residual += rows * panel->r_stride;
    }
    if (clamped) clamp_all(vld1q_dup_f32(&panel->lo), vld1q_dup_f32(&panel->hi), &s);
    store_all(rows, vectors, y, first, second, &s);
    y += rows;
  }
}

void mbconv_pointwise_neon_11x8(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const float *x,
                                float *const *y, size_t y_offset, const float *residual) {
  assert(panel->channels == 2 * LANES);
  switch (pixels) {
    case 1: walk(1, 2, panel, tiles, x, y, y_offset, residual); break;
    case 2: walk(2, 2, panel, tiles, x, y, y_offset, residual); break;
    case 3: walk(3, 2, panel, tiles, x, y, y_offset, residual); break;
    case 4: walk(4, 2, panel, tiles, x, y, y_offset, residual); break;
    case 5: walk(5, 2, panel, tiles, x, y, y_offset, residual); break;
    case 6: walk(6, 2, panel, tiles, x, y, y_offset, residual); break;
    case 7: walk(7, 2, panel, tiles, x, y, y_offset, residual); break;
    case 8: walk(8, 2, panel, tiles, x, y, y_offset, residual); break;
    case 9: walk(9, 2, panel, tiles, x, y, y_offset, residual); break;
    case 10: walk(10, 2, panel, tiles, x, y, y_offset, residual); break;
    default: walk(11, 2, panel, tiles, x, y, y_offset, residual); break;
  }
}

void mbconv_pointwise_neon_6x4(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const float *x,
                               float *const *y, size_t y_offset, const float *residual) {
  assert(panel->channels == LANES);
  switch (pixels) {
    case 1: walk(1, 1, panel, tiles, x, y, y_offset, residual); break;
    case 2: walk(2, 1, panel, tiles, x, y, y_offset, residual); break;
    case 3: walk(3, 1, panel, tiles, x, y, y_offset, residual); break;
    case 4: walk(4, 1, panel, tiles, x, y, y_offset, residual); break;
    case 5: walk(5, 1, panel, tiles, x, y, y_offset, residual); break;
    default: walk(6, 1, panel, tiles, x, y, y_offset, residual); break;
  }
}
