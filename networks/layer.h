/* SPDX-License-Identifier: MIT
 *
 * One layer: its operator, and what the operator says of images of any size.
 */
#ifndef MBCONV_LAYER_H
#define MBCONV_LAYER_H

#include "description.h"
#include "tensors.h"

/* The height and width of an image that a layer is given, or gives. */
struct mbconv_image {
  size_t height, width;
};

/* The operator of a layer. The kind of the layer says which member it is; in int8 it is a block, or a pooling. */
union mbconv_layer_object {
  mbconv_convolution *convolution;
  mbconv_block *block;
  mbconv_global_pool *pool;
  mbconv_pointwise *connected;
};

/* What the layers of a network are made of. */
struct mbconv_source {
  const struct mbconv_tensors *tensors;
  const mbconv_options *options;
  float epsilon;
  mbconv_padding padding;        /* not OWN */
  mbconv_layout layout;          /* of the images */
  mbconv_i8_door x_door, y_door; /* of a network of int8 */
};

/* Makes the operator of layer `index`, with that size of images as its default, and counts its parameters and its
 * multiply-adds for one of them. */
mbconv_status mbconv_layer_create(const struct mbconv_source *source, const struct mbconv_description *description,
                                  size_t index, struct mbconv_image image, union mbconv_layer_object *object,
                                  mbconv_counts *counts, mbconv_error *error);

/* Destroys the operator; a null pointer is allowed. */
void mbconv_layer_destroy(const struct mbconv_layer *layer, union mbconv_layer_object object);

/* Runs the operator on `images` images of that size; *residual of convolutions in f32, or NULL. */
mbconv_status mbconv_layer_run(const struct mbconv_layer *layer, union mbconv_layer_object object, size_t images,
                               struct mbconv_image image, const void *x, const void *residual, void *y, void *scratch,
                               size_t scratch_bytes, const mbconv_threads *threads, mbconv_error *error);

/* Writes the name of the layer, such as "block 3x3/2 16-96-24". */
void mbconv_layer_name(const struct mbconv_layer *layer, char *name, size_t size);

/* Fills *info from the operator. */
mbconv_status mbconv_layer_object_info(const struct mbconv_layer *layer, union mbconv_layer_object object,
                                       mbconv_info *info, mbconv_error *error);

/* ---- For images of any size -------------------------------------------------------------------------------------- */

/* The size of the layer's output. */
mbconv_status mbconv_layer_output(const struct mbconv_layer *layer, union mbconv_layer_object object,
                                  struct mbconv_image image, struct mbconv_image *output, mbconv_error *error);

/* Bytes of scratch for up to `threads` threads; SIZE_MAX if they do not fit into memory. */
mbconv_status mbconv_layer_scratch(const struct mbconv_layer *layer, union mbconv_layer_object object,
                                   struct mbconv_image image, size_t threads, size_t *bytes, mbconv_error *error);

/* The multiply-adds for one image. */
mbconv_status mbconv_layer_multiply_adds(const struct mbconv_layer *layer, mbconv_padding padding,
                                         struct mbconv_image image, uint64_t *multiply_adds, mbconv_error *error);

#endif
