/* SPDX-License-Identifier: MIT
 *
 * Int8 pointwise on NEON with SDOT: pointwise_neon.h says what the tiles are.
 *
 * SDOT adds the products of 4 signed bytes to each of 4 sums: 4 k of 4 channels times the same 4 k of a pixel. Pixels
 * are turned: what is read is signed.
 *
 * In 6 x 16 the pixels stay in registers while the weights pass, in 8 x 8 the weights of a chunk, 8 vectors, while the
 * pixels pass.
 *
 *     operations of 16 k    6 x 16    5 x 16     8 x 8
 *     SDOT                      96        80        64
 *     loads                     22        21        16
 *     the loop                   3         3         3
 *     vectors in registers      31        26        25
 */
#include <stdint.h>

enum { CHUNK = 16, K_STEP = 4, MOST16 = 6, MOST8 = 8, PIXEL_STEP = 1 };
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

/* Adds the `lane`-th 4 k of a pixel. */
ALWAYS_INLINE void dot(const size_t lane, int32x4_t *sum, int8x16_t w, int8x16_t x) {
  if (lane == 0) *sum = vdotq_laneq_s32(*sum, w, x, 0);
  if (lane == 1) *sum = vdotq_laneq_s32(*sum, w, x, 1);
  if (lane == 2) *sum = vdotq_laneq_s32(*sum, w, x, 2);
  if (lane == 3) *sum = vdotq_laneq_s32(*sum, w, x, 3);
  hold(sum);
}

ALWAYS_INLINE int8x16_t load_weights(const char *weights) { return vld1q_s8((const int8_t *)weights); }

/* ---- 6 x 16 ------------------------------------------------------------------------------------------------------ */

struct pixels {
  int8x16_t a, b, c, d, e, f;
};

/* 4 k of 4 channels and all pixels. */
ALWAYS_INLINE void dots(const size_t rows, const size_t lane, const char *weights, const struct pixels *x, int32x4_t *a,
                        int32x4_t *b, int32x4_t *c, int32x4_t *d, int32x4_t *e, int32x4_t *f) {
  const int8x16_t w = load_weights(weights);
  dot(lane, a, w, x->a);
  if (rows > 1) dot(lane, b, w, x->b);
  if (rows > 2) dot(lane, c, w, x->c);
  if (rows > 3) dot(lane, d, w, x->d);
  if (rows > 4) dot(lane, e, w, x->e);
  if (rows > 5) dot(lane, f, w, x->f);
}

ALWAYS_INLINE void step16(const size_t rows, const size_t lane, const char *weights, const struct pixels *x,
                          struct tile *t) {
  dots(rows, lane, weights, x, &t->s0, &t->s4, &t->s8, &t->s12, &t->s16, &t->s20);
  dots(rows, lane, weights + 16, x, &t->s1, &t->s5, &t->s9, &t->s13, &t->s17, &t->s21);
  dots(rows, lane, weights + 32, x, &t->s2, &t->s6, &t->s10, &t->s14, &t->s18, &t->s22);
  dots(rows, lane, weights + 48, x, &t->s3, &t->s7, &t->s11, &t->s15, &t->s19, &t->s23);
}

/* ---- 8 x 8 ------------------------------------------------------------------------------------------------------- */

struct weights8 {
  int8x16_t w0, w1, w2, w3, w4, w5, w6, w7;
};

/* Adds 16 k of a pixel. */
ALWAYS_INLINE void pixel8(const struct weights8 *w, int8x16_t x, int32x4_t *sum0, int32x4_t *sum1) {
  dot(0, sum0, w->w0, x);
  dot(0, sum1, w->w1, x);
  dot(1, sum0, w->w2, x);
  dot(1, sum1, w->w3, x);
  dot(2, sum0, w->w4, x);
  dot(2, sum1, w->w5, x);
  dot(3, sum0, w->w6, x);
  dot(3, sum1, w->w7, x);
}

/* Adds 4. */
ALWAYS_INLINE void four8(int8x16_t w0, int8x16_t w1, int8x16_t x, int32x4_t *sum0, int32x4_t *sum1) {
  dot(0, sum0, w0, x);
  dot(0, sum1, w1, x);
}

/* ---- Chunks ------------------------------------------------------------------------------------------------------ */

ALWAYS_INLINE int8x16_t pixel_at(const uint8_t *x) { return vreinterpretq_s8_u8(vld1q_u8(x)); }

ALWAYS_INLINE void chunk(const size_t vectors, const size_t rows, const size_t *apart, struct input *in,
                         struct tile *t) {
  const uint8_t *x = in->x;
  const char *w = in->weights;
#define PIXEL(i) pixel_at(x + apart[(i) < rows ? (i) : 0])
  if (vectors == 4) {
    const struct pixels pixels = {PIXEL(0), PIXEL(1), PIXEL(2), PIXEL(3), PIXEL(4), PIXEL(5)};
    step16(rows, 0, w, &pixels, t);
    step16(rows, 1, w + 64, &pixels, t);
    step16(rows, 2, w + 128, &pixels, t);
    step16(rows, 3, w + 192, &pixels, t);
  } else {
    const struct weights8 held = {load_weights(w),      load_weights(w + 16), load_weights(w + 32),
                                  load_weights(w + 48), load_weights(w + 64), load_weights(w + 80),
                                  load_weights(w + 96), load_weights(w + 112)};
    pixel8(&held, PIXEL(0), &t->s0, &t->s1);
    pixel8(&held, PIXEL(1), &t->s2, &t->s3);
    pixel8(&held, PIXEL(2), &t->s4, &t->s5);
    pixel8(&held, PIXEL(3), &t->s6, &t->s7);
    if (rows > 4) pixel8(&held, PIXEL(4), &t->s8, &t->s9);
    if (rows > 5) pixel8(&held, PIXEL(5), &t->s10, &t->s11);
    if (rows > 6) pixel8(&held, PIXEL(6), &t->s12, &t->s13);
    if (rows > 7) pixel8(&held, PIXEL(7), &t->s14, &t->s15);
  }
#undef PIXEL
  in->x = x + CHUNK;
  in->weights = w + CHUNK * vectors * LANES;
}

/* 4 bytes of a pixel, moved down by `down` bits: those that come in have weights of 0. */
ALWAYS_INLINE int8x16_t four_at(const uint8_t *x, size_t at, const bool moved, int32x4_t down) {
  uint32x4_t v;
  __asm__("ldr %s0, [%1, %2]" : "=w"(v) : "r"(x), "r"(at), "m"(*(const uint8_t(*)[4])(x + at)));
  return vreinterpretq_s8_u32(moved ? vshlq_u32(v, down) : v);
}

ALWAYS_INLINE void add_four(const size_t vectors, const size_t rows, const size_t *apart, const uint8_t *x,
                            const char *w, const bool moved, int32x4_t down, struct tile *t) {
#define FOUR(i) four_at(x, apart[(i) < rows ? (i) : 0], moved, down)
  if (vectors == 4) {
    const struct pixels pixels = {FOUR(0), FOUR(1), FOUR(2), FOUR(3), FOUR(4), FOUR(5)};
    step16(rows, 0, w, &pixels, t);
  } else {
    const int8x16_t w0 = load_weights(w), w1 = load_weights(w + 16);
    four8(w0, w1, FOUR(0), &t->s0, &t->s1);
    four8(w0, w1, FOUR(1), &t->s2, &t->s3);
    four8(w0, w1, FOUR(2), &t->s4, &t->s5);
    four8(w0, w1, FOUR(3), &t->s6, &t->s7);
    if (rows > 4) four8(w0, w1, FOUR(4), &t->s8, &t->s9);
    if (rows > 5) four8(w0, w1, FOUR(5), &t->s10, &t->s11);
    if (rows > 6) four8(w0, w1, FOUR(6), &t->s12, &t->s13);
    if (rows > 7) four8(w0, w1, FOUR(7), &t->s14, &t->s15);
  }
#undef FOUR
}

/* 4 k at a time; of the last ones those that are there are the upper bytes of the 4 that end with them. */
ALWAYS_INLINE void last_chunk(const size_t vectors, const size_t rows, const size_t *apart, const struct input *in,
                              size_t k, struct tile *t) {
  const uint8_t *x = in->x;
  const char *w = in->weights;
  const int32x4_t none = vdupq_n_s32(0);
  NO_UNROLL
  for (; k >= 4; k -= 4, x += 4, w += 4 * vectors * LANES) add_four(vectors, rows, apart, x, w, false, none, t);
  if (k > 0) add_four(vectors, rows, apart, x + k - 4, w, true, vdupq_n_s32(8 * (int32_t)k - 32), t);
}

void mbconv_i8_pointwise_neon_dotprod_6x16(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                           const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(16, panel, pixels, tiles, x, y, offset);
}

void mbconv_i8_pointwise_neon_dotprod_8x8(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                          const void *x, void *const *y, size_t offset, const void *residual) {
  (void)residual;
  run(8, panel, pixels, tiles, x, y, offset);
}
