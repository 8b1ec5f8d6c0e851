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
#include "dispatch.h"
#include "fold.h"
#include "parallel.h"
#include "status.h"
#include "gather.h"

/* Floats of the windows that are in L1 at a time. */
enum { WINDOW_FLOATS = 6144 };

struct mbconv_convolution {
  mbconv_allocator allocator;
  mbconv_info info;
  const struct mbconv_kernels *kernels;
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
  if (status == MBCONV_OK) status = mbconv_conv_check(&desc->conv, "conv", desc->out_channels, weights_needed, error);
  return status;
}

/* As many pixels as L1 holds, in whole tiles. */
static size_t chunk_of(const mbconv_convolution *convolution) {
  const size_t tile = mbconv_panels_height(&convolution->panels);
  size_t pixels = convolution->in_place ? SIZE_MAX : WINDOW_FLOATS / convolution->panels.k;
  if (convolution->epilogue.map) pixels = mbconv_min(pixels, mbconv_panels_chunk(&convolution->panels));
  return mbconv_max(tile, pixels - pixels % tile);
}

mbconv_status mbconv_convolution_create(const mbconv_convolution_desc *desc, const mbconv_options *options,
                                        mbconv_convolution **out, mbconv_error *error) {
  if (!out) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  const struct mbconv_kernels *kernels;
  mbconv_allocator allocator;
  mbconv_silu silu;
  struct mbconv_shape shape;
  mbconv_status status = mbconv_convolution_check(desc, &shape, true, error);
  if (status == MBCONV_OK) status = mbconv_choose(options, &kernels, &silu, error);
  if (status == MBCONV_OK) status = mbconv_allocator_of(options, &allocator, error);
  if (status != MBCONV_OK) return status;

  const size_t taps = desc->kernel * desc->kernel, window = mbconv_window_floats(&shape);
  struct mbconv_cursor cursor = {0};
  struct mbconv_panels panels;
  mbconv_take(&cursor, 1, sizeof(mbconv_convolution));
  mbconv_panels_plan(&panels, kernels, window, desc->out_channels, false, &cursor);
  if (cursor.overflow) return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "the packed weights do not fit into memory");
  void *memory;
  status = mbconv_allocate(&allocator, cursor.used, &memory, error);
  if (status != MBCONV_OK) return status;

  cursor = (struct mbconv_cursor){.base = memory};
  mbconv_convolution *convolution = mbconv_take(&cursor, 1, sizeof *convolution);
  mbconv_panels_plan(&convolution->panels, kernels, window, desc->out_channels, false, &cursor);
  mbconv_panels_pack_taps(&convolution->panels, &desc->conv, taps);
  convolution->allocator = allocator;
  convolution->info = (mbconv_info){kernels->isa, silu, mbconv_panels_bytes(&convolution->panels)};
  convolution->kernels = kernels;
  convolution->shape = shape;
  convolution->layout = desc->layout;
  convolution->epilogue = mbconv_epilogue_of(desc->activation, kernels, silu);
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
  bool overflow = false;
  const size_t bytes = mbconv_multiply(take_scratch(convolution, NULL, &scratch), mbconv_max(threads, 1), &overflow);
  const size_t aligned = mbconv_add(bytes, MBCONV_ALIGNMENT, &overflow);
  return overflow ? SIZE_MAX : aligned;
}

/* ---- Run --------------------------------------------------------------------------------------------------------- */

struct run {
  const mbconv_convolution *convolution;
  size_t batch, tasks, thread_bytes;
  const float *x, *residual;
  float *y;
  size_t x_size, y_size; /* of one image */
  char *scratch;
};

/* Outputs [pixel, end) of one image. */
static void run_pixels(const struct run *run, const struct scratch *scratch, size_t image, size_t pixel, size_t end) {
  const mbconv_convolution *convolution = run->convolution;
  const struct mbconv_shape *shape = &convolution->shape;
  const size_t channels = shape->out_channels;
  struct mbconv_window_source source = {.x = run->x + image * run->x_size, .ring = scratch->ring};
  for (size_t count; pixel < end; pixel += count) {
    count = mbconv_min(convolution->chunk, end - pixel);
    const size_t at = image * run->y_size + pixel * channels;
    struct mbconv_pointwise_run part = {
        .pixels = count,
        .channels = channels,
        .x = scratch->windows,
        .x_stride = convolution->panels.k,
        .y = run->y + at,
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
      mbconv_windows_gather(convolution->kernels, shape, &source, pixel, count, scratch->windows);
    }
    mbconv_panels_run(&convolution->panels, &part);
    if (convolution->epilogue.map) convolution->epilogue.map(count * channels, part.y, part.y);
  }
}

/* A task's share of the output rows of all images. */
static void run_rows(void *argument, size_t index) {
  const struct run *run = argument;
  const struct mbconv_shape *shape = &run->convolution->shape;
  const size_t height = shape->out_height, width = shape->out_width;
  struct scratch scratch;
  take_scratch(run->convolution, run->scratch + index * run->thread_bytes, &scratch);
  size_t begin, end;
  mbconv_share(run->batch * height, 1, index, run->tasks, &begin, &end);
  while (begin < end) {
    const size_t image = begin / height, first = begin % height, last = mbconv_min(height, first + end - begin);
    run_pixels(run, &scratch, image, first * width, last * width);
    begin += last - first;
  }
}

/* The residual may be y itself, but not overlap it, nor the scratch, otherwise. */
static mbconv_status check_residual(const struct run *run, const void *scratch, size_t scratch_needed,
                                    mbconv_error *error) {
  const size_t bytes = run->batch * run->y_size * sizeof(float);
  if (!run->residual) return MBCONV_OK;
  if (run->residual != run->y && mbconv_overlap(run->residual, bytes, run->y, bytes))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "residual and y overlap without being the same");
  if (mbconv_overlap(run->residual, bytes, scratch, scratch_needed))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "scratch overlaps the residual");
  return MBCONV_OK;
}

mbconv_status mbconv_convolution_run(const mbconv_convolution *convolution, size_t batch, const float *x, float *y,
                                     const float *residual, void *scratch, size_t scratch_size,
                                     const mbconv_threads *threads, mbconv_error *error) {
  if (!convolution) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "convolution is NULL");
  const struct mbconv_shape *shape = &convolution->shape;
  struct scratch unused;
  struct run run = {
      .convolution = convolution,
      .batch = batch,
      .thread_bytes = take_scratch(convolution, NULL, &unused),
      .x = x,
      .residual = residual,
      .y = y,
      .x_size = shape->height * shape->width * shape->in_channels,
      .y_size = shape->out_height * shape->out_width * shape->out_channels,
  };
  mbconv_status status = mbconv_thread_count(threads, &run.tasks, error);
  if (status != MBCONV_OK) return status;
  bool empty;
  const size_t needed = mbconv_convolution_scratch_size(convolution, run.tasks);
  status = mbconv_run_check(batch, x, run.x_size, y, run.y_size, scratch, scratch_size, needed, &empty, error);
  if (status == MBCONV_OK && !empty) status = check_residual(&run, scratch, needed, error);
  if (status != MBCONV_OK || empty) return status == MBCONV_OK ? mbconv_succeed(error) : status;
  run.scratch = mbconv_align(scratch);
  mbconv_parallel(threads, run.tasks, run_rows, &run);
  return mbconv_succeed(error);
}

void mbconv_convolution_output_size(const mbconv_convolution *convolution, size_t *height, size_t *width) {
  *height = convolution->shape.out_height;
  *width = convolution->shape.out_width;
}

mbconv_info mbconv_convolution_info(const mbconv_convolution *convolution) { return convolution->info; }

void mbconv_convolution_destroy(mbconv_convolution *convolution) {
  if (convolution) convolution->allocator.release(convolution->allocator.context, convolution);
}
