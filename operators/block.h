/* SPDX-License-Identifier: MIT
 *
 * Descriptions of the public API become lists of stages, and everything that users can get wrong is checked. Without
 * `weights_needed` the weights' pointers may be NULL and nothing behind them is read.
 */
#ifndef MBCONV_BLOCK_H
#define MBCONV_BLOCK_H

#include "stage.h"

mbconv_status mbconv_block_check(const mbconv_block_desc *desc, bool weights_needed, struct mbconv_described *described,
                                 mbconv_error *error);

mbconv_status mbconv_stages_check(const mbconv_stages_desc *desc, bool weights_needed,
                                  struct mbconv_described *described, mbconv_error *error);

mbconv_status mbconv_convolution_check(const mbconv_convolution_desc *desc, bool weights_needed,
                                       struct mbconv_described *described, mbconv_error *error);

/* The list of a block: its first member, and the only one. */
static inline const struct mbconv_stages *mbconv_block_stages(const mbconv_block *block) {
  return (const struct mbconv_stages *)(const void *)block;
}

/* Sets which shortcut a list adds: its residual_channels are set. If the list has a size, its shapes are. */
mbconv_status mbconv_residual_check(mbconv_residual residual, struct mbconv_described *described, mbconv_error *error);

/* The struct's size, its activations (`more`: see mbconv_activation_check()) and its width. */
mbconv_status mbconv_squeeze_excite_check(const mbconv_squeeze_excite *excite, bool more, mbconv_error *error);

/* INVALID_ARGUMENT for an unknown layout. */
mbconv_status mbconv_layout_check(mbconv_layout layout, mbconv_error *error);

/* INVALID_ARGUMENT for an unknown kind. */
mbconv_status mbconv_pad_kind_check(mbconv_pad_kind kind, mbconv_error *error);

/* INVALID_ARGUMENT unless it is 3, 5 or 7. */
mbconv_status mbconv_depthwise_kernel_check(size_t kernel, mbconv_error *error);

#endif
