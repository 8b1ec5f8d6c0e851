/* SPDX-License-Identifier: MIT
 *
 * The links of a chain: what one operator, or a few of them, are in mbconv's terms.
 */
#ifndef MBCONV_LITERT_MATCH_H
#define MBCONV_LITERT_MATCH_H

#include "chain.h"

typedef struct litert_matcher {
  const litert_graph *graph;
  const bool *taken;   /* per operator */
  litert_chain *chain; /* to whose nodes is added what is matched */
} litert_matcher;

/* Each says whether the operators that read tensor `x`, or the operator `op`, are what its name says; then they belong
 * to the chain. Otherwise the chain's nodes are as they were. */
bool match_padded_conv(litert_matcher *matcher, const graph_op *op, chain_conv *conv); /* [PAD] CONV or DEPTHWISE */
void match_function(litert_matcher *matcher, chain_conv *conv); /* [an activation] behind conv->y */
bool match_squeeze_excite(litert_matcher *matcher, int x, chain_stage *stage, int *out);
bool match_add(litert_matcher *matcher, int x, size_t channels, int *other,
               chain_conv *sum); /* and an activation behind it */

#endif
