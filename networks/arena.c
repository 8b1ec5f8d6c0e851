/* SPDX-License-Identifier: MIT
 *
 * Where values and scratch lie. A layer reads the value of the layer before and no older one, apart from the network's
 * input, which is the caller's. So values lie at the start and at the end of the arena by turns, a layer's scratch
 * between its input and its output, and the arena is as large as the largest of these sums: less is not possible.
 */
#include "../base/size.h"
#include "network.h"

static size_t round_up(size_t bytes) { return mbconv_round_up(bytes, MBCONV_ALIGNMENT); }

/* Bytes of the arena that layer i's output takes. */
static size_t output_bytes(const mbconv_network *network, size_t i) {
  const struct mbconv_step *step = &network->step[i];
  if (i + 1 >= network->first_for_all || i + 1 == network->info.layers) return 0;
  return round_up(step->info.height * step->info.width * step->info.channels * sizeof(float));
}

/* Sizes of which a few can be added. */
static bool moderate(const mbconv_network *network) {
  for (size_t i = 0; i < network->info.layers; i++) {
    const struct mbconv_step *step = &network->step[i];
    size_t bytes = sizeof(float);
    if (__builtin_mul_overflow(bytes, step->info.height, &bytes) ||
        __builtin_mul_overflow(bytes, step->info.width, &bytes) ||
        __builtin_mul_overflow(bytes, step->info.channels, &bytes) || bytes > PTRDIFF_MAX / MBCONV_MOST_LAYERS ||
        step->info.scratch_bytes > PTRDIFF_MAX / MBCONV_MOST_LAYERS)
      return false;
  }
  return true;
}

bool mbconv_arena_plan(mbconv_network *network) {
  const size_t layers = network->info.layers;
  if (!moderate(network)) return false;
  network->image_bytes = 0;
  for (size_t i = 0; i < layers; i++) {
    const size_t input = i > 0 ? output_bytes(network, i - 1) : 0;
    const size_t sum = input + round_up(network->step[i].info.scratch_bytes) + output_bytes(network, i);
    if (sum > network->image_bytes) network->image_bytes = sum;
  }
  size_t floats = 0;
  for (size_t i = 0; i < layers; i++) {
    struct mbconv_step *step = &network->step[i];
    const bool at_start = i % 2 == 0;
    const size_t input = i > 0 ? output_bytes(network, i - 1) : 0, output = output_bytes(network, i);
    step->scratch = at_start ? output : input;
    step->output = at_start ? 0 : network->image_bytes - output;
    if (i + 1 < network->first_for_all || i + 1 == layers) continue;
    step->output = floats; /* per image, behind the values of the layers before */
    floats += step->info.height * step->info.width * step->info.channels;
  }
  network->batch_floats = floats;
  return true;
}
