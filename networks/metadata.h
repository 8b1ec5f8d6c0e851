/* SPDX-License-Identifier: MIT
 *
 * What a file says of its network beside the tensors: strings by name, in __metadata__ of its header. export.py writes
 * what it sees of a live module.
 *
 *     bn_eps                0.001                  of all batch norms
 *     mbconv.padding        symmetric, or same
 *     mbconv.strides        2,1,2,1                of the convolutions larger than 1x1, in the order of the layers
 *     mbconv.activations    relu6                  of all layers; or a list: one of each convolution before the last
 *                                                  fully connected layer that has one, but those in squeeze-excite
 *     mbconv.squeeze        silu,sigmoid           in squeeze-excite: the inner activation, the gate
 *     mbconv.size           224                    of the images
 *     mbconv.resize         256                    what their shorter side is resized to before
 *     mbconv.interpolation  bilinear, or bicubic
 *     mbconv.mean           0.485,0.456,0.406
 *     mbconv.std            0.229,0.224,0.225
 *     mbconv.type           int8, or uint8         of all values: without it f32
 *     mbconv.network        mobilenet_v2           which network of int8 it is, by its name here
 *
 * Another key that begins with mbconv. is refused: a later version may have found a way for networks to differ.
 */
#ifndef MBCONV_METADATA_H
#define MBCONV_METADATA_H

#include "description.h"

/* A count of 0 and zeroed fields: the file does not say. */
struct mbconv_metadata {
  float epsilon;
  mbconv_padding padding;
  size_t strides, activations; /* counts */
  unsigned char stride[2 * MBCONV_MOST_LAYERS], activation[2 * MBCONV_MOST_LAYERS];
  bool squeeze;
  mbconv_activation_kind inner, gate;
  size_t size, resize;
  enum { MBCONV_UNSAID, MBCONV_BILINEAR, MBCONV_BICUBIC } interpolation;
  float mean[3], deviation[3];
  mbconv_type type; /* F32: the file does not say */
  char network[32];
};

/* Takes one string; those without meaning here are passed over. MBCONV_BAD_FILE if it is not what it has to be. */
mbconv_status mbconv_metadata_read(struct mbconv_metadata *metadata, const char *key, const char *text,
                                   mbconv_error *error);

/* Puts into the description of the network what the file says of it, and sets `assumed`. MBCONV_BAD_FILE if the network
 * cannot be so. */
mbconv_status mbconv_metadata_apply(const struct mbconv_metadata *metadata, struct mbconv_description *description,
                                    mbconv_error *error);

#endif
