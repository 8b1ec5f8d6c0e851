/* SPDX-License-Identifier: MIT
 *
 * How panels of the 1x1 convolution lie in memory, for all int8 sets with vectors.
 *
 * A panel is 1 to 4 vectors wide. Its channels are dealt to the lanes of the vectors such that packs of bytes put them
 * in order: to_bytes() of requantize_<isa>.h and what the tiles do after it. A place is a lane of all vectors together.
 *
 * First come arrays over the places: int32_t bias, scale. Behind them are the weights, of some k after those of some k,
 * with zeros at the end, and behind these, in TFLITE_DOUBLE, int32_t shift:
 *
 *     bytes    4 of k: [vector][place in it] {w0 w1 w2 w3}
 *     words    2 of k: [vector][place in it] {w0 w1} of 16 bits
 *     pairs    2 of k: [vector][place in it] {w0 w1}
 *
 * If all channels of a panel may end with scaled_relu(), it has -scale in place of scale, and bias +
 * MBCONV_I8_RELU_START in place of bias.
 */
#ifndef MBCONV_I8_PANEL_H
#define MBCONV_I8_PANEL_H

#include "i8.h"

/* The arrays before the weights. */
enum { BIAS, SCALE, CONSTANTS };

enum { K_STEP = 4 };

#define MBCONV_I8_PANEL_PACKING(bytes) .bias = CONSTANTS * sizeof(int32_t), .weight = (bytes), .k_step = K_STEP

/* Vectors of 16 places, and of 8. */
mbconv_i8_pack_panel_fn mbconv_i8_pack_panel_bytes_16, mbconv_i8_pack_panel_bytes_8, mbconv_i8_pack_panel_words_8,
    mbconv_i8_pack_panel_pairs_8;

/* Puts a channel of `weights` weights at a place of the arrays before the weights of `width` channels: a panel's, or a
 * unit's of a depthwise. It turns the others' there if this is the first one that has no scaled_relu(). */
void mbconv_i8_pack_constants(int32_t *constants, size_t width, size_t place, size_t weights,
                              const struct mbconv_i8_channel *channel);

/* Whether the channels end with scaled_relu(), of which the scale of any is at `scale`. */
static inline bool mbconv_i8_ends_relu(const void *scale) { return *(const int32_t *)scale < 0; }

/* TFLite's rounding, which kernels do by way of the stack: sums of `width` places become r + zero - lo of the ending,
 * clamped to a byte. */
void mbconv_i8_panel_tflite(const struct mbconv_pointwise_panel *panel, size_t width, int32_t *sums);

#endif
