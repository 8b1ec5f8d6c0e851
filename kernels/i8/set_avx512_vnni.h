/* SPDX-License-Identifier: MIT
 *
 * The functions of the int8 set for AVX-512 with VNNI; see ../kernels.h and i8.h for their contracts.
 */
#ifndef MBCONV_I8_SET_AVX512_VNNI_H
#define MBCONV_I8_SET_AVX512_VNNI_H

#include "i8.h"

mbconv_pointwise_fn mbconv_i8_pointwise_avx512_vnni_7x64, mbconv_i8_pointwise_avx512_vnni_7x48,
    mbconv_i8_pointwise_avx512_vnni_14x32, mbconv_i8_pointwise_avx512_vnni_28x16;
mbconv_depthwise_fn mbconv_i8_depthwise_avx512_vnni_3x3s1, mbconv_i8_depthwise_avx512_vnni_3x3s2,
    mbconv_i8_depthwise_avx512_vnni_5x5s1, mbconv_i8_depthwise_avx512_vnni_5x5s2, mbconv_i8_depthwise_avx512_vnni_7x7s1,
    mbconv_i8_depthwise_avx512_vnni_7x7s2;
mbconv_i8_depthwise_pair_fn mbconv_i8_depthwise_avx512_vnni_3x3s1_pair, mbconv_i8_depthwise_avx512_vnni_5x5s1_pair;
mbconv_i8_pack_depthwise_fn mbconv_i8_pack_depthwise_avx512_vnni;
mbconv_i8_table_fn mbconv_i8_table_vbmi_avx512_vnni; /* on CPUs that have VBMI, too */
mbconv_i8_quantize_fn mbconv_i8_quantize_avx512_vnni;
mbconv_i8_dequantize_fn mbconv_i8_dequantize_avx512_vnni;

#endif
