/* SPDX-License-Identifier: MIT
 *
 * Int8 pointwise on NEON with I8MM: pointwise_neon.h says what the tiles are.
 *
 * SMMLA multiplies 8 signed bytes of each of two pixels with 8 of each of two channels, and adds to the
 * four sums. A vector of pixels is loaded in two halves, each from a pointer that moves on by itself.
 *
 *     operations of 8 k     6 x 16     8 x 8
 *     SMMLA                     24        16
 *     loads                     14        12
 *     the loop                   3         3
 *     vectors in registers      29        22
 *
 * While k lasts, vector i of the sums is of the pixels 2 * (i / (2 * vectors)) and the next, and of the channels
 * 2 * (i % (2 * vectors)) and the next: {p0 c0, p0 c1, p1 c0, p1 c1}.
 */
#include <stdint.h>

enum { CHUNK = 8, K_STEP = 8, MOST16 = 6, MOST8 = 8, PIXEL_STEP = 2 };
typedef int8_t weight;

#include "pointwise_neon.h"
#include "set_neon_i8mm.h"

void mbconv_i8_pack_panel_neon_i8mm(void *data, size_t width, size_t lane, size_t k,
                                    const struct mbconv_i8_channel *channel) {
  pack_panel(data, width, lane, k, channel, 128);
}

/* ---- Sums -------------------------------------------------------------------------------------------------------- */

/* The halves of a and b that are of the same pixel, the first or the second of the two. */
ALWAYS_INLINE int32x4_t first(int32x4_t a, int32x4_t b) {
  return vreinterpretq_s32_s64(vzip1q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
}

ALWAYS_INLINE int32x4_t second(int32x4_t a, int32x4_t b) {
  return vreinterpretq_s32_s64(vzip2q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
}

/* The biases of channels 2 * i and 2 * i + 1, for two pixels. */
ALWAYS_INLINE int32x4_t biases(const int32_t *bias, const size_t i) {
  return vreinterpretq_s32_s64(vld1q_dup_s64((const int64_t *)(const void *)(bias + 2 * i)));
}

ALWAYS_INLINE struct tile start_tile(const size_t vectors, const size_t rows, const int32_t *bias) {
  (void)rows;
  const int32x4_t b0 = biases(bias, 0), b1 = biases(bias, 1), b2 = biases(bias, 2), b3 = biases(bias, 3);
  if (vectors == 2) {
    return (struct tile){b0, b1, b2, b3, b0, b1, b2, b3, b0, b1, b2, b3,
                         b0, b1, b2, b3, b0, b1, b2, b3, b0, b1, b2, b3};
  }
  const int32x4_t b4 = biases(bias, 4), b5 = biases(bias, 5), b6 = biases(bias, 6), b7 = biases(bias, 7);
  return (struct tile){b0, b1, b2, b3, b4, b5, b6, b7, b0, b1, b2, b3, b4, b5, b6, b7, b0, b1, b2, b3, b4, b5, b6, b7};
}

ALWAYS_INLINE struct tile in_order(const size_t vectors, const size_t rows, const struct tile *t) {
  (void)rows;
  if (vectors == 2) {
    return (struct tile){first(t->s0, t->s1),
                         first(t->s2, t->s3),
                         second(t->s0, t->s1),
                         second(t->s2, t->s3),
                         first(t->s4, t->s5),
                         first(t->s6, t->s7),
                         second(t->s4, t->s5),
                         second(t->s6, t->s7),
                         first(t->s8, t->s9),
                         first(t->s10, t->s11),
                         second(t->s8, t->s9),
                         second(t->s10, t->s11),
                         first(t->s12, t->s13),
                         first(t->s14, t->s15),
                         second(t->s12, t->s13),
                         second(t->s14, t->s15),
                         t->s16,
                         t->s17,
                         t->s18,
                         t->s19,
                         t->s20,
                         t->s21,
                         t->s22,
                         t->s23};
  }
  return (struct tile){first(t->s0, t->s1),    first(t->s2, t->s3),    first(t->s4, t->s5),    first(t->s6, t->s7),
                       second(t->s0, t->s1),   second(t->s2, t->s3),   second(t->s4, t->s5),   second(t->s6, t->s7),
                       first(t->s8, t->s9),    first(t->s10, t->s11),  first(t->s12, t->s13),  first(t->s14, t->s15),
                       second(t->s8, t->s9),   second(t->s10, t->s11), second(t->s12, t->s13), second(t->s14, t->s15),
                       first(t->s16, t->s17),  first(t->s18, t->s19),  first(t->s20, t->s21),  first(t->s22, t->s23),
                       second(t->s16, t->s17), second(t->s18, t->s19), second(t->s20, t->s21), second(t->s22, t->s23)};
}

/* ---- Chunks ------------------------------------------------------------------------------------------------------ */

/* Two pixels' 8 bytes, of each pair of them. */
struct pixels {
  uint8x16_t a, b, c, d;
};

/* In assembly: compilers would not let pointers move on by themselves. */
ALWAYS_INLINE uint8x16_t load_pair(const uint8_t **x, const uint8_t **next) {
  uint8x16_t v;
  __asm__ volatile("ldr %d0, [%1], #8\n\tld1 {%0.d}[1], [%2], #8" : "=&w"(v), "+r"(*x), "+r"(*next)::"memory");
  return v;
}

/* The last k < 8 bytes of two pixels. */
ALWAYS_INLINE uint8x16_t last_pair(const uint8_t *x, const uint8_t *next, size_t k, uint8x16_t places) {
  return vcombine_u8(vget_low_u8(load_last(x, k, places)), vget_low_u8(load_last(next, k, places)));
}

ALWAYS_INLINE void multiply(int32x4_t *sum, uint8x16_t x, int8x16_t w) {
  *sum = vmmlaq_s32(*sum, vreinterpretq_s8_u8(x), w);
  hold(sum);
}

/* Two channels of up to 4 pairs of pixels. */
ALWAYS_INLINE void products(const size_t rows, const char *weights, const size_t i, const struct pixels *x,
                            int32x4_t *a, int32x4_t *b, int32x4_t *c, int32x4_t *d) {
  const int8x16_t w = vld1q_s8((const int8_t *)weights + i * 16);
  multiply(a, x->a, w);
  if (rows > 2) multiply(b, x->b, w);
  if (rows > 4) multiply(c, x->c, w);
  if (rows > 6) multiply(d, x->d, w);
}

ALWAYS_INLINE void all_products(const size_t vectors, const size_t rows, const char *w, const struct pixels *x,
                                struct tile *t) {
  if (vectors == 2) {
    products(rows, w, 0, x, &t->s0, &t->s4, &t->s8, &t->s12);
    products(rows, w, 1, x, &t->s1, &t->s5, &t->s9, &t->s13);
    products(rows, w, 2, x, &t->s2, &t->s6, &t->s10, &t->s14);
    products(rows, w, 3, x, &t->s3, &t->s7, &t->s11, &t->s15);
  } else {
    products(rows, w, 0, x, &t->s0, &t->s8, &t->s16, NULL);
    products(rows, w, 1, x, &t->s1, &t->s9, &t->s17, NULL);
    products(rows, w, 2, x, &t->s2, &t->s10, &t->s18, NULL);
    products(rows, w, 3, x, &t->s3, &t->s11, &t->s19, NULL);
    products(rows, w, 4, x, &t->s4, &t->s12, &t->s20, NULL);
    products(rows, w, 5, x, &t->s5, &t->s13, &t->s21, NULL);
    products(rows, w, 6, x, &t->s6, &t->s14, &t->s22, NULL);
    products(rows, w, 7, x, &t->s7, &t->s15, &t->s23, NULL);
  }
}

ALWAYS_INLINE void chunk(const size_t vectors, const size_t rows, const size_t *apart, struct input *in,
                         struct tile *t) {
  (void)apart;
  const uint8x16_t none = vdupq_n_u8(0);
  const struct pixels pixels = {load_pair(&in->x, &in->p1), rows > 2 ? load_pair(&in->p2, &in->p3) : none,
                                rows > 4 ? load_pair(&in->p4, &in->p5) : none,
                                rows > 6 ? load_pair(&in->p6, &in->p7) : none};
  all_products(vectors, rows, in->weights, &pixels, t);
  /* gcc 12 would take the registers of pixels for sums, and copy those back. */
  __asm__ volatile("" ::"w"(pixels.a), "w"(pixels.b), "w"(pixels.c), "w"(pixels.d));
  in->weights += CHUNK * vectors * LANES;
}

ALWAYS_INLINE void last_chunk(const size_t vectors, const size_t rows, const size_t *apart, const struct input *in,
                              size_t k, struct tile *t) {
  (void)apart;
  const uint8x16_t places = places_of_last(k), none = vdupq_n_u8(0);
  const struct pixels pixels = {
      last_pair(in->x, in->p1, k, places), rows > 2 ? last_pair(in->p2, in->p3, k, places) : none,
      rows > 4 ? last_pair(in->p4, in->p5, k, places) : none, rows > 6 ? last_pair(in->p6, in->p7, k, places) : none};
  all_products(vectors, rows, in->weights, &pixels, t);
}

void mbconv_i8_pointwise_neon_i8mm_6x16(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                        const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(16, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_neon_i8mm_8x8(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                       const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(8, panel, pixels, tiles, x, y, offset);
}
