/* SPDX-License-Identifier: MIT
 *
 * Single blocks.
 */
#include <string.h>

#include "tables.h"

/* The first of a family is the notebook's; the other has the other's activation, so that like is compared with like. */
static const struct {
  const char *name;
  enum mbconv_family family;
  mbconv_activation_kind activation;
} singles[] = {
    {"mbconv", MBCONV_SINGLE_BLOCK, MBCONV_ACTIVATION_SILU},
    {"mbconv_relu", MBCONV_SINGLE_BLOCK, MBCONV_ACTIVATION_RELU},
    {"plain", MBCONV_PLAIN_BLOCK, MBCONV_ACTIVATION_RELU},
    {"plain_silu", MBCONV_PLAIN_BLOCK, MBCONV_ACTIVATION_SILU},
    {"bottleneck", MBCONV_BOTTLENECK, MBCONV_ACTIVATION_RELU},
    {"bottleneck_silu", MBCONV_BOTTLENECK, MBCONV_ACTIVATION_SILU},
};
enum { SINGLES = sizeof singles / sizeof *singles };

/* 16 channels on 32x32 pixels, as in the notebook. */
static void describe_single(struct mbconv_description *d, enum mbconv_family family,
                            mbconv_activation_kind activation) {
  d->family = family;
  d->size = d->resize = 32;
  d->channels = 16;
  if (family == MBCONV_SINGLE_BLOCK)
    mbconv_add(d, (struct mbconv_layer){.kind = MBCONV_LAYER_BLOCK,
                                        .in = 16,
                                        .expanded = 96,
                                        .out = 16,
                                        .expand = true,
                                        .kernel = 3,
                                        .stride = 1,
                                        .activation = activation});
  if (family == MBCONV_PLAIN_BLOCK)
    for (size_t i = 0; i < 2; i++) mbconv_add_convolution(d, 16, 3, 1, activation);
  if (family == MBCONV_BOTTLENECK) {
    mbconv_add_convolution(d, 4, 1, 1, activation);
    mbconv_add_convolution(d, 4, 3, 1, activation);
    mbconv_add_convolution(d, 16, 1, 1, activation)->residual_back = 2;
  }
}

bool mbconv_describe_single(struct mbconv_description *d) {
  for (size_t i = 0; i < SINGLES; i++)
    if (strcmp(d->name, singles[i].name) == 0) describe_single(d, singles[i].family, singles[i].activation);
  return d->layers > 0;
}
