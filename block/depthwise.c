/* SPDX-License-Identifier: MIT
 *
 * The depthwise operator: the block's engine without expand and project. Input rows are copied into a ring with zeros
 * around them, which keeps borders and channel tails out of the kernels.
 */
#include "block.h"
#include "dispatch.h"
#include "fold.h"
#include "pack.h"
#include "parallel.h"
#include "status.h"
#include "strip.h"

struct mbconv_depthwise {
  mbconv_allocator allocator;
  mbconv_info info;
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
  return mbconv_conv_check(&desc->conv, "conv", desc->channels, true, error);
}

mbconv_status mbconv_depthwise_create(const mbconv_depthwise_desc *desc, const mbconv_options *options,
                                      mbconv_depthwise **out, mbconv_error *error) {
  if (!out) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  const struct mbconv_kernels *kernels;
  mbconv_allocator allocator;
  mbconv_silu silu;
  struct mbconv_shape shape;
  mbconv_status status = check(desc, &shape, error);
  if (status == MBCONV_OK) status = mbconv_choose(options, &kernels, &silu, error);
  if (status == MBCONV_OK) status = mbconv_allocator_of(options, &allocator, error);
  if (status != MBCONV_OK) return status;

  struct mbconv_cursor cursor = {0};
  mbconv_take(&cursor, 1, sizeof(mbconv_depthwise));
  const size_t taps = desc->kernel * desc->kernel;
  const size_t floats = mbconv_depthwise_floats_checked(taps, desc->channels, kernels->lanes, &cursor.overflow);
  mbconv_take_floats(&cursor, floats);
  if (cursor.overflow) return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "the packed weights do not fit into memory");
  void *memory;
  status = mbconv_allocate(&allocator, cursor.used, &memory, error);
  if (status != MBCONV_OK) return status;

  cursor = (struct mbconv_cursor){.base = memory};
  mbconv_depthwise *depthwise = mbconv_take(&cursor, 1, sizeof *depthwise);
  depthwise->allocator = allocator;
  depthwise->info = (mbconv_info){kernels->isa, silu, floats * sizeof(float)};
  depthwise->stages = (struct mbconv_stages){
      .kernels = kernels,
      .shape = shape,
      .plan = mbconv_plan_of(&shape, kernels->pointwise[0].channels, mbconv_l2_bytes(), 1, 0),
      .layout = MBCONV_NHWC,
      .epilogue = mbconv_epilogue_of(desc->activation, kernels, silu),
      .depthwise = mbconv_take_floats(&cursor, floats),
  };
  mbconv_depthwise_pack(kernels, desc->channels, desc->kernel, &desc->conv, depthwise->stages.depthwise);
  *out = depthwise;
  return mbconv_succeed(error);
}

static size_t scratch_of_thread(const mbconv_depthwise *depthwise, void *memory, struct mbconv_strip_scratch *scratch) {
  struct mbconv_cursor cursor = {.base = memory};
  mbconv_strip_scratch_take(&depthwise->stages, &depthwise->stages.plan, &cursor, scratch);
  return cursor.overflow ? SIZE_MAX : cursor.used;
}

size_t mbconv_depthwise_scratch_size(const mbconv_depthwise *depthwise, size_t threads) {
  struct mbconv_strip_scratch scratch;
  bool overflow = false;
  const size_t bytes = mbconv_multiply(scratch_of_thread(depthwise, NULL, &scratch), mbconv_max(threads, 1), &overflow);
  const size_t aligned = mbconv_add(bytes, MBCONV_ALIGNMENT, &overflow);
  return overflow ? SIZE_MAX : aligned;
}

struct run {
  const mbconv_depthwise *depthwise;
  size_t batch, tasks, thread_bytes;
  const float *x;
  float *y;
  size_t x_size, y_size; /* of one image */
  char *scratch;
};

/* A task's share of the output rows of all images. */
static void run_rows(void *argument, size_t index) {
  const struct run *run = argument;
  const struct mbconv_stages *stages = &run->depthwise->stages;
  const size_t height = stages->shape.out_height;
  struct mbconv_strip_scratch scratch;
  scratch_of_thread(run->depthwise, run->scratch + index * run->thread_bytes, &scratch);
  mbconv_strip_scratch_prepare(stages, &stages->plan, &scratch);
  size_t begin, end;
  mbconv_share(run->batch * height, 1, index, run->tasks, &begin, &end);
  while (begin < end) {
    const size_t image = begin / height, first = begin % height, last = mbconv_min(height, first + end - begin);
    const struct mbconv_strip_target target = {.last_group = 1, .y = run->y + image * run->y_size};
    mbconv_strips_run(stages, &stages->plan, &scratch, run->x + image * run->x_size, &target, first, last);
    begin += last - first;
  }
}

mbconv_status mbconv_depthwise_run(const mbconv_depthwise *depthwise, size_t batch, const float *x, float *y,
                                   void *scratch, size_t scratch_size, const mbconv_threads *threads,
                                   mbconv_error *error) {
  if (!depthwise) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "depthwise is NULL");
  const struct mbconv_shape *shape = &depthwise->stages.shape;
  struct mbconv_strip_scratch unused;
  struct run run = {
      .depthwise = depthwise,
      .batch = batch,
      .thread_bytes = scratch_of_thread(depthwise, NULL, &unused),
      .x = x,
      .y = y,
      .x_size = shape->height * shape->width * shape->in_channels,
      .y_size = shape->out_height * shape->out_width * shape->in_channels,
  };
  mbconv_status status = mbconv_thread_count(threads, &run.tasks, error);
  if (status != MBCONV_OK) return status;
  bool empty;
  const size_t needed = mbconv_depthwise_scratch_size(depthwise, run.tasks);
  status = mbconv_run_check(batch, x, run.x_size, y, run.y_size, scratch, scratch_size, needed, &empty, error);
  if (status != MBCONV_OK || empty) return status == MBCONV_OK ? mbconv_succeed(error) : status;
  run.scratch = mbconv_align(scratch);
  mbconv_parallel(threads, run.tasks, run_rows, &run);
  return mbconv_succeed(error);
}

void mbconv_depthwise_output_size(const mbconv_depthwise *depthwise, size_t *height, size_t *width) {
  *height = depthwise->stages.shape.out_height;
  *width = depthwise->stages.shape.out_width;
}

mbconv_info mbconv_depthwise_info(const mbconv_depthwise *depthwise) { return depthwise->info; }

void mbconv_depthwise_destroy(mbconv_depthwise *depthwise) {
  if (depthwise) depthwise->allocator.release(depthwise->allocator.context, depthwise);
}
