/* SPDX-License-Identifier: MIT
 *
 * The walk of one thread over the strips of one image, segment by segment (see stage.h and plan.h).
 */
#ifndef MBCONV_STRIP_H
#define MBCONV_STRIP_H

#include "output.h"
#include "ring.h"

/* What is run, and where results go. */
struct mbconv_walk {
  const struct mbconv_stages *stages;
  const struct mbconv_cut *cut;
  const struct mbconv_strip_scratch *scratch;
  const char *x;                  /* the image */
  size_t first_group, last_group; /* of the planned segment: [first_group, last_group) */
  bool x_ready; /* NCHW: the walk before was over the same rows, a single strip: scratch->x holds their pixels */
  struct mbconv_output output;
  char *stored; /* if the cut stores it, the image before the last segment instead of y, as
                   [out_height * out_width][mbconv_segment_stride()]; D leaves an activation that is mapped to its
                   reader */
};

/* Walks over output rows [begin, end). */
void mbconv_walk_run(const struct mbconv_walk *walk, size_t begin, size_t end);

#endif
