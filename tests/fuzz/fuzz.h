/* SPDX-License-Identifier: MIT
 *
 * What the fuzzers share.
 */
#ifndef MBCONV_FUZZ_H
#define MBCONV_FUZZ_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* A finding that no sanitizer sees. */
static inline void fuzz_require(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "fuzz: %s\n", what);
  abort();
}

/* On the heap, where the sanitizer watches both ends. */
static inline void *fuzz_allocate(size_t size) {
  void *memory = malloc(size > 0 ? size : 1);
  fuzz_require(memory != NULL, "out of memory");
  return memory;
}

/* libFuzzer's entry. */
int LLVMFuzzerTestOneInput(const unsigned char *input, size_t size);

#endif
