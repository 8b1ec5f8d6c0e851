/* SPDX-License-Identifier: MIT
 *
 * Guarded bytes.
 */
#ifndef MBCONV_I8_BYTES_H
#define MBCONV_I8_BYTES_H

#include <string.h>

#include "test.h"

struct bytes {
  struct test_buffer buffer;
  uint8_t *data;
  size_t n;
};

/* n bytes flush against an inaccessible page. */
static inline void bytes_new(struct bytes *b, size_t n, enum test_guard guard) {
  test_buffer_new(&b->buffer, (n + sizeof(float) - 1) / sizeof(float), guard);
  uint8_t *first = (uint8_t *)b->buffer.data;
  b->data = guard == TEST_GUARD_BEFORE ? first : first + b->buffer.n * sizeof(float) - n;
  b->n = n;
  memset(first, 0xa5, b->buffer.n * sizeof(float));
}

/* Whether nothing around them was written. */
static inline bool bytes_intact(const struct bytes *b) {
  const uint8_t *first = (const uint8_t *)b->buffer.data, *end = first + b->buffer.n * sizeof(float);
  for (const uint8_t *p = first; p < end; p++)
    if ((p < b->data || p >= b->data + b->n) && *p != 0xa5) return false;
  return test_buffer_intact(&b->buffer);
}

#endif
