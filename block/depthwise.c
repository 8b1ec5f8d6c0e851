/* SPDX-License-Identifier: MIT
 *
 * The depthwise operator: the block's engine without expand and project. Input rows are copied into a ring with zeros
 * around them, which keeps borders and channel tails out of the kernels.
 */
#include "block.h"
#include "dispatch.h"
#include "fold.h"
#include "operator.h"
#include "pack.h"
#include "strip.h"

struct mbconv_depthwise {
  struct mbconv_operator base;
  struct mbconv_stages stages;
};

static mbconv_status check(const mbconv_depthwise_desc *desc, struct mbconv_shape *shape, mbconv_error *error) {
  if (!desc) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "desc is NULL");
  *shape = (struct mbconv_shape){
      .height = desc->height,
      .width = desc->width,
      .in_channels = desc->channels,
      .expanded_channels = desc->channels,
      .out_channels = desc->channels,
      .kernel = desc->kernel,
      .stride = desc->stride,
  };
  mbconv_status status = mbconv_struct_check(&desc->struct_size, sizeof *desc, "desc", error);
  if (status == MBCONV_OK) status = mbconv_type_check(desc->type, error);
  if (status != MBCONV_OK) return status;
  if (desc->channels == 0) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "channels is 0");
  status = mbconv_shape_check(shape, &desc->pad, error);
  if (status == MBCONV_OK) status = mbconv_activation_check(desc->activation, "activation", error);
  if (status != MBCONV_OK) return status;
  bool overflow = desc->channels > PTRDIFF_MAX / 64;
  size_t floats = mbconv_multiply(mbconv_max(shape->height, shape->out_height) + 64,
                                  mbconv_max(shape->width, shape->out_width) + 64, &overflow);
  floats = mbconv_multiply(floats, desc->channels + 64, &overflow);
  mbconv_multiply(floats, 8 * sizeof(float), &overflow);
  if (overflow)
    return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "an image of %zu x %zu x %zu does not fit into memory",
                       desc->height, desc->width, desc->channels);
  return mbconv_conv_check(desc->conv, "conv", desc->channels, true, error);
}

mbconv_status mbconv_depthwise_create(const mbconv_depthwise_desc *desc, const mbconv_options *options,
                                      mbconv_depthwise **out, mbconv_error *error) {
  if (!out) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  struct mbconv_operator base = {0};
  struct mbconv_shape shape;
  struct mbconv_cursor cursor = {0};
  mbconv_status status = check(desc, &shape, error);
  if (status == MBCONV_OK) status = mbconv_operator_choose(&base, desc->type, options, error);
  if (status != MBCONV_OK) return status;
  const struct mbconv_kernels *kernels = base.kernels;
  const size_t taps = desc->kernel * desc->kernel;
  const size_t floats = mbconv_depthwise_floats_checked(taps, desc->channels, kernels->lanes, &cursor.overflow);
  mbconv_take(&cursor, 1, sizeof(mbconv_depthwise));
  mbconv_take_floats(&cursor, floats);
  status = mbconv_operator_allocate(&base, &cursor, error);
  if (status != MBCONV_OK) return status;

  mbconv_depthwise *depthwise = mbconv_take(&cursor, 1, sizeof *depthwise);
  base.info.weight_bytes = floats * sizeof(float);
  depthwise->base = base;
  depthwise->stages = (struct mbconv_stages){
      .kernels = kernels,
      .shape = shape,
      .plan = mbconv_plan_of(&shape, kernels->pointwise[0].channels, mbconv_l2_bytes(), 1, 0),
      .layout = MBCONV_NHWC,
      .epilogue = mbconv_epilogue_of(desc->activation, kernels, base.info.exp),
      .depthwise = mbconv_take_floats(&cursor, floats),
  };
  mbconv_depthwise_pack(kernels, desc->channels, desc->kernel, desc->conv, depthwise->stages.depthwise);
  *out = depthwise;
  return mbconv_succeed(error);
}

static size_t scratch_of_thread(const struct mbconv_stages *stages) {
  struct mbconv_cursor cursor = {0};
  struct mbconv_strip_scratch unused;
  mbconv_strip_scratch_take(stages, &stages->plan, &cursor, &unused);
  return cursor.overflow ? SIZE_MAX : cursor.used;
}

size_t mbconv_depthwise_scratch_size(const mbconv_depthwise *depthwise, size_t threads) {
  return mbconv_scratch_of(scratch_of_thread(&depthwise->stages), threads);
}

struct run {
  const struct mbconv_stages *stages;
  struct mbconv_operands operands;
  size_t tasks, thread_bytes;
};

/* A task's part of a run. */
struct part {
  const struct run *run;
  struct mbconv_strip_scratch scratch;
};

static void run_rows(void *context, size_t image, size_t first, size_t last) {
  const struct part *part = context;
  const struct mbconv_stages *stages = part->run->stages;
  const struct mbconv_operands *operands = &part->run->operands;
  const struct mbconv_strip_target target = {.last_group = 1, .y = operands->y + image * operands->y_size};
  mbconv_strips_run(stages, &stages->plan, &part->scratch, operands->x + image * operands->x_size, &target, first,
                    last);
}

static void run_task(void *argument, size_t index) {
  struct part part = {.run = argument};
  const struct run *run = part.run;
  const struct mbconv_stages *stages = run->stages;
  struct mbconv_cursor cursor = {.base = mbconv_align(run->operands.scratch) + index * run->thread_bytes};
  mbconv_strip_scratch_take(stages, &stages->plan, &cursor, &part.scratch);
  mbconv_strip_scratch_prepare(stages, &stages->plan, &part.scratch);
  mbconv_share_rows(run->operands.batch, stages->shape.out_height, index, run->tasks, run_rows, &part);
}

mbconv_status mbconv_depthwise_run(const mbconv_depthwise *depthwise, size_t batch, const void *x, void *y,
                                   void *scratch, size_t scratch_size, const mbconv_threads *threads,
                                   mbconv_error *error) {
  if (!depthwise) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "depthwise is NULL");
  const struct mbconv_shape *shape = &depthwise->stages.shape;
  struct run run = {.stages = &depthwise->stages, .thread_bytes = scratch_of_thread(&depthwise->stages)};
  mbconv_status status = mbconv_thread_count(threads, &run.tasks, error);
  if (status != MBCONV_OK) return status;
  if (batch == 0) return mbconv_succeed(error);
  run.operands = (struct mbconv_operands){
      .batch = batch,
      .x = x,
      .y = y,
      .x_size = shape->height * shape->width * shape->in_channels,
      .y_size = shape->out_height * shape->out_width * shape->in_channels,
      .scratch = scratch,
      .scratch_size = scratch_size,
      .scratch_needed = mbconv_scratch_of(run.thread_bytes, run.tasks),
  };
  status = mbconv_operands_check(&run.operands, error);
  if (status != MBCONV_OK) return status;
  mbconv_parallel(threads, run.tasks, run_task, &run);
  return mbconv_succeed(error);
}

void mbconv_depthwise_output_size(const mbconv_depthwise *depthwise, size_t *height, size_t *width) {
  *height = depthwise->stages.shape.out_height;
  *width = depthwise->stages.shape.out_width;
}

mbconv_status mbconv_depthwise_info(const mbconv_depthwise *depthwise, mbconv_info *info, mbconv_error *error) {
  return mbconv_operator_info(depthwise, "depthwise", info, error);
}

void mbconv_depthwise_destroy(mbconv_depthwise *depthwise) { mbconv_operator_destroy(depthwise); }
