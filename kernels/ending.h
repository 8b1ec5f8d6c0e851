/* SPDX-License-Identifier: MIT
 *
 * What happens to a finished sum before it is stored. A kernel for another type has an ending of its own, and nothing
 * above the kernels looks into it.
 */
#ifndef MBCONV_ENDING_H
#define MBCONV_ENDING_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

struct mbconv_i8_ending;

struct mbconv_ending {
  float lo, hi;                      /* the clamp applied last; -inf and +inf for none. NaN passes through */
  bool silu;                         /* SiLU instead of a clamp, of sets with `tiles_silu` */
  const struct mbconv_i8_ending *i8; /* of i8 sets, which read nothing else of this struct: i8/i8.h */
};

/* The sum as it is. */
static inline struct mbconv_ending mbconv_ending_none(void) {
  const struct mbconv_ending none = {-INFINITY, INFINITY, false, NULL};
  return none;
}

#endif
