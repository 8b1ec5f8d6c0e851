/* SPDX-License-Identifier: MIT
 *
 * In place of quantized*.c where the core has no int8, MBCONV_TYPES=f32: every network of int8 is refused.
 */
#include "quantized.h"
#include "status.h"

static mbconv_status refuse(mbconv_error *error) {
  return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT,
                             "a network of int8, which this library was built without: MBCONV_TYPES is f32");
}

mbconv_status mbconv_quantized_describe(const struct mbconv_tensors *tensors, struct mbconv_description *description,
                                        mbconv_error *error) {
  (void)tensors, (void)description;
  return refuse(error);
}

mbconv_status mbconv_quantized_layers(mbconv_type type, struct mbconv_description *description, mbconv_error *error) {
  (void)type, (void)description;
  return refuse(error);
}

mbconv_status mbconv_quantize(const struct mbconv_description *description, const struct mbconv_tensors *floats,
                              mbconv_padding padding, float epsilon, uint64_t seed, struct mbconv_tensors *tensors,
                              mbconv_error *error) {
  (void)description, (void)floats, (void)padding, (void)epsilon, (void)seed, (void)tensors;
  return refuse(error);
}

mbconv_status mbconv_quantized_write(const struct mbconv_tensors *tensors, const struct mbconv_description *description,
                                     mbconv_padding padding, FILE *file, mbconv_error *error) {
  (void)tensors, (void)description, (void)padding, (void)file;
  return refuse(error);
}

mbconv_status mbconv_quantized_value(const struct mbconv_tensors *tensors, const struct mbconv_description *description,
                                     size_t index, mbconv_quantization *quantization, mbconv_error *error) {
  (void)tensors, (void)description, (void)index, (void)quantization;
  return refuse(error);
}

mbconv_status mbconv_quantized_create(const struct mbconv_source *source, const struct mbconv_description *description,
                                      size_t index, struct mbconv_image image, union mbconv_layer_object *object,
                                      mbconv_counts *counts, mbconv_error *error) {
  (void)source, (void)description, (void)index, (void)image, (void)object, (void)counts;
  return refuse(error);
}

mbconv_status mbconv_quantized_all_used(const struct mbconv_tensors *tensors, const char *network,
                                        mbconv_error *error) {
  (void)tensors, (void)network;
  return refuse(error);
}
