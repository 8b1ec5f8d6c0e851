/* SPDX-License-Identifier: MIT
 *
 * A chain of floats as a block. Weights are read where they lie in the model, but for filters, whose order is another.
 */
#include <math.h>
#include <stdlib.h>

#include "chain.h"

/* What a description points to. */
typedef struct block_parts {
  mbconv_stage_desc stages[MBCONV_MOST_STAGES];
  mbconv_conv convs[MBCONV_MOST_STAGES], seconds[MBCONV_MOST_STAGES];
  mbconv_squeeze_excite squeeze_excites[MBCONV_MOST_STAGES];
  float *owned[7 * MBCONV_MOST_STAGES]; /* of a stage: weights, biases and slopes of two layers, and a filter */
  size_t owned_count;
  bool lacking; /* memory */
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

/* The float that a half is: 1 bit of sign, 5 of exponent, 10 of fraction. */
static float widened(uint16_t half) {
  const int exponent = half >> 10 & 31, fraction = half & 1023;
  const double size = exponent == 31  ? (fraction ? NAN : INFINITY)
                      : exponent == 0 ? ldexp(fraction, -24)
                                      : ldexp(fraction + 1024, exponent - 25);
  return (float)(half >> 15 ? -size : size);
}

/* The tensor's floats, where they lie or, if they are halves, in memory of `parts`. NULL if there is no tensor, and if
 * memory is lacking: then parts->lacking is set. */
static const float *floats_of(const litert_graph *graph, int tensor, block_parts *parts) {
  if (tensor < 0) return NULL;
  const host_tensor *found = &graph->context->tensors[tensor];
  if (found->type == HOST_F32) return found->data;
  const size_t count = found->bytes / sizeof(uint16_t);
  float *floats = malloc(count * sizeof *floats);
  if (!floats) parts->lacking = true;
  for (size_t i = 0; floats && i < count; i++) floats[i] = widened(((const uint16_t *)found->data)[i]);
  parts->owned[parts->owned_count++] = floats;
  return floats;
}

static const float *slope_of(const litert_graph *graph, const chain_conv *conv, block_parts *parts) {
  return conv->function == CHAIN_LEAKY_RELU ? &conv->alpha : floats_of(graph, conv->slope, parts);
}

static mbconv_conv layer_of(const litert_graph *graph, const chain_conv *conv, block_parts *parts) {
  return (mbconv_conv){.weight = floats_of(graph, conv->weight, parts),
                       .bias = floats_of(graph, conv->bias, parts),
                       .slope = slope_of(graph, conv, parts)};
}

static void describe_squeeze_excite(const litert_graph *graph, const chain_stage *from, block_parts *parts, size_t i) {
  parts->convs[i] = layer_of(graph, &from->conv, parts);
  parts->seconds[i] = layer_of(graph, &from->second, parts);
  parts->squeeze_excites[i] = (mbconv_squeeze_excite){.width = from->conv.out_channels,
                                                      .reduce = &parts->convs[i],
                                                      .expand = &parts->seconds[i],
                                                      .inner = activation_of(&from->conv),
                                                      .gate = from->gate};
  parts->stages[i] =
      (mbconv_stage_desc){.kind = MBCONV_STAGE_SQUEEZE_EXCITE, .squeeze_excite = &parts->squeeze_excites[i]};
}

static void describe_conv(const litert_graph *graph, const chain_conv *conv, block_parts *parts, size_t i) {
  parts->convs[i] = layer_of(graph, conv, parts);
  if (conv->kind != MBCONV_STAGE_POINTWISE && parts->convs[i].weight) {
    float *filter = chain_filter(parts->convs[i].weight, conv, sizeof(float));
    if (!filter) parts->lacking = true;
    parts->owned[parts->owned_count++] = filter;
    parts->convs[i].weight = filter;
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
}

/* The activation behind the sum is the last stage's, which has none of its own. */
static void describe_sum(const litert_graph *graph, const litert_chain *chain, block_parts *parts,
                         mbconv_stages_desc *desc) {
  mbconv_stage_desc *last = &parts->stages[chain->count - 1];
  desc->residual = chain->residual == chain->x ? MBCONV_RESIDUAL_ON : MBCONV_RESIDUAL_GIVEN;
  desc->residual_channels = chain->residual_channels;
  desc->residual_place = MBCONV_RESIDUAL_AFTER_ACTIVATION;
  if (last->activation != MBCONV_ACTIVATION_NONE) return;
  desc->residual_place = MBCONV_RESIDUAL_BEFORE_ACTIVATION;
  last->activation = activation_of(&chain->sum);
  parts->convs[chain->count - 1].slope = slope_of(graph, &chain->sum, parts);
}

mbconv_status chain_block_f32(const litert_graph *graph, const litert_chain *chain, const mbconv_options *options,
                              mbconv_block **out, mbconv_error *error) {
  block_parts *parts = calloc(1, sizeof *parts);
  mbconv_status status = MBCONV_OUT_OF_MEMORY;
  for (size_t i = 0; parts && i < chain->count; i++) {
    const chain_stage *stage = &chain->stages[i];
    if (stage->squeeze_excite)
      describe_squeeze_excite(graph, stage, parts, i);
    else
      describe_conv(graph, &stage->conv, parts, i);
  }
  if (parts) {
    mbconv_stages_desc desc = {.type = MBCONV_F32,
                               .in_channels = chain->stages[0].conv.in_channels,
                               .count = chain->count,
                               .stages = parts->stages,
                               .residual = MBCONV_RESIDUAL_OFF};
    if (chain->added) describe_sum(graph, chain, parts, &desc);
    if (!parts->lacking) status = mbconv_block_create_stages(&desc, options, out, error);
  }
  if (!parts || parts->lacking) {
    *error = (mbconv_error){status, "no memory for the filters"};
  }
  for (size_t i = 0; parts && i < parts->owned_count; i++) free(parts->owned[i]);
  free(parts);
  return status;
}
