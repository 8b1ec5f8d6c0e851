/* SPDX-License-Identifier: MIT
 *
 * In NHWC a window's tap row is contiguous. Where the set's tiles take a pixel in segments, windows that lie in the
 * image are read in place, row by row of outputs; those that reach over an edge are gathered: for some output pixels at
 * a time, as many as stay in L1, the window of each is copied to scratch as one pixel of kernel * kernel * in_channels
 * elements (tap rows one after the other), then the tiles of the 1x1 run over them. A 1x1 on NHWC is read in place,
 * too.
 *
 * Where tap rows are short, as in the stems of networks, in NCHW and in int8 all windows are gathered. Planes are
 * interleaved first, each input row once per thread, into a ring of `kernel` rows. There bytes of s8 are turned, too,
 * and floats become bytes.
 *
 * Percent of the FMA peak on Sapphire Rapids with AVX-512, gathered and in place: 3x3 from 48 to 192 channels at 56x56
 * 90 and 94, from 24 to 96 at stride 2 85 and 94, from 24 to 24 53 and 66.
 */
#include "dense.h"

#include "gather.h"

/* Windows are read in place if a tap row has so many elements, and a row so many windows that lie in it. */
enum { LEAST_SEGMENT = 32, LEAST_PIXELS = 5 };

/* NEON's tiles take no segments: the presets for phones leave the code for them out (MBCONV_SEGMENTS=OFF). */
#ifdef MBCONV_NO_SEGMENTS
enum { READS_IMAGES = 0 };
#else
enum { READS_IMAGES = 1 };
#endif

/* Whether input rows go through the ring. */
static bool in_ring(const struct mbconv_stages *stages) {
  return stages->layout == MBCONV_NCHW || (MBCONV_HAS_I8 && stages->fetch_row);
}

static bool in_place(const struct mbconv_stages *stages, const struct mbconv_stage *stage) {
  return stage->window.kernel == 1 && !in_ring(stages);
}

/* Panels that are wider than tiles are high take more of L1 than their windows: at least so many pixels share what they
 * bring from L2. */
enum { LEAST_WINDOWS = 56 };

/* Output pixels at a time: as many as L1 holds, in whole tiles. */
static size_t chunk_of(const struct mbconv_stages *stages, const struct mbconv_stage *stage) {
  const struct mbconv_kernels *kernels = stages->base.kernels;
  const size_t tile = mbconv_panels_height(&stage->panels);
  size_t pixels = SIZE_MAX;
  if (!in_place(stages, stage)) {
    pixels = kernels->blocking.window_bytes / kernels->element / stage->panels.k;
    if (stage->panels.wide->channels > tile) pixels = mbconv_max(pixels, LEAST_WINDOWS);
  }
  if (mbconv_epilogue_maps(&stage->epilogue)) pixels = mbconv_min(pixels, mbconv_panels_chunk(&stage->panels));
  return mbconv_max(tile, pixels - pixels % tile);
}

void mbconv_dense_take(const struct mbconv_stages *stages, const struct mbconv_stage *stage,
                       const struct mbconv_shape *shape, struct mbconv_cursor *cursor,
                       struct mbconv_segment_scratch *scratch) {
  if (in_place(stages, stage)) return;
  const size_t element = stages->base.kernels->element;
  const size_t pixels = mbconv_min(chunk_of(stages, stage), shape->rows.out * shape->columns.out);
  scratch->windows = mbconv_take(cursor, mbconv_multiply(pixels, stage->panels.k, &cursor->overflow), element);
  if (!in_ring(stages)) return;
  const size_t row = mbconv_multiply(shape->columns.in, stage->in_channels, &cursor->overflow);
  scratch->planes = mbconv_take(cursor, mbconv_multiply(row, stage->window.kernel, &cursor->overflow), element);
}

/* A strip that is run. */
struct dense_run {
  const struct mbconv_strip *strip;
  struct mbconv_pixel_run to; /* where its first pixel goes, and what is added to it */
  struct mbconv_window_source source;
  size_t chunk;
  bool maps; /* the tiles leave an activation */
};

/* Runs some pixels and maps the activation over them. */
static void run_part(const struct dense_run *run, struct mbconv_pixel_run *part, size_t pixels) {
  const struct mbconv_stage *stage = run->strip->segment->stage;
  part->pixels = pixels;
  mbconv_panels_run(&stage->panels, part);
  if (run->maps) mbconv_panels_map(&stage->panels, part, &stage->epilogue);
}

/* Outputs [done, last) of the strip, by gathered windows or by pixels in place. */
static void run_pixels(struct dense_run *run, size_t done, size_t last) {
  const struct mbconv_strip *strip = run->strip;
  const struct mbconv_stage *stage = strip->segment->stage;
  const struct mbconv_shape *shape = strip->shape;
  const struct mbconv_kernels *kernels = strip->stages->base.kernels;
  const size_t element = kernels->element, width = shape->columns.out, stride = stage->window.stride;
  const size_t x_stride = stride * stage->in_channels;
  for (size_t count; done < last; done += count) {
    count = mbconv_min(run->chunk, last - done);
    struct mbconv_pixel_run part = mbconv_run_from(&run->to, done, element);
    part.x = strip->scratch->windows;
    part.x_stride = stage->panels.k;
    part.warm = done > 0;
    if (in_place(strip->stages, stage)) {
      const size_t row = strip->first + done / width, column = done % width;
      if (stride > 1) count = mbconv_min(count, width - column);
      part.x = strip->image + (row * shape->columns.in + column) * x_stride * element;
      part.x_stride = x_stride;
    } else {
      stage->dense->gather(strip, &run->source, strip->first * width + done, count, strip->scratch->windows);
    }
    run_part(run, &part, count);
  }
}

/* ---- Windows where they lie -------------------------------------------------------------------------------------- */

/* The tap rows of a window are contiguous in an image of NHWC, so that tiles can read them there, if they lie in it. */
static bool reads_image(const struct mbconv_strip *strip) {
  const struct mbconv_stage *stage = strip->segment->stage;
  const struct mbconv_axis *columns = &strip->shape->columns;
  return READS_IMAGES && strip->stages->base.kernels->tiles_segments && strip->stages->layout == MBCONV_NHWC &&
         stage->window.kernel > 1 && stage->window.kernel * stage->in_channels >= LEAST_SEGMENT &&
         mbconv_axis_whole_begin(columns) + LEAST_PIXELS <= mbconv_axis_whole_end(columns);
}

/* A column of rows [done, last) of the strip, whose windows reach over its left or right edge. */
static void run_edge(struct dense_run *run, size_t done, size_t last, size_t column) {
  const struct mbconv_strip *strip = run->strip;
  const struct mbconv_stage *stage = strip->segment->stage;
  const struct mbconv_kernels *kernels = strip->stages->base.kernels;
  const size_t width = strip->shape->columns.out, bytes = stage->panels.k * kernels->element;
  for (size_t count; done < last; done += count) {
    count = mbconv_min(run->chunk, last - done);
    for (size_t i = 0; i < count; i++)
      stage->dense->gather(strip, &run->source, (strip->first + done + i) * width + column, 1,
                           strip->scratch->windows + i * bytes);
    struct mbconv_pixel_run part = mbconv_run_from(&run->to, done * width + column, kernels->element);
    part.x = strip->scratch->windows;
    part.x_stride = stage->panels.k;
    part.y_stride *= width;
    part.r_stride *= width;
    part.warm = true;
    run_part(run, &part, count);
  }
}

/* Columns [column, last) of a row of the strip, whose windows lie in the image. */
static void run_inside(const struct dense_run *run, size_t done, size_t column, size_t last) {
  const struct mbconv_strip *strip = run->strip;
  const struct mbconv_stage *stage = strip->segment->stage;
  const struct mbconv_axis *columns = &strip->shape->columns;
  const size_t element = strip->stages->base.kernels->element;
  const size_t row = mbconv_axis_begin(&strip->shape->rows, strip->first + done);
  for (size_t count; column < last; column += count) {
    count = run->maps ? mbconv_min(run->chunk, last - column) : last - column;
    struct mbconv_pixel_run part = mbconv_run_from(&run->to, done * columns->out + column, element);
    part.x = strip->image + (row * columns->in + mbconv_axis_begin(columns, column)) * stage->in_channels * element;
    part.x_stride = stage->window.stride * stage->in_channels;
    part.segment = stage->window.kernel * stage->in_channels;
    part.jump = (columns->in - stage->window.kernel) * stage->in_channels;
    part.warm = true;
    run_part(run, &part, count);
  }
}

void mbconv_dense_run(const struct mbconv_strip *strip, const struct mbconv_pixel_run *to) {
  const struct mbconv_axis *down = &strip->shape->rows, *across = &strip->shape->columns;
  const struct mbconv_stage *stage = strip->segment->stage;
  const size_t width = across->out;
  struct dense_run run = {
      .strip = strip,
      .to = *to,
      .source = {.x = strip->image, .ring = strip->scratch->planes, .next = strip->begins ? 0 : strip->fresh_first},
      .chunk = chunk_of(strip->stages, stage),
      .maps = mbconv_epilogue_maps(&stage->epilogue),
  };
  size_t first = strip->rows, last = strip->rows; /* the rows whose windows lie in the image */
  if (reads_image(strip)) {
    const size_t begin = mbconv_max(mbconv_axis_whole_begin(down), strip->first) - strip->first;
    const size_t end = mbconv_max(mbconv_axis_whole_end(down), strip->first) - strip->first;
    first = mbconv_min(begin, strip->rows), last = mbconv_max(first, mbconv_min(end, strip->rows));
  }
  run_pixels(&run, 0, first * width);
  if (first < last) {
    const size_t left = mbconv_axis_whole_begin(across), right = mbconv_axis_whole_end(across);
    for (size_t column = 0; column < left; column++) run_edge(&run, first, last, column);
    for (size_t row = first; row < last; row++) run_inside(&run, row, left, right);
    for (size_t column = right; column < width; column++) run_edge(&run, first, last, column);
  }
  run_pixels(&run, last * width, strip->rows * width);
}

const struct mbconv_dense mbconv_dense = {mbconv_dense_take, mbconv_dense_run, mbconv_windows_gather};
