/* SPDX-License-Identifier: MIT
 *
 * What the scalar kernels share: the clamp and the activations on one float. This is the reference for every other set.
 *
 * Every fused multiply-add is an fmaf(), right on any CPU (on one without FMA, libm computes it). Comparisons are
 * written so that a NaN fails them and passes through.
 */
#ifndef MBCONV_VEC_SCALAR_H
#define MBCONV_VEC_SCALAR_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float clamp(float x, float lo, float hi) {
  if (x < lo) return lo;
  if (x > hi) return hi;
  return x;
}

static inline float relu6(float x) { return clamp(x, 0.0f, 6.0f); }

static inline float hard_sigmoid(float x) { return relu6(x + 3.0f) / 6.0f; }

static inline float hard_swish(float x) { return x * relu6(x + 3.0f) / 6.0f; }

/* The exponential is e^-c with c = max(x, -88): it does not overflow, and silu(-inf) is -88 e^-88, not NaN. */
static inline float floor88(float x) { return x < -88.0f ? -88.0f : x; }

static inline float float_from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static inline uint32_t bits_from_float(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* e^d = u * power, for -87 <= d <= 88: the same operations as in SLEEF 3.5.1's expf of 1.0 ULP, so the same bits. */
struct exponential {
  float u, power;
};

static inline struct exponential exponential(float d) {
  /* d = q ln 2 + s with |s| <= ln(2) / 2. Adding 1.5 * 2^23 rounds to an integer, half to even, and leaves q in the low
   * bits of the sum; ln 2 is subtracted in two parts. */
  const float shifter = 0x1.8p23f;
  const float shifted = d * 1.442695040888963407359924681001892137426645954152985934135449406931f + shifter;
  const float q = shifted - shifter;
  float s = fmaf(q, -0.693145751953125f, d);
  s = fmaf(q, -1.428606765330187045e-06f, s);
  /* e^s = 1 + (s + s^2 p(s)) */
  float p = 0.000198527617612853646278381f;
  p = fmaf(p, s, 0.00139304355252534151077271f);
  p = fmaf(p, s, 0.00833336077630519866943359f);
  p = fmaf(p, s, 0.0416664853692054748535156f);
  p = fmaf(p, s, 0.166666671633720397949219f);
  p = fmaf(p, s, 0.5f);
  const struct exponential result = {
      .u = 1.0f + fmaf(s * s, p, s),
      .power = float_from_bits((bits_from_float(shifted) << 23) + 0x3f800000u), /* 2^q, -126 <= q <= 127 */
  };
  return result;
}

/* 1 + e^-c for c >= -88. Scaling by a power of 2 is exact, so the FMA rounds once, as 1 + expf(-c) does. Below -87,
 * where 2^q would leave the normal range, e^-87 is as good as any: it vanishes against 1. */
static inline float one_plus_exp_minus(float c) {
  const struct exponential e = exponential(-c < -87.0f ? -87.0f : -c);
  return fmaf(e.u, e.power, 1.0f);
}

static inline float silu(float x) {
  const float c = floor88(x);
  return c / one_plus_exp_minus(c);
}

static inline float sigmoid(float x) { return 1.0f / one_plus_exp_minus(floor88(x)); }

#endif
