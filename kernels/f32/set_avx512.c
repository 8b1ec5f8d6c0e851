/* SPDX-License-Identifier: MIT
 *
 * The AVX-512 set: 32 registers of 16 floats, masked loads and stores, and FMAs that broadcast a float from memory. One
 * or two FMAs a cycle.
 */
#include "set_avx512.h"
#include "set_scalar.h"

#include "layout.h"
#include "set_avx2.h" /* its narrow tile and transposition: a CPU with AVX-512 has AVX2 */

#ifdef MBCONV_SLEEF
#define SILU_SLEEF mbconv_silu_sleef_avx512
#define SIGMOID_SLEEF mbconv_sigmoid_sleef_avx512
#else
#define SILU_SLEEF NULL
#define SIGMOID_SLEEF NULL
#endif

const struct mbconv_kernels mbconv_kernels_avx512 = {
    .isa = MBCONV_ISA_AVX512,
    .lanes = 16,
    .element = sizeof(float),
    .pointwise = {{.pixels = 28, .step = 7, .channels = 16, .tails = true, .run = mbconv_pointwise_avx512_28x16},
                  {.pixels = 12, .step = 1, .channels = 8, .run = mbconv_pointwise_avx2_12x8}},
    .abreast = {{.pixels = 9, .step = 1, .channels = 32, .tails = true, .run = mbconv_pointwise_avx512_9x32},
                {.pixels = 9, .step = 1, .channels = 48, .tails = true, .run = mbconv_pointwise_avx512_9x48}},
    .gemv = mbconv_gemv_avx512,
    .depthwise = {{mbconv_depthwise_avx512_3x3s1, mbconv_depthwise_avx512_3x3s2},
                  {mbconv_depthwise_avx512_5x5s1, mbconv_depthwise_avx512_5x5s2},
                  {mbconv_depthwise_avx512_7x7s1, mbconv_depthwise_avx512_7x7s2}},
    .activation = {{mbconv_none_avx512, mbconv_relu_avx512, mbconv_relu6_avx512, SILU_SLEEF, SIGMOID_SLEEF,
                    mbconv_hard_sigmoid_avx512, mbconv_hard_swish_avx512},
                   {mbconv_none_avx512, mbconv_relu_avx512, mbconv_relu6_avx512, mbconv_silu_avx512,
                    mbconv_sigmoid_avx512, mbconv_hard_sigmoid_avx512, mbconv_hard_swish_avx512}},
    .channel_sum = mbconv_channel_sum_avx512,
    .channel_mean = mbconv_channel_mean_scalar,
    .channel_scale = mbconv_channel_scale_avx512,
    .transpose = {.rows = 8, .columns = 4, .run = mbconv_transpose_avx2_8x4},
    .transpose_one = mbconv_transpose_scalar_1x1,
    .interleave3 = mbconv_interleave3_scalar,
    .packing = MBCONV_PACKING_F32(16),
    .pack_panel = mbconv_pack_panel_f32,
    .pack_depthwise = mbconv_pack_depthwise_f32,
    .tiles_segments = true,
    .fastest_exp = MBCONV_EXP_INLINE,
    /* Measured on Zen 4. */
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
