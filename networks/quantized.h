/* SPDX-License-Identifier: MIT
 *
 * Networks of int8: the same layers, whose tensors are integers and say what their bytes stand for. Every part of a
 * layer has
 *
 *     PART.weight                I8 [out][in][k][k] as in f32; BN and bias are folded before
 *     PART.bias                  I32 [out], in units of the input's scale times the weights'
 *     PART.weight_scale          F32 [out], or [1]: the same for all
 *
 * and a value, what a layer reads or writes, a scale F32 [1] and a zero point I32 [1]:
 *
 *     input                      the images
 *     PART.output                the sums of a part, clamped to its activation if that is none, ReLU or ReLU6
 *     PART.activation            what any other activation makes of them by a table
 *     PART.mean, PART.product    squeeze-excite: of its reduce, the means; of its expand, the image times the gates
 *     PART.three, PART.shifted, PART.sixth   of the gate of MobileNetV3, its expand: see quantized_gate.h; with
 *                                PART.constants, I32 [2], the bytes of the constants of its two operators
 *     PART.sum                   of the last part of a block: its result and the block's input, added
 *     pool.output                the means of the global pooling
 *
 * The arithmetic is that of LiteRT's default (MBCONV_I8_FP32, MBCONV_I8_ADD_XNNPACK in mbconv_i8.h).
 */
#ifndef MBCONV_QUANTIZED_H
#define MBCONV_QUANTIZED_H

#include <stdio.h>

#include "layer.h"
#include "names.h"
#include "tensors.h"

/* What has a quantization beside the images and the pooling. */
enum mbconv_value {
  MBCONV_VALUE_OUTPUT,
  MBCONV_VALUE_ACTIVATION,
  MBCONV_VALUE_MEAN,
  MBCONV_VALUE_PRODUCT,
  MBCONV_VALUE_THREE,
  MBCONV_VALUE_SHIFTED,
  MBCONV_VALUE_SIXTH,
  MBCONV_VALUE_SUM
};

struct mbconv_value_name {
  char text[72];
};

/* The names of a part's value, of the images and of what the pooling gives. */
struct mbconv_value_name mbconv_value_of(const struct mbconv_part *part, enum mbconv_value value);
extern const struct mbconv_value_name mbconv_value_input, mbconv_value_pooled;

/* Whether the activation is a table of bytes, instead of a clamp. */
bool mbconv_is_table(mbconv_activation_kind activation);

/* Whether a block adds its input. */
bool mbconv_layer_adds(const struct mbconv_layer *layer);

/* The role of a layer's last part. */
int mbconv_last_role(const struct mbconv_layer *layer);

/* Puts into the description what the file says of a network of int8, whose tensors it has: type, name, classes. Which
 * tensors are there is found out when the layers are made. */
mbconv_status mbconv_quantized_describe(const struct mbconv_tensors *tensors, struct mbconv_description *description,
                                        mbconv_error *error);

/* The description's layers become those of `type`. MBCONV_INVALID_ARGUMENT, with the layer, for what int8 has no form
 * of. */
mbconv_status mbconv_quantized_layers(mbconv_type type, struct mbconv_description *description, mbconv_error *error);

/* Quantizes a network of float weights, ranges of values being those of one random image of 96 x 96 pixels from -2 to
 * 2, run operator by operator in f32: the same on every machine. `tensors` then are those of the network of int8 whose
 * description it is. For networks of random weights. */
mbconv_status mbconv_quantize(const struct mbconv_description *description, const struct mbconv_tensors *floats,
                              mbconv_padding padding, float epsilon, uint64_t seed, struct mbconv_tensors *tensors,
                              mbconv_error *error);

/* Writes the file of a network of int8. MBCONV_BAD_FILE, with what the system says, if not all of it could be written.
 */
mbconv_status mbconv_quantized_write(const struct mbconv_tensors *tensors, const struct mbconv_description *description,
                                     mbconv_padding padding, FILE *file, mbconv_error *error);

/* The quantization of value `index`: 0 is the images, index + 1 what layer `index` gives. */
mbconv_status mbconv_quantized_value(const struct mbconv_tensors *tensors, const struct mbconv_description *description,
                                     size_t index, mbconv_quantization *quantization, mbconv_error *error);

/* Like mbconv_layer_create(), of a network of int8. Tensors that it takes are marked as used. */
mbconv_status mbconv_quantized_create(const struct mbconv_source *source, const struct mbconv_description *description,
                                      size_t index, struct mbconv_image image, union mbconv_layer_object *object,
                                      mbconv_counts *counts, mbconv_error *error);

/* MBCONV_BAD_FILE, with the tensor's name, if one of them belongs to no layer. */
mbconv_status mbconv_quantized_all_used(const struct mbconv_tensors *tensors, const char *network, mbconv_error *error);

#endif
