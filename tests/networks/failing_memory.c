/* SPDX-License-Identifier: MIT */
#include "failing_memory.h"

#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
int __real_posix_memalign(void **memory, size_t alignment, size_t size);
void __real_free(void *memory);
void *__real_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size);
void __wrap_free(void *memory);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset);

/* While counting, there must be one thread only. */
static bool counting;
static size_t number;
static struct failing_memory_count count;

static bool fails(void) { return counting && ++count.calls == number; }

static void *allocate_for_json(size_t size) {
  if (counting && count.calls + 1 == number) count.in_json = true;
  return malloc(size);
}

static void *taken(void *memory) {
  if (counting && memory) count.live++;
  return memory;
}

void *__wrap_malloc(size_t size) { return fails() ? NULL : taken(__real_malloc(size)); }

void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : taken(__real_calloc(n, size)); }

int __wrap_posix_memalign(void **memory, size_t alignment, size_t size) {
  if (fails()) return ENOMEM;
  const int error = __real_posix_memalign(memory, alignment, size);
  if (!error) taken(*memory);
  return error;
}

void *__wrap_realloc(void *memory, size_t size) {
  if (fails()) return NULL;
  return memory ? __real_realloc(memory, size) : taken(__real_realloc(memory, size));
}

void __wrap_free(void *memory) {
  if (counting && memory) count.live--;
  __real_free(memory);
}

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset) {
  return fails() ? MAP_FAILED : __real_mmap(address, size, protection, flags, file, offset);
}

#ifdef __GLIBC__ /* whose mmap() has this name where files may be larger than 2 GB, as the library is compiled */
void *__real_mmap64(void *address, size_t size, int protection, int flags, int file, int64_t offset);
void *__wrap_mmap64(void *address, size_t size, int protection, int flags, int file, int64_t offset);

void *__wrap_mmap64(void *address, size_t size, int protection, int flags, int file, int64_t offset) {
  return fails() ? MAP_FAILED : __real_mmap64(address, size, protection, flags, file, offset);
}
#endif

void failing_memory_begin(size_t fail_at) {
  json_set_alloc_funcs(allocate_for_json, free);
  number = fail_at;
  count = (struct failing_memory_count){0};
  counting = true;
}

struct failing_memory_count failing_memory_end(void) {
  counting = false;
  return count;
}
