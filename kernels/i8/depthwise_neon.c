/* SPDX-License-Identifier: MIT
 *
 * Int8 depthwise on NEON without SDOT: depthwise_neon.h says how a row is made.
 *
 * Inputs are widened to words, once for all windows that see them, and SMLAL adds 4 of their products with the weights,
 * words too, to 4 sums. Products of bytes would need no widening, but the sum of two of them may leave 16 bits, and to
 * add each of them to sums of 32 bits takes as many operations.
 *
 *     operations for 8 outputs      3x3 s1    s2   5x5 s1    s2   7x7 s1    s2
 *     load and widen inputs              6    12       10    20       14    28
 *     SMLAL                             18    18       50    50       98    98
 *     load weights                       0     0       17    17       45    45
 *     begin a sum                        2     2        2     2        2     2
 *     scale, narrow, clamp, store       13    13       13    13       13    13
 *
 * A unit's weights: [tap][8 channels], words.
 */
#include "depthwise_neon_rows.h"
#include "set_neon.h"

ALWAYS_INLINE size_t weight_bytes(size_t kernel) { return kernel * kernel * UNIT * 2; }
ALWAYS_INLINE size_t held_vectors(size_t kernel, size_t stride) {
  (void)stride;
  return kernel == 3 ? 9 : kernel == 5 ? 8 : 4;
}

void mbconv_i8_pack_depthwise_neon(void *data, size_t channel, size_t kernel, size_t stride,
                                   const struct mbconv_i8_channel *packed) {
  (void)stride;
  int16_t(*taps)[UNIT] = pack_constants(data, channel, kernel, packed);
  for (size_t tap = 0; tap < kernel * kernel; tap++) taps[tap][channel % UNIT] = packed->weight[tap];
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

struct inputs {
  int16x8_t words;
};

ALWAYS_INLINE void dot(const struct weights *w, const size_t i, const struct inputs *x, struct pair *sum) {
  const int16x8_t taps = vreinterpretq_s16_s8(weight(w, i));
  sum->low = vmlal_s16(sum->low, vget_low_s16(x->words), vget_low_s16(taps));
  sum->high = vmlal_high_s16(sum->high, x->words, taps);
  hold_pair(sum);
}

ALWAYS_INLINE struct inputs words_at(const uint8_t *row, size_t x) {
  return (struct inputs){vmovl_s8(vget_low_s8(vreinterpretq_s8_u8(load8(row, x))))};
}

/* Tap row i of a step. */
ALWAYS_INLINE void tap_row(const size_t kernel, const size_t stride, const size_t newest, const size_t i,
                           const uint8_t *row, const struct weights *w, const struct walk *walk, size_t odd,
                           struct sums *s) {
  if (i >= kernel) return;
  const struct inputs first = words_at(row, walk->x);
  dots(kernel, stride, newest, i * kernel, w, &first, s);
  if (stride == 1) return;
  const size_t steps = kernel / 2, begun = newest < steps ? newest : steps - 1; /* the last has no second column */
  const struct inputs second = words_at(row, odd);
  dots(kernel, stride, begun, i * kernel + 1, w, &second, s);
}

ALWAYS_INLINE void step(const size_t kernel, const size_t stride, const size_t newest, const struct weights *w,
                        struct walk *walk, struct sums *s) {
  const size_t odd = walk->x + walk->odd;
  fix_order();
  begin(stride == 1 ? kernel - 1 : kernel / 2, s, walk->bias);
  tap_row(kernel, stride, newest, 0, walk->r0, w, walk, odd, s);
  tap_row(kernel, stride, newest, 1, walk->r1, w, walk, odd, s);
  tap_row(kernel, stride, newest, 2, walk->r2, w, walk, odd, s);
  tap_row(kernel, stride, newest, 3, walk->r3, w, walk, odd, s);
  tap_row(kernel, stride, newest, 4, walk->r4, w, walk, odd, s);
  tap_row(kernel, stride, newest, 5, walk->r5, w, walk, odd, s);
  tap_row(kernel, stride, newest, 6, walk->r6, w, walk, odd, s);
  walk->x = opaque(walk->x + stride * walk->x_stride);
}

void mbconv_i8_depthwise_neon_3x3s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                    void *y) {
  row(3, 1, true, group, pixels, rows, y);
}

void mbconv_i8_depthwise_neon_3x3s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                    void *y) {
  row(3, 2, true, group, pixels, rows, y);
}

void mbconv_i8_depthwise_neon_5x5s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                    void *y) {
  row(5, 1, true, group, pixels, rows, y);
}

void mbconv_i8_depthwise_neon_5x5s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                    void *y) {
  row(5, 2, true, group, pixels, rows, y);
}

void mbconv_i8_depthwise_neon_7x7s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                    void *y) {
  row(7, 1, true, group, pixels, rows, y);
}

void mbconv_i8_depthwise_neon_7x7s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                    void *y) {
  row(7, 2, true, group, pixels, rows, y);
}
