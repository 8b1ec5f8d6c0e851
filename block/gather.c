/* SPDX-License-Identifier: MIT */
#include "gather.h"

#include <stdint.h>
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

/* Four floats, of SSE2 or NEON. PICK takes four of those of a (0 to 3) and b (4 to 7). */
typedef float floats4 __attribute__((vector_size(16)));

#if defined(__clang__)
#define PICK(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
typedef int32_t ints4 __attribute__((vector_size(16)));
#define PICK(a, b, i, j, k, l) __builtin_shuffle(a, b, (ints4){i, j, k, l})
#endif

static inline floats4 load4(const float *from) {
  floats4 v;
  memcpy(&v, from, sizeof v);
  return v;
}

static inline void store4(float *to, floats4 v) { memcpy(to, &v, sizeof v); }

/* Three planes to pixels, an image's: too few for the tiles of a transposition. */
static void interleave3(const float *red, const float *green, const float *blue, size_t pixels, float *to) {
  size_t p = 0;
  for (; p + 4 <= pixels; p += 4, to += 12) {
    const floats4 r = load4(red + p), g = load4(green + p), b = load4(blue + p);
    const floats4 r0g0r1g1 = PICK(r, g, 0, 4, 1, 5), b0b0r1r1 = PICK(b, r, 0, 0, 5, 5);
    const floats4 g1b1g2b2 = PICK(g, b, 1, 5, 2, 6), r2r2g2g2 = PICK(r, g, 2, 2, 6, 6);
    const floats4 b2r3b3r3 = PICK(b, r, 2, 7, 3, 7), g3g3b3b3 = PICK(g, b, 3, 3, 7, 7);
    store4(to, PICK(r0g0r1g1, b0b0r1r1, 0, 1, 4, 6));
    store4(to + 4, PICK(g1b1g2b2, r2r2g2g2, 0, 1, 4, 6));
    store4(to + 8, PICK(b2r3b3r3, g3g3b3b3, 0, 1, 4, 6));
  }
  for (; p < pixels; p++, to += 3) {
    to[0] = red[p];
    to[1] = green[p];
    to[2] = blue[p];
  }
}

/* Planes, `plane` elements apart, to `pixels` pixels. */
static void interleave(const struct mbconv_kernels *kernels, size_t channels, const void *planes, size_t plane,
                       size_t pixels, void *to) {
  const float *red = planes;
  if (channels == 3 && kernels->element == sizeof(float))
    interleave3(red, red + plane, red + 2 * plane, pixels, to);
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

void mbconv_windows_gather(const struct mbconv_kernels *kernels, const struct mbconv_shape *shape,
                           struct mbconv_window_source *source, size_t pixel, size_t count, char *windows) {
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
