/* SPDX-License-Identifier: MIT
 *
 * GELU, PReLU and the addition of an image on NEON. more_scalar.c explains GELU's steps.
 *
 * The code is kept short, one vector at a time: it is for blocks with a GELU, not for MBConv. Constants are loaded
 * where they are needed, most of them into the register that an FMLA then overwrites, which would take a copy
 * otherwise. A vector of GELU takes 53 instructions that compute and 26 loads. (Not timed: no ARM64 core was at hand.)
 */
#include <stdbool.h>

#include "kernels.h"
#include "vec_neon.h"

struct constants {
  float32x4_t shifter, log2_e, ln2_high, ln2_low;
  float32x4_t p0, p1, p2, p3, p4, minus_half;
  float32x4_t d0, d1, d2, d3, d4;
  float32x4_t n0, n1, n2, n3, n4;
  float32x4_t one, two, minus_zero, most;
  float32x4_t least_c, cube, linear, most_t;
};

#define ALL(x) \
  { x, x, x, x }
/* The pointer is hidden from compilers: they would load all constants before the loop, and clang would spill seven. */
ALWAYS_INLINE const struct constants *constants(void) {
  static const struct constants table = {
      .shifter = ALL(0x1.8p23f),
      .log2_e = ALL(-0.721347520444481703679962340f),
      .ln2_high = ALL(1.38629150390625f),
      .ln2_low = ALL(2.85721353066037409e-06f),
      .p0 = ALL(0.12499979883432388f),
      .p1 = ALL(-0.020833151414990425f),
      .p2 = ALL(0.0026055537164211273f),
      .p3 = ALL(-0.00026151997735723853f),
      .p4 = ALL(1.9642740880954079e-05f),
      .minus_half = ALL(-0.5f),
      .d0 = ALL(1.375f),
      .d1 = ALL(1.2047784328460693f),
      .d2 = ALL(0.50345569849014282f),
      .d3 = ALL(0.11157918721437454f),
      .d4 = ALL(0.011291068978607655f),
      .n0 = ALL(-0.555816650390625f),
      .n1 = ALL(-0.111314557492733f),
      .n2 = ALL(0.059796646237373352f),
      .n3 = ALL(0.033964719623327255f),
      .n4 = ALL(0.0057200486771762371f),
      .one = ALL(1.0f),
      .two = ALL(2.0f),
      .minus_zero = ALL(-0.0f),
      .most = ALL(14.5f),
      .least_c = ALL(-10.0625f),
      .cube = ALL(0.142709631f),
      .linear = ALL(3.19153824f),
      .most_t = ALL(174.0f),
  };
  const struct constants *k = &table;
  __asm__ volatile("" : "+r"(k));
  return k;
}
#undef ALL

/* A step of Horner's rule. */
ALWAYS_INLINE float32x4_t step(float32x4_t p, float32x4_t s, float32x4_t constant) { return vfmaq_f32(constant, p, s); }

/* s and 1.5 * 2^23 + q, where t + low = s - q 2 ln 2. */
ALWAYS_INLINE float32x4_t reduce(const struct constants *k, float32x4_t t, float32x4_t low, float32x4_t *shifted) {
  const float32x4_t shifter = k->shifter;
  *shifted = vfmaq_f32(shifter, t, k->log2_e);
  const float32x4_t q = vsubq_f32(*shifted, shifter);
  return vaddq_f32(vfmaq_f32(t, q, k->ln2_high), vfmaq_f32(low, q, k->ln2_low));
}

/* e^(-s/2) - 1 */
ALWAYS_INLINE float32x4_t raise(const struct constants *k, float32x4_t s) {
  float32x4_t p = k->p4;
  p = step(p, s, k->p3);
  p = step(p, s, k->p2);
  p = step(p, s, k->p1);
  p = step(p, s, k->p0);
  return vfmaq_f32(vmulq_f32(s, k->minus_half), vmulq_f32(s, s), p);
}

/* (1 + v) R(a) = r + *c */
ALWAYS_INLINE float32x4_t ratio(const struct constants *k, float32x4_t a, float32x4_t v, float32x4_t *c) {
  const float32x4_t one = k->one, two = k->two;
  float32x4_t d = k->d4, m = k->n4;
  d = step(d, a, k->d3);
  d = step(d, a, k->d2);
  d = step(d, a, k->d1);
  d = step(d, a, k->d0);
  m = step(m, a, k->n3);
  m = step(m, a, k->n2);
  m = step(m, a, k->n1);
  m = step(m, a, k->n0);
  const float32x4_t b = vfmaq_f32(two, two, a), lost = vfmaq_f32(vsubq_f32(two, b), two, a);
  m = vfmaq_f32(vmulq_f32(lost, d), m, a);
  const float32x4_t reciprocal = vdivq_f32(one, vfmaq_f32(m, b, d));
  const float32x4_t r = vmulq_f32(d, reciprocal);
  const float32x4_t rest = vfmaq_f32(vnegq_f32(vmulq_f32(r, m)), d, vfmsq_f32(one, r, b)); /* D - r (b D + m) */
  *c = vfmaq_f32(vmulq_f32(rest, reciprocal), r, v);
  return r;
}

/* x 2^n by adding n, the low bits of `shifted`, to its exponent. */
ALWAYS_INLINE float32x4_t scaled(float32x4_t x, uint32x4_t shifted) {
  return vreinterpretq_f32_u32(vaddq_u32(vreinterpretq_u32_f32(x), vshlq_n_u32(shifted, 23)));
}

ALWAYS_INLINE float32x4_t gelu(float32x4_t x) {
  const struct constants *k = constants();
  const float32x4_t a = vminq_f32(vabsq_f32(x), k->most);
  const float32x4_t t = vmulq_f32(a, a);
  float32x4_t shifted;
  const float32x4_t s = reduce(k, t, vfmaq_f32(vnegq_f32(t), a, a), &shifted);
  float32x4_t c;
  const float32x4_t r = ratio(k, a, raise(k, s), &c);
  const uint32x4_t q = vreinterpretq_u32_f32(shifted), half = vshrq_n_u32(q, 1);
  const float32x4_t part = scaled(a, vsubq_u32(q, half));
  const float32x4_t rest = vfmsq_f32(vmaxq_f32(x, k->minus_zero), part, scaled(c, half));
  return vfmsq_f32(rest, part, scaled(r, half));
}

ALWAYS_INLINE float32x4_t gelu_tanh(float32x4_t x) {
  const struct constants *k = constants();
  const float32x4_t one = k->one, c = vmaxq_f32(x, k->least_c);
  const float32x4_t t = vmulq_f32(c, step(vmulq_f32(c, c), k->cube, k->linear));
  float32x4_t shifted;
  const float32x4_t s = reduce(k, vminq_f32(t, k->most_t), vdupq_n_f32(0.0f), &shifted);
  const float32x4_t power = scaled(one, vreinterpretq_u32_f32(shifted)); /* 2^q; infinite for q = 128 */
  return vdivq_f32(c, vfmaq_f32(one, vaddq_f32(one, raise(k, s)), power));
}

static void gelu_neon(size_t n, const void *x, void *y) { map(gelu, n, x, y); }

static void gelu_tanh_neon(size_t n, const void *x, void *y) { map(gelu_tanh, n, x, y); }

ALWAYS_INLINE float32x4_t prelu(float32x4_t x, float32x4_t slope) {
  return vbslq_f32(vcltzq_f32(x), vmulq_f32(slope, x), x);
}

static void prelu_neon(size_t pixels, size_t channels, const void *x_, size_t x_stride, const void *slope_, void *y_,
                       size_t y_stride) {
  const float *x = x_, *slope = slope_;
  float *y = y_;
  const size_t rest = channels % LANES, whole = channels - rest;
  const float32x4_t last = load_partial(slope + whole, rest);
  for (size_t p = 0; p < pixels; p++, x += x_stride, y += y_stride) {
    for (size_t c = 0; c < whole; c += LANES) vst1q_f32(y + c, prelu(vld1q_f32(x + c), vld1q_f32(slope + c)));
    if (rest) store_partial(y + whole, prelu(load_partial(x + whole, rest), last), rest);
  }
}

static void add_neon(size_t pixels, size_t channels, const void *x_, size_t x_stride, void *y_, size_t y_stride) {
  const float *x = x_;
  float *y = y_;
  const size_t rest = channels % LANES, whole = channels - rest;
  for (size_t p = 0; p < pixels; p++, x += x_stride, y += y_stride) {
    for (size_t c = 0; c < whole; c += LANES) vst1q_f32(y + c, vaddq_f32(vld1q_f32(y + c), vld1q_f32(x + c)));
    if (rest) store_partial(y + whole, vaddq_f32(load_partial(y + whole, rest), load_partial(x + whole, rest)), rest);
  }
}

const struct mbconv_more_kernels mbconv_more_neon = {
    .gelu = gelu_neon, .gelu_tanh = gelu_tanh_neon, .prelu = prelu_neon, .add = add_neon};
