/* SPDX-License-Identifier: MIT
 *
 * A run: image by image up to the pooling, whose features are collected in the arena; then the fully connected layers
 * for all images at once, so that their weights are read once.
 */
#include "../base/memory.h"
#include "network.h"
#include "status.h"

/* The arena: MBCONV_ALIGNMENT bytes to align it, image_bytes, then batch_elements per image, layer by layer.
 * SIZE_MAX if that does not fit into memory. */
static size_t bytes_of(const mbconv_network *network, const struct mbconv_arena *arena, size_t batch) {
  size_t bytes;
  if (__builtin_mul_overflow(batch > 0 ? batch : 1, arena->batch_elements * mbconv_element_size(network), &bytes) ||
      __builtin_add_overflow(bytes, arena->image_bytes + MBCONV_ALIGNMENT, &bytes))
    return SIZE_MAX;
  return bytes;
}

size_t mbconv_network_arena_size(const mbconv_network *network, size_t batch) {
  return network ? bytes_of(network, &network->arena, batch) : SIZE_MAX;
}

mbconv_status mbconv_network_arena_size_at(const mbconv_network *network, size_t batch, size_t height, size_t width,
                                           size_t *bytes, mbconv_error *error) {
  if (!network || !bytes)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "%s is NULL", network ? "bytes" : "network");
  struct mbconv_arena made;
  const struct mbconv_arena *arena;
  const mbconv_status status = mbconv_arena_for(network, (struct mbconv_image){height, width}, &made, &arena, error);
  if (status != MBCONV_OK) return status;
  *bytes = bytes_of(network, arena, batch);
  return mbconv_network_succeed(error);
}

struct run {
  const mbconv_network *network;
  const struct mbconv_arena *arena;
  size_t batch;
  const void *x;
  void *y;
  char *memory; /* of the arena, aligned */
  const mbconv_threads *threads;
};

/* Value `index` of one image, or of all images where layers run for all at once. */
static void *value_of(const struct run *run, size_t image, size_t index) {
  const mbconv_network *network = run->network;
  const struct mbconv_arena *arena = run->arena;
  const size_t pixels = arena->image.height * arena->image.width, element = mbconv_element_size(network);
  if (index == 0) return (char *)run->x + image * pixels * network->info.channels * mbconv_x_size(network); /* read */
  if (index == network->info.layers) return (char *)run->y + image * arena->outputs * mbconv_y_size(network);
  const size_t output = arena->place[index - 1].output;
  if (index < network->first_for_all) return run->memory + output;
  return run->memory + arena->image_bytes +
         (output * run->batch + image * network->step[index - 1].info.channels) * element;
}

/* Layer `index` on `images` images from `image` on. For images of the default size the operators plan nothing. */
static mbconv_status run_layer(const struct run *run, size_t image, size_t images, size_t index, mbconv_error *error) {
  const struct mbconv_layer *layer = &run->network->description.layer[index];
  const struct mbconv_step *step = &run->network->step[index];
  const struct mbconv_place *place = &run->arena->place[index];
  const struct mbconv_image size = mbconv_arena_input(run->arena, index);
  const void *residual = layer->residual_back > 0 ? value_of(run, image, index - layer->residual_back) : NULL;
  return mbconv_layer_run(layer, step->object, images, size, value_of(run, image, index), residual,
                          value_of(run, image, index + 1), run->memory + place->scratch, place->scratch_bytes,
                          run->threads, error);
}

static mbconv_status check_threads(const mbconv_network *network, const mbconv_threads *threads, mbconv_error *error) {
  const size_t count = threads && threads->count > 1 ? threads->count : 1;
  if (count > 1 && !threads->parallel_for)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "%zu threads, but parallel_for is NULL", count);
  if (count > network->info.threads)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "%zu threads, but the network was made for %zu", count,
                               network->info.threads);
  return MBCONV_OK;
}

/* All of the run is set but `memory`. */
static mbconv_status check_memory(const struct run *run, const void *memory, size_t memory_size, mbconv_error *error) {
  const struct mbconv_arena *arena = run->arena;
  const size_t pixels = arena->image.height * arena->image.width;
  const void *x = run->x, *y = run->y;
  if (!x || !y || !memory)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "%s is NULL", !x ? "x" : !y ? "y" : "arena");
  size_t x_bytes, y_bytes;
  if (__builtin_mul_overflow(run->batch, pixels * run->network->info.channels * mbconv_x_size(run->network),
                             &x_bytes) ||
      __builtin_mul_overflow(run->batch, arena->outputs * mbconv_y_size(run->network), &y_bytes) ||
      x_bytes > PTRDIFF_MAX || y_bytes > PTRDIFF_MAX)
    return mbconv_network_fail(error, MBCONV_SIZE_OVERFLOW, "%zu images do not fit into memory", run->batch);
  const size_t needed = bytes_of(run->network, arena, run->batch);
  if (memory_size < needed)
    return mbconv_network_fail(error, MBCONV_SCRATCH_TOO_SMALL, "the arena has %zu bytes, %zu are needed", memory_size,
                               needed);
  if (mbconv_overlap(x, x_bytes, y, y_bytes))
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "x and y overlap");
  if (mbconv_overlap(x, x_bytes, memory, needed) || mbconv_overlap(y, y_bytes, memory, needed))
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

/* Checks the call, whose run is set but for `memory`, and runs layers [first, last). */
static mbconv_status run_checked(struct run *run, size_t first, size_t last, void *memory, size_t memory_size,
                                 mbconv_error *error) {
  mbconv_status status = check_threads(run->network, run->threads, error);
  if (status != MBCONV_OK) return status;
  if (run->batch == 0) return mbconv_network_succeed(error);
  status = check_memory(run, memory, memory_size, error);
  if (status != MBCONV_OK) return status;
  run->memory = mbconv_align(memory);
  status = run_range(run, first, last, error);
  return status == MBCONV_OK ? mbconv_network_succeed(error) : status;
}

mbconv_status mbconv_network_run(const mbconv_network *network, size_t batch, const void *x, void *y, void *arena,
                                 size_t arena_size, const mbconv_threads *threads, mbconv_error *error) {
  if (!network) return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "network is NULL");
  struct run run = {network, &network->arena, batch, x, y, NULL, threads};
  return run_checked(&run, 0, network->info.layers, arena, arena_size, error);
}

mbconv_status mbconv_network_run_at(const mbconv_network *network, size_t batch, size_t height, size_t width,
                                    const void *x, void *y, void *arena, size_t arena_size,
                                    const mbconv_threads *threads, mbconv_error *error) {
  if (!network) return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "network is NULL");
  struct mbconv_arena made;
  struct run run = {network, NULL, batch, x, y, NULL, threads};
  const mbconv_status status =
      mbconv_arena_for(network, (struct mbconv_image){height, width}, &made, &run.arena, error);
  return status == MBCONV_OK ? run_checked(&run, 0, network->info.layers, arena, arena_size, error) : status;
}

mbconv_status mbconv_network_run_layers(const mbconv_network *network, size_t first, size_t last, const void *x,
                                        void *y, void *arena, size_t arena_size, const mbconv_threads *threads,
                                        mbconv_error *error) {
  if (!network) return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "network is NULL");
  if (first > last || last > network->info.layers)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "layers %zu to %zu of %zu", first, last,
                               network->info.layers);
  struct run run = {network, &network->arena, 1, x, y, NULL, threads};
  return run_checked(&run, first, last, arena, arena_size, error);
}
