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

#include "kernels.h"
#include "window.h"

/* MBCONV_COPIED_ROWS of CMake: the presets for phones leave out what is only faster, and keep the size. */
#ifdef MBCONV_NO_COPIED_ROWS
enum { MBCONV_COPIES_ROWS = 0 };
#else
enum { MBCONV_COPIES_ROWS = 1 };
#endif

/* The part of a block that is planned: a depthwise with what stands before and after it. */
struct mbconv_shape {
  struct mbconv_axis rows, columns;
  size_t in_channels, expanded_channels, out_channels;
  bool expand, project, squeeze_excite;
  bool mapped;  /* the activation is more than a clamp: a function is mapped over stored elements */
  bool whole;   /* the input is the list's own image, of f32, and there is no expand: any row of it can be read at any
                   time */
  bool chained; /* other segments stand before it, or more than one after it: threads share out rows only */
};

static inline bool mbconv_reads_whole(const struct mbconv_shape *shape) { return MBCONV_COPIES_ROWS && shape->whole; }

/* What a plan is made for. */
struct mbconv_target {
  size_t tile_channels; /* of the set's wide tile */
  size_t unit;          /* depthwise weights are packed by so many channels: a group begins with a whole one */
  size_t element;       /* bytes */
  size_t l2_bytes;      /* of a core's L2 cache; 0 if unknown */
  const struct mbconv_blocking *blocking;
};

struct mbconv_plan {
  size_t strip_rows;     /* output rows, 1 .. out_height */
  size_t group_channels; /* a multiple of the wide tile's channels, without an expand of whole vectors
                          * (a single group may exceed the expanded channels) */
  size_t groups;
  size_t ring_rows;  /* input rows that a strip needs: (strip_rows - 1) * stride + span, or all there are; where they
                        are read when they are needed, those of one window */
  size_t ring_width; /* padded pixels of a ring row */
  bool stored;       /* the depthwise output is stored whole, then projected: two phases */
  bool ring_in_y;    /* the ring, one then, lies in the image's output, which the second phase alone writes */
  bool by_groups;    /* threads share out the groups of the first phase, not the rows */
};

/* The library's choice. */
struct mbconv_plan mbconv_plan_choose(const struct mbconv_shape *shape, const struct mbconv_target *target);

/* The plan for the strip and group named; 0 for the library's choice of it. */
struct mbconv_plan mbconv_plan_of(const struct mbconv_shape *shape, const struct mbconv_target *target,
                                  size_t strip_rows, size_t group_channels);

/* The plan for `threads` threads. Large images: strips no higher than a thread's share of the rows; each thread expands
 * the halo rows of its share again. Images of few rows, where the halo would cost too much: threads take groups. */
struct mbconv_plan mbconv_plan_for_threads(const struct mbconv_plan *plan, const struct mbconv_shape *shape,
                                           const struct mbconv_target *target, size_t threads);

/* The most threads that have the plan which `threads` threads have, as have all numbers between. */
size_t mbconv_plan_threads_alike(const struct mbconv_shape *shape, const struct mbconv_target *target, size_t threads);

/* Whether one strip covers the image. */
static inline bool mbconv_plan_one_strip(const struct mbconv_plan *plan, const struct mbconv_shape *shape) {
  return plan->strip_rows == shape->rows.out;
}

/* Rows of the list of a ring's pixels: twice the ring, so that rows which go round its end stand one after the other;
 * but none goes round a ring of all rows. */
static inline size_t mbconv_plan_listed_rows(const struct mbconv_plan *plan, const struct mbconv_shape *shape) {
  return plan->ring_rows == shape->rows.in ? plan->ring_rows : 2 * plan->ring_rows;
}

/* Whether a group is run over all strips before the next one begins. */
static inline bool mbconv_plan_group_by_group(const struct mbconv_plan *plan, const struct mbconv_shape *shape) {
  return plan->stored && !shape->chained;
}

/* Rings in scratch: one for each group, unless a group is done with before the next begins. */
static inline size_t mbconv_plan_rings(const struct mbconv_plan *plan, const struct mbconv_shape *shape) {
  const bool at_once = plan->stored || mbconv_plan_one_strip(plan, shape);
  return at_once && !shape->chained ? 1 : plan->groups;
}

/* The height of strips of a segment without rings: the caller's, or as much as lets their output stay in L2, if another
 * segment reads it. */
size_t mbconv_plan_rows(const struct mbconv_shape *shape, const struct mbconv_target *target, size_t strip_rows);

#endif
