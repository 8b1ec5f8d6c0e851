/* SPDX-License-Identifier: MIT
 *
 * The windows of a dense convolution, one after the other as the pixels of a 1x1. (A file called windows.h would be
 * found instead of that of Windows.)
 */
#ifndef MBCONV_GATHER_H
#define MBCONV_GATHER_H

#include "kernels.h"
#include "plan.h"

/* An image, read from the top down. */
struct mbconv_window_source {
  const char *x;
  char *ring;  /* NCHW: [kernel][width][in_channels], input row r in slot r % kernel; NULL: x is NHWC */
  size_t next; /* rows before it have been interleaved, the last `kernel` of them are still there; starts as 0 */
};

static inline size_t mbconv_window_elements(const struct mbconv_shape *shape) {
  return shape->rows.kernel * shape->columns.kernel * shape->in_channels;
}

/* Writes the windows of outputs [pixel, pixel + count) of the image: [count][kernel][kernel][in_channels], +0 outside
 * the image. Calls for one source go through the outputs in ascending order. */
void mbconv_windows_gather(const struct mbconv_kernels *kernels, const struct mbconv_shape *shape,
                           struct mbconv_window_source *source, size_t pixel, size_t count, char *windows);

#endif
