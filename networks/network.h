/* SPDX-License-Identifier: MIT
 *
 * A network: operators, and where their outputs and scratch lie in the arena.
 */
#ifndef MBCONV_NETWORK_H
#define MBCONV_NETWORK_H

#include <stdint.h>

#include "description.h"
#include "layer.h"
#include "pages.h"
#include "tensors.h"

/* One layer. Inputs and outputs are values: value i is what layer i is given, value i + 1 what it gives. */
struct mbconv_step {
  union mbconv_layer_object object;
  mbconv_layer_info info; /* for images of the default size */
};

/* Where one layer's things lie in the arena. */
struct mbconv_place {
  struct mbconv_image image; /* the size of the layer's output */
  size_t scratch_bytes;
  size_t scratch; /* offset into the arena */
  size_t output;  /* offset into the arena of value i + 1; not of the last, which is y. Of the layers that run for all
                     images at once: in elements, see batch_elements */
};

/* The plan of the arena for images of one size. */
struct mbconv_arena {
  struct mbconv_image image; /* the size of the images */
  size_t outputs;            /* elements per image in y */
  size_t image_bytes;        /* of the arena, for the layers before first_for_all */
  size_t batch_elements;     /* per image, that follow: what the pooling and the layers after it write */
  struct mbconv_place place[MBCONV_MOST_LAYERS];
};

struct mbconv_network {
  mbconv_allocator allocator;
  struct mbconv_pages *pages; /* NULL if the caller has an allocator */
  mbconv_network_info info;
  struct mbconv_description description;
  size_t first_for_all; /* the layer from which on all images are run at once: the one after the pooling */
  struct mbconv_step step[MBCONV_MOST_LAYERS];
  struct mbconv_arena arena; /* for images of the default size */
};

/* Copies what the caller has of the options, of this version's size or an older one's, and fills in what they leave to
 * the network, so that padding and epsilon are set. */
mbconv_status mbconv_options_take(const mbconv_network_options *options, struct mbconv_description *description,
                                  mbconv_network_options *taken, mbconv_error *error);

/* Makes the network of the description from tensors that are all there. */
mbconv_status mbconv_network_make(struct mbconv_description *description, const struct mbconv_tensors *tensors,
                                  const mbconv_network_options *options, mbconv_network **out, mbconv_error *error);

/* Plans the arena for images of a size, from operators that are all made. Takes no memory. */
mbconv_status mbconv_arena_plan(const mbconv_network *network, struct mbconv_image image, struct mbconv_arena *arena,
                                mbconv_error *error);

/* Sets *arena to the plan for images of a size: the network's own for the default size, else a new one in *made. */
mbconv_status mbconv_arena_for(const mbconv_network *network, struct mbconv_image image, struct mbconv_arena *made,
                               const struct mbconv_arena **arena, mbconv_error *error);

/* Bytes of an element of the values in the arena, of x and of y. */
static inline size_t mbconv_element_size(const mbconv_network *network) {
  return network->info.type == MBCONV_F32 ? sizeof(float) : 1;
}
static inline size_t mbconv_x_size(const mbconv_network *network) {
  return network->info.x_door == MBCONV_I8_DOOR_BYTES ? mbconv_element_size(network) : sizeof(float);
}
static inline size_t mbconv_y_size(const mbconv_network *network) {
  return network->info.y_door == MBCONV_I8_DOOR_BYTES ? mbconv_element_size(network) : sizeof(float);
}

/* The size of the image that layer `index` is given. */
static inline struct mbconv_image mbconv_arena_input(const struct mbconv_arena *arena, size_t index) {
  return index > 0 ? arena->place[index - 1].image : arena->image;
}

#endif
