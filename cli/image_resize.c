/* SPDX-License-Identifier: MIT
 *
 * Resampling by the arithmetic of Pillow's Resample.c: each output is a weighted mean of the inputs under a filter as
 * wide as the scale; the weights, computed in double, are integers of 22 fractional bits; sums are rounded and clamped
 * to 8 bits after each direction.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"

enum { FRACTION = 22 };

static double triangle(double x) {
  x = fabs(x);
  return x < 1 ? 1 - x : 0;
}

/* Keys 1981, with a = -1/2. */
static double cubic(double x) {
  const double a = -0.5;
  x = fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/* For each output: which inputs, and their weights. */
struct weights {
  size_t most;   /* inputs of one output */
  size_t *first; /* [outputs] */
  size_t *count; /* [outputs] */
  int *weight;   /* [outputs][most] */
};

static void weights_free(struct weights *w) {
  free(w->first);
  free(w->count);
  free(w->weight);
}

static bool weights_new(struct weights *w, size_t inputs, size_t outputs, bool bicubic) {
  const double scale = (double)inputs / (double)outputs, filter_scale = scale < 1 ? 1 : scale;
  const double support = (bicubic ? 2 : 1) * filter_scale;
  w->most = (size_t)ceil(support) * 2 + 1;
  w->first = calloc(outputs, sizeof *w->first);
  w->count = calloc(outputs, sizeof *w->count);
  w->weight = calloc(outputs, w->most * sizeof *w->weight);
  double *exact = calloc(w->most, sizeof *exact);
  const bool enough = w->first && w->count && w->weight && exact;
  for (size_t o = 0; enough && o < outputs; o++) {
    const double centre = ((double)o + 0.5) * scale;
    const double low = centre - support + 0.5, high = centre + support + 0.5;
    const size_t first = low > 0 ? (size_t)low : 0;
    const size_t end = high < (double)inputs ? (size_t)high : inputs;
    double sum = 0;
    for (size_t i = first; i < end; i++) {
      const double x = ((double)i - centre + 0.5) * (1 / filter_scale);
      sum += exact[i - first] = bicubic ? cubic(x) : triangle(x);
    }
    for (size_t i = 0; i < end - first; i++) {
      const double fixed = (sum != 0 ? exact[i] / sum : exact[i]) * (1 << FRACTION);
      w->weight[o * w->most + i] = (int)(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
    }
    w->first[o] = first;
    w->count[o] = end - first;
  }
  free(exact);
  if (!enough) weights_free(w);
  return enough;
}

static uint8_t clamp(int sum) {
  const int v = sum >> FRACTION; /* arithmetic, as both compilers do */
  return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void resize_rows(const struct image *from, const struct weights *w, const struct image *to) {
  for (size_t y = 0; y < from->height; y++) {
    for (size_t o = 0; o < to->width; o++) {
      const uint8_t *in = from->rgb + (y * from->width + w->first[o]) * 3;
      const int *weight = w->weight + o * w->most;
      int sum[3] = {1 << (FRACTION - 1), 1 << (FRACTION - 1), 1 << (FRACTION - 1)};
      for (size_t i = 0; i < w->count[o]; i++)
        for (size_t c = 0; c < 3; c++) sum[c] += in[3 * i + c] * weight[i];
      for (size_t c = 0; c < 3; c++) to->rgb[(y * to->width + o) * 3 + c] = clamp(sum[c]);
    }
  }
}

static bool resize_columns(const struct image *from, const struct weights *w, const struct image *to) {
  const size_t row = from->width * 3;
  int *sum = malloc(row * sizeof *sum);
  if (!sum) return false;
  for (size_t o = 0; o < to->height; o++) {
    const uint8_t *in = from->rgb + w->first[o] * row;
    const int *weight = w->weight + o * w->most;
    for (size_t x = 0; x < row; x++) sum[x] = 1 << (FRACTION - 1);
    for (size_t i = 0; i < w->count[o]; i++)
      for (size_t x = 0; x < row; x++) sum[x] += in[i * row + x] * weight[i];
    for (size_t x = 0; x < row; x++) to->rgb[o * row + x] = clamp(sum[x]);
  }
  free(sum);
  return true;
}

mbconv_status image_resize(const struct image *from, size_t height, size_t width, bool bicubic, struct image *to,
                           mbconv_error *error) {
  struct image narrow = {0};
  *to = (struct image){0};
  bool enough = height > 0 && width > 0 && from->height > 0 && from->width > 0;
  if (!enough) return image_fail(error, MBCONV_INVALID_ARGUMENT, "an image without pixels");
  struct weights w;
  /* A direction that does not change is left out. */
  if (from->width != width) {
    enough = weights_new(&w, from->width, width, bicubic);
    if (enough) {
      enough = image_new(&narrow, from->height, width);
      if (enough) resize_rows(from, &w, &narrow);
      weights_free(&w);
    }
    from = &narrow;
  }
  if (enough) enough = image_new(to, height, width);
  if (enough && from->height == height) {
    memcpy(to->rgb, from->rgb, height * width * 3);
  } else if (enough) {
    enough = weights_new(&w, from->height, height, bicubic);
    if (enough) {
      enough = resize_columns(from, &w, to);
      weights_free(&w);
    }
  }
  image_free(&narrow);
  if (enough) return MBCONV_OK;
  image_free(to);
  return image_fail(error, MBCONV_OUT_OF_MEMORY, "no memory to resize an image to %zu x %zu", height, width);
}
