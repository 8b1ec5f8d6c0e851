/* SPDX-License-Identifier: MIT
 *
 * Which tensors make which network.
 */
#ifndef MBCONV_WEIGHTS_H
#define MBCONV_WEIGHTS_H

#include "names.h"
#include "tensors.h"

/* Finds out whose tensors these are, and that they are all there, of the right shape and type, and no others.
 * Otherwise MBCONV_BAD_FILE, with the name of a tensor. */
mbconv_status mbconv_recognise(struct mbconv_tensors *tensors, struct mbconv_description *description,
                               mbconv_error *error);

/* MBCONV_BAD_FILE, with the name of the tensor and the network, if it is NULL, not of that type, or misshapen. F32
 * stands for all types that become floats. */
mbconv_status mbconv_tensor_check(const struct mbconv_tensor *tensor, const struct mbconv_tensor_name *wanted,
                                  const char *type, const char *network, mbconv_error *error);

/* Makes the tensors of a description up, the same for the same seed. */
mbconv_status mbconv_random_tensors(const struct mbconv_description *description, uint64_t seed,
                                    struct mbconv_tensors *tensors, mbconv_error *error);

/* The parameters of a part, pointing into the tensors, all of which must be there. `norm` is filled in if the part has
 * one. */
mbconv_conv mbconv_conv_of(const struct mbconv_tensors *tensors, const struct mbconv_part *part, float epsilon,
                           mbconv_batch_norm *norm);

#endif
