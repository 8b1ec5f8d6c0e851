/* SPDX-License-Identifier: MIT
 *
 * Global average pooling. Int8 has slices of its own (pool_i8.c), which a program that pools floats alone does not
 * contain.
 */
#ifndef MBCONV_GLOBAL_POOL_H
#define MBCONV_GLOBAL_POOL_H

#include "operator.h"

/* Channels of a slice: whole cache lines, and few enough sums to stay in L1. */
enum { MBCONV_POOL_SLICE = 256 };

struct mbconv_global_pool {
  struct mbconv_operator base;
  size_t height, width, channels; /* of the description */
  size_t most_pixels;             /* of an image */
  /* The means of `count` channels of `pixels` pixels: from x and to y on, `width` of them in each of the rows. */
  void (*run_slice)(const struct mbconv_global_pool *pool, size_t rows, size_t width, size_t count, const char *x,
                    char *y);
};

/* Whether an image is one, and fits into memory. Both sizes 0: any image. */
mbconv_status mbconv_global_pool_check(size_t height, size_t width, size_t channels, size_t most_pixels,
                                       mbconv_error *error);

#endif
