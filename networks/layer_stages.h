/* SPDX-License-Identifier: MIT
 *
 * A block as a list of stages of the core.
 */
#ifndef MBCONV_LAYER_STAGES_H
#define MBCONV_LAYER_STAGES_H

#include "layer.h"
#include "names.h"

/* A block, described. `list` points into it, so that it must not be copied. */
struct mbconv_block_words {
  mbconv_squeeze_excite excite;
  mbconv_stage_desc stage[MBCONV_MOST_STAGES];
  mbconv_stages_desc list;
};

/* Describes the block of a layer. `convs` has MBCONV_ROLES convolutions, which must stay where they are. */
void mbconv_describe_block(const struct mbconv_layer *layer, mbconv_padding padding, struct mbconv_image image,
                           const mbconv_conv *convs, struct mbconv_block_words *words);

/* A padding of kernel / 2 on all sides, or SAME, for which a description must have none. */
mbconv_pad mbconv_layer_pad(size_t kernel, mbconv_padding padding);
mbconv_pad_kind mbconv_layer_pad_kind(mbconv_padding padding);

#endif
