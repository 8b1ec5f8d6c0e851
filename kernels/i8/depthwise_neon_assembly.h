/* SPDX-License-Identifier: MIT
 *
 * Int8 depthwise on NEON with SDOT: 3x3 and 5x5 in assembly. 5x5's 14 vectors of weights and 8 of sums leave 10, with
 * which compilers copy sums around and load weights and scales at each step; and 3x3's rows are so short that what they
 * copy and save around a unit's is a tenth of all.
 *
 * The steps are depthwise_neon.h's, of 8 channels; their sums do not move on, but the steps' registers do: a step
 * stands there once for each sum that has begun. Steps before the first output begin sums alone, and at stride 2 the
 * last output's step reads its first column alone. For two rows of outputs rows 0 to 3 go together for both; the
 * weights of the second one are the first's, a tap further.
 *
 *     v0 - v7     sums: the oldest of them ends, and the newest takes its registers
 *     v8 - v17    weights of rows 0 to 3, column after column
 *     v14 - v19   of two rows: the second one's
 *     v18 - v21   weights of the fifth row: of its first four columns, of the last one
 *     v22 - v24   scales, zero point
 *     v25 - v31   inputs; at stride 2 v4 and v5, too
 */
#ifndef MBCONV_I8_DEPTHWISE_NEON_ASSEMBLY_H
#define MBCONV_I8_DEPTHWISE_NEON_ASSEMBLY_H

#include "depthwise_neon_rows.h"

#pragma GCC diagnostic ignored "-Woverlength-strings" /* no compiler minds the length of assembly */

#define LINE(text) text "\n\t"

/* A line of assembly each, or a part of a step. */
/* clang-format off */

/* ---- Parts of a step --------------------------------------------------------------------------------------------- */

/* 8 channels of a row's next column. */
#define LOAD(v, row) LINE("ld1 {v" #v ".8b}, [%[" #row "]], %[x_stride]")
#define ZIP(to, half, type, a, b) LINE("zip" #half " v" #to "." #type ", v" #a "." #type ", v" #b "." #type)

/* The next column of rows 0 to 3, for products: channels 0 to 3 in b, 4 to 7 in d. Of 3x3 the fourth has weights of 0. */
#define COLUMN4(a, b, c, d)                                                                          \
  LOAD(a, r0) LOAD(b, r1) LOAD(c, r2) LOAD(d, r3) ZIP(a, 1, 16b, a, b) ZIP(c, 1, 16b, c, d) FOURS(a, b, c, d)
#define COLUMN3(a, b, c, d)                                                                          \
  LOAD(a, r0) LOAD(b, r1) LOAD(c, r2) ZIP(a, 1, 16b, a, b) ZIP(c, 1, 16b, c, c) FOURS(a, b, c, d)
#define FOURS(a, b, c, d) ZIP(b, 1, 8h, a, c) ZIP(d, 2, 8h, a, c)

/* Four columns of the fifth row, from pairs of columns: channels 0 to 3 in `low`, 4 to 7 in `older`, which was the pair
 * before. */
#define WINDOW(low, older, pair) ZIP(low, 1, 8h, older, pair) ZIP(older, 2, 8h, older, pair)

/* Sums begin; products are added; sums are ended and stored. */
#define BEGIN(low, high) LINE("ldp q" #low ", q" #high ", [%[unit]]")
#define DOTS(low, high, w0, w1, x0, x1)                                                              \
  LINE("sdot v" #low ".4s, v" #w0 ".16b, v" #x0 ".16b")                                              \
  LINE("sdot v" #high ".4s, v" #w1 ".16b, v" #x1 ".16b")
#define CONVERT(low, high) LINE("scvtf v" #low ".4s, v" #low ".4s") LINE("scvtf v" #high ".4s, v" #high ".4s")
#define SCALE_SUMS(low, high)                                                                        \
  LINE("fmul v" #low ".4s, v" #low ".4s, v22.4s") LINE("fmul v" #high ".4s, v" #high ".4s, v23.4s")
#define ROUND(low, high) LINE("fcvtns v" #low ".4s, v" #low ".4s") LINE("fcvtns v" #high ".4s, v" #high ".4s")
#define STORE(to, low, high)                                                                         \
  LINE("uzp1 v" #low ".8h, v" #low ".8h, v" #high ".8h")                                             \
  LINE("add v" #low ".8h, v" #low ".8h, v24.8h")                                                     \
  LINE("sqxtn v" #low ".8b, v" #low ".8h")                                                           \
  LINE("st1 {v" #low ".8b}, [%[" #to "]], %[y_stride]")
#define END(low, high) CONVERT(low, high) SCALE_SUMS(low, high) ROUND(low, high) STORE(y, low, high)

#define CONSTANTS_OF_UNIT LINE("ldp q22, q23, [%[unit], #32]") LINE("dup v24.8h, %w[zero]")
#define WEIGHTS_3X3                                                                                  \
  LINE("ldp q8, q9, [%[unit], #64]") LINE("ldp q10, q11, [%[unit], #96]") LINE("ldp q12, q13, [%[unit], #128]")
#define WEIGHTS_5X5                                                                                  \
  WEIGHTS_3X3                                                                                        \
  LINE("ldp q14, q15, [%[unit], #160]")                                                              \
  LINE("ldp q16, q17, [%[unit], #192]")                                                              \
  LINE("ldp q18, q19, [%[unit], #224]")                                                              \
  LINE("ldp q20, q21, [%[unit], #256]")

/* n outputs. At stride 1 two of them: if only one is left, LESS leaves after it, and MORE_TO goes on after two if there
 * are more. At stride 2 one: it was the last, or not. */
#define TWO LINE("subs %[n], %[n], #2")
#define LESS_TO(label) LINE("b.lt " #label)
#define NO_MORE_TO(label) LINE("b.le " #label)
#define MORE_TO(label) LINE("b.gt " #label)
#define ONE LINE("subs %[n], %[n], #1")

/* ---- 3x3 at stride 1 --------------------------------------------------------------------------------------------- */

/* o and p: sums that have seen two columns and one. */
#define STEP_3X3S1(o, o1, p, p1)                                                                     \
  COLUMN3(25, 26, 27, 28) DOTS(o, o1, 12, 13, 26, 28) CONVERT(o, o1) DOTS(p, p1, 10, 11, 26, 28)     \
  SCALE_SUMS(o, o1) ROUND(o, o1) STORE(y, o, o1) BEGIN(o, o1) DOTS(o, o1, 8, 9, 26, 28)
#define WALK_3X3S1                                                                                   \
  CONSTANTS_OF_UNIT WEIGHTS_3X3                                                                      \
  COLUMN3(25, 26, 27, 28) BEGIN(0, 1) DOTS(0, 1, 8, 9, 26, 28)                                       \
  COLUMN3(25, 26, 27, 28) BEGIN(2, 3) DOTS(0, 1, 10, 11, 26, 28) DOTS(2, 3, 8, 9, 26, 28)            \
  LINE("1:") TWO STEP_3X3S1(0, 1, 2, 3) LESS_TO(2f) STEP_3X3S1(2, 3, 0, 1) MORE_TO(1b) LINE("2:")

/* ---- Two rows of 3x3 at stride 1 --------------------------------------------------------------------------------- */

/* The same of the first row, and m and q of the second one. */
#define STEP_TWO_ROWS(o, o1, p, p1, m, m1, q, q1)                                                    \
  COLUMN4(25, 26, 27, 28) DOTS(o, o1, 12, 13, 26, 28) DOTS(m, m1, 18, 19, 26, 28)                    \
  CONVERT(o, o1) CONVERT(m, m1) DOTS(p, p1, 10, 11, 26, 28) DOTS(q, q1, 16, 17, 26, 28)              \
  SCALE_SUMS(o, o1) SCALE_SUMS(m, m1) ROUND(o, o1) ROUND(m, m1) STORE(y, o, o1) STORE(y1, m, m1)     \
  BEGIN_TWO_ROWS(o, o1, m, m1)
#define BEGIN_TWO_ROWS(o, o1, m, m1)                                                                 \
  BEGIN(o, o1) BEGIN(m, m1) DOTS(o, o1, 8, 9, 26, 28) DOTS(m, m1, 14, 15, 26, 28)
#define TAP_FURTHER(to, w) LINE("shl v" #to ".4s, v" #w ".4s, #8")
#define WALK_TWO_ROWS                                                                                \
  CONSTANTS_OF_UNIT WEIGHTS_3X3 TAP_FURTHER(14, 8) TAP_FURTHER(15, 9) TAP_FURTHER(16, 10)            \
  TAP_FURTHER(17, 11) TAP_FURTHER(18, 12) TAP_FURTHER(19, 13)                                        \
  COLUMN4(25, 26, 27, 28) BEGIN_TWO_ROWS(0, 1, 4, 5)                                                 \
  COLUMN4(25, 26, 27, 28) DOTS(0, 1, 10, 11, 26, 28) DOTS(4, 5, 16, 17, 26, 28)                      \
  BEGIN_TWO_ROWS(2, 3, 6, 7)                                                                         \
  LINE("1:") TWO STEP_TWO_ROWS(0, 1, 2, 3, 4, 5, 6, 7) LESS_TO(2f)                                   \
  STEP_TWO_ROWS(2, 3, 0, 1, 6, 7, 4, 5) MORE_TO(1b) LINE("2:")

/* ---- 3x3 at stride 2 --------------------------------------------------------------------------------------------- */

#define WALK_3X3S2                                                                                   \
  CONSTANTS_OF_UNIT WEIGHTS_3X3                                                                      \
  COLUMN3(25, 26, 27, 28) COLUMN3(29, 30, 31, 4) BEGIN(0, 1)                                         \
  DOTS(0, 1, 8, 9, 26, 28) DOTS(0, 1, 10, 11, 30, 4) ONE NO_MORE_TO(2f)                              \
  LINE("1:") COLUMN3(25, 26, 27, 28) DOTS(0, 1, 12, 13, 26, 28) COLUMN3(29, 30, 31, 4)               \
  END(0, 1) BEGIN(0, 1) DOTS(0, 1, 8, 9, 26, 28) DOTS(0, 1, 10, 11, 30, 4) ONE MORE_TO(1b)           \
  LINE("2:") COLUMN3(25, 26, 27, 28) DOTS(0, 1, 12, 13, 26, 28) END(0, 1)

/* ---- 5x5 at stride 1 --------------------------------------------------------------------------------------------- */

/* o, p, q and r: sums that have seen 4, 3, 2 and 1 columns. `before` is the fifth row's column before, `older` and
 * `pair` pairs of its columns, the one that ended two steps before and this one's. */
#define STEP_5X5S1(o, o1, p, p1, q, q1, r, r1, before, column, older, pair, free)                    \
  LOAD(column, r4) ZIP(pair, 1, 16b, before, column) WINDOW(before, older, pair)                     \
  DOTS(o, o1, 20, 21, before, older) DOTS(p, p1, 18, 19, before, older)                              \
  COLUMN4(before, older, free, 31)                                                                   \
  DOTS(o, o1, 16, 17, older, 31) DOTS(p, p1, 14, 15, older, 31) CONVERT(o, o1)                       \
  DOTS(q, q1, 12, 13, older, 31) SCALE_SUMS(o, o1) DOTS(r, r1, 10, 11, older, 31) ROUND(o, o1)       \
  STORE(y, o, o1) BEGIN(o, o1) DOTS(o, o1, 8, 9, older, 31)
#define FIRST_STEPS_5X5S1                                                                            \
  LOAD(26, r4) COLUMN4(27, 28, 29, 31) BEGIN(0, 1) DOTS(0, 1, 8, 9, 28, 31)                          \
  LOAD(25, r4) ZIP(30, 1, 16b, 26, 25) COLUMN4(27, 28, 29, 31) DOTS(0, 1, 10, 11, 28, 31)            \
  BEGIN(2, 3) DOTS(2, 3, 8, 9, 28, 31)                                                               \
  LOAD(26, r4) ZIP(27, 1, 16b, 25, 26) COLUMN4(25, 28, 29, 31) DOTS(0, 1, 12, 13, 28, 31)            \
  DOTS(2, 3, 10, 11, 28, 31) BEGIN(4, 5) DOTS(4, 5, 8, 9, 28, 31)                                    \
  LOAD(25, r4) ZIP(28, 1, 16b, 26, 25) WINDOW(26, 30, 28) DOTS(0, 1, 18, 19, 26, 30)                 \
  COLUMN4(26, 30, 29, 31) DOTS(0, 1, 14, 15, 30, 31) DOTS(2, 3, 12, 13, 30, 31)                      \
  DOTS(4, 5, 10, 11, 30, 31) BEGIN(6, 7) DOTS(6, 7, 8, 9, 30, 31)
#define WALK_5X5S1                                                                                   \
  CONSTANTS_OF_UNIT WEIGHTS_5X5 FIRST_STEPS_5X5S1                                                    \
  LINE("1:") TWO STEP_5X5S1(0, 1, 2, 3, 4, 5, 6, 7, 25, 26, 27, 29, 30) LESS_TO(2f)                  \
  STEP_5X5S1(2, 3, 4, 5, 6, 7, 0, 1, 26, 25, 28, 30, 27) NO_MORE_TO(2f)                              \
  TWO STEP_5X5S1(4, 5, 6, 7, 0, 1, 2, 3, 25, 26, 29, 27, 28) LESS_TO(2f)                             \
  STEP_5X5S1(6, 7, 0, 1, 2, 3, 4, 5, 26, 25, 30, 28, 29) MORE_TO(1b) LINE("2:")

/* ---- 5x5 at stride 2 --------------------------------------------------------------------------------------------- */

/* o and p: sums that have seen two steps and one. */
#define STEP_5X5S2(o, o1, p, p1, older, pair)                                                        \
  LOAD(25, r4) LOAD(26, r4) ZIP(pair, 1, 16b, 25, 26) WINDOW(25, older, pair)                        \
  DOTS(o, o1, 20, 21, 25, older) DOTS(p, p1, 18, 19, 25, older)                                      \
  COLUMN4(29, 30, 31, 4) DOTS(o, o1, 16, 17, 30, 4) DOTS(p, p1, 12, 13, 30, 4) CONVERT(o, o1)        \
  COLUMN4(25, 26, older, 5) SCALE_SUMS(o, o1) DOTS(p, p1, 14, 15, 26, 5) ROUND(o, o1)                \
  STORE(y, o, o1) BEGIN(o, o1) DOTS(o, o1, 8, 9, 30, 4) DOTS(o, o1, 10, 11, 26, 5)
#define LAST_STEP_5X5S2(o, o1, older, pair)                                                          \
  LOAD(25, r4) ZIP(pair, 1, 16b, 25, 25) WINDOW(25, older, pair) DOTS(o, o1, 20, 21, 25, older)      \
  COLUMN4(29, 30, 31, 4) DOTS(o, o1, 16, 17, 30, 4) END(o, o1)
#define FIRST_STEPS_5X5S2                                                                            \
  LOAD(25, r4) LOAD(26, r4) ZIP(28, 1, 16b, 25, 26)                                                  \
  COLUMN4(29, 30, 31, 4) BEGIN(0, 1) DOTS(0, 1, 8, 9, 30, 4)                                         \
  COLUMN4(29, 30, 31, 4) DOTS(0, 1, 10, 11, 30, 4)                                                   \
  LOAD(25, r4) LOAD(26, r4) ZIP(27, 1, 16b, 25, 26) WINDOW(25, 28, 27) DOTS(0, 1, 18, 19, 25, 28)    \
  COLUMN4(29, 30, 31, 4) BEGIN(2, 3) DOTS(0, 1, 12, 13, 30, 4) DOTS(2, 3, 8, 9, 30, 4)               \
  COLUMN4(29, 30, 31, 4) DOTS(0, 1, 14, 15, 30, 4) DOTS(2, 3, 10, 11, 30, 4)
#define WALK_5X5S2                                                                                   \
  CONSTANTS_OF_UNIT WEIGHTS_5X5 FIRST_STEPS_5X5S2 ONE NO_MORE_TO(2f)                                 \
  LINE("1:") STEP_5X5S2(0, 1, 2, 3, 27, 28) ONE NO_MORE_TO(3f)                                       \
  STEP_5X5S2(2, 3, 0, 1, 28, 27) ONE MORE_TO(1b)                                                     \
  LINE("2:") LAST_STEP_5X5S2(0, 1, 27, 28) LINE("b 4f")                                              \
  LINE("3:") LAST_STEP_5X5S2(2, 3, 28, 27) LINE("4:")

/* clang-format on */

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

#define VECTORS_TO_SAVE "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15"

/* What the units of a row have in common: from channel 0 on. */
struct walks {
  const uint8_t *r0, *r1, *r2, *r3, *r4;
  size_t x_stride, y_stride, pixels;
  int32_t zero;
};

ALWAYS_INLINE struct walks walks_of(const size_t taps, const struct mbconv_depthwise_group *group, size_t pixels,
                                    const void *const *rows) {
  /* Once for all units: gcc would save them around each. */
  __asm__ volatile("" ::: VECTORS_TO_SAVE);
  return (struct walks){.r0 = row_of(taps, rows, 0),
                        .r1 = row_of(taps, rows, 1),
                        .r2 = row_of(taps, rows, 2),
                        .r3 = row_of(taps, rows, 3),
                        .r4 = row_of(taps, rows, 4),
                        .x_stride = group->x_stride,
                        .y_stride = group->y_stride,
                        .pixels = pixels,
                        .zero = group->ending.i8->zero - 128};
}

/* 8 channels from channel c of the rows on; of `two` rows of outputs, or one. */
ALWAYS_INLINE void walk_unit(const size_t kernel, const size_t stride, const struct walks *of, const char *unit,
                             const bool two, size_t c, uint8_t *y, uint8_t *y1) {
  const uint8_t *r0 = of->r0 + c, *r1 = of->r1 + c, *r2 = of->r2 + c, *r3 = of->r3 + c, *r4 = of->r4 + c;
  size_t n = of->pixels;
#define RUN(steps)                                                                                                 \
  __asm__ volatile(                                                                                                \
      steps                                                                                                        \
      : [r0] "+r"(r0), [r1] "+r"(r1), [r2] "+r"(r2), [r3] "+r"(r3), [r4] "+r"(r4), [y] "+r"(y), [y1] "+r"(y1),     \
        [n] "+r"(n)                                                                                                \
      : [unit] "r"(unit), [x_stride] "r"(of->x_stride), [y_stride] "r"(of->y_stride), [zero] "r"(of->zero)         \
      : VECTORS_TO_SAVE, "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17", "v18", "v19", "v20", "v21", \
        "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31", "cc", "memory")
  if (two)
    RUN(WALK_TWO_ROWS);
  else if (kernel == 3 && stride == 1)
    RUN(WALK_3X3S1);
  else if (kernel == 3)
    RUN(WALK_3X3S2);
  else if (stride == 1)
    RUN(WALK_5X5S1);
  else
    RUN(WALK_5X5S2);
#undef RUN
}

/* The channels from c on, whose first unit's weights are given, by a function of whole rows. */
static __attribute__((noinline)) void run_rest(size_t kernel, mbconv_depthwise_fn *rest,
                                               const struct mbconv_depthwise_group *group, size_t c, const char *unit,
                                               size_t pixels, const void *const *rows, uint8_t *y) {
  struct mbconv_depthwise_group of_rest = *group;
  const void *from[5];
  for (size_t i = 0; i < kernel; i++) from[i] = (const char *)rows[i] + c;
  of_rest.channels = group->channels - c;
  of_rest.weights = (const void *)unit;
  rest(&of_rest, pixels, from, y + c);
}

/* A row of outputs, or two; from the first unit on whose sums go by way of memory, or that has fewer channels, by
 * `rest`. */
ALWAYS_INLINE void walk_rows(const size_t kernel, const size_t stride, const bool two, mbconv_depthwise_fn *rest,
                             const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                             uint8_t *y, uint8_t *y1) {
  const struct mbconv_i8_ending *ending = group->ending.i8;
  const struct walks walks = walks_of(two ? 4 : kernel, group, pixels, rows);
  const bool later = ends_later(ending);
  const char *unit = (const char *)group->weights;
  for (size_t c = 0; c < group->channels; c += UNIT, unit += unit_bytes(kernel, ending)) {
    const int32_t *constants = (const int32_t *)(const void *)unit;
    if (group->channels - c < UNIT || ends_in_memory(ending, constants, UNIT)) {
      run_rest(kernel, rest, group, c, unit, pixels, rows, y);
      if (two) run_rest(kernel, rest, group, c, unit, pixels, rows + 1, y1);
      return;
    }
    walk_unit(kernel, stride, &walks, unit, two, c, y + c, two ? y1 + c : NULL);
    if (later) finish_later(ending, NULL, NULL, UNIT, NULL, pixels, y + c, group->y_stride);
    if (later && two) finish_later(ending, NULL, NULL, UNIT, NULL, pixels, y1 + c, group->y_stride);
  }
}

#endif
