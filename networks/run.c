/* SPDX-License-Identifier: MIT
 *
 * A run: image by image up to the pooling, whose features are collected in the arena; then the fully connected layers
 * for all images at once, so that their weights are read once.
 */
#include "../base/memory.h"
#include "network.h"
#include "status.h"

/* The arena: MBCONV_ALIGNMENT bytes to align it, image_bytes, then batch_floats per image, layer by layer. */
size_t mbconv_network_arena_size(const mbconv_network *network, size_t batch) {
  size_t bytes;
  if (__builtin_mul_overflow(batch > 0 ? batch : 1, network->batch_floats * sizeof(float), &bytes) ||
      __builtin_add_overflow(bytes, network->image_bytes + MBCONV_ALIGNMENT, &bytes))
    return SIZE_MAX;
  return bytes;
}

struct run {
  const mbconv_network *network;
  size_t batch;
  const float *x;
  float *y;
  char *arena;
  const mbconv_threads *threads;
};

/* Value `index` of one image, or of all images where layers run for all at once. */
static float *value_of(const struct run *run, size_t image, size_t index) {
  const mbconv_network *network = run->network;
  const mbconv_network_info *info = &network->info;
  if (index == 0) return (float *)run->x + image * info->height * info->width * info->channels; /* only read */
  if (index == info->layers) return run->y + image * info->outputs;
  const struct mbconv_step *step = &network->step[index - 1];
  if (index < network->first_for_all) return (float *)(void *)(run->arena + step->output);
  return (float *)(void *)(run->arena + network->image_bytes) + step->output * run->batch + image * step->info.channels;
}

/* Layer `index` on `images` images from `image` on. */
static mbconv_status run_layer(const struct run *run, size_t image, size_t images, size_t index, mbconv_error *error) {
  const struct mbconv_layer *layer = &run->network->description.layer[index];
  const struct mbconv_step *step = &run->network->step[index];
  const float *x = value_of(run, image, index);
  float *y = value_of(run, image, index + 1);
  void *scratch = run->arena + step->scratch;
  const float *residual = layer->residual_back > 0 ? value_of(run, image, index - layer->residual_back) : NULL;
  switch (layer->kind) {
    case MBCONV_LAYER_CONVOLUTION:
      return mbconv_convolution_run(step->operator.convolution, images, x, y, residual, scratch,
                                    step->info.scratch_bytes, run->threads, error);
    case MBCONV_LAYER_BLOCK:
      return mbconv_block_run(step->operator.block, images, x, y, scratch, step->info.scratch_bytes, run->threads,
                              error);
    case MBCONV_LAYER_POOL: return mbconv_global_pool_run(step->operator.pool, images, x, y, run->threads, error);
    case MBCONV_LAYER_CONNECTED: break;
  }
  return mbconv_pointwise_run(step->operator.connected, images, x, 0, y, 0, NULL, 0, run->threads, error);
}

static mbconv_status check(const mbconv_network *network, size_t batch, const float *x, const float *y,
                           const void *arena, size_t arena_size, const mbconv_threads *threads, mbconv_error *error) {
  const mbconv_network_info *info = &network->info;
  const size_t count = threads && threads->count > 1 ? threads->count : 1;
  if (count > 1 && !threads->parallel_for)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "%zu threads, but parallel_for is NULL", count);
  if (count > info->threads)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "%zu threads, but the network was made for %zu", count,
                               info->threads);
  if (batch == 0) return MBCONV_OK;
  if (!x || !y || !arena)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "%s is NULL", !x ? "x" : !y ? "y" : "arena");
  size_t x_bytes, y_bytes;
  if (__builtin_mul_overflow(batch, info->height * info->width * info->channels * sizeof(float), &x_bytes) ||
      __builtin_mul_overflow(batch, info->outputs * sizeof(float), &y_bytes) || x_bytes > PTRDIFF_MAX ||
      y_bytes > PTRDIFF_MAX)
    return mbconv_network_fail(error, MBCONV_SIZE_OVERFLOW, "%zu images do not fit into memory", batch);
  const size_t needed = mbconv_network_arena_size(network, batch);
  if (arena_size < needed)
    return mbconv_network_fail(error, MBCONV_SCRATCH_TOO_SMALL, "the arena has %zu bytes, %zu are needed", arena_size,
                               needed);
  if (mbconv_overlap(x, x_bytes, y, y_bytes))
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "x and y overlap");
  if (mbconv_overlap(x, x_bytes, arena, needed) || mbconv_overlap(y, y_bytes, arena, needed))
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "the arena overlaps x or y");
  return MBCONV_OK;
}

/* Layers [first, last) of all images. */
static mbconv_status run_range(const struct run *run, size_t first, size_t last, mbconv_error *error) {
  const size_t for_all = run->network->first_for_all;
  const size_t middle = last < for_all ? last : for_all;
  mbconv_status status = MBCONV_OK;
  for (size_t image = 0; image < run->batch; image++)
    for (size_t i = first; i < middle && status == MBCONV_OK; i++) status = run_layer(run, image, 1, i, error);
  for (size_t i = first > for_all ? first : for_all; i < last && status == MBCONV_OK; i++)
    status = run_layer(run, 0, run->batch, i, error);
  return status;
}

mbconv_status mbconv_network_run(const mbconv_network *network, size_t batch, const float *x, float *y, void *arena,
                                 size_t arena_size, const mbconv_threads *threads, mbconv_error *error) {
  if (!network) return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "network is NULL");
  mbconv_status status = check(network, batch, x, y, arena, arena_size, threads, error);
  if (status != MBCONV_OK || batch == 0) return status == MBCONV_OK ? mbconv_network_succeed(error) : status;
  const struct run run = {network, batch, x, y, mbconv_align(arena), threads};
  status = run_range(&run, 0, network->info.layers, error);
  return status == MBCONV_OK ? mbconv_network_succeed(error) : status;
}

mbconv_status mbconv_network_run_layers(const mbconv_network *network, size_t first, size_t last, const float *x,
                                        float *y, void *arena, size_t arena_size, const mbconv_threads *threads,
                                        mbconv_error *error) {
  if (!network) return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "network is NULL");
  if (first > last || last > network->info.layers)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "layers %zu to %zu of %zu", first, last,
                               network->info.layers);
  mbconv_status status = check(network, 1, x, y, arena, arena_size, threads, error);
  if (status != MBCONV_OK) return status;
  const struct run run = {network, 1, x, y, mbconv_align(arena), threads};
  status = run_range(&run, first, last, error);
  return status == MBCONV_OK ? mbconv_network_succeed(error) : status;
}
