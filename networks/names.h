/* SPDX-License-Identifier: MIT
 *
 * What the tensors of a layer are called, and their shapes.
 */
#ifndef MBCONV_NAMES_H
#define MBCONV_NAMES_H

#include "description.h"

/* A convolution or fully connected layer within a layer: `name`.weight, `name`.bias, and `norm`.{weight, bias,
 * running_mean, running_var}. */
struct mbconv_part {
  char name[56], norm[56];
  bool bias, batch_norm;
  bool flat; /* the weights are [out][in] instead of [out][in][kernel][kernel] */
  size_t out, in, kernel;
};

/* The parts of a block, in the order in which they are listed; those that it lacks are left out. A convolution or fully
 * connected layer is a single part, a pooling has none. */
enum mbconv_role {
  MBCONV_START,  /* the depthwise before the expand */
  MBCONV_EXPAND, /* or the dense convolution */
  MBCONV_DEPTHWISE,
  MBCONV_REDUCE,
  MBCONV_EXCITE,
  MBCONV_PROJECT,
  MBCONV_ROLES
};

/* Writes the parts of layer `index` to parts[role], for what is not a block to parts[0]; `out` is 0 where there is
 * none. `parts` has room for MBCONV_ROLES. */
void mbconv_parts_of(const struct mbconv_description *description, size_t index, struct mbconv_part *parts);

/* The tensors of a part. */
enum { MBCONV_WEIGHT, MBCONV_BIAS, MBCONV_GAMMA, MBCONV_BETA, MBCONV_MEAN, MBCONV_VARIANCE, MBCONV_PART_TENSORS };

struct mbconv_tensor_name {
  char name[88];
  size_t rank, shape[4];
};

/* Tensor `which` of the part; false if it has none of it. */
bool mbconv_tensor_of(const struct mbconv_part *part, int which, struct mbconv_tensor_name *tensor);

#endif
