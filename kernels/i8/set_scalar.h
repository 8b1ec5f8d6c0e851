/* SPDX-License-Identifier: MIT
 *
 * The functions of the scalar int8 set; see i8.h for their contracts.
 */
#ifndef MBCONV_I8_SET_SCALAR_H
#define MBCONV_I8_SET_SCALAR_H

#include "i8.h"

/* The channels of a tile, and what is packed of a channel beside its weights: bias, scale and shift. */
enum { MBCONV_I8_SIDE = 4, MBCONV_I8_SCALAR_BIAS = 8 };

mbconv_pointwise_fn mbconv_i8_pointwise_scalar_4x4;
mbconv_depthwise_fn mbconv_i8_depthwise_scalar_3x3s1, mbconv_i8_depthwise_scalar_3x3s2,
    mbconv_i8_depthwise_scalar_5x5s1, mbconv_i8_depthwise_scalar_5x5s2, mbconv_i8_depthwise_scalar_7x7s1,
    mbconv_i8_depthwise_scalar_7x7s2;
mbconv_transpose_fn mbconv_i8_transpose_scalar_1x1;
mbconv_interleave_fn mbconv_i8_interleave3_scalar;
mbconv_i8_pack_panel_fn mbconv_i8_pack_panel_scalar;
mbconv_i8_pack_depthwise_fn mbconv_i8_pack_depthwise_scalar;
mbconv_i8_table_fn mbconv_i8_table_scalar;

/* Like a table_fn, but channel c has the table [c][256]. Of all sets: a vector cannot look up more than one table. */
mbconv_i8_table_fn mbconv_i8_tables_scalar;

mbconv_i8_flip_fn mbconv_i8_flip_scalar;
mbconv_i8_add_fn mbconv_i8_add_scalar;
mbconv_i8_quantize_fn mbconv_i8_quantize_scalar;
mbconv_i8_dequantize_fn mbconv_i8_dequantize_scalar;
mbconv_channel_sum_fn mbconv_i8_channel_sum_scalar;
mbconv_i8_mean_fn mbconv_i8_mean_scalar;
mbconv_i8_gate_fn mbconv_i8_gate_scalar;

#endif
