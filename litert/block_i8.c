/* SPDX-License-Identifier: MIT
 *
 * A chain of int8 as a block, with the host's bytes. What the host's default leaves to other kernels than XNNPACK,
 * whose bytes are others, is refused here: such convolutions stay with the host.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"

/* What a description points to. */
typedef struct block_parts {
  mbconv_i8_stage_desc stages[MBCONV_MOST_STAGES];
  mbconv_i8_stage_desc reduces[MBCONV_MOST_STAGES], expands[MBCONV_MOST_STAGES];
  mbconv_i8_squeeze_excite squeeze_excites[MBCONV_MOST_STAGES];
  void *filters[MBCONV_MOST_STAGES];
  uint8_t *tables[MBCONV_MOST_STAGES], gates[MBCONV_MOST_STAGES][256];
} block_parts;

static mbconv_status refuse(mbconv_error *error, const char *message) {
  *error = (mbconv_error){.status = MBCONV_INVALID_ARGUMENT};
  snprintf(error->message, sizeof error->message, "%s", message);
  return error->status;
}

static const host_tensor *tensor_of(const litert_graph *graph, int number) { return &graph->context->tensors[number]; }

/* False if the image has not one scale. */
static bool image_quantization(const litert_graph *graph, int image, mbconv_quantization *quantization) {
  const host_affine *affine = graph_quantization(tensor_of(graph, image));
  if (!affine || affine->scales->count != 1) return false;
  *quantization = (mbconv_quantization){affine->scales->values[0], affine->zero_points->values[0]};
  return true;
}

static mbconv_activation_kind activation_of(int fused) {
  if (fused == HOST_NONE) return MBCONV_ACTIVATION_NONE;
  return fused == HOST_RELU ? MBCONV_ACTIVATION_RELU : MBCONV_ACTIVATION_RELU6;
}

/* ---- Weights ----------------------------------------------------------------------------------------------------- */

/* One scale, or one per output channel; no zero points. */
static bool describe_scales(const litert_graph *graph, const chain_conv *conv, mbconv_i8_stage_desc *stage) {
  const host_affine *affine = graph_quantization(tensor_of(graph, conv->weight));
  if (!affine) return false;
  const int count = affine->scales->count, axis = conv->kind == MBCONV_STAGE_DEPTHWISE ? 3 : 0;
  if (count != 1 && ((size_t)count != conv->out_channels || affine->dimension != axis)) return false;
  for (int i = 0; i < affine->zero_points->count; i++)
    if (affine->zero_points->values[i] != 0) return false;
  stage->weight_scale = affine->scales->values;
  stage->weight_scales = (size_t)count;
  return true;
}

/* ---- Activations ------------------------------------------------------------------------------------------------- */

/* A table for each channel. */
static mbconv_status describe_prelu(const litert_graph *graph, const chain_conv *conv, mbconv_i8_stage_desc *stage,
                                    uint8_t *tables, mbconv_error *error) {
  mbconv_quantization slopes;
  if (!image_quantization(graph, conv->slope, &slopes)) return refuse(error, "PRELU's slopes have not one scale");
  stage->tables = conv->out_channels;
  return mbconv_i8_make_prelu(conv->out_channels, tensor_of(graph, conv->slope)->data, &slopes, MBCONV_S8,
                              &stage->output, &stage->table_output, tables, error);
}

static mbconv_status describe_table(const litert_graph *graph, const chain_conv *conv, mbconv_i8_rounding rounding,
                                    mbconv_i8_stage_desc *stage, uint8_t **owned, mbconv_error *error) {
  mbconv_i8_function function = MBCONV_I8_SILU;
  switch (conv->function) {
    case CHAIN_SILU:
    case CHAIN_PRELU: break;
    case CHAIN_HARD_SWISH: function = MBCONV_I8_HARD_SWISH; break;
    case CHAIN_LEAKY_RELU: function = MBCONV_I8_LEAKY_RELU; break;
    default: return refuse(error, "an activation that has no table");
  }
  mbconv_quantization logistic;
  if (!image_quantization(graph, conv->out, &stage->table_output))
    return refuse(error, "an activation's output has not one scale");
  if (conv->function == CHAIN_SILU && (!image_quantization(graph, conv->logistic, &logistic) ||
                                       logistic.scale != 1.0f / 256 || logistic.zero_point != -128))
    return refuse(error, "LOGISTIC's output has another scale than 1/256");
  if (!owned) return refuse(error, "a layer that has no place for a table");
  uint8_t *table = malloc(conv->function == CHAIN_PRELU ? conv->out_channels * 256 : 256);
  if (!table) return refuse(error, "no memory for a table"), MBCONV_OUT_OF_MEMORY;
  stage->table = *owned = table;
  if (conv->function == CHAIN_PRELU) return describe_prelu(graph, conv, stage, table, error);
  return mbconv_i8_make_table(function, conv->function == CHAIN_LEAKY_RELU ? conv->alpha : 0, MBCONV_S8, rounding,
                              &stage->output, &stage->table_output, table, error);
}

/* ---- Stages ------------------------------------------------------------------------------------------------------ */

static mbconv_status describe_conv(const litert_graph *graph, const chain_conv *conv, mbconv_i8_rounding rounding,
                                   mbconv_i8_stage_desc *stage, void **filter, uint8_t **table, mbconv_error *error) {
  *stage = (mbconv_i8_stage_desc){.kind = conv->kind,
                                  .out_channels = conv->out_channels,
                                  .activation = activation_of(conv->fused),
                                  .kernel = conv->kernel,
                                  .stride = conv->stride,
                                  .dilation = conv->dilation,
                                  .pad = conv->pad,
                                  .pad_kind = conv->pad_kind};
  if (conv->connected && rounding != MBCONV_I8_FP32)
    return refuse(error, "the reference multiplies FULLY_CONNECTED's scales as floats");
  if (conv->bias < 0) return refuse(error, "a convolution without a bias");
  if (!image_quantization(graph, conv->y, &stage->output)) return refuse(error, "an image has not one scale");
  if (!describe_scales(graph, conv, stage)) return refuse(error, "weights with zero points, or with other scales");
  stage->bias = tensor_of(graph, conv->bias)->data;
  stage->weight = tensor_of(graph, conv->weight)->data;
  if (conv->kind != MBCONV_STAGE_POINTWISE) {
    if (!filter) return refuse(error, "a layer of squeeze-excite with a window");
    stage->weight = *filter = chain_filter(stage->weight, conv, 1);
    if (!stage->weight) return refuse(error, "no memory for the filters"), MBCONV_OUT_OF_MEMORY;
  }
  if (conv->function == CHAIN_NO_FUNCTION) return MBCONV_OK;
  return describe_table(graph, conv, rounding, stage, table, error);
}

/* The host's default multiplies bytes so, and leaves other quotients of the scales to other kernels. */
static bool multiply(const uint8_t *bytes, const mbconv_quantization *a, int8_t other, const mbconv_quantization *b,
                     const mbconv_quantization *y, uint8_t *products) {
  const float scale = a->scale * b->scale / y->scale;
  if (!(scale >= 0x1p-16f && scale < 0x1p8f)) return false;
  for (int i = 0; i < 256; i++) {
    const int product = ((int8_t)bytes[i] - a->zero_point) * (other - b->zero_point);
    const float sum = rintf((float)product * scale) + (float)y->zero_point;
    products[i] = (uint8_t)(int8_t)fminf(fmaxf(sum, INT8_MIN), INT8_MAX);
  }
  return true;
}

/* A gate by ADD with RELU6, and MUL, each with a constant: its table is what the host's operators make of each byte. */
static mbconv_status describe_hard_sigmoid(const litert_graph *graph, const chain_stage *from,
                                           mbconv_i8_rounding rounding, const mbconv_i8_stage_desc *expand,
                                           uint8_t *table, mbconv_error *error) {
  if (rounding != MBCONV_I8_FP32) return refuse(error, "a hard sigmoid has the bytes of the host's default alone");
  mbconv_quantization sixth;
  mbconv_i8_addition_desc desc = {
      .type = MBCONV_S8, .kind = MBCONV_I8_ADD_XNNPACK, .a = expand->output, .activation = MBCONV_ACTIVATION_RELU6};
  if (!image_quantization(graph, from->three, &desc.b) || !image_quantization(graph, from->sum, &desc.output) ||
      !image_quantization(graph, from->sixth, &sixth))
    return refuse(error, "a hard sigmoid's image or constant has not one scale");
  uint8_t bytes[256], three[256];
  for (int i = 0; i < 256; i++) bytes[i] = (uint8_t)i;
  memset(three, *(const uint8_t *)tensor_of(graph, from->three)->data, sizeof three);
  mbconv_addition *addition = NULL;
  mbconv_status status = mbconv_addition_create_i8(&desc, NULL, &addition, error);
  if (status == MBCONV_OK) status = mbconv_addition_run(addition, sizeof bytes, bytes, three, bytes, error);
  mbconv_addition_destroy(addition);
  if (status != MBCONV_OK) return status;
  const int8_t factor = *(const int8_t *)tensor_of(graph, from->sixth)->data;
  if (!multiply(bytes, &desc.output, factor, &sixth, &expand->table_output, table))
    return refuse(error, "the scales of a hard sigmoid's MUL are those of other kernels");
  return MBCONV_OK;
}

/* The second layer's table is the gate. */
static mbconv_status describe_squeeze_excite(const litert_graph *graph, const chain_stage *from,
                                             mbconv_i8_rounding rounding, block_parts *parts, size_t i,
                                             mbconv_error *error) {
  mbconv_i8_stage_desc *stage = &parts->stages[i], *reduce = &parts->reduces[i], *expand = &parts->expands[i];
  mbconv_i8_squeeze_excite *excite = &parts->squeeze_excites[i];
  if (from->pooled && rounding != MBCONV_I8_FP32)
    return refuse(error, "AVERAGE_POOL_2D rounds otherwise than the reference's MEAN");
  mbconv_status status = describe_conv(graph, &from->conv, rounding, reduce, NULL, &parts->tables[i], error);
  if (status == MBCONV_OK) status = describe_conv(graph, &from->second, rounding, expand, NULL, NULL, error);
  if (status != MBCONV_OK) return status;
  *excite = (mbconv_i8_squeeze_excite){.reduce = reduce, .expand = expand};
  *stage = (mbconv_i8_stage_desc){
      .kind = MBCONV_STAGE_SQUEEZE_EXCITE, .activation = activation_of(from->fused), .squeeze_excite = excite};
  if (!image_quantization(graph, from->conv.x, &excite->mean) ||
      !image_quantization(graph, from->out, &stage->output) ||
      !image_quantization(graph, from->gate_out, &expand->table_output))
    return refuse(error, "an image has not one scale");
  expand->table = parts->gates[i];
  if (from->gate == MBCONV_ACTIVATION_HARD_SIGMOID)
    return describe_hard_sigmoid(graph, from, rounding, expand, parts->gates[i], error);
  if (expand->table_output.scale != 1.0f / 256 || expand->table_output.zero_point != -128)
    return refuse(error, "LOGISTIC's output has another scale than 1/256");
  return mbconv_i8_make_table(MBCONV_I8_LOGISTIC, 0, MBCONV_S8, rounding, &expand->output, &expand->table_output,
                              parts->gates[i], error);
}

static mbconv_status describe_stage(const litert_graph *graph, const chain_stage *from, mbconv_i8_rounding rounding,
                                    block_parts *parts, size_t i, mbconv_error *error) {
  if (from->squeeze_excite) return describe_squeeze_excite(graph, from, rounding, parts, i, error);
  return describe_conv(graph, &from->conv, rounding, &parts->stages[i], &parts->filters[i], &parts->tables[i], error);
}

static mbconv_status describe_sum(const litert_graph *graph, const litert_chain *chain, mbconv_i8_desc *desc,
                                  mbconv_error *error) {
  desc->residual = MBCONV_RESIDUAL_ON;
  if (chain->residual != chain->x || chain->widened) {
    desc->residual = MBCONV_RESIDUAL_GIVEN;
    if (!image_quantization(graph, chain->residual, &desc->residual_input))
      return refuse(error, "a shortcut has not one scale");
  }
  if (!image_quantization(graph, chain->sum.y, &desc->sum)) return refuse(error, "a sum has not one scale");
  desc->sum_activation = activation_of(chain->sum.fused);
  return MBCONV_OK;
}

mbconv_status chain_block_i8(const litert_graph *graph, const litert_chain *chain, mbconv_i8_rounding rounding,
                             const mbconv_options *options, mbconv_block **out, mbconv_error *error) {
  mbconv_i8_desc desc = {.type = MBCONV_S8,
                         .rounding = rounding,
                         .in_channels = chain->stages[0].conv.in_channels,
                         .count = chain->count,
                         .residual = MBCONV_RESIDUAL_OFF,
                         .add = rounding == MBCONV_I8_FP32 ? MBCONV_I8_ADD_XNNPACK : MBCONV_I8_ADD_TFLITE};
  block_parts *parts = calloc(1, sizeof *parts);
  if (!parts) return refuse(error, "no memory for a description"), MBCONV_OUT_OF_MEMORY;
  mbconv_status status = MBCONV_OK;
  if (!image_quantization(graph, chain->x, &desc.input)) status = refuse(error, "the input has not one scale");
  for (size_t i = 0; status == MBCONV_OK && i < chain->count; i++)
    status = describe_stage(graph, &chain->stages[i], rounding, parts, i, error);
  if (status == MBCONV_OK && chain->added) status = describe_sum(graph, chain, &desc, error);
  desc.stages = parts->stages;
  if (status == MBCONV_OK) status = mbconv_block_create_i8(&desc, options, out, error);
  for (size_t i = 0; i < chain->count; i++) {
    free(parts->filters[i]);
    free(parts->tables[i]);
  }
  free(parts);
  return status;
}
