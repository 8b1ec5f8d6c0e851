/* SPDX-License-Identifier: MIT
 *
 * Int8 pointwise on vectors of 8 sums: tiles of 3 pixels x 32 channels, 4 x 24, 6 x 16 and 12 x 8, of which the file
 * that includes this one defines a step.
 *
 * All tiles are 12 sums; sum i is of pixel i / vectors and of vector i % vectors. The step takes 4 bytes per pixel from
 * a buffer on the stack, where a tile's pixels lie a fixed number of bytes apart: no register is needed for their
 * addresses, and no byte behind k is read. What fills it may change the bytes: AVX2 without VNNI multiplies words.
 * The buffer holds PART bytes of all pixels; a longer k takes several parts.
 *
 *     registers of a step: sums 12, a pixel 1 (broadcast), the product 1; weights are operands in memory
 *
 * The sums are named: gcc 12 keeps an array of them in memory. `vectors` and `sums` are constants at every call, so
 * that comparisons with them vanish.
 */
#ifndef MBCONV_I8_POINTWISE_AVX2_H
#define MBCONV_I8_POINTWISE_AVX2_H

#include <assert.h>
#include <string.h>

#include "panel.h"
#include "relu.h"
#include "requantize_avx2.h"

enum { SUMS = 12, VECTOR_BYTES = 32, STEP_BYTES = 4, BUFFER = 6144 };

struct tile {
  __m256i s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11;
};

/* Keeps the order of sums: compilers would load weights once for all pixels and run out of registers. */
#ifdef MBCONV_MEMORY_SANITIZED
ALWAYS_INLINE void in_order_i8(__m256i *v) { (void)v; }
#else
ALWAYS_INLINE void in_order_i8(__m256i *v) { __asm__ volatile("" : "+x"(*v)::"memory"); }
#endif

/* 4 bytes in every lane. */
ALWAYS_INLINE __m256i broadcast(const char *x) {
  int32_t four;
  memcpy(&four, x, sizeof four);
  return _mm256_set1_epi32(four);
}

/* ---- What the including file defines ----------------------------------------------------------------------------- */

/* And K_BYTES, the bytes of a k in the buffer, and WEIGHTS, those of the weights of a dot.
 *
 * Adds the products of 4 bytes of the buffer, in every lane of x, to a vector of sums. */
ALWAYS_INLINE __m256i dot(__m256i sum, __m256i x, const char *weights);

/* Puts `k` bytes of a pixel into the buffer, and zeros up to a multiple of 4 bytes. */
ALWAYS_INLINE void fill(size_t k, const uint8_t *x, char *to);

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

/* The tile's pixels, and the bytes of each that the buffer holds and that lie between two of them: some lines of L1
 * more, so that the stores of a part do not all go to the same sets. */
ALWAYS_INLINE size_t pixels_of(const size_t vectors) { return SUMS / vectors; }
ALWAYS_INLINE size_t part_of(const size_t vectors) { return BUFFER / pixels_of(vectors); }
ALWAYS_INLINE size_t apart(const size_t vectors) { return part_of(vectors) + 64; }

ALWAYS_INLINE void add(const size_t vectors, const size_t sums, const size_t i, const char *x, const char *weights,
                       __m256i *pixel, __m256i *sum) {
  if (i >= sums) return;
  if (i % vectors == 0) *pixel = broadcast(x + i / vectors * apart(vectors));
  *sum = dot(*sum, *pixel, weights + i % vectors * WEIGHTS);
  in_order_i8(sum);
}

ALWAYS_INLINE void step(const size_t vectors, const size_t sums, const char *x, const char *weights, struct tile *t) {
  __m256i pixel = _mm256_setzero_si256();
  add(vectors, sums, 0, x, weights, &pixel, &t->s0);
  add(vectors, sums, 1, x, weights, &pixel, &t->s1);
  add(vectors, sums, 2, x, weights, &pixel, &t->s2);
  add(vectors, sums, 3, x, weights, &pixel, &t->s3);
  add(vectors, sums, 4, x, weights, &pixel, &t->s4);
  add(vectors, sums, 5, x, weights, &pixel, &t->s5);
  add(vectors, sums, 6, x, weights, &pixel, &t->s6);
  add(vectors, sums, 7, x, weights, &pixel, &t->s7);
  add(vectors, sums, 8, x, weights, &pixel, &t->s8);
  add(vectors, sums, 9, x, weights, &pixel, &t->s9);
  add(vectors, sums, 10, x, weights, &pixel, &t->s10);
  add(vectors, sums, 11, x, weights, &pixel, &t->s11);
}

/* ---- Ends -------------------------------------------------------------------------------------------------------- */

/* RELU and SCALED are in registers; see requantize_avx512.h. TFLITE goes by way of the stack. */
enum way { RELU, SCALED, TFLITE };

/* How the tiles of a call end. */
struct panel_end {
  enum way way;
  struct end end;
  const float *scale, *addend;
  size_t channels; /* to store */
  void *const *y;
  size_t offset;
  size_t pixels;
};

/* Stores the first bytes of a pixel, of `width` channels. */
ALWAYS_INLINE void store_pixel(const size_t width, const struct panel_end *e, size_t pixel, __m256i bytes) {
  char *y = (char *)e->y[pixel] + e->offset;
  if (e->channels < width) {
    char staged[VECTOR_BYTES];
    _mm256_storeu_si256((__m256i_u *)staged, bytes);
    for (size_t i = 0; i < e->channels; i++) y[i] = staged[i];
  } else if (width == 32) {
    _mm256_storeu_si256((__m256i_u *)y, bytes);
  } else {
    const __m128i low = _mm256_castsi256_si128(bytes);
    if (width == 8)
      _mm_storel_epi64((__m128i_u *)y, low);
    else
      _mm_storeu_si128((__m128i_u *)y, low);
    if (width == 24) _mm_storel_epi64((__m128i_u *)(y + 16), _mm256_extracti128_si256(bytes, 1));
  }
}

/* The byte 8 * i of a vector, and all behind it, at the beginning. */
ALWAYS_INLINE __m256i from(const size_t i, __m256i bytes) {
  const __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
  const __m128i half = i < 2 ? low : high;
  return _mm256_castsi128_si256(i % 2 ? _mm_unpackhi_epi64(half, half) : half);
}

/* Stores the pixels of 4 vectors of whole numbers, or of 3 where `vectors` is 3; the first pixel is `pixel`. `zero`:
 * the zero point is to be added. Packs leave 4 bytes of each vector in each half. */
ALWAYS_INLINE void store_four(const size_t vectors, const bool zero, const struct panel_end *e, size_t pixel, __m256i a,
                              __m256i b, __m256i c, __m256i d) {
  const __m256i bytes = to_bytes(!zero, &e->end, a, b, c, d);
  if (vectors == 4) {
    store_pixel(32, e, pixel, bytes);
  } else if (vectors == 3) {
    const __m256i join = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);
    store_pixel(24, e, pixel, _mm256_permutevar8x32_epi32(bytes, join));
  } else if (vectors == 2) {
    const __m256i apart = _mm256_permute4x64_epi64(bytes, 0xd8);
    store_pixel(16, e, pixel, apart);
    if (pixel + 1 < e->pixels) store_pixel(16, e, pixel + 1, from(2, apart));
  } else {
    const __m256i apart = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    store_pixel(8, e, pixel, apart);
    if (pixel + 1 < e->pixels) store_pixel(8, e, pixel + 1, from(1, apart));
    if (pixel + 2 < e->pixels) store_pixel(8, e, pixel + 2, from(2, apart));
    if (pixel + 3 < e->pixels) store_pixel(8, e, pixel + 3, from(3, apart));
  }
}

ALWAYS_INLINE __m256i scale_sum(const size_t vectors, const bool relu, const struct panel_end *e, const size_t i,
                                __m256i sum) {
  const size_t first = i % vectors * LANES;
  return relu ? scaled_relu(sum, e->scale + first, e->addend + first) : scaled(sum, e->scale + first);
}

/* The sums from i on, 4 or 3. */
ALWAYS_INLINE void finish_four(const size_t vectors, const size_t sums, const bool relu, const struct panel_end *e,
                               const size_t i, __m256i a, __m256i b, __m256i c, __m256i d) {
  if (i >= sums || i / vectors >= e->pixels) return;
  a = scale_sum(vectors, relu, e, i, a);
  b = scale_sum(vectors, relu, e, i + 1, b);
  c = scale_sum(vectors, relu, e, i + 2, c);
  d = vectors == 3 ? c : scale_sum(vectors, relu, e, i + 3, d);
  store_four(vectors, !relu, e, i / vectors, a, b, c, d);
}

ALWAYS_INLINE void finish(const size_t vectors, const size_t sums, const bool relu, const struct panel_end *e,
                          const struct tile *t) {
  if (vectors == 3) {
    finish_four(3, sums, relu, e, 0, t->s0, t->s1, t->s2, t->s2);
    finish_four(3, sums, relu, e, 3, t->s3, t->s4, t->s5, t->s5);
    finish_four(3, sums, relu, e, 6, t->s6, t->s7, t->s8, t->s8);
    finish_four(3, sums, relu, e, 9, t->s9, t->s10, t->s11, t->s11);
  } else {
    finish_four(vectors, sums, relu, e, 0, t->s0, t->s1, t->s2, t->s3);
    finish_four(vectors, sums, relu, e, 4, t->s4, t->s5, t->s6, t->s7);
    finish_four(vectors, sums, relu, e, 8, t->s8, t->s9, t->s10, t->s11);
  }
}

/* TFLite's rounding. */
static __attribute__((noinline)) void finish_tflite(size_t vectors, const struct mbconv_pointwise_panel *panel,
                                                    const struct panel_end *e, const struct tile *t) {
  _Alignas(VECTOR_BYTES) int32_t sum[SUMS * LANES];
  memcpy(sum, t, sizeof sum);
  const size_t width = vectors * LANES, used = e->pixels * vectors;
  for (size_t i = 0; i < used; i += vectors) mbconv_i8_panel_tflite(panel, width, sum + i * LANES);
  const __m256i *s = (const __m256i *)sum;
  switch (vectors) {
    case 4:
      for (size_t i = 0; i < used; i += 4) store_four(4, false, e, i / 4, s[i], s[i + 1], s[i + 2], s[i + 3]);
      break;
    case 3:
      for (size_t i = 0; i < used; i += 3) store_four(3, false, e, i / 3, s[i], s[i + 1], s[i + 2], s[i + 2]);
      break;
    case 2:
      for (size_t i = 0; i < used; i += 4) store_four(2, false, e, i / 2, s[i], s[i + 1], s[i + 2], s[i + 3]);
      break;
    default:
      for (size_t i = 0; i < used; i += 4) store_four(1, false, e, i, s[i], s[i + 1], s[i + 2], s[i + 3]);
  }
}

/* ---- Tiles ------------------------------------------------------------------------------------------------------- */

/* What all tiles of a call have in common. */
struct call {
  const struct mbconv_pointwise_panel *panel;
  struct panel_end end;
};

ALWAYS_INLINE __m256i start_of(const size_t vectors, const int32_t *start, const size_t i) {
  return _mm256_load_si256((const __m256i *)(start + i % vectors * LANES));
}

ALWAYS_INLINE struct tile start_tile(const size_t vectors, const int32_t *start) {
  return (struct tile){start_of(vectors, start, 0), start_of(vectors, start, 1),  start_of(vectors, start, 2),
                       start_of(vectors, start, 3), start_of(vectors, start, 4),  start_of(vectors, start, 5),
                       start_of(vectors, start, 6), start_of(vectors, start, 7),  start_of(vectors, start, 8),
                       start_of(vectors, start, 9), start_of(vectors, start, 10), start_of(vectors, start, 11)};
}

/* `sums` of the 12 are in use. */
ALWAYS_INLINE void tile(const size_t vectors, const size_t sums, const struct call *call, const uint8_t *x) {
  const struct mbconv_pointwise_panel *panel = call->panel;
  const struct panel_end *e = &call->end;
  const size_t part = part_of(vectors) / K_BYTES;
  const char *weights = panel->weights;
  _Alignas(64) char buffer[BUFFER + SUMS * 64];
  struct tile t = start_tile(vectors, (const int32_t *)panel->bias + BIAS * vectors * LANES);
  for (size_t first = 0; first < panel->k; first += part) {
    const size_t k = panel->k - first < part ? panel->k - first : part;
    for (size_t p = 0; p < sums / vectors; p++) {
      const size_t pixel = p < e->pixels ? p : e->pixels - 1;
      fill(k, x + pixel * panel->x_stride + first, buffer + p * apart(vectors));
    }
    size_t steps = (k * K_BYTES + STEP_BYTES - 1) / STEP_BYTES;
    const char *at = buffer;
    __asm__("" : "+r"(at)); /* hides that it is on the stack, where no vector of the loop may go */
    NO_UNROLL
    do {
      step(vectors, sums, at, weights, &t);
      at += STEP_BYTES;
      weights += vectors * WEIGHTS;
    } while (--steps > 0);
  }
  if (e->way == RELU) {
    finish(vectors, sums, true, e, &t);
  } else if (e->way == SCALED) {
    finish(vectors, sums, false, e, &t);
  } else {
    const struct tile stored = t; /* t stays in registers, as its address is not taken */
    finish_tflite(vectors, panel, e, &stored);
  }
}

/* What scaled_relu() adds, of all channels of a panel. */
ALWAYS_INLINE void make_addends(const size_t vectors, const float *scale, float *addend) {
  const __m256i exponent = _mm256_set1_epi32(MBCONV_I8_RELU_EXPONENT);
  for (size_t i = 0; i < vectors * LANES; i += LANES)
    _mm256_store_si256((__m256i *)(addend + i),
                       _mm256_add_epi32(_mm256_load_si256((const __m256i *)(scale + i)), exponent));
}

ALWAYS_INLINE void run(const size_t vectors, const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                       const uint8_t *x, void *const *y, size_t offset) {
  const size_t width = vectors * LANES;
  assert(pixels >= 1 && pixels <= pixels_of(vectors) && panel->segment == panel->k);
  assert(panel->channels >= 1 && panel->channels <= width);
  const struct mbconv_i8_ending *ending = panel->ending.i8;
  const float *scale = (const float *)panel->bias + SCALE * width, *addend;
  _Alignas(VECTOR_BYTES) float addends[4 * LANES];
  const bool relu = mbconv_i8_ends_relu(scale);
  if (relu) make_addends(vectors, scale, addends);
  addend = addends;
  __asm__("" : "+r"(addend)::"memory"); /* hides that they are on the stack, where no vector of the loop may go */
  struct call call = {panel,
                      {.way = ending->rounding != MBCONV_I8_FP32 ? TFLITE
                              : relu                             ? RELU
                                                                 : SCALED,
                       .end = end_of(ending),
                       .scale = scale,
                       .addend = addend,
                       .channels = panel->channels,
                       .y = y,
                       .offset = offset,
                       .pixels = pixels}};
  for (; tiles > 0; tiles--, x += pixels * panel->x_stride, call.end.y += pixels) {
    if (vectors == 3) {
      if (pixels <= 2)
        tile(3, 6, &call, x);
      else
        tile(3, 12, &call, x);
    } else if (pixels * vectors <= 4) {
      tile(vectors, 4, &call, x);
    } else if (pixels * vectors <= 8) {
      tile(vectors, 8, &call, x);
    } else {
      tile(vectors, 12, &call, x);
    }
  }
}

#endif
