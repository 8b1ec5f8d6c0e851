/* SPDX-License-Identifier: MIT
 *
 * Int8 depthwise on AVX2: depthwise_avx2.h says how a row is made.
 *
 * vpmaddwd multiplies two inputs of a channel by their weights and adds the products. So the taps of a window are taken
 * two at a time: of rows 0 and 1, 2 and 3, 4 and 5 in the same column; the last row's by two columns. That leaves no
 * more than one product of the window empty. To interleave the bytes of two pixels and to widen them to words are two
 * shuffles.
 *
 *     operations for 8 outputs      3x3 s1    s2   5x5 s1    s2   7x7 s1    s2
 *     interleave, widen                  4     6        6    10        8    14
 *     multiply, add                     10    10       26    26       50    50
 *     scale, narrow, clamp, store      4.3   4.3      4.3   4.3      4.3   4.3
 *
 * of which CPUs begin 3 a cycle, and 2 of the products.
 */
#include "depthwise_avx2.h"

ALWAYS_INLINE size_t dots_of(size_t kernel) { return (kernel * kernel + 1) / 2; }

void mbconv_i8_pack_depthwise_avx2(void *data, size_t channel, size_t kernel, size_t stride,
                                   const struct mbconv_i8_channel *packed) {
  int16_t(*dots)[UNIT][2] = pack_constants(data, channel, kernel, packed);
  const size_t last = kernel * (kernel - 1);
  for (size_t tap = 0; tap < last; tap++) {
    const size_t row = tap / kernel, column = tap % kernel;
    dots[row / 2 * kernel + column][channel % UNIT][row % 2] = packed->weight[tap];
  }
  /* At stride 1 the window's columns -1 and 0 are the first dot, at stride 2 columns 0 and 1. */
  for (size_t column = 0; column < kernel; column++) {
    const size_t from_first = column + (stride == 1);
    dots[last / 2 + from_first / 2][channel % UNIT][from_first % 2] = packed->weight[last + column];
  }
}

/* Words of two pixels' bytes, {x y} for each channel. */
ALWAYS_INLINE __m256i words(__m128i x, __m128i y) { return _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(x, y)); }

ALWAYS_INLINE void dot(__m256i *sum, __m256i x, const char *weights) {
  const __m256i w = _mm256_load_si256((const __m256i *)(const void *)weights);
  *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(x, w));
}

/* One step; sums that would have begun more than `newest` steps before do not exist. */
ALWAYS_INLINE void step(const size_t kernel, const size_t stride, const size_t newest, struct walk *walk,
                        struct sums *s) {
  const size_t steps = stride == 1 ? kernel - 1 : kernel / 2; /* before the one that ends a sum */
  const size_t x = walk->x, odd = x + walk->odd;
  const char *w = walk->weights;
  __asm__ volatile("" ::: "memory"); /* or compilers would load weights before the loop, and run out of registers */
  begin(steps, s, walk->start);
  for (size_t i = 0; i < kernel / 2; i++, w += kernel * DOT_BYTES) {
    const char *row = walk->rows[2 * i], *below = walk->rows[2 * i + 1];
    dots(steps, newest, 1, s, words(load(row + x), load(below + x)), stride, w);
    if (stride == 2) {
      const __m256i second = words(load(row + odd), load(below + odd));
      const size_t begun = newest < steps ? newest : steps - 1; /* the last step has no second column */
      dots(steps, begun, 1, s, second, stride, w + DOT_BYTES);
    }
  }
  const __m128i last = load(walk->rows[kernel - 1] + x);
  if (stride == 1) {
    dots(steps, newest, 2, s, words(walk->before, last), 1, w);
    walk->before = last;
  } else {
    dots(steps, newest, 1, s, words(last, load(walk->rows[kernel - 1] + odd)), 1, w);
  }
  walk->x += stride * walk->x_stride;
}

void mbconv_i8_depthwise_avx2_3x3s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                    void *y) {
  row(3, 1, group, pixels, rows, y);
}

void mbconv_i8_depthwise_avx2_3x3s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                    void *y) {
  row(3, 2, group, pixels, rows, y);
}

void mbconv_i8_depthwise_avx2_5x5s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                    void *y) {
  row(5, 1, group, pixels, rows, y);
}

void mbconv_i8_depthwise_avx2_5x5s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                    void *y) {
  row(5, 2, group, pixels, rows, y);
}

void mbconv_i8_depthwise_avx2_7x7s1(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                    void *y) {
  row(7, 1, group, pixels, rows, y);
}

void mbconv_i8_depthwise_avx2_7x7s2(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                    void *y) {
  row(7, 2, group, pixels, rows, y);
}
