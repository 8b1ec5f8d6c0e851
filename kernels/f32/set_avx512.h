/* SPDX-License-Identifier: MIT
 *
 * The functions of the AVX-512 set; see kernels.h for their contracts.
 */
#ifndef MBCONV_SET_AVX512_H
#define MBCONV_SET_AVX512_H

#include "kernels.h"

mbconv_pointwise_fn mbconv_pointwise_avx512_28x16, mbconv_pointwise_avx512_9x32, mbconv_pointwise_avx512_9x48;
mbconv_gemv_fn mbconv_gemv_avx512;
mbconv_depthwise_fn mbconv_depthwise_avx512_3x3s1, mbconv_depthwise_avx512_3x3s2, mbconv_depthwise_avx512_5x5s1,
    mbconv_depthwise_avx512_5x5s2, mbconv_depthwise_avx512_7x7s1, mbconv_depthwise_avx512_7x7s2;
mbconv_activation_fn mbconv_none_avx512, mbconv_relu_avx512, mbconv_relu6_avx512, mbconv_hard_sigmoid_avx512,
    mbconv_hard_swish_avx512, mbconv_silu_avx512, mbconv_sigmoid_avx512, mbconv_silu_sleef_avx512,
    mbconv_sigmoid_sleef_avx512;
mbconv_channel_sum_fn mbconv_channel_sum_avx512;
mbconv_channel_scale_fn mbconv_channel_scale_avx512;

#endif
