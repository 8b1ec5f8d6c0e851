/* SPDX-License-Identifier: MIT */
#include "apart.h"

#include <stdlib.h>
#include <string.h>

void apart_new(struct apart *a, size_t bytes) {
  test_scratch_new(&a->memory, bytes);
  a->before = malloc(a->memory.n * sizeof(float));
  a->now = malloc(a->memory.n * sizeof(float));
  a->taken = malloc(a->memory.n * sizeof(float) * sizeof *a->taken);
  if (!a->before || !a->now || !a->taken) abort();
  a->twice = 0;
}

void apart_free(struct apart *a) {
  test_buffer_free(&a->memory);
  free(a->before);
  free(a->now);
  free(a->taken);
}

static void copy_memory(const struct apart *a, char *copy) {
  memcpy(copy, a->memory.data, a->memory.n * sizeof(float));
  test_know(copy, a->memory.n * sizeof(float));
}

void parallel_apart(void *context, void (*task)(void *argument, size_t index), void *argument, size_t count) {
  struct apart *a = context;
  const size_t bytes = a->memory.n * sizeof(float);
  memset(a->taken, 0, bytes * sizeof *a->taken);
  for (size_t i = 0; i < count; i++) {
    const bool watched = i < 3 || i + 2 >= count;
    if (watched) copy_memory(a, a->before);
    task(argument, i);
    if (!watched) continue;
    copy_memory(a, a->now);
    for (size_t line = 0; line < bytes; line += MBCONV_ALIGNMENT) {
      const size_t length = bytes - line < MBCONV_ALIGNMENT ? bytes - line : MBCONV_ALIGNMENT;
      if (memcmp(a->before + line, a->now + line, length) == 0) continue;
      for (size_t b = line; b < line + length; b++) {
        if (a->before[b] == a->now[b]) continue;
        if (a->taken[b]) a->twice++;
        a->taken[b] = true;
      }
    }
  }
}

void check_apart(struct test *t, const struct apart *a, mbconv_status status) {
  test_check(t, status == MBCONV_OK && a->twice == 0, "status %d, %zu bytes of scratch were written by two tasks",
             (int)status, a->twice);
}
