/* SPDX-License-Identifier: MIT
 *
 * The engine: walks strips and groups (see plan.h) of one image. Block and depthwise are both run by it, a depthwise
 * being a block without expand and project.
 */
#ifndef MBCONV_STRIP_H
#define MBCONV_STRIP_H

#include "ring.h"

/* Which groups to run and where results go. */
struct mbconv_strip_target {
  size_t first_group, last_group; /* groups [first_group, last_group) of the plan */
  bool x_ready;  /* NCHW: the call before was for the same rows, a single strip: scratch->x holds their pixels */
  float *y;      /* the image's output in the object's layout */
  float *hidden; /* if the plan says so: [out_height * out_width][mbconv_output_stride()], not yet mapped; y is not
                    written then */
};

/* Runs output rows [begin, end) of the image x. Of a plan that stores the depthwise output, one group at a time. */
void mbconv_strips_run(const struct mbconv_stages *stages, const struct mbconv_plan *plan,
                       const struct mbconv_strip_scratch *scratch, const float *x,
                       const struct mbconv_strip_target *target, size_t begin, size_t end);

#endif
