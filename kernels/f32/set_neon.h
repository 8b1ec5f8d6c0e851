/* SPDX-License-Identifier: MIT
 *
 * The functions of the NEON set; see kernels.h for their contracts.
 */
#ifndef MBCONV_SET_NEON_H
#define MBCONV_SET_NEON_H

#include "kernels.h"

mbconv_pointwise_fn mbconv_pointwise_neon_11x8, mbconv_pointwise_neon_6x4;
mbconv_gemv_fn mbconv_gemv_neon;
mbconv_depthwise_fn mbconv_depthwise_neon_3x3s1, mbconv_depthwise_neon_3x3s2, mbconv_depthwise_neon_5x5s1,
    mbconv_depthwise_neon_5x5s2, mbconv_depthwise_neon_7x7s1, mbconv_depthwise_neon_7x7s2;
mbconv_activation_fn mbconv_relu_neon, mbconv_relu6_neon, mbconv_hard_sigmoid_neon, mbconv_hard_swish_neon,
    mbconv_none_neon, mbconv_silu_neon, mbconv_sigmoid_neon, mbconv_silu_sleef_neon, mbconv_sigmoid_sleef_neon;
mbconv_channel_sum_fn mbconv_channel_sum_neon;
mbconv_channel_scale_fn mbconv_channel_scale_neon;
mbconv_transpose_fn mbconv_transpose_neon_4x4;

#endif
