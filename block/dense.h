/* SPDX-License-Identifier: MIT
 *
 * The dense stage: a 1x1 over gathered windows. It is reached through the table below, which only the operators that
 * need it name: a program that links a block alone does not contain it.
 */
#ifndef MBCONV_DENSE_H
#define MBCONV_DENSE_H

#include "ring.h"

struct mbconv_window_source;

/* Writes windows to scratch: gather.h. */
typedef void mbconv_windows_gather_fn(const struct mbconv_strip *strip, struct mbconv_window_source *source,
                                      size_t pixel, size_t count, char *windows);

struct mbconv_dense {
  /* Takes (or counts) what a thread needs. */
  void (*take)(const struct mbconv_stages *stages, const struct mbconv_stage *stage, const struct mbconv_shape *shape,
               struct mbconv_cursor *cursor, struct mbconv_segment_scratch *scratch);
  /* Computes the strip. `to` says where its first pixel goes and what is added to it. */
  void (*run)(const struct mbconv_strip *strip, const struct mbconv_pixel_run *to);
  mbconv_windows_gather_fn *gather;
};

void mbconv_dense_take(const struct mbconv_stages *stages, const struct mbconv_stage *stage,
                       const struct mbconv_shape *shape, struct mbconv_cursor *cursor,
                       struct mbconv_segment_scratch *scratch);
void mbconv_dense_run(const struct mbconv_strip *strip, const struct mbconv_pixel_run *to);

extern const struct mbconv_dense mbconv_dense;
extern const struct mbconv_dense mbconv_i8_dense; /* in gather_i8.c */

#endif
