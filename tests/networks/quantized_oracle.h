/* SPDX-License-Identifier: MIT
 *
 * A network of int8 once more, operator by operator: each stage a block of its own on the scalar set, tables applied by
 * an operator of their own, products and sums of two bytes by the formulas of mbconv_i8.h.
 */
#ifndef MBCONV_QUANTIZED_ORACLE_H
#define MBCONV_QUANTIZED_ORACLE_H

#include "quantized.h"
#include "test.h"

struct oracle_image {
  size_t height, width, channels;
  uint8_t *bytes; /* from malloc; int8_t or uint8_t by the description's type */
  mbconv_quantization q;
};

/* What the network gives for the image, whose q is not read: bytes from malloc. Ends the program if there is no memory;
 * counts a case for each operator. */
struct oracle_image quantized_oracle(struct test *t, const struct mbconv_description *description,
                                     const struct mbconv_tensors *tensors, mbconv_padding padding,
                                     const struct oracle_image *image);

#endif
