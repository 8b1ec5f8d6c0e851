/* SPDX-License-Identifier: MIT
 *
 * A convolution and its BN become one convolution with a bias: folded in double, rounded once.
 */
#ifndef MBCONV_FOLD_H
#define MBCONV_FOLD_H

#include <stdbool.h>

#include "kernels.h"
#include "mbconv.h"

/* Checks the struct sizes and pointers of `conv` (called `name` in messages), of its BN and of the activation after it
 * and, for `channels` outputs, the numbers of the BN. Without `weights_needed` only the structs must be there: no
 * weight and no number is read. */
mbconv_status mbconv_conv_check(const mbconv_conv *conv, const char *name, size_t channels,
                                mbconv_activation_kind activation, bool weights_needed, mbconv_error *error);

/* What output `channel` of `conv` is multiplied by; its folded bias goes to *bias. */
double mbconv_fold(const mbconv_conv *conv, size_t channel, float *bias);

/* The slopes of an activation that has some, one for each channel. */
void mbconv_slopes_pack(mbconv_activation_kind kind, size_t channels, const float *slope, void *packed);

/* Folds and packs `conv`, weight [channels][k][k]. */
void mbconv_depthwise_pack(const struct mbconv_kernels *kernels, size_t channels, size_t kernel,
                           const mbconv_conv *conv, void *packed);

#endif
