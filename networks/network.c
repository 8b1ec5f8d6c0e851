/* SPDX-License-Identifier: MIT
 *
 * Create and destroy: from tensors to operators.
 */
#include "network.h"

#include <stdio.h>
#include <string.h>

#include "../base/size.h"
#include "status.h"
#include "weights.h"

/* ---- Operators --------------------------------------------------------------------------------------------------- */

/* What the layers are made of. */
struct source {
  const struct mbconv_tensors *tensors;
  const mbconv_options *options;
  float epsilon;
  mbconv_padding padding;
  mbconv_layout layout; /* of the images */
  size_t threads;
};

/* The image that a layer is given. */
struct image {
  size_t height, width;
};

static mbconv_conv conv_of(const struct source *source, const struct mbconv_part *part, mbconv_batch_norm *norm) {
  return mbconv_conv_of(source->tensors, part, source->epsilon, norm);
}

/* Along one side: the zeros at both ends. SAME has as many as an output of input / stride, rounded up, needs. */
static void pad_side(size_t input, const struct mbconv_layer *layer, mbconv_padding padding, size_t *first,
                     size_t *last) {
  *first = *last = layer->kernel / 2;
  if (padding != MBCONV_PADDING_SAME || layer->stride == 1) return;
  const size_t rest = input % layer->stride, window = rest > 0 ? rest : layer->stride; /* the last one's own pixels */
  const size_t both = layer->kernel > window ? layer->kernel - window : 0;
  *first = both / 2;
  *last = both - both / 2;
}

mbconv_pad mbconv_pad_of(const struct mbconv_layer *layer, mbconv_padding padding, size_t height, size_t width) {
  mbconv_pad pad;
  pad_side(height, layer, padding, &pad.top, &pad.bottom);
  pad_side(width, layer, padding, &pad.left, &pad.right);
  return pad;
}

static mbconv_status make_convolution(const struct source *source, const struct mbconv_layer *layer,
                                      const struct mbconv_part *part, struct image image, struct mbconv_step *step,
                                      mbconv_error *error) {
  mbconv_batch_norm norm;
  const mbconv_conv conv = conv_of(source, part, &norm);
  const mbconv_convolution_desc desc = {
      .height = image.height,
      .width = image.width,
      .in_channels = layer->in,
      .out_channels = layer->out,
      .kernel = layer->kernel,
      .stride = layer->stride,
      .pad = mbconv_pad_of(layer, source->padding, image.height, image.width),
      .conv = &conv,
      .activation = layer->activation,
      .layout = layer->number == 0 ? source->layout : MBCONV_NHWC,
  };
  mbconv_status status = mbconv_convolution_create(&desc, source->options, &step->operator.convolution, error);
  if (status != MBCONV_OK) return status;
  mbconv_convolution_output_size(step->operator.convolution, &step->info.height, &step->info.width);
  step->info.scratch_bytes = mbconv_convolution_scratch_size(step->operator.convolution, source->threads);
  return mbconv_convolution_count(&desc, &step->info.counts, error);
}

static mbconv_status make_block(const struct source *source, const struct mbconv_layer *layer,
                                const struct mbconv_part *parts, struct image image, struct mbconv_step *step,
                                mbconv_error *error) {
  mbconv_batch_norm norms[MBCONV_ROLES];
  mbconv_conv convs[MBCONV_ROLES] = {{0}};
  for (int role = 0; role < MBCONV_ROLES; role++)
    if (parts[role].out > 0) convs[role] = conv_of(source, &parts[role], &norms[role]);
  const mbconv_squeeze_excite squeeze_excite = {.width = layer->squeeze,
                                                .reduce = &convs[MBCONV_REDUCE],
                                                .expand = &convs[MBCONV_EXCITE],
                                                .inner = layer->inner,
                                                .gate = layer->gate};
  const mbconv_block_desc desc = {
      .height = image.height,
      .width = image.width,
      .in_channels = layer->in,
      .expanded_channels = layer->expanded,
      .out_channels = layer->out,
      .expand = layer->expand ? &convs[MBCONV_EXPAND] : NULL,
      .depthwise = &convs[MBCONV_DEPTHWISE],
      .project = &convs[MBCONV_PROJECT],
      .squeeze_excite = layer->squeeze > 0 ? &squeeze_excite : NULL,
      .kernel = layer->kernel,
      .stride = layer->stride,
      .pad = mbconv_pad_of(layer, source->padding, image.height, image.width),
      .activation = layer->activation,
  };
  mbconv_status status = mbconv_block_create(&desc, source->options, &step->operator.block, error);
  if (status != MBCONV_OK) return status;
  mbconv_block_output_size(step->operator.block, &step->info.height, &step->info.width);
  step->info.scratch_bytes = mbconv_block_scratch_size(step->operator.block, source->threads);
  return mbconv_block_count(&desc, &step->info.counts, error);
}

static mbconv_status make_connected(const struct source *source, const struct mbconv_layer *layer,
                                    const struct mbconv_part *part, struct mbconv_step *step, mbconv_error *error) {
  mbconv_batch_norm unused;
  const mbconv_conv conv = conv_of(source, part, &unused);
  const mbconv_pointwise_desc desc = {
      .in_channels = layer->in, .out_channels = layer->out, .conv = &conv, .activation = layer->activation};
  step->info.height = step->info.width = 1;
  step->info.counts = (mbconv_counts){layer->out * (layer->in + 1), layer->out * layer->in};
  return mbconv_pointwise_create(&desc, source->options, &step->operator.connected, error);
}

static void name_layer(const struct mbconv_layer *layer, char *name, size_t size) {
  switch (layer->kind) {
    case MBCONV_LAYER_CONVOLUTION:
      snprintf(name, size, "convolution %zux%zu/%zu %zu-%zu", layer->kernel, layer->kernel, layer->stride, layer->in,
               layer->out);
      break;
    case MBCONV_LAYER_BLOCK:
      snprintf(name, size, "block %zux%zu/%zu %zu-%zu-%zu%s", layer->kernel, layer->kernel, layer->stride, layer->in,
               layer->expanded, layer->out, layer->squeeze > 0 ? " se" : "");
      break;
    case MBCONV_LAYER_POOL: snprintf(name, size, "pool %zu", layer->in); break;
    case MBCONV_LAYER_CONNECTED: snprintf(name, size, "connected %zu-%zu", layer->in, layer->out); break;
  }
}

static mbconv_status make_step(const struct source *source, const struct mbconv_description *d, size_t index,
                               struct image image, struct mbconv_step *step, mbconv_error *error) {
  const struct mbconv_layer *layer = &d->layer[index];
  const mbconv_global_pool_desc pool = {.height = image.height, .width = image.width, .channels = layer->in};
  struct mbconv_part parts[MBCONV_ROLES];
  mbconv_parts_of(d, index, parts);
  step->info.channels = layer->out;
  name_layer(layer, step->info.name, sizeof step->info.name);
  switch (layer->kind) {
    case MBCONV_LAYER_CONVOLUTION: return make_convolution(source, layer, parts, image, step, error);
    case MBCONV_LAYER_BLOCK: return make_block(source, layer, parts, image, step, error);
    case MBCONV_LAYER_POOL:
      step->info.height = step->info.width = 1;
      return mbconv_global_pool_create(&pool, source->options, &step->operator.pool, error);
    case MBCONV_LAYER_CONNECTED: return make_connected(source, layer, parts, step, error);
  }
  return MBCONV_OK;
}

static mbconv_status step_info(const struct mbconv_layer *layer, const struct mbconv_step *step, mbconv_info *info,
                               mbconv_error *error) {
  switch (layer->kind) {
    case MBCONV_LAYER_CONVOLUTION: return mbconv_convolution_info(step->operator.convolution, info, error);
    case MBCONV_LAYER_BLOCK: return mbconv_block_info(step->operator.block, info, error);
    case MBCONV_LAYER_POOL: return mbconv_global_pool_info(step->operator.pool, info, error);
    case MBCONV_LAYER_CONNECTED: break;
  }
  return mbconv_pointwise_info(step->operator.connected, info, error);
}

/* ---- The network ------------------------------------------------------------------------------------------------- */

static mbconv_status make_steps(mbconv_network *network, const struct source *source, mbconv_error *error) {
  const struct mbconv_description *d = &network->description;
  mbconv_network_info *info = &network->info;
  struct image image = {info->height, info->width};
  for (size_t i = 0; i < d->layers; i++) {
    struct mbconv_step *step = &network->step[i];
    mbconv_error cause;
    mbconv_info made = {.struct_size = sizeof made};
    mbconv_status status = make_step(source, d, i, image, step, &cause);
    if (status == MBCONV_OK) status = step_info(&d->layer[i], step, &made, &cause);
    if (status != MBCONV_OK)
      return mbconv_network_fail(error, status, "layer %zu of %s: %.180s", i, d->name, cause.message);
    image = (struct image){step->info.height, step->info.width};
    info->isa = made.isa;
    info->exp = made.exp;
    info->weight_bytes += made.weight_bytes;
    info->counts.parameters += step->info.counts.parameters;
    info->counts.multiply_adds += step->info.counts.multiply_adds;
    info->outputs = step->info.height * step->info.width * step->info.channels;
    if (d->layer[i].kind == MBCONV_LAYER_POOL) network->first_for_all = i + 1;
  }
  if (!mbconv_arena_plan(network))
    return mbconv_network_fail(error, MBCONV_SIZE_OVERFLOW,
                               "the arena of %s for images of %zu x %zu does not fit into memory", d->name,
                               info->height, info->width);
  return MBCONV_OK;
}

/* Packed weights are a little larger than the tensors. */
static size_t expected_bytes(const struct mbconv_tensors *tensors) {
  size_t bytes = 0;
  for (size_t i = 0; i < tensors->count; i++) {
    size_t floats = 1;
    for (size_t d = 0; d < tensors->tensor[i].rank; d++) floats *= tensors->tensor[i].shape[d];
    bytes += floats * sizeof(float);
  }
  return bytes + bytes / 16;
}

mbconv_status mbconv_network_make(struct mbconv_description *d, const struct mbconv_tensors *tensors,
                                  const mbconv_network_options *options, mbconv_network **out, mbconv_error *error) {
  mbconv_network_options known;
  mbconv_status status = mbconv_options_take(options, d, &known, error);
  if (status != MBCONV_OK) return status;
  options = &known;
  mbconv_options kernels = options->kernels ? *options->kernels : (mbconv_options){0};
  mbconv_allocator allocator;
  struct mbconv_pages *pages = NULL;
  if (kernels.allocator) {
    allocator = *kernels.allocator;
  } else {
    if (!mbconv_pages_new(sizeof(mbconv_network) + expected_bytes(tensors), &allocator))
      return mbconv_network_fail(error, MBCONV_OUT_OF_MEMORY, "no memory for the weights");
    pages = allocator.context;
    kernels.allocator = &allocator;
  }
  mbconv_network *network = allocator.allocate(allocator.context, sizeof *network, MBCONV_ALIGNMENT);
  if (!network) {
    mbconv_pages_free(pages);
    return mbconv_network_fail(error, MBCONV_OUT_OF_MEMORY, "no memory for the network");
  }
  memset(network, 0, sizeof *network);
  network->allocator = allocator;
  network->pages = pages;
  network->description = *d;
  network->first_for_all = d->layers;
  network->info = (mbconv_network_info){
      .name = network->description.name,
      .layout = options->layout,
      .height = options->height ? options->height : d->size,
      .width = options->width ? options->width : d->size,
      .channels = d->channels,
      .layers = d->layers,
      .threads = options->threads > 1 ? options->threads : 1,
      .resize = d->resize,
      .crop = d->size,
      .bicubic = d->bicubic,
      .mean = {d->mean[0], d->mean[1], d->mean[2]},
      .deviation = {d->deviation[0], d->deviation[1], d->deviation[2]},
      .classes = d->layers > 0 && d->layer[d->layers - 1].classifier ? d->layer[d->layers - 1].out : 0,
      .padding = options->padding,
      .epsilon = options->epsilon,
      .assumed = d->assumed,
  };
  const struct source source = {
      .tensors = tensors,
      .options = &kernels,
      .epsilon = options->epsilon,
      .padding = options->padding,
      .layout = options->layout,
      .threads = network->info.threads,
  };
  status = make_steps(network, &source, error);
  if (status != MBCONV_OK) {
    mbconv_network_destroy(network);
    return status;
  }
  *out = network;
  return mbconv_network_succeed(error);
}

void mbconv_network_destroy(mbconv_network *network) {
  if (!network) return;
  for (size_t i = 0; i < network->description.layers; i++) {
    const struct mbconv_step *step = &network->step[i];
    switch (network->description.layer[i].kind) {
      case MBCONV_LAYER_CONVOLUTION: mbconv_convolution_destroy(step->operator.convolution); break;
      case MBCONV_LAYER_BLOCK: mbconv_block_destroy(step->operator.block); break;
      case MBCONV_LAYER_POOL: mbconv_global_pool_destroy(step->operator.pool); break;
      case MBCONV_LAYER_CONNECTED: mbconv_pointwise_destroy(step->operator.connected); break;
    }
  }
  struct mbconv_pages *pages = network->pages;
  network->allocator.release(network->allocator.context, network);
  mbconv_pages_free(pages);
}

/* ---- Queries ----------------------------------------------------------------------------------------------------- */

const mbconv_network_info *mbconv_network_info_of(const mbconv_network *network) { return &network->info; }

const mbconv_layer_info *mbconv_network_layer(const mbconv_network *network, size_t index) {
  return &network->step[index].info;
}
