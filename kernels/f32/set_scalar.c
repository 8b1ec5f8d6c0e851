/* SPDX-License-Identifier: MIT
 *
 * The scalar set: plain C for every CPU, and the reference for all other sets.
 */
#include "set_scalar.h"

#include "layout.h"

#ifdef MBCONV_SLEEF
#define SILU_SLEEF mbconv_silu_sleef_scalar
#define SIGMOID_SLEEF mbconv_sigmoid_sleef_scalar
#else
#define SILU_SLEEF NULL
#define SIGMOID_SLEEF NULL
#endif

/* Without an instruction for FMA the inline variant takes 19 ns for a SiLU, SLEEF, which has one, 5 (Sapphire Rapids);
 * on ARM64 it is one instruction, and the call to SLEEF the only one. */
#ifdef __aarch64__
#define FASTEST_EXP MBCONV_EXP_INLINE
#else
#define FASTEST_EXP MBCONV_EXP_SLEEF
#endif

const struct mbconv_kernels mbconv_kernels_scalar = {
    .isa = MBCONV_ISA_SCALAR,
    .lanes = 1,
    .element = sizeof(float),
    .pointwise = {{.pixels = 4, .step = 1, .channels = 4, .tails = true, .run = mbconv_pointwise_scalar_4x4}},
    .gemv = mbconv_gemv_scalar,
    .depthwise = {{mbconv_depthwise_scalar_3x3s1, mbconv_depthwise_scalar_3x3s2},
                  {mbconv_depthwise_scalar_5x5s1, mbconv_depthwise_scalar_5x5s2},
                  {mbconv_depthwise_scalar_7x7s1, mbconv_depthwise_scalar_7x7s2}},
    .activation = {{mbconv_none_scalar, mbconv_relu_scalar, mbconv_relu6_scalar, SILU_SLEEF, SIGMOID_SLEEF,
                    mbconv_hard_sigmoid_scalar, mbconv_hard_swish_scalar},
                   {mbconv_none_scalar, mbconv_relu_scalar, mbconv_relu6_scalar, mbconv_silu_scalar,
                    mbconv_sigmoid_scalar, mbconv_hard_sigmoid_scalar, mbconv_hard_swish_scalar}},
    .channel_sum = mbconv_channel_sum_scalar,
    .channel_mean = mbconv_channel_mean_scalar,
    .channel_scale = mbconv_channel_scale_scalar,
    .transpose = {.rows = 1, .columns = 1, .run = mbconv_transpose_scalar_1x1},
    .transpose_one = mbconv_transpose_scalar_1x1,
    .interleave3 = mbconv_interleave3_scalar,
    .packing = MBCONV_PACKING_F32(1),
    .pack_panel = mbconv_pack_panel_f32,
    .pack_depthwise = mbconv_pack_depthwise_f32,
    .tiles_segments = true,
    .fastest_exp = FASTEST_EXP,
    /* The values of AVX-512: this set is the reference, not meant to be fast. */
    .blocking = {.group_channels = 48,
                 .l1_bytes = 34 * 1024,
                 .l2_least_bytes = 32 * 1024,
                 .l2_most_bytes = 372 * 1024,
                 .l2_assumed_bytes = 512 * 1024,
                 .run_pixels = 48,
                 .depthwise_pixels = 14,
                 .map_bytes = 16 * 1024,
                 .map_pixels = 56,
                 .projected_pixels = 56,
                 .window_bytes = 24 * 1024},
};
