/* SPDX-License-Identifier: MIT
 *
 * The functions of the int8 set for AVX2 with VNNI; see ../kernels.h and i8.h for their contracts.
 */
#ifndef MBCONV_I8_SET_AVX2_VNNI_H
#define MBCONV_I8_SET_AVX2_VNNI_H

#include "i8.h"

mbconv_pointwise_fn mbconv_i8_pointwise_avx2_vnni_3x32, mbconv_i8_pointwise_avx2_vnni_4x24,
    mbconv_i8_pointwise_avx2_vnni_6x16, mbconv_i8_pointwise_avx2_vnni_12x8;
mbconv_depthwise_fn mbconv_i8_depthwise_avx2_vnni_3x3s1, mbconv_i8_depthwise_avx2_vnni_3x3s2,
    mbconv_i8_depthwise_avx2_vnni_5x5s1, mbconv_i8_depthwise_avx2_vnni_5x5s2, mbconv_i8_depthwise_avx2_vnni_7x7s1,
    mbconv_i8_depthwise_avx2_vnni_7x7s2;
mbconv_i8_pack_depthwise_fn mbconv_i8_pack_depthwise_avx2_vnni;

#endif
