/* SPDX-License-Identifier: MIT
 *
 * The AVX2 set: 16 registers of 8 floats, two FMAs a cycle on every CPU that has them but the oldest.
 */
#include "set_avx2.h"
#include "set_scalar.h"

#include "layout.h"

#ifdef MBCONV_SLEEF
#define SILU_SLEEF mbconv_silu_sleef_avx2
#define SIGMOID_SLEEF mbconv_sigmoid_sleef_avx2
#else
#define SILU_SLEEF NULL
#define SIGMOID_SLEEF NULL
#endif

const struct mbconv_kernels mbconv_kernels_avx2 = {
    .isa = MBCONV_ISA_AVX2,
    .lanes = 8,
    .element = sizeof(float),
    .pointwise = {{.pixels = 4, .step = 1, .channels = 24, .run = mbconv_pointwise_avx2_4x24},
                  {.pixels = 6, .step = 1, .channels = 16, .run = mbconv_pointwise_avx2_6x16},
                  {.pixels = 12, .step = 1, .channels = 8, .run = mbconv_pointwise_avx2_12x8}},
    .gemv = mbconv_gemv_avx2,
    .depthwise = {{mbconv_depthwise_avx2_3x3s1, mbconv_depthwise_avx2_3x3s2},
                  {mbconv_depthwise_avx2_5x5s1, mbconv_depthwise_avx2_5x5s2},
                  {mbconv_depthwise_avx2_7x7s1, mbconv_depthwise_avx2_7x7s2}},
    .activation = {{mbconv_none_avx2, mbconv_relu_avx2, mbconv_relu6_avx2, SILU_SLEEF, SIGMOID_SLEEF,
                    mbconv_hard_sigmoid_avx2, mbconv_hard_swish_avx2},
                   {mbconv_none_avx2, mbconv_relu_avx2, mbconv_relu6_avx2, mbconv_silu_avx2, mbconv_sigmoid_avx2,
                    mbconv_hard_sigmoid_avx2, mbconv_hard_swish_avx2}},
    .channel_sum = mbconv_channel_sum_avx2,
    .channel_mean = mbconv_channel_mean_scalar,
    .channel_scale = mbconv_channel_scale_avx2,
    .transpose = {.rows = 8, .columns = 4, .run = mbconv_transpose_avx2_8x4},
    .transpose_one = mbconv_transpose_scalar_1x1,
    .interleave3 = mbconv_interleave3_scalar,
    .packing = MBCONV_PACKING_F32(8),
    .pack_panel = mbconv_pack_panel_f32,
    .pack_depthwise = mbconv_pack_depthwise_f32,
    .tiles_segments = true,
    .fastest_exp = MBCONV_EXP_INLINE,
    /* Measured on Zen 4. A tile of 24 channels leaves less choice of group sizes than one of 16, and is best with a
     * little less of L1. */
    .blocking = {.group_channels = 48,
                 .l1_bytes = 30 * 1024,
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
