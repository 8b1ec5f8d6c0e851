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
 *     operations for 64 outputs, 64 channels wide, VNNI    3x3 s1 pair  3x3 s1  3x3 s2  5x5 s1 pair  5x5 s1  5x5 s2 7x7
 * s1 interleave                                                     4       8      14            7      14      22 16
 *     dot                                                           12      12      12           32      32      32 56
 *     scale, round, pack, clamp and flip: by_relu()                 13      14      14           13      14      14 14
 *                                         by_scale()                19      20      20           19      20      20 20
 *
 * Weights are read from memory by the dots themselves: the empty asm in each step keeps compilers from holding more of
 * them than there are registers. But 3x3's for a second row of outputs are those of the first, shifted by a byte, and
 * stay in registers.
 */
struct F(two) {
  R(vec) a, b;
};

struct F(operands) {
  R(operand) a, b;
};

/* The sums of a row of outputs that have begun; s1 has seen one step. */
struct F(sums) {
  struct F(two) s1, s2, s3, s4, s5, s6;
};

/* Half of a unit, and what a walk over a row needs. */
struct F(walk) {
  const char *const *rows;
  size_t x_first, x_stride;        /* from rows to the first tap of output 0 */
  const char *constants, *weights; /* of the half */
  const char *ends;                /* vectors of the half: two of scales, two that scaled_relu() adds, the zero */
  uint8_t top, base;               /* bytes: hi - lo, and what is added after that clamp */
  int16_t zero;                    /* the zero point, counted from lo */
  bool relu;                       /* by_relu(), or by_scale() */
  char *y[2];                      /* the half's first byte of output 0, in both rows */
  size_t y_stride;
  size_t x_offsets[3], y_offsets[3]; /* of the other parts' pixels */
  char *staged; /* sums are stored here and nothing to y, or NULL; a pixel is 4 vectors, for 2 rows */
};

ALWAYS_INLINE struct F(two) F(dots)(struct F(two) sum, struct F(operands) x, const size_t at, const char *weights) {
  weights += at * 2 * UNIT * WEIGHT;
  const char *odd = weights + UNIT * (WEIGHT - 1);
  sum.a = R(dot)(sum.a, x.a, R(load)(weights), R(load)(odd));
  sum.b = R(dot)(sum.b, x.b, R(load)(weights + UNIT * WEIGHT), R(load)(odd + UNIT * WEIGHT));
  return sum;
}

/* Dwords from two vectors of words. */
ALWAYS_INLINE struct F(operands) F(dwords)(R(vec) low, R(vec) high) {
  return (struct F(operands)){R(open)(R(low_words)(low, high)), R(open)(R(high_words)(low, high))};
}

/* Words of one half's bytes at x and at y. `half` is a constant. */
ALWAYS_INLINE R(vec) F(words)(const size_t half, const size_t *offsets, const char *x, const char *y) {
  const R(vec) a = F(pixels)(x, offsets), b = F(pixels)(y, offsets);
  return half ? R(high_bytes)(a, b) : R(low_bytes)(a, b);
}

ALWAYS_INLINE struct F(two) F(start)(const struct F(walk) * walk) {
  const char *from = walk->constants + BIAS * 4 * UNIT;
  return (struct F(two)){R(load)(from), R(load)(from + UNIT)};
}

/* 3x3's weights for a second row of outputs. */
struct F(lower) {
  struct F(two) w0, w1, w2;
};

ALWAYS_INLINE struct F(two) F(lower_taps)(const char *weights, const size_t at) {
  weights += at * 2 * UNIT * WEIGHT;
  struct F(two) w = {R(a_byte_up)(R(load)(weights)), R(a_byte_up)(R(load)(weights + UNIT * WEIGHT))};
  R(keep)(&w.a), R(keep)(&w.b);
  return w;
}

ALWAYS_INLINE struct F(two) F(lower_dots)(struct F(two) sum, struct F(operands) x, struct F(two) w) {
  return (struct F(two)){R(dot)(sum.a, x.a, w.a, w.a), R(dot)(sum.b, x.b, w.b, w.b)};
}

/* ---- Steps: the sums that a step ends, after it has been added to all -------------------------------------------- */

ALWAYS_INLINE struct F(two) F(step3)(struct F(sums) * s, struct F(two) start, struct F(operands) x, const char *w) {
  const struct F(two) done = F(dots)(s->s2, x, 2, w);
  s->s2 = F(dots)(s->s1, x, 1, w);
  s->s1 = F(dots)(start, x, 0, w);
  return done;
}

ALWAYS_INLINE struct F(two)
    F(lower_step3)(struct F(sums) * s, struct F(two) start, struct F(operands) x, const struct F(lower) * w) {
  const struct F(two) done = F(lower_dots)(s->s2, x, w->w2);
  s->s2 = F(lower_dots)(s->s1, x, w->w1);
  s->s1 = F(lower_dots)(start, x, w->w0);
  return done;
}

ALWAYS_INLINE struct F(two)
    F(step5)(struct F(sums) * s, struct F(two) start, struct F(operands) x, struct F(operands) window, const char *w) {
  const struct F(two) done = F(dots)(F(dots)(s->s4, x, 4, w), window, 7, w);
  s->s4 = F(dots)(F(dots)(s->s3, x, 3, w), window, 6, w);
  s->s3 = F(dots)(s->s2, x, 2, w);
  s->s2 = F(dots)(F(dots)(s->s1, x, 1, w), window, 5, w);
  s->s1 = F(dots)(start, x, 0, w);
  return done;
}

ALWAYS_INLINE struct F(two)
    F(step7)(struct F(sums) * s, struct F(two) start, struct F(operands) x, struct F(operands) lower, const char *w) {
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
ALWAYS_INLINE struct F(two) F(step3_by2)(struct F(sums) * s, struct F(two) start, struct F(operands) x,
                                         struct F(operands) window, const char *w) {
  const struct F(two) done = F(dots)(F(dots)(s->s1, x, 1, w), window, 2, w);
  s->s1 = F(dots)(start, x, 0, w);
  return done;
}

ALWAYS_INLINE struct F(two) F(step5_by2)(struct F(sums) * s, struct F(two) start, struct F(operands) x,
                                         struct F(operands) y, struct F(operands) window, const char *w) {
  const struct F(two) done = F(dots)(F(dots)(F(dots)(s->s2, x, 2, w), y, 5, w), window, 7, w);
  s->s2 = F(dots)(F(dots)(F(dots)(s->s1, x, 1, w), y, 4, w), window, 6, w);
  s->s1 = F(dots)(F(dots)(start, x, 0, w), y, 3, w);
  return done;
}

ALWAYS_INLINE struct F(two)
    F(step7_by2)(struct F(sums) * s, struct F(two) start, struct F(operands) x, struct F(operands) y,
                 struct F(operands) z, struct F(operands) window, const char *w) {
  const struct F(two) done = F(dots)(F(dots)(F(dots)(F(dots)(s->s3, x, 3, w), y, 7, w), z, 11, w), window, 13, w);
  s->s3 = F(dots)(F(dots)(F(dots)(s->s2, x, 2, w), y, 6, w), z, 10, w);
  s->s2 = F(dots)(F(dots)(F(dots)(F(dots)(s->s1, x, 1, w), y, 5, w), z, 9, w), window, 12, w);
  s->s1 = F(dots)(F(dots)(F(dots)(start, x, 0, w), y, 4, w), z, 8, w);
  return done;
}

/* ---- The walk ---------------------------------------------------------------------------------------------------- */

struct F(state) {
  struct F(sums) first, second; /* rows of outputs */
  struct F(lower) lower;        /* of 3x3 */
  R(vec) before;                /* the last row's words of the step before */
};

/* One step: the column at offset x, and at stride 2 also the one `next` bytes behind it. */
ALWAYS_INLINE struct F(two)
    F(step)(const size_t kernel, const size_t stride, const bool pair, const size_t half, const struct F(walk) * walk,
            size_t x, size_t next, struct F(two) start, struct F(state) * state, struct F(two) * second) {
  const char *const *rows = walk->rows;
  const char *w = walk->weights, *w2 = w + DOTS(kernel) * 2 * UNIT * WEIGHT;
  struct F(sums) *s = &state->first, *s2 = &state->second;
  __asm__ volatile("" ::: "memory");
  if (stride == 2) {
    const struct F(operands) square = F(dwords)(F(words)(half, walk->x_offsets, rows[0] + x, rows[0] + x + next),
                                                F(words)(half, walk->x_offsets, rows[1] + x, rows[1] + x + next));
    const R(vec) last = F(words)(half, walk->x_offsets, rows[kernel - 1] + x, rows[kernel - 1] + x + next);
    const struct F(operands) window = F(dwords)(state->before, last);
    state->before = last;
    if (kernel == 3) return F(step3_by2)(s, start, square, window, w);
    const struct F(operands) lower = F(dwords)(F(words)(half, walk->x_offsets, rows[2] + x, rows[2] + x + next),
                                               F(words)(half, walk->x_offsets, rows[3] + x, rows[3] + x + next));
    if (kernel == 5) return F(step5_by2)(s, start, square, lower, window, w);
    const struct F(operands) lowest = F(dwords)(F(words)(half, walk->x_offsets, rows[4] + x, rows[4] + x + next),
                                                F(words)(half, walk->x_offsets, rows[5] + x, rows[5] + x + next));
    return F(step7_by2)(s, start, square, lower, lowest, window, w);
  }
  const struct F(operands) column =
      F(dwords)(F(words)(half, walk->x_offsets, rows[0] + x, rows[1] + x),
                F(words)(half, walk->x_offsets, rows[2] + x, rows[kernel == 3 && !pair ? 2 : 3] + x));
  if (kernel == 3) {
    if (pair) *second = F(lower_step3)(s2, start, column, &state->lower);
    return F(step3)(s, start, column, w);
  }
  const R(vec) last = F(words)(half, walk->x_offsets, rows[4] + x, rows[kernel == 5 && !pair ? 4 : 5] + x);
  if (kernel == 5) {
    const struct F(operands) window = F(dwords)(state->before, last);
    state->before = last;
    if (pair) *second = F(step5)(s2, start, column, window, w2);
    return F(step5)(s, start, column, window, w);
  }
  return F(step7)(s, start, column, F(dwords)(last, F(words)(half, walk->x_offsets, rows[6] + x, rows[6] + x)), w);
}

/* Words of a row's outputs, counted from lo. */
ALWAYS_INLINE R(vec) F(by_relu)(const struct F(walk) * walk, struct F(two) sums) {
  const char *scale = walk->ends, *addend = scale + 2 * sizeof(R(vec));
  return R(narrow)(R(scaled_relu)(sums.a, R(load)(scale), R(load)(addend)),
                   R(scaled_relu)(sums.b, R(load)(scale + sizeof(R(vec))), R(load)(addend + sizeof(R(vec)))));
}

ALWAYS_INLINE R(vec) F(by_scale)(const struct F(walk) * walk, struct F(two) sums) {
  const R(vec) low = R(scaled)(sums.a, R(load)(walk->ends));
  const R(vec) words = R(narrow)(low, R(scaled)(sums.b, R(load)(walk->ends + sizeof(R(vec)))));
  return R(add_words)(words, R(load)(walk->ends + 4 * sizeof(R(vec))));
}

/* Stores output p of one row or two; `clamp` is the walk's top and base. */
ALWAYS_INLINE void F(finish)(const bool pair, const struct F(walk) * walk, size_t y, char *staged, struct F(two) first,
                             struct F(two) second, struct F(two) clamp) {
  if (PARTS == 1 && staged) {
    R(store)(staged, first.a);
    R(store)(staged + WIDTH, first.b);
    if (pair) R(store)(staged + 2 * WIDTH, second.a);
    if (pair) R(store)(staged + 3 * WIDTH, second.b);
    return;
  }
  R(vec) low, high;
  if (walk->relu) {
    low = F(by_relu)(walk, first);
    high = pair ? F(by_relu)(walk, second) : low;
  } else {
    low = F(by_scale)(walk, first);
    high = pair ? F(by_scale)(walk, second) : low;
  }
  const R(vec) bytes = R(bytes)(low, high, clamp.a, clamp.b);
  if (pair)
    F(store_two)(walk->y[0] + y, walk->y[1] + y, walk->y_offsets, bytes);
  else
    F(store_one)(walk->y[0] + y, walk->y_offsets, bytes);
}

/* All arguments but the last two are constants. */
ALWAYS_INLINE void F(run)(const size_t kernel, const size_t stride, const bool pair, const size_t half,
                          const struct F(walk) * walk, size_t pixels) {
  const struct F(two) start = F(start)(walk);
  const struct F(sums) begun = {start, start, start, start, start, start};
  const struct F(lower) none = {start, start, start};
  struct F(state) state = {begun, begun, none, start.a};
  if (kernel == 3 && pair)
    state.lower = (struct F(lower)){F(lower_taps)(walk->weights, 0), F(lower_taps)(walk->weights, 1),
                                    F(lower_taps)(walk->weights, 2)};
  struct F(two) second = start, clamp = {R(same_bytes)(walk->top), R(same_bytes)(walk->base)};
  R(keep)(&clamp.a), R(keep)(&clamp.b); /* or clang would read them from the stack at each step */
  size_t x = walk->x_first, y = 0;
  char *staged = walk->staged;
  NO_UNROLL
  for (size_t lead = stride == 1 ? kernel - 1 : kernel / 2; lead > 0; lead--) {
    F(step)(kernel, stride, pair, half, walk, x, walk->x_stride, start, &state, &second);
    x += stride * walk->x_stride;
  }
  NO_UNROLL
  do {
    /* At stride 2 the column behind the last tap has no weight, and may not be there. */
    const size_t next = pixels > 1 ? walk->x_stride : 0;
    const struct F(two) first = F(step)(kernel, stride, pair, half, walk, x, next, start, &state, &second);
    F(finish)(pair, walk, y, staged, first, second, clamp);
    x += stride * walk->x_stride;
    y += walk->y_stride;
    if (PARTS == 1 && staged) staged += 4 * WIDTH;
    __asm__ volatile("" : "+r"(staged)); /* or there would be two loops */
  } while (--pixels > 0);
}

/* ---- Units ------------------------------------------------------------------------------------------------------- */

#if PARTS > 1
/* The half's constants and weights with its channels once for each part: to load a part into all of a vector's takes a
 * shuffle on Zen 4, and the walk would do that for each dot again. */
struct F(spread) {
  _Alignas(UNIT) char constants[CONSTANTS * 4 * UNIT];
  char weights[2 * DOTS(5) * 2 * UNIT * WEIGHT]; /* 5x5 for two rows has most */
};

ALWAYS_INLINE void F(spread_half)(struct F(spread) * to, struct F(walk) * walk, size_t dots) {
  for (size_t i = 0; i < CONSTANTS; i++) {
    const size_t at = i * 4 * UNIT;
    F(spread)(to->constants + at, walk->constants + at);
    F(spread)(to->constants + at + UNIT, walk->constants + at + UNIT);
  }
  for (size_t at = 0; at < dots * 2 * UNIT * WEIGHT; at += UNIT) F(spread)(to->weights + at, walk->weights + at);
  walk->constants = to->constants;
  walk->weights = to->weights;
  /* Hides that they are on the stack, where no vector of the loop may go: check_binary.py could not tell them apart. */
  __asm__ volatile("" : "+r"(walk->constants), "+r"(walk->weights)::"memory");
}
#endif

ALWAYS_INLINE void F(make_ends)(char *ends, const char *scale, const struct F(walk) * walk) {
  const R(vec) a = R(load)(scale), b = R(load)(scale + UNIT);
  int32_t exponent = MBCONV_I8_RELU_EXPONENT, zero = walk->zero;
  /* Or compilers would keep vectors of these on the stack, and load them here. */
  __asm__ volatile("" : "+r"(exponent), "+r"(zero));
  R(store)(ends, a);
  R(store)(ends + sizeof(R(vec)), b);
  R(store)(ends + 2 * sizeof(R(vec)), R(addend)(a, exponent));
  R(store)(ends + 3 * sizeof(R(vec)), R(addend)(b, exponent));
  R(store)(ends + 4 * sizeof(R(vec)), R(same_words)((int16_t)zero));
}

/* Half of a unit for some pixels, the first `channels` of the unit. */
ALWAYS_INLINE void F(half)(const size_t kernel, const size_t stride, const bool pair, const size_t half,
                           struct F(walk) walk, const struct mbconv_i8_ending *ending, const char *unit, size_t pixels,
                           size_t channels) {
  const size_t dots = DOTS(kernel) * (stride == 1 && VARIANTS(kernel) > 1 ? 2 : 1);
  char staged[PARTS == 1 ? MBCONV_I8_CHUNK * 4 * WIDTH : 1];
  walk.constants = unit + half * 2 * UNIT;
  walk.weights = unit + CONSTANTS * 4 * UNIT + half * dots * 2 * UNIT * WEIGHT;
  walk.y[0] += 8 * half, walk.y[1] += 8 * half;
  walk.relu = mbconv_i8_ends_relu(walk.constants + SCALE * 4 * UNIT);
#if PARTS > 1
  struct F(spread) spread, *to = &spread;
  __asm__("" : "+r"(to)); /* as below: clang makes a loop of this and the first step */
  F(spread_half)(to, &walk, dots);
#endif
  _Alignas(64) char ends[5 * sizeof(R(vec))];
  char *to_ends = ends;
  __asm__("" : "+r"(to_ends)); /* hides as above that they are on the stack */
  F(make_ends)(to_ends, walk.constants + SCALE * 4 * UNIT, &walk);
  walk.ends = to_ends;
  __asm__ volatile("" : "+r"(walk.ends)::"memory");
  walk.staged = PARTS > 1 || ending->rounding == MBCONV_I8_FP32 ? NULL : staged;
  F(run)(kernel, stride, pair, half, &walk, pixels);
  if (walk.staged) {
    const char *shifts = walk.constants + (CONSTANTS * 4 + dots * 4 * WEIGHT) * UNIT;
    const struct mbconv_i8_staged sums = {staged, WIDTH, UNIT, walk.constants + SCALE * 4 * UNIT, shifts, 8 * half};
    for (size_t row = 0; row < (pair ? 2 : 1); row++)
      mbconv_i8_finish_staged(&sums, row, ending, pixels, channels, walk.y[row], walk.y_stride);
  }
}

ALWAYS_INLINE struct F(walk) F(walk_of)(const struct mbconv_depthwise_group *group, const void *const *rows) {
  const struct mbconv_i8_ending *ending = group->ending.i8;
  return (struct F(walk)){.rows = (const char *const *)rows,
                          .x_stride = group->x_stride,
                          .top = (uint8_t)(ending->hi - ending->lo),
                          .base = (uint8_t)(ending->lo + ending->flip),
                          .zero = (int16_t)(ending->zero - ending->lo),
                          .y_stride = group->y_stride};
}

/* Eight channels or WIDTH, from c on, of one row of outputs or of two, which are done in registers. Each part of the
 * vectors makes as many outputs; if they are not all of the row, parts overlap and store some bytes twice. */
ALWAYS_INLINE void F(whole)(const size_t kernel, const size_t stride, const bool pair,
                            const struct mbconv_depthwise_group *group, size_t c, const char *unit, size_t pixels,
                            const void *const *rows, char *y0, char *y1) {
  const size_t channels = group->channels - c < WIDTH ? group->channels - c : WIDTH;
  const size_t each = (pixels + PARTS - 1) / PARTS;
  struct F(walk) walk = F(walk_of)(group, rows);
  walk.x_first = c;
  walk.y[0] = y0 + c, walk.y[1] = y1 + c;
  for (size_t part = 1; part < PARTS; part++) {
    const size_t first = part * each + each <= pixels ? part * each : pixels - each;
    walk.x_offsets[part - 1] = first * stride * group->x_stride;
    walk.y_offsets[part - 1] = first * group->y_stride;
  }
  F(half)(kernel, stride, pair, 0, walk, group->ending.i8, unit, each, channels);
  if (channels > 8) F(half)(kernel, stride, pair, 1, walk, group->ending.i8, unit, each, channels);
}

#undef F
#undef WIDTH
#undef PARTS
