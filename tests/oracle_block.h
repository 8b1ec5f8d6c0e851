/* SPDX-License-Identifier: MIT
 *
 * The whole block as its definition reads: full tensors, no tiles, no strips, no code of the library. Twice at once: in
 * double, and in f32 with each operation in the order that the library promises.
 *
 * Every number in double carries a bound on how far a float computation of it may be away, propagated through the
 * block: convolution of n terms   sum |w| e + (n + 2) eps (|b| + sum |w| (|a| + e)), a +- e being its inputs activation
 * 1.5 e + 4 eps |value|, 1.5 being the steepest slope of all; e if it only clamps product, sum, mean       the
 * first-order rules, plus one eps per operation and 1e-36 per operation for what underflows. eps is 2^-23.
 *
 * The f32 form is what all sets must give exactly. Its SiLU and sigmoid are those of the scalar set, which the silu
 * suite tests on every float.
 */
#ifndef MBCONV_ORACLE_BLOCK_H
#define MBCONV_ORACLE_BLOCK_H

#include <stddef.h>

#include "mbconv.h"

struct oracle_number {
  double value, error;
  float exact;
};

/* x and y are dense NHWC, whatever desc->layout says. */
void oracle_block(const mbconv_block_desc *desc, size_t batch, const float *x, struct oracle_number *y);

#endif
