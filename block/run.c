/* SPDX-License-Identifier: MIT
 *
 * How a list of stages runs: in one phase, in which threads take strips; or, if the image before the last stage is
 * stored (squeeze-excite, and threads that share out groups of channels), in two. Strips write it; with squeeze-excite
 * the scales are computed from its sums; then threads take pixels, scale them and run the last stage on them.
 */
#include "run.h"

#include <string.h>

#include "i8/i8.h"
#include "parallel.h"
#include "strip.h"

/* ---- Scratch ----------------------------------------------------------------------------------------------------- */

/* The scratch of a run: `threads` strip scratches one after the other, then what they share. */
struct scratch {
  char *threads;
  size_t thread_bytes;
  char *stored;
  char *narrow; /* what is between squeeze-excite's two layers */
  char *sums;   /* channel sums; then, where the first row of them was, the means, then the scales */
  size_t sum_stride;
};

static void lay_out_excite(const struct mbconv_excite *excite, const struct mbconv_shape *shape, size_t threads,
                           struct mbconv_cursor *cursor, struct scratch *scratch) {
  const size_t channels = shape->expanded_channels, padded = mbconv_max(channels, excite->expand.padded);
  /* Threads must not add up one channel's rows in an order of their own. */
  scratch->sum_stride = threads > 1 ? channels : 0;
  const size_t sums = threads > 1 ? mbconv_max(padded, shape->rows.out * channels) : padded;
  scratch->sums = mbconv_take(cursor, sums, MBCONV_SUM_BYTES);
  scratch->narrow = mbconv_take(cursor, excite->reduce.padded, excite->reduce.kernels->element);
}

static size_t lay_out_scratch(const struct mbconv_stages *stages, const struct mbconv_cut *cut, size_t threads,
                              void *memory, struct scratch *scratch) {
  struct mbconv_cursor one = {0};
  struct mbconv_strip_scratch unused;
  mbconv_strip_scratch_take(stages, cut, &one, &unused);
  *scratch = (struct scratch){.thread_bytes = one.used};
  struct mbconv_cursor cursor = {.base = memory ? mbconv_align(memory) : NULL, .overflow = one.overflow};
  scratch->threads = mbconv_take(&cursor, threads, one.used);
  if (mbconv_cut_stored(stages, cut)) {
    const size_t before = stages->segments - 2;
    const struct mbconv_shape *shape = &cut->shape[before];
    const size_t pixels = mbconv_multiply(shape->rows.out, shape->columns.out, &cursor.overflow);
    const size_t elements = mbconv_multiply(pixels, mbconv_segment_stride(stages, before), &cursor.overflow);
    scratch->stored = mbconv_take(&cursor, elements, stages->base.kernels->element);
    if (stages->excite) lay_out_excite(&stages->excite->excite, shape, threads, &cursor, scratch);
  }
  bool overflow = cursor.overflow;
  const size_t bytes = mbconv_add(cursor.used, MBCONV_ALIGNMENT, &overflow);
  return overflow ? SIZE_MAX : bytes;
}

/* The most threads that have the plan of `threads` threads. */
static size_t threads_alike(const struct mbconv_stages *stages, const struct mbconv_cut *cut, size_t threads) {
  const size_t planned = stages->planned;
  if (stages->segment[planned].stage->kind != MBCONV_STAGE_DEPTHWISE) return SIZE_MAX;
  return mbconv_plan_threads_alike(&cut->shape[planned], &stages->target, threads);
}

/* Fewer threads may need more, because their strips are higher or their groups larger: the query allows for any number
 * up to `threads`. Of those with one plan the most need the most. */
static size_t scratch_size(const struct mbconv_stages *stages, const struct mbconv_cut *one, size_t threads) {
  const size_t last = mbconv_max(threads, 1);
  size_t most = 0;
  for (size_t count = 0; count < last;) {
    struct mbconv_cut cut = *one;
    struct scratch scratch;
    count = mbconv_min(last, threads_alike(stages, one, count + 1));
    mbconv_cut_share(stages, &cut, count);
    most = mbconv_max(most, lay_out_scratch(stages, &cut, count, NULL, &scratch));
  }
  return most;
}

mbconv_status mbconv_stages_scratch_size(const struct mbconv_stages *stages, const struct mbconv_size *at,
                                         size_t threads, size_t *bytes, mbconv_error *error) {
  struct mbconv_cut made;
  const struct mbconv_cut *cut;
  if (!bytes) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "bytes is NULL");
  const mbconv_status status = mbconv_cut_for(stages, at, &made, &cut, error);
  if (status != MBCONV_OK) return status;
  *bytes = scratch_size(stages, cut, threads);
  return mbconv_succeed(error);
}

mbconv_status mbconv_stages_output_size(const struct mbconv_stages *stages, const struct mbconv_size *at,
                                        size_t *height, size_t *width, mbconv_error *error) {
  struct mbconv_cut made;
  const struct mbconv_cut *cut;
  if (!height || !width)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is NULL", height ? "out_width" : "out_height");
  const mbconv_status status = mbconv_cut_for(stages, at, &made, &cut, error);
  if (status != MBCONV_OK) return status;
  const struct mbconv_shape *last = mbconv_cut_last(stages, cut);
  *height = last->rows.out;
  *width = last->columns.out;
  return mbconv_succeed(error);
}

/* ---- Run --------------------------------------------------------------------------------------------------------- */

struct run {
  const struct mbconv_stages *stages;
  const struct mbconv_cut *cut;
  struct mbconv_operands operands;
  const char *residual;  /* as y, but of the list's residual_channels; or NULL */
  size_t residual_bytes; /* of one image */
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
  mbconv_strip_scratch_take(run->stages, run->cut, &cursor, &scratch);
  for (size_t s = 0; s < run->stages->segments; s++)
    if (run->cut->plan[s].ring_in_y) scratch.segment[s].rings = mbconv_align(run->operands.y);
  return scratch;
}

/* The output of one image. */
static struct mbconv_output output_of(const struct run *run, const struct mbconv_strip_scratch *scratch, size_t image) {
  const struct mbconv_shape *last = mbconv_cut_last(run->stages, run->cut);
  return (struct mbconv_output){
      .stages = run->stages,
      .residual = run->residual ? run->residual + image * run->residual_bytes : NULL,
      .y = run->operands.y + image * run->operands.y_bytes,
      .strip = scratch->y,
      .room = scratch->room,
      .plane = last->rows.out * last->columns.out,
  };
}

/* Groups [first_group, last_group) of some rows of one image. */
static void run_image(const struct run *run, const struct mbconv_strip_scratch *scratch, size_t image,
                      size_t first_group, size_t last_group, size_t first_row, size_t last_row) {
  const size_t planned = run->stages->planned;
  const struct mbconv_plan *plan = &run->cut->plan[planned];
  const bool one_by_one = mbconv_plan_group_by_group(plan, &run->cut->shape[planned]);
  struct mbconv_walk walk = {
      .stages = run->stages,
      .cut = run->cut,
      .scratch = scratch,
      .x = run->operands.x + image * run->operands.x_bytes,
      .output = output_of(run, scratch, image),
      .stored = run->scratch.stored,
      .first_group = first_group,
      .last_group = last_group,
  };
  for (size_t g = first_group; g < (one_by_one ? last_group : first_group + 1); g++) {
    if (one_by_one) walk.first_group = g, walk.last_group = g + 1;
    walk.x_ready = g > first_group && last_row - first_row <= plan->strip_rows;
    mbconv_walk_run(&walk, first_row, last_row);
  }
}

/* The output rows that a phase before the last one shares out, or the only one. */
static size_t planned_rows(const struct run *run) { return run->cut->shape[run->stages->planned].rows.out; }

static void run_all_groups(void *context, size_t image, size_t first, size_t last) {
  const struct part *part = context;
  const struct run *run = part->run;
  run_image(run, &part->scratch, image, 0, run->cut->plan[run->stages->planned].groups, first, last);
}

/* A task's share of the output rows of all images. */
static void run_rows(void *argument, size_t index) {
  const struct run *run = argument;
  struct part part = {run, scratch_of(run, index)};
  mbconv_strip_scratch_prepare(run->stages, run->cut, &part.scratch);
  mbconv_share_rows(run->operands.batch, planned_rows(run), index, run->tasks, run_all_groups, &part);
}

/* A task's share of the groups of one image. */
static void run_groups(void *argument, size_t index) {
  const struct run *run = argument;
  const struct mbconv_strip_scratch scratch = scratch_of(run, index);
  size_t begin, end;
  mbconv_share(run->cut->plan[run->stages->planned].groups, 1, index, run->tasks, &begin, &end);
  mbconv_strip_scratch_prepare(run->stages, run->cut, &scratch);
  run_image(run, &scratch, 0, begin, end, 0, planned_rows(run));
}

/* ---- The second phase -------------------------------------------------------------------------------------------- */

/* The segment whose output is stored. */
struct stored {
  const struct mbconv_stage *stage;
  const struct mbconv_shape *shape;
  size_t stride;                         /* elements between its pixels */
  const struct mbconv_epilogue *pending; /* an activation that D has left to its reader, or NULL */
};

static struct stored stored_of(const struct run *run) {
  const size_t before = run->stages->segments - 2;
  const struct mbconv_stage *stage = run->stages->segment[before].stage;
  const bool pending = stage->kind == MBCONV_STAGE_DEPTHWISE && mbconv_epilogue_maps(&stage->epilogue);
  return (struct stored){stage, &run->cut->shape[before], mbconv_segment_stride(run->stages, before),
                         pending ? &stage->epilogue : NULL};
}

/* Applies an activation to some stored pixels. */
static void map_stored(const struct stored *stored, const struct mbconv_epilogue *epilogue, size_t count,
                       char *pixels) {
  mbconv_epilogue_map(epilogue, count, 0, stored->stage->out_channels, pixels, stored->stride);
}

/* A task's share of the rows of one image: maps the stored pixels and sums their channels. */
static void run_sums(void *argument, size_t index) {
  const struct run *run = argument;
  const struct mbconv_kernels *kernels = run->stages->base.kernels;
  const struct stored stored = stored_of(run);
  const size_t width = stored.shape->columns.out;
  size_t begin, end;
  mbconv_share(stored.shape->rows.out, 1, index, run->tasks, &begin, &end);
  for (size_t r = begin; r < end; r++) {
    char *row = run->scratch.stored + r * width * stored.stride * kernels->element;
    if (stored.pending) map_stored(&stored, stored.pending, width, row);
    kernels->channel_sum(width, stored.stage->out_channels, row, stored.stride,
                         run->scratch.sums + r * run->scratch.sum_stride * MBCONV_SUM_BYTES);
  }
}

/* Makes some stored pixels the input of the last stage, in place: with squeeze-excite they are scaled, without it
 * mapped. */
static void finish_stored(const struct run *run, const struct stored *stored, size_t count, char *pixels) {
  const struct mbconv_stage *excite = run->stages->excite;
  if (!excite) {
    if (stored->pending) map_stored(stored, stored->pending, count, pixels);
    return;
  }
  const struct mbconv_kernels *kernels = run->stages->base.kernels;
  const size_t channels = stored->stage->out_channels, stride = stored->stride;
  if (MBCONV_HAS_I8 && run->stages->i8_excite)
    kernels->i8->gate(&run->stages->i8_excite->gate, count, channels, pixels, stride, run->scratch.sums, pixels,
                      stride);
  else
    kernels->channel_scale(count, channels, pixels, stride, run->scratch.sums, pixels, stride);
  if (mbconv_epilogue_maps(&excite->epilogue)) map_stored(stored, &excite->epilogue, count, pixels);
}

/* A task's share of the pixels of one image: runs the last stage on them. */
static void run_last(void *argument, size_t index) {
  const struct run *run = argument;
  const struct mbconv_stages *stages = run->stages;
  const struct mbconv_kernels *kernels = stages->base.kernels;
  const struct mbconv_stage *last = stages->segment[stages->segments - 1].stage;
  const struct stored stored = stored_of(run);
  const struct mbconv_strip_scratch scratch = scratch_of(run, index);
  const struct mbconv_output output = output_of(run, &scratch, 0);
  const size_t chunk = kernels->blocking.projected_pixels;
  size_t begin, end;
  mbconv_share(output.plane, last->panels.wide->step, index, run->tasks, &begin, &end);
  for (; begin < end; begin += chunk) {
    const size_t count = mbconv_min(chunk, end - begin);
    char *pixels = run->scratch.stored + begin * stored.stride * kernels->element;
    struct mbconv_pixel_run part = {
        .pixels = count,
        .channels = last->out_channels,
        .x = pixels,
        .x_stride = stored.stride,
        .ending = last->epilogue.ending,
    };
    mbconv_output_begin(&output, begin, &part);
    finish_stored(run, &stored, count, pixels);
    mbconv_panels_run_mapped(&last->panels, &part, &last->epilogue);
    mbconv_output_end(&output, begin, &part);
  }
}

static void compute_scales(const struct run *run) {
  const struct scratch *scratch = &run->scratch;
  const struct mbconv_shape *shape = stored_of(run).shape;
  mbconv_excite_run(&run->stages->excite->excite, run->stages->i8_excite, shape->rows.out * shape->columns.out,
                    scratch->sum_stride ? shape->rows.out : 1, scratch->sums, scratch->sum_stride, scratch->narrow);
}

/* Image by image, for the scratch holds the stored pixels of one. */
static void run_two_phases(struct run *run, const mbconv_threads *threads) {
  const struct mbconv_shape *shape = stored_of(run).shape;
  const struct scratch *scratch = &run->scratch;
  const bool by_groups = run->cut->plan[run->stages->planned].by_groups;
  const size_t rows = scratch->sum_stride ? shape->rows.out : 1;
  const size_t images = run->operands.batch;
  run->operands.batch = 1;
  for (size_t image = 0; image < images; image++) {
    if (scratch->sums) memset(scratch->sums, 0, rows * shape->expanded_channels * MBCONV_SUM_BYTES);
    mbconv_parallel(threads, run->tasks, by_groups ? run_groups : run_rows, run);
    if (run->stages->excite) {
      mbconv_parallel(threads, run->tasks, run_sums, run);
      compute_scales(run);
    }
    mbconv_parallel(threads, run->tasks, run_last, run);
    run->operands.x += run->operands.x_bytes;
    run->operands.y += run->operands.y_bytes;
    if (run->residual) run->residual += run->residual_bytes;
  }
}

/* ---- The call ---------------------------------------------------------------------------------------------------- */

/* A residual that may be given may be y itself; one that must be given may not. Otherwise it overlaps neither y nor the
 * scratch. */
static mbconv_status check_residual(const struct run *run, mbconv_error *error) {
  const struct mbconv_operands *operands = &run->operands;
  const size_t bytes = operands->batch * run->residual_bytes, y_bytes = operands->batch * operands->y_bytes;
  const bool given = run->stages->residual_given;
  if (!run->residual) return MBCONV_OK;
  if ((given || run->residual != operands->y) && mbconv_overlap(run->residual, bytes, operands->y, y_bytes))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "residual and y overlap%s",
                       given ? "" : " without being the same");
  if (mbconv_overlap(run->residual, bytes, operands->scratch, operands->scratch_needed))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "scratch overlaps the residual");
  return MBCONV_OK;
}

static void set_sizes(struct run *run) {
  const struct mbconv_stages *stages = run->stages;
  const struct mbconv_cut *cut = run->cut;
  const struct mbconv_shape *last = mbconv_cut_last(stages, cut);
  const size_t x_element = stages->x_element, pixels = last->rows.out * last->columns.out;
  run->operands.x_bytes = cut->height * cut->width * stages->stage[0].in_channels * x_element;
  run->operands.y_bytes = pixels * stages->stage[stages->count - 1].out_channels * stages->y_element;
  run->residual_bytes = pixels * stages->residual_channels * x_element;
}

mbconv_status mbconv_stages_run(const struct mbconv_stages *stages, const struct mbconv_size *at,
                                const struct mbconv_operands *operands, const void *residual,
                                const mbconv_threads *threads, mbconv_error *error) {
  struct mbconv_cut made;
  struct run run = {.stages = stages, .operands = *operands, .residual = residual};
  mbconv_status status = mbconv_thread_count(threads, &run.tasks, error);
  if (status == MBCONV_OK && stages->residual_given && !residual && operands->batch > 0)
    status =
        mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "residual is NULL, but the block is made for one that is given");
  if (status == MBCONV_OK) status = mbconv_cut_for(stages, at, &made, &run.cut, error);
  if (status != MBCONV_OK) return status;
  if (operands->batch == 0) return mbconv_succeed(error);
  if (run.tasks > 1) {
    if (run.cut != &made) made = *run.cut;
    mbconv_cut_share(stages, &made, run.tasks);
    run.cut = &made;
  }
  set_sizes(&run);
  run.operands.scratch_needed = lay_out_scratch(stages, run.cut, run.tasks, NULL, &run.scratch);
  status = mbconv_operands_check(&run.operands, error);
  if (status == MBCONV_OK) status = check_residual(&run, error);
  if (status != MBCONV_OK) return status;
  if (stages->residual) run.residual = run.operands.x;
  lay_out_scratch(stages, run.cut, run.tasks, run.operands.scratch, &run.scratch);
  if (mbconv_cut_stored(stages, run.cut))
    run_two_phases(&run, threads);
  else
    mbconv_parallel(threads, run.tasks, run_rows, &run);
  return mbconv_succeed(error);
}
