/* SPDX-License-Identifier: MIT
 *
 * How the pixels of the last stage become a block's output: the layout, and the shortcut (the residual) that is added.
 */
#ifndef MBCONV_OUTPUT_H
#define MBCONV_OUTPUT_H

#include "stage.h"

/* The output of one image. */
struct mbconv_output {
  const struct mbconv_stages *stages;
  const char *residual; /* in the output's layout, of stages->residual_channels channels; or NULL */
  char *y;
  char *strip;  /* NCHW, and where y is floats: scratch, [pixels of a run][mbconv_segment_stride()] */
  char *room;   /* as in struct mbconv_strip_scratch */
  size_t plane; /* pixels of the image */
};

/* Says where a run of the last stage writes, whose pixels [first, first + run->pixels) are set, and what it adds. */
void mbconv_output_begin(const struct mbconv_output *output, size_t first, struct mbconv_pixel_run *run);

/* After that run, its activation included: what is still to be done. */
void mbconv_output_end(const struct mbconv_output *output, size_t first, const struct mbconv_pixel_run *run);

#endif
