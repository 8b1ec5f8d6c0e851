/* SPDX-License-Identifier: MIT
 *
 * The engine: walks strips and groups (see plan.h) of one image. Block and depthwise are both run by it, a depthwise
 * being a block without expand and project.
 */
#ifndef MBCONV_STRIP_H
#define MBCONV_STRIP_H

#include "epilogue.h"
#include "kernels.h"
#include "memory.h"
#include "panels.h"
#include "plan.h"

/* A stored depthwise output is projected this many pixels at a time: two tiles of the highest, several of the others.
 */
enum { MBCONV_PROJECTED_PIXELS = 56 };

/* What is fixed at create. */
struct mbconv_stages {
  const struct mbconv_kernels *kernels;
  struct mbconv_shape shape;
  struct mbconv_plan plan;
  mbconv_layout layout;
  bool residual;
  struct mbconv_epilogue epilogue;
  struct mbconv_panels expand, project; /* data NULL if the shape says that there is none */
  float *depthwise;                     /* packed: per lanes channels, bias and taps */
};

/* The scratch of one thread. */
struct mbconv_strip_scratch {
  float *rings;    /* [groups, or 1 if groups need not be kept][ring_rows][ring_width][group_channels] */
  float *zero_row; /* [ring_width][group_channels] */
  float *output;   /* [strip_rows * out_width][mbconv_output_stride()]: depthwise output, if it is not stored */
  float *x, *y;    /* NCHW: the new input rows and the output strip as pixels */
  float **pixels;  /* [mbconv_plan_listed_rows()][width]: the pixels of the first group's ring */
};

/* Which groups to run and where results go. */
struct mbconv_strip_target {
  size_t first_group, last_group; /* groups [first_group, last_group) of the plan */
  bool x_ready;  /* NCHW: the call before was for the same rows, a single strip: scratch->x holds their pixels */
  float *y;      /* the image's output in the object's layout */
  float *hidden; /* if the plan says so: [out_height * out_width][mbconv_output_stride()], not yet mapped; y is not
                    written then */
};

/* Between pixels of the depthwise output in scratch: whole vectors. */
static inline size_t mbconv_output_stride(const struct mbconv_stages *stages) {
  return (stages->shape.expanded_channels + stages->kernels->lanes - 1) / stages->kernels->lanes *
         stages->kernels->lanes;
}

/* Takes (or counts) the scratch that a thread needs under `plan`. If the ring lies in y, the caller sets `rings`. */
void mbconv_strip_scratch_take(const struct mbconv_stages *stages, const struct mbconv_plan *plan,
                               struct mbconv_cursor *cursor, struct mbconv_strip_scratch *scratch);

/* Before a run: zeroes the padding, which no strip writes, and lists the pixels. */
void mbconv_strip_scratch_prepare(const struct mbconv_stages *stages, const struct mbconv_plan *plan,
                                  const struct mbconv_strip_scratch *scratch);

/* Runs output rows [begin, end) of the image x. Of a plan that stores the depthwise output, one group at a time. */
void mbconv_strips_run(const struct mbconv_stages *stages, const struct mbconv_plan *plan,
                       const struct mbconv_strip_scratch *scratch, const float *x,
                       const struct mbconv_strip_target *target, size_t begin, size_t end);

#endif
