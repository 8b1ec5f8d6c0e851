/* SPDX-License-Identifier: MIT
 *
 * See oracle_arithmetic.h.
 */
#include "oracle_arithmetic.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- Multiply-add ------------------------------------------------------------------------------------------------ */

/* (-1)^negative * mantissa * 2^exponent */
struct number {
  bool negative;
  uint64_t mantissa;
  int exponent;
};

static struct number number_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  const uint32_t field = bits >> 23 & 0xff, fraction = bits & 0x7fffff;
  return (struct number){bits >> 31, field ? fraction | 0x800000 : fraction, (field ? (int)field : 1) - 150};
}

/* The same number, its mantissa's first bit at 61; 0 is behind all others. */
static struct number normalised(struct number n) {
  if (n.mantissa == 0) n.exponent = -1000;
  while (n.mantissa != 0 && !(n.mantissa >> 61)) n.mantissa <<= 1, n.exponent--;
  return n;
}

/* m / 2^shift; what is lost is kept in mind by the last bit. */
static uint64_t shifted_right(uint64_t m, int shift) {
  if (shift >= 63) return m != 0;
  return m >> shift | ((m & ((UINT64_C(1) << shift) - 1)) != 0);
}

/* The product has 48 bits of 62: a neighbour is shifted by up to 14 without loss, and a summand that is shifted farther
 * cancels one bit at most. */
static struct number sum_of(struct number x, struct number y) {
  x = normalised(x);
  y = normalised(y);
  if (x.exponent < y.exponent || (x.exponent == y.exponent && x.mantissa < y.mantissa)) {
    const struct number larger = y;
    y = x;
    x = larger;
  }
  y.mantissa = shifted_right(y.mantissa, x.exponent - y.exponent);
  if (x.negative == y.negative)
    x.mantissa += y.mantissa;
  else
    x.mantissa -= y.mantissa;
  if (x.mantissa == 0) x.negative = x.negative && y.negative;
  return x;
}

static float rounded(struct number n) {
  int top = -1; /* the place of the first bit */
  for (uint64_t m = n.mantissa; m != 0; m >>= 1) top++;
  const int last = n.exponent + top - 23; /* the exponent of the float's last bit */
  const int drop = (last < -149 ? -149 : last) - n.exponent;
  uint64_t m = n.mantissa;
  if (drop > 0) {
    m = drop > 1 ? shifted_right(m, drop - 2)
                 : m << 1; /* two more bits than the float has: the half, and whether anything follows */
    m = (m >> 2) + ((m & 3) == 3 || (m & 7) == 6);
    n.exponent += drop;
  }
  const float magnitude = (float)ldexp((double)m, n.exponent); /* exact, or infinity */
  return n.negative ? -magnitude : magnitude;
}

float oracle_fma_by_integers(float a, float b, float c) {
  if (!isfinite(a) || !isfinite(b) || !isfinite(c)) return (float)((double)a * b + c);
  const struct number x = number_of(a), y = number_of(b);
  const struct number product = {x.negative != y.negative, x.mantissa * y.mantissa, x.exponent + y.exponent};
  return rounded(sum_of(product, number_of(c)));
}

static bool library_is_right(void) {
  static const float tried[][3] = {
      {0x1.000002p0f, 0x1.fffffcp-1f, -0x1p24f},            /* the product ends just below a tie of the sum */
      {0x1.000002p0f, 0x1.000002p-25f, 1.0f},               /* just above one */
      {0x1.000002p-75f, 0x1.fffffcp-76f, 0x1.000004p-127f}, /* the same, the sum a denormal: musl */
      {0x1.fffffep-1f, 0x1.000002p0f, -1.0f},               /* all but one bit cancels */
      {0x1.fffffep127f, 2.0f, -0x1.fffffep127f},            /* the product alone overflows */
      {0x1.8p-100f, 0x1.000002p-50f, 0.0f},                 /* underflow at a tie */
      {0x1.234566p3f, 0x1.3579bep-2f, -0x1.89abcep-22f},    /* mingw-w64 */
      {-0x1.7b2f4ap-1f, 0x1.9d1c32p-5f, 0x1.55d3c8p-4f},
  };
  for (size_t i = 0; i < sizeof tried / sizeof *tried; i++) {
    volatile float a = tried[i][0], b = tried[i][1], c = tried[i][2]; /* or the compiler does it */
    if (fmaf(a, b, c) != oracle_fma_by_integers(a, b, c)) return false;
  }
  uint32_t state = 1;
  for (int i = 0; i < 10000; i++) {
    volatile float f[3];
    for (int j = 0; j < 3; j++) {
      state = state * 1664525u + 1013904223u;
      f[j] = (float)(int32_t)state * 0x1p-31f;
    }
    if (fmaf(f[0], f[1], f[2]) != oracle_fma_by_integers(f[0], f[1], f[2])) return false;
  }
  return true;
}

float oracle_fma(float a, float b, float c) {
  static int library = -1; /* threads that find it so all write the same */
  if (library < 0) library = library_is_right();
  return library ? fmaf(a, b, c) : oracle_fma_by_integers(a, b, c);
}

/* ---- Square root ------------------------------------------------------------------------------------------------- */

double oracle_root_by_integers(double x) {
  if (x == 0) return x;
  int exponent;
  uint64_t m = (uint64_t)ldexp(frexp(x, &exponent), 53); /* x = m 2^(exponent - 53) */
  exponent -= 53;
  if (exponent % 2 != 0) m <<= 1, exponent--;
  /* The root of m 2^54, which has 54 bits, digit by digit: two bits of it give one of the root. */
  uint64_t root = 0, rest = 0;
  for (int pair = 53; pair >= 0; pair--) {
    rest = rest << 2 | (pair >= 27 ? m >> (2 * (pair - 27)) & 3 : 0);
    const uint64_t subtrahend = root << 2 | 1;
    root <<= 1;
    if (rest >= subtrahend) rest -= subtrahend, root |= 1;
  }
  /* No root is a tie: a last bit of 1 is more than half of the one before. */
  return ldexp((double)((root + 1) >> 1), exponent / 2 - 26);
}
