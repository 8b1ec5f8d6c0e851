/* SPDX-License-Identifier: MIT
 *
 * The int8 set for AVX2: products of words, exact for all bytes. Weights are words, too, but those of a single pixel.
 */
#include "set_avx2.h"
#include "panel.h"
#include "set_scalar.h"

/* The packed weights of a channel of a depthwise, words, in units of what the panels have. */
#define TAPS(words, weight) ((words)*2 / (weight))

#define I8(pack_, one_pixel_)                                                                                    \
  {                                                                                                              \
    .pack_panel = (pack_), .one_pixel = (one_pixel_), .pack_depthwise = mbconv_i8_pack_depthwise_avx2,           \
    .table = mbconv_i8_table_avx2, .flip = mbconv_i8_flip_avx2, .add = mbconv_i8_add_avx2,                       \
    .quantize = mbconv_i8_quantize_avx2, .dequantize = mbconv_i8_dequantize_avx2, .mean = mbconv_i8_mean_scalar, \
    .gate = mbconv_i8_gate_avx2,                                                                                 \
  }

#define SET(tile_, weight_, k_step_, i8_)                                                                              \
  {                                                                                                                    \
    .isa = MBCONV_ISA_AVX2, .lanes = 16, .element = 1,                                                                 \
    .pointwise = {{.pixels = 3, .step = 1, .channels = 32, .tails = true, .run = mbconv_i8_pointwise_##tile_##_3x32},  \
                  {.pixels = 4, .step = 2, .channels = 24, .tails = true, .run = mbconv_i8_pointwise_##tile_##_4x24},  \
                  {.pixels = 6, .step = 2, .channels = 16, .tails = true, .run = mbconv_i8_pointwise_##tile_##_6x16},  \
                  {.pixels = 12, .step = 4, .channels = 8, .tails = true, .run = mbconv_i8_pointwise_##tile_##_12x8}}, \
    .depthwise = {{mbconv_i8_depthwise_avx2_3x3s1, mbconv_i8_depthwise_avx2_3x3s2},                                    \
                  {mbconv_i8_depthwise_avx2_5x5s1, mbconv_i8_depthwise_avx2_5x5s2},                                    \
                  {mbconv_i8_depthwise_avx2_7x7s1, mbconv_i8_depthwise_avx2_7x7s2}},                                   \
    .interleave3 = mbconv_i8_interleave3_avx2, .channel_sum = mbconv_i8_channel_sum_avx2,                              \
    .transpose = {.rows = 8, .columns = 8, .run = mbconv_i8_transpose_avx2_8x8},                                       \
    .transpose_one = mbconv_i8_transpose_scalar_1x1,                                                                   \
    .packing = {.bias = CONSTANTS * sizeof(int32_t),                                                                   \
                .weight = (weight_),                                                                                   \
                .k_step = (k_step_),                                                                                   \
                .unit = 2 * MBCONV_I8_AVX2_UNIT, /* .lanes: that many channels are written */                          \
                .taps = {{TAPS(10, weight_), TAPS(10, weight_)},                                                       \
                         {TAPS(26, weight_), TAPS(26, weight_)},                                                       \
                         {TAPS(50, weight_), TAPS(50, weight_)}}},                                                     \
    .fastest_exp = MBCONV_EXP_INLINE, .i8 = (i8_),                                                                     \
    .blocking = {.group_channels = 64,                                                                                 \
                 .l1_bytes = 30 * 1024,                                                                                \
                 .l2_least_bytes = 32 * 1024,                                                                          \
                 .l2_most_bytes = 372 * 1024,                                                                          \
                 .l2_assumed_bytes = 512 * 1024,                                                                       \
                 .run_pixels = 48,                                                                                     \
                 .depthwise_pixels = 14,                                                                               \
                 .map_bytes = 16 * 1024,                                                                               \
                 .map_pixels = 56,                                                                                     \
                 .projected_pixels = 56,                                                                               \
                 .window_bytes = 24 * 1024},                                                                           \
  }

static const struct mbconv_i8_kernels i8_one_pixel = I8(mbconv_i8_pack_panel_pairs_8, NULL);
static const struct mbconv_kernels one_pixel = SET(avx2_bytes, 1, K_STEP, &i8_one_pixel);
static const struct mbconv_i8_kernels i8 = I8(mbconv_i8_pack_panel_words_8, &one_pixel);

const struct mbconv_kernels mbconv_kernels_i8_avx2 = SET(avx2, 2, 2, &i8);
