/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200112L
#include "memory.h"

#ifdef _WIN32
#include <malloc.h>
#endif

#include <stdlib.h>
#include <string.h>

#include "status.h"

#ifdef _WIN32
static void *default_allocate(void *context, size_t size, size_t alignment) {
  (void)context;
  return _aligned_malloc(size, alignment);
}

static void default_release(void *context, void *memory) {
  (void)context;
  _aligned_free(memory);
}
#else
static void *default_allocate(void *context, size_t size, size_t alignment) {
  (void)context;
  void *memory;
  return posix_memalign(&memory, alignment, size) ? NULL : memory; /* Android has aligned_alloc from API 28 on only */
}

static void default_release(void *context, void *memory) {
  (void)context;
  free(memory);
}
#endif

mbconv_status mbconv_allocator_of(const mbconv_options *options, mbconv_allocator *allocator, mbconv_error *error) {
  if (options && options->allocator) {
    *allocator = *options->allocator;
    if (!allocator->allocate || !allocator->release)
      return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "the allocator's %s function is NULL",
                         allocator->allocate ? "release" : "allocate");
  } else {
    *allocator = (mbconv_allocator){default_allocate, default_release, NULL};
  }
  return MBCONV_OK;
}

mbconv_status mbconv_allocate(const mbconv_allocator *allocator, size_t size, void **memory, mbconv_error *error) {
  if (size > PTRDIFF_MAX) return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "the object would take %zu bytes", size);
  *memory = allocator->allocate(allocator->context, size, MBCONV_ALIGNMENT);
  if (!*memory) return mbconv_fail(error, MBCONV_OUT_OF_MEMORY, "the allocator has no %zu bytes", size);
  memset(*memory, 0, size);
  return MBCONV_OK;
}
