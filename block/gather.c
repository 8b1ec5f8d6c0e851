/* SPDX-License-Identifier: MIT */
#include "gather.h"

#include <stdint.h>
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

/* Planes, `plane` floats apart, to `pixels` pixels. */
static void interleave(const struct mbconv_kernels *kernels, size_t channels, const float *planes, size_t plane,
                       size_t pixels, float *to) {
  if (channels == 3)
    interleave3(planes, planes + plane, planes + 2 * plane, pixels, to);
  else
    mbconv_transpose(kernels, channels, pixels, planes, plane, to, channels, NULL);
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
