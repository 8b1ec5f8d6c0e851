/* SPDX-License-Identifier: MIT
 *
 * GELU, PReLU and the addition of an image on NEON. more_scalar.c explains GELU's steps.
 */
#include <stdbool.h>

#include "kernels.h"
#include "vec_neon.h"

/* a step of Horner's rule */
ALWAYS_INLINE float32x4_t step(float32x4_t p, float32x4_t s, float constant) {
  return vfmaq_f32(vdupq_n_f32(constant), p, s);
}

/* s and 1.5 * 2^23 + q, where t + low = s - q 2 ln 2. */
ALWAYS_INLINE float32x4_t reduce(float32x4_t t, float32x4_t low, float32x4_t *shifted) {
  const float32x4_t shifter = vdupq_n_f32(0x1.8p23f);
  *shifted = vfmaq_n_f32(shifter, t, -0.721347520444481703679962340f);
  const float32x4_t q = vsubq_f32(*shifted, shifter);
  return vaddq_f32(vfmaq_n_f32(t, q, 1.38629150390625f), vfmaq_n_f32(low, q, 2.85721353066037409e-06f));
}

/* e^(-s/2) - 1 */
ALWAYS_INLINE float32x4_t raise(float32x4_t s) {
  float32x4_t p = vdupq_n_f32(1.9642740880954079e-05f);
  p = step(p, s, -0.00026151997735723853f);
  p = step(p, s, 0.0026055537164211273f);
  p = step(p, s, -0.020833151414990425f);
  p = step(p, s, 0.12499979883432388f);
  return vfmaq_f32(vmulq_n_f32(s, -0.5f), vmulq_f32(s, s), p);
}

/* (1 + v) R(a) = r + *c */
ALWAYS_INLINE float32x4_t ratio(float32x4_t a, float32x4_t v, float32x4_t *c) {
  const float32x4_t one = vdupq_n_f32(1.0f), two = vdupq_n_f32(2.0f);
  float32x4_t d = vdupq_n_f32(0.011291068978607655f), m = vdupq_n_f32(0.0057200486771762371f);
  d = step(d, a, 0.11157918721437454f);
  d = step(d, a, 0.50345569849014282f);
  d = step(d, a, 1.2047784328460693f);
  d = step(d, a, 1.375f);
  m = step(m, a, 0.033964719623327255f);
  m = step(m, a, 0.059796646237373352f);
  m = step(m, a, -0.111314557492733f);
  m = step(m, a, -0.555816650390625f);
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
  const float32x4_t a = vminq_f32(vabsq_f32(x), vdupq_n_f32(14.5f));
  const float32x4_t t = vmulq_f32(a, a);
  float32x4_t shifted;
  const float32x4_t s = reduce(t, vfmaq_f32(vnegq_f32(t), a, a), &shifted);
  float32x4_t c;
  const float32x4_t r = ratio(a, raise(s), &c);
  const uint32x4_t q = vreinterpretq_u32_f32(shifted), half = vshrq_n_u32(q, 1);
  const float32x4_t part = scaled(a, vsubq_u32(q, half));
  const float32x4_t rest = vfmsq_f32(vmaxq_f32(x, vdupq_n_f32(-0.0f)), part, scaled(c, half));
  return vfmsq_f32(rest, part, scaled(r, half));
}

ALWAYS_INLINE float32x4_t gelu_tanh(float32x4_t x) {
  const float32x4_t one = vdupq_n_f32(1.0f), c = vmaxq_f32(x, vdupq_n_f32(-10.0625f));
  const float32x4_t t = vmulq_f32(c, step(vmulq_f32(c, c), vdupq_n_f32(0.142709631f), 3.19153824f));
  float32x4_t shifted;
  const float32x4_t s = reduce(vminq_f32(t, vdupq_n_f32(174.0f)), vdupq_n_f32(0.0f), &shifted);
  const float32x4_t power = scaled(one, vreinterpretq_u32_f32(shifted)); /* 2^q; infinite for q = 128 */
  return vdivq_f32(c, vfmaq_f32(one, vaddq_f32(one, raise(s)), power));
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
