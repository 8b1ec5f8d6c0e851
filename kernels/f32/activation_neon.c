/* SPDX-License-Identifier: MIT
 *
 * The activations on NEON, 4 vectors of 4 floats at a time.
 *
 * SiLU and sigmoid write the arithmetic of SLEEF's expf in place, for e^-c with -88 <= c: no overflow to guard against.
 * SiLU takes 25.5 uops per vector: 23 that compute, of which 6 are copies of c and of coefficients that FMLA would
 * overwrite, a load, a store, and 2 of the loop for 4 vectors. Calls of SLEEF take 83 (silu_sleef_neon.c). In blocks
 * the tiles apply SiLU themselves (silu_tiles_neon.c), so this code is kept short. Two vectors are computed side by
 * side, so that a CPU that executes in order has something to do while it waits. Four need more than 32 registers, of
 * which 13 hold constants, and gcc 12 spills.
 */
#include "set_neon.h"
#include "vec_neon.h"

ALWAYS_INLINE float32x4_t none(float32x4_t x) { return x; }

ALWAYS_INLINE float32x4_t relu(float32x4_t x) { return vmaxq_f32(x, vdupq_n_f32(0.0f)); }

ALWAYS_INLINE float32x4_t relu6(float32x4_t x) { return clamp(x, vdupq_n_f32(0.0f), vdupq_n_f32(6.0f)); }

ALWAYS_INLINE float32x4_t hard_sigmoid(float32x4_t x) {
  return vdivq_f32(relu6(vaddq_f32(x, vdupq_n_f32(3.0f))), vdupq_n_f32(6.0f));
}

ALWAYS_INLINE float32x4_t hard_swish(float32x4_t x) {
  return vdivq_f32(vmulq_f32(x, relu6(vaddq_f32(x, vdupq_n_f32(3.0f)))), vdupq_n_f32(6.0f));
}

/* 1 + e^-c, by the steps of vec_scalar.h for d = -c with the signs of d and s turned: c itself is reduced, and every
 * other coefficient of the polynomial is negative. Rounding to nearest knows no sign, so the bits are the same; the
 * negation of c is saved, and so is one of s * s. e^-c = u * 2^q: the power is added to u's exponent, which is exact
 * where it matters. Nothing bounds c above: for c > 87 the addition saturates at 0, or leaves what vanishes against 1.
 * That takes a u without a sign, be it infinite or NaN as for c = inf, so it is an absolute difference. Where c is
 * NaN, the power is 1, and u stays NaN. */
ALWAYS_INLINE float32x4_t one_plus_exp_minus(float32x4_t c) {
  const float32x4_t minus_log2e = vdupq_n_f32(-1.442695040888963407359924681001892137426645954152985934135449406931f);
  const float32x4_t one = vdupq_n_f32(1.0f);
  const float32x4_t q = vrndnq_f32(vmulq_f32(c, minus_log2e)); /* ties to even, as SLEEF's */
  float32x4_t s = vfmaq_f32(c, q, vdupq_n_f32(0.693145751953125f));
  s = vfmaq_f32(s, q, vdupq_n_f32(1.428606765330187045e-06f));
  float32x4_t p = vdupq_n_f32(0.000198527617612853646278381f);
  p = vfmaq_f32(vdupq_n_f32(-0.00139304355252534151077271f), p, s);
  p = vfmaq_f32(vdupq_n_f32(0.00833336077630519866943359f), p, s);
  p = vfmaq_f32(vdupq_n_f32(-0.0416664853692054748535156f), p, s);
  p = vfmaq_f32(vdupq_n_f32(0.166666671633720397949219f), p, s);
  p = vfmaq_f32(vdupq_n_f32(-0.5f), p, s);
  const float32x4_t u = vabdq_f32(one, vfmaq_f32(s, vmulq_f32(s, s), p));
  const uint32x4_t scaled = vsqaddq_u32(vreinterpretq_u32_f32(u), vcvtq_n_s32_f32(q, 23));
  return vaddq_f32(one, vreinterpretq_f32_u32(scaled));
}

ALWAYS_INLINE float32x4_t silu(float32x4_t x) {
  const float32x4_t c = floor88(x);
  return vdivq_f32(c, one_plus_exp_minus(c));
}

ALWAYS_INLINE float32x4_t sigmoid(float32x4_t x) {
  return vdivq_f32(vdupq_n_f32(1.0f), one_plus_exp_minus(floor88(x)));
}

/* The next two vectors, side by side. */
ALWAYS_INLINE void map_pair(float32x4_t (*act)(float32x4_t), const float **x, float **y) {
  float32x4_t a, b;
  load_next2(x, &a, &b);
  a = act(a), b = act(b);
  keep_order(&a), keep_order(&b);
  store_next2(y, a, b);
}

/* Like map(), but two pairs each time around. */
ALWAYS_INLINE void map4(float32x4_t (*act)(float32x4_t), size_t n, const float *x, float *y) {
  NO_UNROLL
  for (size_t left = n / (4 * LANES); left > 0; left--) map_pair(act, &x, &y), map_pair(act, &x, &y);
  map(act, n % (4 * LANES), x, y);
}

void mbconv_none_neon(size_t n, const void *x, void *y) { map4(none, n, x, y); }

void mbconv_relu_neon(size_t n, const void *x, void *y) { map4(relu, n, x, y); }

void mbconv_relu6_neon(size_t n, const void *x, void *y) { map4(relu6, n, x, y); }

void mbconv_hard_sigmoid_neon(size_t n, const void *x, void *y) { map4(hard_sigmoid, n, x, y); }

void mbconv_hard_swish_neon(size_t n, const void *x, void *y) { map4(hard_swish, n, x, y); }

void mbconv_silu_neon(size_t n, const void *x, void *y) { map4(silu, n, x, y); }

void mbconv_sigmoid_neon(size_t n, const void *x, void *y) { map4(sigmoid, n, x, y); }
