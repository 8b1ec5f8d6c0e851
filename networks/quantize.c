/* SPDX-License-Identifier: MIT
 *
 * A network of floats becomes one of int8: one image is run operator by operator in f32, and each value's range is what
 * it was for that image. Weights are from -127 to 127, a scale for each output channel, one for all of a fully
 * connected layer. f32 has the same bits on every machine here, and so has what is made of it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer_stages.h"
#include "quantized.h"
#include "random.h"
#include "status.h"
#include "weights.h"

enum { SIDE = 96, PART_TENSORS = 16, LAYER_BYTES = 128, WEIGHT_MOST = 127, BIAS_MOST = 1 << 30 };

/* An image of floats, and what its bytes stand for. */
struct value {
  struct mbconv_image size;
  size_t channels;
  float *data; /* from malloc */
  mbconv_quantization q;
};

struct work {
  const struct mbconv_description *d;
  const struct mbconv_tensors *floats;
  mbconv_padding padding;
  float epsilon;
  struct mbconv_tensors *made;
  char *next; /* in made->owned */
  mbconv_error *error;
};

static mbconv_status no_memory(const struct work *w) {
  return mbconv_network_fail(w->error, MBCONV_OUT_OF_MEMORY, "no memory to quantize %s", w->d->name);
}

/* ---- What is made ------------------------------------------------------------------------------------------------ */

/* A new tensor NAME.SUFFIX of `count` elements; NULL if there is no memory. */
static void *add_tensor(struct work *w, const char *name, const char *suffix, const char *type, size_t rank,
                        const size_t *shape) {
  struct mbconv_tensor *tensor = &w->made->tensor[w->made->count];
  void *elements = w->next;
  const size_t length = strlen(name) + strlen(suffix) + 2;
  size_t bytes = mbconv_type_size(type);
  *tensor = (struct mbconv_tensor){.rank = rank, .data = elements, .bytes = elements};
  strcpy(tensor->type, type);
  for (size_t i = 0; i < rank; i++) bytes *= tensor->shape[i] = shape[i];
  tensor->end = bytes;
  tensor->name = malloc(length);
  if (!tensor->name) return NULL;
  snprintf(tensor->name, length, "%s.%s", name, suffix);
  w->made->count++;
  w->next += (bytes + sizeof(float) - 1) / sizeof(float) * sizeof(float);
  return elements;
}

static mbconv_status add_value(struct work *w, struct mbconv_value_name name, const mbconv_quantization *q) {
  const size_t one = 1;
  float *scale = add_tensor(w, name.text, "scale", "F32", 1, &one);
  int32_t *zero = scale ? add_tensor(w, name.text, "zero_point", "I32", 1, &one) : NULL;
  if (!zero) return no_memory(w);
  *scale = q->scale;
  *zero = q->zero_point;
  return MBCONV_OK;
}

/* A gate by two operators, whose constants and gates take the whole range of their bytes. */
static mbconv_status add_gate(struct work *w, const struct mbconv_part *part, mbconv_quantization *gates) {
  const int32_t lowest = w->d->type == MBCONV_S8 ? -128 : 0;
  const size_t two = 2;
  const mbconv_quantization three = {3.0f / 255, lowest}, shifted = {6.0f / 255, lowest},
                            sixth = {1.0f / 6 / 255, lowest};
  *gates = (mbconv_quantization){1.0f / 255, lowest};
  mbconv_status status = add_value(w, mbconv_value_of(part, MBCONV_VALUE_THREE), &three);
  if (status == MBCONV_OK) status = add_value(w, mbconv_value_of(part, MBCONV_VALUE_SHIFTED), &shifted);
  if (status == MBCONV_OK) status = add_value(w, mbconv_value_of(part, MBCONV_VALUE_SIXTH), &sixth);
  if (status != MBCONV_OK) return status;
  int32_t *constants = add_tensor(w, part->name, "constants", "I32", 1, &two);
  if (!constants) return no_memory(w);
  constants[0] = constants[1] = lowest + 255;
  return MBCONV_OK;
}

/* Half up: halves are rare, and the same everywhere. */
static double rounded(double x) { return floor(x + 0.5); }

static double clamped(double x, double least, double most) { return x < least ? least : x > most ? most : x; }

/* The bytes span the values and 0, which one of them is. */
static mbconv_quantization span(const struct work *w, const struct value *v) {
  const double lowest = w->d->type == MBCONV_S8 ? -128 : 0;
  const size_t n = v->size.height * v->size.width * v->channels;
  float least = 0, most = 0;
  for (size_t i = 0; i < n; i++) {
    least = fminf(least, v->data[i]);
    most = fmaxf(most, v->data[i]);
  }
  const double scale = fmax(((double)most - (double)least) / 255, 1e-6);
  return (mbconv_quantization){(float)scale,
                               (int32_t)clamped(rounded(lowest - (double)least / scale), lowest, lowest + 255)};
}

/* ---- Weights ----------------------------------------------------------------------------------------------------- */

/* The weights of a part with its BN, and its biases behind them; NULL if there is no memory. */
static float *fold(const struct work *w, const struct mbconv_part *part, size_t inputs) {
  mbconv_batch_norm norm;
  const mbconv_conv conv = mbconv_conv_of(w->floats, part, w->epsilon, &norm);
  float *folded = calloc(part->out * inputs + part->out, sizeof *folded);
  for (size_t o = 0; folded && o < part->out; o++) {
    double factor = 1, bias = conv.bias ? (double)conv.bias[o] : 0;
    if (conv.batch_norm) {
      factor = (double)norm.gamma[o] / sqrt((double)norm.variance[o] + (double)norm.epsilon);
      bias = (bias - (double)norm.mean[o]) * factor + (double)norm.beta[o];
    }
    for (size_t i = 0; i < inputs; i++) folded[o * inputs + i] = (float)((double)conv.weight[o * inputs + i] * factor);
    folded[part->out * inputs + o] = (float)bias;
  }
  return folded;
}

/* Not by fmax(), of which gcc 12 for ARM64 makes an internal error here. */
static double largest(const float *x, size_t n) {
  double most = 1e-6;
  for (size_t i = 0; i < n; i++) {
    const double size = fabs((double)x[i]);
    if (size > most) most = size;
  }
  return most;
}

static mbconv_status add_weights(struct work *w, const struct mbconv_part *part, const float *folded, size_t inputs,
                                 const mbconv_quantization *x) {
  struct mbconv_tensor_name name;
  mbconv_tensor_of(part, MBCONV_WEIGHT, &name);
  const size_t scales = part->flat ? 1 : part->out;
  int8_t *weight = add_tensor(w, part->name, "weight", "I8", name.rank, name.shape);
  int32_t *bias = weight ? add_tensor(w, part->name, "bias", "I32", 1, &part->out) : NULL;
  float *scale = bias ? add_tensor(w, part->name, "weight_scale", "F32", 1, &scales) : NULL;
  if (!scale) return no_memory(w);
  const double common = part->flat ? largest(folded, part->out * inputs) : 0;
  for (size_t o = 0; o < part->out; o++) {
    const float *row = folded + o * inputs;
    const float own = (float)((part->flat ? common : largest(row, inputs)) / WEIGHT_MOST);
    for (size_t i = 0; i < inputs; i++)
      weight[o * inputs + i] = (int8_t)clamped(rounded((double)row[i] / (double)own), -WEIGHT_MOST, WEIGHT_MOST);
    const double unit = (double)x->scale * (double)own, value = (double)folded[part->out * inputs + o] / unit;
    bias[o] = (int32_t)clamped(rounded(value), -BIAS_MOST, BIAS_MOST);
    scale[part->flat ? 0 : o] = own;
  }
  return MBCONV_OK;
}

/* ---- f32, operator by operator ----------------------------------------------------------------------------------- */

/* Runs one stage without activation. */
static mbconv_status run_stage(struct work *w, const mbconv_stage_desc *stage, struct value *v, size_t channels) {
  const mbconv_stages_desc desc = {.height = v->size.height,
                                   .width = v->size.width,
                                   .in_channels = v->channels,
                                   .count = 1,
                                   .stages = stage,
                                   .residual = MBCONV_RESIDUAL_OFF};
  mbconv_block *block;
  mbconv_status status = mbconv_block_create_stages(&desc, NULL, &block, w->error);
  if (status != MBCONV_OK) return status;
  struct mbconv_image size;
  mbconv_block_output_size(block, &size.height, &size.width);
  const size_t bytes = mbconv_block_scratch_size(block, 1);
  float *y = malloc(size.height * size.width * channels * sizeof *y);
  void *scratch = malloc(bytes + 1);
  status = y && scratch ? mbconv_block_run(block, 1, v->data, y, scratch, bytes, NULL, w->error) : no_memory(w);
  free(scratch);
  mbconv_block_destroy(block);
  free(v->data);
  v->data = y;
  v->size = size;
  v->channels = channels;
  return status;
}

static mbconv_status activate(struct work *w, struct value *v, mbconv_activation_kind kind) {
  const mbconv_activation_desc desc = {.kind = kind};
  mbconv_activation *activation;
  mbconv_status status = mbconv_activation_create(&desc, NULL, &activation, w->error);
  if (status != MBCONV_OK) return status;
  status = mbconv_activation_run(activation, v->size.height * v->size.width * v->channels, v->data, v->data, w->error);
  mbconv_activation_destroy(activation);
  return status;
}

/* A part: its tensors, and *v becomes what it gives. */
static mbconv_status quantize_part(struct work *w, const struct mbconv_part *part, mbconv_stage_kind kind,
                                   size_t stride, mbconv_activation_kind activation, struct value *v) {
  const size_t inputs = part->in * part->kernel * part->kernel;
  float *folded = fold(w, part, inputs);
  if (!folded) return no_memory(w);
  const mbconv_conv conv = {.weight = folded, .bias = folded + part->out * inputs};
  mbconv_stage_desc stage = {.kind = kind, .conv = &conv};
  if (kind != MBCONV_STAGE_DEPTHWISE) stage.out_channels = part->out;
  if (kind != MBCONV_STAGE_POINTWISE) {
    stage.kernel = part->kernel;
    stage.stride = stride;
    stage.pad = mbconv_layer_pad(part->kernel, w->padding);
    stage.pad_kind = mbconv_layer_pad_kind(w->padding);
  }
  mbconv_status status = add_weights(w, part, folded, inputs, &v->q);
  if (status == MBCONV_OK) status = run_stage(w, &stage, v, part->out);
  free(folded);
  if (status == MBCONV_OK && !mbconv_is_table(activation)) status = activate(w, v, activation);
  if (status != MBCONV_OK) return status;
  v->q = span(w, v);
  status = add_value(w, mbconv_value_of(part, MBCONV_VALUE_OUTPUT), &v->q);
  if (status != MBCONV_OK || !mbconv_is_table(activation)) return status;
  status = activate(w, v, activation);
  if (status != MBCONV_OK) return status;
  v->q = span(w, v);
  if (activation == MBCONV_ACTIVATION_SIGMOID) /* what LiteRT demands */
    v->q = (mbconv_quantization){1.0f / 256, w->d->type == MBCONV_S8 ? -128 : 0};
  if (activation == MBCONV_ACTIVATION_HARD_SIGMOID) status = add_gate(w, part, &v->q);
  if (status != MBCONV_OK) return status;
  return add_value(w, mbconv_value_of(part, MBCONV_VALUE_ACTIVATION), &v->q);
}

/* The means of the channels. */
static mbconv_status pool(struct work *w, const struct value *v, struct value *means) {
  const mbconv_global_pool_desc desc = {.height = v->size.height, .width = v->size.width, .channels = v->channels};
  mbconv_global_pool *object;
  *means = (struct value){.size = {1, 1}, .channels = v->channels, .data = malloc(v->channels * sizeof(float))};
  if (!means->data) return no_memory(w);
  mbconv_status status = mbconv_global_pool_create(&desc, NULL, &object, w->error);
  if (status != MBCONV_OK) return status;
  status = mbconv_global_pool_run(object, 1, v->data, means->data, NULL, w->error);
  mbconv_global_pool_destroy(object);
  if (status == MBCONV_OK) means->q = span(w, means);
  return status;
}

static mbconv_status quantize_excite(struct work *w, const struct mbconv_layer *layer, const struct mbconv_part *parts,
                                     struct value *v) {
  const struct mbconv_part *reduce = &parts[MBCONV_REDUCE], *expand = &parts[MBCONV_EXCITE];
  struct value gate;
  mbconv_status status = pool(w, v, &gate);
  if (status == MBCONV_OK) status = add_value(w, mbconv_value_of(reduce, MBCONV_VALUE_MEAN), &gate.q);
  if (status == MBCONV_OK) status = quantize_part(w, reduce, MBCONV_STAGE_POINTWISE, 1, layer->inner, &gate);
  if (status == MBCONV_OK) status = quantize_part(w, expand, MBCONV_STAGE_POINTWISE, 1, layer->gate, &gate);
  for (size_t i = 0; status == MBCONV_OK && i < v->size.height * v->size.width * v->channels; i++)
    v->data[i] *= gate.data[i % v->channels];
  free(gate.data);
  if (status != MBCONV_OK) return status;
  v->q = span(w, v);
  return add_value(w, mbconv_value_of(expand, MBCONV_VALUE_PRODUCT), &v->q);
}

/* ---- Layers ------------------------------------------------------------------------------------------------------ */

static mbconv_status quantize_stages(struct work *w, const struct mbconv_layer *layer, const struct mbconv_part *parts,
                                     struct value *v) {
  const mbconv_activation_kind activation = layer->activation, none = MBCONV_ACTIVATION_NONE;
  const struct mbconv_part *expand = &parts[MBCONV_EXPAND], *depthwise = &parts[MBCONV_DEPTHWISE];
  const mbconv_stage_kind kind = layer->fused ? MBCONV_STAGE_DENSE : MBCONV_STAGE_POINTWISE;
  mbconv_status status = MBCONV_OK;
  if (layer->start > 0)
    status = quantize_part(w, &parts[MBCONV_START], MBCONV_STAGE_DEPTHWISE, layer->start_stride, none, v);
  if (expand->out > 0 && status == MBCONV_OK) status = quantize_part(w, expand, kind, layer->stride, activation, v);
  if (depthwise->out > 0 && status == MBCONV_OK)
    status = quantize_part(w, depthwise, MBCONV_STAGE_DEPTHWISE, layer->stride, activation, v);
  if (layer->squeeze > 0 && status == MBCONV_OK) status = quantize_excite(w, layer, parts, v);
  if (mbconv_last_role(layer) == MBCONV_PROJECT && status == MBCONV_OK)
    status =
        quantize_part(w, &parts[MBCONV_PROJECT], MBCONV_STAGE_POINTWISE, 1, layer->activated ? activation : none, v);
  return status;
}

static mbconv_status quantize_block(struct work *w, const struct mbconv_layer *layer, const struct mbconv_part *parts,
                                    struct value *v) {
  const size_t n = v->size.height * v->size.width * v->channels;
  float *input = NULL;
  if (mbconv_layer_adds(layer)) {
    input = malloc(n * sizeof *input);
    if (!input) return no_memory(w);
    memcpy(input, v->data, n * sizeof *input);
  }
  mbconv_status status = quantize_stages(w, layer, parts, v);
  for (size_t i = 0; input && status == MBCONV_OK && i < n; i++) v->data[i] += input[i];
  if (input && status == MBCONV_OK) {
    v->q = span(w, v);
    status = add_value(w, mbconv_value_of(&parts[mbconv_last_role(layer)], MBCONV_VALUE_SUM), &v->q);
  }
  free(input);
  return status;
}

static mbconv_status quantize_layer(struct work *w, size_t index, struct value *v) {
  const struct mbconv_layer *layer = &w->d->layer[index];
  struct mbconv_part parts[MBCONV_ROLES];
  mbconv_parts_of(w->d, index, parts);
  if (layer->kind == MBCONV_LAYER_BLOCK) return quantize_block(w, layer, parts, v);
  if (layer->kind == MBCONV_LAYER_POOL) {
    struct value means;
    const mbconv_status status = pool(w, v, &means);
    free(v->data);
    *v = means;
    return status == MBCONV_OK ? add_value(w, mbconv_value_pooled, &v->q) : status;
  }
  const bool dense = layer->kind == MBCONV_LAYER_CONVOLUTION && layer->kernel > 1;
  return quantize_part(w, &parts[0], dense ? MBCONV_STAGE_DENSE : MBCONV_STAGE_POINTWISE, layer->stride,
                       layer->activation, v);
}

/* Room for all tensors. */
static bool allocate(const struct mbconv_description *d, struct mbconv_tensors *made) {
  size_t count = 2, bytes = LAYER_BYTES;
  for (size_t i = 0; i < d->layers; i++) {
    struct mbconv_part parts[MBCONV_ROLES];
    mbconv_parts_of(d, i, parts);
    for (int role = 0; role < MBCONV_ROLES; role++) {
      if (parts[role].out == 0) continue;
      count += PART_TENSORS;
      bytes += parts[role].out * (parts[role].in * parts[role].kernel * parts[role].kernel + 8) + LAYER_BYTES;
    }
    count += 2;
    bytes += LAYER_BYTES;
  }
  made->tensor = calloc(count, sizeof *made->tensor);
  made->owned = calloc(bytes, 1);
  return made->tensor && made->owned;
}

mbconv_status mbconv_quantize(const struct mbconv_description *d, const struct mbconv_tensors *floats,
                              mbconv_padding padding, float epsilon, uint64_t seed, struct mbconv_tensors *made,
                              mbconv_error *error) {
  *made = (struct mbconv_tensors){0};
  struct work w = {.d = d, .floats = floats, .padding = padding, .epsilon = epsilon, .made = made, .error = error};
  const size_t n = SIDE * SIDE * d->channels;
  uint64_t state = ~seed; /* other numbers than the weights' */
  struct value v = {.size = {SIDE, SIDE}, .channels = d->channels, .data = malloc(n * sizeof(float))};
  if (!v.data) return no_memory(&w);
  mbconv_status status = allocate(d, made) ? MBCONV_OK : no_memory(&w);
  w.next = made->owned;
  if (status == MBCONV_OK) {
    for (size_t i = 0; i < n; i++) v.data[i] = 2 * mbconv_random_next(&state);
    v.q = (mbconv_quantization){4.0f / 255, d->type == MBCONV_S8 ? 0 : 128};
    status = add_value(&w, mbconv_value_input, &v.q);
  }
  for (size_t i = 0; i < d->layers && status == MBCONV_OK; i++) status = quantize_layer(&w, i, &v);
  free(v.data);
  if (status == MBCONV_OK)
    mbconv_tensors_sort(made);
  else
    mbconv_tensors_free(made);
  return status;
}
