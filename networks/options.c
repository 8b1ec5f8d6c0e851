/* SPDX-License-Identifier: MIT
 *
 * The options of a network: checked, and the choices that are left to the library made.
 */
#include "../base/struct_size.h"
#include "decimal.h"
#include "network.h"
#include "status.h"

static const char *name_of(mbconv_type type) {
  return type == MBCONV_F32 ? "f32" : type == MBCONV_S8 ? "int8" : "uint8";
}

static mbconv_status check(const mbconv_network_options *options, const struct mbconv_description *d,
                           mbconv_error *error) {
  if ((options->height == 0) != (options->width == 0))
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "images of %zu x %zu", options->height, options->width);
  if ((unsigned)options->layout > MBCONV_NCHW)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "layout is %d, which is none", (int)options->layout);
  if ((unsigned)options->padding > MBCONV_PADDING_SAME)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "padding is %d, which is none", (int)options->padding);
  if (!(options->epsilon >= 0)) {
    char text[MBCONV_DECIMAL_SIZE];
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "epsilon is %s",
                               mbconv_decimal_write(text, "%g", (double)options->epsilon));
  }
  if ((unsigned)options->type > MBCONV_U8)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "type is %d, which is none", (int)options->type);
  if (options->type != MBCONV_F32 && options->type != d->type)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "%s is of %s, not of %s", d->name, name_of(d->type),
                               name_of(options->type));
  if ((unsigned)options->x_door > MBCONV_I8_DOOR_ONNX || (unsigned)options->y_door > MBCONV_I8_DOOR_ONNX)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "x_door or y_door is none");
  if (d->type != MBCONV_F32 && options->layout == MBCONV_NCHW)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "%s is of int8, for images in NHWC", d->name);
  if (options->layout == MBCONV_NCHW && d->layer[0].kind == MBCONV_LAYER_BLOCK)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "%s is a single block, for images in NHWC", d->name);
  const mbconv_allocator *allocator = options->kernels ? options->kernels->allocator : NULL;
  if (allocator && (!allocator->allocate || !allocator->release))
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "the allocator lacks %s",
                               allocator->allocate ? "release" : "allocate");
  return MBCONV_OK;
}

mbconv_status mbconv_options_take(const mbconv_network_options *options, struct mbconv_description *d,
                                  mbconv_network_options *taken, mbconv_error *error) {
  if (!mbconv_struct_fits(&options->struct_size, sizeof *options))
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT,
                               "options: struct_size is %zu, neither 0 nor %zu, or fields that this library "
                               "does not know are set",
                               options->struct_size, sizeof *options);
  *taken = *options;
  const mbconv_status status = check(taken, d, error);
  if (status != MBCONV_OK) return status;
  if (d->type == MBCONV_F32) taken->x_door = taken->y_door = MBCONV_I8_DOOR_BYTES; /* its bytes are floats */
  if (taken->padding != MBCONV_PADDING_OWN) d->assumed &= ~(unsigned)MBCONV_ASSUMED_PADDING;
  if (taken->padding == MBCONV_PADDING_OWN) taken->padding = d->padding;
  if (taken->padding == MBCONV_PADDING_OWN) taken->padding = MBCONV_PADDING_SYMMETRIC;
  if (taken->epsilon > 0) d->assumed &= ~(unsigned)MBCONV_ASSUMED_EPSILON;
  /* Networks trained in TensorFlow have its epsilon and its padding. */
  const bool from_tensorflow = taken->padding == MBCONV_PADDING_SAME && d->assumed & MBCONV_ASSUMED_EPSILON;
  if (!(taken->epsilon > 0)) taken->epsilon = from_tensorflow ? 1e-3f : d->epsilon;
  return MBCONV_OK;
}
