/* SPDX-License-Identifier: MIT
 *
 * GELU, PReLU and the addition of an image on AVX-512. more_scalar.c explains GELU's steps.
 *
 * Cycles per vector on Sapphire Rapids (of its clock counter, on a busy virtual machine), gcc 12 / clang 14:
 *
 *     GELU                24.4 / 23.6    52 instructions that compute, one of them a division
 *     GELU by tanh        12.4 / 12.2
 *     SiLU beside them    10.3 / 10.3    activation_avx512.c
 *
 * The coefficients of the polynomials are operands in memory, broadcast by the FMA; other constants are in registers.
 */
#include "kernels.h"
#include "vec_avx512.h"

struct constants {
  float p0, p1, p2, p3, p4;
  float d0, d1, d2, d3, d4;
  float n0, n1, n2, n3, n4;
};

/* The pointer is hidden from compilers: they would load all constants before the loop, and spill one (gcc) or three. */
ALWAYS_INLINE const struct constants *constants(void) {
  static const struct constants table = {
      .p0 = 0.12499979883432388f,
      .p1 = -0.020833151414990425f,
      .p2 = 0.0026055537164211273f,
      .p3 = -0.00026151997735723853f,
      .p4 = 1.9642740880954079e-05f,
      .d0 = 1.375f,
      .d1 = 1.2047784328460693f,
      .d2 = 0.50345569849014282f,
      .d3 = 0.11157918721437454f,
      .d4 = 0.011291068978607655f,
      .n0 = -0.555816650390625f,
      .n1 = -0.111314557492733f,
      .n2 = 0.059796646237373352f,
      .n3 = 0.033964719623327255f,
      .n4 = 0.0057200486771762371f,
  };
  const struct constants *k = &table;
  __asm__ volatile("" : "+r"(k));
  return k;
}

/* s and 1.5 * 2^23 + q, where t + low = s - q 2 ln 2. */
ALWAYS_INLINE __m512 reduce(__m512 t, __m512 low, __m512 *shifted) {
  const __m512 shifter = _mm512_set1_ps(0x1.8p23f);
  *shifted = _mm512_fmadd_ps(t, _mm512_set1_ps(-0.721347520444481703679962340f), shifter);
  const __m512 q = _mm512_sub_ps(*shifted, shifter);
  const __m512 s = _mm512_fmadd_ps(q, _mm512_set1_ps(1.38629150390625f), t);
  return _mm512_add_ps(s, _mm512_fmadd_ps(q, _mm512_set1_ps(2.85721353066037409e-06f), low));
}

/* e^(-s/2) - 1 */
ALWAYS_INLINE __m512 raise(const struct constants *k, __m512 s) {
  __m512 p = _mm512_set1_ps(k->p4);
  p = _mm512_fmadd_ps(p, s, _mm512_set1_ps(k->p3));
  p = _mm512_fmadd_ps(p, s, _mm512_set1_ps(k->p2));
  p = _mm512_fmadd_ps(p, s, _mm512_set1_ps(k->p1));
  p = _mm512_fmadd_ps(p, s, _mm512_set1_ps(k->p0));
  return _mm512_fmadd_ps(_mm512_mul_ps(s, s), p, _mm512_mul_ps(s, _mm512_set1_ps(-0.5f)));
}

/* (1 + v) R(a) = r + *c */
ALWAYS_INLINE __m512 ratio(const struct constants *k, __m512 a, __m512 v, __m512 *c) {
  const __m512 one = _mm512_set1_ps(1.0f), two = _mm512_set1_ps(2.0f);
  __m512 d = _mm512_set1_ps(k->d4), m = _mm512_set1_ps(k->n4);
  d = _mm512_fmadd_ps(d, a, _mm512_set1_ps(k->d3));
  d = _mm512_fmadd_ps(d, a, _mm512_set1_ps(k->d2));
  d = _mm512_fmadd_ps(d, a, _mm512_set1_ps(k->d1));
  d = _mm512_fmadd_ps(d, a, _mm512_set1_ps(k->d0));
  m = _mm512_fmadd_ps(m, a, _mm512_set1_ps(k->n3));
  m = _mm512_fmadd_ps(m, a, _mm512_set1_ps(k->n2));
  m = _mm512_fmadd_ps(m, a, _mm512_set1_ps(k->n1));
  m = _mm512_fmadd_ps(m, a, _mm512_set1_ps(k->n0));
  const __m512 b = _mm512_fmadd_ps(two, a, two), lost = _mm512_fmadd_ps(two, a, _mm512_sub_ps(two, b));
  m = _mm512_fmadd_ps(m, a, _mm512_mul_ps(lost, d));
  const __m512 reciprocal = _mm512_div_ps(one, _mm512_fmadd_ps(b, d, m));
  const __m512 r = _mm512_mul_ps(d, reciprocal);
  const __m512 rest = _mm512_fmsub_ps(d, _mm512_fnmadd_ps(r, b, one), _mm512_mul_ps(r, m)); /* D - r (b D + m) */
  *c = _mm512_fmadd_ps(r, v, _mm512_mul_ps(rest, reciprocal));
  return r;
}

/* x 2^n by adding n, the low bits of `shifted`, to its exponent. */
ALWAYS_INLINE __m512 scaled(__m512 x, __m512i shifted) {
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(x), _mm512_slli_epi32(shifted, 23)));
}

ALWAYS_INLINE __m512 gelu(__m512 x) {
  const struct constants *k = constants();
  const __m512 minus_zero = _mm512_set1_ps(-0.0f);
  const __m512 a = _mm512_min_ps(_mm512_set1_ps(14.5f), _mm512_andnot_ps(minus_zero, x));
  const __m512 t = _mm512_mul_ps(a, a);
  __m512 shifted;
  const __m512 s = reduce(t, _mm512_fmsub_ps(a, a, t), &shifted);
  __m512 c;
  const __m512 r = ratio(k, a, raise(k, s), &c);
  const __m512i q = _mm512_castps_si512(shifted), half = _mm512_srli_epi32(q, 1);
  const __m512 part = scaled(a, _mm512_sub_epi32(q, half));
  const __m512 rest = _mm512_fnmadd_ps(part, scaled(c, half), _mm512_max_ps(minus_zero, x));
  return _mm512_fnmadd_ps(part, scaled(r, half), rest);
}

ALWAYS_INLINE __m512 gelu_tanh(__m512 x) {
  const struct constants *k = constants();
  const __m512 one = _mm512_set1_ps(1.0f), c = _mm512_max_ps(_mm512_set1_ps(-10.0625f), x);
  const __m512 t =
      _mm512_mul_ps(c, _mm512_fmadd_ps(_mm512_mul_ps(c, c), _mm512_set1_ps(0.142709631f), _mm512_set1_ps(3.19153824f)));
  __m512 shifted;
  const __m512 s = reduce(_mm512_min_ps(_mm512_set1_ps(174.0f), t), _mm512_setzero_ps(), &shifted);
  const __m512 power = scaled(one, _mm512_castps_si512(shifted)); /* 2^q; infinite for q = 128 */
  return _mm512_div_ps(c, _mm512_fmadd_ps(_mm512_add_ps(one, raise(k, s)), power, one));
}

static void gelu_avx512(size_t n, const void *x, void *y) { map(gelu, n, x, y); }

static void gelu_tanh_avx512(size_t n, const void *x, void *y) { map(gelu_tanh, n, x, y); }

ALWAYS_INLINE __m512 prelu(__m512 x, __m512 slope) {
  return _mm512_mask_mul_ps(x, _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ), slope, x);
}

static void prelu_avx512(size_t pixels, size_t channels, const void *x_, size_t x_stride, const void *slope_, void *y_,
                         size_t y_stride) {
  const float *x = x_, *slope = slope_;
  float *y = y_;
  const size_t rest = channels % LANES, whole = channels - rest;
  const __mmask16 lanes = first_lanes(rest);
  const __m512 last = _mm512_maskz_loadu_ps(lanes, slope + whole);
  for (size_t p = 0; p < pixels; p++, x += x_stride, y += y_stride) {
    for (size_t c = 0; c < whole; c += LANES)
      _mm512_storeu_ps(y + c, prelu(_mm512_loadu_ps(x + c), _mm512_loadu_ps(slope + c)));
    if (rest) _mm512_mask_storeu_ps(y + whole, lanes, prelu(_mm512_maskz_loadu_ps(lanes, x + whole), last));
  }
}

static void add_avx512(size_t pixels, size_t channels, const void *x_, size_t x_stride, void *y_, size_t y_stride) {
  const float *x = x_;
  float *y = y_;
  const size_t rest = channels % LANES, whole = channels - rest;
  const __mmask16 lanes = first_lanes(rest);
  for (size_t p = 0; p < pixels; p++, x += x_stride, y += y_stride) {
    for (size_t c = 0; c < whole; c += LANES)
      _mm512_storeu_ps(y + c, _mm512_add_ps(_mm512_loadu_ps(y + c), _mm512_loadu_ps(x + c)));
    if (rest) {
      const __m512 last = _mm512_maskz_loadu_ps(lanes, x + whole);
      _mm512_mask_storeu_ps(y + whole, lanes, _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, y + whole), last));
    }
  }
}

const struct mbconv_more_kernels mbconv_more_avx512 = {
    .gelu = gelu_avx512, .gelu_tanh = gelu_tanh_avx512, .prelu = prelu_avx512, .add = add_avx512};
