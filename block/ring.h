/* SPDX-License-Identifier: MIT
 *
 * What a thread works on: the strip of one segment, and its scratch. The input of a depthwise goes through rings, one
 * for each group of channels, which hold padded rows. A row that the next strip needs stays where it is; a new row
 * takes the place of the oldest.
 */
#ifndef MBCONV_RING_H
#define MBCONV_RING_H

#include "stage.h"

/* What one segment needs of a thread's scratch. */
struct mbconv_segment_scratch {
  char *rings;    /* D: [groups, or 1 if groups need not be kept][ring_rows][ring_width][group_channels] */
  char *zero_row; /* D: [ring_width][group_channels], of padding */
  void **pixels;  /* P D: [mbconv_plan_listed_rows()][width], the pixels of the first group's ring */
  char *windows;  /* C: [chunk][kernel][kernel][in_channels] */
  char *room;     /* C of floats that become bytes: the thread's */
  char *planes;   /* C of NCHW, and where x becomes other bytes: [kernel][width][in_channels], input row r in slot r %
                     kernel */
  char *output;   /* [strip_rows * out_width][mbconv_segment_stride()], if another segment reads it strip by strip */
};

/* The scratch of one thread. */
struct mbconv_strip_scratch {
  struct mbconv_segment_scratch segment[MBCONV_MOST_STAGES];
  char *x, *y; /* NCHW: the new input rows of a P that comes first (NHWC of s8, too), and the output strip; both also
                  where floats become bytes, or bytes floats */
  char *room;  /* for that: two times [the most channels of x and y][MBCONV_DOOR_ROOM] bytes */
};

/* A strip of one segment. */
struct mbconv_strip {
  const struct mbconv_stages *stages;
  const struct mbconv_segment *segment;
  const struct mbconv_shape *shape;
  const struct mbconv_plan *plan;
  const struct mbconv_segment_scratch *scratch;
  const char *image;              /* the block's input, if the segment is the first and reads it; else NULL */
  const char *x;                  /* pixel 0 of the first new input row, where these rows lie as pixels */
  size_t x_stride;                /* elements between those pixels */
  bool begins;                    /* the first strip of its run */
  size_t first, rows;             /* output rows */
  size_t fresh_first, fresh_rows; /* input rows that no strip before has read */
};

/* One group of the depthwise's channels. */
struct mbconv_group {
  size_t first, channels;
  char *ring;
  size_t stride; /* elements between the ring's pixels */
};

/* Elements between pixels of a segment's output in scratch: whole vectors, and room for whole panels. */
static inline size_t mbconv_segment_stride(const struct mbconv_stages *stages, size_t segment) {
  const struct mbconv_stage *stage = stages->segment[segment].stage;
  return stage->kind == MBCONV_STAGE_DEPTHWISE ? mbconv_round_up(stage->out_channels, stages->base.kernels->lanes)
                                               : stage->panels.padded;
}

/* Elements of a ring. */
static inline size_t mbconv_ring_elements(const struct mbconv_plan *plan) {
  return plan->ring_rows * plan->ring_width * plan->group_channels;
}

/* Where input row r begins in the ring, in elements; the pixel behind the left padding is its first. */
static inline size_t mbconv_ring_offset(const struct mbconv_strip *strip, size_t r) {
  const struct mbconv_plan *plan = strip->plan;
  return (r % plan->ring_rows * plan->ring_width + strip->shape->columns.before) * plan->group_channels;
}

/* Pixels that are run before the activation is mapped over them: what L1 holds, in whole tiles if it can be. */
static inline size_t mbconv_map_chunk(const struct mbconv_kernels *kernels, size_t channels, size_t step) {
  const size_t pixels = kernels->blocking.map_bytes / kernels->element / channels;
  return pixels > step ? pixels - pixels % step : step;
}

/* Whether a group's depthwise output is all that lies in its rows, so that the activation can be mapped over each row
 * while it is in L1. If not, it is mapped when all groups are there: over the strip, or over what is stored by the pass
 * that reads it. */
static inline bool mbconv_maps_rows(const struct mbconv_plan *plan) { return plan->groups == 1 && !plan->stored; }

/* Takes (or counts) the scratch that a thread needs for a cut. Of rings that lie in y the caller sets `rings`. */
void mbconv_strip_scratch_take(const struct mbconv_stages *stages, const struct mbconv_cut *cut,
                               struct mbconv_cursor *cursor, struct mbconv_strip_scratch *scratch);

/* Before a run: zeroes the padding of the rings, which no strip writes, and lists their pixels. */
void mbconv_strip_scratch_prepare(const struct mbconv_stages *stages, const struct mbconv_cut *cut,
                                  const struct mbconv_strip_scratch *scratch);

#endif
