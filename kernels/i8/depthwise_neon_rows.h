/* SPDX-License-Identifier: MIT
 *
 * Int8 depthwise on NEON: rows of outputs, of the steps that the including file defines.
 */
#ifndef MBCONV_I8_DEPTHWISE_NEON_ROWS_H
#define MBCONV_I8_DEPTHWISE_NEON_ROWS_H

#include "depthwise_neon.h"

/* ---- Ends -------------------------------------------------------------------------------------------------------- */

struct row_end {
  int16x8_t zero;
  float32x4_t low, high; /* scales */
  size_t y_stride, two_rows;
};

ALWAYS_INLINE struct row_end row_end_of(const struct mbconv_depthwise_group *group, const int32_t *constants) {
  const float *scale = (const float *)(constants + SCALE * UNIT);
  return (struct row_end){zero_of(group->ending.i8), vld1q_f32(scale), vld1q_f32(scale + LANES), group->y_stride,
                          opaque(2 * group->y_stride)};
}

/* Whole numbers of 16 bits. */
ALWAYS_INLINE int16x8_t words_of(const struct row_end *e, struct pair a) {
  return low_words(scaled(a.low, e->low), scaled(a.high, e->high));
}

/* Two pixels. */
ALWAYS_INLINE void finish_two(const struct row_end *e, uint8_t *y, int16x8_t a, int16x8_t b) {
  const uint8x16_t bytes = words_to_bytes(e->zero, a, b);
  vst1q_lane_u64((uint64_t *)(void *)y, vreinterpretq_u64_u8(bytes), 0);
  vst1q_lane_u64((uint64_t *)(void *)(y + e->y_stride), vreinterpretq_u64_u8(bytes), 1);
}

ALWAYS_INLINE void finish_one(const struct row_end *e, uint8_t *y, struct pair a) {
  const int16x8_t words = words_of(e, a);
  vst1_u8(y, vget_low_u8(words_to_bytes(e->zero, words, words)));
}

/* What few endings have, behind the stores. With `stored` the sums have come by way of memory, which may be for
 * fewer channels. */
static __attribute__((noinline)) void finish_later(const struct mbconv_i8_ending *ending, const int32_t *scales,
                                                   const int32_t *shifts, size_t channels, int32_t (*stored)[UNIT],
                                                   size_t pixels, uint8_t *y, size_t y_stride) {
  for (size_t p = 0; p < pixels; p++, y += y_stride) {
    if (stored)
      mbconv_i8_requantize_neon(ending, scales, shifts, channels, stored[p], y);
    else
      mbconv_i8_end_later_neon(ending, UNIT, y);
  }
}

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

/* The steps before the first output is done, of 3x3 and 5x5. */
ALWAYS_INLINE void lead_in(const size_t kernel, const size_t stride, const struct weights *w, struct walk *walk,
                           struct sums *s) {
  const size_t steps = stride == 1 ? kernel - 1 : kernel / 2;
  step(kernel, stride, 0, w, walk, s);
  if (steps > 1) step(kernel, stride, 1, w, walk, s);
  if (steps > 2) step(kernel, stride, 2, w, walk, s);
  if (steps > 3) step(kernel, stride, 3, w, walk, s);
}

ALWAYS_INLINE struct sums no_sums(void) {
  const int32x4_t zero = vdupq_n_s32(0);
  const struct pair none = {zero, zero};
  return (struct sums){none, none, none, none, none, none, none};
}

/* Two outputs of a row. */
ALWAYS_INLINE uint8_t *two_outputs(const size_t kernel, const size_t stride, const struct row_end *e,
                                   const struct weights *w, struct walk *walk, struct sums *s, uint8_t *y) {
  step(kernel, stride, kernel, w, walk, s);
  int16x8_t words = words_of(e, s->done);
  __asm__ volatile("" : "+w"(words)::"memory");
  step(kernel, stride, kernel, w, walk, s);
  finish_two(e, y, words, words_of(e, s->done));
  return y + e->two_rows;
}

/* 8 channels: finished or, if there is `stored`, which has room for CHUNK pixels, their sums; always these
 * without `in_registers`. */
ALWAYS_INLINE void unit_row(const size_t kernel, const size_t stride, const bool in_registers, const struct row_end *e,
                            struct walk walk, size_t pixels, uint8_t *y, int32_t (*stored)[UNIT]) {
  const bool unrolled = in_registers && kernel < 7; /* which is too long */
  const struct weights w = load_weights(kernel, stride, walk.weights);
  struct sums s = no_sums();
  if (kernel > 3) __asm__("" : "+r"(e)); /* the sums need the registers that the ending would take */
  __asm__("" : "+r"(stored));            /* hides that it is on the stack, where no vector of the loop may go */
  if (unrolled) lead_in(kernel, stride, &w, &walk, &s);
  const size_t at_once = stride == 1 ? 4 : 2; /* 2 would copy more sums at stride 1 */
  size_t p = 0;
  /* At stride 2 the last output's window ends with the first column of its step. */
  for (; unrolled && !stored && p + at_once < pixels + (stride == 1); p += at_once) {
    y = two_outputs(kernel, stride, e, &w, &walk, &s, y);
    if (at_once > 2) y = two_outputs(kernel, stride, e, &w, &walk, &s, y);
  }
  /* Else one step is all the code. Those before the first output are whole ones: what they add to sums that do not
   * exist is of no consequence. */
  size_t before = unrolled ? 0 : stride == 1 ? kernel - 1 : kernel / 2;
  NO_UNROLL
  while (p < pixels) {
    if (before == 0 && p + 1 == pixels) walk.odd = 0;
    step(kernel, stride, kernel, &w, &walk, &s);
    if (before > 0) {
      before--;
      continue;
    }
    if (in_registers && !stored) {
      finish_one(e, y, s.done);
    } else {
      vst1q_s32(stored[p], s.done.low);
      vst1q_s32(stored[p] + LANES, s.done.high);
    }
    p++, y += e->y_stride;
  }
}

/* A row of outputs. Without `in_registers` all sums go by way of memory. */
ALWAYS_INLINE void row(const size_t kernel, const size_t stride, const bool in_registers,
                       const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows, uint8_t *y) {
  const struct mbconv_i8_ending *ending = group->ending.i8;
  const char *unit = group->weights;
  for (size_t c = 0; c < group->channels; c += UNIT, unit += unit_bytes(kernel, ending)) {
    const int32_t *constants = (const int32_t *)(const void *)unit;
    const int32_t *scales = constants + SCALE * UNIT, *shifts = constants + shifts_at(kernel) / sizeof *constants;
    const size_t channels = group->channels - c < UNIT ? group->channels - c : UNIT;
    struct walk walk = walk_of(kernel, group, constants, rows, c);
    const struct row_end e = row_end_of(group, constants);
    const bool whole = in_registers && channels == UNIT && !ends_in_memory(ending, constants, UNIT);
    for (size_t first = 0, n; first < pixels; first += n, walk.x += n * stride * group->x_stride) {
      int32_t sums[CHUNK][UNIT], (*stored)[UNIT] = whole ? NULL : sums;
      n = pixels - first < CHUNK || whole ? pixels - first : CHUNK;
      uint8_t *to = y + c + first * group->y_stride;
      unit_row(kernel, stride, in_registers, &e, walk, n, to, stored);
      if (!whole || ends_later(ending)) finish_later(ending, scales, shifts, channels, stored, n, to, group->y_stride);
    }
  }
}

#endif
