/* SPDX-License-Identifier: MIT
 *
 * Arithmetic on sizes that may overflow. A flag collects the overflows of several operations, so that one check
 * follows them all.
 */
#ifndef MBCONV_SIZE_H
#define MBCONV_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Objects, their arrays and scratch are aligned to this many bytes: a cache line, and the widest vector of any set. */
enum { MBCONV_ALIGNMENT = 64 };

static inline size_t mbconv_multiply(size_t a, size_t b, bool *overflow) {
  size_t product;
  if (__builtin_mul_overflow(a, b, &product)) *overflow = true;
  return product;
}

static inline size_t mbconv_add(size_t a, size_t b, bool *overflow) {
  size_t sum;
  if (__builtin_add_overflow(a, b, &sum)) *overflow = true;
  return sum;
}

/* a rounded up to a multiple of b. Sizes that are rounded are at most half of size_t. */
static inline size_t mbconv_round_up(size_t a, size_t b) { return (a + b - 1) / b * b; }

static inline size_t mbconv_min(size_t a, size_t b) { return a < b ? a : b; }

static inline size_t mbconv_max(size_t a, size_t b) { return a > b ? a : b; }

/* Whether [a, a + a_size) and [b, b + b_size) share a byte. */
static inline bool mbconv_overlap(const void *a, size_t a_size, const void *b, size_t b_size) {
  const uintptr_t first = (uintptr_t)a, second = (uintptr_t)b;
  return first < second ? second - first < a_size : first - second < b_size;
}

#endif
