/* SPDX-License-Identifier: MIT
 *
 * Made-up weights: uniform, of variance 2 / inputs where an activation halves what it is given (He et al. 2015), and
 * batch norms near identity.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../kernels/arithmetic.h"
#include "random.h"
#include "status.h"
#include "weights.h"

static void fill(const struct mbconv_part *part, int which, size_t count, uint64_t *state, float *data) {
  const size_t inputs = part->in * part->kernel * part->kernel;
  float centre = 0, spread = 0.1f;
  if (which == MBCONV_WEIGHT) spread = (float)sqrt(6.0 / (double)inputs);
  if (which == MBCONV_GAMMA || which == MBCONV_VARIANCE) centre = 1, spread = 0.2f;
  for (size_t i = 0; i < count; i++) data[i] = centre + spread * mbconv_random_next(state);
}

/* Calls for each tensor of each part, in order; with `tensors` NULL only counts. */
static size_t walk(const struct mbconv_description *d, struct mbconv_tensors *tensors, size_t *floats, float *data,
                   uint64_t *state) {
  size_t count = 0;
  *floats = 0;
  for (size_t layer = 0; layer < d->layers; layer++) {
    struct mbconv_part parts[MBCONV_ROLES];
    mbconv_parts_of(d, layer, parts);
    for (int role = 0; role < MBCONV_ROLES; role++) {
      for (int which = 0; which < MBCONV_PART_TENSORS; which++) {
        struct mbconv_tensor_name name;
        if (!mbconv_tensor_of(&parts[role], which, &name)) continue;
        size_t size = 1;
        for (size_t i = 0; i < name.rank; i++) size *= name.shape[i];
        if (tensors) {
          struct mbconv_tensor *tensor = &tensors->tensor[count];
          *tensor = (struct mbconv_tensor){.type = "F32", .rank = name.rank, .data = data + *floats};
          memcpy(tensor->shape, name.shape, sizeof name.shape);
          tensor->name = malloc(strlen(name.name) + 1);
          if (!tensor->name) return count;
          strcpy(tensor->name, name.name);
          tensors->count = count + 1;
          fill(&parts[role], which, size, state, data + *floats);
        }
        *floats += size;
        count++;
      }
    }
  }
  return count;
}

mbconv_status mbconv_random_tensors(const struct mbconv_description *description, uint64_t seed,
                                    struct mbconv_tensors *tensors, mbconv_error *error) {
  size_t floats;
  const size_t count = walk(description, NULL, &floats, NULL, NULL);
  *tensors = (struct mbconv_tensors){0};
  tensors->tensor = calloc(count, sizeof *tensors->tensor);
  tensors->owned = calloc(floats, sizeof(float));
  const bool enough = tensors->tensor && tensors->owned &&
                      walk(description, tensors, &floats, tensors->owned, &(uint64_t){seed}) == count;
  if (!enough) {
    mbconv_tensors_free(tensors);
    return mbconv_network_fail(error, MBCONV_OUT_OF_MEMORY, "no memory for the weights of %s", description->name);
  }
  mbconv_tensors_sort(tensors);
  return MBCONV_OK;
}
