/* SPDX-License-Identifier: MIT
 *
 * One pixel on AVX2: 4 panels of 24 channels at a time. These are 12 chains, as many as the 4x24 tile has for 4 pixels;
 * for a single pixel that tile has 3.
 *
 * Each FMA takes its weights from memory: 13 loads for 12 FMAs, 6.5 cycles for 6.
 *
 *     registers
 *     sums          12
 *     pixel         1
 *
 * Order: k ascending, one FMA a step, from the bias.
 */
#include "set_avx2.h"
#include "vec_avx2.h"

enum { WIDTH = 3 * LANES, CHUNK = 4 };

/* a, b, c and d are the sums of one panel each. They are named for gcc 12, as in pointwise_avx2.c. */
struct sums {
  __m256 a0, a1, a2, b0, b1, b2, c0, c1, c2, d0, d1, d2;
};

ALWAYS_INLINE void start(const float *bias, __m256 *sum0, __m256 *sum1, __m256 *sum2) {
  *sum0 = _mm256_load_ps(bias), *sum1 = _mm256_load_ps(bias + LANES), *sum2 = _mm256_load_ps(bias + 2 * LANES);
}

ALWAYS_INLINE void step(const float *weights, __m256 pixel, __m256 *sum0, __m256 *sum1, __m256 *sum2) {
  *sum0 = _mm256_fmadd_ps(pixel, _mm256_load_ps(weights), *sum0);
  *sum1 = _mm256_fmadd_ps(pixel, _mm256_load_ps(weights + LANES), *sum1);
  *sum2 = _mm256_fmadd_ps(pixel, _mm256_load_ps(weights + 2 * LANES), *sum2);
}

ALWAYS_INLINE void finish(const struct mbconv_pointwise_panel *first, float *y, const float *residual, size_t c,
                          __m256 sum) {
  const __m256 lo = _mm256_broadcast_ss(&first->ending.lo), hi = _mm256_broadcast_ss(&first->ending.hi);
  if (residual) sum = _mm256_add_ps(sum, _mm256_loadu_ps(residual + c));
  _mm256_storeu_ps(y + c, clamp(sum, lo, hi));
}

ALWAYS_INLINE void finish3(const struct mbconv_pointwise_panel *first, float *y, const float *residual, size_t c,
                           __m256 sum0, __m256 sum1, __m256 sum2) {
  finish(first, y, residual, c, sum0);
  finish(first, y, residual, c + LANES, sum1);
  finish(first, y, residual, c + 2 * LANES, sum2);
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
  const float *w = behind(first->weights, done * next), *w3 = behind(w, 3 * next);
  struct sums s = {0};
  start(bias, &s.a0, &s.a1, &s.a2);
  if (panels > 1) start(behind(bias, next), &s.b0, &s.b1, &s.b2);
  if (panels > 2) start(behind(bias, 2 * next), &s.c0, &s.c1, &s.c2);
  if (panels > 3) start(behind(bias, 3 * next), &s.d0, &s.d1, &s.d2);
  for (size_t i = 0; i < first->k; i++, w += WIDTH, w3 += WIDTH) {
    const __m256 pixel = _mm256_broadcast_ss(x + i);
    step(w, pixel, &s.a0, &s.a1, &s.a2);
    if (panels > 1) step(behind(w, next), pixel, &s.b0, &s.b1, &s.b2);
    if (panels > 2) step(behind(w, 2 * next), pixel, &s.c0, &s.c1, &s.c2);
    if (panels > 3) step(w3, pixel, &s.d0, &s.d1, &s.d2);
  }
  finish3(first, y, residual, 0, s.a0, s.a1, s.a2);
  if (panels > 1) finish3(first, y, residual, WIDTH, s.b0, s.b1, s.b2);
  if (panels > 2) finish3(first, y, residual, 2 * WIDTH, s.c0, s.c1, s.c2);
  if (panels > 3) finish3(first, y, residual, 3 * WIDTH, s.d0, s.d1, s.d2);
}

void mbconv_gemv_avx2(const struct mbconv_pointwise_panel *first, size_t panels, const void *x_, void *y_,
                      const void *residual_) {
  const float *x = x_, *residual = residual_;
  float *y = y_;
  size_t done = 0;
  for (; panels - done >= CHUNK; done += CHUNK) {
    chunk(CHUNK, first, done, x, y, residual);
    y += CHUNK * WIDTH;
    if (residual) residual += CHUNK * WIDTH;
  }
  switch (panels - done) {
    case 1: chunk(1, first, done, x, y, residual); break;
    case 2: chunk(2, first, done, x, y, residual); break;
    case 3: chunk(3, first, done, x, y, residual); break;
  }
}
