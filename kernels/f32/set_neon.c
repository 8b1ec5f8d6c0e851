/* SPDX-License-Identifier: MIT
 *
 * The NEON set: 32 registers of 4 floats, in every 64-bit ARM CPU; one or two FMAs a cycle, four in Apple's.
 */
#include "set_neon.h"
#include "set_scalar.h"

#include "layout.h"

#ifdef MBCONV_SLEEF
#define SILU_SLEEF mbconv_silu_sleef_neon
#define SIGMOID_SLEEF mbconv_sigmoid_sleef_neon
#else
#define SILU_SLEEF NULL
#define SIGMOID_SLEEF NULL
#endif

const struct mbconv_kernels mbconv_kernels_neon = {
    .isa = MBCONV_ISA_NEON,
    .lanes = 4,
    .element = sizeof(float),
    .pointwise = {{.pixels = 11, .step = 1, .channels = 8, .run = mbconv_pointwise_neon_11x8},
                  {.pixels = 6, .step = 1, .channels = 4, .run = mbconv_pointwise_neon_6x4}},
    .gemv = mbconv_gemv_neon,
    .depthwise = {{mbconv_depthwise_neon_3x3s1, mbconv_depthwise_neon_3x3s2},
                  {mbconv_depthwise_neon_5x5s1, mbconv_depthwise_neon_5x5s2},
                  {mbconv_depthwise_neon_7x7s1, mbconv_depthwise_neon_7x7s2}},
    .activation = {{mbconv_none_neon, mbconv_relu_neon, mbconv_relu6_neon, SILU_SLEEF, SIGMOID_SLEEF,
                    mbconv_hard_sigmoid_neon, mbconv_hard_swish_neon},
                   {mbconv_none_neon, mbconv_relu_neon, mbconv_relu6_neon, mbconv_silu_neon, mbconv_sigmoid_neon,
                    mbconv_hard_sigmoid_neon, mbconv_hard_swish_neon}},
    .channel_sum = mbconv_channel_sum_neon,
    .channel_mean = mbconv_channel_mean_scalar,
    .channel_scale = mbconv_channel_scale_neon,
    .transpose = {.rows = 4, .columns = 4, .run = mbconv_transpose_neon_4x4},
    .transpose_one = mbconv_transpose_scalar_1x1,
    .interleave3 = mbconv_interleave3_scalar,
    .packing = MBCONV_PACKING_F32(4),
    .pack_panel = mbconv_pack_panel_f32,
    .pack_depthwise = mbconv_pack_depthwise_f32,
    .tiles_silu = true,
    .fastest_exp = MBCONV_EXP_INLINE,
    /* The values of AVX-512: no ARM64 core has been measured. */
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
