/* SPDX-License-Identifier: MIT
 *
 * The functions of the int8 set for AVX2; see ../kernels.h and i8.h for their contracts.
 */
#ifndef MBCONV_I8_SET_AVX2_H
#define MBCONV_I8_SET_AVX2_H

#include "i8.h"

mbconv_pointwise_fn mbconv_i8_pointwise_avx2_3x32, mbconv_i8_pointwise_avx2_4x24, mbconv_i8_pointwise_avx2_6x16,
    mbconv_i8_pointwise_avx2_12x8;
mbconv_pointwise_fn mbconv_i8_pointwise_avx2_bytes_3x32, mbconv_i8_pointwise_avx2_bytes_4x24,
    mbconv_i8_pointwise_avx2_bytes_6x16, mbconv_i8_pointwise_avx2_bytes_12x8;
mbconv_depthwise_fn mbconv_i8_depthwise_avx2_3x3s1, mbconv_i8_depthwise_avx2_3x3s2, mbconv_i8_depthwise_avx2_5x5s1,
    mbconv_i8_depthwise_avx2_5x5s2, mbconv_i8_depthwise_avx2_7x7s1, mbconv_i8_depthwise_avx2_7x7s2;
mbconv_i8_pack_depthwise_fn mbconv_i8_pack_depthwise_avx2;
mbconv_transpose_fn mbconv_i8_transpose_avx2_8x8;
mbconv_i8_table_fn mbconv_i8_table_avx2;
mbconv_i8_flip_fn mbconv_i8_flip_avx2;
mbconv_interleave_fn mbconv_i8_interleave3_avx2;
mbconv_i8_add_fn mbconv_i8_add_avx2;
mbconv_i8_quantize_fn mbconv_i8_quantize_avx2;
mbconv_i8_dequantize_fn mbconv_i8_dequantize_avx2;
mbconv_channel_sum_fn mbconv_i8_channel_sum_avx2;
mbconv_i8_gate_fn mbconv_i8_gate_avx2;

/* Channels of a depthwise are packed by units of 8. */
enum { MBCONV_I8_AVX2_UNIT = 8 };

#endif
