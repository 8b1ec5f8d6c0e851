/* SPDX-License-Identifier: MIT
 *
 * Squeeze-excite (Hu et al. 2018): a scale per channel from the means of the depthwise output.
 */
#ifndef MBCONV_SQUEEZE_EXCITE_H
#define MBCONV_SQUEEZE_EXCITE_H

#include "epilogue.h"
#include "panels.h"

struct mbconv_excite {
  struct mbconv_panels reduce, expand;
  struct mbconv_epilogue inner, gate;
};

/* `sums` holds the channel sums over `pixels` pixels and becomes the scales; it must have room for the panels of
 * `expand`. `narrow` is scratch with room for those of `reduce`. */
void mbconv_excite_run(const struct mbconv_excite *excite, size_t pixels, float *sums, float *narrow);

#endif
