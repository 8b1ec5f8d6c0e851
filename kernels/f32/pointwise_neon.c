/* SPDX-License-Identifier: MIT
 *
 * Pointwise on NEON: tiles of 11 pixels x 8 channels. The 6 x 4 tile, for a last panel of up to 4 channels, is in
 * pointwise_narrow_neon.c.
 *
 * k goes in steps of 4: a pixel's 4 floats are one load, and an FMA takes one of them as its scalar operand. The step's
 * weights stay in registers while the pixels pass, two at a time: 19 loads for 88 FMAs.
 *
 *     registers
 *     sums          22     (v10 to v31)
 *     weights       8      (of 4 k)
 *     pixels        2
 *
 * Four steps of 11x8 are 352 FMAs, 76 loads and 2 instructions of the loop: 1.22 for each FMA, loads counted once per
 * register. A tile adds about 115: 22 set sums to the bias, 44 are the clamp, 33 are stores and their addresses. Rows
 * are reached from one pointer by distances in registers, and there is no clamp where it would change nothing: the two
 * took a tenth off. The FMAs of a pair of rows are assembly. Compilers move intrinsics about: gcc 12 adds copies to
 * 10x8, and both compilers spill in 11x8, which takes all 32 registers. Tiles of 6x16 and 7x12 would load more.
 *
 * That assembly names the register of each sum, because SiLU is applied to the sums in these registers
 * (silu_tiles_neon.c). Without names gcc 12 moves all of them before it calls SiLU. Preferences alone (an empty asm
 * statement between steps) made it spill.
 *
 * llvm-mca's cycles for each FMA: 1.44 on Cortex-A55, 0.50 on Neoverse N1, 0.34 on Apple M1 (at best 1, 0.5 and 0.33).
 * On A55 two pixels are 4 chains side by side, which hide an FMA's latency of 4. The eleventh row is alone. A 10x8 tile
 * takes 1.38 there, or 1.26 if it loads the next two pixels early, into the registers that it has left.
 *
 * The sums are named: gcc 12 keeps an array of them in memory, even when every loop over it is unrolled. `rows` is a
 * constant at every call, so the comparisons with it vanish. Tiles of 2, 4 and 5 rows are made of tiles of 3 and 1,
 * because only images of 5 pixels or fewer have them.
 *
 * Order: k ascending, one FMA a step, from the bias.
 */
#include <assert.h>
#include <math.h>

#include "pointwise_sums_neon.h"
#include "set_neon.h"
#include "vec_neon.h"

enum { MOST_ROWS = 11 };

/* Where a tile reads. Row i is at distances[i] from x: distances[i] = i * stride - 4 floats, because loading row 0 has
 * already advanced x. The distances are kept out of this struct: Clang 14 would store the whole struct at each step. */
struct input {
  const float *x, *weights;
};

/* 4 k of two rows, whose sums are in these registers. */
#define PAIR4(name, A0, A1, B0, B1)                                                                               \
  ALWAYS_INLINE void name(float32x4_t a, float32x4_t b, const float32x4_t *w, float32x4_t *sum_a0,                \
                          float32x4_t *sum_a1, float32x4_t *sum_b0, float32x4_t *sum_b1) {                        \
    register float32x4_t a0 __asm__(A0) = *sum_a0;                                                                \
    register float32x4_t a1 __asm__(A1) = *sum_a1;                                                                \
    register float32x4_t b0 __asm__(B0) = *sum_b0;                                                                \
    register float32x4_t b1 __asm__(B1) = *sum_b1;                                                                \
    __asm__ volatile(                                                                                             \
        "fmla %[a0].4s, %[w0].4s, %[a].s[0]\n\tfmla %[b0].4s, %[w0].4s, %[b].s[0]\n\t"                            \
        "fmla %[a1].4s, %[w1].4s, %[a].s[0]\n\tfmla %[b1].4s, %[w1].4s, %[b].s[0]\n\t"                            \
        "fmla %[a0].4s, %[w2].4s, %[a].s[1]\n\tfmla %[b0].4s, %[w2].4s, %[b].s[1]\n\t"                            \
        "fmla %[a1].4s, %[w3].4s, %[a].s[1]\n\tfmla %[b1].4s, %[w3].4s, %[b].s[1]\n\t"                            \
        "fmla %[a0].4s, %[w4].4s, %[a].s[2]\n\tfmla %[b0].4s, %[w4].4s, %[b].s[2]\n\t"                            \
        "fmla %[a1].4s, %[w5].4s, %[a].s[2]\n\tfmla %[b1].4s, %[w5].4s, %[b].s[2]\n\t"                            \
        "fmla %[a0].4s, %[w6].4s, %[a].s[3]\n\tfmla %[b0].4s, %[w6].4s, %[b].s[3]\n\t"                            \
        "fmla %[a1].4s, %[w7].4s, %[a].s[3]\n\tfmla %[b1].4s, %[w7].4s, %[b].s[3]"                                \
        : [a0] "+w"(a0), [a1] "+w"(a1), [b0] "+w"(b0), [b1] "+w"(b1)                                              \
        : [a] "w"(a), [b] "w"(b), [w0] "w"(w[0]), [w1] "w"(w[1]), [w2] "w"(w[2]), [w3] "w"(w[3]), [w4] "w"(w[4]), \
          [w5] "w"(w[5]), [w6] "w"(w[6]), [w7] "w"(w[7])                                                          \
        : "memory");                                                                                              \
    *sum_a0 = a0, *sum_a1 = a1, *sum_b0 = b0, *sum_b1 = b1;                                                       \
  }

PAIR4(pair4_ab, "v10", "v11", "v12", "v13")
PAIR4(pair4_cd, "v14", "v15", "v16", "v17")
PAIR4(pair4_ef, "v18", "v19", "v20", "v21")
PAIR4(pair4_gh, "v22", "v23", "v24", "v25")
PAIR4(pair4_ij, "v26", "v27", "v28", "v29")
#undef PAIR4

/* 4 k of one row. */
#define SINGLE4(name, A0, A1)                                                                                         \
  ALWAYS_INLINE void name(float32x4_t a, const float32x4_t *w, float32x4_t *sum0, float32x4_t *sum1) {                \
    register float32x4_t a0 __asm__(A0) = *sum0;                                                                      \
    register float32x4_t a1 __asm__(A1) = *sum1;                                                                      \
    __asm__ volatile(                                                                                                 \
        "fmla %[a0].4s, %[w0].4s, %[a].s[0]\n\tfmla %[a1].4s, %[w1].4s, %[a].s[0]\n\t"                                \
        "fmla %[a0].4s, %[w2].4s, %[a].s[1]\n\tfmla %[a1].4s, %[w3].4s, %[a].s[1]\n\t"                                \
        "fmla %[a0].4s, %[w4].4s, %[a].s[2]\n\tfmla %[a1].4s, %[w5].4s, %[a].s[2]\n\t"                                \
        "fmla %[a0].4s, %[w6].4s, %[a].s[3]\n\tfmla %[a1].4s, %[w7].4s, %[a].s[3]"                                    \
        : [a0] "+w"(a0), [a1] "+w"(a1)                                                                                \
        : [a] "w"(a), [w0] "w"(w[0]), [w1] "w"(w[1]), [w2] "w"(w[2]), [w3] "w"(w[3]), [w4] "w"(w[4]), [w5] "w"(w[5]), \
          [w6] "w"(w[6]), [w7] "w"(w[7])                                                                              \
        : "memory");                                                                                                  \
    *sum0 = a0, *sum1 = a1;                                                                                           \
  }

SINGLE4(single4_a, "v10", "v11")
SINGLE4(single4_c, "v14", "v15")
SINGLE4(single4_g, "v22", "v23")
SINGLE4(single4_i, "v26", "v27")
SINGLE4(single4_k, "v30", "v31")
#undef SINGLE4

/* 4 k of all rows. */
ALWAYS_INLINE void steps4(const size_t rows, const size_t *d, struct input *in, struct sums *s) {
  float32x4_t w[8], a, b;
  for (size_t i = 0; i < 8; i += 2) load_next2(&in->weights, &w[i], &w[i + 1]);
  a = load_next(&in->x);
  const float *x = in->x;
  if (rows > 1) b = vld1q_f32(from(x, d[1]));
  if (rows > 1) pair4_ab(a, b, w, &s->a0, &s->a1, &s->b0, &s->b1);
  if (rows == 1) single4_a(a, w, &s->a0, &s->a1);
  if (rows > 2) a = vld1q_f32(from(x, d[2]));
  if (rows > 3) b = vld1q_f32(from(x, d[3]));
  if (rows > 3) pair4_cd(a, b, w, &s->c0, &s->c1, &s->d0, &s->d1);
  if (rows == 3) single4_c(a, w, &s->c0, &s->c1);
  if (rows > 5) a = vld1q_f32(from(x, d[4]));
  if (rows > 5) b = vld1q_f32(from(x, d[5]));
  if (rows > 5) pair4_ef(a, b, w, &s->e0, &s->e1, &s->f0, &s->f1);
  if (rows > 6) a = vld1q_f32(from(x, d[6]));
  if (rows > 7) b = vld1q_f32(from(x, d[7]));
  if (rows > 7) pair4_gh(a, b, w, &s->g0, &s->g1, &s->h0, &s->h1);
  if (rows == 7) single4_g(a, w, &s->g0, &s->g1);
  if (rows > 8) a = vld1q_f32(from(x, d[8]));
  if (rows > 9) b = vld1q_f32(from(x, d[9]));
  if (rows > 9) pair4_ij(a, b, w, &s->i0, &s->i1, &s->j0, &s->j1);
  if (rows == 9) single4_i(a, w, &s->i0, &s->i1);
  if (rows > 10) a = vld1q_f32(from(x, d[10]));
  if (rows > 10) single4_k(a, w, &s->k0, &s->k1);
}

ALWAYS_INLINE void step1(const float *x, float32x4_t w0, float32x4_t w1, float32x4_t *sum0, float32x4_t *sum1) {
  const float32x4_t pixel = vld1q_dup_f32(x);
  *sum0 = vfmaq_f32(*sum0, w0, pixel);
  *sum1 = vfmaq_f32(*sum1, w1, pixel);
}

/* 1 k of all rows. */
ALWAYS_INLINE void steps1(const size_t rows, const size_t *d, struct input *in, struct sums *s) {
  float32x4_t w0, w1;
  load_next2(&in->weights, &w0, &w1);
  const float *x = in->x + LANES;
  step1(in->x, w0, w1, &s->a0, &s->a1);
  if (rows > 1) step1(from(x, d[1]), w0, w1, &s->b0, &s->b1);
  if (rows > 2) step1(from(x, d[2]), w0, w1, &s->c0, &s->c1);
  if (rows > 3) step1(from(x, d[3]), w0, w1, &s->d0, &s->d1);
  if (rows > 4) step1(from(x, d[4]), w0, w1, &s->e0, &s->e1);
  if (rows > 5) step1(from(x, d[5]), w0, w1, &s->f0, &s->f1);
  if (rows > 6) step1(from(x, d[6]), w0, w1, &s->g0, &s->g1);
  if (rows > 7) step1(from(x, d[7]), w0, w1, &s->h0, &s->h1);
  if (rows > 8) step1(from(x, d[8]), w0, w1, &s->i0, &s->i1);
  if (rows > 9) step1(from(x, d[9]), w0, w1, &s->j0, &s->j1);
  if (rows > 10) step1(from(x, d[10]), w0, w1, &s->k0, &s->k1);
  in->x = opaque_pointer(in->x + 1);
}

/* Tiles of `rows` pixels, one after the other. SiLU of fewer than 6 rows is left to the caller. */
ALWAYS_INLINE void walk(const size_t rows, const struct mbconv_pointwise_panel *panel, size_t tiles, const float *x,
                        void *const *y, size_t offset, const float *residual) {
  const size_t stride = panel->x_stride, k = panel->k, first = distance(offset), second = distance(offset + LANES);
  /* Steps of k for each pass of the loop. Small tiles are rare: their code is kept short. */
  const size_t once = rows >= 10 ? 16 : 4;
  const bool clamped = panel->ending.lo > -INFINITY || panel->ending.hi < INFINITY,
             silu = panel->ending.silu && rows >= 6;
  const float *bias = panel->bias;
  struct input in = {x, panel->weights};
  size_t distances[MOST_ROWS];
  UNROLL
  for (size_t i = 1; i < rows; i++) distances[i] = distance(i * stride - LANES);
  const size_t back = distance(k * WIDTH), next = distance(rows * stride - k);
  for (; tiles > 0; tiles--) {
    const float32x4_t bias0 = vld1q_f32(bias), bias1 = vld1q_f32(bias + LANES);
    struct sums s = {bias0, bias1, bias0, bias1, bias0, bias1, bias0, bias1, bias0, bias1, bias0,
                     bias1, bias0, bias1, bias0, bias1, bias0, bias1, bias0, bias1, bias0, bias1};
    for (size_t left = k / once; left > 0; left--) {
      UNROLL
      for (size_t i = 0; i < once; i += 4) steps4(rows, distances, &in, &s);
    }
    if (k % once) {
      NO_UNROLL
      for (size_t left = once > 4 ? k % once / 4 : 0; left > 0; left--) steps4(rows, distances, &in, &s);
      NO_UNROLL
      for (size_t left = k & 3; left > 0; left--) steps1(rows, distances, &in, &s);
    }
    in.x = from(in.x, next), in.weights = from(in.weights, 0 - back);
    if (residual) {
      add_all(rows, residual, panel->r_stride, &s);
      residual += rows * panel->r_stride;
    }
    if (rows >= 6) hold_all(rows, &s);
    if (clamped)
      clamp_all(vld1q_dup_f32(&panel->ending.lo), vld1q_dup_f32(&panel->ending.hi), &s);
    else if (silu)
      silu_all(rows, &s);
    store_all(rows, y, first, second, &s);
    y += rows;
  }
}

/* Up to 5 pixels: 3, and one by one. */
static void walk_few(const struct mbconv_pointwise_panel *panel, size_t pixels, const float *x, void *const *y,
                     size_t offset, const float *residual) {
  for (size_t p = 0, n; p < pixels; p += n) {
    const float *first_x = x + p * panel->x_stride, *first_r = residual ? residual + p * panel->r_stride : NULL;
    n = pixels - p >= 3 ? 3 : 1;
    if (n == 3)
      walk(3, panel, 1, first_x, y + p, offset, first_r);
    else
      walk(1, panel, 1, first_x, y + p, offset, first_r);
  }
  if (panel->ending.silu) silu_stored(panel, pixels, y, offset);
}

void mbconv_pointwise_neon_11x8(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const void *x,
                                void *const *y, size_t y_offset, const void *residual) {
  assert(panel->channels == WIDTH);
  switch (pixels) {
    case 6: walk(6, panel, tiles, x, y, y_offset, residual); break;
    case 7: walk(7, panel, tiles, x, y, y_offset, residual); break;
    case 8: walk(8, panel, tiles, x, y, y_offset, residual); break;
    case 9: walk(9, panel, tiles, x, y, y_offset, residual); break;
    case 10: walk(10, panel, tiles, x, y, y_offset, residual); break;
    case 11: walk(11, panel, tiles, x, y, y_offset, residual); break;
    default: walk_few(panel, pixels * tiles, x, y, y_offset, residual); break;
  }
}
