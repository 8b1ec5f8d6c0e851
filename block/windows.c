/* SPDX-License-Identifier: MIT */
#include "windows.h"

#include <string.h>

#include "size.h"
#include "transpose.h"

/* `count` windows' tap rows of `floats` floats, in fours: the last four may overlap those before. */
static inline void copy_windows(size_t count, size_t floats, const float *from, size_t from_step, float *to,
                                size_t to_step) {
  for (size_t p = 0; p < count; p++, from += from_step, to += to_step) {
    size_t i = 0;
    for (; i + 4 <= floats; i += 4) memcpy(to + i, from + i, 4 * sizeof(float));
    if (floats >= 4)
      memcpy(to + floats - 4, from + floats - 4, 4 * sizeof(float));
    else
      for (; i < floats; i++) to[i] = from[i];
  }
}

/* The window of one output, cut where it leaves the image. */
static void copy_clipped(const struct mbconv_shape *shape, const float *row, size_t column, float *to) {
  const size_t channels = shape->in_channels;
  for (size_t j = 0; j < shape->kernel; j++, to += channels) {
    const size_t q = column * shape->stride + j - shape->pad_left; /* left of the image it wraps to huge */
    if (q < shape->width)
      memcpy(to, row + q * channels, channels * sizeof(float));
    else
      memset(to, 0, channels * sizeof(float));
  }
}

/* Tap row `tap` of the windows of outputs [column, column + count) of one row. `row` NULL: it is outside the image. */
static void gather_taps(const struct mbconv_shape *shape, const float *row, size_t column, size_t count, size_t tap,
                        float *windows) {
  const size_t floats = shape->kernel * shape->in_channels, step = shape->kernel * floats, end = column + count;
  float *to = windows + tap * floats;
  if (!row) {
    for (size_t p = 0; p < count; p++) memset(to + p * step, 0, floats * sizeof(float));
    return;
  }
  /* Outputs [first, last) of the whole row have windows inside. */
  const size_t first = (shape->pad_left + shape->stride - 1) / shape->stride;
  const size_t room = shape->width + shape->pad_left;
  const size_t last = room < shape->kernel ? 0 : (room - shape->kernel) / shape->stride + 1;
  for (; column < mbconv_min(first, end); column++, to += step) copy_clipped(shape, row, column, to);
  if (column < mbconv_min(last, end)) {
    const size_t inside = mbconv_min(last, end) - column, from_step = shape->stride * shape->in_channels;
    const float *from = row + (column * shape->stride - shape->pad_left) * shape->in_channels;
    if (floats == 9) /* the stems of all networks here */
      copy_windows(inside, 9, from, from_step, to, step);
    else
      copy_windows(inside, floats, from, from_step, to, step);
    column += inside;
    to += inside * step;
  }
  for (; column < end; column++, to += step) copy_clipped(shape, row, column, to);
}

/* Planes, `plane` floats apart, to `pixels` pixels. Three planes are an image's: too few for the tiles. */
static void interleave(const struct mbconv_kernels *kernels, size_t channels, const float *planes, size_t plane,
                       size_t pixels, float *to) {
  if (channels != 3) {
    mbconv_transpose(kernels, channels, pixels, planes, plane, to, channels, NULL);
    return;
  }
  const float *restrict red = planes, *restrict green = planes + plane, *restrict blue = planes + 2 * plane;
  float *restrict y = to;
  for (size_t p = 0; p < pixels; p++) {
    y[3 * p] = red[p];
    y[3 * p + 1] = green[p];
    y[3 * p + 2] = blue[p];
  }
}

/* Row r, or NULL if it is outside the image. Rows are asked for in ascending order, up to `kernel` rows back. */
static const float *row_of(const struct mbconv_kernels *kernels, const struct mbconv_shape *shape,
                           struct mbconv_window_source *source, size_t r) {
  const size_t row = shape->width * shape->in_channels;
  if (r >= shape->height) return NULL;
  if (!source->ring) return source->x + r * row;
  float *slot = source->ring + r % shape->kernel * row;
  if (r >= source->next) {
    interleave(kernels, shape->in_channels, source->x + r * shape->width, shape->height * shape->width, shape->width,
               slot);
    source->next = r + 1;
  }
  return slot;
}

void mbconv_windows_gather(const struct mbconv_kernels *kernels, const struct mbconv_shape *shape,
                           struct mbconv_window_source *source, size_t pixel, size_t count, float *windows) {
  while (count > 0) {
    const size_t row = pixel / shape->out_width, column = pixel % shape->out_width;
    const size_t pixels = mbconv_min(count, shape->out_width - column);
    for (size_t i = 0; i < shape->kernel; i++) /* above the image the row wraps to huge */
      gather_taps(shape, row_of(kernels, shape, source, row * shape->stride + i - shape->pad_top), column, pixels, i,
                  windows);
    windows += pixels * mbconv_window_floats(shape);
    pixel += pixels;
    count -= pixels;
  }
}
