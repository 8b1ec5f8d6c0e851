/* SPDX-License-Identifier: MIT
 *
 * GELU, PReLU and the addition of an image in plain C; the reference for all other sets.
 *
 * GELU is x Phi(x) = max(x, 0) - a Phi(-a) with a = |x|, which nothing cancels: Phi(-a), at most a half, is the tail of
 * the normal distribution itself, not 1 + erf.
 *
 *     Phi(-a) = e^(-t/2) R(a), t = a a      R(a) = D(a) / (2 a D(a) + N(a)), with polynomials of degree 4 and 5
 *
 * In R the rounding errors of D and N count little where a is large. e^(-t/2) is 2^q (1 + s P(s)), where
 * t = s - q 2 ln 2 and |s| <= ln 2. t is up to 210, and its own rounding error would be too much: an FMA gives it, and
 * it is added to s. 2^q may be less than any float; half of it is a factor of a, half of R, and the last FMA rounds
 * once, whether or not the result is denormal. From 14.5 on Phi(-a) is so small that a may be 14.5.
 *
 * GELU by tanh, x / (1 + e^-2u) with 2u = 2 sqrt(2 / pi) (x + 0.044715 x^3), has the same exponential, for t = 4u.
 * Below -10.04 it is infinite, and the result -0.
 *
 * gelu.py makes the coefficients.
 */
#include "kernels.h"
#include "vec_scalar.h"

/* t = s - q 2 ln 2, and 1.5 * 2^23 + q, for numbers t whose error is -low. */
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
  for (size_t i = 0; i < n; i++) v[i] = 2.162334931199439e-05f;
  horner(n, v, s, -0.0002615372941363603f);
  horner(n, v, s, 0.002604256384074688f);
  horner(n, v, s, -0.020833145827054977f);
  horner(n, v, s, 0.1249999850988388f);
  horner(n, v, s, -0.5f);
  for (size_t i = 0; i < n; i++) v[i] *= s[i];
}

/* (1 + v) R(a) = r + c, where r is D / (b D + m) but for rounding errors, and c is small. b and m are 2 + 2 a and a N:
 * `lost` is what b lacks. */
static inline void ratio(const size_t n, const float *a, const float *v, float *r, float *c) {
  float d[SIDE], m[SIDE];
  for (size_t i = 0; i < n; i++) d[i] = 0.013828234747052193f, m[i] = 0.007005294784903526f;
  horner(n, d, a, 0.138545423746109f);
  horner(n, d, a, 0.6307870745658875f);
  horner(n, d, a, 1.5203708410263062f);
  horner(n, d, a, 1.75f);
  horner(n, m, a, 0.04255995899438858f);
  horner(n, m, a, 0.07656686007976532f);
  horner(n, m, a, -0.13641738891601562f);
  horner(n, m, a, -0.7074038982391357f);
  for (size_t i = 0; i < n; i++) {
    const float b = a[i] + a[i] + 2.0f, lost = a[i] + a[i] + (2.0f - b);
    m[i] = fma_f32(m[i], a[i], lost * d[i]);
    const float reciprocal = 1.0f / fma_f32(b, d[i], m[i]);
    r[i] = d[i] * reciprocal;
    const float rest = fma_f32(d[i], fma_f32(-r[i], b, 1.0f), -(r[i] * m[i])); /* D - r (b D + m) */
    c[i] = fma_f32(r[i], v[i], rest * reciprocal);
  }
}

/* x 2^n by adding n to its exponent: n is the low bits of `shifted`; 0 where x is not normal. */
static inline float scaled(float x, uint32_t shifted) { return float_from_bits(bits_from_float(x) + (shifted << 23)); }

static inline void gelu(const size_t n, const float *x, float *y) {
  float a[SIDE], t[SIDE], low[SIDE], s[SIDE], shifted[SIDE], v[SIDE], r[SIDE], c[SIDE];
  for (size_t i = 0; i < n; i++) {
    const float size = x[i] < 0.0f ? -x[i] : x[i];
    a[i] = size > 14.5f ? 14.5f : size;
    t[i] = a[i] * a[i];
    low[i] = fma_f32(a[i], a[i], -t[i]);
  }
  reduce(n, t, low, s, shifted);
  raise(n, s, v);
  ratio(n, a, v, r, c);
  for (size_t i = 0; i < n; i++) {
    const uint32_t q = bits_from_float(shifted[i]), half = q >> 1;
    const float positive = x[i] < 0.0f ? -0.0f : x[i];
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
