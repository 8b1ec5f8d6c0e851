/* SPDX-License-Identifier: MIT
 *
 * Int8 depthwise on NEON with SDOT: depthwise_neon.h says how a row is made.
 *
 * SDOT adds four products of signed bytes. So the taps of a window are taken four at a time: of rows 0 to 3 and 4 to 7
 * in the same column, rows that do not exist with weights of 0; the fifth row of 5x5 by four columns.
 *
 *     operations for 8 outputs      3x3 s1    s2   5x5 s1    s2   7x7 s1    s2
 *     load inputs                        3     6        5    10        7    14
 *     interleave                         4     8        7    11        8    16
 *     SDOT                               6     6       14    14       28    28
 *     load weights                       0     0        0     0       28    28
 *     begin a sum                        2     2        2     2        2     2
 *     scale, narrow, clamp, store       13    13       13    13       13    13
 *
 * The weights of 3x3 and 5x5 stay in registers, 6 and 14 vectors beside up to 10 of sums: in depthwise_neon_assembly.h,
 * but for sums that go by way of memory.
 *
 * A unit's weights: [dot][8 channels][4 taps]. Dot i * kernel + j is of the i-th rows that go together, in column j of
 * the window; behind these are the two of the fifth row.
 */
#include "depthwise_neon_assembly.h"
#include "set_neon_dotprod.h"

/* Rows that go together. */
ALWAYS_INLINE size_t quads_of(size_t kernel) { return kernel == 7 ? 2 : 1; }
ALWAYS_INLINE size_t dots_of(size_t kernel) { return quads_of(kernel) * kernel + (kernel == 5 ? 2 : 0); }
ALWAYS_INLINE size_t weight_bytes(size_t kernel) { return dots_of(kernel) * UNIT * 4; }
ALWAYS_INLINE size_t held_vectors(size_t kernel, size_t stride) {
  return kernel == 3 ? 6 : kernel == 5 ? (stride == 1 ? 10 : 14) : 0;
}

void mbconv_i8_pack_depthwise_neon_dotprod(void *data, size_t channel, size_t kernel, size_t stride,
                                           const struct mbconv_i8_channel *packed) {
  int8_t(*dots)[UNIT][4] = pack_constants(data, channel, kernel, packed);
  const size_t rows = kernel == 5 ? 4 : kernel;
  for (size_t tap = 0; tap < rows * kernel; tap++) {
    const size_t row = tap / kernel, column = tap % kernel;
    dots[row / 4 * kernel + column][channel % UNIT][row % 4] = packed->weight[tap];
  }
  /* The columns of the fifth row: 0 to 3, and then at stride 1 columns 1 to 4, at stride 2 columns 2 to 5. */
  if (kernel == 5) {
    for (size_t column = 0; column < 4; column++) dots[5][channel % UNIT][column] = packed->weight[20 + column];
    dots[6][channel % UNIT][4 - stride] = packed->weight[24];
  }
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

/* Four bytes of each of 8 channels. */
struct inputs {
  int8x16_t low, high;
};

/* From two vectors of {x y} one of {x y x' y'} for each channel. */
ALWAYS_INLINE struct inputs fours_of(uint8x16_t xy, uint8x16_t more) {
  const uint16x8_t a = vreinterpretq_u16_u8(xy), b = vreinterpretq_u16_u8(more);
  return (struct inputs){vreinterpretq_s8_u16(vzip1q_u16(a, b)), vreinterpretq_s8_u16(vzip2q_u16(a, b))};
}

/* {x y} for each channel. */
ALWAYS_INLINE uint8x16_t twos_of(uint8x16_t x, uint8x16_t y) { return vzip1q_u8(x, y); }

ALWAYS_INLINE void dot(const struct weights *w, const size_t i, const struct inputs *x, struct pair *sum) {
  sum->low = vdotq_s32(sum->low, weight(w, 2 * i), x->low);
  sum->high = vdotq_s32(sum->high, weight(w, 2 * i + 1), x->high);
  hold_pair(sum);
}

/* The `quad`-th rows that go together. */
ALWAYS_INLINE struct inputs column_of(const size_t kernel, const size_t quad, const struct walk *walk, size_t x) {
  const uint8x16_t third = load8(quad == 0 ? walk->r2 : walk->r6, x);
  const uint8x16_t fourth = kernel > 3 && quad == 0 ? load8(walk->r3, x) : third;
  const uint8x16_t first = load8(quad == 0 ? walk->r0 : walk->r4, x);
  return fours_of(twos_of(first, load8(quad == 0 ? walk->r1 : walk->r5, x)), twos_of(third, fourth));
}

/* Their dots of a step. */
ALWAYS_INLINE void quad(const size_t kernel, const size_t stride, const size_t newest, const size_t i,
                        const struct weights *w, const struct walk *walk, size_t odd, struct sums *s) {
  const struct inputs first = column_of(kernel, i, walk, walk->x);
  dots(kernel, stride, newest, i * kernel, w, &first, s);
  if (stride == 1) return;
  const size_t steps = kernel / 2, begun = newest < steps ? newest : steps - 1; /* the last has no second column */
  const struct inputs second = column_of(kernel, i, walk, odd);
  dots(kernel, stride, begun, i * kernel + 1, w, &second, s);
}

ALWAYS_INLINE void step(const size_t kernel, const size_t stride, const size_t newest, const struct weights *w,
                        struct walk *walk, struct sums *s) {
  const size_t steps = stride == 1 ? kernel - 1 : kernel / 2; /* before the one that ends a sum */
  const size_t odd = walk->x + walk->odd;
  fix_order();
  begin(steps, s, walk->bias);
  quad(kernel, stride, newest, 0, w, walk, odd, s);
  if (kernel == 7) quad(kernel, stride, newest, 1, w, walk, odd, s);
  if (kernel == 5) {
    const uint8x16_t last = load8(walk->r4, walk->x);
    const uint8x16_t two = stride == 1 ? twos_of(walk->before, last) : twos_of(last, load8(walk->r4, odd));
    const struct inputs window = fours_of(walk->before2, two);
    if (newest >= steps) dot(w, 6, &window, &s->done);
    if (newest + 1 >= steps) dot(w, 5, &window, stride == 1 ? &s->s4 : &s->s2);
    walk->before2 = stride == 1 ? walk->before3 : two;
    walk->before3 = two;
    walk->before = last;
  }
  walk->x = opaque(walk->x + stride * walk->x_stride);
}

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

static void rest_3x3s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows, void *y) {
  row(3, 1, false, group, pixels, rows, y);
}

void mbconv_i8_depthwise_neon_dotprod_3x3s1(const struct mbconv_depthwise_group *group, size_t pixels,
                                            const void *const *rows, void *y) {
  walk_rows(3, 1, false, rest_3x3s1, group, pixels, rows, y, NULL);
}

void mbconv_i8_depthwise_neon_dotprod_3x3s1_pair(const struct mbconv_depthwise_group *group, size_t pixels,
                                                 const void *const *rows, void *y0, void *y1) {
  walk_rows(3, 1, true, rest_3x3s1, group, pixels, rows, y0, y1);
}

static void rest_3x3s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows, void *y) {
  row(3, 2, false, group, pixels, rows, y);
}

void mbconv_i8_depthwise_neon_dotprod_3x3s2(const struct mbconv_depthwise_group *group, size_t pixels,
                                            const void *const *rows, void *y) {
  walk_rows(3, 2, false, rest_3x3s2, group, pixels, rows, y, NULL);
}

static void rest_5x5s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows, void *y) {
  row(5, 1, false, group, pixels, rows, y);
}

void mbconv_i8_depthwise_neon_dotprod_5x5s1(const struct mbconv_depthwise_group *group, size_t pixels,
                                            const void *const *rows, void *y) {
  walk_rows(5, 1, false, rest_5x5s1, group, pixels, rows, y, NULL);
}

static void rest_5x5s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows, void *y) {
  row(5, 2, false, group, pixels, rows, y);
}

void mbconv_i8_depthwise_neon_dotprod_5x5s2(const struct mbconv_depthwise_group *group, size_t pixels,
                                            const void *const *rows, void *y) {
  walk_rows(5, 2, false, rest_5x5s2, group, pixels, rows, y, NULL);
}

void mbconv_i8_depthwise_neon_dotprod_7x7s1(const struct mbconv_depthwise_group *group, size_t pixels,
                                            const void *const *rows, void *y) {
  row(7, 1, true, group, pixels, rows, y);
}

void mbconv_i8_depthwise_neon_dotprod_7x7s2(const struct mbconv_depthwise_group *group, size_t pixels,
                                            const void *const *rows, void *y) {
  row(7, 2, true, group, pixels, rows, y);
}
