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

/* Compilers. NO_UNROLL stands before a loop that must stay one. Loads written after keep_order() stay after the
 * computation of v: moved up, they run out of registers. */
#if defined(__clang__)
#define NO_UNROLL _Pragma("clang loop unroll(disable)")
#else
#define NO_UNROLL _Pragma("GCC unroll 1")
#endif

ALWAYS_INLINE void keep_order(float32x4_t *v) { __asm__ volatile("" : "+w"(*v)::"memory"); }

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

/* y[i] = act(x[i]), i < n, for a function of one vector. */
ALWAYS_INLINE void map(float32x4_t (*act)(float32x4_t), size_t n, const float *x, float *y) {
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) vst1q_f32(y + i, act(vld1q_f32(x + i)));
  if (i < n) store_partial(y + i, act(load_partial(x + i, n - i)), n - i);
}

/* c of SiLU and sigmoid: max(x, -88). */
ALWAYS_INLINE float32x4_t floor88(float32x4_t x) { return vmaxq_f32(x, vdupq_n_f32(-88.0f)); }

#endif
