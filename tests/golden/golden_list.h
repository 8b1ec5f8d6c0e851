/* SPDX-License-Identifier: MIT
 *
 * Reads a .list file of golden data: a list of stages, its input and the output that PyTorch computed. README.md has
 * the format.
 */
#ifndef MBCONV_GOLDEN_LIST_H
#define MBCONV_GOLDEN_LIST_H

#include "golden.h"

/* Holds pointers into itself: load it where it stays, do not copy it. */
struct golden_list {
  mbconv_stages_desc desc; /* layout NCHW; change it at will */
  mbconv_stage_desc stages[MBCONV_MOST_STAGES];
  struct golden_conv convs[MBCONV_MOST_STAGES];
  mbconv_conv reduce, excite;
  mbconv_squeeze_excite squeeze_excite;
  size_t batch, out_height, out_width, out_channels, residual_channels;
  size_t x_size, added_size, y_size; /* in floats */
  const float *x, *added, *y;        /* NCHW; added NULL unless a residual is given */
  uint64_t parameters;               /* as PyTorch counts them */
  float *floats;                     /* owns all of the above */
};

/* A list from the bytes of its file, which are not needed afterwards; or false and a message if they are not exactly
 * one. golden_list_free() after success only. */
bool golden_list_parse(struct golden_list *g, const unsigned char *bytes, size_t size, char message[GOLDEN_MESSAGE]);

void golden_list_free(struct golden_list *g);

#endif
