/* SPDX-License-Identifier: MIT
 *
 * Int8 depthwise on AVX2 with VNNI: depthwise_avx2.h says how a row is made.
 *
 * vpdpbusd adds four products of bytes. So the taps of a window are taken four at a time: of rows 0 to 3 and 4 to 7 in
 * the same column, rows that do not exist with weights of 0; the fifth row of 5x5 by four columns.
 *
 *     operations for 8 outputs      3x3 s1    s2   5x5 s1    s2   7x7 s1    s2
 *     interleave                         5    10        9    14       10    20
 *     multiply and add                   3     3        7     7       14    14
 *     scale, narrow, clamp, store      4.3   4.3      4.3   4.3      4.3   4.3
 */
#include "depthwise_avx2.h"
#include "set_avx2_vnni.h"
#include "vnni_avx2.h"

/* Rows that go together. */
ALWAYS_INLINE size_t quads_of(size_t kernel) { return kernel == 7 ? 2 : 1; }
ALWAYS_INLINE size_t dots_of(size_t kernel) { return quads_of(kernel) * kernel + (kernel == 5 ? 2 : 0); }

void mbconv_i8_pack_depthwise_avx2_vnni(void *data, size_t channel, size_t kernel, size_t stride,
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

ALWAYS_INLINE void dot(__m256i *sum, __m256i x, const char *weights) {
  *sum = add_dots(*sum, x, _mm256_load_si256((const __m256i *)(const void *)weights));
}

/* From two vectors of {x y} one of {x y x' y'} for each channel. */
ALWAYS_INLINE __m256i fours(__m128i xy, __m128i more) {
  return _mm256_set_m128i(_mm_unpackhi_epi16(xy, more), _mm_unpacklo_epi16(xy, more));
}

/* The `quad`-th rows that go together. */
ALWAYS_INLINE __m256i column_of(const size_t kernel, const size_t quad, const char *const *rows, size_t x) {
  const char *const *row = rows + 4 * quad;
  const __m128i third = load(row[2] + x), fourth = kernel == 5                ? load(row[3] + x)
                                                   : quad == 0 && kernel == 7 ? load(row[3] + x)
                                                                              : third;
  return fours(_mm_unpacklo_epi8(load(row[0] + x), load(row[1] + x)), _mm_unpacklo_epi8(third, fourth));
}

ALWAYS_INLINE void step(const size_t kernel, const size_t stride, const size_t newest, struct walk *walk,
                        struct sums *s) {
  const size_t steps = stride == 1 ? kernel - 1 : kernel / 2; /* before the one that ends a sum */
  const size_t x = walk->x, odd = x + walk->odd;
  const char *w = walk->weights;
  __asm__ volatile("" ::: "memory"); /* or compilers would load weights before the loop, and run out of registers */
  begin(steps, s, walk->start);
  for (size_t i = 0; i < quads_of(kernel); i++, w += kernel * DOT_BYTES) {
    dots(steps, newest, 1, s, column_of(kernel, i, walk->rows, x), stride, w);
    if (stride == 2) {
      const size_t begun = newest < steps ? newest : steps - 1; /* the last step has no second column */
      dots(steps, begun, 1, s, column_of(kernel, i, walk->rows, odd), stride, w + DOT_BYTES);
    }
  }
  if (kernel == 5) {
    const __m128i last = load(walk->rows[4] + x);
    const __m128i two =
        stride == 1 ? _mm_unpacklo_epi8(walk->before, last) : _mm_unpacklo_epi8(last, load(walk->rows[4] + odd));
    const __m256i window = fours(walk->before2, two);
    if (newest >= steps) dot_in_order(&s->done, window, w + DOT_BYTES);
    if (newest >= steps - 1) dot_in_order(stride == 1 ? &s->s4 : &s->s2, window, w);
    walk->before2 = stride == 1 ? walk->before3 : two;
    walk->before3 = two;
    walk->before = last;
  }
  walk->x += stride * walk->x_stride;
}

void mbconv_i8_depthwise_avx2_vnni_3x3s1(const struct mbconv_depthwise_group *group, size_t pixels,
                                         const void *const *rows, void *y) {
  row(3, 1, group, pixels, rows, y);
}

void mbconv_i8_depthwise_avx2_vnni_3x3s2(const struct mbconv_depthwise_group *group, size_t pixels,
                                         const void *const *rows, void *y) {
  row(3, 2, group, pixels, rows, y);
}

void mbconv_i8_depthwise_avx2_vnni_5x5s1(const struct mbconv_depthwise_group *group, size_t pixels,
                                         const void *const *rows, void *y) {
  row(5, 1, group, pixels, rows, y);
}

void mbconv_i8_depthwise_avx2_vnni_5x5s2(const struct mbconv_depthwise_group *group, size_t pixels,
                                         const void *const *rows, void *y) {
  row(5, 2, group, pixels, rows, y);
}

void mbconv_i8_depthwise_avx2_vnni_7x7s1(const struct mbconv_depthwise_group *group, size_t pixels,
                                         const void *const *rows, void *y) {
  row(7, 1, group, pixels, rows, y);
}

void mbconv_i8_depthwise_avx2_vnni_7x7s2(const struct mbconv_depthwise_group *group, size_t pixels,
                                         const void *const *rows, void *y) {
  row(7, 2, group, pixels, rows, y);
}
