/* SPDX-License-Identifier: MIT
 *
 * What fuzz_sizes.c makes descriptions of: an allocator that has little, weights that are there or unreadable, and
 * values that are mostly sound.
 */
#ifndef MBCONV_FUZZ_HOSTILE_H
#define MBCONV_FUZZ_HOSTILE_H

#include <stdlib.h>

#include "input.h"
#include "mbconv.h"
#include "promises.h"

/* Floats. */
enum { MOST_WEIGHTS = 1 << 16 };

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

static size_t live; /* allocations that were not released */

static inline void *allocate(void *context, size_t size, size_t alignment) {
  (void)context;
  fuzz_require(alignment > 0 && alignment <= 64 && (alignment & (alignment - 1)) == 0, "an odd alignment");
  if (size > sizeof(float) * MOST_WEIGHTS) return NULL;
  live++;
  return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static inline void release(void *context, void *memory) {
  (void)context;
  live--;
  free(memory);
}

static const mbconv_allocator allocator = {allocate, release, NULL};

enum { MOST_BUFFERS = 48 };

struct weights {
  struct test_buffer buffers[MOST_BUFFERS];
  size_t count;
  float *unreadable;
};

/* `count` floats, read-only; unreadable if there are more than the allocator has room for. */
static inline const float *weights_new(struct weights *w, wide count) {
  if (count > MOST_WEIGHTS) return w->unreadable;
  struct test_buffer *buffer = &w->buffers[w->count++];
  test_buffer_new(buffer, (size_t)count, w->count % 2 ? TEST_GUARD_AFTER : TEST_GUARD_BEFORE);
  for (size_t i = 0; i < buffer->n; i++) buffer->data[i] = (float)(i % 5) / 4;
  test_buffer_protect(buffer);
  return buffer->data;
}

static inline mbconv_conv conv_new(struct fuzz_input *in, struct weights *w, wide out, wide terms,
                                   mbconv_batch_norm *norm) {
  mbconv_conv conv = {0};
  const uint64_t parts = fuzz_bytes(in, 1);
  if (parts % 32) conv.weight = weights_new(w, times(out, terms));
  if (parts & 32) conv.bias = weights_new(w, out);
  if (parts & 64 && out <= MOST_WEIGHTS) { /* create reads every variance before it allocates */
    const float *each = weights_new(w, out);
    *norm = (mbconv_batch_norm){.mean = parts & 1 ? each : NULL, .variance = parts & 2 ? each : NULL};
    norm->epsilon = parts & 4 ? test_float((uint32_t)fuzz_bytes(in, 4)) : 1;
    conv.batch_norm = norm;
  }
  return conv;
}

/* ---- What must hold ---------------------------------------------------------------------------------------------- */

static inline void refused(const mbconv_error *error, mbconv_status status, const void *object) {
  fuzz_require(status != MBCONV_OK && error->status == status, "a refusal of another status");
  fuzz_require(error->message[0] != '\0' && memchr(error->message, '\0', sizeof error->message), "no message");
  fuzz_require(object == NULL && live == 0, "a refused create left something behind");
}

static inline mbconv_options options_of(struct fuzz_input *in) {
  const uint64_t bytes = fuzz_bytes(in, 1);
  mbconv_options options = {.isa = (mbconv_isa)(bytes % 8), .exp = (mbconv_exp)(bytes / 8 % 4)};
  options.allocator = &allocator;
  return options;
}

/* Mostly a value of an enum, sometimes any number. */
static inline int choice(struct fuzz_input *in) {
  const uint64_t byte = fuzz_bytes(in, 1);
  return byte < 224 ? (int)(byte % 8) : (int)(uint32_t)fuzz_bytes(in, 4);
}

/* Mostly such that kernel, stride and padding are sound. */
static inline size_t small(struct fuzz_input *in, size_t low, size_t high) {
  const uint64_t byte = fuzz_bytes(in, 1);
  return byte < 224 ? low + byte % (high - low + 1) : fuzz_hostile(in);
}

static inline mbconv_pad pad_of(struct fuzz_input *in) {
  mbconv_pad pad;
  pad.top = small(in, 0, 3);
  pad.left = small(in, 0, 3);
  pad.bottom = small(in, 0, 3);
  pad.right = small(in, 0, 3);
  return pad;
}

/* Mostly pads that are given; SAME mostly without any. */
static inline mbconv_pad_kind pad_kind_of(struct fuzz_input *in, mbconv_pad *pad) {
  const uint64_t byte = fuzz_bytes(in, 1);
  if (byte > 250) return (mbconv_pad_kind)choice(in);
  if (byte % 4 != 3) return MBCONV_PAD_GIVEN;
  if (byte % 8 == 3) *pad = (mbconv_pad){0};
  return MBCONV_PAD_SAME;
}

static inline wide volume(size_t height, size_t width, size_t channels) {
  return times(times(height, width), channels);
}

#endif
