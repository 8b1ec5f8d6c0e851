/* SPDX-License-Identifier: MIT
 *
 * Chains are cut as networks are: [1×1 or k×k] [depthwise] [squeeze-excite] 1×1 [+ shortcut], or as much of it as there
 * is. An image between two of its stages is read by nobody else.
 */
#include "chain.h"

#include <stdlib.h>
#include <string.h>

#include "vector.h"

/* Weights of a 1×1 of one pixel: with fewer the call of a node costs more than is saved. */
enum { LEAST_WEIGHTS_OF_F32 = 200000, LEAST_WEIGHTS_OF_I8 = 1000000 };

/* Multiply-adds per pixel, times the pixels of what is written. */
static double cost(const litert_graph *graph, const chain_conv *conv) {
  const host_ints *shape = graph->context->tensors[conv->y].dims;
  const double pixels = shape->count == GRAPH_RANK ? (double)shape->values[1] * shape->values[2] : 1;
  const double inputs = conv->kind == MBCONV_STAGE_DEPTHWISE ? 1 : (double)conv->in_channels;
  return pixels * (double)conv->out_channels * (double)(conv->kernel * conv->kernel) * inputs;
}

/* Whether a stage of `kind` may follow the last one. */
static bool may_follow(const litert_chain *chain, mbconv_stage_kind kind) {
  if (chain->count == 0) return true;
  const chain_stage *last = &chain->stages[chain->count - 1];
  if (last->squeeze_excite) return kind == MBCONV_STAGE_POINTWISE;
  switch (last->conv.kind) {
    case MBCONV_STAGE_POINTWISE: return chain->count == 1 && kind == MBCONV_STAGE_DEPTHWISE;
    case MBCONV_STAGE_DENSE:
    case MBCONV_STAGE_DEPTHWISE: return kind == MBCONV_STAGE_POINTWISE;
    default: return false;
  }
}

static bool add_conv(litert_matcher *matcher, const graph_op *op) {
  litert_chain *chain = matcher->chain;
  if (chain->count == MBCONV_MOST_STAGES) return false;
  chain_stage *stage = &chain->stages[chain->count];
  const int before = chain->node_count;
  *stage = (chain_stage){0};
  if (!match_padded_conv(matcher, op, &stage->conv)) return false;
  if (!may_follow(chain, stage->conv.kind)) return chain->node_count = before, false;
  chain->nodes_before_function[chain->count] = chain->node_count;
  match_function(matcher, &stage->conv);
  if (chain->count == 0) chain->x = stage->conv.x;
  chain->y = stage->conv.out;
  chain->nodes_after[chain->count++] = chain->node_count;
  return true;
}

/* Squeeze-excite is of use only with the 1×1 convolution behind it. */
static void add_squeeze_excite(litert_matcher *matcher) {
  litert_chain *chain = matcher->chain;
  if (chain->count + 2 > MBCONV_MOST_STAGES) return;
  const struct litert_chain before = *chain;
  chain_stage *stage = &chain->stages[chain->count];
  *stage = (chain_stage){0};
  if (!match_squeeze_excite(matcher, chain->y, stage, &chain->y)) return;
  chain->nodes_after[chain->count++] = chain->node_count;
  if (!add_conv(matcher, graph_only_reader(matcher->graph, chain->y))) *chain = before;
}

double chain_multiply_adds(const litert_graph *graph, const litert_chain *chain) {
  double sum = 0;
  for (size_t i = 0; i < chain->count; i++) {
    sum += cost(graph, &chain->stages[i].conv);
    if (chain->stages[i].squeeze_excite) sum += cost(graph, &chain->stages[i].second);
  }
  return sum;
}

const char *chain_is_slower(const litert_graph *graph, const litert_chain *chain) {
  const chain_conv *only = &chain->stages[0].conv;
  const bool f32 = chain->type == HOST_F32;
  if (chain->count > 1) return NULL;
  if (!f32 && only->kind == MBCONV_STAGE_DENSE && only->in_channels > CHAIN_STEM_CHANNELS)
    return "a k×k of int8 is faster by the host if no 1×1 follows";
  const double weights = (double)only->in_channels * (double)only->out_channels;
  const bool pixel = only->kind == MBCONV_STAGE_POINTWISE && chain_multiply_adds(graph, chain) <= weights;
  if (pixel && weights < (f32 ? LEAST_WEIGHTS_OF_F32 : LEAST_WEIGHTS_OF_I8))
    return "a vector with so few weights is faster by the host";
  return NULL;
}

static bool has_activation(const chain_conv *conv) {
  return conv->fused != HOST_NONE || conv->function != CHAIN_NO_FUNCTION;
}

static void add_shortcut(litert_matcher *matcher) {
  litert_chain *chain = matcher->chain;
  const chain_conv *last = &chain->stages[chain->count - 1].conv;
  if (last->kind == MBCONV_STAGE_DEPTHWISE) return;
  if (!match_add(matcher, chain->y, last->out_channels)) return;
  chain->added = true;
  chain->y = chain->sum.out;
  // in f32 an activation stands either before or after the sum
  if (chain->type == HOST_F32 && has_activation(last) && has_activation(&chain->sum)) chain_shorten(chain);
}

bool chain_shorten(litert_chain *chain) {
  chain_conv *last = &chain->stages[chain->count - 1].conv;
  if (chain->added) {
    chain->added = chain->widened = false;
    chain->residual = -1;
    chain->node_count = chain->nodes_after[chain->count - 1];
  } else if (last->function != CHAIN_NO_FUNCTION) {
    last->function = CHAIN_NO_FUNCTION;
    last->out = last->y;
    chain->node_count = chain->nodes_before_function[chain->count - 1];
  } else {
    do {
      if (chain->count <= 1) return false;
      chain->count--;
      if (chain->stages[chain->count].squeeze_excite) chain->sized = false;
    } while (chain->stages[chain->count - 1].squeeze_excite);
    chain->node_count = chain->nodes_after[chain->count - 1];
  }
  chain->y = chain->stages[chain->count - 1].conv.out;
  return true;
}

/* FULLY_CONNECTED, and the activation behind it. */
static bool find_connected(litert_matcher *matcher, const graph_op *op) {
  litert_chain *chain = matcher->chain;
  chain_conv *conv = &chain->stages[0].conv;
  match_vector at;
  if (!match_vector_at(matcher, op->inputs[0], &at))
    return match_leave(matcher, op, "its input is no vector per image");
  if (!match_connected(matcher, op, &at, conv)) return false;
  if (!graph_values(matcher->graph, at.tensor, chain->type, 2))
    return match_leave(matcher, op, "its output has not two dimensions");
  chain->nodes_before_function[0] = chain->node_count;
  match_function(matcher, conv);
  chain->count = 1;
  chain->x = conv->x;
  chain->y = conv->out;
  chain->nodes_after[0] = chain->node_count;
  chain->vector = true;
  return true;
}

bool chain_find(const litert_graph *graph, int first, const bool *taken, graph_message *reasons, litert_chain *chain) {
  const graph_op *op = &graph->ops[first];
  const bool connected = op->code == HOST_FULLY_CONNECTED;
  if (op->code != HOST_PAD && op->code != HOST_CONV_2D && op->code != HOST_DEPTHWISE_CONV_2D && !connected)
    return false;
  if (op->inputs[0] < 0) return false;
  *chain = (struct litert_chain){.type = graph->context->tensors[op->inputs[0]].type, .residual = -1};
  litert_matcher matcher = {graph, taken, chain, reasons};
  if (chain->type != HOST_F32 && chain->type != HOST_I8)
    return match_leave(&matcher, op, "its input is neither of f32 nor of int8");
  if (connected) return find_connected(&matcher, op);
  if (!add_conv(&matcher, op)) return false;
  for (;;) {
    if (chain->stages[chain->count - 1].conv.kind == MBCONV_STAGE_DEPTHWISE) add_squeeze_excite(&matcher);
    if (!add_conv(&matcher, graph_only_reader(graph, chain->y))) break;
  }
  add_shortcut(&matcher);
  return true;
}

mbconv_status chain_block(const litert_graph *graph, const litert_chain *chain, mbconv_i8_rounding rounding,
                          const mbconv_options *options, mbconv_block **out, mbconv_error *error) {
  if (chain->type == HOST_F32) return chain_block_f32(graph, chain, options, out, error);
  return chain_block_i8(graph, chain, rounding, options, out, error);
}

void *chain_filter(const void *from, const chain_conv *conv, size_t element) {
  const size_t taps = conv->kernel * conv->kernel, outs = conv->kind == MBCONV_STAGE_DEPTHWISE ? 1 : conv->out_channels;
  char *filter = malloc(outs * taps * conv->in_channels * element);
  if (!filter) return NULL;
  char *to = filter;
  for (size_t out = 0; out < outs; out++)
    for (size_t in = 0; in < conv->in_channels; in++)
      for (size_t tap = 0; tap < taps; tap++, to += element)
        memcpy(to, (const char *)from + ((out * taps + tap) * conv->in_channels + in) * element, element);
  return filter;
}
