/* SPDX-License-Identifier: MIT
 *
 * Run while configuring: does the SLEEF found have the bits that the library promises? The inline variant of SiLU is
 * the yardstick; in its own arithmetic, so that this needs no SLEEF of known version.
 *
 * Exit status: 0 all equal, 2 this CPU cannot tell (no FMA), 3 a difference, which is printed.
 */
#ifndef FP_FAST_FMA
#define FP_FAST_FMA /* sleef.h hides purecfma from compilers that do not target FMA */
#endif
#include <sleef.h>
#include <stdbool.h>
#include <stdio.h>

#include "vec_scalar.h"

#if defined(__x86_64__) || defined(__i386__)
static bool cpu_has_fma(void) { return __builtin_cpu_supports("fma"); }
#else
static bool cpu_has_fma(void) { return true; }
#endif

/* e^d itself, where it is a normal number, and always the denominator that SiLU divides by. */
static bool equal(float d) {
  const float found = Sleef_expf1_u10purecfma(d);
  const struct exponentials e = exponentials(1, &d);
  if (d >= -87.0f && found != e.u[0] * e.power[0]) return false;
  const float c = -d;
  float sum;
  one_plus_exp_minus(1, &c, &sum);
  return 1.0f + found == sum;
}

int main(void) {
  if (!cpu_has_fma()) return 2;
  const uint32_t step = 16381; /* a prime: all patterns of low bits occur */
  unsigned inputs = 0;
  for (uint32_t bits = 0; bits < UINT32_MAX - step; bits += step) {
    const float d = -floor88(float_from_bits(bits));
    if (isnan(d)) continue;
    inputs++;
    if (!equal(d)) {
      printf("expf(%a) is %a", (double)d, (double)Sleef_expf1_u10purecfma(d));
      return 3;
    }
  }
  printf("%u inputs", inputs);
  return 0;
}
