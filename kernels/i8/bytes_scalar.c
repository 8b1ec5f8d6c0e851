/* SPDX-License-Identifier: MIT
 *
 * What is done to bytes, in plain C: the reference for all sets.
 */
#include "requantize.h"
#include "set_scalar.h"

void mbconv_i8_table_scalar(size_t pixels, size_t channels, const void *x_, size_t x_stride, const void *table_,
                            void *y_, size_t y_stride) {
  const uint8_t *x = x_, *table = table_;
  uint8_t *y = y_;
  for (size_t p = 0; p < pixels; p++, x += x_stride, y += y_stride)
    for (size_t c = 0; c < channels; c++) y[c] = table[x[c]];
}

/* Channels are taken so few at a time that their tables stay in L1. */
void mbconv_i8_tables_scalar(size_t pixels, size_t channels, const void *x_, size_t x_stride, const void *tables_,
                             void *y_, size_t y_stride) {
  enum { SOME = 64 };
  const uint8_t *tables = tables_;
  for (size_t first = 0; first < channels; first += SOME) {
    const uint8_t *x = x_;
    uint8_t *y = y_;
    const size_t last = channels - first < SOME ? channels : first + SOME;
    for (size_t p = 0; p < pixels; p++, x += x_stride, y += y_stride)
      for (size_t c = first; c < last; c++) y[c] = tables[c * 256 + x[c]];
  }
}

void mbconv_i8_flip_scalar(size_t n, const void *x_, void *y_) {
  const uint8_t *x = x_;
  uint8_t *y = y_;
  for (size_t i = 0; i < n; i++) y[i] = x[i] ^ 0x80;
}

void mbconv_i8_add_scalar(const struct mbconv_i8_add *add, size_t pixels, size_t channels, void *a_, size_t a_stride,
                          const void *b_, size_t b_stride) {
  uint8_t *a = a_;
  const uint8_t *b = b_;
  for (size_t p = 0; p < pixels; p++, a += a_stride, b += b_stride)
    for (size_t c = 0; c < channels; c++) a[c] = mbconv_i8_add_bytes(add, a[c], b[c]);
}

void mbconv_i8_transpose_scalar_1x1(size_t tiles, const void *x_, size_t x_stride, size_t x_step, void *y_,
                                    size_t y_stride, size_t y_step, const void *residual) {
  const uint8_t *x = x_;
  uint8_t *y = y_;
  (void)x_stride;
  (void)y_stride;
  (void)residual;
  for (size_t i = 0; i < tiles; i++) y[i * y_step] = x[i * x_step];
}

void mbconv_i8_interleave3_scalar(size_t pixels, const void *x, size_t x_stride, void *y) {
  const uint8_t *red = x, *green = red + x_stride, *blue = green + x_stride;
  uint8_t *to = y;
  for (size_t p = 0; p < pixels; p++, to += 3) {
    to[0] = red[p];
    to[1] = green[p];
    to[2] = blue[p];
  }
}
