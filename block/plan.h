/* SPDX-License-Identifier: MIT
 *
 * How a block is cut: a pure function of its shape.
 *
 * For each strip of `strip_rows` output rows, for each group of `group_channels` expanded channels: expand the input
 * rows that are new into the group's ring of `ring_rows` padded rows and depthwise the strip from it; then project
 * the strip. All channels and few rows is the classic row ring; all rows and few channels the channel split; all of
 * both is the unfused block.
 */
#ifndef MBCONV_PLAN_H
#define MBCONV_PLAN_H

#include <stdbool.h>
#include <stddef.h>

struct mbconv_shape {
  size_t height, width, in_channels, expanded_channels, out_channels; /* of the input image */
  size_t out_height, out_width;
  size_t kernel, stride, pad_top, pad_left;
  bool expand, project, squeeze_excite;
  bool mapped; /* the activation is more than a clamp: a function is mapped over stored floats */
};

struct mbconv_plan {
  size_t strip_rows;     /* output rows, 1 .. out_height */
  size_t group_channels; /* a multiple of the wide tile's channels, without an expand of whole vectors
                          * (a single group may exceed the expanded channels) */
  size_t groups;
  size_t ring_rows;  /* input rows that a strip needs: (strip_rows - 1) * stride + kernel, or all there are */
  size_t ring_width; /* padded pixels of a ring row */
  bool hidden;       /* the depthwise output is stored whole, then projected: two phases */
  bool ring_in_y;    /* the ring, one then, lies in the image's output, which the second phase alone writes */
  bool by_groups;    /* threads share out the groups of the first phase, not the rows */
};

/* The library's choice. `tile_channels` is the width of the set's wide tile; `l2_bytes` the size of a core's L2 cache,
 * 0 if unknown. */
struct mbconv_plan mbconv_plan_choose(const struct mbconv_shape *shape, size_t tile_channels, size_t l2_bytes);

/* The plan for the strip and group named; 0 for the library's choice of it. */
struct mbconv_plan mbconv_plan_of(const struct mbconv_shape *shape, size_t tile_channels, size_t l2_bytes,
                                  size_t strip_rows, size_t group_channels);

/* The plan for `threads` threads. Large images: strips no higher than a thread's share of the rows; each thread expands
 * the halo rows of its share again. Images of few rows, where the halo would cost too much: threads take groups. */
struct mbconv_plan mbconv_plan_for_threads(const struct mbconv_plan *plan, const struct mbconv_shape *shape,
                                           size_t tile_channels, size_t threads);

/* The most threads that have the plan which `threads` threads have, as have all numbers between. */
size_t mbconv_plan_threads_alike(const struct mbconv_shape *shape, size_t tile_channels, size_t threads);

/* Whether one strip covers the image. */
static inline bool mbconv_plan_one_strip(const struct mbconv_plan *plan, const struct mbconv_shape *shape) {
  return plan->strip_rows == shape->out_height;
}

/* Rows of the list of a ring's pixels: twice the ring, so that rows which go round its end stand one after the other;
 * but none goes round a ring of all rows. */
static inline size_t mbconv_plan_listed_rows(const struct mbconv_plan *plan, const struct mbconv_shape *shape) {
  return plan->ring_rows == shape->height ? plan->ring_rows : 2 * plan->ring_rows;
}

/* Rings in scratch: one for each group, unless a group is done with before the next begins. */
static inline size_t mbconv_plan_rings(const struct mbconv_plan *plan, const struct mbconv_shape *shape) {
  return plan->hidden || mbconv_plan_one_strip(plan, shape) ? 1 : plan->groups;
}

#endif
