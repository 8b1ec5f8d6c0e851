/* SPDX-License-Identifier: MIT
 *
 * A network: operators, and where their outputs and scratch lie in the arena.
 */
#ifndef MBCONV_NETWORK_H
#define MBCONV_NETWORK_H

#include <stdint.h>

#include "description.h"
#include "pages.h"
#include "tensors.h"

/* One layer. Inputs and outputs are values: value i is what layer i is given, value i + 1 what it gives. */
struct mbconv_step {
  union {
    mbconv_convolution *convolution;
    mbconv_block *block;
    mbconv_global_pool *pool;
    mbconv_pointwise *connected;
  } operator;
  mbconv_layer_info info;
  size_t scratch; /* offset into the arena */
  size_t output;  /* offset into the arena of value i + 1; not of the last, which is y */
};

struct mbconv_network {
  mbconv_allocator allocator;
  struct mbconv_pages *pages; /* NULL if the caller has an allocator */
  mbconv_network_info info;
  struct mbconv_description description;
  size_t first_for_all; /* the layer from which on all images are run at once: the one after the pooling */
  size_t image_bytes;   /* of the arena, for the layers before; the pooled features follow, */
  size_t batch_floats;  /* so many floats per image, with what the layers after them need */
  struct mbconv_step step[MBCONV_MOST_LAYERS];
};

/* Copies what the caller has of the options, of this version's size or an older one's, and fills in what they leave to
 * the network, so that padding and epsilon are set. */
mbconv_status mbconv_options_take(const mbconv_network_options *options, struct mbconv_description *description,
                                  mbconv_network_options *taken, mbconv_error *error);

/* Makes the network of the description from tensors that are all there. */
mbconv_status mbconv_network_make(struct mbconv_description *description, const struct mbconv_tensors *tensors,
                                  const mbconv_network_options *options, mbconv_network **out, mbconv_error *error);

/* The padding of a layer for images of height x width; `padding` is not OWN. */
mbconv_pad mbconv_pad_of(const struct mbconv_layer *layer, mbconv_padding padding, size_t height, size_t width);

/* Plans the arena: sets `output` and `scratch` of all steps, image_bytes and batch_floats. False if it is too large. */
bool mbconv_arena_plan(mbconv_network *network);

#endif
