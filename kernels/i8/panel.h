/* SPDX-License-Identifier: MIT
 *
 * How panels of the 1x1 convolution lie in memory, for all int8 sets with vectors.
 *
 * A panel is 1 to 4 vectors wide. Its channels are dealt to the lanes of the vectors such that packs of bytes put them
 * in order: to_bytes() of requantize_<isa>.h and what the tiles do after it. A place is a lane of all vectors together.
 *
 * First come arrays over the places: int32_t start, float addend (relu.h says what these two are), int32_t bias, scale,
 * shift. Behind them are the weights, of some k after those of some k, with zeros at the end:
 *
 *     bytes    4 of k: [vector][place in it] {w0 w1 w2 w3}
 *     pairs    2 of k: [vector][place in it] {w0 w1} of 16 bits
 */
#ifndef MBCONV_I8_PANEL_H
#define MBCONV_I8_PANEL_H

#include "i8.h"

/* The arrays before the weights. */
enum { START, ADDEND, BIAS, SCALE, SHIFT, CONSTANTS };

enum { K_STEP = 4 };

#define MBCONV_I8_PANEL_PACKING(bytes) .bias = CONSTANTS * sizeof(int32_t), .weight = (bytes), .k_step = K_STEP

/* Vectors of 16 places, and of 8. */
mbconv_i8_pack_panel_fn mbconv_i8_pack_panel_bytes_16, mbconv_i8_pack_panel_bytes_8, mbconv_i8_pack_panel_pairs_8;

/* TFLite's rounding, which kernels do by way of the stack: sums of `width` places become r + zero - lo of the ending,
 * clamped to a byte. */
void mbconv_i8_panel_tflite(const struct mbconv_pointwise_panel *panel, size_t width, int32_t *sums);

#endif
