/* SPDX-License-Identifier: MIT
 *
 * One pixel on AVX-512: 8 panels of 16 channels at a time. These are 8 chains; the 28x16 tile has 1 for a single pixel.
 *
 * Each FMA takes its weights from memory.
 *
 *     registers
 *     sums          8
 *     pixel         1
 *
 * Order: k ascending, one FMA a step, from the bias.
 */
#include "set_avx512.h"
#include "vec_avx512.h"

enum { CHUNK = 8 };

/* Each is the sum of one panel. They are named for gcc 12, as in pointwise_avx512.c. */
struct sums {
  __m512 a, b, c, d, e, f, g, h;
};

ALWAYS_INLINE void start(const float *bias, __m512 *sum) { *sum = _mm512_load_ps(bias); }

ALWAYS_INLINE void step(const float *weights, __m512 pixel, __m512 *sum) {
  *sum = _mm512_fmadd_ps(pixel, _mm512_load_ps(weights), *sum);
}

ALWAYS_INLINE void finish(const struct mbconv_pointwise_panel *first, float *y, const float *residual, size_t c,
                          __m512 sum) {
  if (residual) sum = _mm512_add_ps(sum, _mm512_loadu_ps(residual + c));
  _mm512_storeu_ps(y + c, clamp(sum, _mm512_set1_ps(first->ending.lo), _mm512_set1_ps(first->ending.hi)));
}

/* The floats at this distance behind p. Panels are `next` bytes apart. */
ALWAYS_INLINE const float *behind(const void *p, size_t bytes) {
  return (const float *)(const void *)((const char *)p + bytes);
}

/* The panels behind the first `done`. `panels`, 1 to CHUNK, is a constant at every call, so that the comparisons with
 * it vanish. */
ALWAYS_INLINE void chunk(const size_t panels, const struct mbconv_pointwise_panel *first, size_t done, const float *x,
                         float *y, const float *residual) {
  const size_t next = first->next;
  const float *bias = behind(first->bias, done * next);
  const float *w = behind(first->weights, done * next), *w4 = behind(w, 4 * next);
  struct sums s = {0};
  start(bias, &s.a);
  if (panels > 1) start(behind(bias, next), &s.b);
  if (panels > 2) start(behind(bias, 2 * next), &s.c);
  if (panels > 3) start(behind(bias, 3 * next), &s.d);
  if (panels > 4) start(behind(bias, 4 * next), &s.e);
  if (panels > 5) start(behind(bias, 5 * next), &s.f);
  if (panels > 6) start(behind(bias, 6 * next), &s.g);
  if (panels > 7) start(behind(bias, 7 * next), &s.h);
  for (size_t i = 0; i < first->k; i++, w += LANES, w4 += LANES) {
    const __m512 pixel = _mm512_set1_ps(x[i]);
    step(w, pixel, &s.a);
    if (panels > 1) step(behind(w, next), pixel, &s.b);
    if (panels > 2) step(behind(w, 2 * next), pixel, &s.c);
    if (panels > 3) step(behind(w, 3 * next), pixel, &s.d);
    if (panels > 4) step(w4, pixel, &s.e);
    if (panels > 5) step(behind(w4, next), pixel, &s.f);
    if (panels > 6) step(behind(w4, 2 * next), pixel, &s.g);
    if (panels > 7) step(behind(w4, 3 * next), pixel, &s.h);
  }
  finish(first, y, residual, 0, s.a);
  if (panels > 1) finish(first, y, residual, LANES, s.b);
  if (panels > 2) finish(first, y, residual, 2 * LANES, s.c);
  if (panels > 3) finish(first, y, residual, 3 * LANES, s.d);
  if (panels > 4) finish(first, y, residual, 4 * LANES, s.e);
  if (panels > 5) finish(first, y, residual, 5 * LANES, s.f);
  if (panels > 6) finish(first, y, residual, 6 * LANES, s.g);
  if (panels > 7) finish(first, y, residual, 7 * LANES, s.h);
}

void mbconv_gemv_avx512(const struct mbconv_pointwise_panel *first, size_t panels, const void *x_, void *y_,
                        const void *residual_) {
  const float *x = x_, *residual = residual_;
  float *y = y_;
  size_t done = 0;
  for (; panels - done >= CHUNK; done += CHUNK) {
    chunk(CHUNK, first, done, x, y, residual);
    y += CHUNK * LANES;
    if (residual) residual += CHUNK * LANES;
  }
  switch (panels - done) {
    case 1: chunk(1, first, done, x, y, residual); break;
    case 2: chunk(2, first, done, x, y, residual); break;
    case 3: chunk(3, first, done, x, y, residual); break;
    case 4: chunk(4, first, done, x, y, residual); break;
    case 5: chunk(5, first, done, x, y, residual); break;
    case 6: chunk(6, first, done, x, y, residual); break;
    case 7: chunk(7, first, done, x, y, residual); break;
  }
}
