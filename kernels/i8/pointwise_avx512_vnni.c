/* SPDX-License-Identifier: MIT
 *
 * Int8 pointwise on AVX-512 with VNNI: pointwise_avx512.h says what the tiles are.
 *
 * vpdpbusd adds 4 products of u8 and s8 to each of 16 sums, without saturating. A step of 7x64 is
 *
 *     registers                        operations
 *     sums     28                      dot products          28   (2 a cycle: 14 cycles)
 *     weights   2                      loads of weights       4   (2 a cycle)
 *     pixel     1 (broadcast)          loads of pixels       14
 *
 * With one vector of weights at a time, each dot product would load its pixel, which Intel's two load ports cannot keep
 * up with.
 */
enum { STEP_BYTES = 64 };

#include "pointwise_avx512.h"
#include "set_avx512_vnni.h"

ALWAYS_INLINE void dot1(const uint8_t *x, __m512i w, __m512i *a) { *a = _mm512_dpbusd_epi32(*a, broadcast(x), w); }

ALWAYS_INLINE void dot2(const uint8_t *x, __m512i v, __m512i w, __m512i *a, __m512i *b) {
  __m512i pixel = broadcast(x);
  keep(&pixel);
  *a = _mm512_dpbusd_epi32(*a, pixel, v);
  *b = _mm512_dpbusd_epi32(*b, pixel, w);
}

ALWAYS_INLINE void step1(const size_t rows, const uint8_t *x, struct distances d, __m512i w, struct sums *a) {
  if (rows > 0) dot1(x, w, &a->p0);
  if (rows > 1) dot1(x + d.d1, w, &a->p1);
  if (rows > 2) dot1(x + d.d2, w, &a->p2);
  if (rows > 3) dot1(x + d.d3, w, &a->p3);
  if (rows > 4) dot1(x + d.d4, w, &a->p4);
  if (rows > 5) dot1(x + d.d5, w, &a->p5);
  if (rows > 6) dot1(x + d.d6, w, &a->p6);
}

ALWAYS_INLINE void step2(const size_t rows, const uint8_t *x, struct distances d, const char *weights, struct sums *a,
                         struct sums *b) {
  __m512i v = _mm512_load_si512(weights), w = _mm512_load_si512(weights + VECTOR_BYTES);
  keep(&v), keep(&w);
  if (rows > 0) dot2(x, v, w, &a->p0, &b->p0);
  if (rows > 1) dot2(x + d.d1, v, w, &a->p1, &b->p1);
  if (rows > 2) dot2(x + d.d2, v, w, &a->p2, &b->p2);
  if (rows > 3) dot2(x + d.d3, v, w, &a->p3, &b->p3);
  if (rows > 4) dot2(x + d.d4, v, w, &a->p4, &b->p4);
  if (rows > 5) dot2(x + d.d5, v, w, &a->p5, &b->p5);
  if (rows > 6) dot2(x + d.d6, v, w, &a->p6, &b->p6);
}

ALWAYS_INLINE void step(const size_t vectors, const size_t groups, const size_t rows, struct places x,
                        struct distances d, const char *weights, struct tile *t) {
  if (vectors == 1) {
    __m512i w = _mm512_load_si512(weights);
    keep(&w);
    step1(rows, x.a, d, w, &t->a);
    if (groups > 1) step1(rows, x.b, d, w, &t->b);
    if (groups > 2) step1(rows, x.c, d, w, &t->c);
    if (groups > 3) step1(rows, x.d, d, w, &t->d);
    return;
  }
  step2(rows, x.a, d, weights, &t->a, &t->b);
  if (vectors == 2 && groups > 1) step2(rows, x.c, d, weights, &t->c, &t->d);
  if (vectors == 3) {
    __m512i w = _mm512_load_si512(weights + 2 * VECTOR_BYTES);
    keep(&w);
    step1(rows, x.c, d, w, &t->c);
  }
  if (vectors == 4) step2(rows, x.c, d, weights + 2 * VECTOR_BYTES, &t->c, &t->d);
}

void mbconv_i8_pointwise_avx512_vnni_7x64(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                          const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(4, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_avx512_vnni_7x48(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                          const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(3, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_avx512_vnni_14x32(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                           const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(2, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_avx512_vnni_28x16(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                           const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(1, panel, pixels, tiles, x, y, offset);
}
