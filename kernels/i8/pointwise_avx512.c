/* SPDX-License-Identifier: MIT
 *
 * Int8 pointwise on AVX-512 without VNNI: pointwise_avx512.h says what the tiles are.
 *
 * vpmaddwd adds 2 products of 16 bits, exactly, and an addition adds that to each of 16 sums. Weights are packed as 16
 * bits; of 4 bytes of a pixel, those with even k and those with odd k become pairs of 16 bits. A step of 7x64 is
 *
 *     registers                              operations, of which 2 begin in a cycle
 *     sums       28                          products            56
 *     pixel       1 (broadcast)              additions           56
 *     products    1                          pairs of pixels     14
 *     mask        1
 *
 * which are 28 products a cycle: f32 has 32. Weights are operands in memory: two load ports bring one for each product.
 */
enum { STEP_BYTES = 128 };

#include "pointwise_avx512.h"
#include "set_avx512.h"

/* The asm statements keep the order: compilers would load weights once for all pixels, or compute several products
 * before they add one, and run out of registers. */
ALWAYS_INLINE void add_product(__m512i pairs, const char *weights, __m512i *sum) {
  *sum = _mm512_add_epi32(*sum, _mm512_madd_epi16(pairs, _mm512_load_si512(weights)));
  in_order_i8(sum);
}

ALWAYS_INLINE void add_pairs(const size_t vectors, __m512i pairs, const char *weights, __m512i *a, __m512i *b,
                             __m512i *c, __m512i *d) {
  add_product(pairs, weights, a);
  if (vectors > 1) add_product(pairs, weights + STEP_BYTES, b);
  if (vectors > 2) add_product(pairs, weights + 2 * STEP_BYTES, c);
  if (vectors > 3) add_product(pairs, weights + 3 * STEP_BYTES, d);
}

/* A pixel and all vectors. */
ALWAYS_INLINE void dots(const size_t vectors, const uint8_t *x, const char *weights, __m512i *a, __m512i *b, __m512i *c,
                        __m512i *d) {
  add_pairs(vectors, _mm512_and_si512(broadcast(x), _mm512_set1_epi16(0xff)), weights, a, b, c, d);
  add_pairs(vectors, _mm512_srli_epi16(broadcast(x), 8), weights + VECTOR_BYTES, a, b, c, d);
}

ALWAYS_INLINE void group(const size_t vectors, const size_t rows, const uint8_t *x, struct distances d,
                         const char *weights, struct sums *s, struct sums *t, struct sums *u, struct sums *v) {
  if (rows > 0) dots(vectors, x, weights, &s->p0, &t->p0, &u->p0, &v->p0);
  if (rows > 1) dots(vectors, x + d.d1, weights, &s->p1, &t->p1, &u->p1, &v->p1);
  if (rows > 2) dots(vectors, x + d.d2, weights, &s->p2, &t->p2, &u->p2, &v->p2);
  if (rows > 3) dots(vectors, x + d.d3, weights, &s->p3, &t->p3, &u->p3, &v->p3);
  if (rows > 4) dots(vectors, x + d.d4, weights, &s->p4, &t->p4, &u->p4, &v->p4);
  if (rows > 5) dots(vectors, x + d.d5, weights, &s->p5, &t->p5, &u->p5, &v->p5);
  if (rows > 6) dots(vectors, x + d.d6, weights, &s->p6, &t->p6, &u->p6, &v->p6);
}

ALWAYS_INLINE void step(const size_t vectors, const size_t groups, const size_t rows, struct places x,
                        struct distances d, const char *weights, struct tile *t) {
  if (vectors > 2) {
    group(vectors, rows, x.a, d, weights, &t->a, &t->b, &t->c, &t->d);
  } else if (vectors == 2) {
    group(2, rows, x.a, d, weights, &t->a, &t->b, &t->c, &t->d);
    if (groups > 1) group(2, rows, x.c, d, weights, &t->c, &t->d, &t->a, &t->b);
  } else {
    group(1, rows, x.a, d, weights, &t->a, &t->b, &t->c, &t->d);
    if (groups > 1) group(1, rows, x.b, d, weights, &t->b, &t->a, &t->c, &t->d);
    if (groups > 2) group(1, rows, x.c, d, weights, &t->c, &t->a, &t->b, &t->d);
    if (groups > 3) group(1, rows, x.d, d, weights, &t->d, &t->a, &t->b, &t->c);
  }
}

void mbconv_i8_pointwise_avx512_7x64(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                     const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(4, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_avx512_7x48(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                     const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(3, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_avx512_14x32(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                      const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(2, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_avx512_28x16(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                      const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(1, panel, pixels, tiles, x, y, offset);
}
