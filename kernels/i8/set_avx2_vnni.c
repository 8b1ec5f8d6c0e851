/* SPDX-License-Identifier: MIT
 *
 * The int8 set for AVX2 with VNNI. What does not multiply is AVX2's.
 */
#include "set_avx2_vnni.h"
#include "panel.h"
#include "set_avx2.h"
#include "set_scalar.h"

static const struct mbconv_i8_kernels i8 = {
    .pack_panel = mbconv_i8_pack_panel_bytes_8,
    .pack_depthwise = mbconv_i8_pack_depthwise_avx2_vnni,
    .table = mbconv_i8_table_avx2,
    .flip = mbconv_i8_flip_avx2,
    .add = mbconv_i8_add_avx2,
    .quantize = mbconv_i8_quantize_avx2,
    .dequantize = mbconv_i8_dequantize_avx2,
    .mean = mbconv_i8_mean_scalar,
    .gate = mbconv_i8_gate_avx2,
};

const struct mbconv_kernels mbconv_kernels_i8_avx2_vnni = {
    .isa = MBCONV_ISA_AVX2_VNNI,
    .lanes = 16,
    .element = 1,
    .pointwise = {{.pixels = 3, .step = 1, .channels = 32, .tails = true, .run = mbconv_i8_pointwise_avx2_vnni_3x32},
                  {.pixels = 4, .step = 2, .channels = 24, .tails = true, .run = mbconv_i8_pointwise_avx2_vnni_4x24},
                  {.pixels = 6, .step = 2, .channels = 16, .tails = true, .run = mbconv_i8_pointwise_avx2_vnni_6x16},
                  {.pixels = 12, .step = 4, .channels = 8, .tails = true, .run = mbconv_i8_pointwise_avx2_vnni_12x8}},
    .depthwise = {{mbconv_i8_depthwise_avx2_vnni_3x3s1, mbconv_i8_depthwise_avx2_vnni_3x3s2},
                  {mbconv_i8_depthwise_avx2_vnni_5x5s1, mbconv_i8_depthwise_avx2_vnni_5x5s2},
                  {mbconv_i8_depthwise_avx2_vnni_7x7s1, mbconv_i8_depthwise_avx2_vnni_7x7s2}},
    .interleave3 = mbconv_i8_interleave3_avx2,
    .channel_sum = mbconv_i8_channel_sum_avx2,
    .transpose = {.rows = 8, .columns = 8, .run = mbconv_i8_transpose_avx2_8x8},
    .transpose_one = mbconv_i8_transpose_scalar_1x1,
    .packing = {.bias = CONSTANTS * sizeof(int32_t),
                .weight = 1,
                .k_step = K_STEP,
                .unit = 2 * MBCONV_I8_AVX2_UNIT, /* .lanes: that many channels are written */
                .taps = {{12, 12}, {28, 28}, {56, 56}}},
    .fastest_exp = MBCONV_EXP_INLINE,
    .i8 = &i8,
    .blocking = {.group_channels = 64,
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
