/* SPDX-License-Identifier: MIT
 *
 * What the NEON kernels share: partial loads and stores, the clamp, and the walk over a buffer 4 floats at a time.
 *
 * FMAX and FMIN return NaN if either operand is NaN, so a NaN passes through whatever the order.
 */
#ifndef MBCONV_VEC_NEON_H
#define MBCONV_VEC_NEON_H

#if !defined(__aarch64__) || !defined(__ARM_NEON)
#error "the NEON set is for 64-bit ARM with its floating-point vector unit"
#endif

#include <arm_neon.h>
#include <stddef.h>

enum { LANES = 4 };

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Compilers. NO_UNROLL stands before a loop that must stay one, UNROLL before one that must not. Loads written after
 * keep_order() stay after the computation of v: moved up, they run out of registers. */
#if defined(__clang__)
#define NO_UNROLL _Pragma("clang loop unroll(disable)")
#define UNROLL _Pragma("clang loop unroll_count(32)")
#else
#define NO_UNROLL _Pragma("GCC unroll 1")
#define UNROLL _Pragma("GCC unroll 32")
#endif

ALWAYS_INLINE void keep_order(float32x4_t *v) { __asm__ volatile("" : "+w"(*v)::"memory"); }

/* Clang needs that for each sum of a depthwise, or keeps pixels on the stack; gcc is better off without, and would copy
 * registers. */
#if defined(__clang__)
ALWAYS_INLINE void keep_order_clang(float32x4_t *v) { keep_order(v); }
#else
ALWAYS_INLINE void keep_order_clang(float32x4_t *v) { (void)v; }
#endif

/* Loads and stores stay on the side of it where they are written. */
ALWAYS_INLINE void fix_order(void) { __asm__ volatile("" ::: "memory"); }

/* n or p, but where it comes from is hidden: compilers would compute addresses anew, step after step, from fewer
 * registers. */
ALWAYS_INLINE size_t opaque(size_t n) {
  __asm__("" : "+r"(n));
  return n;
}

ALWAYS_INLINE const float *opaque_pointer(const float *p) {
  __asm__("" : "+r"(p));
  return p;
}

ALWAYS_INLINE float *opaque_output(float *p) {
  __asm__("" : "+r"(p));
  return p;
}

/* Distances in bytes that stay in registers: an address is then a pointer and a register, without a shift. */
ALWAYS_INLINE size_t distance(size_t floats) { return opaque(floats * sizeof(float)); }

ALWAYS_INLINE const float *from(const float *p, size_t bytes) { return (const float *)((const char *)p + bytes); }

ALWAYS_INLINE float *to(float *p, size_t bytes) { return (float *)((char *)p + bytes); }

/* The 4 floats at *x, or two vectors of 4, and *x moves on to what follows. In assembly: where compilers see how a
 * pointer moves they compute it anew, in instructions of their own. */
ALWAYS_INLINE float32x4_t load_next(const float **x) {
  float32x4_t v;
  __asm__("ldr %q0, [%1], #16" : "=w"(v), "+r"(*x) : "m"(*(const float(*)[LANES]) * x));
  return v;
}

ALWAYS_INLINE void load_next2(const float **x, float32x4_t *v0, float32x4_t *v1) {
  __asm__("ldp %q0, %q1, [%2], #32" : "=w"(*v0), "=w"(*v1), "+r"(*x) : "m"(*(const float(*)[2 * LANES]) * x));
}

/* Two vectors to *y, which moves on to what follows them. */
ALWAYS_INLINE void store_next2(float **y, float32x4_t v0, float32x4_t v1) {
  __asm__ volatile("stp %q2, %q3, [%0], #32" : "+r"(*y), "=m"(*(float(*)[2 * LANES]) * y) : "w"(v0), "w"(v1));
}

/* n < 4 floats; lanes beyond n are zero. */
ALWAYS_INLINE float32x4_t load_partial(const float *x, size_t n) {
  float32x4_t v = vdupq_n_f32(0.0f);
  if (n > 0) v = vld1q_lane_f32(x, v, 0);
  if (n > 1) v = vld1q_lane_f32(x + 1, v, 1);
  if (n > 2) v = vld1q_lane_f32(x + 2, v, 2);
  return v;
}

/* n < 4 floats. */
ALWAYS_INLINE void store_partial(float *y, float32x4_t v, size_t n) {
  if (n > 0) vst1q_lane_f32(y, v, 0);
  if (n > 1) vst1q_lane_f32(y + 1, v, 1);
  if (n > 2) vst1q_lane_f32(y + 2, v, 2);
}

ALWAYS_INLINE float32x4_t clamp(float32x4_t v, float32x4_t lo, float32x4_t hi) {
  return vminq_f32(vmaxq_f32(v, lo), hi);
}

/* y[i] = act(x[i]), i < n, for a function of one vector, which is written once. */
ALWAYS_INLINE void map(float32x4_t (*act)(float32x4_t), size_t n, const float *x, float *y) {
  NO_UNROLL
  for (size_t i = 0; i < n; i += LANES) {
    const bool whole = i + LANES <= n;
    const float32x4_t v = act(whole ? vld1q_f32(x + i) : load_partial(x + i, n - i));
    if (whole)
      vst1q_f32(y + i, v);
    else
      store_partial(y + i, v, n - i);
  }
}

/* c of SiLU and sigmoid: max(x, -88). */
ALWAYS_INLINE float32x4_t floor88(float32x4_t x) { return vmaxq_f32(x, vdupq_n_f32(-88.0f)); }

#endif
