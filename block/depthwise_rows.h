/* SPDX-License-Identifier: MIT
 *
 * The depthwise of a strip, row by row. Its input is a group's ring; without an expand it is the image itself, where
 * that needs no copy.
 */
#ifndef MBCONV_DEPTHWISE_ROWS_H
#define MBCONV_DEPTHWISE_ROWS_H

#include "ring.h"

/* Without an expand: the strip's new input rows enter the ring, or of them what the depthwise cannot read in place. */
void mbconv_rows_copy(const struct mbconv_strip *strip, const struct mbconv_group *group);

/* The group's depthwise output of the strip, to `y` with `y_stride` between pixels. */
void mbconv_rows_depthwise(const struct mbconv_strip *strip, const struct mbconv_group *group, char *y,
                           size_t y_stride);

#endif
