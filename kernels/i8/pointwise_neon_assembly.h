/* SPDX-License-Identifier: MIT
 *
 * Int8 tiles of up to 6 pixels x 16 channels in assembly, for SDOT and for SMMLA: 24 sums, 6 vectors of pixels and 2 of
 * weights are all registers that there are, and compilers copy some of them around. The file that includes this one
 * defines what 4, 5 and 6 pixels run, TILE4, TILE5 and TILE6, of the parts below and its own.
 *
 *     operations beside the chunks of k, of 6 x 16      SDOT    SMMLA
 *     biases and scales                                   28       32
 *     scale                                               72       72
 *     narrow, add the zero point                          37       37
 *     put pixels' bytes together                                    6
 *     store                                               12       12
 *
 * x moves on by the load of pixel 0, the last of a chunk, and the weights by a chunk's first load.
 */
#ifndef MBCONV_I8_POINTWISE_NEON_ASSEMBLY_H
#define MBCONV_I8_POINTWISE_NEON_ASSEMBLY_H

#include "pointwise_neon.h"

#define LINE(text) text "\n\t"

#pragma GCC diagnostic ignored "-Woverlength-strings" /* no compiler minds the length of assembly */

/* ---- Registers: a number each, as macros can count nowhere ----------------------------------------------------------
 *
 * f is given for each pixel, or pair of pixels, numbers and whatever follows f. */

/* The four sums of a pixel, where it is itself, its place in the list of outputs. */
#define PIXELS4(f, ...)                                                                                    \
  f(0, 1, 2, 3, 24, 0, __VA_ARGS__) f(4, 5, 6, 7, 25, 8, __VA_ARGS__) f(8, 9, 10, 11, 26, 16, __VA_ARGS__) \
      f(12, 13, 14, 15, 27, 24, __VA_ARGS__)
#define PIXELS5(f, ...) PIXELS4(f, __VA_ARGS__) f(16, 17, 18, 19, 28, 32, __VA_ARGS__)
#define PIXELS6(f, ...) PIXELS5(f, __VA_ARGS__) f(20, 21, 22, 23, 29, 40, __VA_ARGS__)

/* ---- Parts of a tile --------------------------------------------------------------------------------------------- */

/* 16 bytes, 8 or 4 (q, d or s) of all pixels; x moves on by `bytes`. */
#define LOAD4(r, bytes)               \
  LINE("ldr " #r "25, [%[x], %[x1]]") \
  LINE("ldr " #r "26, [%[x], %[x2]]") \
  LINE("ldr " #r "27, [%[x], %[x3]]") \
  LOAD_FIRST(r, bytes)
#define LOAD5(r, bytes) LINE("ldr " #r "28, [%[x], %[x4]]") LOAD4(r, bytes)
#define LOAD6(r, bytes) LINE("ldr " #r "29, [%[x], %[x5]]") LOAD5(r, bytes)
#define LOAD_FIRST(r, bytes) LINE("ldr " #r "24, [%[x]], #" #bytes)

/* Two vectors of weights, after a chunk's first ones, which move w to its end. */
#define WEIGHTS(at) LINE("ldp q30, q31, [%[w], #" #at "]")
#define FIRST_WEIGHTS(bytes) LINE("ldp q30, q31, [%[w]], #" #bytes)

/* Sums are scaled, rounded, and narrowed to words. */
#define CONVERT(a, b, c, d, ...)       \
  LINE("scvtf v" #a ".4s, v" #a ".4s") \
  LINE("scvtf v" #b ".4s, v" #b ".4s") \
  LINE("scvtf v" #c ".4s, v" #c ".4s") \
  LINE("scvtf v" #d ".4s, v" #d ".4s")
#define SCALE_BY(s0, s1, s2, s3, a, b, c, d)       \
  LINE("fmul v" #a ".4s, v" #a ".4s, v" #s0 ".4s") \
  LINE("fmul v" #b ".4s, v" #b ".4s, v" #s1 ".4s") \
  LINE("fmul v" #c ".4s, v" #c ".4s, v" #s2 ".4s") \
  LINE("fmul v" #d ".4s, v" #d ".4s, v" #s3 ".4s")
#define ROUND(a, b, c, d, ...)          \
  LINE("fcvtns v" #a ".4s, v" #a ".4s") \
  LINE("fcvtns v" #b ".4s, v" #b ".4s") \
  LINE("fcvtns v" #c ".4s, v" #c ".4s") \
  LINE("fcvtns v" #d ".4s, v" #d ".4s")
#define TO_WORDS(a, b, c, d, ...)                 \
  LINE("uzp1 v" #a ".8h, v" #a ".8h, v" #b ".8h") \
  LINE("uzp1 v" #c ".8h, v" #c ".8h, v" #d ".8h")
#define ADD_ZERO(a, b, c, ...)               \
  LINE("add v" #a ".8h, v" #a ".8h, v31.8h") \
  LINE("add v" #c ".8h, v" #c ".8h, v31.8h")
#define TO_BYTES(a, b, c, ...)         \
  LINE("sqxtn v" #a ".8b, v" #a ".8h") \
  LINE("sqxtn2 v" #a ".16b, v" #c ".8h")
#define NARROW(pixels) \
  pixels(ROUND, 0) pixels(TO_WORDS, 0) LINE("dup v31.8h, %w[zero]") pixels(ADD_ZERO, 0) pixels(TO_BYTES, 0)

#define STORE(a, list)                 \
  LINE("ldr %[t], [%[y], #" #list "]") \
  LINE("str q" #a ", [%[t], %[offset]]")

#define STORE_SUMS(a, b, c, d, ...) LINE("st1 {v" #a ".4s-v" #d ".4s}, [%[sums]], #64")

#define EVERY_VECTOR                                                                                                  \
  "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", \
      "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31"

/* ---- Tiles ------------------------------------------------------------------------------------------------------- */

/* What tiles of a run have in common: from pixel 0 to the others, and in what they end. */
struct tiles {
  size_t k, x1, x2, x3, x4, x5, offset;
  const int32_t *bias;
  const char *weights;
  int32_t zero;
  int32_t *sums; /* NULL, or where they are stored instead of outputs */
};

/* One tile at x. */
ALWAYS_INLINE void tile16(const size_t rows, const struct tiles *of, const uint8_t *x, void *const *y) {
  const char *w = of->weights;
  const int32_t *bias = of->bias;
  int32_t *sums = of->sums;
  size_t n = of->k / 16, t;
#define RUN(tile)                                                                                              \
  __asm__ volatile(tile                                                                                        \
                   : [x] "+r"(x), [w] "+r"(w), [n] "+r"(n), [bias] "+r"(bias), [sums] "+r"(sums), [t] "=&r"(t) \
                   : [k] "r"(of->k), [x1] "r"(of->x1), [x2] "r"(of->x2), [x3] "r"(of->x3), [x4] "r"(of->x4),   \
                     [x5] "r"(of->x5), [y] "r"(y), [offset] "r"(of->offset), [zero] "r"(of->zero)              \
                   : EVERY_VECTOR, "cc", "memory")
  if (rows == 6)
    RUN(TILE6);
  else if (rows == 5)
    RUN(TILE5);
  else
    RUN(TILE4);
#undef RUN
}

/* The pixels that code is there for, at least `pixels`. */
ALWAYS_INLINE size_t rows_of(size_t pixels) { return pixels <= 4 ? 4 : PIXEL_STEP == 1 ? pixels : 6; }

/* From pixel 0 to pixel i; those that are not there are the last one once more. */
ALWAYS_INLINE size_t to_pixel(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t i) {
  return opaque((i < pixels ? i : pixels - 1) * panel->x_stride);
}

static __attribute__((noinline)) void run16(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                            const uint8_t *x, void *const *y, size_t offset) {
  int32_t sums[MOST16 * 16];
  const struct mbconv_i8_ending *ending = panel->ending.i8;
  const bool stored = ends_in_memory(ending, panel->bias, 16), later = stored || ends_later(ending);
  const struct panel_end e = {panel, offset, pixels};
  const size_t rows = rows_of(pixels), step = pixels * panel->x_stride;
  const struct tiles of = {.k = panel->k,
                           .x1 = to_pixel(panel, pixels, 1),
                           .x2 = to_pixel(panel, pixels, 2),
                           .x3 = to_pixel(panel, pixels, 3),
                           .x4 = to_pixel(panel, pixels, 4),
                           .x5 = to_pixel(panel, pixels, 5),
                           .offset = offset,
                           .bias = panel->bias,
                           .weights = panel->weights,
                           .zero = ending->zero - 128,
                           .sums = stored ? sums : NULL};
  for (; tiles > 0; tiles--, x += step, y += pixels) {
    void *some[MOST16], *const *to = y;
    if (pixels < rows) {
      for (size_t i = 0; i < rows; i++) some[i] = y[i < pixels ? i : pixels - 1];
      to = some;
    }
    if (rows == 6)
      tile16(6, &of, x, to);
    else if (PIXEL_STEP == 1 && rows == 5)
      tile16(5, &of, x, to);
    else
      tile16(4, &of, x, to);
    if (stored) put_in_order(sums);
    if (later) finish_later(16, &e, y, stored ? sums : NULL);
  }
}

#endif
