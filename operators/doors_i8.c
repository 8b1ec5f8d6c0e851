/* SPDX-License-Identifier: MIT
 *
 * The doors of a list of int8: floats to bytes on the way in; on the way out the shortcut, which is a function of two
 * bytes, a pass over what has been written; planes; and floats again.
 */
#include "gather.h"
#include "i8.h"
#include "strip.h"
#include "transpose.h"

/* How many of the pixels that are left are converted next. */
static size_t next_pixels(size_t left) { return left <= MBCONV_DOOR_ROOM ? left : MBCONV_DOOR_PIXELS; }

/* `count` pixels of floats from pixel `first` on, of `channels` channels, as bytes to `to`: pixel by pixel or, in NCHW,
 * plane by plane, MBCONV_DOOR_ROOM bytes apart. */
static void quantize(const struct mbconv_stages *stages, const struct mbconv_i8_converter *by, mbconv_layout layout,
                     size_t channels, const char *x, size_t plane, size_t first, size_t count, char *to) {
  const struct mbconv_i8_kernels *i8 = stages->base.kernels->i8;
  if (layout == MBCONV_NHWC)
    i8->quantize(by, count * channels, x + first * channels * sizeof(float), to);
  else
    for (size_t c = 0; c < channels; c++)
      i8->quantize(by, count, x + (c * plane + first) * sizeof(float), to + c * MBCONV_DOOR_ROOM);
}

/* `pixels` pixels of the image x of floats from pixel `first` on become pixels of bytes. */
static void fetch_floats(const struct mbconv_stages *stages, const struct mbconv_shape *shape, const char *x,
                         size_t first, size_t pixels, char *room, char *to) {
  const struct mbconv_i8_converter *by = &stages->i8->x;
  const size_t channels = shape->in_channels, plane = shape->rows.in * shape->columns.in;
  if (stages->layout == MBCONV_NHWC) quantize(stages, by, MBCONV_NHWC, channels, x, plane, first, pixels, to);
  for (size_t done = stages->layout == MBCONV_NHWC ? pixels : 0, count; done < pixels; done += count) {
    count = next_pixels(pixels - done);
    quantize(stages, by, MBCONV_NCHW, channels, x, plane, first + done, count, room);
    mbconv_i8_interleave(stages->base.kernels, channels, room, MBCONV_DOOR_ROOM, count, to + done * channels);
  }
  if (stages->base.kernels->i8->turned) mbconv_flip(stages, pixels * channels, to, to);
}

void mbconv_i8_fetch(const struct mbconv_walk *walk, struct mbconv_strip *strip) {
  const size_t width = strip->shape->columns.in;
  strip->x = walk->scratch->x;
  if (!walk->x_ready)
    fetch_floats(walk->stages, strip->shape, walk->x, strip->fresh_first * width, strip->fresh_rows * width,
                 walk->scratch->room, walk->scratch->x);
}

void mbconv_i8_fetch_row(const struct mbconv_strip *strip, size_t r, char *to) {
  const struct mbconv_stages *stages = strip->stages;
  const struct mbconv_shape *shape = strip->shape;
  const size_t width = shape->columns.in, channels = shape->in_channels;
  if (mbconv_floats_in(stages->i8)) {
    fetch_floats(stages, shape, strip->image, r * width, width, strip->scratch->room, to);
  } else if (stages->layout == MBCONV_NCHW) {
    mbconv_i8_interleave(stages->base.kernels, channels, strip->image + r * width, shape->rows.in * width, width, to);
    mbconv_flip(stages, width * channels, to, to);
  } else {
    mbconv_flip(stages, width * channels, strip->image + r * width * channels, to);
  }
}

/* Bytes of y before they are floats, or y itself: `rows` rows of `columns` bytes, pixels or planes. */
struct part {
  size_t rows, columns, stride;
  char *bytes;
};

/* Pixels [first, first + count) of the image, the last stage's bytes of which are at `from`. */
static void end_pixels(const struct mbconv_output *output, size_t first, size_t count,
                       const struct mbconv_pixel_run *run, char *from) {
  const struct mbconv_stages *stages = output->stages;
  const struct mbconv_kernels *kernels = stages->base.kernels;
  const struct mbconv_i8_list *list = stages->i8;
  const size_t channels = run->channels, plane = output->plane, element = stages->y_element;
  const bool planes = stages->y_layout == MBCONV_NCHW, floats = mbconv_floats_out(list);
  const size_t at = planes ? first : first * channels, y_stride = planes ? plane : channels;
  struct part part = {count, channels, run->y_stride, from};
  if (planes) {
    part = (struct part){channels, count, MBCONV_DOOR_ROOM, output->room};
    if (!floats) part.bytes = output->y + at, part.stride = plane;
    mbconv_transpose(kernels, count, channels, from, run->y_stride, part.bytes, part.stride, NULL);
  }
  if (output->residual) {
    const char *residual = output->residual + at;
    size_t stride = y_stride;
    if (list->residual.kind != MBCONV_I8_DOOR_BYTES) {
      char *room = output->room + channels * MBCONV_DOOR_ROOM;
      quantize(stages, &list->residual, stages->y_layout, channels, output->residual, plane, first, count, room);
      residual = room;
      if (planes) stride = MBCONV_DOOR_ROOM;
    }
    kernels->i8->add(&list->add, part.rows, part.columns, part.bytes, part.stride, residual, stride);
    if (list->maps_sum)
      kernels->i8->table(part.rows, part.columns, part.bytes, part.stride, list->sum_table, part.bytes, part.stride);
  }
  for (size_t r = 0; floats && r < part.rows; r++)
    kernels->i8->dequantize(&list->y, part.columns, part.bytes + r * part.stride,
                            output->y + (at + r * y_stride) * element);
}

void mbconv_i8_end(const struct mbconv_output *output, size_t first, const struct mbconv_pixel_run *run) {
  const struct mbconv_stages *stages = output->stages;
  const bool converts = mbconv_floats_out(stages->i8) || (output->residual && mbconv_floats_in(stages->i8));
  if (!converts && stages->y_layout == MBCONV_NHWC && !output->residual) return;
  char *from = run->y;
  for (size_t done = 0, count; done < run->pixels; done += count) {
    count = converts ? next_pixels(run->pixels - done) : run->pixels;
    end_pixels(output, first + done, count, run, from + done * run->y_stride);
  }
}
