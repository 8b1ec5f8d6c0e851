/* SPDX-License-Identifier: MIT
 *
 * How a description is put together: layer by layer, from its stem on. A file of tables for each family of networks.
 */
#ifndef MBCONV_TABLES_H
#define MBCONV_TABLES_H

#include "description.h"

/* The nearest multiple of 8, but not below 90% of `channels`. */
size_t mbconv_divisible(double channels);

/* The channels that the layers so far put out. */
size_t mbconv_last_channels(const struct mbconv_description *d);

/* Adds a layer, and returns it. */
struct mbconv_layer *mbconv_add(struct mbconv_description *d, struct mbconv_layer layer);
struct mbconv_layer *mbconv_add_convolution(struct mbconv_description *d, size_t out, size_t kernel, size_t stride,
                                            mbconv_activation_kind activation);
void mbconv_add_pool(struct mbconv_description *d);

/* A fully connected layer; that without an activation is the classifier. */
struct mbconv_layer *mbconv_add_connected(struct mbconv_description *d, size_t out, mbconv_activation_kind activation);

/* Blocks in a row; the first has the stride. */
struct mbconv_row {
  size_t expansion, kernel, stride, channels, blocks;
};

/* What the blocks of a network have in common. */
struct mbconv_block_kind {
  mbconv_activation_kind activation;
  bool squeeze_excite; /* of a quarter of the input's channels, with SiLU and sigmoid */
  bool fused;          /* a dense convolution for expand and depthwise */
};

/* Adds the blocks of a row, `channels` wide each: stage `stage`, so many. */
void mbconv_add_row(struct mbconv_description *d, const struct mbconv_row *row, unsigned stage, size_t channels,
                    size_t blocks, const struct mbconv_block_kind *kind);

/* The families. Each adds the layers of the network `d->name`, if that is one of its own, and returns whether it is. */
bool mbconv_describe_mobilenet(struct mbconv_description *d, size_t classes); /* V1, V2, MnasNet */
bool mbconv_describe_mobilenet_v3(struct mbconv_description *d, size_t classes);
bool mbconv_describe_mobilenet_v4(struct mbconv_description *d, size_t classes);
bool mbconv_describe_efficientnet(struct mbconv_description *d, size_t classes); /* V1, Lite, V2 */
bool mbconv_describe_single(struct mbconv_description *d);                       /* a single block */

#endif
