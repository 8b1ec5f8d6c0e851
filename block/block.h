/* SPDX-License-Identifier: MIT
 *
 * The block, and the checks it shares with the other operators.
 */
#ifndef MBCONV_BLOCK_H
#define MBCONV_BLOCK_H

#include <stdbool.h>

#include "mbconv.h"
#include "operator.h"
#include "plan.h"
#include "squeeze_excite.h"
#include "strip.h"

/* Immutable after create. */
struct mbconv_block {
  struct mbconv_operator base;
  struct mbconv_stages stages;
  struct mbconv_excite excite;
};

/* Checks all of a block's description: pointers, sizes, enum values, products that overflow. Without `weights_needed`
 * the weights' pointers may be NULL and nothing behind them is read. */
mbconv_status mbconv_block_check(const mbconv_block_desc *desc, bool weights_needed, mbconv_error *error);

/* Fills in the output size; checks the image, kernel, stride and padding of `shape`. */
mbconv_status mbconv_shape_check(struct mbconv_shape *shape, const mbconv_pad *pad, mbconv_error *error);

/* The shape of a description that has been checked; `mapped` is left to whoever knows the kernels. */
struct mbconv_shape mbconv_block_shape(const mbconv_block_desc *desc);

/* Like mbconv_shape_check(), but for a kernel that has been checked. */
mbconv_status mbconv_window_check(struct mbconv_shape *shape, const mbconv_pad *pad, mbconv_error *error);

/* Checks a convolution's description and fills in `shape`; `weights_needed` as above. */
mbconv_status mbconv_convolution_check(const mbconv_convolution_desc *desc, struct mbconv_shape *shape,
                                       bool weights_needed, mbconv_error *error);

#endif
