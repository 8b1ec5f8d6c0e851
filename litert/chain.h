/* SPDX-License-Identifier: MIT
 *
 * A chain: operators of the host's graph that one mbconv_block computes. chain.c finds them, block_f32.c and block_i8.c
 * make blocks of them.
 */
#ifndef MBCONV_LITERT_CHAIN_H
#define MBCONV_LITERT_CHAIN_H

#include <mbconv_i8.h>

#include "graph.h"

enum { CHAIN_MOST_NODES = 40, CHAIN_STEM_CHANNELS = 4 };

/* An activation as an operator, or operators, of its own. The convolution's fused one is in `fused`. */
typedef enum chain_function {
  CHAIN_NO_FUNCTION = 0,
  CHAIN_RELU,
  CHAIN_RELU6,
  CHAIN_SILU, /* LOGISTIC and MUL */
  CHAIN_HARD_SWISH,
  CHAIN_LEAKY_RELU,
  CHAIN_PRELU
} chain_function;

/* A convolution and what belongs to it. Tensors are numbers, or NULL and -1. */
typedef struct chain_conv {
  mbconv_stage_kind kind; /* pointwise, depthwise or dense */
  bool connected;         /* pointwise: by FULLY_CONNECTED, of vectors */
  int weight, bias, x, y; /* y: what the convolution writes, before `function` */
  int out;                /* what comes after it */
  size_t in_channels, out_channels, kernel, stride, dilation;
  mbconv_pad pad;
  mbconv_pad_kind pad_kind;
  int fused; /* host_fused */
  chain_function function;
  int logistic; /* of SILU: what LOGISTIC writes */
  float alpha;  /* of LEAKY_RELU */
  int slope;    /* of PRELU */
} chain_conv;

typedef struct chain_stage {
  bool squeeze_excite;
  bool pooled;       /* squeeze-excite: by AVERAGE_POOL_2D */
  chain_conv conv;   /* squeeze-excite: the first of its layers */
  chain_conv second; /* its second one */
  mbconv_activation_kind gate;
  int three, sum, sixth; /* a hard sigmoid: its constants, and what ADD writes */
  int gate_out, out;     /* squeeze-excite: what the gate and the product write */
  int fused;             /* host_fused of the product */
} chain_stage;

typedef struct litert_chain {
  int type; /* HOST_F32 or HOST_I8 */
  size_t count;
  chain_stage stages[MBCONV_MOST_STAGES];
  int x, y;
  bool added;
  int residual;             /* what is added, if `added`, to what the last stage gives, `sum.x` */
  size_t residual_channels; /* it is added to so many, the first */
  bool widened;             /* int8: the node puts zeros behind its channels, for the block adds all */
  int zero_point;           /* the byte of these zeros */
  chain_conv sum;           /* what of a convolution ADD has, too: x, y, out, fused, function and its parameters */
  bool vector;              /* x and y are vectors: FULLY_CONNECTED, y of two dimensions */
  bool sized; /* the image x has the size that the model names, or the chain is none: its mean is over a fixed window */
  int nodes[CHAIN_MOST_NODES];
  int node_count;
  int nodes_after[MBCONV_MOST_STAGES], nodes_before_function[MBCONV_MOST_STAGES]; /* the counts at each stage */
} litert_chain;

/* Whether a chain begins with operator `first`, none of whose operators is in `taken`; then *chain is it, as long as it
 * gets. `reasons`, one per operator, or NULL, get why an operator was left that was looked at. */
bool chain_find(const litert_graph *graph, int first, const bool *taken, graph_message *reasons, litert_chain *chain);

/* Takes away what is last in the chain: the addition, the last stage's activation, or the stage. False if nothing is
 * left. */
bool chain_shorten(litert_chain *chain);

/* Multiply-adds for one image of the size that the model names, or of the least if it names none. */
double chain_multiply_adds(const litert_graph *graph, const litert_chain *chain);

/* Why the host's own operators are faster than the chain, as was measured; NULL if they are not. They are for a k×k of
 * int8 that is a block of its own, unless it is a stem, whose images have few channels; and for a 1×1, or
 * FULLY_CONNECTED, of one pixel that has few weights. */
const char *chain_is_slower(const litert_graph *graph, const litert_chain *chain);

/* Makes the block. The status is mbconv's, and the message, too; MBCONV_INVALID_ARGUMENT if the block would not be the
 * host's. */
mbconv_status chain_block(const litert_graph *graph, const litert_chain *chain, mbconv_i8_rounding rounding,
                          const mbconv_options *options, mbconv_block **out, mbconv_error *error);
mbconv_status chain_block_f32(const litert_graph *graph, const litert_chain *chain, const mbconv_options *options,
                              mbconv_block **out, mbconv_error *error);
mbconv_status chain_block_i8(const litert_graph *graph, const litert_chain *chain, mbconv_i8_rounding rounding,
                             const mbconv_options *options, mbconv_block **out, mbconv_error *error);

/* The filter `from` of a depthwise or dense convolution in PyTorch's order, with elements of 1 or 4 bytes, to be freed;
 * NULL if memory is lacking. */
void *chain_filter(const void *from, const chain_conv *conv, size_t element);

#endif
