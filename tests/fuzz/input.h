/* SPDX-License-Identifier: MIT
 *
 * Sizes, choices and floats from an input's bytes. Where the input has ended, bytes are 0: any input is a case.
 */
#ifndef MBCONV_FUZZ_INPUT_H
#define MBCONV_FUZZ_INPUT_H

#include <string.h>

#include "fuzz.h"
#include "test.h"

struct fuzz_input {
  const unsigned char *next;
  size_t left;
};

/* `count` bytes, 8 at most, the first of them the lowest. */
static inline uint64_t fuzz_bytes(struct fuzz_input *in, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count && in->left > 0; i++, in->left--) value |= (uint64_t)*in->next++ << 8 * i;
  return value;
}

/* A size from low to high, by one byte: high - low is less than 256. */
static inline size_t fuzz_between(struct fuzz_input *in, size_t low, size_t high) {
  return low + fuzz_bytes(in, 1) % (high - low + 1);
}

static inline bool fuzz_flag(struct fuzz_input *in) { return fuzz_bytes(in, 1) & 1; }

/* Any size, those near powers of two and the small ones often. */
static inline size_t fuzz_hostile(struct fuzz_input *in) {
  const uint64_t kind = fuzz_bytes(in, 1);
  if (kind < 128) return fuzz_bytes(in, 1);
  if (kind < 192) return ((size_t)1 << kind % 64) + (size_t)(int64_t)(int8_t)fuzz_bytes(in, 1);
  return fuzz_bytes(in, 8);
}

/* A stride of 1 or 2 and a dilation from one byte, which *stride holds: mostly a dilation of 1, else up to 5. */
static inline void fuzz_stride(size_t *stride, size_t *dilation) {
  const size_t rest = *stride / 2 % 12;
  *stride = 1 + *stride % 2;
  *dilation = rest < 6 ? 0 : rest - 6;
}

/* The padding that TensorFlow's SAME makes of an axis for taps that span so many pixels. */
static inline void fuzz_same(size_t in, size_t span, size_t stride, size_t *before, size_t *after) {
  const size_t rest = in % stride ? in % stride : stride, padding = span > rest ? span - rest : 0;
  *before = padding / 2;
  *after = padding - padding / 2;
}

/* What is left of the input puts floats of any bits, NaNs and infinities too, into arrays of random ones: this takes
 * one of them and says into which of `arrays` it goes, and where. False at the input's end. */
static inline bool fuzz_poke(struct fuzz_input *in, size_t arrays, size_t *array, size_t *index, float *value) {
  if (in->left == 0) return false;
  *array = fuzz_bytes(in, 1) % arrays;
  *index = fuzz_bytes(in, 2);
  *value = test_float((uint32_t)fuzz_bytes(in, 4));
  return true;
}

#endif
