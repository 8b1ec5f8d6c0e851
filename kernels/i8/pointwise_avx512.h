/* SPDX-License-Identifier: MIT
 *
 * Int8 pointwise on AVX-512: tiles of 7 pixels x 64 channels, 7 x 48, 14 x 32 and 28 x 16, of which the file that
 * includes this one defines a step.
 *
 * All tiles are 4 columns of 7 sums (7x48: 3 columns). A column is a vector of channels and a group of 7 pixels,
 * because 7 divides the widths 7, 14, 28, 56 and 112:
 *
 *                  7x64      7x48     14x32      28x16
 *     vectors      0 1 2 3   0 1 2    0 1 0 1    0 0 0 0
 *     groups       0 0 0 0   0 0 0    0 0 1 1    0 1 2 3
 *
 * For a count above 7 that 7 does not divide, the last group moves back over the one before and computes the same bytes
 * again. A count below 7 repeats its last pixel, up to 3 or 7. The last k, fewer than 4, are copied to the stack, so
 * that no byte behind k is read, and the same loop goes on there.
 *
 * The sums are named: gcc 12 keeps an array of them in memory. `vectors`, `groups` and `rows` are constants at every
 * call, so that comparisons with them vanish.
 */
#ifndef MBCONV_I8_POINTWISE_AVX512_H
#define MBCONV_I8_POINTWISE_AVX512_H

#include <assert.h>
#include <string.h>

#include "panel.h"
#include "relu.h"
#include "requantize_avx512.h"

enum { GROUP = 7, COLUMNS = 4, VECTOR_BYTES = 64 };

/* A column. */
struct sums {
  __m512i p0, p1, p2, p3, p4, p5, p6;
};

struct tile {
  struct sums a, b, c, d;
};

/* From the first pixel of a group to the others, in bytes. */
struct distances {
  size_t d1, d2, d3, d4, d5, d6;
};

/* Where a column's pixels are. */
struct places {
  const uint8_t *a, *b, *c, *d;
};

/* What load_once() and in_order() of vec_avx512.h are for floats. */
#ifdef MBCONV_MEMORY_SANITIZED
ALWAYS_INLINE void keep(__m512i *v) { (void)v; }
ALWAYS_INLINE void in_order_i8(__m512i *v) { (void)v; }
#else
ALWAYS_INLINE void keep(__m512i *v) { __asm__("" : "+v"(*v)); }
ALWAYS_INLINE void in_order_i8(__m512i *v) { __asm__ volatile("" : "+v"(*v)::"memory"); }
#endif

/* 4 bytes of a pixel in every lane. */
ALWAYS_INLINE __m512i broadcast(const uint8_t *x) {
  int32_t four;
  memcpy(&four, x, sizeof four);
  return _mm512_set1_epi32(four);
}

/* ---- The step, which the including file defines, and STEP_BYTES, the bytes of a vector's weights for 4 of k ------ */

/* Adds 4 products to every sum of a tile. `weights` are those of the first vector. */
ALWAYS_INLINE void step(const size_t vectors, const size_t groups, const size_t rows, struct places x,
                        struct distances d, const char *weights, struct tile *t);

/* ---- Ends -------------------------------------------------------------------------------------------------------- */

/* RELU and SCALED are in registers; see requantize_avx512.h. TFLITE goes by way of the stack. */
enum way { RELU, SCALED, TFLITE };

/* How the tiles of a call end. */
struct panel_end {
  enum way way;
  struct end end;
  const float *scale, *addend;
  __mmask64 bytes; /* the channels to store */
  bool whole;      /* all of them */
  void *const *y;
  size_t offset;
  size_t pixels;           /* of the first group, if there is no other */
  size_t row1, row2, row3; /* the pixels with which the other groups begin */
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

/* Stores pixel `row` of each group. The whole numbers of columns a to d; `zero`: the zero point is to be added. */
ALWAYS_INLINE void store_row(const size_t vectors, const size_t groups, const bool zero, const size_t row,
                             const struct panel_end *e, __m512i a, __m512i b, __m512i c, __m512i d) {
  const __m512i bytes = to_bytes(!zero, &e->end, a, b, c, d);
  switch (vectors) {
    case 4: store_64(e, row, bytes); break;
    case 3: {
      const __m512i join = _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15);
      const __m512i joined = _mm512_permutexvar_epi32(join, bytes);
      _mm512_mask_storeu_epi8((char *)e->y[row] + e->offset, e->bytes, joined);
      break;
    }
    case 2: {
      /* In each quarter 8 bytes of a and b, then 8 of c and d. */
      const __m512i apart = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
      const __m512i groups_apart = _mm512_permutexvar_epi64(apart, bytes);
      store_32(e, row, _mm512_castsi512_si256(groups_apart));
      if (groups > 1) store_32(e, e->row1 + row, _mm512_extracti64x4_epi64(groups_apart, 1));
      break;
    }
    default: {
      const __m512i apart = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
      const __m512i groups_apart = _mm512_permutexvar_epi32(apart, bytes);
      store_16(e, row, _mm512_castsi512_si128(groups_apart));
      if (groups > 1) store_16(e, e->row1 + row, _mm512_extracti32x4_epi32(groups_apart, 1));
      if (groups > 2) store_16(e, e->row2 + row, _mm512_extracti32x4_epi32(groups_apart, 2));
      if (groups > 3) store_16(e, e->row3 + row, _mm512_extracti32x4_epi32(groups_apart, 3));
    }
  }
}

/* The first channel of the vector that a column has. */
ALWAYS_INLINE size_t first_of(const size_t vectors, const size_t column) {
  return (vectors < 3 ? column % vectors : column) * LANES;
}

ALWAYS_INLINE __m512i scale_column(const bool relu, const size_t first, const struct panel_end *e, __m512i sum) {
  return relu ? scaled_relu(sum, e->scale + first, e->addend + first) : scaled(sum, e->scale + first);
}

/* A column that is not in use repeats another's. */
ALWAYS_INLINE void finish_row(const size_t vectors, const size_t groups, const bool relu, const size_t row,
                              const struct panel_end *e, __m512i a, __m512i b, __m512i c, __m512i d) {
  const size_t used = vectors * groups;
  if (groups == 1 && row >= e->pixels) return;
  a = scale_column(relu, 0, e, a);
  b = used > 1 ? scale_column(relu, first_of(vectors, 1), e, b) : a;
  c = used > 2 ? scale_column(relu, first_of(vectors, 2), e, c) : a;
  d = used > 3 ? scale_column(relu, first_of(vectors, 3), e, d) : used > 2 ? c : b;
  store_row(vectors, groups, !relu, row, e, a, b, c, d);
}

ALWAYS_INLINE void finish(const size_t vectors, const size_t groups, const size_t rows, const bool relu,
                          const struct panel_end *e, const struct tile *t) {
  if (rows > 0) finish_row(vectors, groups, relu, 0, e, t->a.p0, t->b.p0, t->c.p0, t->d.p0);
  if (rows > 1) finish_row(vectors, groups, relu, 1, e, t->a.p1, t->b.p1, t->c.p1, t->d.p1);
  if (rows > 2) finish_row(vectors, groups, relu, 2, e, t->a.p2, t->b.p2, t->c.p2, t->d.p2);
  if (rows > 3) finish_row(vectors, groups, relu, 3, e, t->a.p3, t->b.p3, t->c.p3, t->d.p3);
  if (rows > 4) finish_row(vectors, groups, relu, 4, e, t->a.p4, t->b.p4, t->c.p4, t->d.p4);
  if (rows > 5) finish_row(vectors, groups, relu, 5, e, t->a.p5, t->b.p5, t->c.p5, t->d.p5);
  if (rows > 6) finish_row(vectors, groups, relu, 6, e, t->a.p6, t->b.p6, t->c.p6, t->d.p6);
}

/* Sums on the stack, for TFLite's rounding. */
struct stored {
  _Alignas(VECTOR_BYTES) int32_t sum[GROUP][COLUMNS * LANES];
};

ALWAYS_INLINE void store_column(const size_t rows, const size_t column, struct stored *to, const struct sums *s) {
  const size_t first = column * LANES;
  if (rows > 0) _mm512_store_si512(to->sum[0] + first, s->p0);
  if (rows > 1) _mm512_store_si512(to->sum[1] + first, s->p1);
  if (rows > 2) _mm512_store_si512(to->sum[2] + first, s->p2);
  if (rows > 3) _mm512_store_si512(to->sum[3] + first, s->p3);
  if (rows > 4) _mm512_store_si512(to->sum[4] + first, s->p4);
  if (rows > 5) _mm512_store_si512(to->sum[5] + first, s->p5);
  if (rows > 6) _mm512_store_si512(to->sum[6] + first, s->p6);
}

static __attribute__((noinline)) void finish_tflite(const struct mbconv_pointwise_panel *panel, size_t vectors,
                                                    size_t groups, size_t rows, const struct panel_end *e,
                                                    struct stored *stored) {
  const size_t used = vectors * groups * LANES, width = vectors * LANES;
  for (size_t row = 0; row < rows && (groups > 1 || row < e->pixels); row++) {
    int32_t *sum = stored->sum[row];
    for (size_t i = 0; i < used; i += width) mbconv_i8_panel_tflite(panel, width, sum + i);
    for (size_t i = used; i < COLUMNS * LANES; i++) sum[i] = 0;
    const __m512i a = _mm512_load_si512(sum), b = _mm512_load_si512(sum + LANES),
                  c = _mm512_load_si512(sum + 2 * LANES), d = _mm512_load_si512(sum + 3 * LANES);
    switch (vectors) {
      case 1: store_row(1, groups, false, row, e, a, b, c, d); break;
      case 2: store_row(2, groups, false, row, e, a, b, c, d); break;
      case 3: store_row(3, groups, false, row, e, a, b, c, d); break;
      default: store_row(4, groups, false, row, e, a, b, c, d); break;
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

ALWAYS_INLINE struct places places_of(const size_t vectors, const struct panel_end *e, const uint8_t *x,
                                      size_t stride) {
  const uint8_t *x1 = x + e->row1 * stride;
  if (vectors > 1) return (struct places){x, x, vectors > 2 ? x : x1, vectors > 2 ? x : x1};
  return (struct places){x, x1, x + e->row2 * stride, x + e->row3 * stride};
}

/* Pixels behind `last` are the last one again. */
ALWAYS_INLINE struct distances distances_of(size_t stride, size_t last) {
  return (struct distances){stride * (last < 1 ? last : 1), stride * (last < 2 ? last : 2),
                            stride * (last < 3 ? last : 3), stride * (last < 4 ? last : 4),
                            stride * (last < 5 ? last : 5), stride * (last < 6 ? last : 6)};
}

/* 1 group of `rows` pixels or fewer, or more groups of 7. */
ALWAYS_INLINE void tile(const size_t vectors, const size_t groups, const size_t rows, struct call *call, size_t pixels,
                        const uint8_t *x, void *const *y) {
  const struct mbconv_pointwise_panel *panel = call->panel;
  struct panel_end *e = &call->end;
  e->y = y;
  struct rest rest;
  size_t steps = panel->k / K_STEP, left = panel->k % K_STEP;
  if (left) copy_rest(panel, pixels, x, &rest); /* now, as a call takes all vector registers */
  const int32_t *start = (const int32_t *)panel->bias + BIAS * vectors * LANES;
  struct tile t = {all(start + first_of(vectors, 0)), all(start + first_of(vectors, 1)),
                   all(start + first_of(vectors, 2)), all(start + first_of(vectors, 3))};
  const char *weights = panel->weights;
  const size_t last = groups > 1 ? GROUP - 1 : pixels - 1;
  struct places at = places_of(vectors, e, x, panel->x_stride);
  struct distances d = distances_of(panel->x_stride, last);
  for (;;) {
    if (steps == 0) {
      if (left == 0) break;
      at = places_of(vectors, e, rest.x[0], K_STEP);
      d = distances_of(K_STEP, last);
      steps = 1, left = 0;
    }
    NO_UNROLL
    do {
      /* Hides how addresses are related: compilers would compute some of them again at each step. */
      __asm__("" : "+r"(at.a), "+r"(at.b), "+r"(at.c), "+r"(at.d));
      _mm_prefetch(call->ahead.at, _MM_HINT_T1), call->ahead.at += call->ahead.step;
      step(vectors, groups, rows, at, d, weights, &t);
      at.a += K_STEP, at.b += K_STEP, at.c += K_STEP, at.d += K_STEP;
      weights += vectors * STEP_BYTES;
    } while (--steps > 0);
  }
  if (e->way == RELU) {
    finish(vectors, groups, rows, true, e, &t);
  } else if (e->way == SCALED) {
    finish(vectors, groups, rows, false, e, &t);
  } else {
    struct stored stored;
    store_column(rows, 0, &stored, &t.a);
    if (vectors * groups > 1) store_column(rows, 1, &stored, &t.b);
    if (vectors * groups > 2) store_column(rows, 2, &stored, &t.c);
    if (vectors * groups > 3) store_column(rows, 3, &stored, &t.d);
    finish_tflite(panel, vectors, groups, rows, e, &stored);
  }
}

/* All tiles of a call, which have equally many pixels. */
ALWAYS_INLINE void tiles_of(const size_t vectors, const size_t groups, const size_t rows, struct call *call,
                            size_t pixels, size_t tiles, const uint8_t *x, void *const *y) {
  const size_t last = pixels > GROUP ? pixels - GROUP : 0;
  call->end.pixels = pixels;
  call->end.row1 = groups > 2 && last > GROUP ? GROUP : last;
  call->end.row2 = last > 2 * GROUP ? 2 * GROUP : last;
  call->end.row3 = last;
  for (; tiles > 0; tiles--, x += pixels * call->panel->x_stride, y += pixels)
    tile(vectors, groups, rows, call, pixels, x, y);
}

/* What scaled_relu() adds, of all channels of a panel. */
ALWAYS_INLINE void make_addends(const size_t vectors, const float *scale, float *addend) {
  const __m512i exponent = _mm512_set1_epi32(MBCONV_I8_RELU_EXPONENT);
  for (size_t i = 0; i < vectors * LANES; i += LANES)
    _mm512_store_si512(addend + i, _mm512_add_epi32(_mm512_load_si512(scale + i), exponent));
}

ALWAYS_INLINE void run(const size_t vectors, const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                       const uint8_t *x, void *const *y, size_t offset) {
  const size_t width = vectors * LANES, share = (vectors * STEP_BYTES + tiles - 1) / tiles;
  assert(pixels >= 1 && panel->channels >= 1 && panel->channels <= width && panel->segment == panel->k);
  const struct mbconv_i8_ending *ending = panel->ending.i8;
  const float *scale = (const float *)panel->bias + SCALE * width, *addend;
  _Alignas(VECTOR_BYTES) float addends[COLUMNS * LANES];
  const bool relu = mbconv_i8_ends_relu(scale);
  if (relu) make_addends(vectors, scale, addends);
  addend = addends;
  __asm__("" : "+r"(addend)::"memory"); /* hides that they are on the stack, where no vector of the loop may go */
  struct call call = {.panel = panel,
                      .end = {.way = ending->rounding != MBCONV_I8_FP32 ? TFLITE
                                     : relu                             ? RELU
                                                                        : SCALED,
                              .end = end_of(ending),
                              .scale = scale,
                              .addend = addend,
                              .bytes = first_bytes(panel->channels),
                              .whole = panel->channels == width,
                              .offset = offset},
                      .ahead = {(const char *)panel->weights + panel->next, panel->warm ? 0 : share}};
  if (pixels <= 3)
    tiles_of(vectors, 1, 3, &call, pixels, tiles, x, y);
  else if (pixels <= GROUP)
    tiles_of(vectors, 1, GROUP, &call, pixels, tiles, x, y);
  else if (vectors == 2 || (vectors == 1 && pixels <= 2 * GROUP))
    tiles_of(vectors, 2, GROUP, &call, pixels, tiles, x, y);
  else if (vectors == 1)
    tiles_of(vectors, 4, GROUP, &call, pixels, tiles, x, y);
}

#endif
