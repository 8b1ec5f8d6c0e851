/* SPDX-License-Identifier: MIT */
#include "ring.h"

#include <string.h>

#include "dense.h"

static void take_depthwise(const struct mbconv_stages *stages, const struct mbconv_shape *shape,
                           const struct mbconv_plan *plan, struct mbconv_cursor *cursor,
                           struct mbconv_segment_scratch *scratch) {
  bool *overflow = &cursor->overflow;
  const size_t element = stages->base.kernels->element;
  const size_t row = mbconv_multiply(plan->ring_width, plan->group_channels, overflow);
  const size_t rows = mbconv_multiply(mbconv_plan_rings(plan, shape), plan->ring_rows, overflow);
  if (!plan->ring_in_y) scratch->rings = mbconv_take(cursor, mbconv_multiply(rows, row, overflow), element);
  scratch->zero_row = mbconv_take(cursor, row, element);
}

static void take_segment(const struct mbconv_stages *stages, const struct mbconv_cut *cut, size_t index,
                         struct mbconv_cursor *cursor, struct mbconv_segment_scratch *scratch) {
  const struct mbconv_shape *shape = &cut->shape[index];
  const struct mbconv_plan *plan = &cut->plan[index];
  const struct mbconv_stage *stage = stages->segment[index].stage;
  bool *overflow = &cursor->overflow;
  if (stage->kind == MBCONV_STAGE_DEPTHWISE) take_depthwise(stages, shape, plan, cursor, scratch);
  if (stage->kind == MBCONV_STAGE_DENSE) stage->dense->take(stages, stage, shape, cursor, scratch);
  if (index + 1 < stages->segments && !plan->stored) {
    const size_t pixels = mbconv_multiply(plan->strip_rows, shape->columns.out, overflow);
    const size_t elements = mbconv_multiply(pixels, mbconv_segment_stride(stages, index), overflow);
    scratch->output = mbconv_take(cursor, elements, stages->base.kernels->element);
  }
}

void mbconv_strip_scratch_take(const struct mbconv_stages *stages, const struct mbconv_cut *cut,
                               struct mbconv_cursor *cursor, struct mbconv_strip_scratch *scratch) {
  const size_t last = stages->segments - 1, element = stages->base.kernels->element;
  bool *overflow = &cursor->overflow;
  *scratch = (struct mbconv_strip_scratch){0};
  for (size_t s = 0; s <= last; s++) take_segment(stages, cut, s, cursor, &scratch->segment[s]);
  if (stages->x_in_scratch || (stages->layout == MBCONV_NCHW && stages->stage[0].kind == MBCONV_STAGE_POINTWISE)) {
    const size_t pixels = mbconv_multiply(cut->plan[0].ring_rows, cut->width, overflow);
    scratch->x = mbconv_take(cursor, mbconv_multiply(pixels, stages->stage[0].in_channels, overflow), element);
  }
  if (MBCONV_HAS_I8) scratch->room = scratch->segment[0].room = mbconv_take(cursor, stages->room, 1);
  if (stages->y_in_scratch) {
    const size_t rows = cut->plan[last].strip_rows;
    const size_t pixels = mbconv_cut_stored(stages, cut)
                              ? stages->base.kernels->blocking.projected_pixels
                              : mbconv_multiply(rows, cut->shape[last].columns.out, overflow);
    scratch->y = mbconv_take(cursor, mbconv_multiply(pixels, mbconv_segment_stride(stages, last), overflow), element);
  }
  for (size_t s = 0; s <= last; s++) {
    const struct mbconv_shape *shape = &cut->shape[s];
    const size_t rows = mbconv_plan_listed_rows(&cut->plan[s], shape);
    if (shape->expand)
      scratch->segment[s].pixels =
          mbconv_take(cursor, mbconv_multiply(rows, shape->columns.in, overflow), sizeof(void *));
  }
}

static void list_pixels(const struct mbconv_shape *shape, const struct mbconv_plan *plan, size_t element,
                        const struct mbconv_segment_scratch *scratch) {
  void **pixel = scratch->pixels;
  const size_t bytes = plan->group_channels * element;
  for (size_t r = 0; r < mbconv_plan_listed_rows(plan, shape); r++) {
    char *row = scratch->rings + (r % plan->ring_rows * plan->ring_width + shape->columns.before) * bytes;
    for (size_t p = 0; p < shape->columns.in; p++) *pixel++ = row + p * bytes;
  }
}

static void prepare_rings(const struct mbconv_shape *shape, const struct mbconv_plan *plan, size_t element,
                          unsigned char padding, const struct mbconv_segment_scratch *scratch) {
  const size_t bytes = plan->group_channels * element, row = plan->ring_width * bytes;
  const size_t left = shape->columns.before * bytes, middle = shape->columns.in * bytes;
  const size_t rows = mbconv_plan_rings(plan, shape) * plan->ring_rows;
  const bool lacking = plan->groups * plan->group_channels > shape->expanded_channels; /* channels of the last group */
  memset(scratch->zero_row, padding, row);
  if (shape->mapped && lacking) /* the activation is mapped over these, too */
    memset(scratch->rings + (rows - plan->ring_rows) * row, 0, plan->ring_rows * row);
  for (size_t r = 0; r < rows; r++) {
    char *ring_row = scratch->rings + r * row;
    memset(ring_row, padding, left);
    memset(ring_row + left + middle, padding, row - left - middle);
  }
  if (shape->expand) list_pixels(shape, plan, element, scratch);
}

void mbconv_strip_scratch_prepare(const struct mbconv_stages *stages, const struct mbconv_cut *cut,
                                  const struct mbconv_strip_scratch *scratch) {
  for (size_t s = 0; s < stages->segments; s++)
    if (stages->segment[s].stage->kind == MBCONV_STAGE_DEPTHWISE)
      prepare_rings(&cut->shape[s], &cut->plan[s], stages->base.kernels->element, stages->segment[s].stage->padding,
                    &scratch->segment[s]);
}
