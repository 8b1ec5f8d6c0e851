/* SPDX-License-Identifier: MIT
 *
 * Where values and scratch lie, for images of any size. A layer reads the value of the layer before and no older one,
 * apart from the network's input, which is the caller's. So values lie at the start and at the end of the arena by
 * turns, a layer's scratch between its input and its output, and the arena is as large as the largest of these sums:
 * less is not possible.
 */
#include "../base/size.h"
#include "network.h"
#include "status.h"

static size_t round_up(size_t bytes) { return mbconv_round_up(bytes, MBCONV_ALIGNMENT); }

/* ---- Sizes ------------------------------------------------------------------------------------------------------- */

/* Whether the output and the scratch are so small that a few of them can be added. */
static bool moderate(const struct mbconv_place *place, size_t channels) {
  const size_t most = PTRDIFF_MAX / MBCONV_MOST_LAYERS;
  size_t bytes = sizeof(float);
  return !__builtin_mul_overflow(bytes, place->image.height, &bytes) &&
         !__builtin_mul_overflow(bytes, place->image.width, &bytes) &&
         !__builtin_mul_overflow(bytes, channels, &bytes) && bytes <= most && place->scratch_bytes <= most;
}

/* The output and the scratch of layer `index`, which is given an image of that size. */
static mbconv_status measure(const mbconv_network *network, size_t index, struct mbconv_image image,
                             struct mbconv_place *place, mbconv_error *error) {
  const struct mbconv_layer *layer = &network->description.layer[index];
  const union mbconv_layer_object object = network->step[index].object;
  mbconv_error cause;
  mbconv_status status = mbconv_layer_output(layer, object, image, &place->image, &cause);
  if (status == MBCONV_OK)
    status = mbconv_layer_scratch(layer, object, image, network->info.threads, &place->scratch_bytes, &cause);
  if (status == MBCONV_OK) return MBCONV_OK;
  return mbconv_network_fail(error, status, "layer %zu of %s: %.180s", index, network->description.name, cause.message);
}

static mbconv_status measure_all(const mbconv_network *network, struct mbconv_arena *arena, mbconv_error *error) {
  struct mbconv_image image = arena->image;
  for (size_t i = 0; i < network->info.layers; i++) {
    struct mbconv_place *place = &arena->place[i];
    const size_t channels = network->step[i].info.channels;
    const mbconv_status status = measure(network, i, image, place, error);
    if (status != MBCONV_OK) return status;
    if (!moderate(place, channels))
      return mbconv_network_fail(error, MBCONV_SIZE_OVERFLOW,
                                 "the arena of %s for images of %zu x %zu does not fit into memory",
                                 network->description.name, arena->image.height, arena->image.width);
    image = place->image;
    arena->outputs = image.height * image.width * channels;
  }
  return MBCONV_OK;
}

/* ---- Places ------------------------------------------------------------------------------------------------------ */

/* Elements of layer i's output. */
static size_t output_elements(const mbconv_network *network, const struct mbconv_arena *arena, size_t i) {
  const struct mbconv_image *image = &arena->place[i].image;
  return image->height * image->width * network->step[i].info.channels;
}

/* Bytes of the arena that layer i's output takes. */
static size_t output_bytes(const mbconv_network *network, const struct mbconv_arena *arena, size_t i) {
  if (i + 1 >= network->first_for_all || i + 1 == network->info.layers) return 0;
  return round_up(output_elements(network, arena, i) * mbconv_element_size(network));
}

mbconv_status mbconv_arena_plan(const mbconv_network *network, struct mbconv_image image, struct mbconv_arena *arena,
                                mbconv_error *error) {
  const size_t layers = network->info.layers;
  *arena = (struct mbconv_arena){.image = image};
  const mbconv_status status = measure_all(network, arena, error);
  if (status != MBCONV_OK) return status;
  for (size_t i = 0; i < layers; i++) {
    const size_t input = i > 0 ? output_bytes(network, arena, i - 1) : 0;
    const size_t sum = input + round_up(arena->place[i].scratch_bytes) + output_bytes(network, arena, i);
    if (sum > arena->image_bytes) arena->image_bytes = sum;
  }
  for (size_t i = 0; i < layers; i++) {
    struct mbconv_place *place = &arena->place[i];
    const bool at_start = i % 2 == 0;
    const size_t input = i > 0 ? output_bytes(network, arena, i - 1) : 0, output = output_bytes(network, arena, i);
    place->scratch = at_start ? output : input;
    place->output = at_start ? 0 : arena->image_bytes - output;
    if (i + 1 < network->first_for_all || i + 1 == layers) continue;
    place->output = arena->batch_elements; /* per image, behind the values of the layers before */
    arena->batch_elements += output_elements(network, arena, i);
  }
  return MBCONV_OK;
}

mbconv_status mbconv_arena_for(const mbconv_network *network, struct mbconv_image image, struct mbconv_arena *made,
                               const struct mbconv_arena **arena, mbconv_error *error) {
  const struct mbconv_image *own = &network->arena.image;
  const bool is_own = image.height == own->height && image.width == own->width;
  *arena = is_own ? &network->arena : made;
  return is_own ? MBCONV_OK : mbconv_arena_plan(network, image, made, error);
}
