/* SPDX-License-Identifier: MIT
 *
 * The functions of the scalar set; see kernels.h for their contracts.
 */
#ifndef MBCONV_SET_SCALAR_H
#define MBCONV_SET_SCALAR_H

#include "kernels.h"

mbconv_pointwise_fn mbconv_pointwise_scalar_4x4;
mbconv_gemv_fn mbconv_gemv_scalar;
mbconv_depthwise_fn mbconv_depthwise_scalar_3x3s1, mbconv_depthwise_scalar_3x3s2, mbconv_depthwise_scalar_5x5s1,
    mbconv_depthwise_scalar_5x5s2, mbconv_depthwise_scalar_7x7s1, mbconv_depthwise_scalar_7x7s2;
mbconv_activation_fn mbconv_none_scalar, mbconv_relu_scalar, mbconv_relu6_scalar, mbconv_hard_sigmoid_scalar,
    mbconv_hard_swish_scalar, mbconv_silu_scalar, mbconv_sigmoid_scalar, mbconv_silu_sleef_scalar,
    mbconv_sigmoid_sleef_scalar;
mbconv_channel_sum_fn mbconv_channel_sum_scalar;
mbconv_channel_mean_fn mbconv_channel_mean_scalar; /* of all f32 sets */
mbconv_channel_scale_fn mbconv_channel_scale_scalar;
mbconv_transpose_fn mbconv_transpose_scalar_1x1;
mbconv_interleave_fn mbconv_interleave3_scalar;

#endif
