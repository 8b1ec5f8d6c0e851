/* SPDX-License-Identifier: MIT */
#ifndef MBCONV_NETWORK_RANDOM_H
#define MBCONV_NETWORK_RANDOM_H

#include <stdint.h>

/* splitmix64 (Steele et al. 2014): uniform in [-1, 1), 24 bits. */
static inline float mbconv_random_next(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return (float)(z >> 40) * 0x1p-23f - 1.0f;
}

#endif
