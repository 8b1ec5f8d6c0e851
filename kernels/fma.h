/* SPDX-License-Identifier: MIT
 *
 * a * b + c, rounded once: the step of every chain of the scalar set.
 *
 * The C library's fmaf() is not called. Some are wrong: that of mingw-w64 10 in a quarter of all cases, that of musl,
 * which is FreeBSD's, where a denormal sum lies beside a tie. Nor would it be faster. Where the compiler has an
 * instruction, it is that. Elsewhere it is done in double, whose 53 bits hold the product of two floats (48) exactly.
 * Times of a step in a tile of four chains, on a CPU whose fmaf() has the instruction (gcc 12 / clang 14, Sapphire
 * Rapids, a busy virtual machine):
 *
 *     call of glibc's fmaf()     5.6 / 5.4 ns
 *     this                       2.8 / 3.3
 */
#ifndef MBCONV_FMA_H
#define MBCONV_FMA_H

#include <stdint.h>
#include <string.h>

#include "arithmetic.h"

/* The sum, rounded to odd: one that is not exact becomes that of its two neighbours whose last bit is 1. Rounded to a
 * float of at most 24 bits, it gives what the exact sum gives. */
static inline double sum_to_odd(double p, double c) {
  const double sum = p + c;
  const double c_part = sum - p, p_part = sum - c_part; /* Knuth's two-sum: nothing here overflows or underflows */
  const double error = (p - p_part) + (c - c_part);
  if (!(error < 0.0 || error > 0.0)) return sum; /* exact, infinite or NaN */
  int64_t bits;
  memcpy(&bits, &sum, sizeof bits);
  if (!(bits & 1)) bits += (error > 0.0) == (sum > 0.0) ? 1 : -1;
  double odd;
  memcpy(&odd, &bits, sizeof odd);
  return odd;
}

/* The sum is rounded twice, to double and to float. That goes wrong only if the first rounding ends on a tie of the
 * second: for a normal float a 1 in the first of the 29 bits that are dropped, then zeros. A denormal's ties lie
 * elsewhere; sums below the least normal float are rare and all go the long way (0 too, which is simpler). */
static inline float fma_by_doubles(float a, float b, float c) {
  const double p = (double)a * (double)b, sum = p + (double)c;
  uint64_t bits;
  memcpy(&bits, &sum, sizeof bits);
  const uint64_t dropped = (UINT64_C(1) << 29) - 1, tie = UINT64_C(1) << 28;
  const uint64_t least_normal = (uint64_t)(1023 - 126) << 53; /* 2^-126 without its sign's place */
  if ((bits & dropped) == tie || bits << 1 < least_normal) return (float)sum_to_odd(p, (double)c);
  return (float)sum;
}

#if defined(__FP_FAST_FMAF) || defined(__FMA__) || defined(__aarch64__)
static inline float fma_f32(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#else
static inline float fma_f32(float a, float b, float c) { return fma_by_doubles(a, b, c); }
#endif

#endif
