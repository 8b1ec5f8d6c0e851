/* SPDX-License-Identifier: MIT
 *
 * Which channels may end with scaled_relu() of requantize_<isa>.h.
 */
#ifndef MBCONV_I8_RELU_H
#define MBCONV_I8_RELU_H

#include "i8.h"

/* The bits of 2^23, which are added to the bias. */
enum { MBCONV_I8_RELU_START = 0x4b000000 };

/* What the FMA adds is the negated scale times 2^23: this added to its bits. Places without a channel have a scale of 0
 * and get something tiny. */
enum { MBCONV_I8_RELU_EXPONENT = 23 << 23 };

/* Whether this channel of `weights` weights may. The bounds: sums are above -2^30, so that their bits stay those of
 * positive floats; below 2^26, so that these are below 2^31, and stay so when multiplied by the scale; and 2^23 * scale
 * is more than any byte. */
static inline bool mbconv_i8_relu_fits(const struct mbconv_i8_channel *channel, size_t weights) {
  int64_t least = channel->bias, most = channel->bias;
  for (size_t i = 0; i < weights; i++) *(channel->weight[i] < 0 ? &least : &most) += 255 * channel->weight[i];
  const float scale = channel->scale.scale;
  return channel->ending->rounding == MBCONV_I8_FP32 && channel->ending->zero == channel->ending->lo &&
         least > -(INT64_C(1) << 30) && most < INT64_C(1) << 26 && scale >= 0x1p-15f && scale < 1.0f;
}

#endif
