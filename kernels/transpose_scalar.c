/* SPDX-License-Identifier: MIT
 *
 * Transposition in plain C: in squares, so that a cache line that is touched is used while it is in L1.
 */
#include "set_scalar.h"

enum { SQUARE = 8 };

static inline size_t end_of(size_t begin, size_t n) { return n - begin < SQUARE ? n : begin + SQUARE; }

void mbconv_transpose_scalar(size_t rows, size_t columns, const float *x, size_t x_stride, float *y, size_t y_stride,
                             const float *residual) {
  for (size_t c0 = 0; c0 < columns; c0 += SQUARE) {
    for (size_t r0 = 0; r0 < rows; r0 += SQUARE) {
      for (size_t c = c0; c < end_of(c0, columns); c++) {
        for (size_t r = r0; r < end_of(r0, rows); r++) {
          const float v = x[r * x_stride + c];
          y[c * y_stride + r] = residual ? v + residual[c * y_stride + r] : v;
        }
      }
    }
  }
}
