/* SPDX-License-Identifier: MIT */
#include "sample.h"

/* The factor is odd, so that each step can be undone: two samples that differ in one word never give the same number.
 * No load waits for another: what costs time is that these words are seldom in a cache. */
uint64_t mbconv_sample(const uint32_t *const *addresses, size_t count) {
  uint64_t sum = count;
  for (size_t i = 0; i < count; i++) sum = (sum ^ *addresses[i]) * UINT64_C(0x9e3779b97f4a7c15);
  return sum;
}
