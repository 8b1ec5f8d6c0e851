/* SPDX-License-Identifier: MIT
 *
 * Int8 depthwise on NEON: sums of 8 channels at a time, along a row of outputs. The file that includes this one defines
 * a step; depthwise_neon_rows.h makes rows of steps.
 *
 * The walk. A row of outputs is made from left to right. Each step brings one column of input pixels, two at stride 2,
 * and adds them to all sums whose window covers it: the oldest sum is then done, and a new one begins. So inputs are
 * made ready for products once for all windows that see them. Two outputs are narrowed together.
 *
 * Packing: unit after unit of 8 channels, each int32_t bias, float scale or int32_t multiplier; then the weights, whose
 * layout the including file knows; then, in TFLITE_DOUBLE, int32_t shift.
 */
#ifndef MBCONV_I8_DEPTHWISE_NEON_H
#define MBCONV_I8_DEPTHWISE_NEON_H

#include "requantize_neon.h"

enum { BIAS, SCALE, CONSTANTS, UNIT = 8, CHUNK = 32 };

/* 8 sums. */
struct pair {
  int32x4_t low, high;
};

/* The sums that have begun; s1 has seen one step. `done` has seen all. */
struct sums {
  struct pair s1, s2, s3, s4, s5, s6, done;
};

/* What a walk needs. */
struct walk {
  const uint8_t *r0, *r1, *r2, *r3, *r4, *r5, *r6; /* those that there are; in registers */
  size_t x;                                        /* from rows to the column of the next step */
  size_t x_stride;                                 /* to the next column */
  size_t odd;                                      /* stride 2: from a step's first column to its second */
  const int8_t *weights;
  const int32_t *bias;
  uint8x16_t before, before2, before3; /* what a step keeps for the next ones */
};

/* ---- What the including file defines ----------------------------------------------------------------------------- */

/* The bytes of a unit's weights. */
ALWAYS_INLINE size_t weight_bytes(size_t kernel);

/* How many of its vectors stay in registers. */
ALWAYS_INLINE size_t held_vectors(size_t kernel, size_t stride);

struct weights;

/* Adds the products of inputs and the i-th weights. */
struct inputs;
ALWAYS_INLINE void dot(const struct weights *w, const size_t i, const struct inputs *x, struct pair *sum);

/* One step; sums that would have begun more than `newest` steps before do not exist. */
ALWAYS_INLINE void step(const size_t kernel, const size_t stride, const size_t newest, const struct weights *w,
                        struct walk *walk, struct sums *s);

/* ---- Packing ----------------------------------------------------------------------------------------------------- */

/* From a unit to its shifts. */
ALWAYS_INLINE size_t shifts_at(size_t kernel) { return CONSTANTS * UNIT * sizeof(int32_t) + weight_bytes(kernel); }

ALWAYS_INLINE size_t unit_bytes(size_t kernel, const struct mbconv_i8_ending *ending) {
  return shifts_at(kernel) + UNIT * mbconv_i8_behind(ending);
}

/* Packs a channel's constants, and returns where the weights of its unit begin. */
static inline void *pack_constants(void *data, size_t channel, size_t kernel, const struct mbconv_i8_channel *packed) {
  int32_t *unit = (int32_t *)(void *)((char *)data + channel / UNIT * unit_bytes(kernel, packed->ending));
  pack_constants_at(unit, UNIT, channel % UNIT, kernel * kernel, packed);
  if (mbconv_i8_behind(packed->ending) > 0) unit[shifts_at(kernel) / sizeof *unit + channel % UNIT] = packed->shift;
  return unit + CONSTANTS * UNIT;
}

/* ---- Weights ----------------------------------------------------------------------------------------------------- */

/* A unit's vectors of weights: the first ones in registers, the others in memory. */
struct weights {
  int8x16_t w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13;
  const int8_t *memory;
  size_t held;
};

ALWAYS_INLINE int8x16_t held(const int8_t *weights, const size_t i, const size_t count) {
  if (i >= count) return vdupq_n_s8(0);
  int8x16_t v = vld1q_s8(weights + i * 16);
  __asm__("" : "+w"(v)); /* or compilers would load it again and again */
  return v;
}

ALWAYS_INLINE struct weights load_weights(const size_t kernel, const size_t stride, const int8_t *weights) {
  const size_t n = held_vectors(kernel, stride);
  return (struct weights){held(weights, 0, n),
                          held(weights, 1, n),
                          held(weights, 2, n),
                          held(weights, 3, n),
                          held(weights, 4, n),
                          held(weights, 5, n),
                          held(weights, 6, n),
                          held(weights, 7, n),
                          held(weights, 8, n),
                          held(weights, 9, n),
                          held(weights, 10, n),
                          held(weights, 11, n),
                          held(weights, 12, n),
                          held(weights, 13, n),
                          weights,
                          n};
}

ALWAYS_INLINE int8x16_t weight(const struct weights *w, const size_t i) {
  if (i >= w->held) return vld1q_s8(w->memory + i * 16);
  return i == 0    ? w->w0
         : i == 1  ? w->w1
         : i == 2  ? w->w2
         : i == 3  ? w->w3
         : i == 4  ? w->w4
         : i == 5  ? w->w5
         : i == 6  ? w->w6
         : i == 7  ? w->w7
         : i == 8  ? w->w8
         : i == 9  ? w->w9
         : i == 10 ? w->w10
         : i == 11 ? w->w11
         : i == 12 ? w->w12
                   : w->w13;
}

/* ---- Walks ------------------------------------------------------------------------------------------------------ */

ALWAYS_INLINE const uint8_t *row_of(const size_t kernel, const void *const *rows, const size_t i) {
  const uint8_t *row = rows[i < kernel ? i : 0];
  __asm__("" : "+r"(row)); /* or compilers would read it from `rows` at each step */
  return row;
}

/* A unit's walk, from channel c of the rows on. */
ALWAYS_INLINE struct walk walk_of(const size_t kernel, const struct mbconv_depthwise_group *group,
                                  const int32_t *constants, const void *const *rows, size_t c) {
  return (struct walk){.r0 = row_of(kernel, rows, 0),
                       .r1 = row_of(kernel, rows, 1),
                       .r2 = row_of(kernel, rows, 2),
                       .r3 = row_of(kernel, rows, 3),
                       .r4 = row_of(kernel, rows, 4),
                       .r5 = row_of(kernel, rows, 5),
                       .r6 = row_of(kernel, rows, 6),
                       .x = c,
                       .x_stride = group->x_stride,
                       .odd = group->x_stride,
                       .weights = (const int8_t *)(constants + CONSTANTS * UNIT),
                       .bias = constants + BIAS * UNIT,
                       .before = vdupq_n_u8(0),
                       .before2 = vdupq_n_u8(0),
                       .before3 = vdupq_n_u8(0)};
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

/* 8 bytes. In assembly: compilers would copy them to put zeros behind. */
ALWAYS_INLINE uint8x16_t load8(const uint8_t *x, size_t at) {
  uint8x16_t v;
  __asm__("ldr %d0, [%1, %2]" : "=w"(v) : "r"(x), "r"(at), "m"(*(const uint8_t(*)[8])(x + at)));
  return v;
}

ALWAYS_INLINE void hold_pair(struct pair *sum) {
  hold(&sum->low);
  hold(&sum->high);
}

/* The sums move on by a step, and one begins. */
ALWAYS_INLINE void begin(const size_t steps, struct sums *s, const int32_t *bias) {
  s->done = steps == 6 ? s->s6 : steps == 4 ? s->s4 : steps == 3 ? s->s3 : steps == 2 ? s->s2 : s->s1;
  s->s6 = s->s5, s->s5 = s->s4, s->s4 = s->s3, s->s3 = s->s2, s->s2 = s->s1;
  s->s1 = (struct pair){vld1q_s32(bias), vld1q_s32(bias + LANES)};
}

ALWAYS_INLINE struct pair *sum_that_has_seen(const size_t steps, const size_t seen, struct sums *s) {
  if (seen == steps) return &s->done;
  return seen == 0   ? &s->s1
         : seen == 1 ? &s->s2
         : seen == 2 ? &s->s3
         : seen == 3 ? &s->s4
         : seen == 4 ? &s->s5
                     : &s->s6;
}

/* Adds a column to all sums that cover it: dot first + seen * stride to those that have seen so many steps. */
ALWAYS_INLINE void dots(const size_t kernel, const size_t stride, const size_t newest, const size_t first,
                        const struct weights *w, const struct inputs *x, struct sums *s) {
  const size_t steps = stride == 1 ? kernel - 1 : kernel / 2;
  if (steps >= 6 && newest >= 6) dot(w, first + 6 * stride, x, sum_that_has_seen(steps, 6, s));
  if (steps >= 5 && newest >= 5) dot(w, first + 5 * stride, x, sum_that_has_seen(steps, 5, s));
  if (steps >= 4 && newest >= 4) dot(w, first + 4 * stride, x, sum_that_has_seen(steps, 4, s));
  if (steps >= 3 && newest >= 3) dot(w, first + 3 * stride, x, sum_that_has_seen(steps, 3, s));
  if (steps >= 2 && newest >= 2) dot(w, first + 2 * stride, x, sum_that_has_seen(steps, 2, s));
  if (steps >= 1 && newest >= 1) dot(w, first + 1 * stride, x, sum_that_has_seen(steps, 1, s));
  dot(w, first, x, &s->s1);
}

#endif
