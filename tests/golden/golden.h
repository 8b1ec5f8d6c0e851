/* SPDX-License-Identifier: MIT
 *
 * Reads a case file of golden data: a block, its input and the output that PyTorch computed. README.md has the format.
 */
#ifndef MBCONV_GOLDEN_H
#define MBCONV_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mbconv.h"

struct golden_conv {
  mbconv_conv conv;
  mbconv_batch_norm batch_norm;
};

/* Holds pointers into itself: load it where it stays, do not copy it. */
struct golden {
  mbconv_block_desc desc; /* layout NCHW; change it at will */
  size_t batch, out_height, out_width;
  size_t x_size, y_size;                /* in floats */
  const float *x, *y;                   /* NCHW */
  uint64_t parameters;                  /* of the block, as PyTorch counts them */
  uint64_t plain_parameters;            /* of the plain block of as many channels */
  struct golden_conv parts[3];          /* expand, depthwise, project */
  mbconv_conv reduce, excite;           /* of squeeze-excite */
  mbconv_squeeze_excite squeeze_excite; /* if desc points at it */
  float *floats;                        /* owns all of the above */
};

enum { GOLDEN_MESSAGE = 256 };

/* The whole file, to be freed, or NULL and a message. */
unsigned char *golden_read(const char *path, size_t *size, char message[GOLDEN_MESSAGE]);

/* A case from the bytes of its file, which are not needed afterwards; or false and a message if they are not exactly
 * one case. golden_free() after success only. */
bool golden_parse(struct golden *g, const unsigned char *bytes, size_t size, char message[GOLDEN_MESSAGE]);

/* Both together. */
bool golden_load(struct golden *g, const char *path, char message[GOLDEN_MESSAGE]);
void golden_free(struct golden *g);

/* [batch][rows][columns] to [batch][columns][rows]: rows = channels, columns = pixels for NCHW to NHWC. */
void golden_transpose(size_t batch, size_t rows, size_t columns, const float *from, float *to);

/* The largest |a - b|, and the largest |b| if not NULL; NaN if an element of either is. */
float golden_difference(const float *a, const float *b, size_t n, float *largest);

#endif
