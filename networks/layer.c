/* SPDX-License-Identifier: MIT */
#include "layer.h"

#include <stdio.h>

#include "layer_stages.h"
#include "quantized.h"
#include "weights.h"

/* ---- Descriptions ------------------------------------------------------------------------------------------------ */

static mbconv_convolution_desc describe_convolution(const struct mbconv_layer *layer, mbconv_padding padding,
                                                    mbconv_layout layout, struct mbconv_image image,
                                                    const mbconv_conv *conv) {
  return (mbconv_convolution_desc){
      .height = image.height,
      .width = image.width,
      .in_channels = layer->in,
      .out_channels = layer->out,
      .kernel = layer->kernel,
      .stride = layer->stride,
      .pad = mbconv_layer_pad(layer->kernel, padding),
      .pad_kind = mbconv_layer_pad_kind(padding),
      .conv = conv,
      .activation = layer->activation,
      .layout = layer->number == 0 ? layout : MBCONV_NHWC,
  };
}

/* Which member of its object a layer uses. */
static enum mbconv_layer_kind operator_of(const struct mbconv_layer *layer) {
  return layer->i8 && layer->kind != MBCONV_LAYER_POOL ? MBCONV_LAYER_BLOCK : layer->kind;
}

/* ---- Create ------------------------------------------------------------------------------------------------------ */

static mbconv_conv conv_of(const struct mbconv_source *source, const struct mbconv_part *part,
                           mbconv_batch_norm *norm) {
  return mbconv_conv_of(source->tensors, part, source->epsilon, norm);
}

static mbconv_status make_convolution(const struct mbconv_source *source, const struct mbconv_layer *layer,
                                      const struct mbconv_part *part, struct mbconv_image image,
                                      mbconv_convolution **made, mbconv_counts *counts, mbconv_error *error) {
  mbconv_batch_norm norm;
  const mbconv_conv conv = conv_of(source, part, &norm);
  const mbconv_convolution_desc desc = describe_convolution(layer, source->padding, source->layout, image, &conv);
  const mbconv_status status = mbconv_convolution_count(&desc, counts, error);
  return status == MBCONV_OK ? mbconv_convolution_create(&desc, source->options, made, error) : status;
}

static mbconv_status make_block(const struct mbconv_source *source, const struct mbconv_layer *layer,
                                const struct mbconv_part *parts, struct mbconv_image image, mbconv_block **made,
                                mbconv_counts *counts, mbconv_error *error) {
  mbconv_batch_norm norms[MBCONV_ROLES];
  mbconv_conv convs[MBCONV_ROLES] = {{0}};
  struct mbconv_block_words words;
  for (int role = 0; role < MBCONV_ROLES; role++)
    if (parts[role].out > 0) convs[role] = conv_of(source, &parts[role], &norms[role]);
  mbconv_describe_block(layer, source->padding, image, convs, &words);
  const mbconv_status status = mbconv_stages_count(&words.list, counts, error);
  return status == MBCONV_OK ? mbconv_block_create_stages(&words.list, source->options, made, error) : status;
}

static mbconv_status make_connected(const struct mbconv_source *source, const struct mbconv_layer *layer,
                                    const struct mbconv_part *part, mbconv_pointwise **made, mbconv_counts *counts,
                                    mbconv_error *error) {
  mbconv_batch_norm norm;
  const mbconv_conv conv = conv_of(source, part, &norm);
  const mbconv_pointwise_desc desc = {
      .in_channels = layer->in, .out_channels = layer->out, .conv = &conv, .activation = layer->activation};
  const size_t more = part->batch_norm ? 2 : 1; /* parameters of each output: of its BN, or its bias */
  *counts = (mbconv_counts){layer->out * (layer->in + more), layer->out * layer->in};
  return mbconv_pointwise_create(&desc, source->options, made, error);
}

mbconv_status mbconv_layer_create(const struct mbconv_source *source, const struct mbconv_description *d, size_t index,
                                  struct mbconv_image image, union mbconv_layer_object *object, mbconv_counts *counts,
                                  mbconv_error *error) {
  const struct mbconv_layer *layer = &d->layer[index];
  const mbconv_global_pool_desc pool = {.height = image.height, .width = image.width, .channels = layer->in};
  struct mbconv_part parts[MBCONV_ROLES];
  mbconv_parts_of(d, index, parts);
  *counts = (mbconv_counts){0};
  if (layer->i8) return mbconv_quantized_create(source, d, index, image, object, counts, error);
  switch (layer->kind) {
    case MBCONV_LAYER_CONVOLUTION:
      return make_convolution(source, layer, parts, image, &object->convolution, counts, error);
    case MBCONV_LAYER_BLOCK: return make_block(source, layer, parts, image, &object->block, counts, error);
    case MBCONV_LAYER_POOL: return mbconv_global_pool_create(&pool, source->options, &object->pool, error);
    case MBCONV_LAYER_CONNECTED: break;
  }
  return make_connected(source, layer, parts, &object->connected, counts, error);
}

void mbconv_layer_destroy(const struct mbconv_layer *layer, union mbconv_layer_object object) {
  switch (operator_of(layer)) {
    case MBCONV_LAYER_CONVOLUTION: mbconv_convolution_destroy(object.convolution); break;
    case MBCONV_LAYER_BLOCK: mbconv_block_destroy(object.block); break;
    case MBCONV_LAYER_POOL: mbconv_global_pool_destroy(object.pool); break;
    case MBCONV_LAYER_CONNECTED: mbconv_pointwise_destroy(object.connected); break;
  }
}

mbconv_status mbconv_layer_run(const struct mbconv_layer *layer, union mbconv_layer_object object, size_t images,
                               struct mbconv_image image, const void *x, const void *residual, void *y, void *scratch,
                               size_t scratch_bytes, const mbconv_threads *threads, mbconv_error *error) {
  const size_t height = image.height, width = image.width;
  switch (operator_of(layer)) {
    case MBCONV_LAYER_CONVOLUTION:
      return mbconv_convolution_run_at(object.convolution, images, height, width, x, y, residual, scratch,
                                       scratch_bytes, threads, error);
    case MBCONV_LAYER_BLOCK:
      return mbconv_block_run_at(object.block, images, height, width, x, y, scratch, scratch_bytes, threads, error);
    case MBCONV_LAYER_POOL: return mbconv_global_pool_run_at(object.pool, images, height, width, x, y, threads, error);
    case MBCONV_LAYER_CONNECTED: break;
  }
  return mbconv_pointwise_run(object.connected, images, x, 0, y, 0, NULL, 0, threads, error);
}

/* ---- What a layer is --------------------------------------------------------------------------------------------- */

static void name_block(const struct mbconv_layer *layer, char *name, size_t size) {
  char windows[72] = "", start[72] = "";
  if (layer->start > 0) snprintf(start, sizeof start, " %zux%zu/%zu", layer->start, layer->start, layer->start_stride);
  if (layer->kernel > 0) snprintf(windows, sizeof windows, " %zux%zu/%zu", layer->kernel, layer->kernel, layer->stride);
  if (layer->fused && !layer->expand)
    snprintf(name, size, "fused%s %zu-%zu", windows, layer->in, layer->out);
  else
    snprintf(name, size, "%s%s%s %zu-%zu-%zu%s", layer->fused ? "fused" : "block", start, windows, layer->in,
             layer->expanded, layer->out, layer->squeeze > 0 ? " se" : "");
}

void mbconv_layer_name(const struct mbconv_layer *layer, char *name, size_t size) {
  switch (layer->kind) {
    case MBCONV_LAYER_CONVOLUTION:
      snprintf(name, size, "convolution %zux%zu/%zu %zu-%zu", layer->kernel, layer->kernel, layer->stride, layer->in,
               layer->out);
      break;
    case MBCONV_LAYER_BLOCK: name_block(layer, name, size); break;
    case MBCONV_LAYER_POOL: snprintf(name, size, "pool %zu", layer->in); break;
    case MBCONV_LAYER_CONNECTED: snprintf(name, size, "connected %zu-%zu", layer->in, layer->out); break;
  }
}

mbconv_status mbconv_layer_object_info(const struct mbconv_layer *layer, union mbconv_layer_object object,
                                       mbconv_info *info, mbconv_error *error) {
  switch (operator_of(layer)) {
    case MBCONV_LAYER_CONVOLUTION: return mbconv_convolution_info(object.convolution, info, error);
    case MBCONV_LAYER_BLOCK: return mbconv_block_info(object.block, info, error);
    case MBCONV_LAYER_POOL: return mbconv_global_pool_info(object.pool, info, error);
    case MBCONV_LAYER_CONNECTED: break;
  }
  return mbconv_pointwise_info(object.connected, info, error);
}

/* ---- For images of any size -------------------------------------------------------------------------------------- */

mbconv_status mbconv_layer_output(const struct mbconv_layer *layer, union mbconv_layer_object object,
                                  struct mbconv_image image, struct mbconv_image *output, mbconv_error *error) {
  const size_t height = image.height, width = image.width;
  *output = (struct mbconv_image){1, 1};
  if (operator_of(layer) == MBCONV_LAYER_CONVOLUTION)
    return mbconv_convolution_output_size_at(object.convolution, height, width, &output->height, &output->width, error);
  if (operator_of(layer) == MBCONV_LAYER_BLOCK)
    return mbconv_block_output_size_at(object.block, height, width, &output->height, &output->width, error);
  return MBCONV_OK;
}

mbconv_status mbconv_layer_scratch(const struct mbconv_layer *layer, union mbconv_layer_object object,
                                   struct mbconv_image image, size_t threads, size_t *bytes, mbconv_error *error) {
  *bytes = 0;
  if (operator_of(layer) == MBCONV_LAYER_CONVOLUTION)
    return mbconv_convolution_scratch_size_at(object.convolution, image.height, image.width, threads, bytes, error);
  if (operator_of(layer) == MBCONV_LAYER_BLOCK)
    return mbconv_block_scratch_size_at(object.block, image.height, image.width, threads, bytes, error);
  return MBCONV_OK;
}

mbconv_status mbconv_layer_multiply_adds(const struct mbconv_layer *layer, mbconv_padding padding,
                                         struct mbconv_image image, uint64_t *multiply_adds, mbconv_error *error) {
  const mbconv_conv convs[MBCONV_ROLES] = {{0}}; /* weights are not read */
  mbconv_counts counts = {0};
  mbconv_status status = MBCONV_OK;
  if (layer->kind == MBCONV_LAYER_CONVOLUTION) {
    const mbconv_convolution_desc desc = describe_convolution(layer, padding, MBCONV_NHWC, image, convs);
    status = mbconv_convolution_count(&desc, &counts, error);
  } else if (layer->kind == MBCONV_LAYER_BLOCK) {
    struct mbconv_block_words words;
    mbconv_describe_block(layer, padding, image, convs, &words);
    status = mbconv_stages_count(&words.list, &counts, error);
  } else if (layer->kind == MBCONV_LAYER_CONNECTED) {
    counts.multiply_adds = layer->out * layer->in;
  }
  *multiply_adds = counts.multiply_adds;
  return status;
}
