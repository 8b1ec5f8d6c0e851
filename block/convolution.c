/* SPDX-License-Identifier: MIT
 *
 * The dense convolution as a 1x1 over gathered windows: for some output pixels at a time, as many as stay in L1, the
 * window of each is copied to scratch as one pixel of kernel * kernel * in_channels floats (tap rows one after the
 * other), then the tiles of the 1x1 run over them. A window's tap row is contiguous in NHWC; planes are interleaved
 * first, each input row once per thread, into a ring of `kernel` rows. A 1x1 on NHWC is read in place.
 *
 * Running the tap rows as segments of one chain on the image itself, without copies, was the alternative: for the
 * stems' 9 floats per tap row the sums are stored and loaded three times, which costs more than copying.
 */
#include "block.h"
#include "fold.h"
#include "gather.h"
#include "operator.h"

/* Floats of the windows that are in L1 at a time. */
enum { WINDOW_FLOATS = 6144 };

struct mbconv_convolution {
  struct mbconv_operator base;
  struct mbconv_shape shape;
  mbconv_layout layout;
  struct mbconv_panels panels;
  struct mbconv_epilogue epilogue;
  bool in_place;
  size_t chunk; /* output pixels at a time */
};

/* ---- Create ------------------------------------------------------------------------------------------------------ */

/* All products that create, the scratch query and run form are below these. */
static mbconv_status check_sizes(const struct mbconv_shape *shape, mbconv_error *error) {
  enum { ROOM = 64 };
  const size_t in = shape->in_channels, out = shape->out_channels;
  bool overflow = in > PTRDIFF_MAX / (ROOM * ROOM) || out > PTRDIFF_MAX / (ROOM * ROOM);
  if (!overflow) {
    const size_t window = shape->kernel * shape->kernel * in + ROOM;
    const size_t in_pixels = mbconv_multiply(shape->height + ROOM, shape->width + ROOM, &overflow);
    const size_t out_pixels = mbconv_multiply(shape->out_height + ROOM, shape->out_width + ROOM, &overflow);
    mbconv_multiply(mbconv_multiply(in_pixels, in + ROOM, &overflow), 8 * sizeof(float), &overflow);
    mbconv_multiply(mbconv_multiply(out_pixels, out + ROOM, &overflow), 8 * sizeof(float), &overflow);
    mbconv_multiply(mbconv_multiply(window, out + ROOM, &overflow), 8 * sizeof(float), &overflow);
    mbconv_multiply(window, ROOM * sizeof(float), &overflow);
  }
  if (!overflow) return MBCONV_OK;
  return mbconv_fail(error, MBCONV_SIZE_OVERFLOW,
                     "an image of %zu x %zu with channels %zu in, %zu out and a kernel of %zu does not fit into memory",
                     shape->height, shape->width, in, out, shape->kernel);
}

mbconv_status mbconv_convolution_check(const mbconv_convolution_desc *desc, struct mbconv_shape *shape,
                                       bool weights_needed, mbconv_error *error) {
  if (!desc) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "desc is NULL");
  *shape = (struct mbconv_shape){
      .height = desc->height,
      .width = desc->width,
      .in_channels = desc->in_channels,
      .out_channels = desc->out_channels,
      .kernel = desc->kernel,
      .stride = desc->stride,
  };
  mbconv_status status = mbconv_struct_check(&desc->struct_size, sizeof *desc, "desc", error);
  if (status == MBCONV_OK) status = mbconv_type_check(desc->type, error);
  if (status != MBCONV_OK) return status;
  if (desc->in_channels == 0 || desc->out_channels == 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is 0", desc->in_channels ? "out_channels" : "in_channels");
  if (desc->kernel < 1 || desc->kernel > 7)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "kernel is %zu, not 1 to 7", desc->kernel);
  if ((unsigned)desc->layout > MBCONV_NCHW)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "layout is %d, which is none", (int)desc->layout);
  status = mbconv_window_check(shape, &desc->pad, error);
  if (status == MBCONV_OK) status = mbconv_activation_check(desc->activation, "activation", error);
  if (status == MBCONV_OK) status = check_sizes(shape, error);
  if (status == MBCONV_OK) status = mbconv_conv_check(desc->conv, "conv", desc->out_channels, weights_needed, error);
  return status;
}

/* As many pixels as L1 holds, in whole tiles. */
static size_t chunk_of(const mbconv_convolution *convolution) {
  const size_t tile = mbconv_panels_height(&convolution->panels);
  size_t pixels = convolution->in_place ? SIZE_MAX : WINDOW_FLOATS / convolution->panels.k;
  if (convolution->epilogue.map) pixels = mbconv_min(pixels, mbconv_panels_chunk(&convolution->panels));
  return mbconv_max(tile, pixels - pixels % tile);
}

/* Takes the memory of the object and of its weights. */
static mbconv_convolution *lay_out(struct mbconv_panels *panels, const struct mbconv_shape *shape,
                                   const struct mbconv_kernels *kernels, struct mbconv_cursor *cursor) {
  mbconv_convolution *convolution = mbconv_take(cursor, 1, sizeof *convolution);
  mbconv_panels_plan(panels, kernels, mbconv_window_floats(shape), shape->out_channels, false, cursor);
  return convolution;
}

mbconv_status mbconv_convolution_create(const mbconv_convolution_desc *desc, const mbconv_options *options,
                                        mbconv_convolution **out, mbconv_error *error) {
  if (!out) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  struct mbconv_operator base = {0};
  struct mbconv_shape shape;
  struct mbconv_panels panels;
  struct mbconv_cursor cursor = {0};
  mbconv_status status = mbconv_convolution_check(desc, &shape, true, error);
  if (status == MBCONV_OK) status = mbconv_operator_choose(&base, desc->type, options, error);
  if (status != MBCONV_OK) return status;
  lay_out(&panels, &shape, base.kernels, &cursor);
  status = mbconv_operator_allocate(&base, &cursor, error);
  if (status != MBCONV_OK) return status;

  mbconv_convolution *convolution = lay_out(&panels, &shape, base.kernels, &cursor);
  mbconv_panels_pack_taps(&panels, desc->conv, desc->kernel * desc->kernel);
  base.info.weight_bytes = mbconv_panels_bytes(&panels);
  convolution->base = base;
  convolution->panels = panels;
  convolution->shape = shape;
  convolution->layout = desc->layout;
  convolution->epilogue = mbconv_epilogue_of(desc->activation, base.kernels, base.info.exp);
  convolution->in_place = desc->kernel == 1 && desc->layout == MBCONV_NHWC;
  convolution->chunk = chunk_of(convolution);
  *out = convolution;
  return mbconv_succeed(error);
}

/* ---- Scratch ----------------------------------------------------------------------------------------------------- */

/* What a thread needs. */
struct scratch {
  float *windows; /* [chunk][kernel][kernel][in_channels] */
  float *ring;    /* NCHW: [kernel][width][in_channels]; input row r in slot r % kernel */
};

static size_t take_scratch(const mbconv_convolution *convolution, void *memory, struct scratch *scratch) {
  const struct mbconv_shape *shape = &convolution->shape;
  struct mbconv_cursor cursor = {.base = memory};
  *scratch = (struct scratch){0};
  if (!convolution->in_place) {
    const size_t pixels = mbconv_min(convolution->chunk, shape->out_height * shape->out_width);
    scratch->windows = mbconv_take_floats(&cursor, mbconv_multiply(pixels, convolution->panels.k, &cursor.overflow));
    if (convolution->layout == MBCONV_NCHW) {
      const size_t row = mbconv_multiply(shape->width, shape->in_channels, &cursor.overflow);
      scratch->ring = mbconv_take_floats(&cursor, mbconv_multiply(row, shape->kernel, &cursor.overflow));
    }
  }
  return cursor.overflow ? SIZE_MAX : cursor.used;
}

size_t mbconv_convolution_scratch_size(const mbconv_convolution *convolution, size_t threads) {
  struct scratch scratch;
  return mbconv_scratch_of(take_scratch(convolution, NULL, &scratch), threads);
}

/* ---- Run --------------------------------------------------------------------------------------------------------- */

struct run {
  const mbconv_convolution *convolution;
  struct mbconv_operands operands;
  const float *residual;
  size_t tasks, thread_bytes;
};

/* A task's part of a run. */
struct part {
  const struct run *run;
  struct scratch scratch;
};

static void run_rows(void *context, size_t image, size_t first, size_t last) {
  const struct part *share = context;
  const struct scratch *scratch = &share->scratch;
  const struct run *run = share->run;
  const mbconv_convolution *convolution = run->convolution;
  const struct mbconv_shape *shape = &convolution->shape;
  const size_t channels = shape->out_channels, end = last * shape->out_width;
  struct mbconv_window_source source = {.x = run->operands.x + image * run->operands.x_size, .ring = scratch->ring};
  for (size_t count, pixel = first * shape->out_width; pixel < end; pixel += count) {
    count = mbconv_min(convolution->chunk, end - pixel);
    const size_t at = image * run->operands.y_size + pixel * channels;
    struct mbconv_pointwise_run part = {
        .pixels = count,
        .channels = channels,
        .x = scratch->windows,
        .x_stride = convolution->panels.k,
        .y = run->operands.y + at,
        .y_stride = channels,
        .residual = run->residual ? run->residual + at : NULL,
        .r_stride = channels,
        .ending = convolution->epilogue.ending,
    };
    if (convolution->in_place) {
      const size_t row = pixel / shape->out_width, column = pixel % shape->out_width;
      if (shape->stride > 1) part.pixels = count = mbconv_min(count, shape->out_width - column);
      part.x = source.x + (row * shape->width + column) * shape->stride * shape->in_channels;
      part.x_stride = shape->stride * shape->in_channels;
    } else {
      mbconv_windows_gather(convolution->base.kernels, shape, &source, pixel, count, scratch->windows);
    }
    mbconv_panels_run(&convolution->panels, &part);
    if (convolution->epilogue.map) convolution->epilogue.map(count * channels, part.y, part.y);
  }
}

static void run_task(void *argument, size_t index) {
  struct part part = {.run = argument};
  const struct run *run = part.run;
  char *memory = mbconv_align(run->operands.scratch);
  take_scratch(run->convolution, memory + index * run->thread_bytes, &part.scratch);
  mbconv_share_rows(run->operands.batch, run->convolution->shape.out_height, index, run->tasks, run_rows, &part);
}

/* The residual may be y itself, but not overlap it, nor the scratch, otherwise. */
static mbconv_status check_residual(const struct run *run, mbconv_error *error) {
  const struct mbconv_operands *operands = &run->operands;
  const size_t bytes = operands->batch * operands->y_size * sizeof(float);
  if (!run->residual) return MBCONV_OK;
  if (run->residual != operands->y && mbconv_overlap(run->residual, bytes, operands->y, bytes))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "residual and y overlap without being the same");
  if (mbconv_overlap(run->residual, bytes, operands->scratch, operands->scratch_needed))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "scratch overlaps the residual");
  return MBCONV_OK;
}

mbconv_status mbconv_convolution_run(const mbconv_convolution *convolution, size_t batch, const void *x, void *y,
                                     const void *residual, void *scratch, size_t scratch_size,
                                     const mbconv_threads *threads, mbconv_error *error) {
  if (!convolution) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "convolution is NULL");
  const struct mbconv_shape *shape = &convolution->shape;
  struct scratch unused;
  struct run run = {
      .convolution = convolution,
      .residual = residual,
      .thread_bytes = take_scratch(convolution, NULL, &unused),
  };
  mbconv_status status = mbconv_thread_count(threads, &run.tasks, error);
  if (status != MBCONV_OK) return status;
  if (batch == 0) return mbconv_succeed(error);
  run.operands = (struct mbconv_operands){
      .batch = batch,
      .x = x,
      .y = y,
      .x_size = shape->height * shape->width * shape->in_channels,
      .y_size = shape->out_height * shape->out_width * shape->out_channels,
      .scratch = scratch,
      .scratch_size = scratch_size,
      .scratch_needed = mbconv_scratch_of(run.thread_bytes, run.tasks),
  };
  status = mbconv_operands_check(&run.operands, error);
  if (status == MBCONV_OK) status = check_residual(&run, error);
  if (status != MBCONV_OK) return status;
  mbconv_parallel(threads, run.tasks, run_task, &run);
  return mbconv_succeed(error);
}

void mbconv_convolution_output_size(const mbconv_convolution *convolution, size_t *height, size_t *width) {
  *height = convolution->shape.out_height;
  *width = convolution->shape.out_width;
}

mbconv_status mbconv_convolution_info(const mbconv_convolution *convolution, mbconv_info *info, mbconv_error *error) {
  return mbconv_operator_info(convolution, "convolution", info, error);
}

void mbconv_convolution_destroy(mbconv_convolution *convolution) { mbconv_operator_destroy(convolution); }
