/* SPDX-License-Identifier: MIT
 *
 * GELU, PReLU and the addition of an image in plain C; the reference for all other sets.
 *
 * GELU is x Phi(x) = max(x, 0) - a Phi(-a) with a = |x|. Phi(-a) is computed as such, at most a half, not as
 * (1 + erf) / 2, which would cancel:
 *
 *     Phi(-a) = e^(-t/2) R(a), t = a a      R(a) = D(a) / (b D(a) + a N(a)), b = 2 + 2 a, D and N of degree 4
 *
 * a N is at most a fifth of the divisor, so the rounding errors of D and N count little. t may be 210, where its own
 * rounding error would be 64 ULP of the result: an FMA gives that error, and it is added to s below.
 * e^(-t/2) = 2^q (1 + v), where t = s - q 2 ln 2 and |s| <= ln 2.
 *
 * Few roundings are left for 2 ULP. r, the quotient, and c, what it lacks for (1 + v) R, are multiplied by a apart, by
 * FMAs to which max(x, 0) is the first addend. 2^q may be less than any float: a takes one half of q as its exponent, r
 * and c take the other, so that a denormal result is rounded once, too. From 14.5 on a Phi(-a) is less than half of the
 * least float, and a may be 14.5. Worst of all floats: 1.77 ULP above 0, 1.998 below, at
 * -2.4976.
 *
 * GELU by tanh, x / (1 + e^-2u) with 2u = 2 sqrt(2 / pi) (x + 0.044715 x^3), has the same exponential, for t = 4u. Each
 * of its operations is rounded once, in the order written. Below -10.04 e^-2u is infinite, and the result -0. The
 * rounding errors of u become relative ones of e^-2u.
 *
 * A simple quotient, (1 + v) D / (2 a D + N), would save a quarter of the time and be off by up to 3.3 ULP. gelu.py
 * makes the coefficients.
 */
#include "kernels.h"
#include "vec_scalar.h"

/* s and 1.5 * 2^23 + q, where t + low = s - q 2 ln 2. */
static inline void reduce(const size_t n, const float *t, const float *low, float *s, float *shifted) {
  for (size_t i = 0; i < n; i++) {
    const float shifter = 0x1.8p23f;
    shifted[i] = fma_f32(t[i], -0.721347520444481703679962340f, shifter);
    const float q = shifted[i] - shifter;
    s[i] = fma_f32(q, 1.38629150390625f, t[i]) + fma_f32(q, 2.85721353066037409e-06f, low[i]);
  }
}

/* v = e^(-s/2) - 1 */
static inline void raise(const size_t n, const float *s, float *v) {
  for (size_t i = 0; i < n; i++) v[i] = 1.9642740880954079e-05f;
  horner(n, v, s, -0.00026151997735723853f);
  horner(n, v, s, 0.0026055537164211273f);
  horner(n, v, s, -0.020833151414990425f);
  horner(n, v, s, 0.12499979883432388f);
  for (size_t i = 0; i < n; i++) v[i] = fma_f32(s[i] * s[i], v[i], -0.5f * s[i]);
}

/* (1 + v) R(a) = r + c. `lost` is what b lacks for 2 + 2 a; m is a N and what that adds to the divisor. */
static inline void ratio(const size_t n, const float *a, const float *v, float *r, float *c) {
  float d[SIDE], m[SIDE];
  for (size_t i = 0; i < n; i++) d[i] = 0.011291068978607655f, m[i] = 0.0057200486771762371f;
  horner(n, d, a, 0.11157918721437454f);
  horner(n, d, a, 0.50345569849014282f);
  horner(n, d, a, 1.2047784328460693f);
  horner(n, d, a, 1.375f);
  horner(n, m, a, 0.033964719623327255f);
  horner(n, m, a, 0.059796646237373352f);
  horner(n, m, a, -0.111314557492733f);
  horner(n, m, a, -0.555816650390625f);
  for (size_t i = 0; i < n; i++) {
    const float b = a[i] + a[i] + 2.0f, lost = a[i] + a[i] + (2.0f - b);
    m[i] = fma_f32(m[i], a[i], lost * d[i]);
    const float reciprocal = 1.0f / fma_f32(b, d[i], m[i]);
    r[i] = d[i] * reciprocal;
    const float rest = fma_f32(d[i], fma_f32(-r[i], b, 1.0f), -(r[i] * m[i])); /* D - r (b D + m) */
    c[i] = fma_f32(r[i], v[i], rest * reciprocal);
  }
}

/* x 2^n by adding n, the low bits of `shifted`, to its exponent. x is normal or n is 0: where q is not 0, a is not
 * small, and c is 0 for no float a, as was tried. */
static inline float scaled(float x, uint32_t shifted) { return float_from_bits(bits_from_float(x) + (shifted << 23)); }

/* x, or -0 if x < 0. By its bits, because clang 14 takes x < 0 ? -0.0f : x for x <= 0 ? -0.0f : x on ARM64. */
static inline float or_minus_zero(float x) { return bits_from_float(x) - 0x80000001u < 0x7f800000u ? -0.0f : x; }

static inline void gelu(const size_t n, const float *x, float *y) {
  float a[SIDE], t[SIDE], low[SIDE], s[SIDE], shifted[SIDE], v[SIDE], r[SIDE], c[SIDE];
  for (size_t i = 0; i < n; i++) {
    const float size = float_from_bits(bits_from_float(x[i]) & 0x7fffffffu);
    a[i] = size > 14.5f ? 14.5f : size;
    t[i] = a[i] * a[i];
    low[i] = fma_f32(a[i], a[i], -t[i]);
  }
  reduce(n, t, low, s, shifted);
  raise(n, s, v);
  ratio(n, a, v, r, c);
  for (size_t i = 0; i < n; i++) {
    const uint32_t q = bits_from_float(shifted[i]), half = q >> 1;
    const float positive = or_minus_zero(x[i]);
    const float part = -scaled(a[i], q - half);
    y[i] = fma_f32(part, scaled(r[i], half), fma_f32(part, scaled(c[i], half), positive));
  }
}

static inline void gelu_tanh(const size_t n, const float *x, float *y) {
  float c[SIDE], t[SIDE], s[SIDE], shifted[SIDE], v[SIDE];
  static const float low[SIDE];
  for (size_t i = 0; i < n; i++) {
    c[i] = x[i] < -10.0625f ? -10.0625f : x[i];
    t[i] = c[i] * fma_f32(c[i] * c[i], 0.142709631f, 3.19153824f);
    if (t[i] > 174.0f) t[i] = 174.0f;
  }
  reduce(n, t, low, s, shifted);
  raise(n, s, v);
  for (size_t i = 0; i < n; i++) {
    const float power = float_from_bits((bits_from_float(shifted[i]) << 23) + 0x3f800000u); /* 2^q; inf for q = 128 */
    y[i] = c[i] / fma_f32(1.0f + v[i], power, 1.0f);
  }
}

static void gelu_scalar(size_t n, const void *x_, void *y_) {
  const float *x = x_;
  float *y = y_;
  size_t i = 0;
  for (; n - i >= SIDE; i += SIDE) gelu(SIDE, x + i, y + i);
  for (; i < n; i++) gelu(1, x + i, y + i);
}

static void gelu_tanh_scalar(size_t n, const void *x_, void *y_) {
  const float *x = x_;
  float *y = y_;
  size_t i = 0;
  for (; n - i >= SIDE; i += SIDE) gelu_tanh(SIDE, x + i, y + i);
  for (; i < n; i++) gelu_tanh(1, x + i, y + i);
}

static void prelu_scalar(size_t pixels, size_t channels, const void *x_, size_t x_stride, const void *slope_, void *y_,
                         size_t y_stride) {
  const float *x = x_, *slope = slope_;
  float *y = y_;
  for (size_t p = 0; p < pixels; p++, x += x_stride, y += y_stride)
    for (size_t c = 0; c < channels; c++) y[c] = x[c] < 0.0f ? slope[c] * x[c] : x[c];
}

static void add_scalar(size_t pixels, size_t channels, const void *x_, size_t x_stride, void *y_, size_t y_stride) {
  const float *x = x_;
  float *y = y_;
  for (size_t p = 0; p < pixels; p++, x += x_stride, y += y_stride)
    for (size_t c = 0; c < channels; c++) y[c] += x[c];
}

const struct mbconv_more_kernels mbconv_more_scalar = {
    .gelu = gelu_scalar, .gelu_tanh = gelu_tanh_scalar, .prelu = prelu_scalar, .add = add_scalar};
