/* SPDX-License-Identifier: MIT
 *
 * GELU, PReLU and the addition of an image on AVX2. more_scalar.c explains GELU's steps.
 *
 * Cycles per vector on Sapphire Rapids (of its clock counter, on a busy virtual machine), gcc 12 / clang 14:
 *
 *     GELU                17.1 / 17.1    52 instructions that compute, one of them a division
 *     GELU by tanh         9.2 / 9.3
 *     SiLU beside them     6.6 / 6.6    activation_avx2.c
 *
 * 28 constants are too many for 16 registers, and most are operands in memory.
 */
#include "kernels.h"
#include "vec_avx2.h"

struct constants {
  __m256 log2_e, ln2_high, ln2_low;
  __m256 p0, p1, p2, p3, p4, minus_half;
  __m256 d0, d1, d2, d3, d4;
  __m256 n0, n1, n2, n3, n4;
  __m256 most;
  __m256 least_c, cube, linear, most_t;
};

#define ALL(x) \
  { x, x, x, x, x, x, x, x }
/* The pointer is hidden from compilers: they would load all constants before the loop, and clang would spill 19. */
ALWAYS_INLINE const struct constants *constants(void) {
  static const struct constants table = {
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

/* s and 1.5 * 2^23 + q, where t + low = s - q 2 ln 2. */
ALWAYS_INLINE __m256 reduce(const struct constants *k, __m256 t, __m256 low, __m256 *shifted) {
  const __m256 shifter = _mm256_set1_ps(0x1.8p23f);
  *shifted = _mm256_fmadd_ps(t, k->log2_e, shifter);
  const __m256 q = _mm256_sub_ps(*shifted, shifter);
  const __m256 s = _mm256_fmadd_ps(q, k->ln2_high, t);
  return _mm256_add_ps(s, _mm256_fmadd_ps(q, k->ln2_low, low));
}

/* e^(-s/2) - 1 */
ALWAYS_INLINE __m256 raise(const struct constants *k, __m256 s) {
  __m256 p = k->p4;
  p = _mm256_fmadd_ps(p, s, k->p3);
  p = _mm256_fmadd_ps(p, s, k->p2);
  p = _mm256_fmadd_ps(p, s, k->p1);
  p = _mm256_fmadd_ps(p, s, k->p0);
  return _mm256_fmadd_ps(_mm256_mul_ps(s, s), p, _mm256_mul_ps(s, k->minus_half));
}

/* (1 + v) R(a) = r + *c */
ALWAYS_INLINE __m256 ratio(const struct constants *k, __m256 a, __m256 v, __m256 *c) {
  const __m256 one = _mm256_set1_ps(1.0f), two = _mm256_set1_ps(2.0f);
  __m256 d = k->d4, m = k->n4;
  d = _mm256_fmadd_ps(d, a, k->d3);
  d = _mm256_fmadd_ps(d, a, k->d2);
  d = _mm256_fmadd_ps(d, a, k->d1);
  d = _mm256_fmadd_ps(d, a, k->d0);
  m = _mm256_fmadd_ps(m, a, k->n3);
  m = _mm256_fmadd_ps(m, a, k->n2);
  m = _mm256_fmadd_ps(m, a, k->n1);
  m = _mm256_fmadd_ps(m, a, k->n0);
  const __m256 b = _mm256_fmadd_ps(two, a, two), lost = _mm256_fmadd_ps(two, a, _mm256_sub_ps(two, b));
  m = _mm256_fmadd_ps(m, a, _mm256_mul_ps(lost, d));
  const __m256 reciprocal = _mm256_div_ps(one, _mm256_fmadd_ps(b, d, m));
  const __m256 r = _mm256_mul_ps(d, reciprocal);
  const __m256 rest = _mm256_fmsub_ps(d, _mm256_fnmadd_ps(r, b, one), _mm256_mul_ps(r, m)); /* D - r (b D + m) */
  *c = _mm256_fmadd_ps(r, v, _mm256_mul_ps(rest, reciprocal));
  return r;
}

/* x 2^n by adding n, the low bits of `shifted`, to its exponent. */
ALWAYS_INLINE __m256 scaled(__m256 x, __m256i shifted) {
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), _mm256_slli_epi32(shifted, 23)));
}

ALWAYS_INLINE __m256 gelu(__m256 x) {
  const struct constants *k = constants();
  const __m256 minus_zero = _mm256_set1_ps(-0.0f);
  const __m256 a = _mm256_min_ps(k->most, _mm256_andnot_ps(minus_zero, x));
  const __m256 t = _mm256_mul_ps(a, a);
  __m256 shifted;
  const __m256 s = reduce(k, t, _mm256_fmsub_ps(a, a, t), &shifted);
  __m256 c;
  const __m256 r = ratio(k, a, raise(k, s), &c);
  const __m256i q = _mm256_castps_si256(shifted), half = _mm256_srli_epi32(q, 1);
  const __m256 part = scaled(a, _mm256_sub_epi32(q, half));
  const __m256 rest = _mm256_fnmadd_ps(part, scaled(c, half), _mm256_max_ps(minus_zero, x));
  return _mm256_fnmadd_ps(part, scaled(r, half), rest);
}

ALWAYS_INLINE __m256 gelu_tanh(__m256 x) {
  const struct constants *k = constants();
  const __m256 one = _mm256_set1_ps(1.0f), c = _mm256_max_ps(k->least_c, x);
  const __m256 t = _mm256_mul_ps(c, _mm256_fmadd_ps(_mm256_mul_ps(c, c), k->cube, k->linear));
  __m256 shifted;
  const __m256 s = reduce(k, _mm256_min_ps(k->most_t, t), _mm256_setzero_ps(), &shifted);
  const __m256 power = scaled(one, _mm256_castps_si256(shifted)); /* 2^q; infinite for q = 128 */
  return _mm256_div_ps(c, _mm256_fmadd_ps(_mm256_add_ps(one, raise(k, s)), power, one));
}

static void gelu_avx2(size_t n, const void *x, void *y) { map(gelu, n, x, y); }

static void gelu_tanh_avx2(size_t n, const void *x, void *y) { map(gelu_tanh, n, x, y); }

ALWAYS_INLINE __m256 prelu(__m256 x, __m256 slope) {
  return _mm256_blendv_ps(x, _mm256_mul_ps(slope, x), _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LT_OQ));
}

static void prelu_avx2(size_t pixels, size_t channels, const void *x_, size_t x_stride, const void *slope_, void *y_,
                       size_t y_stride) {
  const float *x = x_, *slope = slope_;
  float *y = y_;
  const size_t rest = channels % LANES, whole = channels - rest;
  const __m256 last = load_partial(slope + whole, rest);
  for (size_t p = 0; p < pixels; p++, x += x_stride, y += y_stride) {
    for (size_t c = 0; c < whole; c += LANES)
      _mm256_storeu_ps(y + c, prelu(_mm256_loadu_ps(x + c), _mm256_loadu_ps(slope + c)));
    if (rest) store_partial(y + whole, prelu(load_partial(x + whole, rest), last), rest);
  }
}

static void add_avx2(size_t pixels, size_t channels, const void *x_, size_t x_stride, void *y_, size_t y_stride) {
  const float *x = x_;
  float *y = y_;
  const size_t rest = channels % LANES, whole = channels - rest;
  for (size_t p = 0; p < pixels; p++, x += x_stride, y += y_stride) {
    for (size_t c = 0; c < whole; c += LANES)
      _mm256_storeu_ps(y + c, _mm256_add_ps(_mm256_loadu_ps(y + c), _mm256_loadu_ps(x + c)));
    if (rest)
      store_partial(y + whole, _mm256_add_ps(load_partial(y + whole, rest), load_partial(x + whole, rest)), rest);
  }
}

const struct mbconv_more_kernels mbconv_more_avx2 = {
    .gelu = gelu_avx2, .gelu_tanh = gelu_tanh_avx2, .prelu = prelu_avx2, .add = add_avx2};
