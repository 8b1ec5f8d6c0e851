/* SPDX-License-Identifier: MIT
 *
 * Lists of stages with random parameters, and what the public operators make of an image one after the other.
 */
#ifndef MBCONV_STAGES_CASE_H
#define MBCONV_STAGES_CASE_H

#include "stage.h"
#include "test.h"

/* A list: `kinds` is a word of the letters P, D, C and E (stage.h). It points into itself: do not copy it. */
struct stages_case {
  const char *kinds;
  mbconv_layout layout;
  bool residual; /* the list adds its input */
  size_t strip_rows, group_channels;
  size_t channels[MBCONV_MOST_STAGES + 1]; /* before each stage, and after the last */
  struct mbconv_window window[MBCONV_MOST_STAGES];
  mbconv_activation_kind activation[MBCONV_MOST_STAGES];
  mbconv_conv conv[MBCONV_MOST_STAGES], reduce, excite;
  mbconv_squeeze_excite squeeze_excite;
  float *floats[2 * MBCONV_MOST_STAGES + 4];
  size_t floats_count;
};

/* Random parameters for the kinds, channels and windows that are set. */
void stages_case_fill(struct stages_case *c, uint64_t *state);
void stages_case_free(struct stages_case *c);

/* Checks and makes the list for images of one size, or of any: 0 x 0. */
mbconv_status stages_case_create(const struct stages_case *c, size_t height, size_t width,
                                 const mbconv_options *options, struct mbconv_stages **out, mbconv_error *error);

/* One image, NHWC. */
struct stages_image {
  size_t height, width, channels;
  float *pixels;
};

/* Runs `x` through the public operators, one after the other, on the set `isa`: the promised output, to be freed.
 * `added`, as the output or NULL, is added to the sums of the last stage; so is x if the list says so. False if an
 * image is too small for a window: *error says so. */
bool stages_case_compose(const struct stages_case *c, mbconv_isa isa, const struct stages_image *x, const float *added,
                         struct stages_image *y, mbconv_error *error);

/* NHWC to NCHW, or back: what is a layout's pixel is the other's row. */
void stages_transpose(size_t rows, size_t columns, const float *from, float *to);

#endif
