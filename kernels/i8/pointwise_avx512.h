/* SPDX-License-Identifier: MIT
 *
 * Int8 pointwise on AVX-512: tiles of 7 pixels x 64 channels, 7 x 48, 14 x 32 and 28 x 16, of which the file that
 * includes this one defines a step.
 *
 * All tiles are 4 columns of 7 sums (7x48: 3 columns). A column is a vector of channels and a group of 7 pixels, because 7
 * divides the widths 7, 14, 28, 56 and 112:
 *
 *                  7x64      7x48     14x32      28x16
 *     vectors      0 1 2 3   0 1 2    0 1 0 1    0 0 0 0
 *     groups       0 0 0 0   0 0 0    0 0 1 1    0 1 2 3
 *
 * For a count above 7 that 7 does not divide, the last group moves back over the one before and computes the same bytes
 * again. The last k, fewer than 4, are copied to the stack, so that no byte behind k is read, and the same loop goes on
 * there.
 *
 * Sums become bytes by one FMA each where all channels of the panel allow it (affine.h), otherwise by way of the stack.
 *
 * The sums are named: gcc 12 keeps an array of them in memory. `vectors`, `groups` and `rows` are constants at every
 * call, so that comparisons with them vanish.
 */
#ifndef MBCONV_I8_POINTWISE_AVX512_H
#define MBCONV_I8_POINTWISE_AVX512_H

#include <assert.h>
#include <string.h>

#include "panel.h"
#include "requantize_avx512.h"

enum { GROUP = 7, COLUMNS = 4, VECTOR_BYTES = 64 };

/* A column. */
struct sums {
  __m512i p0, p1, p2, p3, p4, p5, p6;
};

struct tile {
  struct sums a, b, c, d;
};

/* 1, 3 and 5 times the distance between pixels, in bytes. */
struct distances {
  size_t one, three, five;
};

/* Where a column's pixels are. */
struct places {
  const uint8_t *a, *b, *c, *d;
};

/* Has v in a register, once loaded: compilers would repeat the load in every operation that uses v. */
#ifdef MBCONV_MEMORY_SANITIZED
ALWAYS_INLINE void keep(__m512i *v) { (void)v; }
#else
ALWAYS_INLINE void keep(__m512i *v) { __asm__("" : "+v"(*v)); }
#endif

/* 4 bytes of a pixel in every lane. */
ALWAYS_INLINE __m512i broadcast(const uint8_t *x) {
  int32_t four;
  memcpy(&four, x, sizeof four);
  return _mm512_set1_epi32(four);
}

/* ---- The step, which the including file defines, and STEP_BYTES, the bytes of a vector's weights for 4 of k ------- */

/* Adds 4 products to every sum of a tile. `weights` are those of the first vector. */
ALWAYS_INLINE void step(const size_t vectors, const size_t groups, const size_t rows, struct places x,
                        struct distances d, const char *weights, struct tile *t);

/* ---- Ends -------------------------------------------------------------------------------------------------------- */

/* How the tiles of a call end. */
struct panel_end {
  struct end end;
  const float *factor, *addend;
  __mmask64 bytes; /* the channels to store */
  bool whole;      /* all of them */
  void *const *y;
  size_t offset;
  size_t row1, row2, row3; /* the pixels with which groups begin */
};

ALWAYS_INLINE void store_64(const struct panel_end *e, size_t pixel, __m512i bytes) {
  char *y = (char *)e->y[pixel] + e->offset;
  if (e->whole)
    _mm512_storeu_si512(y, bytes);
  else
    _mm512_mask_storeu_epi8(y, e->bytes, bytes);
}

ALWAYS_INLINE void store_32(const struct panel_end *e, size_t pixel, __m256i bytes) {
  char *y = (char *)e->y[pixel] + e->offset;
  if (e->whole)
    _mm256_storeu_si256((__m256i_u *)y, bytes);
  else
    _mm256_mask_storeu_epi8(y, (__mmask32)e->bytes, bytes);
}

ALWAYS_INLINE void store_16(const struct panel_end *e, size_t pixel, __m128i bytes) {
  char *y = (char *)e->y[pixel] + e->offset;
  if (e->whole)
    _mm_storeu_si128((__m128i_u *)y, bytes);
  else
    _mm_mask_storeu_epi8(y, (__mmask16)e->bytes, bytes);
}

/* Stores pixel `row` of each group. The words of columns a to d. */
ALWAYS_INLINE void store_row(const size_t vectors, const size_t groups, const size_t row, const struct panel_end *e,
                             __m512i a, __m512i b, __m512i c, __m512i d) {
  switch (vectors) {
    case 4: store_64(e, row, clamp_and_flip(e->end, pack4(a, b, c, d))); break;
    case 3: {
      /* In each quarter 8 bytes of a and c, then those of b at every other place: 12 that belong together. */
      const __m512i close = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, -1, -1, -1, -1));
      const __m512i join = _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15);
      const __m512i bytes = _mm512_shuffle_epi8(clamp_and_flip(e->end, pack4(a, b, c, c)), close);
      _mm512_mask_storeu_epi8((char *)e->y[row] + e->offset, e->bytes, _mm512_permutexvar_epi32(join, bytes));
      break;
    }
    case 2: {
      /* In each quarter 8 bytes of a and b, then 8 of c and d. */
      const __m512i apart = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
      const __m512i bytes = _mm512_permutexvar_epi64(apart, clamp_and_flip(e->end, pack4(a, c, b, d)));
      store_32(e, row, _mm512_castsi512_si256(bytes));
      if (groups > 1) store_32(e, e->row1 + row, _mm512_extracti64x4_epi64(bytes, 1));
      break;
    }
    default: {
      const __m512i apart = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15));
      const __m512i join = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
      const __m512i quarters = _mm512_shuffle_epi8(clamp_and_flip(e->end, pack4(a, b, c, d)), apart);
      const __m512i bytes = _mm512_permutexvar_epi32(join, quarters);
      store_16(e, row, _mm512_castsi512_si128(bytes));
      if (groups > 1) store_16(e, e->row1 + row, _mm512_extracti32x4_epi32(bytes, 1));
      if (groups > 2) store_16(e, e->row2 + row, _mm512_extracti32x4_epi32(bytes, 2));
      if (groups > 3) store_16(e, e->row3 + row, _mm512_extracti32x4_epi32(bytes, 3));
    }
  }
}

/* The vector of channels that a column has. */
ALWAYS_INLINE size_t vector_of(const size_t vectors, const size_t column) {
  return vectors < 3 ? column % vectors : column;
}

/* A column that is not in use repeats another's. */
ALWAYS_INLINE void finish_row(const size_t vectors, const size_t groups, const size_t row, const struct panel_end *e,
                              __m512i a, __m512i b, __m512i c, __m512i d) {
  const size_t used = vectors * groups;
  a = by_fma(a, e->factor, e->addend);
  if (used > 1) b = by_fma(b, e->factor + LANES * vector_of(vectors, 1), e->addend + LANES * vector_of(vectors, 1));
  if (used > 2) c = by_fma(c, e->factor + LANES * vector_of(vectors, 2), e->addend + LANES * vector_of(vectors, 2));
  if (used > 3) d = by_fma(d, e->factor + LANES * vector_of(vectors, 3), e->addend + LANES * vector_of(vectors, 3));
  store_row(vectors, groups, row, e, a, used > 1 ? b : a, used > 2 ? c : a, used > 3 ? d : used > 1 ? b : a);
}

ALWAYS_INLINE void finish(const size_t vectors, const size_t groups, const size_t rows, const struct panel_end *e,
                          const struct tile *t) {
  if (rows > 0) finish_row(vectors, groups, 0, e, t->a.p0, t->b.p0, t->c.p0, t->d.p0);
  if (rows > 1) finish_row(vectors, groups, 1, e, t->a.p1, t->b.p1, t->c.p1, t->d.p1);
  if (rows > 2) finish_row(vectors, groups, 2, e, t->a.p2, t->b.p2, t->c.p2, t->d.p2);
  if (rows > 3) finish_row(vectors, groups, 3, e, t->a.p3, t->b.p3, t->c.p3, t->d.p3);
  if (rows > 4) finish_row(vectors, groups, 4, e, t->a.p4, t->b.p4, t->c.p4, t->d.p4);
  if (rows > 5) finish_row(vectors, groups, 5, e, t->a.p5, t->b.p5, t->c.p5, t->d.p5);
  if (rows > 6) finish_row(vectors, groups, 6, e, t->a.p6, t->b.p6, t->c.p6, t->d.p6);
}

/* All operations of the rounding, on sums that began with the bias and are on the stack. */
struct stored {
  _Alignas(VECTOR_BYTES) int32_t sum[GROUP][COLUMNS][LANES];
};

ALWAYS_INLINE void store_column(const size_t rows, const size_t column, struct stored *to, const struct sums *s) {
  if (rows > 0) _mm512_store_si512(to->sum[0][column], s->p0);
  if (rows > 1) _mm512_store_si512(to->sum[1][column], s->p1);
  if (rows > 2) _mm512_store_si512(to->sum[2][column], s->p2);
  if (rows > 3) _mm512_store_si512(to->sum[3][column], s->p3);
  if (rows > 4) _mm512_store_si512(to->sum[4][column], s->p4);
  if (rows > 5) _mm512_store_si512(to->sum[5][column], s->p5);
  if (rows > 6) _mm512_store_si512(to->sum[6][column], s->p6);
}

static __attribute__((noinline)) void finish_stored(const struct mbconv_pointwise_panel *panel, size_t vectors,
                                                    size_t groups, size_t rows, const struct panel_end *e,
                                                    struct stored *stored) {
  const struct mbconv_i8_ending *ending = panel->ending.i8;
  const float *scale = (const float *)panel->bias + SCALE * vectors * LANES;
  for (size_t row = 0; row < rows; row++) {
    __m512i w[COLUMNS];
    for (size_t column = 0; column < vectors * groups; column++) {
      int32_t *sum = stored->sum[row][column];
      if (ending->rounding != MBCONV_I8_FP32 && column % vectors == 0) mbconv_i8_panel_words(panel, vectors * LANES, sum);
      w[column] = _mm512_load_si512(sum);
      if (ending->rounding == MBCONV_I8_FP32)
        w[column] = by_scale(w[column], scale + column % vectors * LANES, ending->zero - ending->lo);
    }
    for (size_t column = vectors * groups; column < COLUMNS; column++) w[column] = w[column % vectors];
    switch (vectors) {
      case 1: store_row(1, groups, row, e, w[0], w[1], w[2], w[3]); break;
      case 2: store_row(2, groups, row, e, w[0], w[1], w[2], w[3]); break;
      case 3: store_row(3, groups, row, e, w[0], w[1], w[2], w[3]); break;
      default: store_row(4, groups, row, e, w[0], w[1], w[2], w[3]); break;
    }
  }
}

/* ---- Tiles ------------------------------------------------------------------------------------------------------- */

/* Each tile prefetches its share of the next panel into L2, as f32's tiles over panels abreast do. */
struct ahead {
  const char *at;
  size_t step; /* bytes that each step of k prefetches; 0 if the caller has the weights there */
};

/* What all tiles of a call have in common. */
struct call {
  const struct mbconv_pointwise_panel *panel;
  bool by_fma;
  struct panel_end end;
  struct ahead ahead;
};

/* The last k % 4 bytes of pixels, and zeros behind them. */
struct rest {
  uint8_t x[COLUMNS * GROUP][K_STEP];
};

static __attribute__((noinline)) void copy_rest(const struct mbconv_pointwise_panel *panel, size_t pixels,
                                                const uint8_t *x, struct rest *rest) {
  const size_t bytes = panel->k % K_STEP;
  x += panel->k - bytes;
  memset(rest, 0, sizeof *rest);
  for (size_t p = 0; p < pixels; p++, x += panel->x_stride)
    for (size_t i = 0; i < bytes; i++) rest->x[p][i] = x[i];
}

ALWAYS_INLINE struct sums all(const int32_t *start) {
  const __m512i s = _mm512_load_si512(start);
  return (struct sums){s, s, s, s, s, s, s};
}

ALWAYS_INLINE struct places places_of(const size_t vectors, const struct panel_end *e, const uint8_t *x, size_t stride) {
  const uint8_t *x1 = x + e->row1 * stride;
  if (vectors > 1) return (struct places){x, x, vectors > 2 ? x : x1, vectors > 2 ? x : x1};
  return (struct places){x, x1, x + e->row2 * stride, x + e->row3 * stride};
}

/* `groups` of `rows` pixels each: 1 of 1 to 7, or more of 7. */
ALWAYS_INLINE void tile(const size_t vectors, const size_t groups, const size_t rows, struct call *call, size_t pixels,
                        const uint8_t *x, void *const *y) {
  const struct mbconv_pointwise_panel *panel = call->panel;
  struct panel_end e = call->end;
  const size_t last = pixels - rows;
  e.y = y;
  e.row1 = groups > 2 ? GROUP : last, e.row2 = groups > 3 ? 2 * GROUP : last, e.row3 = last;
  const int32_t *start = (const int32_t *)panel->bias + (call->by_fma ? START : BIAS) * vectors * LANES;
  struct tile t = {all(start + LANES * vector_of(vectors, 0)), all(start + LANES * vector_of(vectors, 1)),
                   all(start + LANES * vector_of(vectors, 2)), all(start + LANES * vector_of(vectors, 3))};
  const char *weights = panel->weights;
  struct places at = places_of(vectors, &e, x, panel->x_stride);
  struct distances d = {panel->x_stride, 3 * panel->x_stride, 5 * panel->x_stride};
  struct rest rest;
  size_t steps = panel->k / K_STEP, left = panel->k % K_STEP;
  for (;;) {
    if (steps == 0) {
      if (left == 0) break;
      copy_rest(panel, pixels, x, &rest);
      at = places_of(vectors, &e, rest.x[0], K_STEP);
      d = (struct distances){K_STEP, 3 * K_STEP, 5 * K_STEP};
      steps = 1, left = 0;
    }
    NO_UNROLL
    do {
      /* Hides how addresses are related: compilers would compute some of them again at each step. */
      __asm__("" : "+r"(at.a), "+r"(at.b), "+r"(at.c), "+r"(at.d), "+r"(d.one), "+r"(d.three), "+r"(d.five));
      _mm_prefetch(call->ahead.at, _MM_HINT_T1), call->ahead.at += call->ahead.step;
      step(vectors, groups, rows, at, d, weights, &t);
      at.a += K_STEP, at.b += K_STEP, at.c += K_STEP, at.d += K_STEP;
      weights += vectors * STEP_BYTES;
    } while (--steps > 0);
  }
  if (call->by_fma) {
    finish(vectors, groups, rows, &e, &t);
    return;
  }
  struct stored stored;
  store_column(rows, 0, &stored, &t.a);
  if (vectors * groups > 1) store_column(rows, 1, &stored, &t.b);
  if (vectors * groups > 2) store_column(rows, 2, &stored, &t.c);
  if (vectors * groups > 3) store_column(rows, 3, &stored, &t.d);
  finish_stored(panel, vectors, groups, rows, &e, &stored);
}

ALWAYS_INLINE void any_tile(const size_t vectors, struct call *call, size_t pixels, const uint8_t *x, void *const *y) {
  switch (pixels > GROUP ? GROUP + (pixels - 1) / GROUP : pixels) {
    case 1: tile(vectors, 1, 1, call, pixels, x, y); break;
    case 2: tile(vectors, 1, 2, call, pixels, x, y); break;
    case 3: tile(vectors, 1, 3, call, pixels, x, y); break;
    case 4: tile(vectors, 1, 4, call, pixels, x, y); break;
    case 5: tile(vectors, 1, 5, call, pixels, x, y); break;
    case 6: tile(vectors, 1, 6, call, pixels, x, y); break;
    case 7: tile(vectors, 1, 7, call, pixels, x, y); break;
    case 8: if (vectors < 3) tile(vectors, 2, 7, call, pixels, x, y); break;
    case 9: if (vectors < 2) tile(vectors, 3, 7, call, pixels, x, y); break;
    default: if (vectors < 2) tile(vectors, 4, 7, call, pixels, x, y); break;
  }
}

/* Whether all channels have an FMA. */
ALWAYS_INLINE bool all_by_fma(const size_t vectors, const float *addend) {
  __mmask16 none = 0;
  for (size_t i = 0; i < vectors; i++) {
    const __m512 v = _mm512_load_ps(addend + i * LANES);
    none |= _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
  }
  return none == 0;
}

ALWAYS_INLINE void run(const size_t vectors, const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                       const uint8_t *x, void *const *y, size_t offset) {
  const size_t width = vectors * LANES, share = (vectors * STEP_BYTES + tiles - 1) / tiles;
  assert(pixels >= 1 && panel->channels >= 1 && panel->channels <= width && panel->segment == panel->k);
  const float *constants = panel->bias;
  struct call call = {.panel = panel,
                      .by_fma = all_by_fma(vectors, constants + ADDEND * width),
                      .end = {.end = end_of(panel->ending.i8),
                              .factor = constants + FACTOR * width,
                              .addend = constants + ADDEND * width,
                              .bytes = first_bytes(panel->channels),
                              .whole = panel->channels == width,
                              .offset = offset},
                      .ahead = {(const char *)panel->weights + panel->next, panel->warm ? 0 : share}};
  for (; tiles > 0; tiles--, x += pixels * panel->x_stride, y += pixels) any_tile(vectors, &call, pixels, x, y);
}

#endif
