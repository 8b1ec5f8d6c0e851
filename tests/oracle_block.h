/* SPDX-License-Identifier: MIT
 *
 * The whole block in double precision, written for clarity alone: full tensors, no folding into float, no tiles.
 *
 * Every number carries a bound on how far a float computation of it may be away, propagated through the block:
 *   convolution of n terms   sum |w| e + (n + 2) eps (|b| + sum |w| (|a| + e)), a +- e being its inputs
 *   activation               1.5 e + 4 eps |value|, 1.5 being the steepest slope of all; e if it only clamps
 *   product, sum, mean       the first-order rules, plus one eps per operation
 * and 1e-36 per operation for what underflows. eps is 2^-23.
 */
#ifndef MBCONV_ORACLE_BLOCK_H
#define MBCONV_ORACLE_BLOCK_H

#include <stddef.h>

#include "mbconv.h"

struct oracle_number {
  double value, error;
};

/* x and y are dense NHWC, whatever desc->layout says. */
void oracle_block(const mbconv_block_desc *desc, size_t batch, const float *x, struct oracle_number *y);

#endif
