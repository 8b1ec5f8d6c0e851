/* SPDX-License-Identifier: MIT
 *
 * A chain of floats as a block. Weights are read where they lie in the model, but for filters, whose order is another.
 */
#include <stdlib.h>

#include "chain.h"

/* What a description points to. */
typedef struct block_parts {
  mbconv_stage_desc stages[MBCONV_MOST_STAGES];
  mbconv_conv convs[MBCONV_MOST_STAGES], seconds[MBCONV_MOST_STAGES];
  mbconv_squeeze_excite squeeze_excites[MBCONV_MOST_STAGES];
  void *filters[MBCONV_MOST_STAGES];
  float alphas[MBCONV_MOST_STAGES];
} block_parts;

static mbconv_activation_kind activation_of(const chain_conv *conv) {
  if (conv->fused == HOST_RELU) return MBCONV_ACTIVATION_RELU;
  if (conv->fused == HOST_RELU6) return MBCONV_ACTIVATION_RELU6;
  switch (conv->function) {
    case CHAIN_RELU: return MBCONV_ACTIVATION_RELU;
    case CHAIN_RELU6: return MBCONV_ACTIVATION_RELU6;
    case CHAIN_SILU: return MBCONV_ACTIVATION_SILU;
    case CHAIN_HARD_SWISH: return MBCONV_ACTIVATION_HARD_SWISH;
    case CHAIN_LEAKY_RELU: return MBCONV_ACTIVATION_LEAKY_RELU;
    case CHAIN_PRELU: return MBCONV_ACTIVATION_PRELU;
    default: return MBCONV_ACTIVATION_NONE;
  }
}

static const void *data_of(const litert_graph *graph, int tensor) {
  return tensor < 0 ? NULL : graph->context->tensors[tensor].data;
}

static const float *slope_of(const litert_graph *graph, const chain_conv *conv) {
  return conv->function == CHAIN_LEAKY_RELU ? &conv->alpha : data_of(graph, conv->slope);
}

static mbconv_conv layer_of(const litert_graph *graph, const chain_conv *conv) {
  return (mbconv_conv){
      .weight = data_of(graph, conv->weight), .bias = data_of(graph, conv->bias), .slope = slope_of(graph, conv)};
}

/* False if memory is lacking. */
static bool describe_stage(const litert_graph *graph, const chain_stage *from, block_parts *parts, size_t i) {
  const chain_conv *conv = &from->conv;
  parts->convs[i] = layer_of(graph, conv);
  if (from->squeeze_excite) {
    parts->seconds[i] = layer_of(graph, &from->second);
    parts->squeeze_excites[i] = (mbconv_squeeze_excite){.width = conv->out_channels,
                                                        .reduce = &parts->convs[i],
                                                        .expand = &parts->seconds[i],
                                                        .inner = activation_of(conv),
                                                        .gate = from->gate};
    parts->stages[i] =
        (mbconv_stage_desc){.kind = MBCONV_STAGE_SQUEEZE_EXCITE, .squeeze_excite = &parts->squeeze_excites[i]};
    return true;
  }
  const bool pointwise = conv->kind == MBCONV_STAGE_POINTWISE;
  if (!pointwise) {
    parts->filters[i] = chain_filter(graph, conv, sizeof(float));
    parts->convs[i].weight = parts->filters[i];
    if (!parts->filters[i]) return false;
  }
  parts->stages[i] = (mbconv_stage_desc){.kind = conv->kind,
                                         .out_channels = conv->out_channels,
                                         .conv = &parts->convs[i],
                                         .activation = activation_of(conv),
                                         .kernel = conv->kernel,
                                         .stride = conv->stride,
                                         .dilation = conv->dilation,
                                         .pad = conv->pad,
                                         .pad_kind = conv->pad_kind};
  return true;
}

/* The activation behind the sum is the last stage's, which has none of its own. */
static void describe_sum(const litert_graph *graph, const litert_chain *chain, block_parts *parts,
                         mbconv_stages_desc *desc) {
  mbconv_stage_desc *last = &parts->stages[chain->count - 1];
  desc->residual = chain->residual == chain->x ? MBCONV_RESIDUAL_ON : MBCONV_RESIDUAL_GIVEN;
  desc->residual_place = MBCONV_RESIDUAL_AFTER_ACTIVATION;
  if (last->activation != MBCONV_ACTIVATION_NONE) return;
  desc->residual_place = MBCONV_RESIDUAL_BEFORE_ACTIVATION;
  last->activation = activation_of(&chain->sum);
  parts->convs[chain->count - 1].slope = slope_of(graph, &chain->sum);
}

mbconv_status chain_block_f32(const litert_graph *graph, const litert_chain *chain, const mbconv_options *options,
                              mbconv_block **out, mbconv_error *error) {
  block_parts *parts = calloc(1, sizeof *parts);
  bool complete = parts;
  for (size_t i = 0; complete && i < chain->count; i++) complete = describe_stage(graph, &chain->stages[i], parts, i);
  mbconv_status status = MBCONV_OUT_OF_MEMORY;
  if (complete) {
    mbconv_stages_desc desc = {.type = MBCONV_F32,
                               .in_channels = chain->stages[0].conv.in_channels,
                               .count = chain->count,
                               .stages = parts->stages,
                               .residual = MBCONV_RESIDUAL_OFF};
    if (chain->added) describe_sum(graph, chain, parts, &desc);
    status = mbconv_block_create_stages(&desc, options, out, error);
  } else {
    *error = (mbconv_error){status, "no memory for the filters"};
  }
  for (size_t i = 0; parts && i < chain->count; i++) free(parts->filters[i]);
  free(parts);
  return status;
}
