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

/* `sums` [expanded padded] holds the channel sums over `pixels` pixels and becomes the means; `narrow` [width padded]
 * is scratch; the scales go to `scale` [expanded padded]. */
void mbconv_excite_run(const struct mbconv_excite *excite, size_t pixels, float *sums, float *narrow, float *scale);

#endif
