/* SPDX-License-Identifier: MIT
 *
 * What users can get wrong about a block.
 */
#include "block.h"
#include "epilogue.h"
#include "fold.h"
#include "size.h"
#include "status.h"

/* Every tensor, padded to whole tiles, must stay far from the end of the address space. */
enum { ROOM = 64 };

static mbconv_status check_pad(size_t pad, const char *side, size_t kernel, mbconv_error *error) {
  if (pad < kernel) return MBCONV_OK;
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "pad.%s is %zu, not less than the kernel of %zu", side, pad,
                     kernel);
}

mbconv_status mbconv_shape_check(struct mbconv_shape *shape, const mbconv_pad *pad, mbconv_error *error) {
  const size_t k = shape->kernel;
  if (k != 3 && k != 5 && k != 7) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "kernel is %zu, not 3, 5 or 7", k);
  return mbconv_window_check(shape, pad, error);
}

mbconv_status mbconv_window_check(struct mbconv_shape *shape, const mbconv_pad *pad, mbconv_error *error) {
  const size_t k = shape->kernel;
  if (shape->height == 0 || shape->width == 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "the image is %zu x %zu", shape->height, shape->width);
  if (shape->stride != 1 && shape->stride != 2)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "stride is %zu, not 1 or 2", shape->stride);
  mbconv_status status = check_pad(pad->top, "top", k, error);
  if (status == MBCONV_OK) status = check_pad(pad->left, "left", k, error);
  if (status == MBCONV_OK) status = check_pad(pad->bottom, "bottom", k, error);
  if (status == MBCONV_OK) status = check_pad(pad->right, "right", k, error);
  if (status != MBCONV_OK) return status;
  if (shape->height > PTRDIFF_MAX / ROOM || shape->width > PTRDIFF_MAX / ROOM)
    return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "an image of %zu x %zu does not fit into memory", shape->height,
                       shape->width);
  const size_t padded_height = shape->height + pad->top + pad->bottom;
  const size_t padded_width = shape->width + pad->left + pad->right;
  if (padded_height < k || padded_width < k)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                       "the padded image of %zu x %zu is smaller than the kernel of %zu", padded_height, padded_width,
                       k);
  shape->out_height = (padded_height - k) / shape->stride + 1;
  shape->out_width = (padded_width - k) / shape->stride + 1;
  shape->pad_top = pad->top;
  shape->pad_left = pad->left;
  return MBCONV_OK;
}

static mbconv_status check_enums(const mbconv_block_desc *desc, mbconv_error *error) {
  if ((unsigned)desc->residual > MBCONV_RESIDUAL_ON)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "residual is %d, which is no choice", (int)desc->residual);
  if ((unsigned)desc->layout > MBCONV_NCHW)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "layout is %d, which is none", (int)desc->layout);
  mbconv_status status = mbconv_activation_check(desc->activation, "activation", error);
  const mbconv_squeeze_excite *excite = desc->squeeze_excite;
  if (excite && status == MBCONV_OK) status = mbconv_activation_check(excite->inner, "squeeze_excite->inner", error);
  if (excite && status == MBCONV_OK) status = mbconv_activation_check(excite->gate, "squeeze_excite->gate", error);
  return status;
}

static mbconv_status check_channels(const mbconv_block_desc *desc, mbconv_error *error) {
  if (desc->in_channels == 0 || desc->expanded_channels == 0 || desc->out_channels == 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "channels are %zu in, %zu expanded, %zu out", desc->in_channels,
                       desc->expanded_channels, desc->out_channels);
  if (!desc->expand && desc->expanded_channels != desc->in_channels)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                       "without expand, expanded_channels must equal in_channels, but they are %zu and %zu",
                       desc->expanded_channels, desc->in_channels);
  if (desc->squeeze_excite && desc->squeeze_excite->width == 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "squeeze_excite->width is 0");
  return MBCONV_OK;
}

/* All products that create, the scratch query and run form are below these. */
static mbconv_status check_sizes(const mbconv_block_desc *desc, const struct mbconv_shape *shape, mbconv_error *error) {
  const size_t in = desc->in_channels, expanded = desc->expanded_channels, out = desc->out_channels;
  bool overflow = in > PTRDIFF_MAX / ROOM || expanded > PTRDIFF_MAX / ROOM || out > PTRDIFF_MAX / ROOM;
  if (!overflow) {
    const size_t widest = mbconv_max(mbconv_max(in + ROOM, expanded + ROOM), out + ROOM);
    const size_t height = mbconv_max(shape->height, shape->out_height) + ROOM;
    const size_t width = mbconv_max(shape->width, shape->out_width) + ROOM;
    const size_t pixels = mbconv_multiply(height, width, &overflow);
    mbconv_multiply(mbconv_multiply(pixels, widest, &overflow), 8 * sizeof(float), &overflow);
    mbconv_multiply(mbconv_multiply(widest, widest, &overflow), 8 * sizeof(float), &overflow);
    if (desc->squeeze_excite) {
      const size_t narrow = mbconv_add(desc->squeeze_excite->width, ROOM, &overflow);
      mbconv_multiply(mbconv_multiply(widest, narrow, &overflow), 8 * sizeof(float), &overflow);
    }
  }
  if (!overflow) return MBCONV_OK;
  return mbconv_fail(error, MBCONV_SIZE_OVERFLOW,
                     "an image of %zu x %zu with channels %zu in, %zu expanded, %zu out does not fit into memory",
                     desc->height, desc->width, in, expanded, out);
}

static mbconv_status check_convs(const mbconv_block_desc *desc, bool weights_needed, mbconv_error *error) {
  const size_t expanded = desc->expanded_channels;
  const mbconv_squeeze_excite *excite = desc->squeeze_excite;
  mbconv_status status = mbconv_conv_check(desc->depthwise, "depthwise", expanded, weights_needed, error);
  if (status == MBCONV_OK)
    status = mbconv_conv_check(desc->project, "project", desc->out_channels, weights_needed, error);
  if (status == MBCONV_OK && desc->expand)
    status = mbconv_conv_check(desc->expand, "expand", expanded, weights_needed, error);
  if (status == MBCONV_OK && excite)
    status = mbconv_conv_check(excite->reduce, "squeeze_excite->reduce", excite->width, weights_needed, error);
  if (status == MBCONV_OK && excite)
    status = mbconv_conv_check(excite->expand, "squeeze_excite->expand", expanded, weights_needed, error);
  return status;
}

/* The shape of a description, without the output size. */
static struct mbconv_shape described(const mbconv_block_desc *desc) {
  return (struct mbconv_shape){
      .height = desc->height,
      .width = desc->width,
      .in_channels = desc->in_channels,
      .expanded_channels = desc->expanded_channels,
      .out_channels = desc->out_channels,
      .kernel = desc->kernel,
      .stride = desc->stride,
      .expand = desc->expand != NULL,
      .project = true,
      .squeeze_excite = desc->squeeze_excite != NULL,
  };
}

struct mbconv_shape mbconv_block_shape(const mbconv_block_desc *desc) {
  struct mbconv_shape shape = described(desc);
  mbconv_shape_check(&shape, &desc->pad, NULL); /* cannot fail: the description has been checked */
  return shape;
}

mbconv_status mbconv_block_check(const mbconv_block_desc *desc, bool weights_needed, mbconv_error *error) {
  if (!desc) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "desc is NULL");
  mbconv_status status = mbconv_struct_check(&desc->struct_size, sizeof *desc, "desc", error);
  if (status == MBCONV_OK) status = mbconv_type_check(desc->type, error);
  if (status == MBCONV_OK && desc->squeeze_excite)
    status =
        mbconv_struct_check(&desc->squeeze_excite->struct_size, sizeof *desc->squeeze_excite, "squeeze_excite", error);
  if (status != MBCONV_OK) return status;
  struct mbconv_shape shape = described(desc);
  status = check_enums(desc, error);
  if (status == MBCONV_OK) status = check_channels(desc, error);
  if (status == MBCONV_OK) status = mbconv_shape_check(&shape, &desc->pad, error);
  if (status == MBCONV_OK) status = check_sizes(desc, &shape, error);
  if (status == MBCONV_OK) status = check_convs(desc, weights_needed, error);
  if (status != MBCONV_OK) return status;
  const bool same = desc->stride == 1 && desc->in_channels == desc->out_channels && shape.out_height == desc->height &&
                    shape.out_width == desc->width;
  if (desc->residual == MBCONV_RESIDUAL_ON && !same)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                       "residual is on, but the input is %zu x %zu x %zu and the output %zu x %zu x %zu", desc->height,
                       desc->width, desc->in_channels, shape.out_height, shape.out_width, desc->out_channels);
  return MBCONV_OK;
}
