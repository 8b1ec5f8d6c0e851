/* SPDX-License-Identifier: MIT
 *
 * The windows of a dense convolution, one after the other as the pixels of a 1x1. (A file called windows.h would be
 * found instead of that of Windows.)
 */
#ifndef MBCONV_GATHER_H
#define MBCONV_GATHER_H

#include "dense.h"

/* An image, read from the top down. */
struct mbconv_window_source {
  const char *x;
  char *ring;  /* [kernel][width][in_channels], input row r in slot r % kernel; NULL: x is read as it is */
  size_t next; /* rows before it have been brought there, the last `kernel` of them are still there; starts as 0 */
};

static inline size_t mbconv_window_elements(const struct mbconv_shape *shape) {
  return shape->rows.kernel * shape->columns.kernel * shape->in_channels;
}

/* Writes the windows of outputs [pixel, pixel + count) of the image: [count][kernel][kernel][in_channels], +0 outside
 * the image. Calls for one source go through the outputs in ascending order. */
mbconv_windows_gather_fn mbconv_windows_gather;

/* The same in int8: outside the image is the stage's padding, and rows are brought to the ring by the list's
 * `fetch_row`, if it has one. It is in gather_i8.c. */
mbconv_windows_gather_fn mbconv_i8_windows_gather;

/* Planes, `plane` bytes apart, to `pixels` pixels. */
void mbconv_i8_interleave(const struct mbconv_kernels *kernels, size_t channels, const void *planes, size_t plane,
                          size_t pixels, void *to);

#endif
