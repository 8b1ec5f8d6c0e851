/* SPDX-License-Identifier: MIT
 *
 * The links of a chain: what one operator, or a few of them, are in mbconv's terms.
 */
#ifndef MBCONV_LITERT_MATCH_H
#define MBCONV_LITERT_MATCH_H

#include "chain.h"

typedef struct litert_matcher {
  const litert_graph *graph;
  const bool *taken;      /* per operator */
  litert_chain *chain;    /* to whose nodes is added what is matched */
  graph_message *reasons; /* per operator: why it stays with the host; or NULL */
} litert_matcher;

/* Each says whether the operators that read tensor `x`, or the operator `op`, are what its name says; then they belong
 * to the chain. Otherwise the chain's nodes are as they were. */
bool match_padded_conv(litert_matcher *matcher, const graph_op *op, chain_conv *conv); /* [PAD] CONV or DEPTHWISE */
void match_function(litert_matcher *matcher, chain_conv *conv); /* [an activation] behind conv->y */
bool match_squeeze_excite(litert_matcher *matcher, int x, chain_stage *stage, int *out);
bool match_conv(litert_matcher *matcher, const graph_op *op, chain_conv *conv); /* CONV or DEPTHWISE alone */
/* ADD of x and another image, and an activation behind it: chain->residual and what belongs to it, and chain->sum. */
bool match_add(litert_matcher *matcher, int x, size_t channels);

/* ---- What these are made of -------------------------------------------------------------------------------------- */

bool match_is_free(const litert_matcher *matcher, const graph_op *op); /* of no chain yet */
bool match_take(litert_matcher *matcher, const graph_op *op);          /* makes it one of this chain, if it is free */

/* The only reader of the tensor, if it is free and has that code; or NULL. */
const graph_op *match_reader(const litert_matcher *matcher, int tensor, int code);

/* The tensor's two readers, if both are free and one has the code; the other is *other. */
const graph_op *match_reader_of_two(const litert_matcher *matcher, int tensor, int code, const graph_op **other);

/* Notes why the operator stays with the host, if it does. Returns false. */
bool match_leave(litert_matcher *matcher, const graph_op *op, const char *reason);
#define MATCH_OTHER_ACTIVATION "its fused activation is neither RELU nor RELU6"
#define MATCH_NO_CONSTANTS "its weights or biases are no dense constants of its type"

/* A constant of the type, or -1. Of f32 it may be in f16. */
int match_constant(const litert_matcher *matcher, int tensor, int type, int rank);

/* One scale and zero point: then the byte that stands for 0 is the same in both. */
bool match_same_quantization(const litert_matcher *matcher, int a, int b);

bool match_same_shape(const host_tensor *a, const host_tensor *b);
bool match_fused_is_known(int fused);

/* An operator that maps images, or vectors, of the chain's type to such of the same shape. */
bool match_keeps_shape(const litert_matcher *matcher, const graph_op *op);

/* MUL of tensors `a` and `b`, in any order; *fused is its activation. If `fused` is NULL it has none. */
bool match_multiplies(const litert_matcher *matcher, const graph_op *op, int a, int b, int *fused);

#endif
