/* SPDX-License-Identifier: MIT
 *
 * Three planes to pixels, four pixels at a time with the vectors that every x86-64 and ARM64 CPU has: all sets use it.
 */
#include <stdint.h>
#include <string.h>

#include "set_scalar.h"

/* Four floats, of SSE2 or NEON. PICK takes four of those of a (0 to 3) and b (4 to 7). */
typedef float floats4 __attribute__((vector_size(16)));

#if defined(__clang__)
#define PICK(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
typedef int32_t ints4 __attribute__((vector_size(16)));
#define PICK(a, b, i, j, k, l) __builtin_shuffle(a, b, (ints4){i, j, k, l})
#endif

static inline floats4 load4(const float *from) {
  floats4 v;
  memcpy(&v, from, sizeof v);
  return v;
}

static inline void store4(float *to, floats4 v) { memcpy(to, &v, sizeof v); }

void mbconv_interleave3_scalar(size_t pixels, const void *x, size_t x_stride, void *y) {
  const float *red = x, *green = red + x_stride, *blue = green + x_stride;
  float *to = y;
  size_t p = 0;
  for (; p + 4 <= pixels; p += 4, to += 12) {
    const floats4 r = load4(red + p), g = load4(green + p), b = load4(blue + p);
    const floats4 r0g0r1g1 = PICK(r, g, 0, 4, 1, 5), b0b0r1r1 = PICK(b, r, 0, 0, 5, 5);
    const floats4 g1b1g2b2 = PICK(g, b, 1, 5, 2, 6), r2r2g2g2 = PICK(r, g, 2, 2, 6, 6);
    const floats4 b2r3b3r3 = PICK(b, r, 2, 7, 3, 7), g3g3b3b3 = PICK(g, b, 3, 3, 7, 7);
    store4(to, PICK(r0g0r1g1, b0b0r1r1, 0, 1, 4, 6));
    store4(to + 4, PICK(g1b1g2b2, r2r2g2g2, 0, 1, 4, 6));
    store4(to + 8, PICK(b2r3b3r3, g3g3b3b3, 0, 1, 4, 6));
  }
  for (; p < pixels; p++, to += 3) {
    to[0] = red[p];
    to[1] = green[p];
    to[2] = blue[p];
  }
}
