/* SPDX-License-Identifier: MIT
 *
 * Int8 depthwise on vectors of WIDTH bytes, 16, 32 or 64, included once for each width behind vec_<WIDTH>.h and
 *
 *     operand         a vector of dwords of four input bytes, ready to be multiplied
 *     open(v)         makes one
 *     dot(sum, x, w)  adds to each sum the four products of a dword's bytes with those of the weights at w
 *     UNIT, WEIGHT    of depthwise_layout.h
 *
 * The walk. A row of outputs is made from left to right. Each step brings one column of input pixels (two at stride 2),
 * interleaves the bytes of its rows, and adds them to all sums whose window covers it: the oldest sum is then done, and
 * a new one begins. So no input is interleaved twice, and any number of outputs is done without overlap.
 *
 * A walk takes half of a unit's channels, 8 of each lane of 16 bytes, in two vectors of dwords: that leaves registers
 * for two rows of outputs (`pair`), for which 3x3 at stride 1 needs the same four input rows, the interleaving of which
 * is then shared. All four quarters at once, with one output row, need as many sums but shuffle twice as much. Packing
 * makes 8 bytes of each lane, so two rows share that, too.
 *
 *     operations for 64 outputs, 64 channels wide, VNNI    3x3 s1 pair  3x3 s1  3x3 s2  5x5 s1 pair  5x5 s1  5x5 s2  7x7 s1
 *     interleave                                                     4       8      14            7      14      22      16
 *     dot                                                           12      12      12           32      32      32      56
 *     FMA, pack, clamp and flip                                      9      12      12            9      12      12      12
 *
 * Weights are read from memory by the dots themselves: the empty asm in each step keeps compilers from holding more of
 * them than there are registers.
 */
struct F(two) {
  F(vec) a, b;
};

struct F(operands) {
  F(operand) a, b;
};

/* The sums of a row of outputs that have begun; s1 has seen one step. */
struct F(sums) {
  struct F(two) s1, s2, s3, s4, s5, s6;
};

/* Half of a unit, and what a walk over a row needs. */
struct F(walk) {
  const char *const *rows;
  size_t x_first, x_stride; /* from rows to the first tap of output 0 */
  const char *constants, *weights; /* of the half */
  F(vec) top, base;                /* bytes: hi - lo, and what is added after that clamp */
  char *y[2];                      /* the half's first byte of output 0, in both rows */
  size_t y_stride;
  char *staged; /* sums are stored here and nothing to y, or NULL; a pixel is 4 vectors, for 2 rows */
};

ALWAYS_INLINE struct F(two) F(dots)(struct F(two) sum, struct F(operands) x, const size_t at, const char *weights) {
  weights += at * 2 * UNIT * WEIGHT;
  sum.a = F(dot)(sum.a, x.a, weights);
  sum.b = F(dot)(sum.b, x.b, weights + UNIT * WEIGHT);
  return sum;
}

/* Dwords from two vectors of words. */
ALWAYS_INLINE struct F(operands) F(dwords)(F(vec) low, F(vec) high) {
  return (struct F(operands)){F(open)(F(low16)(low, high)), F(open)(F(high16)(low, high))};
}

/* Words of one half's bytes at x and at y. `half` is a constant. */
ALWAYS_INLINE F(vec) F(words)(const size_t half, const char *x, const char *y) {
  return half ? F(high8)(F(load)(x), F(load)(y)) : F(low8)(F(load)(x), F(load)(y));
}

ALWAYS_INLINE struct F(two) F(start)(const struct F(walk) *walk) {
  const char *from = walk->constants + (walk->staged ? 3 * 4 * UNIT : 0);
  return (struct F(two)){F(load)(from), F(load)(from + UNIT)};
}

/* ---- Steps: the sums that a step ends, after it has been added to all ---------------------------------------------- */

ALWAYS_INLINE struct F(two) F(step3)(struct F(sums) *s, struct F(two) start, struct F(operands) x, const char *w) {
  const struct F(two) done = F(dots)(s->s2, x, 2, w);
  s->s2 = F(dots)(s->s1, x, 1, w);
  s->s1 = F(dots)(start, x, 0, w);
  return done;
}

ALWAYS_INLINE struct F(two) F(step5)(struct F(sums) *s, struct F(two) start, struct F(operands) x,
                                     struct F(operands) window, const char *w) {
  const struct F(two) done = F(dots)(F(dots)(s->s4, x, 4, w), window, 7, w);
  s->s4 = F(dots)(F(dots)(s->s3, x, 3, w), window, 6, w);
  s->s3 = F(dots)(s->s2, x, 2, w);
  s->s2 = F(dots)(F(dots)(s->s1, x, 1, w), window, 5, w);
  s->s1 = F(dots)(start, x, 0, w);
  return done;
}

ALWAYS_INLINE struct F(two) F(step7)(struct F(sums) *s, struct F(two) start, struct F(operands) x,
                                     struct F(operands) lower, const char *w) {
  const struct F(two) done = F(dots)(F(dots)(s->s6, x, 6, w), lower, 13, w);
  s->s6 = F(dots)(F(dots)(s->s5, x, 5, w), lower, 12, w);
  s->s5 = F(dots)(F(dots)(s->s4, x, 4, w), lower, 11, w);
  s->s4 = F(dots)(F(dots)(s->s3, x, 3, w), lower, 10, w);
  s->s3 = F(dots)(F(dots)(s->s2, x, 2, w), lower, 9, w);
  s->s2 = F(dots)(F(dots)(s->s1, x, 1, w), lower, 8, w);
  s->s1 = F(dots)(F(dots)(start, x, 0, w), lower, 7, w);
  return done;
}

/* Stride 2: x, y and z are squares of rows 0 and 1, 2 and 3, 4 and 5; the window is of the last row. */
ALWAYS_INLINE struct F(two) F(step3_by2)(struct F(sums) *s, struct F(two) start, struct F(operands) x,
                                         struct F(operands) window, const char *w) {
  const struct F(two) done = F(dots)(F(dots)(s->s1, x, 1, w), window, 2, w);
  s->s1 = F(dots)(start, x, 0, w);
  return done;
}

ALWAYS_INLINE struct F(two) F(step5_by2)(struct F(sums) *s, struct F(two) start, struct F(operands) x,
                                         struct F(operands) y, struct F(operands) window, const char *w) {
  const struct F(two) done = F(dots)(F(dots)(F(dots)(s->s2, x, 2, w), y, 5, w), window, 7, w);
  s->s2 = F(dots)(F(dots)(F(dots)(s->s1, x, 1, w), y, 4, w), window, 6, w);
  s->s1 = F(dots)(F(dots)(start, x, 0, w), y, 3, w);
  return done;
}

ALWAYS_INLINE struct F(two) F(step7_by2)(struct F(sums) *s, struct F(two) start, struct F(operands) x,
                                         struct F(operands) y, struct F(operands) z, struct F(operands) window,
                                         const char *w) {
  const struct F(two) done = F(dots)(F(dots)(F(dots)(F(dots)(s->s3, x, 3, w), y, 7, w), z, 11, w), window, 13, w);
  s->s3 = F(dots)(F(dots)(F(dots)(s->s2, x, 2, w), y, 6, w), z, 10, w);
  s->s2 = F(dots)(F(dots)(F(dots)(F(dots)(s->s1, x, 1, w), y, 5, w), z, 9, w), window, 12, w);
  s->s1 = F(dots)(F(dots)(F(dots)(start, x, 0, w), y, 4, w), z, 8, w);
  return done;
}

/* ---- The walk ---------------------------------------------------------------------------------------------------- */

struct F(state) {
  struct F(sums) first, second; /* rows of outputs */
  F(vec) before;                /* the last row's words of the step before */
};

/* One step: the column at offset x, and at stride 2 also the one `next` bytes behind it. */
ALWAYS_INLINE struct F(two) F(step)(const size_t kernel, const size_t stride, const bool pair, const size_t half,
                                    const struct F(walk) *walk, size_t x, size_t next, struct F(two) start,
                                    struct F(state) *state, struct F(two) *second) {
  const char *const *rows = walk->rows;
  const char *w = walk->weights, *w2 = w + (kernel == 3 ? 3 : kernel == 5 ? 8 : 14) * 2 * UNIT * WEIGHT;
  struct F(sums) *s = &state->first, *s2 = &state->second;
  __asm__ volatile("" ::: "memory");
  if (stride == 2) {
    const struct F(operands) square = F(dwords)(F(words)(half, rows[0] + x, rows[0] + x + next),
                                                F(words)(half, rows[1] + x, rows[1] + x + next));
    const F(vec) last = F(words)(half, rows[kernel - 1] + x, rows[kernel - 1] + x + next);
    const struct F(operands) window = F(dwords)(state->before, last);
    state->before = last;
    if (kernel == 3) return F(step3_by2)(s, start, square, window, w);
    const struct F(operands) lower = F(dwords)(F(words)(half, rows[2] + x, rows[2] + x + next),
                                               F(words)(half, rows[3] + x, rows[3] + x + next));
    if (kernel == 5) return F(step5_by2)(s, start, square, lower, window, w);
    const struct F(operands) lowest = F(dwords)(F(words)(half, rows[4] + x, rows[4] + x + next),
                                                F(words)(half, rows[5] + x, rows[5] + x + next));
    return F(step7_by2)(s, start, square, lower, lowest, window, w);
  }
  const struct F(operands) column = F(dwords)(F(words)(half, rows[0] + x, rows[1] + x),
                                              F(words)(half, rows[2] + x, rows[kernel == 3 && !pair ? 2 : 3] + x));
  if (kernel == 3) {
    if (pair) *second = F(step3)(s2, start, column, w2);
    return F(step3)(s, start, column, w);
  }
  const F(vec) last = F(words)(half, rows[4] + x, rows[kernel == 5 && !pair ? 4 : 5] + x);
  if (kernel == 5) {
    const struct F(operands) window = F(dwords)(state->before, last);
    state->before = last;
    if (pair) *second = F(step5)(s2, start, column, window, w2);
    return F(step5)(s, start, column, window, w);
  }
  return F(step7)(s, start, column, F(dwords)(last, F(words)(half, rows[6] + x, rows[6] + x)), w);
}

ALWAYS_INLINE F(vec) F(scale)(const struct F(walk) *walk, struct F(two) sums) {
  const char *factor = walk->constants + 4 * UNIT, *addend = factor + 4 * UNIT;
  return F(narrow)(F(scaled)(sums.a, factor, addend), F(scaled)(sums.b, factor + UNIT, addend + UNIT));
}

/* Stores output p of one row or two. */
ALWAYS_INLINE void F(finish)(const bool pair, const struct F(walk) *walk, size_t y, char *staged,
                             struct F(two) first, struct F(two) second) {
  if (staged) {
    F(store)(staged, first.a);
    F(store)(staged + WIDTH, first.b);
    if (pair) F(store)(staged + 2 * WIDTH, second.a);
    if (pair) F(store)(staged + 3 * WIDTH, second.b);
    return;
  }
  const F(vec) low = F(scale)(walk, first), high = pair ? F(scale)(walk, second) : low;
  const F(vec) bytes = F(clamp)(F(bytes)(low, high), walk->top, walk->base);
  if (pair)
    F(store_two)(walk->y[0] + y, walk->y[1] + y, bytes);
  else
    F(store_one)(walk->y[0] + y, bytes);
}

/* All arguments but the last two are constants. */
ALWAYS_INLINE void F(run)(const size_t kernel, const size_t stride, const bool pair, const size_t half,
                          const struct F(walk) *walk, size_t pixels) {
  const struct F(two) start = F(start)(walk);
  const struct F(sums) begun = {start, start, start, start, start, start};
  struct F(state) state = {begun, begun, start.a};
  struct F(two) second = start;
  size_t x = walk->x_first, y = 0;
  char *staged = walk->staged;
  NO_UNROLL
  for (size_t lead = stride == 1 ? kernel - 1 : kernel / 2; lead > 0; lead--) {
    F(step)(kernel, stride, pair, half, walk, x, walk->x_stride, start, &state, &second);
    x += stride * walk->x_stride;
  }
  NO_UNROLL
  for (; pixels > 0; pixels--) {
    /* At stride 2 the column behind the last tap has no weight, and may not be there. */
    const size_t next = pixels > 1 ? walk->x_stride : 0;
    const struct F(two) first = F(step)(kernel, stride, pair, half, walk, x, next, start, &state, &second);
    F(finish)(pair, walk, y, staged, first, second);
    x += stride * walk->x_stride;
    y += walk->y_stride;
    if (staged) staged += 4 * WIDTH;
    __asm__ volatile("" : "+r"(staged)); /* or there would be two loops */
  }
}

/* ---- Units ------------------------------------------------------------------------------------------------------- */

/* Whether all channels have an affine. */
ALWAYS_INLINE bool F(all_affine)(const char *unit) {
  const char *addend = unit + 2 * 4 * UNIT;
  return !(F(any_nan)(addend) || F(any_nan)(addend + UNIT) || F(any_nan)(addend + 2 * UNIT) ||
           F(any_nan)(addend + 3 * UNIT));
}

/* Half of a unit for some pixels, the first `channels` of the unit. */
ALWAYS_INLINE void F(half)(const size_t kernel, const size_t stride, const bool pair, const size_t half,
                           struct F(walk) walk, const struct mbconv_i8_ending *ending, const char *unit, size_t pixels,
                           size_t channels) {
  const size_t dots = (kernel == 3 ? 3 : kernel == 5 ? 8 : 14) * (stride == 1 && HAS_PAIR(kernel) ? 2 : 1);
  char staged[MBCONV_I8_CHUNK * 4 * WIDTH];
  walk.constants = unit + half * 2 * UNIT;
  walk.weights = unit + MBCONV_I8_CONSTANTS * 4 * UNIT + half * dots * 2 * UNIT * WEIGHT;
  walk.y[0] += 8 * half, walk.y[1] += 8 * half;
  walk.staged = F(all_affine)(unit) ? NULL : staged;
  F(run)(kernel, stride, pair, half, &walk, pixels);
  if (walk.staged) {
    const struct mbconv_i8_staged sums = {staged, WIDTH, UNIT, walk.constants + 3 * 4 * UNIT, 8 * half};
    for (size_t row = 0; row < (pair ? 2 : 1); row++)
      mbconv_i8_finish_staged(&sums, row, ending, pixels, channels, walk.y[row], walk.y_stride);
  }
}

/* The channels from c on that a vector holds, of one row of outputs or of two. */
ALWAYS_INLINE void F(unit)(const size_t kernel, const size_t stride, const bool pair,
                           const struct mbconv_depthwise_group *group, size_t c, const char *unit, size_t pixels,
                           const void *const *rows, char *y0, char *y1) {
  const struct mbconv_i8_ending *ending = group->ending.i8;
  const size_t channels = group->channels - c < WIDTH ? group->channels - c : WIDTH;
  /* Whole lanes are stored where they belong, and so is half of a single one; others go by way of the stack. */
  const bool whole = channels == WIDTH || (WIDTH == 16 && channels == 8);
  const bool at_once = whole && F(all_affine)(unit);
  char outputs[2][MBCONV_I8_CHUNK * WIDTH];
  struct F(walk) walk = {.rows = (const char *const *)rows,
                         .x_stride = group->x_stride,
                         .top = F(same)((uint8_t)(ending->hi - ending->lo)),
                         .base = F(same)((uint8_t)(ending->lo + ending->flip)),
                         .y_stride = whole ? group->y_stride : WIDTH};
  for (size_t first = 0, n; first < pixels; first += n) {
    n = at_once || pixels - first < MBCONV_I8_CHUNK ? pixels - first : MBCONV_I8_CHUNK;
    walk.x_first = c + first * stride * group->x_stride;
    char *to[2] = {y0 + c + first * group->y_stride, y1 + c + first * group->y_stride};
    walk.y[0] = whole ? to[0] : outputs[0];
    walk.y[1] = whole ? to[1] : outputs[1];
    F(half)(kernel, stride, pair, 0, walk, ending, unit, n, channels);
    if (channels > 8) F(half)(kernel, stride, pair, 1, walk, ending, unit, n, channels);
    if (!whole)
      for (size_t row = 0; row < (pair ? 2 : 1); row++)
        for (size_t p = 0; p < n; p++) memcpy(to[row] + p * group->y_stride, outputs[row] + p * WIDTH, channels);
  }
}
