/* SPDX-License-Identifier: MIT
 *
 * Int8 pointwise on NEON with I8MM: pointwise_neon.h says what the tiles are.
 *
 * SMMLA multiplies 8 signed bytes of each of two pixels with 8 of each of two channels, and adds to the
 * four sums. In 6 x 16, 16 k of two pixels become two vectors by two ZIPs; in 8 x 8 a vector of pixels is loaded in two
 * halves, each from a pointer that moves on by itself.
 *
 *     operations            6 x 16, 16 k     8 x 8, 8 k
 *     SMMLA                           48             16
 *     loads                           22             12
 *     ZIP                              6
 *     the loop                         2              3
 *     vectors in registers            32             22
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
  pack_panel(data, width, lane, k, channel);
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
  (void)vectors;
  (void)rows;
  const int32x4_t b0 = biases(bias, 0), b1 = biases(bias, 1), b2 = biases(bias, 2), b3 = biases(bias, 3);
  return (struct tile){b0, b1, b2, b3, b0, b1, b2, b3, b0, b1, b2, b3, b0, b1, b2, b3, b0, b1, b2, b3, b0, b1, b2, b3};
}

ALWAYS_INLINE struct tile in_order(const size_t vectors, const size_t rows, const struct tile *t) {
  (void)vectors;
  (void)rows;
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

/* Of a tile in assembly, as it stores them, to [pixel][channel]. */
static void put_in_order(int32_t *sums) {
  for (int32_t *pair = sums; pair < sums + MOST16 * 16; pair += 32) {
    int32_t copy[32];
    memcpy(copy, pair, sizeof copy);
    for (size_t i = 0; i < 32; i++) pair[i / 2 % 2 * 16 + i / 4 * 2 + i % 2] = copy[i];
  }
}

/* ---- 6 x 16 ------------------------------------------------------------------------------------------------------ */

/* The sums of a pair of pixels, the first 8 k of both, the other 8, and their places in the list of outputs. */
#define PAIRS4(f, ...) \
  f(0, 1, 2, 3, 4, 5, 6, 7, 24, 25, 0, 8, __VA_ARGS__) f(8, 9, 10, 11, 12, 13, 14, 15, 26, 27, 16, 24, __VA_ARGS__)
#define PAIRS6(f, ...) PAIRS4(f, __VA_ARGS__) f(16, 17, 18, 19, 20, 21, 22, 23, 28, 29, 32, 40, __VA_ARGS__)

/* 16 k of a pair; or 8, which leaves the other 8 as they are. */
#define PAIR16(low, high)                          \
  LINE("zip2 v" #high ".2d, v" #low ".2d, v30.2d") \
  LINE("zip1 v" #low ".2d, v" #low ".2d, v30.2d")
#define PAIR8(low, high) LINE("zip1 v" #low ".2d, v" #low ".2d, v30.2d")
#define LOAD_PAIRS4(r, bytes, pair)   \
  LINE("ldr " #r "26, [%[x], %[x2]]") \
  LINE("ldr " #r "30, [%[x], %[x3]]") \
  pair(26, 27) LINE("ldr " #r "30, [%[x], %[x1]]") LOAD_FIRST(r, bytes) pair(24, 25)
#define LOAD_PAIRS6(r, bytes, pair)   \
  LINE("ldr " #r "28, [%[x], %[x4]]") \
  LINE("ldr " #r "30, [%[x], %[x5]]") \
  pair(28, 29) LOAD_PAIRS4(r, bytes, pair)

/* Two vectors of weights by the first or the second 8 k. */
#define FIRST_8(low, high) low
#define SECOND_8(low, high) high
#define MULTIPLY(sum, x, w) MULTIPLY_NUMBERS(sum, x, w)
#define MULTIPLY_NUMBERS(sum, x, w) LINE("smmla v" #sum ".4s, v" #x ".16b, v" #w ".16b")
#define MULTIPLY_A(a, b, c, d, e, f, g, h, low, high, y0, y1, half) MULTIPLY(a, half(low, high), 30)
#define MULTIPLY_B(a, b, c, d, e, f, g, h, low, high, y0, y1, half) MULTIPLY(b, half(low, high), 31)
#define MULTIPLY_C(a, b, c, d, e, f, g, h, low, high, y0, y1, half) MULTIPLY(c, half(low, high), 30)
#define MULTIPLY_D(a, b, c, d, e, f, g, h, low, high, y0, y1, half) MULTIPLY(d, half(low, high), 31)
#define MULTIPLY_E(a, b, c, d, e, f, g, h, low, high, y0, y1, half) MULTIPLY(e, half(low, high), 30)
#define MULTIPLY_F(a, b, c, d, e, f, g, h, low, high, y0, y1, half) MULTIPLY(f, half(low, high), 31)
#define MULTIPLY_G(a, b, c, d, e, f, g, h, low, high, y0, y1, half) MULTIPLY(g, half(low, high), 30)
#define MULTIPLY_H(a, b, c, d, e, f, g, h, low, high, y0, y1, half) MULTIPLY(h, half(low, high), 31)
#define FIRST_FOUR(pairs, half) pairs(MULTIPLY_A, half) pairs(MULTIPLY_B, half)
#define NEXT(pairs, half, at, even, odd) WEIGHTS(at) pairs(even, half) pairs(odd, half)

/* The last k % 8, moved down to where the weights are not 0. */
#define MOVE_DOWN(a, b, c, d, e, f, g, h, low, ...) LINE("ushl v" #low ".2d, v" #low ".2d, v31.2d")

#define COPY_BIASES(a, b, c, d, e, f, g, h, ...) \
  LINE("mov v" #a ".16b, v0.16b")                \
  LINE("mov v" #b ".16b, v1.16b")                \
  LINE("mov v" #c ".16b, v2.16b")                \
  LINE("mov v" #d ".16b, v3.16b")                \
  LINE("mov v" #e ".16b, v4.16b")                \
  LINE("mov v" #f ".16b, v5.16b") LINE("mov v" #g ".16b, v6.16b") LINE("mov v" #h ".16b, v7.16b")
#define SCALE_PAIR(a, b, c, d, e, f, g, h, ...) \
  SCALE_BY(24, 25, 26, 27, a, b, c, d) SCALE_BY(28, 29, 30, 31, e, f, g, h)

/* Two bytes of one pixel, two of the other, and so on: each pixel's together. */
#define PART_PIXELS(a, b, c, d, e, ...)           \
  LINE("uzp1 v" #b ".8h, v" #a ".8h, v" #e ".8h") \
  LINE("uzp2 v" #c ".8h, v" #a ".8h, v" #e ".8h")
#define STORE_PAIR(a, b, c, d, e, f, g, h, low, high, y0, y1, ...) STORE(b, y0) STORE(c, y1)

/* A tile: biases of two channels, for two pixels; 16 k at a time; 8 if there are; fewer; the end. */
/* A line of assembly each. */
/* clang-format off */
#define TILE(pixels, pairs, others, load)                                                                            \
  LINE("ld4r {v0.2d-v3.2d}, [%[bias]], #32")                                                                         \
  LINE("ld4r {v4.2d-v7.2d}, [%[bias]], #32")                                                                         \
  others LINE("cbz %[n], 2f") LINE("1:") load(q, 16, PAIR16) FIRST_WEIGHTS(256) FIRST_FOUR(pairs, FIRST_8)           \
      NEXT(pairs, FIRST_8, -224, MULTIPLY_C, MULTIPLY_D) NEXT(pairs, FIRST_8, -192, MULTIPLY_E, MULTIPLY_F)          \
          NEXT(pairs, FIRST_8, -160, MULTIPLY_G, MULTIPLY_H) NEXT(pairs, SECOND_8, -128, MULTIPLY_A, MULTIPLY_B)     \
              NEXT(pairs, SECOND_8, -96, MULTIPLY_C, MULTIPLY_D) NEXT(pairs, SECOND_8, -64, MULTIPLY_E, MULTIPLY_F)  \
                  NEXT(pairs, SECOND_8, -32, MULTIPLY_G, MULTIPLY_H) LINE("subs %[n], %[n], #1") LINE("b.ne 1b")     \
                      LINE("2: tbz %[k], #3, 3f") load(d, 8, PAIR8) EIGHT(pairs) LINE("3:")                          \
                          LINE("ands %[n], %[k], #7") LINE("b.eq 4f") LINE("sub %[n], %[n], #8")                     \
                              LINE("add %[x], %[x], %[n]") LINE("lsl %[n], %[n], #3") load(d, 8, PAIR8)              \
                                  LINE("dup v31.2d, %[n]") pairs(MOVE_DOWN, 0) EIGHT(pairs) LINE("4:")               \
                                      LINE("cbnz %[sums], 5f") LINE("ld4r {v24.2d-v27.2d}, [%[bias]], #32")          \
                                          LINE("ld4r {v28.2d-v31.2d}, [%[bias]]") pixels(CONVERT, 0)                 \
                                              pairs(SCALE_PAIR, 0) NARROW(pixels) pairs(PART_PIXELS, 0)              \
                                                  pairs(STORE_PAIR, 0) LINE("b 6f") LINE("5:") pixels(STORE_SUMS, 0) \
                                                      LINE("6:")
#define EIGHT(pairs)                                \
  FIRST_WEIGHTS(128)                                \
  FIRST_FOUR(pairs, FIRST_8)                        \
  NEXT(pairs, FIRST_8, -96, MULTIPLY_C, MULTIPLY_D) \
  NEXT(pairs, FIRST_8, -64, MULTIPLY_E, MULTIPLY_F) NEXT(pairs, FIRST_8, -32, MULTIPLY_G, MULTIPLY_H)
/* clang-format on */

#define COPIES4 COPY_BIASES(8, 9, 10, 11, 12, 13, 14, 15, 0)
#define COPIES6 COPIES4 COPY_BIASES(16, 17, 18, 19, 20, 21, 22, 23, 0)

#define TILE4 TILE(PIXELS4, PAIRS4, COPIES4, LOAD_PAIRS4)
#define TILE5 ""
#define TILE6 TILE(PIXELS6, PAIRS6, COPIES6, LOAD_PAIRS6)

#include "pointwise_neon_assembly.h"

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

ALWAYS_INLINE void all_products(const size_t rows, const char *w, const struct pixels *x, struct tile *t) {
  products(rows, w, 0, x, &t->s0, &t->s4, &t->s8, &t->s12);
  products(rows, w, 1, x, &t->s1, &t->s5, &t->s9, &t->s13);
  products(rows, w, 2, x, &t->s2, &t->s6, &t->s10, &t->s14);
  products(rows, w, 3, x, &t->s3, &t->s7, &t->s11, &t->s15);
}

ALWAYS_INLINE void chunk(const size_t vectors, const size_t rows, const size_t *apart, struct input *in,
                         struct tile *t) {
  (void)apart;
  const uint8x16_t none = vdupq_n_u8(0);
  const struct pixels pixels = {load_pair(&in->x, &in->p1), rows > 2 ? load_pair(&in->p2, &in->p3) : none,
                                rows > 4 ? load_pair(&in->p4, &in->p5) : none,
                                rows > 6 ? load_pair(&in->p6, &in->p7) : none};
  all_products(rows, in->weights, &pixels, t);
  /* gcc 12 would take the registers of pixels for sums, and copy those back. */
  __asm__ volatile("" ::"w"(pixels.a), "w"(pixels.b), "w"(pixels.c), "w"(pixels.d));
  in->weights += CHUNK * vectors * LANES;
}

ALWAYS_INLINE void last_chunk(const size_t vectors, const size_t rows, const size_t *apart, const struct input *in,
                              size_t k, struct tile *t) {
  (void)vectors;
  (void)apart;
  const uint8x16_t places = places_of_last(k), none = vdupq_n_u8(0);
  const struct pixels pixels = {
      last_pair(in->x, in->p1, k, places), rows > 2 ? last_pair(in->p2, in->p3, k, places) : none,
      rows > 4 ? last_pair(in->p4, in->p5, k, places) : none, rows > 6 ? last_pair(in->p6, in->p7, k, places) : none};
  all_products(rows, in->weights, &pixels, t);
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
