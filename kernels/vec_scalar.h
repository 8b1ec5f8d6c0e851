/* SPDX-License-Identifier: MIT
 *
 * What the scalar kernels share: the clamp and the activations, one float or some side by side. This is the reference
 * for every other set.
 *
 * Every fused multiply-add is fma.h's, right on any CPU with any C library. Comparisons are written so that a NaN fails
 * them and passes through.
 */
#ifndef MBCONV_VEC_SCALAR_H
#define MBCONV_VEC_SCALAR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fma.h"

/* How many chains run side by side: that hides the latency of a step, be it an instruction or made of doubles.
 * Functions that take a count of chains, of SIDE at most, are called with constants, so that their loops unroll. */
enum { SIDE = 4 };

/* A step of Horner's rule. */
static inline void horner(const size_t n, float *p, const float *s, float constant) {
  for (size_t i = 0; i < n; i++) p[i] = fma_f32(p[i], s[i], constant);
}

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

/* e^d = u * power, for -87 <= d <= 88. */
struct exponentials {
  float u[SIDE], power[SIDE];
};

/* e^d of n numbers d: the same operations as in SLEEF 3.5.1's expf of 1.0 ULP, so the same bits. */
static inline struct exponentials exponentials(const size_t n, const float *d) {
  /* d = q ln 2 + s with |s| <= ln(2) / 2. Adding 1.5 * 2^23 rounds to an integer, half to even, and leaves q in the low
   * bits of the sum; ln 2 is subtracted in two parts. */
  const float shifter = 0x1.8p23f;
  float shifted[SIDE], s[SIDE], p[SIDE];
  for (size_t i = 0; i < n; i++) {
    shifted[i] = d[i] * 1.442695040888963407359924681001892137426645954152985934135449406931f + shifter;
    const float q = shifted[i] - shifter;
    s[i] = fma_f32(q, -1.428606765330187045e-06f, fma_f32(q, -0.693145751953125f, d[i]));
  }
  /* e^s = 1 + (s + s^2 p(s)) */
  for (size_t i = 0; i < n; i++) p[i] = 0.000198527617612853646278381f;
  horner(n, p, s, 0.00139304355252534151077271f);
  horner(n, p, s, 0.00833336077630519866943359f);
  horner(n, p, s, 0.0416664853692054748535156f);
  horner(n, p, s, 0.166666671633720397949219f);
  horner(n, p, s, 0.5f);
  struct exponentials e;
  for (size_t i = 0; i < n; i++) {
    e.u[i] = 1.0f + fma_f32(s[i] * s[i], p[i], s[i]);
    e.power[i] = float_from_bits((bits_from_float(shifted[i]) << 23) + 0x3f800000u); /* 2^q, -126 <= q <= 127 */
  }
  return e;
}

/* y = 1 + e^-c for c >= -88. Scaling by a power of 2 is exact, so the FMA rounds once, as 1 + expf(-c) does. Below -87,
 * where 2^q would leave the normal range, e^-87 is as good as any: it vanishes against 1. */
static inline void one_plus_exp_minus(const size_t n, const float *c, float *y) {
  float d[SIDE];
  for (size_t i = 0; i < n; i++) d[i] = -c[i] < -87.0f ? -87.0f : -c[i];
  const struct exponentials e = exponentials(n, d);
  for (size_t i = 0; i < n; i++) y[i] = fma_f32(e.u[i], e.power[i], 1.0f);
}

#endif
