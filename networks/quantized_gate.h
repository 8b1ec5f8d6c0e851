/* SPDX-License-Identifier: MIT
 *
 * The gate of MobileNetV3, relu6(v + 3) / 6, as converters write it for LiteRT, by two operators of int8: ADD of a
 * constant, with RELU6, and MUL by a constant. It is a function of one byte.
 */
#ifndef MBCONV_QUANTIZED_GATE_H
#define MBCONV_QUANTIZED_GATE_H

#include <stdint.h>

#include "mbconv_i8.h"

struct mbconv_gate {
  mbconv_quantization three, shifted, sixth; /* of ADD's constant, of what it gives, of MUL's constant */
  int32_t constants[2];                      /* the bytes of the two constants */
};

/* Makes the table: what LiteRT's default makes of each byte. `input`: of what comes in; `output`: of the gates.
 * MBCONV_INVALID_ARGUMENT for scales and bytes that it does not take. */
mbconv_status mbconv_gate_table(const struct mbconv_gate *gate, mbconv_type type, const mbconv_quantization *input,
                                const mbconv_quantization *output, uint8_t table[256], mbconv_error *error);

#endif
