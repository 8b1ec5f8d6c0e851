/* SPDX-License-Identifier: MIT
 *
 * Pointwise on AVX-512 over two or three panels abreast: tiles of 9 pixels x 48 channels and 9 x 32.
 *
 * The 28x16 tile loads a pixel for each of its FMAs. Where two FMAs of 512 bits begin in a cycle, as on Intel's
 * servers, the two load ports cannot keep up: 29 loads for 28 FMAs, and L1 is busy with them alone. Here a pixel is
 * broadcast to a register once and is used by two or three FMAs:
 *
 *                          9x32       9x48
 *     sums                 18         27
 *     weights              2          3
 *     pixel                1          1     (broadcast)
 *     FMAs                 18         27
 *     loads                11         12
 *
 * Percent of the FMA peak on Sapphire Rapids (gcc 12), before and now: 784 pixels of 192 channels to 48: 84 and 98; 196
 * pixels of 576 channels to 96: 85 and 98. MobileNetV2's blocks gain up to 15%. Zen 4, which begins one such FMA a
 * cycle, has not been measured with it; there the 28x16 tile has 98 to 100.
 *
 * The sums are named: gcc 12 keeps an array of them in memory. `rows` and `panels` are constants at every call of a
 * tile, so the comparisons with them vanish.
 *
 * Order: k ascending, one FMA a step, from the bias.
 */
#include <assert.h>

#include "set_avx512.h"
#include "vec_avx512.h"

/* The sums of one panel. */
struct sums {
  __m512 p0, p1, p2, p3, p4, p5, p6, p7, p8;
};

/* A step's weights, one vector of each panel. */
struct weights {
  __m512 a, b, c;
};

/* Pixels 0 and 5, and once and three times the distance between pixels, in bytes. */
struct pixels {
  const char *p0, *p5;
  size_t one, three;
};

/* The sums of all panels. */
struct tile {
  struct sums a, b, c;
};

ALWAYS_INLINE void step1(const size_t panels, const char *x, struct weights w, __m512 *a, __m512 *b, __m512 *c) {
  __m512 pixel = _mm512_set1_ps(*(const float *)(const void *)x);
  load_once(&pixel);
  *a = _mm512_fmadd_ps(pixel, w.a, *a);
  *b = _mm512_fmadd_ps(pixel, w.b, *b);
  if (panels > 2) *c = _mm512_fmadd_ps(pixel, w.c, *c);
}

ALWAYS_INLINE void step(const size_t panels, const size_t rows, struct pixels x, struct weights w, struct tile *t) {
  if (rows > 0) step1(panels, x.p0, w, &t->a.p0, &t->b.p0, &t->c.p0);
  if (rows > 1) step1(panels, x.p0 + x.one, w, &t->a.p1, &t->b.p1, &t->c.p1);
  if (rows > 2) step1(panels, x.p0 + 2 * x.one, w, &t->a.p2, &t->b.p2, &t->c.p2);
  if (rows > 3) step1(panels, x.p0 + x.three, w, &t->a.p3, &t->b.p3, &t->c.p3);
  if (rows > 4) step1(panels, x.p0 + 4 * x.one, w, &t->a.p4, &t->b.p4, &t->c.p4);
  if (rows > 5) step1(panels, x.p5, w, &t->a.p5, &t->b.p5, &t->c.p5);
  if (rows > 6) step1(panels, x.p5 + x.one, w, &t->a.p6, &t->b.p6, &t->c.p6);
  if (rows > 7) step1(panels, x.p5 + 2 * x.one, w, &t->a.p7, &t->b.p7, &t->c.p7);
  if (rows > 8) step1(panels, x.p5 + x.three, w, &t->a.p8, &t->b.p8, &t->c.p8);
}

/* The residual of one pixel. `lanes`: of the last panel. */
ALWAYS_INLINE void add1(const size_t panels, const float *r, __mmask16 lanes, __m512 *a, __m512 *b, __m512 *c) {
  *a = _mm512_add_ps(*a, _mm512_loadu_ps(r));
  *b = _mm512_add_ps(*b, _mm512_maskz_loadu_ps(panels > 2 ? 0xffff : lanes, r + LANES));
  if (panels > 2) *c = _mm512_add_ps(*c, _mm512_maskz_loadu_ps(lanes, r + 2 * LANES));
}

ALWAYS_INLINE void add(const size_t panels, const size_t rows, const float *r, size_t d, __mmask16 lanes,
                       struct tile *t) {
  if (rows > 0) add1(panels, r, lanes, &t->a.p0, &t->b.p0, &t->c.p0);
  if (rows > 1) add1(panels, r + d, lanes, &t->a.p1, &t->b.p1, &t->c.p1);
  if (rows > 2) add1(panels, r + 2 * d, lanes, &t->a.p2, &t->b.p2, &t->c.p2);
  if (rows > 3) add1(panels, r + 3 * d, lanes, &t->a.p3, &t->b.p3, &t->c.p3);
  if (rows > 4) add1(panels, r + 4 * d, lanes, &t->a.p4, &t->b.p4, &t->c.p4);
  if (rows > 5) add1(panels, r + 5 * d, lanes, &t->a.p5, &t->b.p5, &t->c.p5);
  if (rows > 6) add1(panels, r + 6 * d, lanes, &t->a.p6, &t->b.p6, &t->c.p6);
  if (rows > 7) add1(panels, r + 7 * d, lanes, &t->a.p7, &t->b.p7, &t->c.p7);
  if (rows > 8) add1(panels, r + 8 * d, lanes, &t->a.p8, &t->b.p8, &t->c.p8);
}

/* How the tiles of a call end. */
struct end {
  __m512 lo, hi;
  __mmask16 lanes; /* of the last panel */
};

/* Finishes one sum after the other, as the 28x16 tile does. */
ALWAYS_INLINE void finish1(const size_t panels, struct end end, void *y, size_t offset, __m512 a, __m512 b, __m512 c) {
  float *to = (float *)y + offset;
  in_order(&a);
  _mm512_storeu_ps(to, clamp(a, end.lo, end.hi));
  in_order(&b);
  _mm512_mask_storeu_ps(to + LANES, panels > 2 ? 0xffff : end.lanes, clamp(b, end.lo, end.hi));
  if (panels < 3) return;
  in_order(&c);
  _mm512_mask_storeu_ps(to + 2 * LANES, end.lanes, clamp(c, end.lo, end.hi));
}

ALWAYS_INLINE void finish(const size_t panels, const size_t rows, struct end end, void *const *y, size_t offset,
                          const struct tile *t) {
  if (rows > 0) finish1(panels, end, y[0], offset, t->a.p0, t->b.p0, t->c.p0);
  if (rows > 1) finish1(panels, end, y[1], offset, t->a.p1, t->b.p1, t->c.p1);
  if (rows > 2) finish1(panels, end, y[2], offset, t->a.p2, t->b.p2, t->c.p2);
  if (rows > 3) finish1(panels, end, y[3], offset, t->a.p3, t->b.p3, t->c.p3);
  if (rows > 4) finish1(panels, end, y[4], offset, t->a.p4, t->b.p4, t->c.p4);
  if (rows > 5) finish1(panels, end, y[5], offset, t->a.p5, t->b.p5, t->c.p5);
  if (rows > 6) finish1(panels, end, y[6], offset, t->a.p6, t->b.p6, t->c.p6);
  if (rows > 7) finish1(panels, end, y[7], offset, t->a.p7, t->b.p7, t->c.p7);
  if (rows > 8) finish1(panels, end, y[8], offset, t->a.p8, t->b.p8, t->c.p8);
}

/* Each tile prefetches its share of the next panels into L2, as AVX2's wide tile does. */
struct ahead {
  const char *at;
  size_t step; /* bytes that each step of k prefetches; 0 if the caller has the weights there */
};

ALWAYS_INLINE struct sums all(const char *bias) {
  const __m512 b = _mm512_load_ps(bias);
  return (struct sums){b, b, b, b, b, b, b, b, b};
}

ALWAYS_INLINE void run_tile(const size_t panels, const size_t rows, const struct mbconv_pointwise_panel *panel,
                            struct ahead *ahead, const float *x, void *const *y, size_t offset, const float *residual) {
  const size_t bytes = panel->x_stride * sizeof(float), jump = panel->jump * sizeof(float);
  size_t next = panel->next;
  const char *bias = panel->bias, *weights = panel->weights;
  struct tile t = {all(bias), all(bias + next), all(bias + (panels > 2 ? 2 : 0) * next)};
  struct pixels at = {(const char *)x, (const char *)x + 5 * bytes, bytes, 3 * bytes};
  size_t left = panel->k;
  do {
    size_t i = panel->segment;
    NO_UNROLL
    do {
      /* Hides how addresses are related: compilers would compute some of them again at each step. */
      __asm__("" : "+r"(at.p0), "+r"(at.p5), "+r"(at.one), "+r"(at.three), "+r"(next));
      struct weights w = {_mm512_load_ps(weights), _mm512_load_ps(weights + next),
                          panels > 2 ? _mm512_load_ps(weights + 2 * next) : _mm512_setzero_ps()};
      load_once(&w.a), load_once(&w.b);
      if (panels > 2) load_once(&w.c);
      _mm_prefetch(ahead->at, _MM_HINT_T1), ahead->at += ahead->step;
      step(panels, rows, at, w, &t);
      at.p0 += sizeof(float);
      if (rows > 5) at.p5 += sizeof(float);
      weights += LANES * sizeof(float);
    } while (--i > 0);
    at.p0 += jump, at.p5 += jump;
  } while ((left -= panel->segment) > 0);
  const __mmask16 lanes = first_lanes(panel->channels - (panels - 1) * LANES);
  if (residual) add(panels, rows, residual, panel->r_stride, lanes, &t);
  const struct end end = {_mm512_set1_ps(panel->ending.lo), _mm512_set1_ps(panel->ending.hi), lanes};
  finish(panels, rows, end, y, offset, &t);
}

ALWAYS_INLINE void run_tiles(const size_t panels, const size_t rows, size_t tiles,
                             const struct mbconv_pointwise_panel *panel, const float *x, void *const *y, size_t offset,
                             const float *residual) {
  const size_t step = (panels * LANES * sizeof(float) + tiles - 1) / tiles;
  struct ahead ahead = {(const char *)panel->weights + panels * panel->next, panel->warm ? 0 : step};
  for (; tiles > 0; tiles--) {
    run_tile(panels, rows, panel, &ahead, x, y, offset, residual);
    x += rows * panel->x_stride;
    y += rows;
    if (residual) residual += rows * panel->r_stride;
  }
}

/* Few pixels: one panel after the other. */
static void run_apart(const size_t panels, const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                      const float *x, void *const *y, size_t offset, const float *residual) {
  struct mbconv_pointwise_panel one = *panel;
  for (size_t i = 0; i < panels; i++) {
    one.channels = i + 1 < panels ? LANES : panel->channels - i * LANES;
    mbconv_pointwise_avx512_28x16(&one, pixels, tiles, x, y, offset + i * LANES, residual);
    one.weights = (const char *)one.weights + one.next;
    one.bias = (const char *)one.bias + one.next;
    if (residual) residual += LANES;
  }
}

void mbconv_pointwise_avx512_9x32(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                  const void *x, void *const *y, size_t offset, const void *residual) {
  assert(panel->channels > LANES && panel->channels <= 2 * LANES);
  switch (pixels) {
    case 5: run_tiles(2, 5, tiles, panel, x, y, offset, residual); break;
    case 6: run_tiles(2, 6, tiles, panel, x, y, offset, residual); break;
    case 7: run_tiles(2, 7, tiles, panel, x, y, offset, residual); break;
    case 8: run_tiles(2, 8, tiles, panel, x, y, offset, residual); break;
    case 9: run_tiles(2, 9, tiles, panel, x, y, offset, residual); break;
    default: run_apart(2, panel, pixels, tiles, x, y, offset, residual); break;
  }
}

void mbconv_pointwise_avx512_9x48(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                  const void *x, void *const *y, size_t offset, const void *residual) {
  assert(panel->channels > 2 * LANES && panel->channels <= 3 * LANES);
  switch (pixels) {
    case 5: run_tiles(3, 5, tiles, panel, x, y, offset, residual); break;
    case 6: run_tiles(3, 6, tiles, panel, x, y, offset, residual); break;
    case 7: run_tiles(3, 7, tiles, panel, x, y, offset, residual); break;
    case 8: run_tiles(3, 8, tiles, panel, x, y, offset, residual); break;
    case 9: run_tiles(3, 9, tiles, panel, x, y, offset, residual); break;
    default: run_apart(3, panel, pixels, tiles, x, y, offset, residual); break;
  }
}
