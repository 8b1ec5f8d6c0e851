/* SPDX-License-Identifier: MIT
 *
 * Lists of stages with random parameters, and what the public operators make of an image one after the other.
 */
#ifndef MBCONV_STAGES_CASE_H
#define MBCONV_STAGES_CASE_H

#include "test.h"

/* A list: `kinds` is a word of the letters P, D, C and E (mbconv.h). It points into itself: do not copy it. */
struct stages_case {
  const char *kinds;
  mbconv_layout layout;
  mbconv_residual residual;
  mbconv_residual_place place;
  size_t residual_channels; /* as in the description: 0 for all of the output's */
  size_t strip_rows, group_channels;
  size_t channels[MBCONV_MOST_STAGES + 1];     /* before each stage, and after the last */
  mbconv_stage_desc stage[MBCONV_MOST_STAGES]; /* windows and activations; the rest is set by stages_case_fill() */
  mbconv_conv conv[MBCONV_MOST_STAGES], reduce, excite;
  mbconv_squeeze_excite squeeze_excite;
  float *floats[4 * MBCONV_MOST_STAGES + 4];
  size_t floats_count;
};

/* Random parameters for the kinds, channels, windows and activations that are set. */
void stages_case_fill(struct stages_case *c, uint64_t *state);
void stages_case_free(struct stages_case *c);

/* The description of the list for images of one size, or of any: 0 x 0. It points into the case. */
mbconv_stages_desc stages_case_desc(const struct stages_case *c, size_t height, size_t width);

/* Channels of what is added. */
size_t stages_case_residual_channels(const struct stages_case *c);

/* One image, NHWC. */
struct stages_image {
  size_t height, width, channels;
  float *pixels;
};

/* Runs `x` through the public operators of the scalar set, one after the other: the promised output, to be freed.
 * `added`, or NULL, is the given residual of NHWC; x itself is added if the list says so. False if an image is too
 * small for a window: *error says so. */
bool stages_case_compose(const struct stages_case *c, const struct stages_image *x, const float *added,
                         struct stages_image *y, mbconv_error *error);

/* NHWC to NCHW, or back: what is a layout's pixel is the other's row. */
void stages_transpose(size_t rows, size_t columns, const float *from, float *to);

#endif
