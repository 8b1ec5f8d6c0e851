/* SPDX-License-Identifier: MIT
 *
 * PReLU in int8: a table for each channel.
 */
#include "i8.h"
#include "i8/requantize.h"
#include "status.h"

/* A multiplier of products of two bytes, which do not leave 32 bits when they are shifted. */
struct factor {
  int32_t multiplier, shift;
};
enum { MOST_SHIFT = 15 };

static bool factor_of(float m, struct factor *factor) {
  mbconv_i8_quantize_multiplier((double)m, &factor->multiplier, &factor->shift);
  return factor->shift <= MOST_SHIFT;
}

static mbconv_status check(const void *slope, const mbconv_quantization *slopes, mbconv_type type,
                           const mbconv_quantization *input, const mbconv_quantization *output, const uint8_t *tables,
                           mbconv_error *error) {
  if (type != MBCONV_S8 && type != MBCONV_U8)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "type is %d: tables are of MBCONV_S8 or MBCONV_U8", (int)type);
  const struct {
    const void *pointer;
    const char *name;
  } all[] = {{slope, "slope"}, {slopes, "slopes"}, {input, "input"}, {output, "output"}, {tables, "tables"}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (!all[i].pointer) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is NULL", all[i].name);
  mbconv_status status = mbconv_quantization_check(slopes, type, "prelu: slopes", error);
  if (status == MBCONV_OK) status = mbconv_quantization_check(input, type, "prelu: input", error);
  if (status == MBCONV_OK) status = mbconv_quantization_check(output, type, "prelu: output", error);
  return status;
}

mbconv_status mbconv_i8_make_prelu(size_t channels, const void *slope, const mbconv_quantization *slopes,
                                   mbconv_type type, const mbconv_quantization *input,
                                   const mbconv_quantization *output, uint8_t *tables, mbconv_error *error) {
  mbconv_status status = check(slope, slopes, type, input, output, tables, error);
  if (status != MBCONV_OK) return status;
  const int32_t lo = -mbconv_i8_offset(type);
  const uint8_t *bytes = slope;
  const float product = input->scale * slopes->scale;
  struct factor above, below;
  if (!factor_of(input->scale / output->scale, &above) || !factor_of(product / output->scale, &below))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                       "prelu: input scale (* the slopes' scale) / output scale is 2^%d or more", (int)MOST_SHIFT);
  for (size_t c = 0; c < channels; c++) {
    const int32_t byte = bytes[c], of = (type == MBCONV_S8 && byte >= 128 ? byte - 256 : byte) - slopes->zero_point;
    for (int32_t q = lo; q < lo + 256; q++) {
      const int32_t v = q - input->zero_point;
      const int32_t r = v >= 0 ? mbconv_requantize_tflite(v, above.multiplier, above.shift)
                               : mbconv_requantize_tflite(v * of, below.multiplier, below.shift);
      tables[c * 256 + (uint8_t)q] =
          (uint8_t)(mbconv_i8_clamp(r, lo - output->zero_point, lo + 255 - output->zero_point) + output->zero_point);
    }
  }
  return mbconv_succeed(error);
}
