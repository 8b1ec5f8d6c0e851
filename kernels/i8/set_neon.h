/* SPDX-License-Identifier: MIT
 *
 * The functions of the int8 set for NEON; see ../kernels.h and i8.h for their contracts.
 */
#ifndef MBCONV_I8_SET_NEON_H
#define MBCONV_I8_SET_NEON_H

#include "i8.h"

mbconv_pointwise_fn mbconv_i8_pointwise_neon_5x16, mbconv_i8_pointwise_neon_8x8;
mbconv_depthwise_fn mbconv_i8_depthwise_neon_3x3s1, mbconv_i8_depthwise_neon_3x3s2, mbconv_i8_depthwise_neon_5x5s1,
    mbconv_i8_depthwise_neon_5x5s2, mbconv_i8_depthwise_neon_7x7s1, mbconv_i8_depthwise_neon_7x7s2;
mbconv_i8_pack_panel_fn mbconv_i8_pack_panel_neon;
mbconv_i8_pack_depthwise_fn mbconv_i8_pack_depthwise_neon;
mbconv_transpose_fn mbconv_i8_transpose_neon_8x8;
mbconv_i8_table_fn mbconv_i8_table_neon;
mbconv_i8_flip_fn mbconv_i8_flip_neon;
mbconv_i8_add_fn mbconv_i8_add_neon;
mbconv_channel_sum_fn mbconv_i8_channel_sum_neon;
mbconv_i8_gate_fn mbconv_i8_gate_neon;

#endif
