/* SPDX-License-Identifier: MIT
 *
 * From the tensors of a network of int8 to its operators: a global pooling, or else a block, of one stage where the
 * layer is a convolution or fully connected.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer_stages.h"
#include "quantized.h"
#include "quantized_gate.h"
#include "status.h"
#include "weights.h"

enum { GATE_STAGES = 2 };

/* A list of stages that is being put together, and the memory that it takes until the block is made. */
struct words {
  const struct mbconv_source *source;
  const struct mbconv_description *d;
  const struct mbconv_layer *layer;
  mbconv_i8_stage_desc stage[MBCONV_MOST_STAGES], gate[GATE_STAGES];
  mbconv_i8_squeeze_excite excite;
  size_t count, made; /* stages of the list, and those in squeeze-excite with them */
  int32_t *bias[MBCONV_MOST_STAGES + GATE_STAGES];
  uint8_t table[MBCONV_MOST_STAGES + GATE_STAGES][256];
  mbconv_error *error;
};

/* ---- Tensors ----------------------------------------------------------------------------------------------------- */

/* The tensor NAME.SUFFIX of `count` numbers, or of one where `or_one`; NULL if *status is not MBCONV_OK. */
static const struct mbconv_tensor *take_numbers(const struct mbconv_tensors *tensors,
                                                const struct mbconv_description *d, const char *name,
                                                const char *suffix, const char *type, size_t count, bool or_one,
                                                mbconv_status *status, mbconv_error *error) {
  struct mbconv_tensor_name wanted = {.rank = 1, .shape = {count}};
  snprintf(wanted.name, sizeof wanted.name, "%s.%s", name, suffix);
  struct mbconv_tensor *tensor = mbconv_tensors_find(tensors, wanted.name);
  if (or_one && tensor && tensor->rank == 1 && tensor->shape[0] == 1) wanted.shape[0] = 1;
  *status = mbconv_tensor_check(tensor, &wanted, type, d->name, error);
  if (*status != MBCONV_OK || !tensor) return NULL;
  tensor->used = true;
  return tensor;
}

static mbconv_status take_value(const struct mbconv_tensors *tensors, const struct mbconv_description *d,
                                struct mbconv_value_name name, mbconv_quantization *q, mbconv_error *error) {
  mbconv_status status;
  const struct mbconv_tensor *scale = take_numbers(tensors, d, name.text, "scale", "F32", 1, false, &status, error);
  const struct mbconv_tensor *zero =
      scale ? take_numbers(tensors, d, name.text, "zero_point", "I32", 1, false, &status, error) : NULL;
  if (!zero) return status;
  q->scale = scale->data[0];
  memcpy(&q->zero_point, zero->bytes, sizeof q->zero_point);
  return MBCONV_OK;
}

mbconv_status mbconv_quantized_value(const struct mbconv_tensors *tensors, const struct mbconv_description *d,
                                     size_t index, mbconv_quantization *q, mbconv_error *error) {
  if (index == 0) return take_value(tensors, d, mbconv_value_input, q, error);
  const struct mbconv_layer *layer = &d->layer[index - 1];
  if (layer->kind == MBCONV_LAYER_POOL) return take_value(tensors, d, mbconv_value_pooled, q, error);
  struct mbconv_part parts[MBCONV_ROLES];
  mbconv_parts_of(d, index - 1, parts);
  const bool activated = layer->kind != MBCONV_LAYER_BLOCK || layer->activated || (layer->fused && !layer->expand);
  const bool table = activated && mbconv_is_table(layer->activation);
  const enum mbconv_value value = mbconv_layer_adds(layer) ? MBCONV_VALUE_SUM
                                  : table                  ? MBCONV_VALUE_ACTIVATION
                                                           : MBCONV_VALUE_OUTPUT;
  return take_value(tensors, d, mbconv_value_of(&parts[mbconv_last_role(layer)], value), q, error);
}

/* ---- Stages ------------------------------------------------------------------------------------------------------ */

/* Weights, bias and scales of a part. */
static mbconv_status take_weights(struct words *w, const struct mbconv_part *part, mbconv_i8_stage_desc *stage) {
  const struct mbconv_tensors *tensors = w->source->tensors;
  struct mbconv_tensor_name wanted;
  mbconv_tensor_of(part, MBCONV_WEIGHT, &wanted);
  struct mbconv_tensor *weight = mbconv_tensors_find(tensors, wanted.name);
  mbconv_status status = mbconv_tensor_check(weight, &wanted, "I8", w->d->name, w->error);
  if (status != MBCONV_OK) return status;
  const struct mbconv_tensor *bias =
      take_numbers(tensors, w->d, part->name, "bias", "I32", part->out, false, &status, w->error);
  const struct mbconv_tensor *scale =
      bias ? take_numbers(tensors, w->d, part->name, "weight_scale", "F32", part->out, true, &status, w->error) : NULL;
  if (!scale) return status;
  int32_t *copy = malloc(part->out * sizeof *copy); /* in a file it may lie anywhere */
  if (!copy) return mbconv_network_fail(w->error, MBCONV_OUT_OF_MEMORY, "no memory for the biases");
  memcpy(copy, bias->bytes, part->out * sizeof *copy);
  weight->used = true;
  w->bias[w->made] = copy;
  stage->weight = weight->bytes;
  stage->bias = copy;
  stage->weight_scale = scale->data;
  stage->weight_scales = scale->shape[0];
  return MBCONV_OK;
}

static mbconv_i8_function function_of(mbconv_activation_kind activation) {
  if (activation == MBCONV_ACTIVATION_SILU) return MBCONV_I8_SILU;
  return activation == MBCONV_ACTIVATION_SIGMOID ? MBCONV_I8_LOGISTIC : MBCONV_I8_HARD_SWISH;
}

/* The table of a gate by two operators. */
static mbconv_status take_gate(struct words *w, const struct mbconv_part *part, mbconv_i8_stage_desc *stage) {
  const struct mbconv_tensors *tensors = w->source->tensors;
  struct mbconv_gate gate;
  mbconv_status status = take_value(tensors, w->d, mbconv_value_of(part, MBCONV_VALUE_THREE), &gate.three, w->error);
  if (status == MBCONV_OK)
    status = take_value(tensors, w->d, mbconv_value_of(part, MBCONV_VALUE_SHIFTED), &gate.shifted, w->error);
  if (status == MBCONV_OK)
    status = take_value(tensors, w->d, mbconv_value_of(part, MBCONV_VALUE_SIXTH), &gate.sixth, w->error);
  if (status != MBCONV_OK) return status;
  const struct mbconv_tensor *constants =
      take_numbers(tensors, w->d, part->name, "constants", "I32", 2, false, &status, w->error);
  if (!constants) return status;
  memcpy(gate.constants, constants->bytes, sizeof gate.constants);
  mbconv_error cause;
  status = mbconv_gate_table(&gate, w->d->type, &stage->output, &stage->table_output, w->table[w->made], &cause);
  return status == MBCONV_OK ? status : mbconv_network_fail(w->error, status, "\"%s\": %s", part->name, cause.message);
}

/* What becomes of the sums: a clamp, or a clamp to the type and a table. */
static mbconv_status take_ending(struct words *w, const struct mbconv_part *part, mbconv_activation_kind activation,
                                 mbconv_i8_stage_desc *stage) {
  const struct mbconv_tensors *tensors = w->source->tensors;
  mbconv_status status =
      take_value(tensors, w->d, mbconv_value_of(part, MBCONV_VALUE_OUTPUT), &stage->output, w->error);
  if (status != MBCONV_OK) return status;
  if (!mbconv_is_table(activation)) {
    stage->activation = activation;
    return MBCONV_OK;
  }
  status = take_value(tensors, w->d, mbconv_value_of(part, MBCONV_VALUE_ACTIVATION), &stage->table_output, w->error);
  if (status != MBCONV_OK) return status;
  stage->table = w->table[w->made];
  if (activation == MBCONV_ACTIVATION_HARD_SIGMOID) return take_gate(w, part, stage);
  return mbconv_i8_make_table(function_of(activation), 0, w->d->type, MBCONV_I8_FP32, &stage->output,
                              &stage->table_output, w->table[w->made], w->error);
}

/* Fills in a stage whose kind is set. */
static mbconv_status take_stage(struct words *w, const struct mbconv_part *part, mbconv_activation_kind activation,
                                mbconv_i8_stage_desc *stage) {
  if (stage->kind != MBCONV_STAGE_DEPTHWISE) stage->out_channels = part->out;
  mbconv_status status = take_weights(w, part, stage);
  if (status == MBCONV_OK) status = take_ending(w, part, activation, stage);
  w->made++;
  return status;
}

/* Appends a 1x1, or a window if `kernel` is more than 1. */
static mbconv_status append(struct words *w, mbconv_stage_kind kind, const struct mbconv_part *part, size_t stride,
                            mbconv_activation_kind activation) {
  mbconv_i8_stage_desc *stage = &w->stage[w->count++];
  stage->kind = kind;
  if (kind != MBCONV_STAGE_POINTWISE) {
    stage->kernel = part->kernel;
    stage->stride = stride;
    stage->pad = mbconv_layer_pad(part->kernel, w->source->padding);
    stage->pad_kind = mbconv_layer_pad_kind(w->source->padding);
  }
  return take_stage(w, part, activation, stage);
}

static mbconv_status append_excite(struct words *w, const struct mbconv_part *parts) {
  const struct mbconv_tensors *tensors = w->source->tensors;
  const struct mbconv_part *reduce = &parts[MBCONV_REDUCE], *expand = &parts[MBCONV_EXCITE];
  mbconv_i8_stage_desc *stage = &w->stage[w->count++];
  stage->kind = MBCONV_STAGE_SQUEEZE_EXCITE;
  stage->squeeze_excite = &w->excite;
  w->excite.reduce = &w->gate[0];
  w->excite.expand = &w->gate[1];
  w->gate[0].kind = w->gate[1].kind = MBCONV_STAGE_POINTWISE;
  mbconv_status status =
      take_value(tensors, w->d, mbconv_value_of(reduce, MBCONV_VALUE_MEAN), &w->excite.mean, w->error);
  if (status == MBCONV_OK) status = take_stage(w, reduce, w->layer->inner, &w->gate[0]);
  if (status == MBCONV_OK) status = take_stage(w, expand, w->layer->gate, &w->gate[1]);
  if (status == MBCONV_OK)
    status = take_value(tensors, w->d, mbconv_value_of(expand, MBCONV_VALUE_PRODUCT), &stage->output, w->error);
  return status;
}

/* The stages of a block, as layer_stages.c has them in f32. */
static mbconv_status append_block(struct words *w, const struct mbconv_part *parts) {
  const struct mbconv_layer *layer = w->layer;
  const mbconv_activation_kind activation = layer->activation;
  mbconv_status status = MBCONV_OK;
  if (layer->start > 0)
    status = append(w, MBCONV_STAGE_DEPTHWISE, &parts[MBCONV_START], layer->start_stride, MBCONV_ACTIVATION_NONE);
  if (layer->fused && status == MBCONV_OK)
    status = append(w, MBCONV_STAGE_DENSE, &parts[MBCONV_EXPAND], layer->stride, activation);
  if (!layer->fused && layer->expand && status == MBCONV_OK)
    status = append(w, MBCONV_STAGE_POINTWISE, &parts[MBCONV_EXPAND], 1, activation);
  if (!layer->fused && layer->kernel > 0 && status == MBCONV_OK)
    status = append(w, MBCONV_STAGE_DEPTHWISE, &parts[MBCONV_DEPTHWISE], layer->stride, activation);
  if (layer->squeeze > 0 && status == MBCONV_OK) status = append_excite(w, parts);
  if (mbconv_last_role(layer) == MBCONV_PROJECT && status == MBCONV_OK)
    status = append(w, MBCONV_STAGE_POINTWISE, &parts[MBCONV_PROJECT], 1,
                    layer->activated ? activation : MBCONV_ACTIVATION_NONE);
  return status;
}

/* ---- Layers ------------------------------------------------------------------------------------------------------ */

/* All of the layer's tensors are taken. */
static mbconv_status make_block(struct words *w, size_t index, struct mbconv_image image, mbconv_block **made) {
  const bool alone = w->layer->kind == MBCONV_LAYER_CONNECTED;
  mbconv_i8_desc desc = {.type = w->d->type,
                         .rounding = MBCONV_I8_FP32,
                         .height = alone ? 1 : image.height,
                         .width = alone ? 1 : image.width,
                         .in_channels = w->layer->in,
                         .count = w->count,
                         .stages = w->stage,
                         .add = MBCONV_I8_ADD_XNNPACK,
                         .x_door = index == 0 ? w->source->x_door : MBCONV_I8_DOOR_BYTES,
                         .y_door = index + 1 == w->d->layers ? w->source->y_door : MBCONV_I8_DOOR_BYTES};
  mbconv_status status = mbconv_quantized_value(w->source->tensors, w->d, index, &desc.input, w->error);
  if (status == MBCONV_OK && mbconv_layer_adds(w->layer))
    status = mbconv_quantized_value(w->source->tensors, w->d, index + 1, &desc.sum, w->error);
  return status == MBCONV_OK ? mbconv_block_create_i8(&desc, w->source->options, made, w->error) : status;
}

static mbconv_status make_stages(const struct mbconv_source *source, const struct mbconv_description *d, size_t index,
                                 struct mbconv_image image, mbconv_block **made, mbconv_error *error) {
  const struct mbconv_layer *layer = &d->layer[index];
  struct mbconv_part parts[MBCONV_ROLES];
  mbconv_parts_of(d, index, parts);
  struct words w = {.source = source, .d = d, .layer = layer, .error = error};
  mbconv_status status;
  if (layer->kind == MBCONV_LAYER_BLOCK) {
    status = append_block(&w, parts);
  } else {
    const bool dense = layer->kind == MBCONV_LAYER_CONVOLUTION && layer->kernel > 1;
    status =
        append(&w, dense ? MBCONV_STAGE_DENSE : MBCONV_STAGE_POINTWISE, &parts[0], layer->stride, layer->activation);
  }
  if (status == MBCONV_OK) status = make_block(&w, index, image, made);
  for (size_t i = 0; i < MBCONV_MOST_STAGES + GATE_STAGES; i++) free(w.bias[i]);
  return status;
}

static mbconv_status make_pool(const struct mbconv_source *source, const struct mbconv_description *d, size_t index,
                               struct mbconv_image image, mbconv_global_pool **made, mbconv_error *error) {
  mbconv_i8_global_pool_desc desc = {
      .type = d->type, .height = image.height, .width = image.width, .channels = d->layer[index].in};
  mbconv_status status = mbconv_quantized_value(source->tensors, d, index, &desc.input, error);
  if (status == MBCONV_OK) status = mbconv_quantized_value(source->tensors, d, index + 1, &desc.output, error);
  return status == MBCONV_OK ? mbconv_global_pool_create_i8(&desc, source->options, made, error) : status;
}

/* Whether the core refuses these options whatever is made. */
static bool refuses(const mbconv_options *options) {
  const mbconv_activation_desc desc = {.kind = MBCONV_ACTIVATION_RELU};
  mbconv_activation *made;
  const bool refused = mbconv_activation_create(&desc, options, &made, NULL) != MBCONV_OK;
  mbconv_activation_destroy(made);
  return refused;
}

mbconv_status mbconv_quantized_create(const struct mbconv_source *source, const struct mbconv_description *d,
                                      size_t index, struct mbconv_image image, union mbconv_layer_object *object,
                                      mbconv_counts *counts, mbconv_error *error) {
  const struct mbconv_layer *layer = &d->layer[index];
  struct mbconv_part parts[MBCONV_ROLES];
  mbconv_error cause;
  mbconv_parts_of(d, index, parts);
  for (int role = 0; role < MBCONV_ROLES; role++)
    counts->parameters += parts[role].out * (parts[role].in * parts[role].kernel * parts[role].kernel + 1);
  mbconv_status status = mbconv_layer_multiply_adds(layer, source->padding, image, &counts->multiply_adds, &cause);
  if (status == MBCONV_OK)
    status = layer->kind == MBCONV_LAYER_POOL ? make_pool(source, d, index, image, &object->pool, &cause)
                                              : make_stages(source, d, index, image, &object->block, &cause);
  /* Scales and sums that cannot be are the file's. */
  if (status == MBCONV_INVALID_ARGUMENT && !refuses(source->options)) status = MBCONV_BAD_FILE;
  return status == MBCONV_OK ? MBCONV_OK : mbconv_network_fail(error, status, "%s", cause.message);
}
