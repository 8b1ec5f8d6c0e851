/* SPDX-License-Identifier: MIT
 *
 * Squeeze-excite (Hu et al. 2018): a scale per channel from the means of the depthwise output.
 */
#ifndef MBCONV_SQUEEZE_EXCITE_H
#define MBCONV_SQUEEZE_EXCITE_H

#include "epilogue.h"
#include "panels.h"

struct mbconv_i8_excite;

struct mbconv_excite {
  struct mbconv_panels reduce, expand;
  struct mbconv_epilogue inner, gate;
};

/* The channel sums over `pixels` pixels become the scales, elements that begin where the sums do.
 *   i8       what bytes are computed with; NULL in f32
 *   sums     [rows][sum_stride], whose rows are to be added up; there must be room for the panels of `expand`
 *   narrow   scratch with room for the panels of `reduce` */
void mbconv_excite_run(const struct mbconv_excite *excite, const struct mbconv_i8_excite *i8, size_t pixels,
                       size_t rows, void *sums, size_t sum_stride, void *narrow);

#endif
