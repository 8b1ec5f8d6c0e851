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
 * but for 3x3 at stride 1, and sums that go by way of memory.
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

void mbconv_i8_depthwise_neon_dotprod_3x3s1(const struct mbconv_depthwise_group *group, size_t pixels,
                                            const void *const *rows, void *y) {
  row(3, 1, true, group, pixels, rows, y);
}

/* ---- Two rows of 3x3 at stride 1 ----------------------------------------------------------------------------------
 */

/* Rows 0 to 3 go together for both. The weights of the second row of outputs are the first's, a tap further. */
struct shared_weights {
  int8x16_t w0, w1, w2, w3, w4, w5;
};

ALWAYS_INLINE int8x16_t tap_further(int8x16_t w) {
  return vreinterpretq_s8_u32(vshlq_n_u32(vreinterpretq_u32_s8(w), 8));
}

/* The `column`-th of a window. */
ALWAYS_INLINE void add_column(const struct shared_weights *w, const size_t column, const struct inputs *x,
                              struct pair *sum) {
  sum->low = vdotq_s32(sum->low, column == 0 ? w->w0 : column == 1 ? w->w2 : w->w4, x->low);
  sum->high = vdotq_s32(sum->high, column == 0 ? w->w1 : column == 1 ? w->w3 : w->w5, x->high);
  hold_pair(sum);
}

/* The sums of both rows that begin at a column. */
struct two_sums {
  struct pair a, b;
};

struct two_rows {
  struct walk walk;
  struct shared_weights a, b;
  struct row_end end;
  uint8_t *y0, *y1;
};

/* A column for the sums that it is the last, the second and the first of, if there are. */
ALWAYS_INLINE void next_column(struct two_rows *t, struct two_sums *last, struct two_sums *second,
                               struct two_sums *first) {
  struct walk *walk = &t->walk;
  fix_order();
  const uint8x16_t r0 = load8(walk->r0, walk->x), r1 = load8(walk->r1, walk->x);
  const uint8x16_t r2 = load8(walk->r2, walk->x), r3 = load8(walk->r3, walk->x);
  const struct inputs x = fours_of(twos_of(r0, r1), twos_of(r2, r3));
  walk->x = opaque(walk->x + walk->x_stride);
  first->a = first->b = (struct pair){vld1q_s32(walk->bias), vld1q_s32(walk->bias + LANES)};
  if (last) add_column(&t->a, 2, &x, &last->a);
  if (second) add_column(&t->a, 1, &x, &second->a);
  add_column(&t->a, 0, &x, &first->a);
  if (last) add_column(&t->b, 2, &x, &last->b);
  if (second) add_column(&t->b, 1, &x, &second->b);
  add_column(&t->b, 0, &x, &first->b);
}

/* A column that ends an output of each row. */
ALWAYS_INLINE void two_down(struct two_rows *t, struct two_sums *last, struct two_sums *second,
                            struct two_sums *first) {
  next_column(t, last, second, first);
  const uint64x2_t bytes =
      vreinterpretq_u64_u8(words_to_bytes(t->end.zero, words_of(&t->end, last->a), words_of(&t->end, last->b)));
  vst1q_lane_u64((uint64_t *)(void *)t->y0, bytes, 0);
  vst1q_lane_u64((uint64_t *)(void *)t->y1, bytes, 1);
  t->y0 += t->end.y_stride, t->y1 += t->end.y_stride;
}

/* 8 channels. */
ALWAYS_INLINE void unit_rows(struct two_rows t, size_t pixels) {
  struct two_sums s1, s2, s3;
  next_column(&t, NULL, NULL, &s1);
  next_column(&t, NULL, &s1, &s2);
  for (; pixels >= 3; pixels -= 3) {
    two_down(&t, &s1, &s2, &s3);
    two_down(&t, &s2, &s3, &s1);
    two_down(&t, &s3, &s1, &s2);
  }
  if (pixels > 0) two_down(&t, &s1, &s2, &s3);
  if (pixels > 1) two_down(&t, &s2, &s3, &s1);
}

/* One row after the other, from channel c on. */
static __attribute__((noinline)) void apart(const struct mbconv_depthwise_group *group, size_t c, const char *unit,
                                            size_t pixels, const void *const *rows, uint8_t *y0, uint8_t *y1) {
  run_rest(3, mbconv_i8_depthwise_neon_dotprod_3x3s1, group, c, unit, pixels, rows, y0);
  run_rest(3, mbconv_i8_depthwise_neon_dotprod_3x3s1, group, c, unit, pixels, rows + 1, y1);
}

void mbconv_i8_depthwise_neon_dotprod_3x3s1_pair(const struct mbconv_depthwise_group *group, size_t pixels,
                                                 const void *const *rows, void *y0, void *y1) {
  const struct mbconv_i8_ending *ending = group->ending.i8;
  const char *unit = (const char *)group->weights;
  for (size_t c = 0; c < group->channels; c += UNIT, unit += unit_bytes(3, ending)) {
    const int32_t *constants = (const int32_t *)(const void *)unit;
    if (group->channels - c < UNIT || ends_in_memory(ending, constants, UNIT)) {
      apart(group, c, unit, pixels, rows, y0, y1);
      return;
    }
    const struct walk walk = walk_of(4, group, constants, rows, c);
    const struct shared_weights a = {vld1q_s8(walk.weights),      vld1q_s8(walk.weights + 16),
                                     vld1q_s8(walk.weights + 32), vld1q_s8(walk.weights + 48),
                                     vld1q_s8(walk.weights + 64), vld1q_s8(walk.weights + 80)};
    const struct shared_weights b = {tap_further(a.w0), tap_further(a.w1), tap_further(a.w2),
                                     tap_further(a.w3), tap_further(a.w4), tap_further(a.w5)};
    unit_rows((struct two_rows){walk, a, b, row_end_of(group, constants), (uint8_t *)y0 + c, (uint8_t *)y1 + c},
              pixels);
    if (!ends_later(ending)) continue;
    finish_later(ending, NULL, NULL, UNIT, NULL, pixels, (uint8_t *)y0 + c, group->y_stride);
    finish_later(ending, NULL, NULL, UNIT, NULL, pixels, (uint8_t *)y1 + c, group->y_stride);
  }
}

/* ---- Rows in assembly -------------------------------------------------------------------------------------------- */

static void rest_3x3s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows, void *y) {
  row(3, 2, false, group, pixels, rows, y);
}

void mbconv_i8_depthwise_neon_dotprod_3x3s2(const struct mbconv_depthwise_group *group, size_t pixels,
                                            const void *const *rows, void *y) {
  walk_row(3, 2, rest_3x3s2, group, pixels, rows, y);
}

static void rest_5x5s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows, void *y) {
  row(5, 1, false, group, pixels, rows, y);
}

void mbconv_i8_depthwise_neon_dotprod_5x5s1(const struct mbconv_depthwise_group *group, size_t pixels,
                                            const void *const *rows, void *y) {
  walk_row(5, 1, rest_5x5s1, group, pixels, rows, y);
}

static void rest_5x5s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows, void *y) {
  row(5, 2, false, group, pixels, rows, y);
}

void mbconv_i8_depthwise_neon_dotprod_5x5s2(const struct mbconv_depthwise_group *group, size_t pixels,
                                            const void *const *rows, void *y) {
  walk_row(5, 2, rest_5x5s2, group, pixels, rows, y);
}

void mbconv_i8_depthwise_neon_dotprod_7x7s1(const struct mbconv_depthwise_group *group, size_t pixels,
                                            const void *const *rows, void *y) {
  row(7, 1, true, group, pixels, rows, y);
}

void mbconv_i8_depthwise_neon_dotprod_7x7s2(const struct mbconv_depthwise_group *group, size_t pixels,
                                            const void *const *rows, void *y) {
  row(7, 2, true, group, pixels, rows, y);
}
