/* SPDX-License-Identifier: MIT
 *
 * Squeeze-excite in int8: what can be wrong about it, and the arithmetic of means and gates.
 */
#include <float.h>

#include "format.h"
#include "i8.h"
#include "status.h"

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

mbconv_status mbconv_i8_mean_of(mbconv_type type, const mbconv_quantization *input, const mbconv_quantization *output,
                                const char *name, struct mbconv_i8_mean *mean, mbconv_error *error) {
  const int32_t offset = mbconv_i8_offset(type);
  *mean = (struct mbconv_i8_mean){
      .x_zero = input->zero_point + offset,
      .zero = output->zero_point + offset,
      .ratio = input->scale / output->scale,
  };
  if (mean->ratio >= 0x1p-64f && mean->ratio <= 0x1p64f) return MBCONV_OK;
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: the input's scale is not 2^-64 to 2^64 times the mean's",
                     name);
}

/* The constants of the means and of the products with the gates. */
static mbconv_status set_arithmetic(const mbconv_i8_squeeze_excite *given, const struct mbconv_i8_stage *made,
                                    const char *name, struct mbconv_i8_excite *arithmetic, mbconv_error *error) {
  const int32_t offset = mbconv_i8_offset(made->type);
  const mbconv_quantization *gate = output_of(given->expand);
  const mbconv_status status =
      mbconv_i8_mean_of(made->type, &made->input, &given->mean, name, &arithmetic->mean, error);
  if (status != MBCONV_OK) return status;
  const float product = made->input.scale * gate->scale, scale = product / made->desc->output.scale;
  arithmetic->gate = (struct mbconv_i8_gate){
      .ending = made->ending, .x_zero = made->padding, .gate_zero = gate->zero_point + offset, .scale = scale};
  if (product >= FLT_MIN && scale >= FLT_MIN && 65025.0 * (double)scale < 2147483392.0) return MBCONV_OK;
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                     "%s: input scale * the gate's / output scale is beyond what floats can round", name);
}

mbconv_status mbconv_i8_excite_check(const mbconv_i8_desc *desc, const struct mbconv_i8_stage *made, size_t channels,
                                     const char *name, struct mbconv_i8_excited *excited, mbconv_error *error) {
  const mbconv_i8_stage_desc *stage = made->desc;
  const mbconv_i8_squeeze_excite *given = stage->squeeze_excite;
  char part[32];
  if (desc->rounding != MBCONV_I8_FP32)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: squeeze-excite has the rounding FP32 alone", name);
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
  return status == MBCONV_OK ? set_arithmetic(given, made, name, &excited->arithmetic, error) : status;
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
