/* SPDX-License-Identifier: MIT
 *
 * Squeeze-excite in int8: what can be wrong about it, and the arithmetic of means and gates.
 */
#include <float.h>

#include "format.h"
#include "i8.h"
#include "status.h"

/* So that no sum of an image, nor a product with a gate, leaves 32 bits when TFLITE_DOUBLE shifts it. */
enum { MOST_MEAN_SHIFT = 22, MOST_GATE_SHIFT = 15 };

/* A layer of it: a pointwise stage that is not in the list. */
static mbconv_status make_layer(const mbconv_i8_desc *desc, const mbconv_i8_stage_desc *layer, size_t out,
                                const mbconv_quantization *input, const char *name, struct mbconv_i8_stage *made,
                                mbconv_error *error) {
  if (!layer) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is NULL", name), MBCONV_INVALID_ARGUMENT;
  mbconv_status status = mbconv_struct_check(&layer->struct_size, sizeof *layer, name, error);
  if (status != MBCONV_OK) return status;
  if (layer->kind != MBCONV_STAGE_POINTWISE || layer->squeeze_excite)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is not pointwise", name);
  if (layer->out_channels != out || out == 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: out_channels is %zu%s", name, layer->out_channels,
                       out == 0 ? "" : ", not those of the image");
  status = mbconv_i8_pointwise_check(layer, name, error);
  if (status == MBCONV_OK) status = mbconv_i8_pointers_check(layer, out, name, error);
  if (status == MBCONV_OK) status = mbconv_i8_stage_make(desc, layer, input, out, name, made, error);
  return status;
}

/* What a layer's bytes stand for. */
static const mbconv_quantization *output_of(const mbconv_i8_stage_desc *layer) {
  return layer->table ? &layer->table_output : &layer->output;
}

mbconv_status mbconv_i8_mean_of(mbconv_i8_rounding rounding, mbconv_type type, const mbconv_quantization *input,
                                const mbconv_quantization *output, const char *name, struct mbconv_i8_mean *mean,
                                mbconv_error *error) {
  const int32_t offset = mbconv_i8_offset(type);
  *mean = (struct mbconv_i8_mean){
      .x_zero = input->zero_point + offset,
      .zero = output->zero_point + offset,
      .ratio = input->scale / output->scale,
      .rounding = rounding,
  };
  if (rounding == MBCONV_I8_TFLITE_DOUBLE) {
    mbconv_i8_quantize_multiplier((double)input->scale / (double)output->scale, &mean->multiplier, &mean->shift);
    if (mean->shift <= MOST_MEAN_SHIFT) return MBCONV_OK;
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: the input's scale is 2^22 times the mean's or more", name);
  }
  if (mean->ratio >= 0x1p-64f && mean->ratio <= 0x1p64f) return MBCONV_OK;
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: the input's scale is not 2^-64 to 2^64 times the mean's",
                     name);
}

mbconv_status mbconv_i8_gate_of(const struct mbconv_i8_stage *stage, const mbconv_quantization *gate, const char *name,
                                struct mbconv_i8_gate *made, mbconv_error *error) {
  const float product = stage->input.scale * gate->scale, quotient = product / stage->desc->output.scale;
  *made = (struct mbconv_i8_gate){
      .ending = stage->ending, .x_zero = stage->padding, .gate_zero = gate->zero_point + mbconv_i8_offset(stage->type)};
  made->scale.scale = quotient;
  if (stage->ending.rounding == MBCONV_I8_TFLITE_DOUBLE) { /* of the rounded quotient, in both types */
    mbconv_i8_quantize_multiplier((double)quotient, &made->scale.multiplier, &made->shift);
    if (made->shift <= MOST_GATE_SHIFT) return MBCONV_OK;
  } else if (product >= FLT_MIN && quotient >= FLT_MIN && 65025.0 * (double)quotient < 2147483392.0) {
    return MBCONV_OK;
  }
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                     "%s: input scale * the gate's / output scale is beyond what can be rounded", name);
}

mbconv_status mbconv_i8_excite_check(const mbconv_i8_desc *desc, const struct mbconv_i8_stage *made, size_t channels,
                                     const char *name, struct mbconv_i8_excited *excited, mbconv_error *error) {
  const mbconv_i8_stage_desc *stage = made->desc;
  const mbconv_i8_squeeze_excite *given = stage->squeeze_excite;
  char part[32];
  if (stage->weight || stage->bias || stage->weight_scale || stage->weight_scales > 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is squeeze-excite, but has weights, a bias or scales", name);
  mbconv_format(part, sizeof part, "%s.squeeze_excite", name);
  mbconv_status status = mbconv_struct_check(&given->struct_size, sizeof *given, part, error);
  mbconv_format(part, sizeof part, "%s.mean", name);
  if (status == MBCONV_OK) status = mbconv_quantization_check(&given->mean, desc->type, part, error);
  if (status != MBCONV_OK) return status;
  mbconv_format(part, sizeof part, "%s.reduce", name);
  const size_t width = given->reduce ? given->reduce->out_channels : 0;
  status = make_layer(desc, given->reduce, width, &given->mean, part, &excited->reduce, error);
  if (status != MBCONV_OK) return status;
  mbconv_format(part, sizeof part, "%s.expand", name);
  status = make_layer(desc, given->expand, channels, output_of(given->reduce), part, &excited->expand, error);
  excited->shape = (mbconv_squeeze_excite){.width = width};
  if (status == MBCONV_OK)
    status = mbconv_i8_mean_of(desc->rounding, desc->type, &made->input, &given->mean, name, &excited->arithmetic.mean,
                               error);
  return status == MBCONV_OK ? mbconv_i8_gate_of(made, output_of(given->expand), name, &excited->arithmetic.gate, error)
                             : status;
}

mbconv_status mbconv_i8_excite_channels_check(const struct mbconv_i8_excited *excited, size_t channels,
                                              const char *name, mbconv_error *error) {
  char part[32];
  mbconv_format(part, sizeof part, "%s.reduce", name);
  const mbconv_status status = mbconv_i8_channels_check(&excited->reduce, excited->shape.width, channels, part, error);
  if (status != MBCONV_OK) return status;
  mbconv_format(part, sizeof part, "%s.expand", name);
  return mbconv_i8_channels_check(&excited->expand, channels, excited->shape.width, part, error);
}

mbconv_status mbconv_i8_shape_check(const struct mbconv_shape *shape, mbconv_error *error) {
  const size_t height = shape->rows.out, width = shape->columns.out;
  if (!shape->squeeze_excite || height * width <= MBCONV_I8_MOST_SUMMED) return MBCONV_OK;
  return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "the sums of %zu x %zu pixels might leave 32 bits", height, width);
}
