/* SPDX-License-Identifier: MIT */
#include "quantized_gate.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "status.h"

enum { BYTES = 256 };
/* The scales that XNNPACK multiplies by. */
static const float least_scale = 0x1p-16f, most_scale = 0x1p8f;

static int least_of(mbconv_type type) { return type == MBCONV_S8 ? -128 : 0; }

static bool is_byte(mbconv_type type, int32_t value) {
  return value >= least_of(type) && value < least_of(type) + BYTES;
}

static bool is_scale(float scale) { return isnormal(scale) && scale > 0; }

/* y = RNE(fl(fl((x - Zx) * (constant - Zc)) * s)) + Zy, within the type, with s = fl(fl(Sx * Sc) / Sy). */
static mbconv_status multiply(const struct mbconv_gate *gate, mbconv_type type, const mbconv_quantization *output,
                              uint8_t table[BYTES], mbconv_error *error) {
  const float product_scale = gate->shifted.scale * gate->sixth.scale, scale = product_scale / output->scale;
  if (!(scale >= least_scale && scale < most_scale))
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "a gate's product has the scale %g", (double)scale);
  const int least = least_of(type), factor = gate->constants[1] - gate->sixth.zero_point;
  for (int i = 0; i < BYTES; i++) {
    const int x = type == MBCONV_S8 ? (int)(int8_t)table[i] : (int)table[i];
    const float product = (float)((x - gate->shifted.zero_point) * factor) * scale;
    const float y = rintf(product) + (float)output->zero_point;
    table[i] = (uint8_t)(int)fminf(fmaxf(y, (float)least), (float)(least + BYTES - 1));
  }
  return MBCONV_OK;
}

mbconv_status mbconv_gate_table(const struct mbconv_gate *gate, mbconv_type type, const mbconv_quantization *input,
                                const mbconv_quantization *output, uint8_t table[BYTES], mbconv_error *error) {
  if (!is_byte(type, gate->constants[0]) || !is_byte(type, gate->constants[1]))
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "a gate's constants are %d and %d",
                               (int)gate->constants[0], (int)gate->constants[1]);
  if (!is_scale(gate->sixth.scale) || !is_byte(type, gate->sixth.zero_point) || !is_scale(output->scale) ||
      !is_byte(type, output->zero_point))
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "a gate's scale or zero point is none");
  const mbconv_i8_addition_desc desc = {.type = type,
                                        .kind = MBCONV_I8_ADD_XNNPACK,
                                        .a = *input,
                                        .b = gate->three,
                                        .output = gate->shifted,
                                        .activation = MBCONV_ACTIVATION_RELU6};
  uint8_t three[BYTES];
  memset(three, gate->constants[0], sizeof three);
  for (int i = 0; i < BYTES; i++) table[i] = (uint8_t)i;
  mbconv_addition *addition = NULL;
  mbconv_status status = mbconv_addition_create_i8(&desc, NULL, &addition, error);
  if (status == MBCONV_OK) status = mbconv_addition_run(addition, BYTES, table, three, table, error);
  mbconv_addition_destroy(addition);
  return status == MBCONV_OK ? multiply(gate, type, output, table, error) : status;
}
