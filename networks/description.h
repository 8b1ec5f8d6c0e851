/* SPDX-License-Identifier: MIT
 *
 * A network as a list of layers: sizes only. tables*.c make it, names.c knows what its tensors are called.
 */
#ifndef MBCONV_DESCRIPTION_H
#define MBCONV_DESCRIPTION_H

#include <stdbool.h>

#include "../kernels/arithmetic.h"
#include "mbconv_networks.h"

enum { MBCONV_MOST_LAYERS = 96, MBCONV_DEFAULT_CLASSES = 1000, MBCONV_MOST_CLASSES = 1 << 20 };

enum mbconv_layer_kind {
  MBCONV_LAYER_CONVOLUTION, /* with BN and activation */
  MBCONV_LAYER_BLOCK,       /* MBConv, or one of its relatives */
  MBCONV_LAYER_POOL,        /* global average; only fully connected layers follow */
  MBCONV_LAYER_CONNECTED    /* fully connected, with bias and activation */
};

struct mbconv_layer {
  enum mbconv_layer_kind kind;
  size_t in, expanded, out;   /* channels */
  bool expand;                /* blocks: whether there is an expand */
  bool fused;                 /* blocks: a dense convolution for expand and depthwise; without `expand` it is all */
  bool activated;             /* blocks: the activation follows the project, too */
  bool alone;                 /* blocks: the input is never added */
  size_t kernel, stride;      /* blocks: of the depthwise, 0 for none, or of the dense convolution */
  size_t start, start_stride; /* blocks: of a depthwise before the expand, without activation; 0: none */
  size_t squeeze;             /* blocks: width of squeeze-excite, 0 for none */
  mbconv_activation_kind activation, inner, gate;
  size_t residual_back; /* convolutions: adds the input of the layer that many layers before; 0: none */
  bool classifier;      /* the last fully connected layer */
  bool i8;              /* of a network of int8: all layers are blocks to the core but the pooling */
  unsigned number;      /* where tensors are named by it: 0 for the stem, then counted on */
  unsigned stage, index;
};

enum mbconv_family {
  MBCONV_MOBILENET_V2,
  MBCONV_EFFICIENTNET,
  MBCONV_EFFICIENTNET_LITE,
  MBCONV_EFFICIENTNET_V2,
  MBCONV_MOBILENET_V3,
  MBCONV_MOBILENET_V4,
  MBCONV_MOBILENET_V1,
  MBCONV_MNASNET,
  MBCONV_SINGLE_BLOCK, /* of the notebook */
  MBCONV_PLAIN_BLOCK,
  MBCONV_BOTTLENECK
};

/* Whose names the tensors have: torchvision's, timm's, or those of the package efficientnet_pytorch and of what is
 * built on it. Single blocks have only one kind, which counts as torchvision's. */
enum mbconv_naming { MBCONV_TORCHVISION, MBCONV_TIMM, MBCONV_EFFICIENTNET_PYTORCH };

struct mbconv_description {
  char name[32];
  enum mbconv_family family;
  enum mbconv_naming naming;
  size_t size;   /* images are size x size by default */
  size_t resize; /* before they are cut to that */
  bool bicubic;  /* when they are resized */
  float mean[3], deviation[3];
  float epsilon;          /* of the BNs */
  mbconv_padding padding; /* OWN: not stated; symmetric if it stays so */
  unsigned assumed;       /* MBCONV_ASSUMED_*, before the options are looked at */
  size_t channels;        /* of the images */
  mbconv_type type;       /* of all values */
  size_t layers;
  struct mbconv_layer layer[MBCONV_MOST_LAYERS];
};

/* Fills in the description of the network called `name`; false if there is none. */
bool mbconv_describe(const char *name, size_t classes, struct mbconv_description *description);

/* The failure of a name that is none, which tells the nearest one. `where` stands before it. */
mbconv_status mbconv_no_network(mbconv_status status, const char *where, const char *name, mbconv_error *error);

/* The names of a family's networks: `index` from 0 until it returns false. Of MobileNetV2 only that of width 1. */
bool mbconv_candidate(enum mbconv_family family, size_t index, char name[32]);

/* Where a width shows: the output channels of MobileNetV2's stem, of its seven stages, and of its head. */
enum { MBCONV_WIDTH_MARKS = 9 };

/* Writes the name of the MobileNetV2 whose output channels are most of these: of those that are equally near, one with
 * published weights, else one with as few decimals as can be. */
void mbconv_name_width(const size_t channels[MBCONV_WIDTH_MARKS], char name[32]);

#endif
