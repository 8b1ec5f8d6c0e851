/* SPDX-License-Identifier: MIT */
#include "ring.h"

#include <string.h>

void mbconv_strip_scratch_take(const struct mbconv_stages *stages, const struct mbconv_plan *plan,
                               struct mbconv_cursor *cursor, struct mbconv_strip_scratch *scratch) {
  const struct mbconv_shape *shape = &stages->shape;
  bool *overflow = &cursor->overflow;
  const size_t row = mbconv_multiply(plan->ring_width, plan->group_channels, overflow);
  const size_t rings = mbconv_multiply(mbconv_plan_rings(plan, &stages->shape), plan->ring_rows, overflow);
  const size_t in_pixels = mbconv_multiply(plan->ring_rows, shape->width, overflow);
  const size_t listed = mbconv_multiply(mbconv_plan_listed_rows(plan, shape), shape->width, overflow);
  const size_t out_pixels = mbconv_multiply(plan->strip_rows, shape->out_width, overflow);
  const bool transposed = stages->layout == MBCONV_NCHW;
  *scratch = (struct mbconv_strip_scratch){0};
  if (!plan->ring_in_y) scratch->rings = mbconv_take_floats(cursor, mbconv_multiply(rings, row, overflow));
  scratch->zero_row = mbconv_take_floats(cursor, row);
  if (shape->project && !plan->hidden)
    scratch->output = mbconv_take_floats(cursor, mbconv_multiply(out_pixels, mbconv_output_stride(stages), overflow));
  if (transposed && shape->expand)
    scratch->x = mbconv_take_floats(cursor, mbconv_multiply(in_pixels, shape->in_channels, overflow));
  if (transposed && shape->project) {
    const size_t pixels = plan->hidden ? MBCONV_PROJECTED_PIXELS : out_pixels;
    scratch->y = mbconv_take_floats(cursor, mbconv_multiply(pixels, stages->project.padded, overflow));
  }
  if (shape->expand) scratch->pixels = mbconv_take(cursor, listed, sizeof(void *));
}

static void list_pixels(const struct mbconv_shape *shape, const struct mbconv_plan *plan,
                        const struct mbconv_strip_scratch *scratch) {
  void **pixel = scratch->pixels;
  for (size_t r = 0; r < mbconv_plan_listed_rows(plan, shape); r++) {
    float *row = scratch->rings + (r % plan->ring_rows * plan->ring_width + shape->pad_left) * plan->group_channels;
    for (size_t p = 0; p < shape->width; p++) *pixel++ = row + p * plan->group_channels;
  }
}

void mbconv_strip_scratch_prepare(const struct mbconv_stages *stages, const struct mbconv_plan *plan,
                                  const struct mbconv_strip_scratch *scratch) {
  const struct mbconv_shape *shape = &stages->shape;
  const size_t channels = plan->group_channels, row = plan->ring_width * channels;
  const size_t left = shape->pad_left * channels, middle = shape->width * channels;
  const size_t rows = mbconv_plan_rings(plan, &stages->shape) * plan->ring_rows;
  const bool lacking = plan->groups * channels > shape->expanded_channels; /* channels of the last group */
  memset(scratch->zero_row, 0, row * sizeof(float));
  if (shape->mapped && lacking) /* the activation is mapped over these, too */
    memset(scratch->rings + (rows - plan->ring_rows) * row, 0, plan->ring_rows * row * sizeof(float));
  for (size_t r = 0; r < rows; r++) {
    float *ring_row = scratch->rings + r * row;
    memset(ring_row, 0, left * sizeof(float));
    memset(ring_row + left + middle, 0, (row - left - middle) * sizeof(float));
  }
  if (shape->expand) list_pixels(shape, plan, scratch);
}
