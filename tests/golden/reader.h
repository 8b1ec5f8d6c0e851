/* SPDX-License-Identifier: MIT
 *
 * What the readers of both kinds of golden files have in common.
 */
#ifndef MBCONV_GOLDEN_READER_H
#define MBCONV_GOLDEN_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "golden.h"

/* Larger sizes than this are a broken file; products of four of them fit into 64 bits. */
enum { LARGEST_SIZE = 1 << 14 };

static inline bool fail(char message[GOLDEN_MESSAGE], const char *problem) {
  snprintf(message, GOLDEN_MESSAGE, "%s", problem);
  return false;
}

static inline uint32_t little_endian(const unsigned char *bytes) {
  return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Floats in the order of the file. */
struct reader {
  const float *next;
  uint64_t left;
  bool short_of; /* more floats were asked for than there are */
};

static inline const float *take(struct reader *r, uint64_t n) {
  if (r->short_of || n > r->left) {
    r->short_of = true;
    return NULL;
  }
  const float *floats = r->next;
  r->next += n;
  r->left -= n;
  return floats;
}

static inline const mbconv_batch_norm *take_batch_norm(struct reader *r, mbconv_batch_norm *norm, uint64_t channels) {
  norm->gamma = take(r, channels);
  norm->beta = take(r, channels);
  norm->mean = take(r, channels);
  norm->variance = take(r, channels);
  const float *epsilon = take(r, 1);
  norm->epsilon = epsilon ? *epsilon : 0.0f;
  return norm;
}

#endif
