/* SPDX-License-Identifier: MIT
 *
 * The scalar int8 set: plain C for every CPU, and the reference for all other sets.
 */
#include "set_scalar.h"

static const struct mbconv_i8_kernels i8 = {
    .pack_panel = mbconv_i8_pack_panel_scalar,
    .pack_depthwise = mbconv_i8_pack_depthwise_scalar,
    .table = mbconv_i8_table_scalar,
    .flip = mbconv_i8_flip_scalar,
    .add = mbconv_i8_add_scalar,
    .quantize = mbconv_i8_quantize_scalar,
    .dequantize = mbconv_i8_dequantize_scalar,
    .mean = mbconv_i8_mean_scalar,
    .gate = mbconv_i8_gate_scalar,
};

const struct mbconv_kernels mbconv_kernels_i8_scalar = {
    .isa = MBCONV_ISA_SCALAR,
    .lanes = 1,
    .element = 1,
    .pointwise =
        {{.pixels = 4, .step = 1, .channels = MBCONV_I8_SIDE, .tails = true, .run = mbconv_i8_pointwise_scalar_4x4}},
    .depthwise = {{mbconv_i8_depthwise_scalar_3x3s1, mbconv_i8_depthwise_scalar_3x3s2},
                  {mbconv_i8_depthwise_scalar_5x5s1, mbconv_i8_depthwise_scalar_5x5s2},
                  {mbconv_i8_depthwise_scalar_7x7s1, mbconv_i8_depthwise_scalar_7x7s2}},
    .interleave3 = mbconv_i8_interleave3_scalar,
    .channel_sum = mbconv_i8_channel_sum_scalar,
    .transpose = {.rows = 1, .columns = 1, .run = mbconv_i8_transpose_scalar_1x1},
    .transpose_one = mbconv_i8_transpose_scalar_1x1,
    .packing =
        {.bias = MBCONV_I8_SCALAR_BIAS, .weight = 1, .k_step = 1, .unit = 1, .taps = {{12, 12}, {28, 28}, {52, 52}}},
    .fastest_exp = MBCONV_EXP_INLINE,
    .i8 = &i8,
    /* The values of f32: this set is the reference, not meant to be fast. */
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
