/* SPDX-License-Identifier: MIT
 *
 * The sums of an 11x8 tile (pointwise_neon.c), and what happens to all of them when the chain is at its end: residual,
 * clamp or SiLU, stores. `rows` is a constant at every call. Rows beyond it cost nothing: they are never stored, so
 * compilers leave them out.
 */
#ifndef MBCONV_POINTWISE_SUMS_NEON_H
#define MBCONV_POINTWISE_SUMS_NEON_H

#include "silu_tiles_neon.h"
#include "vec_neon.h"

enum { WIDTH = 2 * LANES };

/* The sums of the rows, two vectors each. */
struct sums {
  float32x4_t a0, a1, b0, b1, c0, c1, d0, d1, e0, e1, f0, f1, g0, g1, h0, h1, i0, i1, j0, j1, k0, k1;
};

ALWAYS_INLINE void add(const float *residual, float32x4_t *sum0, float32x4_t *sum1) {
  *sum0 = vaddq_f32(*sum0, vld1q_f32(residual));
  *sum1 = vaddq_f32(*sum1, vld1q_f32(residual + LANES));
}

ALWAYS_INLINE void add_all(const size_t rows, const float *r, size_t stride, struct sums *s) {
  add(r, &s->a0, &s->a1);
  if (rows > 1) add(r += stride, &s->b0, &s->b1);
  if (rows > 2) add(r += stride, &s->c0, &s->c1);
  if (rows > 3) add(r += stride, &s->d0, &s->d1);
  if (rows > 4) add(r += stride, &s->e0, &s->e1);
  if (rows > 5) add(r += stride, &s->f0, &s->f1);
  if (rows > 6) add(r += stride, &s->g0, &s->g1);
  if (rows > 7) add(r += stride, &s->h0, &s->h1);
  if (rows > 8) add(r += stride, &s->i0, &s->i1);
  if (rows > 9) add(r += stride, &s->j0, &s->j1);
  if (rows > 10) add(r += stride, &s->k0, &s->k1);
}

ALWAYS_INLINE void clamp2(float32x4_t lo, float32x4_t hi, float32x4_t *sum0, float32x4_t *sum1) {
  *sum0 = clamp(*sum0, lo, hi);
  *sum1 = clamp(*sum1, lo, hi);
}

/* Rows that the tile does not have are left out by compilers: they are never stored. */
ALWAYS_INLINE void clamp_all(float32x4_t lo, float32x4_t hi, struct sums *s) {
  clamp2(lo, hi, &s->a0, &s->a1), clamp2(lo, hi, &s->b0, &s->b1), clamp2(lo, hi, &s->c0, &s->c1);
  clamp2(lo, hi, &s->d0, &s->d1), clamp2(lo, hi, &s->e0, &s->e1), clamp2(lo, hi, &s->f0, &s->f1);
  clamp2(lo, hi, &s->g0, &s->g1), clamp2(lo, hi, &s->h0, &s->h1), clamp2(lo, hi, &s->i0, &s->i1);
  clamp2(lo, hi, &s->j0, &s->j1), clamp2(lo, hi, &s->k0, &s->k1);
}

ALWAYS_INLINE void floor2(float32x4_t floor, float32x4_t *sum0, float32x4_t *sum1) {
  *sum0 = vmaxq_f32(*sum0, floor);
  *sum1 = vmaxq_f32(*sum1, floor);
}

ALWAYS_INLINE void floor_all(float32x4_t floor, struct sums *s) {
  floor2(floor, &s->a0, &s->a1);
  floor2(floor, &s->b0, &s->b1);
  floor2(floor, &s->c0, &s->c1);
  floor2(floor, &s->d0, &s->d1);
  floor2(floor, &s->e0, &s->e1);
  floor2(floor, &s->f0, &s->f1);
  floor2(floor, &s->g0, &s->g1);
  floor2(floor, &s->h0, &s->h1);
  floor2(floor, &s->i0, &s->i1);
  floor2(floor, &s->j0, &s->j1);
  floor2(floor, &s->k0, &s->k1);
}

/* Names the registers of all sums. */
#define NAME_REGISTERS(s)                         \
  register float32x4_t a0 __asm__("v10") = s->a0; \
  register float32x4_t a1 __asm__("v11") = s->a1; \
  register float32x4_t b0 __asm__("v12") = s->b0; \
  register float32x4_t b1 __asm__("v13") = s->b1; \
  register float32x4_t c0 __asm__("v14") = s->c0; \
  register float32x4_t c1 __asm__("v15") = s->c1; \
  register float32x4_t d0 __asm__("v16") = s->d0; \
  register float32x4_t d1 __asm__("v17") = s->d1; \
  register float32x4_t e0 __asm__("v18") = s->e0; \
  register float32x4_t e1 __asm__("v19") = s->e1; \
  register float32x4_t f0 __asm__("v20") = s->f0; \
  register float32x4_t f1 __asm__("v21") = s->f1; \
  register float32x4_t g0 __asm__("v22") = s->g0; \
  register float32x4_t g1 __asm__("v23") = s->g1; \
  register float32x4_t h0 __asm__("v24") = s->h0; \
  register float32x4_t h1 __asm__("v25") = s->h1; \
  register float32x4_t i0 __asm__("v26") = s->i0; \
  register float32x4_t i1 __asm__("v27") = s->i1; \
  register float32x4_t j0 __asm__("v28") = s->j0; \
  register float32x4_t j1 __asm__("v29") = s->j1; \
  register float32x4_t k0 __asm__("v30") = s->k0; \
  register float32x4_t k1 __asm__("v31") = s->k1;

/* Keeps the sums of 6 to 11 rows in their registers from the loop to here. */
ALWAYS_INLINE void hold_all(const size_t rows, struct sums *s) {
  NAME_REGISTERS(s)
  __asm__ volatile(""
                   : "+w"(a0), "+w"(a1), "+w"(b0), "+w"(b1), "+w"(c0), "+w"(c1), "+w"(d0), "+w"(d1), "+w"(e0), "+w"(e1),
                     "+w"(f0), "+w"(f1));
  if (rows > 6) __asm__ volatile("" : "+w"(g0), "+w"(g1));
  if (rows > 7) __asm__ volatile("" : "+w"(h0), "+w"(h1));
  if (rows > 8) __asm__ volatile("" : "+w"(i0), "+w"(i1));
  if (rows > 9) __asm__ volatile("" : "+w"(j0), "+w"(j1));
  if (rows > 10) __asm__ volatile("" : "+w"(k0), "+w"(k1));
  *s = (struct sums){a0, a1, b0, b1, c0, c1, d0, d1, e0, e1, f0, f1, g0, g1, h0, h1, i0, i1, j0, j1, k0, k1};
}

/* SiLU of the sums of 6 to 11 rows of two vectors. */
ALWAYS_INLINE void silu_all(const size_t rows, struct sums *s) {
  const float *constants = silu_constants();
  floor_all(vld1q_dup_f32(constants + SILU_FLOOR), s);
  NAME_REGISTERS(s)
  register float32x4_t first __asm__("v0") = vld1q_f32(constants);
  register float32x4_t next __asm__("v1") = vld1q_f32(constants + LANES);
  register float32x4_t one __asm__("v2") = vld1q_dup_f32(constants + SILU_ONE);
  __asm__ volatile(SILU_CALL("v10_to_v21")
                   : "+w"(a0), "+w"(a1), "+w"(b0), "+w"(b1), "+w"(c0), "+w"(c1), "+w"(d0), "+w"(d1), "+w"(e0), "+w"(e1),
                     "+w"(f0), "+w"(f1)
                   : "w"(first), "w"(next), "w"(one)
                   : SILU_CLOBBERS);
  if (rows == 7)
    __asm__ volatile(SILU_CALL("v22_to_v23") : "+w"(g0), "+w"(g1) : "w"(first), "w"(next), "w"(one) : SILU_CLOBBERS);
  if (rows == 8)
    __asm__ volatile(SILU_CALL("v22_to_v25")
                     : "+w"(g0), "+w"(g1), "+w"(h0), "+w"(h1)
                     : "w"(first), "w"(next), "w"(one)
                     : SILU_CLOBBERS);
  if (rows == 9)
    __asm__ volatile(SILU_CALL("v22_to_v27")
                     : "+w"(g0), "+w"(g1), "+w"(h0), "+w"(h1), "+w"(i0), "+w"(i1)
                     : "w"(first), "w"(next), "w"(one)
                     : SILU_CLOBBERS);
  if (rows == 10)
    __asm__ volatile(SILU_CALL("v22_to_v29")
                     : "+w"(g0), "+w"(g1), "+w"(h0), "+w"(h1), "+w"(i0), "+w"(i1), "+w"(j0), "+w"(j1)
                     : "w"(first), "w"(next), "w"(one)
                     : SILU_CLOBBERS);
  if (rows == 11)
    __asm__ volatile(SILU_CALL("v22_to_v31")
                     : "+w"(g0), "+w"(g1), "+w"(h0), "+w"(h1), "+w"(i0), "+w"(i1), "+w"(j0), "+w"(j1), "+w"(k0),
                       "+w"(k1)
                     : "w"(first), "w"(next), "w"(one)
                     : SILU_CLOBBERS);
  *s = (struct sums){a0, a1, b0, b1, c0, c1, d0, d1, e0, e1, f0, f1, g0, g1, h0, h1, i0, i1, j0, j1, k0, k1};
}

#undef NAME_REGISTERS

ALWAYS_INLINE void store(float *y, size_t first, size_t second, float32x4_t sum0, float32x4_t sum1) {
  vst1q_f32(to(y, first), sum0);
  vst1q_f32(to(y, second), sum1);
}

ALWAYS_INLINE void store_all(const size_t rows, void *const *y, size_t first, size_t second, const struct sums *s) {
  store(y[0], first, second, s->a0, s->a1);
  if (rows > 1) store(y[1], first, second, s->b0, s->b1);
  if (rows > 2) store(y[2], first, second, s->c0, s->c1);
  if (rows > 3) store(y[3], first, second, s->d0, s->d1);
  if (rows > 4) store(y[4], first, second, s->e0, s->e1);
  if (rows > 5) store(y[5], first, second, s->f0, s->f1);
  if (rows > 6) store(y[6], first, second, s->g0, s->g1);
  if (rows > 7) store(y[7], first, second, s->h0, s->h1);
  if (rows > 8) store(y[8], first, second, s->i0, s->i1);
  if (rows > 9) store(y[9], first, second, s->j0, s->j1);
  if (rows > 10) store(y[10], first, second, s->k0, s->k1);
}

#endif
