/* SPDX-License-Identifier: MIT */
#include "gather.h"

#include <string.h>

#include "size.h"
#include "transpose.h"

/* `count` windows' tap rows of `bytes` bytes, 16 at a time: the last 16 may overlap those before. */
static inline void copy_windows(size_t count, size_t bytes, const char *from, size_t from_step, char *to,
                                size_t to_step) {
  enum { AT_ONCE = 16 };
  for (size_t p = 0; p < count; p++, from += from_step, to += to_step) {
    for (size_t i = 0; i + AT_ONCE <= bytes; i += AT_ONCE) memcpy(to + i, from + i, AT_ONCE);
    if (bytes >= AT_ONCE)
      memcpy(to + bytes - AT_ONCE, from + bytes - AT_ONCE, AT_ONCE);
    else
      for (size_t i = 0; i < bytes; i++) to[i] = from[i];
  }
}

/* The window of one output, cut where it leaves the image; a pixel has `bytes` bytes. */
static void copy_clipped(const struct mbconv_axis *columns, size_t bytes, const char *row, size_t column, char *to) {
  for (size_t j = 0; j < columns->kernel; j++, to += bytes) {
    const size_t q = mbconv_axis_padded(columns, column) + j - columns->before; /* left of the image it wraps to huge */
    if (q < columns->in)
      memcpy(to, row + q * bytes, bytes);
    else
      memset(to, 0, bytes);
  }
}

/* Tap row `tap` of the windows of outputs [column, column + count) of one row. `row` NULL: it is outside the image. */
static void gather_taps(const struct mbconv_shape *shape, size_t element, const char *row, size_t column, size_t count,
                        size_t tap, char *windows) {
  const struct mbconv_axis *columns = &shape->columns;
  const size_t pixel = shape->in_channels * element, bytes = columns->kernel * pixel, step = columns->kernel * bytes;
  const size_t end = column + count;
  char *to = windows + tap * bytes;
  if (!row) {
    for (size_t p = 0; p < count; p++) memset(to + p * step, 0, bytes);
    return;
  }
  const size_t first = mbconv_axis_whole_begin(columns), last = mbconv_axis_whole_end(columns);
  for (; column < mbconv_min(first, end); column++, to += step) copy_clipped(columns, pixel, row, column, to);
  if (column < mbconv_min(last, end)) {
    const size_t inside = mbconv_min(last, end) - column, from_step = columns->stride * pixel;
    const char *from = row + (mbconv_axis_padded(columns, column) - columns->before) * pixel;
    if (bytes == 9 * sizeof(float)) /* the stems of all networks here */
      copy_windows(inside, 9 * sizeof(float), from, from_step, to, step);
    else
      copy_windows(inside, bytes, from, from_step, to, step);
    column += inside;
    to += inside * step;
  }
  for (; column < end; column++, to += step) copy_clipped(columns, pixel, row, column, to);
}

/* Planes, `plane` elements apart, to `pixels` pixels. */
static void interleave(const struct mbconv_kernels *kernels, size_t channels, const void *planes, size_t plane,
                       size_t pixels, void *to) {
  if (channels == 3) /* an image's: too few for the tiles of a transposition */
    kernels->interleave3(pixels, planes, plane, to);
  else
    mbconv_transpose(kernels, channels, pixels, planes, plane, to, channels, NULL);
}

/* Row r, or NULL if it is outside the image. Rows are asked for in ascending order, up to `kernel` rows back. */
static const char *row_of(const struct mbconv_kernels *kernels, const struct mbconv_shape *shape,
                          struct mbconv_window_source *source, size_t r) {
  const size_t height = shape->rows.in, width = shape->columns.in, row = width * shape->in_channels * kernels->element;
  if (r >= height) return NULL;
  if (!source->ring) return source->x + r * row;
  char *slot = source->ring + r % shape->rows.kernel * row;
  if (r >= source->next) {
    interleave(kernels, shape->in_channels, source->x + r * width * kernels->element, height * width, width, slot);
    source->next = r + 1;
  }
  return slot;
}

void mbconv_windows_gather(const struct mbconv_strip *strip, struct mbconv_window_source *source, size_t pixel,
                           size_t count, char *windows) {
  const struct mbconv_kernels *kernels = strip->stages->base.kernels;
  const struct mbconv_shape *shape = strip->shape;
  const struct mbconv_axis *rows = &shape->rows;
  const size_t width = shape->columns.out, bytes = mbconv_window_elements(shape) * kernels->element;
  while (count > 0) {
    const size_t row = pixel / width, column = pixel % width, pixels = mbconv_min(count, width - column);
    for (size_t i = 0; i < rows->kernel; i++) { /* above the image the row wraps to huge */
      const size_t r = mbconv_axis_padded(rows, row) + i - rows->before;
      gather_taps(shape, kernels->element, row_of(kernels, shape, source, r), column, pixels, i, windows);
    }
    windows += pixels * bytes;
    pixel += pixels;
    count -= pixels;
  }
}
