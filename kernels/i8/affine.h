/* SPDX-License-Identifier: MIT
 *
 * Requantization by one FMA.
 *
 * A sum is a whole number. If `start` stands for its bias, its bits are those of a float t in [2^23, 2^24), which is the
 * sum and a constant, with no conversion. Then
 *
 *     fma(t, factor, addend) = 3 * 2^22 + y,  rounded by the FMA itself to the whole number y
 *
 * and the lower 16 bits of that float are y, which packs of words narrow to bytes, saturating. A sum costs one FMA, where
 * conversion, multiplication, conversion and the zero point cost four operations.
 *
 * Such a y need not be the one that the semantics ask for, which round more often. But both are steps that rise with the
 * sum, at most 255 of them: if all steps are at the same sums, both are the same function. The constant in t is free: it
 * is chosen such that they are. mbconv_i8_affine_of() looks for it, once for each channel, while weights are packed. Any
 * rounding that rises with the sum will do. Where it finds none (ties of whole powers of two; 8 million different sums
 * or more; sums whose y would leave 16 bits), kernels do every operation that the semantics name.
 */
#ifndef MBCONV_I8_AFFINE_H
#define MBCONV_I8_AFFINE_H

#include "i8.h"

struct mbconv_i8_affine {
  int32_t start;        /* the sum begins with it, not with the bias */
  float factor, addend; /* y - lo = the lower 16 bits of fma(t, factor, addend); addend is NaN if there is none */
};

/* The channel has `weights` weights and an ending. */
struct mbconv_i8_affine mbconv_i8_affine_of(const struct mbconv_i8_channel *channel, size_t weights);

#endif
