/* SPDX-License-Identifier: MIT
 *
 * The doors of a list of int8: floats to bytes on the way in; on the way out the shortcut, which is a function of two
 * bytes, a pass over what has been written; planes; and floats again.
 */
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

void mbconv_i8_fetch(const struct mbconv_walk *walk, struct mbconv_strip *strip) {
  const struct mbconv_stages *stages = walk->stages;
  const struct mbconv_i8_converter *by = &stages->i8->x;
  const size_t channels = strip->shape->in_channels, width = strip->shape->columns.in;
  const size_t plane = strip->shape->rows.in * width;
  size_t first = strip->fresh_first * width, pixels = strip->fresh_rows * width;
  char *to = walk->scratch->x, *room = walk->scratch->room;
  strip->x = to;
  if (walk->x_ready) return;
  if (stages->layout == MBCONV_NHWC) {
    quantize(stages, by, MBCONV_NHWC, channels, walk->x, plane, first, pixels, to);
    return;
  }
  for (size_t count; pixels > 0; pixels -= count, first += count, to += count * channels) {
    count = next_pixels(pixels);
    quantize(stages, by, MBCONV_NCHW, channels, walk->x, plane, first, count, room);
    mbconv_transpose(stages->base.kernels, channels, count, room, MBCONV_DOOR_ROOM, to, channels, NULL);
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
