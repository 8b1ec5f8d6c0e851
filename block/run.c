/* SPDX-License-Identifier: MIT
 *
 * How a block runs: in one phase, in which threads take strips; or, if the depthwise output is stored (squeeze-excite,
 * and threads that share out groups of channels), in two: strips write it, with squeeze-excite the scales are computed
 * from its sums, then threads take pixels, scale and project them.
 */
#include <string.h>

#include "block.h"
#include "format.h"
#include "parallel.h"
#include "status.h"
#include "transpose.h"

/* ---- Scratch ----------------------------------------------------------------------------------------------------- */

static struct mbconv_plan plan_of(const mbconv_block *block, size_t threads) {
  const struct mbconv_stages *stages = &block->stages;
  return mbconv_plan_for_threads(&stages->plan, &stages->shape, stages->kernels->pointwise[0].channels, threads);
}

/* The scratch of a run: `threads` strip scratches one after the other, then what they share. */
struct scratch {
  char *threads;
  size_t thread_bytes;
  float *hidden, *narrow;
  float *sums; /* channel sums, then means, then scales */
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
  scratch->threads = mbconv_take(&cursor, threads, one.used);
  const size_t expanded = shape->expanded_channels;
  if (plan->hidden) {
    const size_t pixels = mbconv_multiply(shape->out_height, shape->out_width, &cursor.overflow);
    scratch->hidden =
        mbconv_take_floats(&cursor, mbconv_multiply(pixels, mbconv_output_stride(stages), &cursor.overflow));
  }
  if (shape->squeeze_excite) {
    /* Threads must not add up one channel's rows in an order of their own. */
    const size_t padded = mbconv_max(expanded, block->excite.expand.padded);
    scratch->sum_stride = threads > 1 ? expanded : 0;
    scratch->sums =
        mbconv_take_floats(&cursor, threads > 1 ? mbconv_max(padded, shape->out_height * expanded) : padded);
    scratch->narrow = mbconv_take_floats(&cursor, block->excite.reduce.padded);
  }
  bool overflow = cursor.overflow;
  const size_t bytes = mbconv_add(cursor.used, MBCONV_ALIGNMENT, &overflow);
  return overflow ? SIZE_MAX : bytes;
}

/* Fewer threads may need more, because their strips are higher or their groups larger: the query allows for any number
 * up to `threads`. Of those with one plan the most need the most. */
size_t mbconv_block_scratch_size(const mbconv_block *block, size_t threads) {
  const struct mbconv_stages *stages = &block->stages;
  const size_t tile_channels = stages->kernels->pointwise[0].channels, last = mbconv_max(threads, 1);
  size_t most = 0;
  for (size_t count = 0; count < last;) {
    count = mbconv_min(last, mbconv_plan_threads_alike(&stages->shape, tile_channels, count + 1));
    const struct mbconv_plan plan = plan_of(block, count);
    struct scratch scratch;
    most = mbconv_max(most, lay_out_scratch(block, &plan, count, NULL, &scratch));
  }
  return most;
}

/* ---- Run --------------------------------------------------------------------------------------------------------- */

struct run {
  const mbconv_block *block;
  struct mbconv_operands operands;
  struct mbconv_plan plan;
  struct scratch scratch;
  size_t tasks;
};

/* A task's part of a run. */
struct part {
  const struct run *run;
  struct mbconv_strip_scratch scratch;
};

static struct mbconv_strip_scratch scratch_of(const struct run *run, size_t index) {
  struct mbconv_cursor cursor = {.base = run->scratch.threads + index * run->scratch.thread_bytes};
  struct mbconv_strip_scratch scratch;
  mbconv_strip_scratch_take(&run->block->stages, &run->plan, &cursor, &scratch);
  if (run->plan.ring_in_y) scratch.rings = (float *)(void *)mbconv_align(run->operands.y);
  return scratch;
}

/* Groups [first_group, last_group) of some rows of one image. */
static void run_image(const struct run *run, const struct mbconv_strip_scratch *scratch, size_t image,
                      size_t first_group, size_t last_group, size_t first_row, size_t last_row) {
  const size_t step = run->plan.hidden ? 1 : last_group - first_group;
  const float *x = run->operands.x + image * run->operands.x_size;
  struct mbconv_strip_target target = {
      .y = run->operands.y + image * run->operands.y_size,
      .hidden = run->scratch.hidden,
  };
  for (size_t g = first_group; g < last_group; g += step) {
    target.first_group = g;
    target.last_group = g + step;
    target.x_ready = g > first_group && last_row - first_row <= run->plan.strip_rows;
    mbconv_strips_run(&run->block->stages, &run->plan, scratch, x, &target, first_row, last_row);
  }
}

static void run_all_groups(void *context, size_t image, size_t first, size_t last) {
  const struct part *part = context;
  run_image(part->run, &part->scratch, image, 0, part->run->plan.groups, first, last);
}

/* A task's share of the output rows of all images. */
static void run_rows(void *argument, size_t index) {
  const struct run *run = argument;
  const struct mbconv_stages *stages = &run->block->stages;
  struct part part = {run, scratch_of(run, index)};
  mbconv_strip_scratch_prepare(stages, &run->plan, &part.scratch);
  mbconv_share_rows(run->operands.batch, stages->shape.out_height, index, run->tasks, run_all_groups, &part);
}

/* A task's share of the groups of one image. */
static void run_groups(void *argument, size_t index) {
  const struct run *run = argument;
  const struct mbconv_stages *stages = &run->block->stages;
  const struct mbconv_strip_scratch scratch = scratch_of(run, index);
  size_t begin, end;
  mbconv_share(run->plan.groups, 1, index, run->tasks, &begin, &end);
  mbconv_strip_scratch_prepare(stages, &run->plan, &scratch);
  run_image(run, &scratch, 0, begin, end, 0, stages->shape.out_height);
}

/* A task's share of the rows of one image: maps the stored depthwise output and sums its channels. */
static void run_sums(void *argument, size_t index) {
  const struct run *run = argument;
  const struct mbconv_stages *stages = &run->block->stages;
  const struct mbconv_shape *shape = &stages->shape;
  const size_t stride = mbconv_output_stride(stages);
  mbconv_activation_fn *map = stages->epilogue.map;
  size_t begin, end;
  mbconv_share(shape->out_height, 1, index, run->tasks, &begin, &end);
  for (size_t r = begin; r < end; r++) {
    float *row = run->scratch.hidden + r * shape->out_width * stride;
    if (map) map(shape->out_width * stride, row, row);
    stages->kernels->channel_sum(shape->out_width, shape->expanded_channels, row, stride,
                                 run->scratch.sums + r * run->scratch.sum_stride);
  }
}

/* Projects some pixels of the stored depthwise output: with squeeze-excite they are scaled in place first, without it
 * they are mapped. */
static void project_pixels(const struct run *run, size_t begin, size_t count, float *y, size_t y_stride,
                           bool transposed) {
  const struct mbconv_stages *stages = &run->block->stages;
  const struct mbconv_shape *shape = &stages->shape;
  const size_t channels = shape->expanded_channels, stride = mbconv_output_stride(stages);
  float *hidden = run->scratch.hidden + begin * stride;
  if (shape->squeeze_excite)
    stages->kernels->channel_scale(count, channels, hidden, stride, run->scratch.sums, hidden, stride);
  else if (stages->epilogue.map)
    stages->epilogue.map(count * stride, hidden, hidden);
  const struct mbconv_pointwise_run part = {
      .pixels = count,
      .channels = shape->out_channels,
      .x = hidden,
      .x_stride = stride,
      .y = y,
      .y_stride = y_stride,
      .y_padded = transposed,
      .residual = stages->residual && !transposed ? run->operands.x + begin * shape->in_channels : NULL,
      .r_stride = shape->in_channels,
      .ending = mbconv_ending_none(),
  };
  mbconv_panels_run(&stages->project, &part);
}

/* A task's share of the pixels of one image. */
static void run_project(void *argument, size_t index) {
  const struct run *run = argument;
  const struct mbconv_stages *stages = &run->block->stages;
  const struct mbconv_shape *shape = &stages->shape;
  const size_t pixels = shape->out_height * shape->out_width, out = shape->out_channels;
  const bool transposed = stages->layout == MBCONV_NCHW;
  float *strip = transposed ? scratch_of(run, index).y : NULL;
  size_t begin, end;
  mbconv_share(pixels, stages->project.wide->step, index, run->tasks, &begin, &end);
  for (; begin < end; begin += MBCONV_PROJECTED_PIXELS) {
    const size_t count = mbconv_min(MBCONV_PROJECTED_PIXELS, end - begin);
    if (transposed) {
      project_pixels(run, begin, count, strip, stages->project.padded, true);
      mbconv_transpose(stages->kernels, count, out, strip, stages->project.padded, run->operands.y + begin, pixels,
                       stages->residual ? run->operands.x + begin : NULL);
    } else {
      project_pixels(run, begin, count, run->operands.y + begin * out, out, false);
    }
  }
}

static void compute_scales(const struct run *run) {
  const struct mbconv_shape *shape = &run->block->stages.shape;
  const struct scratch *scratch = &run->scratch;
  for (size_t r = 1; scratch->sum_stride && r < shape->out_height; r++)
    for (size_t c = 0; c < shape->expanded_channels; c++)
      scratch->sums[c] += scratch->sums[r * scratch->sum_stride + c];
  mbconv_excite_run(&run->block->excite, shape->out_height * shape->out_width, scratch->sums, scratch->narrow);
}

/* Image by image, for the scratch holds the depthwise output of one. */
static void run_two_phases(struct run *run, const mbconv_threads *threads) {
  const struct mbconv_shape *shape = &run->block->stages.shape;
  const struct scratch *scratch = &run->scratch;
  const size_t rows = scratch->sum_stride ? shape->out_height : 1;
  const size_t images = run->operands.batch;
  run->operands.batch = 1;
  for (size_t image = 0; image < images; image++) {
    if (shape->squeeze_excite) memset(scratch->sums, 0, rows * shape->expanded_channels * sizeof(float));
    mbconv_parallel(threads, run->tasks, run->plan.by_groups ? run_groups : run_rows, run);
    if (shape->squeeze_excite) {
      mbconv_parallel(threads, run->tasks, run_sums, run);
      compute_scales(run);
    }
    mbconv_parallel(threads, run->tasks, run_project, run);
    run->operands.x += run->operands.x_size;
    run->operands.y += run->operands.y_size;
  }
}

mbconv_status mbconv_block_run(const mbconv_block *block, size_t batch, const void *x, void *y, void *scratch,
                               size_t scratch_size, const mbconv_threads *threads, mbconv_error *error) {
  if (!block) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "block is NULL");
  const struct mbconv_shape *shape = &block->stages.shape;
  struct run run = {.block = block};
  mbconv_status status = mbconv_thread_count(threads, &run.tasks, error);
  if (status != MBCONV_OK) return status;
  if (batch == 0) return mbconv_succeed(error);
  run.plan = plan_of(block, run.tasks);
  run.operands = (struct mbconv_operands){
      .batch = batch,
      .x = x,
      .y = y,
      .x_size = shape->height * shape->width * shape->in_channels,
      .y_size = shape->out_height * shape->out_width * shape->out_channels,
      .scratch = scratch,
      .scratch_size = scratch_size,
      .scratch_needed = lay_out_scratch(block, &run.plan, run.tasks, NULL, &run.scratch),
  };
  status = mbconv_operands_check(&run.operands, error);
  if (status != MBCONV_OK) return status;
  lay_out_scratch(block, &run.plan, run.tasks, scratch, &run.scratch);
  if (run.plan.hidden)
    run_two_phases(&run, threads);
  else
    mbconv_parallel(threads, run.tasks, run_rows, &run);
  return mbconv_succeed(error);
}

/* ---- Description ------------------------------------------------------------------------------------------------- */

static const char *strategy_of(const struct mbconv_plan *plan, const struct mbconv_shape *shape) {
  if (plan->by_groups) return "groups shared out, then pixels";
  if (mbconv_plan_one_strip(plan, shape)) return plan->groups == 1 ? "unfused" : "channel split";
  return plan->groups == 1 ? "row ring" : "row ring of channel groups";
}

size_t mbconv_block_describe(const mbconv_block *block, size_t threads, char *text, size_t size) {
  const struct mbconv_stages *stages = &block->stages;
  const struct mbconv_plan plan = plan_of(block, mbconv_max(threads, 1));
  return mbconv_format(
      text, size,
      "%s, %s exp, %s%s%s: strips of %zu of %zu rows, %zu groups of %zu channels, ring of %zu rows x %zu pixels, "
      "scratch %zu bytes, weights %zu bytes",
      mbconv_isa_name(block->base.info.isa), mbconv_exp_name(block->base.info.exp), strategy_of(&plan, &stages->shape),
      stages->shape.squeeze_excite ? " in two passes" : "", plan.ring_in_y ? ", the ring in y" : "", plan.strip_rows,
      stages->shape.out_height, plan.groups, plan.group_channels, plan.ring_rows, plan.ring_width,
      mbconv_block_scratch_size(block, threads), block->base.info.weight_bytes);
}
