/* SPDX-License-Identifier: MIT
 *
 * The int8 set for NEON with I8MM. The depthwise is SDOT's, and what does not multiply is NEON's.
 */
#include "set_neon_i8mm.h"
#include "set_neon.h"
#include "set_neon_dotprod.h"
#include "set_scalar.h"

static const struct mbconv_i8_kernels i8 = {
    .turned = 0x80,
    .pack_panel = mbconv_i8_pack_panel_neon_i8mm,
    .pack_depthwise = mbconv_i8_pack_depthwise_neon_dotprod,
    .table = mbconv_i8_table_neon,
    .flip = mbconv_i8_flip_neon,
    .add = mbconv_i8_add_neon,
    .quantize = mbconv_i8_quantize_scalar,
    .dequantize = mbconv_i8_dequantize_scalar,
    .mean = mbconv_i8_mean_scalar,
    .gate = mbconv_i8_gate_neon,
    .depthwise_pair = {{mbconv_i8_depthwise_neon_dotprod_3x3s1_pair, NULL}},
};

const struct mbconv_kernels mbconv_kernels_i8_neon_i8mm = {
    .isa = MBCONV_ISA_NEON_I8MM,
    .lanes = 16,
    .element = 1,
    .pointwise = {{.pixels = 6, .step = 2, .channels = 16, .tails = true, .run = mbconv_i8_pointwise_neon_i8mm_6x16},
                  {.pixels = 8, .step = 4, .channels = 8, .tails = true, .run = mbconv_i8_pointwise_neon_i8mm_8x8}},
    .depthwise = {{mbconv_i8_depthwise_neon_dotprod_3x3s1, mbconv_i8_depthwise_neon_dotprod_3x3s2},
                  {mbconv_i8_depthwise_neon_dotprod_5x5s1, mbconv_i8_depthwise_neon_dotprod_5x5s2},
                  {mbconv_i8_depthwise_neon_dotprod_7x7s1, mbconv_i8_depthwise_neon_dotprod_7x7s2}},
    .interleave3 = mbconv_i8_interleave3_scalar,
    .channel_sum = mbconv_i8_channel_sum_neon,
    .transpose = {.rows = 8, .columns = 8, .run = mbconv_i8_transpose_neon_8x8},
    .transpose_one = mbconv_i8_transpose_scalar_1x1,
    .packing = {.bias = 8, .weight = 1, .k_step = 8, .unit = 16, .taps = {{12, 12}, {28, 28}, {56, 56}}},
    .fastest_exp = MBCONV_EXP_INLINE,
    .i8 = &i8,
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
