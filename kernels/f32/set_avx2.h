/* SPDX-License-Identifier: MIT
 *
 * The functions of the AVX2 set; see kernels.h for their contracts.
 */
#ifndef MBCONV_SET_AVX2_H
#define MBCONV_SET_AVX2_H

#include "kernels.h"

mbconv_pointwise_fn mbconv_pointwise_avx2_4x24, mbconv_pointwise_avx2_6x16, mbconv_pointwise_avx2_12x8;
mbconv_gemv_fn mbconv_gemv_avx2;
mbconv_depthwise_fn mbconv_depthwise_avx2_3x3s1, mbconv_depthwise_avx2_3x3s2, mbconv_depthwise_avx2_5x5s1,
    mbconv_depthwise_avx2_5x5s2, mbconv_depthwise_avx2_7x7s1, mbconv_depthwise_avx2_7x7s2;
mbconv_activation_fn mbconv_relu_avx2, mbconv_relu6_avx2, mbconv_hard_sigmoid_avx2, mbconv_hard_swish_avx2,
    mbconv_none_avx2, mbconv_silu_avx2, mbconv_sigmoid_avx2, mbconv_silu_sleef_avx2, mbconv_sigmoid_sleef_avx2;
mbconv_channel_sum_fn mbconv_channel_sum_avx2;
mbconv_channel_scale_fn mbconv_channel_scale_avx2;
mbconv_transpose_fn mbconv_transpose_avx2_8x4;

#endif
