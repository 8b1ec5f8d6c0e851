/* SPDX-License-Identifier: MIT
 *
 * What the int8 pointwise tiles of the NEON sets share: tiles of up to 5 or 6 pixels x 16 channels and 8 x 8, how
 * they walk over k, and how they end. The file that includes this one defines a chunk of k.
 *
 * All tiles are up to 24 vectors of sums; sum i is of pixel i / vectors and of the channels 4 * (i % vectors) and on.
 * The sums are named: gcc 12 keeps an array of them in memory. `vectors` and `rows` are constants at every call, so
 * that comparisons with them vanish.
 *
 * k goes in chunks of CHUNK bytes of each pixel. The last chunk may have fewer, and no byte behind k is read. Pixels of
 * less than 16 bytes are copied to where there are 16.
 *
 * A panel: int32_t bias, float scale or int32_t multiplier of each channel; then the weights, K_STEP of k of each
 * channel after K_STEP of k; then, in TFLITE_DOUBLE, int32_t shift.
 */
#ifndef MBCONV_I8_POINTWISE_NEON_H
#define MBCONV_I8_POINTWISE_NEON_H

#include <assert.h>
#include <string.h>

#include "requantize_neon.h"

enum { BIAS, SCALE, CONSTANTS };

struct tile {
  int32x4_t s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15, s16, s17, s18, s19, s20, s21, s22,
      s23;
};

/* Where a tile reads: pixel p of a chunk at x + apart[p]. */
struct input {
  const uint8_t *x;
  const char *weights;
  const uint8_t *p1, *p2, *p3, *p4, *p5, *p6,
      *p7; /* of I8MM, which moves on each pixel by itself: x is that of pixel 0 */
};

/* ---- What the including file defines, and its sizes ------------------------------------------------------
 *
 * CHUNK and K_STEP; `weight`, the type of a packed one; MOST16 and MOST8, the pixels of the two tiles; PIXEL_STEP,
 * the number of pixels that one product is of. */

/* Adds a whole chunk to all sums, and moves on. */
ALWAYS_INLINE void chunk(const size_t vectors, const size_t rows, const size_t *apart, struct input *in,
                         struct tile *t);

/* Adds the last `k` < CHUNK bytes of k, which begin at `in`. */
ALWAYS_INLINE void last_chunk(const size_t vectors, const size_t rows, const size_t *apart, const struct input *in,
                              size_t k, struct tile *t);

/* What sums begin with, and what they are at the end, in the order of struct tile. */
ALWAYS_INLINE struct tile start_tile(const size_t vectors, const size_t rows, const int32_t *bias);
ALWAYS_INLINE struct tile in_order(const size_t vectors, const size_t rows, const struct tile *t);

/* ---- Packing ----------------------------------------------------------------------------------------------------- */

ALWAYS_INLINE void pack_panel(int32_t *data, size_t width, size_t lane, size_t k,
                              const struct mbconv_i8_channel *channel) {
  weight *weights = (weight *)(data + CONSTANTS * width);
  for (size_t i = 0; i < k; i++)
    weights[i / K_STEP * K_STEP * width + lane * K_STEP + i % K_STEP] = mbconv_i8_weight_at(channel, k, i);
  pack_constants_at(data, width, lane, k, channel);
  const size_t padded = (k + K_STEP - 1) / K_STEP * K_STEP;
  if (mbconv_i8_behind(channel->ending) > 0) ((int32_t *)(void *)(weights + padded * width))[lane] = channel->shift;
}

/* ---- Sums -------------------------------------------------------------------------------------------------------- */

ALWAYS_INLINE struct tile tile_of_biases(const size_t vectors, const int32_t *bias) {
  const int32x4_t b0 = vld1q_s32(bias), b1 = vld1q_s32(bias + 4);
  const int32x4_t b2 = vectors == 4 ? vld1q_s32(bias + 8) : b0, b3 = vectors == 4 ? vld1q_s32(bias + 12) : b1;
  return (struct tile){b0, b1, b2, b3, b0, b1, b2, b3, b0, b1, b2, b3, b0, b1, b2, b3, b0, b1, b2, b3, b0, b1, b2, b3};
}

/* ---- Pixels ------------------------------------------------------------------------------------------------------ */

/* Where the bytes of the last chunk stand in the 16 that end with it: out of these a table's lookup gives zeros. */
ALWAYS_INLINE uint8x16_t places_of_last(size_t k) {
  static const uint8_t places[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                     16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16};
  return vld1q_u8(places + 16 - k);
}

/* k < 16 bytes at x, and then zeros. */
ALWAYS_INLINE uint8x16_t load_last(const uint8_t *x, size_t k, uint8x16_t places) {
  return vqtbl1q_u8(vld1q_u8(x + k - 16), places);
}

/* ---- Ends -------------------------------------------------------------------------------------------------------- */

/* How a tile ends, of which `least` pixels are there for sure. Those that are not are the last one once more. */
struct panel_end {
  const struct mbconv_pointwise_panel *panel;
  size_t offset, pixels;
};

ALWAYS_INLINE uint8_t *output(const size_t least, const struct panel_end *e, void *const *y, const size_t i) {
  return (uint8_t *)y[i < least || i < e->pixels ? i : e->pixels - 1] + e->offset;
}

ALWAYS_INLINE void finish_four(const size_t vectors, const size_t rows, const size_t least, const struct panel_end *e,
                               void *const *y, const size_t i, int16x8_t zero, const float32x4_t *scale, int32x4_t a,
                               int32x4_t b, int32x4_t c, int32x4_t d) {
  if (i >= rows * vectors) return;
  if (vectors == 4) {
    vst1q_u8(output(least, e, y, i / 4), words_to_bytes(zero, low_words(scaled(a, scale[0]), scaled(b, scale[1])),
                                                        low_words(scaled(c, scale[2]), scaled(d, scale[3]))));
  } else {
    const uint64x2_t two =
        vreinterpretq_u64_u8(words_to_bytes(zero, low_words(scaled(a, scale[0]), scaled(b, scale[1])),
                                            low_words(scaled(c, scale[0]), scaled(d, scale[1]))));
    vst1q_lane_u64((uint64_t *)(void *)output(least, e, y, i / 2), two, 0);
    vst1q_lane_u64((uint64_t *)(void *)output(least, e, y, i / 2 + 1), two, 1);
  }
}

ALWAYS_INLINE void finish(const size_t vectors, const size_t rows, const size_t least, const struct panel_end *e,
                          void *const *y, const struct tile *t) {
  const int16x8_t zero = zero_of(e->panel->ending.i8);
  const float *scales = (const float *)e->panel->bias + SCALE * vectors * LANES;
  float32x4_t scale[4];
  scale[0] = vld1q_f32(scales), scale[1] = vld1q_f32(scales + LANES);
  scale[2] = scale[0], scale[3] = scale[1];
  if (vectors == 4) scale[2] = vld1q_f32(scales + 2 * LANES), scale[3] = vld1q_f32(scales + 3 * LANES);
  finish_four(vectors, rows, least, e, y, 0, zero, scale, t->s0, t->s1, t->s2, t->s3);
  finish_four(vectors, rows, least, e, y, 4, zero, scale, t->s4, t->s5, t->s6, t->s7);
  finish_four(vectors, rows, least, e, y, 8, zero, scale, t->s8, t->s9, t->s10, t->s11);
  finish_four(vectors, rows, least, e, y, 12, zero, scale, t->s12, t->s13, t->s14, t->s15);
  finish_four(vectors, rows, least, e, y, 16, zero, scale, t->s16, t->s17, t->s18, t->s19);
  finish_four(vectors, rows, least, e, y, 20, zero, scale, t->s20, t->s21, t->s22, t->s23);
}

/* What few endings have: bounds and u8 for callers, behind the stores; or, with `sums`, all by way of memory. */
static __attribute__((noinline)) void finish_later(size_t width, const struct panel_end *e, void *const *y,
                                                   const int32_t *sums) {
  const struct mbconv_i8_ending *ending = e->panel->ending.i8;
  const int32_t *scales = (const int32_t *)e->panel->bias + SCALE * width;
  const int32_t *shifts = mbconv_i8_panel_shifts(e->panel, width);
  for (size_t p = 0; p < e->pixels; p++) {
    uint8_t *to = (uint8_t *)y[p] + e->offset;
    if (sums)
      mbconv_i8_requantize_neon(ending, scales, shifts, width, sums + p * width, to);
    else
      mbconv_i8_end_later_neon(ending, width, to);
  }
}

/* ---- Tiles ------------------------------------------------------------------------------------------------------- */

/* Tiles of `pixels` pixels, from `least` to `rows`; k is at least 16, and all channels are stored. */
ALWAYS_INLINE void walk(const size_t vectors, const size_t rows, const size_t least,
                        const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const uint8_t *x,
                        void *const *y, size_t offset) {
  const size_t stride = panel->x_stride, k = panel->k, chunks = k / CHUNK * CHUNK;
  const struct panel_end e = {panel, offset, pixels};
  const bool memory = ends_in_memory(panel->ending.i8, panel->bias, vectors * LANES);
  const bool later = ends_later(panel->ending.i8);
  size_t apart[MOST8] = {0};
  UNROLL
  for (size_t i = 1; i < rows; i++) apart[i] = opaque((i < pixels ? i : pixels - 1) * stride);
  for (; tiles > 0; tiles--, x += pixels * stride, y += pixels) {
    struct input in = {
        x,           panel->weights, x + apart[1], x + apart[2], x + apart[3], x + apart[4], x + apart[5], x + apart[6],
        x + apart[7]};
    struct tile t = start_tile(vectors, rows, panel->bias);
    const uint8_t *end = x + chunks;
    NO_UNROLL
    while (in.x < end) chunk(vectors, rows, apart, &in, &t);
    __asm__("" : "+r"(in.x), "+r"(in.weights)); /* or gcc would compute them anew */
    if (chunks < k) last_chunk(vectors, rows, apart, &in, k - chunks, &t);
    const struct tile sums = in_order(vectors, rows, &t);
    if (!memory) {
      finish(vectors, rows, least, &e, y, &sums);
      if (later) finish_later(vectors * LANES, &e, y, NULL);
    } else {
      const struct tile stored = sums; /* others stay in registers, as their addresses are not taken */
      finish_later(vectors * LANES, &e, y, (const int32_t *)(const void *)&stored);
    }
  }
}

/* Up to MOST16 pixels and 16 channels: the including file's. */
static void run16(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const uint8_t *x,
                  void *const *y, size_t offset);

static __attribute__((noinline)) void run8(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                           const uint8_t *x, void *const *y, size_t offset) {
  if (pixels > 4)
    walk(2, 8, 5, panel, pixels, tiles, x, y, offset);
  else
    walk(2, 4, 1, panel, pixels, tiles, x, y, offset);
}

static void run(size_t width, const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const uint8_t *x,
                void *const *y, size_t offset) {
  assert(pixels >= 1 && pixels <= (size_t)(width == 16 ? MOST16 : MOST8) && panel->segment == panel->k);
  assert(panel->channels >= 1 && panel->channels <= width);
  if (panel->k >= 16 && panel->channels == width) {
    (width == 16 ? run16 : run8)(panel, pixels, tiles, x, y, offset);
  } else {
    for (; tiles > 0; tiles--, x += pixels * panel->x_stride, y += pixels)
      mbconv_i8_run_staged_neon(width == 16 ? run16 : run8, panel, pixels, x, y, offset);
  }
}

#endif
