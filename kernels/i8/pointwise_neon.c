/* SPDX-License-Identifier: MIT
 *
 * Int8 pointwise on NEON without SDOT: pointwise_neon.h says what the tiles are.
 *
 * Pixels are widened to words, 8 k at a time, and weights are packed as words. SMLAL adds the products of one k of a
 * pixel with 4 channels to 4 sums.
 *
 *     operations of 8 k     5 x 16    8 x 8
 *     SMLAL                    160       128
 *     loads                     21        16
 *     widen pixels               5         8
 *     the loop                   3         3
 *
 * SMULL of 8 bytes, SMLAL of 8 more and SADALP would be 3 operations for 16 products instead of 4, but -128 * -128
 * twice leaves 16 bits, sums of a tile would have to be added up across lanes, and their 4 x 4 tile loads as much as it
 * saves.
 */
#include <stdint.h>

enum { CHUNK = 8, K_STEP = 1, MOST16 = 5, MOST8 = 8, PIXEL_STEP = 1 };
typedef int16_t weight;

#include "pointwise_neon.h"
#include "set_neon.h"

void mbconv_i8_pack_panel_neon(void *data, size_t width, size_t lane, size_t k,
                               const struct mbconv_i8_channel *channel) {
  pack_panel(data, width, lane, k, channel);
}

ALWAYS_INLINE struct tile start_tile(const size_t vectors, const size_t rows, const int32_t *bias) {
  (void)rows;
  return tile_of_biases(vectors, bias);
}

ALWAYS_INLINE struct tile in_order(const size_t vectors, const size_t rows, const struct tile *t) {
  (void)vectors;
  (void)rows;
  return *t;
}

ALWAYS_INLINE int16x8_t words(uint8x8_t x) { return vmovl_s8(vreinterpret_s8_u8(x)); }
ALWAYS_INLINE int16x8_t load_weights(const char *weights) { return vld1q_s16((const int16_t *)(const void *)weights); }

/* Adds the `lane`-th k of a pixel to the sums of 8 channels. */
ALWAYS_INLINE void multiply(const size_t lane, int32x4_t *low, int32x4_t *high, int16x8_t w, int16x8_t x) {
#define LANE(i)                                          \
  if (lane == (i)) {                                     \
    *low = vmlal_laneq_s16(*low, vget_low_s16(w), x, i); \
    *high = vmlal_high_laneq_s16(*high, w, x, i);        \
  }
  LANE(0)
  LANE(1)
  LANE(2)
  LANE(3)
  LANE(4)
  LANE(5)
  LANE(6)
  LANE(7)
#undef LANE
  hold(low);
  hold(high);
}

/* ---- 5 x 16 ------------------------------------------------------------------------------------------------------ */

struct pixels {
  int16x8_t a, b, c, d, e;
};

/* The `lane`-th k of all pixels and channels. */
ALWAYS_INLINE void step16(const size_t rows, const size_t lane, const char *weights, const struct pixels *x,
                          struct tile *t) {
  const char *w = weights + lane * 32;
  const int16x8_t first = load_weights(w), second = load_weights(w + 16);
  multiply(lane, &t->s0, &t->s1, first, x->a);
  if (rows > 1) multiply(lane, &t->s4, &t->s5, first, x->b);
  if (rows > 2) multiply(lane, &t->s8, &t->s9, first, x->c);
  if (rows > 3) multiply(lane, &t->s12, &t->s13, first, x->d);
  if (rows > 4) multiply(lane, &t->s16, &t->s17, first, x->e);
  multiply(lane, &t->s2, &t->s3, second, x->a);
  if (rows > 1) multiply(lane, &t->s6, &t->s7, second, x->b);
  if (rows > 2) multiply(lane, &t->s10, &t->s11, second, x->c);
  if (rows > 3) multiply(lane, &t->s14, &t->s15, second, x->d);
  if (rows > 4) multiply(lane, &t->s18, &t->s19, second, x->e);
}

/* ---- 8 x 8  ------------------------------------------------------------------------------------------------------ */

struct pixels8 {
  int16x8_t a, b, c, d, e, f, g, h;
};

/* The `lane`-th k of all pixels. */
ALWAYS_INLINE void step8(const size_t rows, const size_t lane, const char *weights, const struct pixels8 *x,
                         struct tile *t) {
  const int16x8_t w = load_weights(weights + lane * 16);
  multiply(lane, &t->s0, &t->s1, w, x->a);
  multiply(lane, &t->s2, &t->s3, w, x->b);
  multiply(lane, &t->s4, &t->s5, w, x->c);
  multiply(lane, &t->s6, &t->s7, w, x->d);
  if (rows <= 4) return;
  multiply(lane, &t->s8, &t->s9, w, x->e);
  multiply(lane, &t->s10, &t->s11, w, x->f);
  multiply(lane, &t->s12, &t->s13, w, x->g);
  multiply(lane, &t->s14, &t->s15, w, x->h);
}

/* ---- Chunks ------------------------------------------------------------------------------------------------------ */

ALWAYS_INLINE void chunk(const size_t vectors, const size_t rows, const size_t *apart, struct input *in,
                         struct tile *t) {
  const uint8_t *x = in->x;
  const char *w = in->weights;
#define PIXEL(i) words(vld1_u8(x + apart[(i) < rows ? (i) : 0]))
  if (vectors == 4) {
    const struct pixels pixels = {PIXEL(0), PIXEL(1), PIXEL(2), PIXEL(3), PIXEL(4)};
    step16(rows, 0, w, &pixels, t);
    step16(rows, 1, w, &pixels, t);
    step16(rows, 2, w, &pixels, t);
    step16(rows, 3, w, &pixels, t);
    step16(rows, 4, w, &pixels, t);
    step16(rows, 5, w, &pixels, t);
    step16(rows, 6, w, &pixels, t);
    step16(rows, 7, w, &pixels, t);
    /* gcc 12 would take the registers of pixels for sums, and copy those back. */
    __asm__ volatile("" ::"w"(pixels.a), "w"(pixels.b), "w"(pixels.c), "w"(pixels.d), "w"(pixels.e));
  } else {
    const struct pixels8 pixels = {PIXEL(0), PIXEL(1), PIXEL(2), PIXEL(3), PIXEL(4), PIXEL(5), PIXEL(6), PIXEL(7)};
    step8(rows, 0, w, &pixels, t);
    step8(rows, 1, w, &pixels, t);
    step8(rows, 2, w, &pixels, t);
    step8(rows, 3, w, &pixels, t);
    step8(rows, 4, w, &pixels, t);
    step8(rows, 5, w, &pixels, t);
    step8(rows, 6, w, &pixels, t);
    step8(rows, 7, w, &pixels, t);
  }
#undef PIXEL
  in->x += CHUNK;
  in->weights += CHUNK * vectors * LANES * sizeof(weight);
}

ALWAYS_INLINE int16x8_t word_at(const uint8_t *x, size_t at) {
  uint8x16_t v;
  __asm__("ldr %b0, [%1, %2]" : "=w"(v) : "r"(x), "r"(at), "m"(x[at]));
  return words(vget_low_u8(v));
}

/* One k at a time. */
ALWAYS_INLINE void last_chunk(const size_t vectors, const size_t rows, const size_t *apart, const struct input *in,
                              size_t k, struct tile *t) {
  const uint8_t *x = in->x;
  const char *w = in->weights;
#define PIXEL(i) word_at(x, apart[(i) < rows ? (i) : 0])
  NO_UNROLL
  for (; k > 0; k--, x++, w += vectors * LANES * sizeof(weight)) {
    if (vectors == 4) {
      const struct pixels pixels = {PIXEL(0), PIXEL(1), PIXEL(2), PIXEL(3), PIXEL(4)};
      step16(rows, 0, w, &pixels, t);
    } else {
      const struct pixels8 pixels = {PIXEL(0), PIXEL(1), PIXEL(2), PIXEL(3), PIXEL(4), PIXEL(5), PIXEL(6), PIXEL(7)};
      step8(rows, 0, w, &pixels, t);
    }
  }
#undef PIXEL
}

/* Heights of tiles that blocks often have get code of their own. */
static __attribute__((noinline)) void run16(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                            const uint8_t *x, void *const *y, size_t offset) {
  if (pixels == 5)
    walk(4, 5, 5, panel, 5, tiles, x, y, offset);
  else
    walk(4, 4, 1, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_neon_5x16(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                   const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(16, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_neon_8x8(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                  const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(8, panel, pixels, tiles, x, y, offset);
}
