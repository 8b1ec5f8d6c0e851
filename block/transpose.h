/* SPDX-License-Identifier: MIT
 *
 * NCHW at the door: planes of an image to pixels of scratch and back.
 */
#ifndef MBCONV_TRANSPOSE_H
#define MBCONV_TRANSPOSE_H

#include "kernels.h"

/* y[c * y_stride + r] = x[r * x_stride + c] (+ residual[c * y_stride + r]); r < rows, c < columns.
 *   strides   the longer one is that of planes, the shorter one that of pixels: only the order depends on it
 *   y         overlaps neither x nor the residual; some of its elements may be written twice
 *   residual  laid out as y, or NULL */
void mbconv_transpose(const struct mbconv_kernels *kernels, size_t rows, size_t columns, const void *x, size_t x_stride,
                      void *y, size_t y_stride, const void *residual);

#endif
