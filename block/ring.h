/* SPDX-License-Identifier: MIT
 *
 * The rings: the padded input rows of the depthwise, a ring for each group of channels. A row that the next strip needs
 * stays where it is; a new one takes the place of the oldest.
 */
#ifndef MBCONV_RING_H
#define MBCONV_RING_H

#include "stage.h"

/* Floats that are run before an activation is mapped over them: they must still be in L1. */
enum { MBCONV_MAP_FLOATS = 4096 };

/* What one strip is about. */
struct mbconv_strip {
  const struct mbconv_stages *stages;
  const struct mbconv_plan *plan;
  const struct mbconv_strip_scratch *scratch;
  const float *x;                 /* the image */
  bool begins;                    /* the first of its run */
  size_t first, rows;             /* output rows */
  size_t fresh_first, fresh_rows; /* input rows that enter the ring */
};

/* One group of expanded channels in a strip. */
struct mbconv_group {
  size_t first, channels;
  float *ring;
};

static inline size_t mbconv_ring_floats(const struct mbconv_plan *plan) {
  return plan->ring_rows * plan->ring_width * plan->group_channels;
}

/* Where input row r begins in the ring, the pixel at pad_left being its first. */
static inline size_t mbconv_ring_offset(const struct mbconv_strip *strip, size_t r) {
  const struct mbconv_plan *plan = strip->plan;
  return (r % plan->ring_rows * plan->ring_width + strip->stages->shape.pad_left) * plan->group_channels;
}

/* Pixels that are run before the activation is mapped over them: what L1 holds, in whole tiles if it can be. */
static inline size_t mbconv_map_chunk(size_t channels, size_t step) {
  const size_t pixels = MBCONV_MAP_FLOATS / channels;
  return pixels > step ? pixels - pixels % step : step;
}

/* Whether a group's depthwise output is all that lies in its rows, so that the activation can be mapped over each row
 * while it is in L1. If not, it is mapped when all groups are there: over the strip here, over what is stored by
 * whoever reads that. */
static inline bool mbconv_maps_rows(const struct mbconv_plan *plan) { return plan->groups == 1 && !plan->hidden; }

/* Takes (or counts) the scratch that a thread needs under `plan`. If the ring lies in y, the caller sets `rings`. */
void mbconv_strip_scratch_take(const struct mbconv_stages *stages, const struct mbconv_plan *plan,
                               struct mbconv_cursor *cursor, struct mbconv_strip_scratch *scratch);

/* Before a run: zeroes the padding, which no strip writes, and lists the pixels. */
void mbconv_strip_scratch_prepare(const struct mbconv_stages *stages, const struct mbconv_plan *plan,
                                  const struct mbconv_strip_scratch *scratch);

#endif
