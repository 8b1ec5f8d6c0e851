/* SPDX-License-Identifier: MIT
 *
 * A block as a description of the core: as an MBConv, or as a list of stages if it is one of its relatives.
 */
#ifndef MBCONV_LAYER_STAGES_H
#define MBCONV_LAYER_STAGES_H

#include "layer.h"
#include "names.h"

/* A block, described. `stages` points into it, so that it must not be copied. */
struct mbconv_block_words {
  bool classic; /* `block` describes it, else `list` */
  mbconv_squeeze_excite excite;
  mbconv_stage_desc stage[MBCONV_MOST_STAGES];
  union {
    mbconv_block_desc block;
    mbconv_stages_desc list;
  };
};

/* Describes the block of a layer. `convs` has MBCONV_ROLES convolutions, which must stay where they are. */
void mbconv_describe_block(const struct mbconv_layer *layer, mbconv_padding padding, struct mbconv_image image,
                           const mbconv_conv *convs, struct mbconv_block_words *words);

/* Makes the block described. */
mbconv_status mbconv_create_block(const struct mbconv_block_words *words, const mbconv_options *options,
                                  mbconv_block **made, mbconv_error *error);

/* Counts it. */
mbconv_status mbconv_count_block(const struct mbconv_block_words *words, mbconv_counts *counts, mbconv_error *error);

/* A padding of kernel / 2 on all sides, or SAME, for which a description must have none. */
mbconv_pad mbconv_layer_pad(size_t kernel, mbconv_padding padding);
mbconv_pad_kind mbconv_layer_pad_kind(mbconv_padding padding);

#endif
