/* SPDX-License-Identifier: MIT
 *
 * One allocation per object: the struct, then its arrays, each aligned to MBCONV_ALIGNMENT.
 */
#ifndef MBCONV_MEMORY_H
#define MBCONV_MEMORY_H

#include "mbconv.h"
#include "size.h"

/* The caller's allocator, or the C library's. INVALID_ARGUMENT if a function of it is NULL. */
mbconv_status mbconv_allocator_of(const mbconv_options *options, mbconv_allocator *allocator, mbconv_error *error);

/* Zeroed memory, or OUT_OF_MEMORY. */
mbconv_status mbconv_allocate(const mbconv_allocator *allocator, size_t size, void **memory, mbconv_error *error);

/* A cursor that first adds sizes up (base NULL), then hands the parts out. */
struct mbconv_cursor {
  char *base;
  size_t used;
  bool overflow;
};

static inline void *mbconv_take(struct mbconv_cursor *cursor, size_t count, size_t element) {
  const size_t begin = cursor->used;
  const size_t bytes = mbconv_multiply(count, element, &cursor->overflow);
  const size_t padded = mbconv_add(bytes, MBCONV_ALIGNMENT - 1, &cursor->overflow) & ~(size_t)(MBCONV_ALIGNMENT - 1);
  cursor->used = mbconv_add(cursor->used, padded, &cursor->overflow);
  return cursor->base ? cursor->base + begin : NULL;
}

/* The first address in `memory` that is aligned; scratch queries leave room for it. */
static inline char *mbconv_align(void *memory) {
  return (char *)memory + (-(uintptr_t)memory & (MBCONV_ALIGNMENT - 1));
}

#endif
