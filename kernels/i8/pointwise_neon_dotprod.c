/* SPDX-License-Identifier: MIT
 *
 * Int8 pointwise on NEON with SDOT: pointwise_neon.h says what the tiles are.
 *
 * SDOT adds the products of 4 signed bytes to each of 4 sums: 4 k of 4 channels times the same 4 k of a pixel. Pixels
 * are unsigned; so 0x80 is flipped in 16 bytes at a time, which takes 128 off each, and packing has added 128 times the
 * weights to the bias.
 *
 * In 5 x 16 the pixels stay in registers while the weights pass, in 8 x 8 the weights of a chunk, 8 vectors, while the
 * pixels pass.
 *
 *     operations of 16 k    5 x 16     8 x 8
 *     SDOT                      80        64
 *     loads                     21        16
 *     flips                      5         8
 *     the loop                   3         3
 *
 * 7 x 12 would take 1.30 operations for each SDOT instead of 1.36, but channels are multiples of 8.
 */
#include <stdint.h>

enum { CHUNK = 16, K_STEP = 4, MOST16 = 5, MOST8 = 8 };
typedef int8_t weight;

#include "pointwise_neon.h"
#include "set_neon_dotprod.h"

void mbconv_i8_pack_panel_neon_dotprod(void *data, size_t width, size_t lane, size_t k,
                                       const struct mbconv_i8_channel *channel) {
  pack_panel(data, width, lane, k, channel, 128);
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

ALWAYS_INLINE int8x16_t signed_bytes(uint8x16_t x) { return vreinterpretq_s8_u8(veorq_u8(x, vdupq_n_u8(0x80))); }

/* Adds the `lane`-th 4 k of a pixel. */
ALWAYS_INLINE void dot(const size_t lane, int32x4_t *sum, int8x16_t w, int8x16_t x) {
  if (lane == 0) *sum = vdotq_laneq_s32(*sum, w, x, 0);
  if (lane == 1) *sum = vdotq_laneq_s32(*sum, w, x, 1);
  if (lane == 2) *sum = vdotq_laneq_s32(*sum, w, x, 2);
  if (lane == 3) *sum = vdotq_laneq_s32(*sum, w, x, 3);
  hold(sum);
}

ALWAYS_INLINE int8x16_t load_weights(const char *weights) { return vld1q_s8((const int8_t *)weights); }

/* ---- 5 x 16 ------------------------------------------------------------------------------------------------------ */

struct pixels {
  int8x16_t a, b, c, d, e;
};

/* 4 k of 4 channels and all pixels. */
ALWAYS_INLINE void dots(const size_t rows, const size_t lane, const char *weights, const struct pixels *x, int32x4_t *a,
                        int32x4_t *b, int32x4_t *c, int32x4_t *d, int32x4_t *e) {
  const int8x16_t w = load_weights(weights);
  dot(lane, a, w, x->a);
  if (rows > 1) dot(lane, b, w, x->b);
  if (rows > 2) dot(lane, c, w, x->c);
  if (rows > 3) dot(lane, d, w, x->d);
  if (rows > 4) dot(lane, e, w, x->e);
}

ALWAYS_INLINE void step16(const size_t rows, const size_t lane, const char *weights, const struct pixels *x,
                          struct tile *t) {
  dots(rows, lane, weights, x, &t->s0, &t->s4, &t->s8, &t->s12, &t->s16);
  dots(rows, lane, weights + 16, x, &t->s1, &t->s5, &t->s9, &t->s13, &t->s17);
  dots(rows, lane, weights + 32, x, &t->s2, &t->s6, &t->s10, &t->s14, &t->s18);
  dots(rows, lane, weights + 48, x, &t->s3, &t->s7, &t->s11, &t->s15, &t->s19);
}

/* ---- 8 x 8 ------------------------------------------------------------------------------------------------------ */

struct weights8 {
  int8x16_t w0, w1, w2, w3, w4, w5, w6, w7;
};

/* Adds `steps` times 4 k of a pixel. */
ALWAYS_INLINE void pixel8(const size_t steps, const struct weights8 *w, int8x16_t x, int32x4_t *sum0, int32x4_t *sum1) {
  dot(0, sum0, w->w0, x);
  dot(0, sum1, w->w1, x);
  if (steps > 1) dot(1, sum0, w->w2, x);
  if (steps > 1) dot(1, sum1, w->w3, x);
  if (steps > 2) dot(2, sum0, w->w4, x);
  if (steps > 2) dot(2, sum1, w->w5, x);
  if (steps > 3) dot(3, sum0, w->w6, x);
  if (steps > 3) dot(3, sum1, w->w7, x);
}

/* The same of all pixels, whose bytes are k, 16 or less. */
ALWAYS_INLINE void all_pixels8(const size_t rows, const size_t steps, const size_t *apart, const uint8_t *x, size_t k,
                               uint8x16_t places, const struct weights8 *w, struct tile *t) {
#define LOAD(i) signed_bytes(k == 16 ? vld1q_u8(x + apart[i]) : load_last(x + apart[i], k, places))
  pixel8(steps, w, LOAD(0), &t->s0, &t->s1);
  pixel8(steps, w, LOAD(1), &t->s2, &t->s3);
  pixel8(steps, w, LOAD(2), &t->s4, &t->s5);
  pixel8(steps, w, LOAD(3), &t->s6, &t->s7);
  if (rows > 4) pixel8(steps, w, LOAD(4), &t->s8, &t->s9);
  if (rows > 5) pixel8(steps, w, LOAD(5), &t->s10, &t->s11);
  if (rows > 6) pixel8(steps, w, LOAD(6), &t->s12, &t->s13);
  if (rows > 7) pixel8(steps, w, LOAD(7), &t->s14, &t->s15);
#undef LOAD
}

/* ---- Chunks ------------------------------------------------------------------------------------------------------ */

ALWAYS_INLINE void chunk(const size_t vectors, const size_t rows, const size_t *apart, struct input *in,
                         struct tile *t) {
  const uint8_t *x = in->x;
  const char *w = in->weights;
  if (vectors == 4) {
    const struct pixels pixels = {signed_bytes(vld1q_u8(x)),
                                  signed_bytes(rows > 1 ? vld1q_u8(x + apart[1]) : vdupq_n_u8(0)),
                                  signed_bytes(rows > 2 ? vld1q_u8(x + apart[2]) : vdupq_n_u8(0)),
                                  signed_bytes(rows > 3 ? vld1q_u8(x + apart[3]) : vdupq_n_u8(0)),
                                  signed_bytes(rows > 4 ? vld1q_u8(x + apart[4]) : vdupq_n_u8(0))};
    step16(rows, 0, w, &pixels, t);
    step16(rows, 1, w + 64, &pixels, t);
    step16(rows, 2, w + 128, &pixels, t);
    step16(rows, 3, w + 192, &pixels, t);
  } else {
    const struct weights8 held = {load_weights(w),      load_weights(w + 16), load_weights(w + 32),
                                  load_weights(w + 48), load_weights(w + 64), load_weights(w + 80),
                                  load_weights(w + 96), load_weights(w + 112)};
    all_pixels8(rows, 4, apart, x, 16, vdupq_n_u8(0), &held, t);
  }
  in->x = x + CHUNK;
  in->weights = w + CHUNK * vectors * LANES;
}

ALWAYS_INLINE void last_chunk(const size_t vectors, const size_t rows, const size_t *apart, const struct input *in,
                              size_t k, struct tile *t) {
  const uint8_t *x = in->x;
  const char *w = in->weights;
  const uint8x16_t places = places_of_last(k);
  if (vectors == 4) {
    const struct pixels pixels = {signed_bytes(load_last(x, k, places)),
                                  signed_bytes(rows > 1 ? load_last(x + apart[1], k, places) : places),
                                  signed_bytes(rows > 2 ? load_last(x + apart[2], k, places) : places),
                                  signed_bytes(rows > 3 ? load_last(x + apart[3], k, places) : places),
                                  signed_bytes(rows > 4 ? load_last(x + apart[4], k, places) : places)};
    step16(rows, 0, w, &pixels, t);
    if (k > 4) step16(rows, 1, w + 64, &pixels, t);
    if (k > 8) step16(rows, 2, w + 128, &pixels, t);
    if (k > 12) step16(rows, 3, w + 192, &pixels, t);
  } else {
    const int8x16_t zero = vdupq_n_s8(0); /* weights behind k may not be read */
    struct weights8 held = {load_weights(w), load_weights(w + 16), zero, zero, zero, zero, zero, zero};
    if (k > 4) held.w2 = load_weights(w + 32), held.w3 = load_weights(w + 48);
    if (k > 8) held.w4 = load_weights(w + 64), held.w5 = load_weights(w + 80);
    if (k > 12) held.w6 = load_weights(w + 96), held.w7 = load_weights(w + 112);
    if (k > 8)
      all_pixels8(rows, 4, apart, x, k, places, &held, t);
    else
      all_pixels8(rows, 2, apart, x, k, places, &held, t);
  }
}

void mbconv_i8_pointwise_neon_dotprod_5x16(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                           const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(16, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_neon_dotprod_8x8(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                           const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(8, panel, pixels, tiles, x, y, offset);
}
