/* SPDX-License-Identifier: MIT
 *
 * Int8 depthwise on vectors of 8 sums: a row of outputs, 8 channels at a time. The file that includes this one defines
 * a step.
 *
 * The walk. A row of outputs is made from left to right. Each step brings one column of input pixels, two at stride 2,
 * and adds them to all sums whose window covers it: the oldest sum is then done, and a new one begins. So inputs are
 * interleaved once for all windows that see them.
 *
 * A dot adds some products of a channel's inputs and weights to its sum: 4 bytes of inputs at once, or 2 words. Inputs
 * are taken from rows in the same column, and those of the last row, if no row is left to go with it, from columns.
 *
 * Packing: unit after unit of 8 channels, each the arrays of constants of panel.h and then the weights of a dot, 4
 * bytes for each channel, after those of another; and in TFLITE_DOUBLE the shifts. Dot i * kernel + j is of the i-th
 * rows that go together, in column j of the window; behind these are the last row's. Weights are operands in memory.
 */
#ifndef MBCONV_I8_DEPTHWISE_AVX2_H
#define MBCONV_I8_DEPTHWISE_AVX2_H

#include <string.h>

#include "panel.h" /* the arrays of constants */
#include "relu.h"
#include "requantize.h"
#include "requantize_avx2.h"
#include "set_avx2.h"
#include "store_upper.h"

enum { UNIT = MBCONV_I8_AVX2_UNIT, AT_ONCE = 4, ARRAY_BYTES = UNIT * 4, DOT_BYTES = UNIT * 4 };

/* ---- What the including file defines ----------------------------------------------------------------------------- */

/* The dots of an output. */
ALWAYS_INLINE size_t dots_of(size_t kernel);

/* Adds to a vector of sums. */
ALWAYS_INLINE void dot(__m256i *sum, __m256i x, const char *weights);

struct walk;
struct sums;

/* One step; sums that would have begun more than `newest` steps before do not exist. */
ALWAYS_INLINE void step(const size_t kernel, const size_t stride, const size_t newest, struct walk *walk,
                        struct sums *s);

/* ---- Packing ----------------------------------------------------------------------------------------------------- */

/* From a unit to its shifts, or to the next one if it has none. */
static size_t unit_bytes(size_t kernel) { return CONSTANTS * ARRAY_BYTES + dots_of(kernel) * DOT_BYTES; }

/* Packs a channel's constants, and returns where the weights of its unit begin. */
static inline void *pack_constants(void *data, size_t channel, size_t kernel, const struct mbconv_i8_channel *packed) {
  const size_t shifts = unit_bytes(kernel), behind = mbconv_i8_behind(packed->ending);
  int32_t *unit = (int32_t *)(void *)((char *)data + channel / UNIT * (shifts + UNIT * behind));
  mbconv_i8_pack_constants(unit, UNIT, channel % UNIT, kernel * kernel, packed);
  if (behind > 0) unit[shifts / sizeof *unit + channel % UNIT] = packed->shift;
  return unit + CONSTANTS * UNIT;
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

/* The sums that have begun; s1 has seen one step. `done` has seen all. */
struct sums {
  __m256i s1, s2, s3, s4, s5, s6, done;
};

ALWAYS_INLINE __m128i load(const char *x) { return _mm_loadl_epi64((const __m128i_u *)x); }

/* Keeps the order of dots: compilers would mix those of several steps and run out of registers. */
#ifdef MBCONV_MEMORY_SANITIZED
ALWAYS_INLINE void in_order_i8(__m256i *v) { (void)v; }
#else
ALWAYS_INLINE void in_order_i8(__m256i *v) { __asm__ volatile("" : "+x"(*v)::"memory"); }
#endif

ALWAYS_INLINE void dot_in_order(__m256i *sum, __m256i x, const char *weights) {
  dot(sum, x, weights);
  in_order_i8(sum);
}

/* Adds x to the sums that have seen `first`, first + by ... steps before, up to `newest`; of the sum that has seen s
 * steps its dot s / by * dots. All but x and the weights are constants. */
ALWAYS_INLINE void dots(const size_t steps, const size_t newest, const size_t by, struct sums *s, __m256i x,
                        const size_t next, const char *weights) {
  if (steps == 6 && newest >= 6) dot_in_order(&s->done, x, weights + 6 / by * next * DOT_BYTES);
  if (steps == 4 && newest >= 4) dot_in_order(&s->done, x, weights + 4 / by * next * DOT_BYTES);
  if (steps == 3 && newest >= 3) dot_in_order(&s->done, x, weights + 3 / by * next * DOT_BYTES);
  if (steps == 2 && newest >= 2) dot_in_order(&s->done, x, weights + 2 / by * next * DOT_BYTES);
  if (steps == 1 && newest >= 1) dot_in_order(&s->done, x, weights + 1 / by * next * DOT_BYTES);
  if (steps > 5 && newest >= 5 && 5 % by == 0) dot_in_order(&s->s6, x, weights + 5 / by * next * DOT_BYTES);
  if (steps > 4 && newest >= 4 && 4 % by == 0) dot_in_order(&s->s5, x, weights + 4 / by * next * DOT_BYTES);
  if (steps > 3 && newest >= 3 && 3 % by == 0) dot_in_order(&s->s4, x, weights + 3 / by * next * DOT_BYTES);
  if (steps > 2 && newest >= 2 && 2 % by == 0) dot_in_order(&s->s3, x, weights + 2 / by * next * DOT_BYTES);
  if (steps > 1 && newest >= 1 && 1 % by == 0) dot_in_order(&s->s2, x, weights + 1 / by * next * DOT_BYTES);
  dot_in_order(&s->s1, x, weights);
}

/* The sums move on by a step, and one begins. */
ALWAYS_INLINE void begin(const size_t steps, struct sums *s, const char *start) {
  s->done = steps == 6 ? s->s6 : steps == 4 ? s->s4 : steps == 3 ? s->s3 : steps == 2 ? s->s2 : s->s1;
  s->s6 = s->s5, s->s5 = s->s4, s->s4 = s->s3, s->s3 = s->s2, s->s2 = s->s1;
  s->s1 = _mm256_load_si256((const __m256i *)(const void *)start);
}

/* What a walk needs. */
struct walk {
  const char *const *rows;
  size_t x;        /* from rows to the column of the next step */
  size_t x_stride; /* to the next column */
  size_t odd;      /* stride 2: from a step's first column to its second */
  const char *weights;
  const char *start;                /* what sums begin with; read at each step, or it would take a register */
  __m128i before, before2, before3; /* what a step keeps for the next ones */
};

/* ---- Ends -------------------------------------------------------------------------------------------------------- */

struct row_end {
  struct end end;
  bool relu;
  const float *scale; /* of the unit */
  size_t y_stride;
  _Alignas(32) float addend[UNIT]; /* for scaled_relu() */
};

/* Sets what each unit has of its own. In place: gcc 12 would copy the rest in pieces. */
ALWAYS_INLINE void set_unit(struct row_end *e, const float *scale) {
  e->relu = mbconv_i8_ends_relu(scale);
  e->scale = scale;
  const __m256i bits = _mm256_load_si256((const __m256i *)(const void *)scale);
  _mm256_store_si256((__m256i *)(void *)e->addend, _mm256_add_epi32(bits, _mm256_set1_epi32(MBCONV_I8_RELU_EXPONENT)));
}

/* 4 pixels of whole numbers as bytes, pixel after pixel. */
ALWAYS_INLINE __m256i bytes_of(const bool zero, const struct end *end, __m256i a, __m256i b, __m256i c, __m256i d) {
  const __m256i join = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  return _mm256_permutevar8x32_epi32(to_bytes(!zero, end, a, b, c, d), join);
}

/* The ending is read from memory: it would take registers that the sums need. */
ALWAYS_INLINE void finish(const struct row_end *e, size_t pixels, char *y, __m256i a, __m256i b, __m256i c, __m256i d) {
  const float *scale = e->scale, *addend = e->addend;
  const __m256i bytes =
      e->relu ? bytes_of(false, &e->end, scaled_relu(a, scale, addend), scaled_relu(b, scale, addend),
                         scaled_relu(c, scale, addend), scaled_relu(d, scale, addend))
              : bytes_of(true, &e->end, scaled(a, scale), scaled(b, scale), scaled(c, scale), scaled(d, scale));
  const __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
  _mm_storel_epi64((__m128i_u *)y, low);
  if (pixels > 1) store_upper(y + e->y_stride, low);
  if (pixels > 2) _mm_storel_epi64((__m128i_u *)(y + 2 * e->y_stride), high);
  if (pixels > 3) store_upper(y + 3 * e->y_stride, high);
}

/* ---- Sums by way of memory, for fewer channels and for TFLite's rounding ----------------------------------------- */

enum { CHUNK = 32 };

struct stored {
  _Alignas(32) int32_t sums[CHUNK][UNIT];
};

/* Sums of scaled_relu() begin with more, and its scales are negated. `shifts` are read only if there are some. */
static __attribute__((noinline)) void finish_stored(const struct mbconv_i8_ending *ending, const int32_t *scales,
                                                    const int32_t *shifts, size_t channels, const struct stored *stored,
                                                    size_t pixels, char *y, size_t y_stride) {
  const bool relu = mbconv_i8_ends_relu(scales), shifted = mbconv_i8_behind(ending) > 0;
  for (size_t p = 0; p < pixels; p++, y += y_stride) {
    for (size_t c = 0; c < channels; c++) {
      union mbconv_i8_scale scale;
      memcpy(&scale, scales + c, sizeof scale);
      if (relu) scale.scale = -scale.scale;
      const uint32_t sum = (uint32_t)stored->sums[p][c] - (relu ? MBCONV_I8_RELU_START : 0);
      y[c] = (char)mbconv_requantize(ending, (int32_t)sum, scale, shifted ? shifts[c] : 0);
    }
  }
}

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

/* The steps before the first output is done. */
ALWAYS_INLINE void lead_in(const size_t kernel, const size_t stride, struct walk *walk, struct sums *s) {
  const size_t steps = stride == 1 ? kernel - 1 : kernel / 2;
  step(kernel, stride, 0, walk, s);
  if (steps > 1) step(kernel, stride, 1, walk, s);
  if (steps > 2) step(kernel, stride, 2, walk, s);
  if (steps > 3) step(kernel, stride, 3, walk, s);
  if (steps > 4) step(kernel, stride, 4, walk, s);
  if (steps > 5) step(kernel, stride, 5, walk, s);
}

/* 8 channels. */
ALWAYS_INLINE void unit_row(const size_t kernel, const size_t stride, const struct row_end *e, struct walk walk,
                            size_t pixels, char *y) {
  const __m256i zero = _mm256_setzero_si256();
  struct sums s = {zero, zero, zero, zero, zero, zero, zero};
  __asm__("" : "+r"(e)); /* or compilers would know that it is on the stack, and copy it there */
  lead_in(kernel, stride, &walk, &s);
  size_t p = 0;
  /* At stride 2 the last output's window ends with the first column of its step. */
  for (; p + AT_ONCE < pixels + (stride == 1); p += AT_ONCE, y += AT_ONCE * e->y_stride) {
    step(kernel, stride, kernel, &walk, &s);
    const __m256i a = s.done;
    step(kernel, stride, kernel, &walk, &s);
    const __m256i b = s.done;
    step(kernel, stride, kernel, &walk, &s);
    const __m256i c = s.done;
    step(kernel, stride, kernel, &walk, &s);
    finish(e, AT_ONCE, y, a, b, c, s.done);
  }
  __m256i a = zero, b = zero, c = zero, d = zero;
  const size_t rest = pixels - p;
  for (size_t i = 0; i < rest; i++) {
    if (p + i + 1 == pixels) walk.odd = 0;
    step(kernel, stride, kernel, &walk, &s);
    a = b, b = c, c = d, d = s.done;
  }
  if (rest == 1) finish(e, 1, y, d, d, d, d);
  if (rest == 2) finish(e, 2, y, c, d, d, d);
  if (rest == 3) finish(e, 3, y, b, c, d, d);
  if (rest == 4) finish(e, 4, y, a, b, c, d);
}

/* The same by way of memory; `sums` has room for CHUNK pixels. */
ALWAYS_INLINE void unit_sums(const size_t kernel, const size_t stride, struct walk walk, size_t pixels,
                             struct stored *stored) {
  const __m256i zero = _mm256_setzero_si256();
  struct sums s = {zero, zero, zero, zero, zero, zero, zero};
  __asm__("" : "+r"(stored));
  lead_in(kernel, stride, &walk, &s);
  for (size_t p = 0; p < pixels; p++) {
    if (p + 1 == pixels) walk.odd = 0;
    step(kernel, stride, kernel, &walk, &s);
    _mm256_store_si256((__m256i *)(void *)stored->sums[p], s.done);
  }
}

ALWAYS_INLINE void row(const size_t kernel, const size_t stride, const struct mbconv_depthwise_group *group,
                       size_t pixels, const void *const *rows, char *y) {
  const struct mbconv_i8_ending *ending = group->ending.i8;
  const char *unit = group->weights;
  const size_t apart = unit_bytes(kernel) + UNIT * mbconv_i8_behind(ending);
  struct row_end e = {.end = end_of(ending), .y_stride = group->y_stride};
  for (size_t c = 0; c < group->channels; c += UNIT, unit += apart) {
    const char *scale = unit + SCALE * ARRAY_BYTES;
    const size_t channels = group->channels - c < UNIT ? group->channels - c : UNIT;
    const bool stored = channels < UNIT || ending->rounding != MBCONV_I8_FP32;
    struct walk walk = {.rows = (const char *const *)rows,
                        .x = c,
                        .x_stride = group->x_stride,
                        .odd = group->x_stride,
                        .weights = unit + CONSTANTS * ARRAY_BYTES,
                        .start = unit + BIAS * ARRAY_BYTES,
                        .before = _mm_setzero_si128(),
                        .before2 = _mm_setzero_si128(),
                        .before3 = _mm_setzero_si128()};
    if (!stored) {
      set_unit(&e, (const float *)(const void *)scale);
      unit_row(kernel, stride, &e, walk, pixels, y + c);
      continue;
    }
    for (size_t first = 0, n; first < pixels; first += n, walk.x += n * stride * group->x_stride) {
      struct stored sums;
      n = pixels - first < CHUNK ? pixels - first : CHUNK;
      unit_sums(kernel, stride, walk, n, &sums);
      finish_stored(ending, (const int32_t *)(const void *)scale,
                    (const int32_t *)(const void *)(unit + unit_bytes(kernel)), channels, &sums, n,
                    y + c + first * group->y_stride, group->y_stride);
    }
  }
}

#endif
