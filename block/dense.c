/* SPDX-License-Identifier: MIT
 *
 * For some output pixels at a time, as many as stay in L1, the window of each is copied to scratch as one pixel of
 * kernel * kernel * in_channels elements (tap rows one after the other), then the tiles of the 1x1 run over them. In
 * NHWC a window's tap row is contiguous. Planes are interleaved first, each input row once per thread, into a ring of
 * `kernel` rows. A 1x1 on NHWC is read in place.
 *
 * The alternative was to run the tap rows as segments of one chain on the image itself, without copies. For the stems'
 * 9 elements per tap row the sums would be stored and loaded three times, which costs more than copying.
 */
#include "dense.h"

#include "gather.h"

static bool in_place(const struct mbconv_stages *stages, const struct mbconv_stage *stage) {
  return stage->window.kernel == 1 && stages->layout == MBCONV_NHWC;
}

/* Output pixels at a time: as many as L1 holds, in whole tiles. */
static size_t chunk_of(const struct mbconv_stages *stages, const struct mbconv_stage *stage) {
  const struct mbconv_kernels *kernels = stages->base.kernels;
  const size_t tile = mbconv_panels_height(&stage->panels);
  const size_t windows = kernels->blocking.window_bytes / kernels->element / stage->panels.k;
  size_t pixels = in_place(stages, stage) ? SIZE_MAX : windows;
  if (mbconv_epilogue_maps(&stage->epilogue)) pixels = mbconv_min(pixels, mbconv_panels_chunk(&stage->panels));
  return mbconv_max(tile, pixels - pixels % tile);
}

static void take(const struct mbconv_stages *stages, const struct mbconv_stage *stage, const struct mbconv_shape *shape,
                 struct mbconv_cursor *cursor, struct mbconv_segment_scratch *scratch) {
  if (in_place(stages, stage)) return;
  const size_t element = stages->base.kernels->element;
  const size_t pixels = mbconv_min(chunk_of(stages, stage), shape->rows.out * shape->columns.out);
  scratch->windows = mbconv_take(cursor, mbconv_multiply(pixels, stage->panels.k, &cursor->overflow), element);
  if (stages->layout == MBCONV_NHWC) return;
  const size_t row = mbconv_multiply(shape->columns.in, stage->in_channels, &cursor->overflow);
  scratch->planes = mbconv_take(cursor, mbconv_multiply(row, stage->window.kernel, &cursor->overflow), element);
}

static void run(const struct mbconv_strip *strip, const struct mbconv_pixel_run *to) {
  const struct mbconv_stage *stage = strip->segment->stage;
  const struct mbconv_shape *shape = strip->shape;
  const struct mbconv_kernels *kernels = strip->stages->base.kernels;
  const size_t element = kernels->element, width = shape->columns.out, stride = stage->window.stride;
  const size_t pixels = strip->rows * width, chunk = chunk_of(strip->stages, stage);
  const size_t x_stride = stride * stage->in_channels;
  struct mbconv_window_source source = {
      .x = strip->image,
      .ring = strip->scratch->planes,
      .next = strip->begins ? 0 : strip->fresh_first,
  };
  for (size_t count, done = 0; done < pixels; done += count) {
    count = mbconv_min(chunk, pixels - done);
    struct mbconv_pixel_run part = mbconv_run_from(to, done, element);
    part.x = strip->scratch->windows;
    part.x_stride = stage->panels.k;
    part.ending = stage->epilogue.ending;
    if (in_place(strip->stages, stage)) {
      const size_t row = strip->first + done / width, column = done % width;
      if (stride > 1) count = mbconv_min(count, width - column);
      part.x = strip->image + (row * shape->columns.in + column) * x_stride * element;
      part.x_stride = x_stride;
    } else {
      mbconv_windows_gather(kernels, shape, &source, strip->first * width + done, count, strip->scratch->windows);
    }
    part.pixels = count;
    mbconv_panels_run(&stage->panels, &part);
    if (mbconv_epilogue_maps(&stage->epilogue)) mbconv_panels_map(&stage->panels, &part, &stage->epilogue);
  }
}

const struct mbconv_dense mbconv_dense = {take, run};
