/* SPDX-License-Identifier: MIT */
#include "depthwise_rows.h"

#include <string.h>

#include "pack.h"
#include "transpose.h"

/* Depthwise tiles are a divisor of DEPTHWISE_STEP pixels wide. */
enum { MAX_KERNEL = 7, DEPTHWISE_STEP = 14 };

/* Without an expand, dense input of exactly a group's channels needs no copy but for the windows that reach over its
 * left and right edge: the depthwise reads the image itself. */
struct borders {
  bool direct;
  size_t left, right; /* outputs [0, left) and [right, out_width) are computed from the ring */
};

static struct borders borders_of(const struct mbconv_strip *strip) {
  const struct mbconv_shape *shape = &strip->stages->shape;
  const size_t reach = shape->pad_left + shape->width; /* of whole windows, counted from the first column of padding */
  struct borders borders = {.direct = false};
  if (shape->expand || strip->stages->layout == MBCONV_NCHW || strip->plan->group_channels != shape->in_channels ||
      reach < shape->kernel)
    return borders;
  borders.left = (shape->pad_left + shape->stride - 1) / shape->stride;
  borders.right = mbconv_min((reach - shape->kernel) / shape->stride + 1, shape->out_width);
  borders.direct = borders.left < borders.right;
  return borders;
}

/* Columns [first, last) of input row r to the ring. */
static void copy_columns(const struct mbconv_strip *strip, const struct mbconv_group *group, size_t r, size_t first,
                         size_t last) {
  const struct mbconv_shape *shape = &strip->stages->shape;
  const size_t width = shape->width, all = shape->in_channels, stride = strip->plan->group_channels;
  float *to = group->ring + mbconv_ring_offset(strip, r) + first * stride;
  if (strip->stages->layout == MBCONV_NCHW) {
    const size_t plane = shape->height * width;
    const float *from = strip->x + group->first * plane + r * width + first;
    mbconv_transpose(strip->stages->kernels, group->channels, last - first, from, plane, to, stride, NULL);
    return;
  }
  const float *from = strip->x + (r * width + first) * all + group->first;
  if (group->channels == all && stride == all) {
    memcpy(to, from, (last - first) * all * sizeof(float));
  } else {
    for (size_t p = 0; p < last - first; p++) memcpy(to + p * stride, from + p * all, group->channels * sizeof(float));
  }
}

void mbconv_rows_copy(const struct mbconv_strip *strip, const struct mbconv_group *group) {
  const struct mbconv_shape *shape = &strip->stages->shape;
  const struct borders borders = borders_of(strip);
  const size_t left_end = (borders.left - 1) * shape->stride + shape->kernel; /* counted from the padding, as is */
  const size_t right_begin = borders.right * shape->stride;                   /* this */
  for (size_t r = strip->fresh_first; r < strip->fresh_first + strip->fresh_rows; r++) {
    if (!borders.direct) {
      copy_columns(strip, group, r, 0, shape->width);
      continue;
    }
    if (borders.left > 0) copy_columns(strip, group, r, 0, mbconv_min(left_end - shape->pad_left, shape->width));
    if (borders.right < shape->out_width && right_begin < shape->pad_left + shape->width)
      copy_columns(strip, group, r, right_begin - shape->pad_left, shape->width);
  }
}

/* What the rows of a group's depthwise have in common. */
struct depthwise_run {
  struct mbconv_depthwise_group group;
  mbconv_depthwise_fn *kernel;
  mbconv_activation_fn *map; /* over each row, or NULL */
  struct borders borders;
};

/* Outputs [first, last) of row o, to y, the row's first; read from the image if `direct`, else from the ring. */
static void depthwise_outputs(const struct mbconv_strip *strip, const struct mbconv_group *group,
                              const struct depthwise_run *run, size_t o, size_t first, size_t last, bool direct,
                              float *y) {
  if (first >= last) return;
  const struct mbconv_shape *shape = &strip->stages->shape;
  const size_t channels = strip->plan->group_channels, column = first * shape->stride; /* counted from the padding */
  const void *rows[MAX_KERNEL];
  for (size_t i = 0; i < shape->kernel; i++) {
    const size_t below = o * shape->stride + i; /* the row, counted from the first row of padding */
    const bool inside = below >= shape->pad_top && below - shape->pad_top < shape->height;
    if (!inside)
      rows[i] = strip->scratch->zero_row + column * channels;
    else if (direct)
      rows[i] = strip->x + ((below - shape->pad_top) * shape->width + column - shape->pad_left) * channels;
    else
      rows[i] = group->ring + mbconv_ring_offset(strip, below - shape->pad_top) + column * channels -
                shape->pad_left * channels;
  }
  run->kernel(&run->group, last - first, rows, y + first * run->group.y_stride);
}

/* Whether all windows of output row o lie in the image's memory, those over its left and right edge too: what they find
 * there is the end of one row and the beginning of the next. */
static bool in_memory(const struct mbconv_shape *shape, size_t o) {
  const size_t above = o * shape->stride, below = above + shape->kernel - 1; /* counted from the padding, as `last` */
  const size_t last = (shape->out_width - 1) * shape->stride + shape->kernel;
  const size_t top = above > shape->pad_top ? above - shape->pad_top : 0;
  const size_t bottom = mbconv_min(below - mbconv_min(below, shape->pad_top), shape->height - 1);
  return top * shape->width >= shape->pad_left &&
         bottom * shape->width + last <= shape->height * shape->width + shape->pad_left;
}

/* One row of outputs. Where the image is read, outputs at its left and right edge are computed with the others if they
 * can be, and then once more, with zeros: that keeps the rest in whole tiles. */
static void depthwise_row(const struct mbconv_strip *strip, const struct mbconv_group *group,
                          const struct depthwise_run *run, size_t o, float *y) {
  const size_t width = strip->stages->shape.out_width, stride = run->group.y_stride;
  const size_t chunk = run->map ? mbconv_map_chunk(stride, DEPTHWISE_STEP) : width;
  const struct borders *borders = &run->borders;
  const bool over = borders->direct && in_memory(&strip->stages->shape, o);
  const size_t left = over ? 0 : borders->left, right = over ? width : borders->right;
  for (size_t first = 0; first < width; first += chunk) {
    const size_t last = mbconv_min(first + chunk, width);
    if (borders->direct) {
      depthwise_outputs(strip, group, run, o, mbconv_max(first, left), mbconv_min(last, right), true, y);
      depthwise_outputs(strip, group, run, o, first, mbconv_min(last, borders->left), false, y);
      depthwise_outputs(strip, group, run, o, mbconv_max(first, borders->right), last, false, y);
    } else {
      depthwise_outputs(strip, group, run, o, first, last, false, y);
    }
    if (run->map) run->map((last - first) * stride, y + first * stride, y + first * stride);
  }
}

void mbconv_rows_depthwise(const struct mbconv_strip *strip, const struct mbconv_group *group, float *y,
                           size_t y_stride) {
  const struct mbconv_stages *stages = strip->stages;
  const struct mbconv_shape *shape = &stages->shape;
  const size_t k = shape->kernel, lanes = stages->kernels->lanes;
  const struct depthwise_run run = {
      .group =
          {
              .channels = shape->project ? mbconv_round_up(group->channels, lanes) : group->channels,
              .x_stride = strip->plan->group_channels,
              .y_stride = y_stride,
              .weights = stages->depthwise + mbconv_depthwise_bytes(&stages->kernels->packing, k * k, group->first),
              .ending = stages->epilogue.ending,
          },
      .kernel = stages->kernels->depthwise[(k - 3) / 2][shape->stride - 1],
      .map = mbconv_maps_rows(strip->plan) ? stages->epilogue.map : NULL,
      .borders = borders_of(strip),
  };
  for (size_t o = strip->first; o < strip->first + strip->rows; o++, y += shape->out_width * y_stride)
    depthwise_row(strip, group, &run, o, y);
}
