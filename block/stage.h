/* SPDX-License-Identifier: MIT
 *
 * The stages of a block as create has prepared them, and the scratch that one thread needs to run them.
 */
#ifndef MBCONV_STAGE_H
#define MBCONV_STAGE_H

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
  char *depthwise;                      /* the packed weights */
};

/* The scratch of one thread. */
struct mbconv_strip_scratch {
  float *rings;    /* [groups, or 1 if groups need not be kept][ring_rows][ring_width][group_channels] */
  float *zero_row; /* [ring_width][group_channels] */
  float *output;   /* [strip_rows * out_width][mbconv_output_stride()]: depthwise output, if it is not stored */
  float *x, *y;    /* NCHW: the new input rows and the output strip as pixels */
  void **pixels;   /* [mbconv_plan_listed_rows()][width]: the pixels of the first group's ring */
};

/* Between pixels of the depthwise output in scratch: whole vectors. */
static inline size_t mbconv_output_stride(const struct mbconv_stages *stages) {
  return (stages->shape.expanded_channels + stages->kernels->lanes - 1) / stages->kernels->lanes *
         stages->kernels->lanes;
}

#endif
