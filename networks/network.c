/* SPDX-License-Identifier: MIT
 *
 * Create and destroy: from tensors to operators.
 */
#include "network.h"

#include <string.h>

#include "../base/size.h"
#include "quantized.h"
#include "status.h"

/* ---- The network ------------------------------------------------------------------------------------------------- */

/* Makes the operator of layer `index`, which is given an image of that size, and adds it up. */
static mbconv_status make_step(mbconv_network *network, const struct mbconv_source *source, size_t index,
                               struct mbconv_image image, mbconv_error *error) {
  const struct mbconv_layer *layer = &network->description.layer[index];
  struct mbconv_step *step = &network->step[index];
  mbconv_network_info *info = &network->info;
  mbconv_info made = {.struct_size = sizeof made};
  step->info = (mbconv_layer_info){.struct_size = sizeof step->info, .channels = layer->out};
  mbconv_layer_name(layer, step->info.name, sizeof step->info.name);
  mbconv_status status =
      mbconv_layer_create(source, &network->description, index, image, &step->object, &step->info.counts, error);
  if (status == MBCONV_OK) status = mbconv_layer_object_info(layer, step->object, &made, error);
  if (status != MBCONV_OK) return status;
  info->isa = made.isa;
  info->exp = made.exp;
  info->weight_bytes += made.weight_bytes;
  info->counts.parameters += step->info.counts.parameters;
  info->counts.multiply_adds += step->info.counts.multiply_adds;
  if (layer->kind == MBCONV_LAYER_POOL) network->first_for_all = index + 1;
  return MBCONV_OK;
}

static mbconv_status make_steps(mbconv_network *network, const struct mbconv_source *source, mbconv_error *error) {
  const struct mbconv_description *d = &network->description;
  const struct mbconv_image size = {network->info.height, network->info.width};
  struct mbconv_image image = size;
  for (size_t i = 0; i < d->layers; i++) {
    const struct mbconv_image input = image;
    mbconv_error cause;
    mbconv_status status = make_step(network, source, i, input, &cause);
    if (status == MBCONV_OK) status = mbconv_layer_output(&d->layer[i], network->step[i].object, input, &image, &cause);
    if (status != MBCONV_OK)
      return mbconv_network_fail(error, status, "layer %zu of %s: %.180s", i, d->name, cause.message);
  }
  const mbconv_status status = mbconv_arena_plan(network, size, &network->arena, error);
  for (size_t i = 0; i < d->layers && status == MBCONV_OK; i++) {
    const struct mbconv_place *place = &network->arena.place[i];
    mbconv_layer_info *info = &network->step[i].info;
    info->height = place->image.height;
    info->width = place->image.width;
    info->scratch_bytes = place->scratch_bytes;
  }
  network->info.outputs = network->arena.outputs;
  return status;
}

/* What images and outputs of int8 stand for; and no tensor is left over. */
static mbconv_status make_values(mbconv_network *network, const struct mbconv_tensors *tensors, mbconv_error *error) {
  const struct mbconv_description *d = &network->description;
  mbconv_status status = mbconv_quantized_value(tensors, d, 0, &network->info.input, error);
  if (status == MBCONV_OK) status = mbconv_quantized_value(tensors, d, d->layers, &network->info.output, error);
  return status == MBCONV_OK ? mbconv_quantized_all_used(tensors, d->name, error) : status;
}

/* Packed weights are a little larger than the tensors. */
static size_t expected_bytes(const struct mbconv_tensors *tensors) {
  size_t bytes = 0;
  for (size_t i = 0; i < tensors->count; i++) {
    const bool i8 = strcmp(tensors->tensor[i].type, "I8") == 0;
    size_t elements = 1;
    for (size_t d = 0; d < tensors->tensor[i].rank; d++) elements *= tensors->tensor[i].shape[d];
    bytes += elements * (i8 ? 1 : sizeof(float));
  }
  return bytes + bytes / 16;
}

/* What there is to say before the layers are made; of a network without epsilon, of int8, 0. */
static mbconv_network_info describe(const struct mbconv_description *d, const mbconv_network_options *options) {
  return (mbconv_network_info){
      .name = d->name,
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
      .epsilon = d->type == MBCONV_F32 ? options->epsilon : 0,
      .assumed = d->assumed,
      .type = d->type,
      .x_door = options->x_door,
      .y_door = options->y_door,
  };
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
  network->info = describe(&network->description, options);
  const struct mbconv_source source = {
      .tensors = tensors,
      .options = &kernels,
      .epsilon = options->epsilon,
      .padding = options->padding,
      .layout = options->layout,
      .x_door = options->x_door,
      .y_door = options->y_door,
  };
  status = make_steps(network, &source, error);
  if (status == MBCONV_OK && d->type != MBCONV_F32) status = make_values(network, tensors, error);
  if (status != MBCONV_OK) {
    mbconv_network_destroy(network);
    return status;
  }
  *out = network;
  return mbconv_network_succeed(error);
}

void mbconv_network_destroy(mbconv_network *network) {
  if (!network) return;
  for (size_t i = 0; i < network->description.layers; i++)
    mbconv_layer_destroy(&network->description.layer[i], network->step[i].object);
  struct mbconv_pages *pages = network->pages;
  network->allocator.release(network->allocator.context, network);
  mbconv_pages_free(pages);
}

/* ---- Queries ----------------------------------------------------------------------------------------------------- */

const mbconv_network_info *mbconv_network_info_of(const mbconv_network *network) {
  return network ? &network->info : NULL;
}

const mbconv_layer_info *mbconv_network_layer(const mbconv_network *network, size_t index) {
  return network && index < network->info.layers ? &network->step[index].info : NULL;
}

mbconv_status mbconv_network_outputs_at(const mbconv_network *network, size_t height, size_t width, size_t *outputs,
                                        mbconv_error *error) {
  if (!network || !outputs)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "%s is NULL", network ? "outputs" : "network");
  struct mbconv_arena made;
  const struct mbconv_arena *arena;
  mbconv_status status = mbconv_arena_for(network, (struct mbconv_image){height, width}, &made, &arena, error);
  if (status != MBCONV_OK) return status;
  *outputs = arena->outputs;
  return mbconv_network_succeed(error);
}

mbconv_status mbconv_network_layer_at(const mbconv_network *network, size_t index, size_t height, size_t width,
                                      mbconv_layer_info *layer, mbconv_error *error) {
  if (!network || !layer)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "%s is NULL", network ? "layer" : "network");
  if (layer->struct_size != 0 && layer->struct_size != sizeof *layer)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "layer: struct_size is %zu, neither 0 nor %zu",
                               layer->struct_size, sizeof *layer);
  if (index >= network->info.layers)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "layer %zu of %zu", index, network->info.layers);
  struct mbconv_arena made;
  const struct mbconv_arena *arena;
  mbconv_status status = mbconv_arena_for(network, (struct mbconv_image){height, width}, &made, &arena, error);
  if (status != MBCONV_OK) return status;
  const struct mbconv_place *place = &arena->place[index];
  mbconv_layer_info info = network->step[index].info;
  info.struct_size = layer->struct_size;
  info.height = place->image.height;
  info.width = place->image.width;
  info.scratch_bytes = place->scratch_bytes;
  status = mbconv_layer_multiply_adds(&network->description.layer[index], network->info.padding,
                                      mbconv_arena_input(arena, index), &info.counts.multiply_adds, error);
  if (status != MBCONV_OK) return status;
  *layer = info;
  return mbconv_network_succeed(error);
}
