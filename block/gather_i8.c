/* SPDX-License-Identifier: MIT
 *
 * The windows of a dense convolution in int8: gather.c's, but for short tap rows, such as the 9 bytes of a stem's, for
 * padding that is no zero, and for rows that become other bytes on their way into the ring.
 */
#include <string.h>

#include "gather.h"
#include "transpose.h"

/* `count` tap rows of `bytes` bytes, 16 or 8 at a time: the last ones may overlap those before. */
static inline void copy_windows(size_t count, size_t bytes, const char *from, size_t from_step, char *to,
                                size_t to_step) {
  enum { AT_ONCE = 16, HALF = 8 };
  for (size_t p = 0; p < count; p++, from += from_step, to += to_step) {
    for (size_t i = 0; i + AT_ONCE <= bytes; i += AT_ONCE) memcpy(to + i, from + i, AT_ONCE);
    if (bytes >= AT_ONCE) {
      memcpy(to + bytes - AT_ONCE, from + bytes - AT_ONCE, AT_ONCE);
    } else if (bytes >= HALF) {
      memcpy(to, from, HALF);
      memcpy(to + bytes - HALF, from + bytes - HALF, HALF);
    } else {
      for (size_t i = 0; i < bytes; i++) to[i] = from[i];
    }
  }
}

/* The tap row of one output, cut where it leaves the image; a pixel has `bytes` bytes. */
static void copy_clipped(const struct mbconv_axis *columns, size_t bytes, unsigned char padding, const char *row,
                         size_t column, char *to) {
  for (size_t j = 0; j < columns->kernel; j++, to += bytes) {
    const size_t q = mbconv_axis_padded(columns, column) + j - columns->before; /* left of the image it wraps to huge */
    if (q < columns->in)
      memcpy(to, row + q * bytes, bytes);
    else
      memset(to, padding, bytes);
  }
}

/* Tap row `tap` of the windows of outputs [column, column + count) of one row. `row` NULL: it is outside the image. */
static void gather_taps(const struct mbconv_shape *shape, unsigned char padding, const char *row, size_t column,
                        size_t count, size_t tap, char *windows) {
  const struct mbconv_axis *columns = &shape->columns;
  const size_t pixel = shape->in_channels, bytes = columns->kernel * pixel, step = columns->kernel * bytes;
  const size_t end = column + count;
  char *to = windows + tap * bytes;
  if (!row) {
    for (size_t p = 0; p < count; p++) memset(to + p * step, padding, bytes);
    return;
  }
  const size_t first = mbconv_axis_whole_begin(columns), last = mbconv_axis_whole_end(columns);
  for (; column < mbconv_min(first, end); column++, to += step) copy_clipped(columns, pixel, padding, row, column, to);
  if (column < mbconv_min(last, end)) {
    const size_t inside = mbconv_min(last, end) - column;
    const char *from = row + (mbconv_axis_padded(columns, column) - columns->before) * pixel;
    copy_windows(inside, bytes, from, columns->stride * pixel, to, step);
    column += inside;
    to += inside * step;
  }
  for (; column < end; column++, to += step) copy_clipped(columns, pixel, padding, row, column, to);
}

void mbconv_i8_interleave(const struct mbconv_kernels *kernels, size_t channels, const void *planes, size_t plane,
                          size_t pixels, void *to) {
  if (channels == 3)
    kernels->interleave3(pixels, planes, plane, to);
  else
    mbconv_transpose(kernels, channels, pixels, planes, plane, to, channels, NULL);
}

/* Row r, or NULL if it is outside the image. Rows are asked for in ascending order, up to `kernel` rows back. */
static const char *row_of(const struct mbconv_strip *strip, struct mbconv_window_source *source, size_t r) {
  const struct mbconv_stages *stages = strip->stages;
  const struct mbconv_shape *shape = strip->shape;
  const size_t height = shape->rows.in, width = shape->columns.in, row = width * shape->in_channels;
  if (r >= height) return NULL;
  if (!source->ring) return source->x + r * row;
  char *slot = source->ring + r % shape->rows.kernel * row;
  if (r < source->next) return slot;
  if (stages->fetch_row)
    stages->fetch_row(strip, r, slot);
  else
    mbconv_i8_interleave(stages->base.kernels, shape->in_channels, source->x + r * width, height * width, width, slot);
  source->next = r + 1;
  return slot;
}

void mbconv_i8_windows_gather(const struct mbconv_strip *strip, struct mbconv_window_source *source, size_t pixel,
                              size_t count, char *windows) {
  const struct mbconv_shape *shape = strip->shape;
  const struct mbconv_axis *rows = &shape->rows;
  const unsigned char padding = strip->segment->stage->padding;
  const size_t width = shape->columns.out, bytes = mbconv_window_elements(shape);
  while (count > 0) {
    const size_t row = pixel / width, column = pixel % width, pixels = mbconv_min(count, width - column);
    for (size_t i = 0; i < rows->kernel; i++) { /* above the image the row wraps to huge */
      const size_t r = mbconv_axis_padded(rows, row) + i - rows->before;
      gather_taps(shape, padding, row_of(strip, source, r), column, pixels, i, windows);
    }
    windows += pixels * bytes;
    pixel += pixels;
    count -= pixels;
  }
}

const struct mbconv_dense mbconv_i8_dense = {mbconv_dense_take, mbconv_dense_run, mbconv_i8_windows_gather};
