/* SPDX-License-Identifier: MIT
 *
 * The block: create packs, run hands strips to the threads. With squeeze-excite a run has three phases per image:
 * strips write the depthwise output and sum its channels, the scales are computed, pixels are scaled and projected.
 */
#include "block.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dispatch.h"
#include "fold.h"
#include "parallel.h"
#include "squeeze_excite.h"
#include "status.h"
#include "strip.h"
#include "transpose.h"

struct mbconv_block {
  mbconv_allocator allocator;
  mbconv_info info;
  struct mbconv_stages stages;
  struct mbconv_excite excite;
};

/* ---- Create ------------------------------------------------------------------------------------------------------ */

/* Sets sizes and takes the weights' memory. */
static void lay_out(mbconv_block *block, const mbconv_block_desc *desc, struct mbconv_cursor *cursor) {
  struct mbconv_stages *stages = &block->stages;
  const struct mbconv_kernels *kernels = stages->kernels;
  const size_t expanded = desc->expanded_channels;
  if (desc->expand) mbconv_panels_plan(&stages->expand, kernels, desc->in_channels, expanded, cursor);
  mbconv_panels_plan(&stages->project, kernels, expanded, desc->out_channels, cursor);
  const size_t taps = mbconv_depthwise_packed(kernels, expanded, desc->kernel, &cursor->overflow);
  stages->depthwise = mbconv_take_floats(cursor, taps);
  if (desc->squeeze_excite) {
    mbconv_panels_plan(&block->excite.reduce, kernels, expanded, desc->squeeze_excite->width, cursor);
    mbconv_panels_plan(&block->excite.expand, kernels, desc->squeeze_excite->width, expanded, cursor);
  }
}

static void pack(mbconv_block *block, const mbconv_block_desc *desc) {
  struct mbconv_stages *stages = &block->stages;
  const size_t expanded = desc->expanded_channels;
  bool overflow = false;
  size_t bytes = mbconv_depthwise_packed(stages->kernels, expanded, desc->kernel, &overflow) * sizeof(float);
  mbconv_depthwise_pack(stages->kernels, expanded, desc->kernel, desc->depthwise, stages->depthwise);
  mbconv_panels_pack(&stages->project, desc->project);
  bytes += mbconv_panels_bytes(&stages->project);
  if (desc->expand) {
    mbconv_panels_pack(&stages->expand, desc->expand);
    bytes += mbconv_panels_bytes(&stages->expand);
  }
  if (desc->squeeze_excite) {
    mbconv_panels_pack(&block->excite.reduce, &desc->squeeze_excite->reduce);
    mbconv_panels_pack(&block->excite.expand, &desc->squeeze_excite->expand);
    bytes += mbconv_panels_bytes(&block->excite.reduce) + mbconv_panels_bytes(&block->excite.expand);
  }
  block->info.weight_bytes = bytes;
}

static void describe_stages(struct mbconv_stages *stages, const mbconv_block_desc *desc,
                            const struct mbconv_kernels *kernels, mbconv_silu silu) {
  struct mbconv_shape *shape = &stages->shape;
  *shape = (struct mbconv_shape){
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
  mbconv_shape_check(shape, &desc->pad, NULL); /* cannot fail: the description has been checked */
  stages->kernels = kernels;
  stages->epilogue = mbconv_epilogue_of(desc->activation, kernels, silu);
  shape->mapped = stages->epilogue.map != NULL;
  stages->plan = mbconv_plan_of(shape, kernels->pointwise[0].channels, desc->strip_rows, desc->group_channels);
  stages->layout = desc->layout;
  stages->residual = desc->residual != MBCONV_RESIDUAL_OFF && desc->stride == 1 &&
                     desc->in_channels == desc->out_channels && shape->out_height == desc->height &&
                     shape->out_width == desc->width;
}

mbconv_status mbconv_block_create(const mbconv_block_desc *desc, const mbconv_options *options, mbconv_block **out,
                                  mbconv_error *error) {
  if (!out) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  const struct mbconv_kernels *kernels;
  mbconv_allocator allocator;
  mbconv_silu silu;
  mbconv_status status = mbconv_block_check(desc, true, error);
  if (status == MBCONV_OK) status = mbconv_choose(options, &kernels, &silu, error);
  if (status == MBCONV_OK) status = mbconv_allocator_of(options, &allocator, error);
  if (status != MBCONV_OK) return status;

  mbconv_block sizes = {.stages.kernels = kernels};
  struct mbconv_cursor cursor = {0};
  mbconv_take(&cursor, 1, sizeof(mbconv_block));
  lay_out(&sizes, desc, &cursor);
  if (cursor.overflow) return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "the packed weights do not fit into memory");
  void *memory;
  status = mbconv_allocate(&allocator, cursor.used, &memory, error);
  if (status != MBCONV_OK) return status;

  cursor = (struct mbconv_cursor){.base = memory};
  mbconv_block *block = mbconv_take(&cursor, 1, sizeof *block);
  block->allocator = allocator;
  block->info = (mbconv_info){.isa = kernels->isa, .silu = silu};
  describe_stages(&block->stages, desc, kernels, silu);
  lay_out(block, desc, &cursor);
  pack(block, desc);
  if (desc->squeeze_excite) {
    block->excite.inner = mbconv_epilogue_of(desc->squeeze_excite->inner, kernels, silu);
    block->excite.gate = mbconv_epilogue_of(desc->squeeze_excite->gate, kernels, silu);
  }
  *out = block;
  return mbconv_succeed(error);
}

/* ---- Scratch ----------------------------------------------------------------------------------------------------- */

/* The scratch of a run: `threads` strip scratches one after the other, then what squeeze-excite shares. */
struct scratch {
  struct mbconv_cursor threads;
  size_t thread_bytes;
  float *hidden, *sums, *narrow, *scale;
  size_t sum_stride;
};

static size_t lay_out_scratch(const mbconv_block *block, const struct mbconv_plan *plan, size_t threads, void *memory,
                              struct scratch *scratch) {
  const struct mbconv_stages *stages = &block->stages;
  const struct mbconv_shape *shape = &stages->shape;
  struct mbconv_cursor one = {0};
  struct mbconv_strip_scratch unused;
  mbconv_strip_scratch_take(stages, plan, &one, &unused);
  *scratch = (struct scratch){.thread_bytes = one.used};
  struct mbconv_cursor cursor = {.base = memory ? mbconv_align(memory) : NULL};
  scratch->threads.base = mbconv_take(&cursor, threads, one.used);
  if (shape->squeeze_excite) {
    const size_t padded = plan->groups * plan->group_channels, pixels = shape->out_height * shape->out_width;
    scratch->sum_stride = threads > 1 ? padded : 0;
    scratch->hidden = mbconv_take_floats(&cursor, pixels * padded);
    scratch->sums = mbconv_take_floats(&cursor, threads > 1 ? shape->out_height * padded : padded);
    scratch->narrow = mbconv_take_floats(&cursor, block->excite.reduce.padded);
    scratch->scale = mbconv_take_floats(&cursor, mbconv_max(padded, block->excite.expand.padded));
  }
  bool overflow = cursor.overflow;
  const size_t bytes = mbconv_add(cursor.used, MBCONV_ALIGNMENT, &overflow);
  return overflow ? SIZE_MAX : bytes;
}

/* Fewer threads may need more, because their strips are higher: the query allows for any number up to `threads`. */
size_t mbconv_block_scratch_size(const mbconv_block *block, size_t threads) {
  const struct mbconv_shape *shape = &block->stages.shape;
  size_t most = 0;
  for (size_t count = 1; count <= mbconv_max(threads, 1); count++) {
    if (count > shape->out_height) count = threads; /* from here on every strip is one row, more threads need more */
    const struct mbconv_plan plan = mbconv_plan_for_threads(&block->stages.plan, shape, count);
    struct scratch scratch;
    most = mbconv_max(most, lay_out_scratch(block, &plan, count, NULL, &scratch));
    if (count == threads) break;
  }
  return most;
}

/* ---- Run --------------------------------------------------------------------------------------------------------- */

struct run {
  const mbconv_block *block;
  struct mbconv_plan plan;
  struct scratch scratch;
  size_t batch, tasks;
  const float *x;
  float *y;
  size_t x_size, y_size; /* of one image */
};

static struct mbconv_strip_scratch scratch_of(const struct run *run, size_t index) {
  struct mbconv_cursor cursor = {.base = run->scratch.threads.base + index * run->scratch.thread_bytes};
  struct mbconv_strip_scratch scratch;
  mbconv_strip_scratch_take(&run->block->stages, &run->plan, &cursor, &scratch);
  return scratch;
}

/* A task's share of the strips of all images. */
static void run_strips(void *argument, size_t index) {
  const struct run *run = argument;
  const struct mbconv_stages *stages = &run->block->stages;
  const size_t height = stages->shape.out_height;
  const struct mbconv_strip_scratch scratch = scratch_of(run, index);
  mbconv_strip_scratch_clear(stages, &run->plan, &scratch);
  const size_t strips = (height + run->plan.strip_rows - 1) / run->plan.strip_rows;
  size_t begin, end;
  mbconv_share(run->batch * strips, 1, index, run->tasks, &begin, &end);
  while (begin < end) {
    const size_t image = begin / strips, first = begin % strips;
    const size_t last = mbconv_min(strips, first + end - begin);
    const struct mbconv_strip_target target = {
        .y = run->y + image * run->y_size,
        .hidden = run->scratch.hidden,
        .sums = run->scratch.sums,
        .sum_stride = run->scratch.sum_stride,
    };
    mbconv_strips_run(stages, &run->plan, &scratch, run->x + image * run->x_size, &target, first * run->plan.strip_rows,
                      mbconv_min(height, last * run->plan.strip_rows));
    begin += last - first;
  }
}

/* Scales the depthwise output of some pixels in place, group by group, and projects it. */
static void scale_and_project(const struct run *run, size_t begin, size_t count, float *y, size_t y_stride,
                              bool transposed) {
  const struct mbconv_stages *stages = &run->block->stages;
  const struct mbconv_shape *shape = &stages->shape;
  const size_t channels = run->plan.group_channels, pixels = shape->out_height * shape->out_width;
  for (size_t g = 0; g < run->plan.groups; g++) {
    float *hidden = run->scratch.hidden + (g * pixels + begin) * channels;
    const size_t first = g * channels, real = mbconv_min(channels, shape->expanded_channels - first);
    stages->kernels->channel_scale(count, real, hidden, channels, run->scratch.scale + first, hidden, channels);
    const struct mbconv_pointwise_run part = {
        .pixels = count,
        .first_k = first,
        .k = real,
        .channels = shape->out_channels,
        .x = hidden,
        .x_stride = channels,
        .y = y,
        .y_stride = y_stride,
        .y_padded = transposed,
        .residual = stages->residual && !transposed ? run->x + begin * shape->in_channels : NULL,
        .r_stride = shape->in_channels,
        .lo = -INFINITY,
        .hi = INFINITY,
    };
    mbconv_panels_run(&stages->project, &part);
  }
}

/* A task's share of the pixels of one image. */
static void run_scaled(void *argument, size_t index) {
  const struct run *run = argument;
  const struct mbconv_stages *stages = &run->block->stages;
  const struct mbconv_shape *shape = &stages->shape;
  const size_t pixels = shape->out_height * shape->out_width, out = shape->out_channels;
  const bool transposed = stages->layout == MBCONV_NCHW;
  float *strip = transposed ? scratch_of(run, index).y : NULL;
  size_t begin, end;
  mbconv_share(pixels, stages->project.wide->pixels, index, run->tasks, &begin, &end);
  for (; begin < end; begin += MBCONV_SCALED_PIXELS) {
    const size_t count = mbconv_min(MBCONV_SCALED_PIXELS, end - begin);
    if (transposed) {
      scale_and_project(run, begin, count, strip, stages->project.padded, true);
      mbconv_pixels_to_planes(count, out, strip, stages->project.padded, stages->residual ? run->x + begin : NULL,
                              run->y + begin, pixels);
    } else {
      scale_and_project(run, begin, count, run->y + begin * out, out, false);
    }
  }
}

static void run_squeeze_excite(struct run *run, const mbconv_threads *threads) {
  const struct mbconv_shape *shape = &run->block->stages.shape;
  const struct scratch *scratch = &run->scratch;
  const size_t padded = run->plan.groups * run->plan.group_channels;
  const size_t rows = scratch->sum_stride ? shape->out_height : 1;
  const size_t images = run->batch;
  run->batch = 1;
  for (size_t image = 0; image < images; image++) {
    memset(scratch->sums, 0, rows * padded * sizeof(float));
    mbconv_parallel(threads, run->tasks, run_strips, run);
    for (size_t r = 1; r < rows; r++)
      for (size_t c = 0; c < shape->expanded_channels; c++) scratch->sums[c] += scratch->sums[r * padded + c];
    mbconv_excite_run(&run->block->excite, shape->out_height * shape->out_width, scratch->sums, scratch->narrow,
                      scratch->scale);
    mbconv_parallel(threads, run->tasks, run_scaled, run);
    run->x += run->x_size;
    run->y += run->y_size;
  }
}

mbconv_status mbconv_block_run(const mbconv_block *block, size_t batch, const float *x, float *y, void *scratch,
                               size_t scratch_size, const mbconv_threads *threads, mbconv_error *error) {
  if (!block) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "block is NULL");
  const struct mbconv_shape *shape = &block->stages.shape;
  struct run run = {
      .block = block,
      .batch = batch,
      .x = x,
      .y = y,
      .x_size = shape->height * shape->width * shape->in_channels,
      .y_size = shape->out_height * shape->out_width * shape->out_channels,
  };
  mbconv_status status = mbconv_thread_count(threads, &run.tasks, error);
  if (status != MBCONV_OK) return status;
  bool empty;
  run.plan = mbconv_plan_for_threads(&block->stages.plan, shape, run.tasks);
  const size_t needed = lay_out_scratch(block, &run.plan, run.tasks, NULL, &run.scratch);
  status = mbconv_run_check(batch, x, run.x_size, y, run.y_size, scratch, scratch_size, needed, &empty, error);
  if (status != MBCONV_OK || empty) return status == MBCONV_OK ? mbconv_succeed(error) : status;
  lay_out_scratch(block, &run.plan, run.tasks, scratch, &run.scratch);
  if (shape->squeeze_excite)
    run_squeeze_excite(&run, threads);
  else
    mbconv_parallel(threads, run.tasks, run_strips, &run);
  return mbconv_succeed(error);
}

/* ---- Queries ----------------------------------------------------------------------------------------------------- */

void mbconv_block_output_size(const mbconv_block *block, size_t *height, size_t *width) {
  *height = block->stages.shape.out_height;
  *width = block->stages.shape.out_width;
}

mbconv_info mbconv_block_info(const mbconv_block *block) { return block->info; }

size_t mbconv_block_describe(const mbconv_block *block, char *text, size_t size) {
  const struct mbconv_stages *stages = &block->stages;
  const struct mbconv_plan *plan = &stages->plan;
  const bool one_strip = mbconv_plan_one_strip(plan, &stages->shape), one_group = plan->groups == 1;
  const char *strategy = one_strip   ? one_group ? "unfused" : "channel split"
                         : one_group ? "row ring"
                                     : "row ring of channel groups";
  const int length =
      snprintf(text, size,
               "%s, %s SiLU, %s: strips of %zu of %zu rows, %zu groups of %zu channels, ring of %zu rows x "
               "%zu pixels, scratch %zu bytes, weights %zu bytes",
               mbconv_isa_name(block->info.isa), mbconv_silu_name(block->info.silu), strategy, plan->strip_rows,
               stages->shape.out_height, plan->groups, plan->group_channels, plan->ring_rows, plan->ring_width,
               mbconv_block_scratch_size(block, 1), block->info.weight_bytes);
  return (size_t)length;
}

void mbconv_block_destroy(mbconv_block *block) {
  if (block) block->allocator.release(block->allocator.context, block);
}
