/* SPDX-License-Identifier: MIT
 *
 * The int8 set for AVX-512 with VNNI, twice: Cascade Lake and Cooper Lake lack VBMI, with which tables are faster. What
 * is done to bytes beside them, but for floats at the door, is AVX2's: it waits for memory more than for the vectors'
 * width.
 */
#include "set_avx512_vnni.h"
#include "depthwise_layout.h"
#include "set_avx2.h"
#include "set_scalar.h"

#define I8(table_)                                                                                       \
  {                                                                                                      \
    .pack_panel = mbconv_i8_pack_panel_bytes_16, .pack_depthwise = mbconv_i8_pack_depthwise_avx512_vnni, \
    .table = (table_), .flip = mbconv_i8_flip_avx2, .add = mbconv_i8_add_avx2,                           \
    .quantize = mbconv_i8_quantize_avx512_vnni, .dequantize = mbconv_i8_dequantize_avx512_vnni,          \
    .mean = mbconv_i8_mean_scalar, .gate = mbconv_i8_gate_avx2,                                          \
    .depthwise_pair = {{mbconv_i8_depthwise_avx512_vnni_3x3s1_pair, NULL},                               \
                       {mbconv_i8_depthwise_avx512_vnni_5x5s1_pair, NULL},                               \
                       {NULL, NULL}},                                                                    \
  }

static const struct mbconv_i8_kernels i8 = I8(mbconv_i8_table_avx2);
static const struct mbconv_i8_kernels i8_vbmi = I8(mbconv_i8_table_vbmi_avx512_vnni);

#define SET(i8_)                                                                                                  \
  {                                                                                                               \
    .isa = MBCONV_ISA_AVX512_VNNI, .lanes = 16, .element = 1,                                                     \
    .pointwise =                                                                                                  \
        {{.pixels = 7, .step = 7, .channels = 64, .tails = true, .run = mbconv_i8_pointwise_avx512_vnni_7x64},    \
         {.pixels = 7, .step = 7, .channels = 48, .tails = true, .run = mbconv_i8_pointwise_avx512_vnni_7x48},    \
         {.pixels = 14, .step = 7, .channels = 32, .tails = true, .run = mbconv_i8_pointwise_avx512_vnni_14x32},  \
         {.pixels = 28, .step = 7, .channels = 16, .tails = true, .run = mbconv_i8_pointwise_avx512_vnni_28x16}}, \
    .depthwise = {{mbconv_i8_depthwise_avx512_vnni_3x3s1, mbconv_i8_depthwise_avx512_vnni_3x3s2},                 \
                  {mbconv_i8_depthwise_avx512_vnni_5x5s1, mbconv_i8_depthwise_avx512_vnni_5x5s2},                 \
                  {mbconv_i8_depthwise_avx512_vnni_7x7s1, mbconv_i8_depthwise_avx512_vnni_7x7s2}},                \
    .transpose = {.rows = 8, .columns = 8, .run = mbconv_i8_transpose_avx2_8x8},                                  \
    .transpose_one = mbconv_i8_transpose_scalar_1x1, .channel_sum = mbconv_i8_channel_sum_avx2,                   \
    .interleave3 = mbconv_i8_interleave3_avx2,                                                                    \
    .packing = {MBCONV_I8_PANEL_PACKING(1), .unit = 64, .taps = MBCONV_I8_TAPS(false, true, false)},               \
    .fastest_exp = MBCONV_EXP_INLINE, .i8 = (i8_),                                                                \
    .blocking = {.group_channels = 64,                                                                            \
                 .l1_bytes = 30 * 1024,                                                                           \
                 .l2_least_bytes = 32 * 1024,                                                                     \
                 .l2_most_bytes = 372 * 1024,                                                                     \
                 .l2_assumed_bytes = 512 * 1024,                                                                  \
                 .run_pixels = 56,                                                                                \
                 .depthwise_pixels = 14,                                                                          \
                 .map_bytes = 16 * 1024,                                                                          \
                 .map_pixels = 56,                                                                                \
                 .projected_pixels = 56,                                                                          \
                 .window_bytes = 24 * 1024},                                                                      \
  }

const struct mbconv_kernels mbconv_kernels_i8_avx512_vnni = SET(&i8);
const struct mbconv_kernels mbconv_kernels_i8_avx512_vnni_vbmi = SET(&i8_vbmi);
