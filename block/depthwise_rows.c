/* SPDX-License-Identifier: MIT */
#include "depthwise_rows.h"

#include <string.h>

#include "list_i8.h"
#include "transpose.h"

enum { MAX_KERNEL = 7, MAX_STRIDE = 2 };

/* Whether a row of this build makes two rows of outputs at once: what asks for it is compiled away elsewhere. */
#ifdef MBCONV_I8_AVX512_VNNI
enum { HAS_PAIRS = 1 };
#else
enum { HAS_PAIRS = 0 };
#endif

/* Without an expand, a dense image of exactly a group's channels needs no copy but for the windows that reach over its
 * left and right edge: the depthwise reads the image itself. */
struct borders {
  bool direct;
  size_t left, right; /* outputs [0, left) and [right, out) of a row are computed from the ring */
};

static struct borders borders_of(const struct mbconv_strip *strip) {
  const struct mbconv_shape *shape = strip->shape;
  struct borders borders = {.direct = false};
  if (shape->expand || !strip->image || strip->stages->layout == MBCONV_NCHW || mbconv_flips_input(strip->stages) ||
      strip->plan->group_channels != shape->in_channels)
    return borders;
  const size_t across = shape->columns.out;
  borders.left = mbconv_axis_whole_begin(&shape->columns);
  borders.right = mbconv_axis_whole_end(&shape->columns);
  /* Outputs at the edges are computed twice: not if they are most of a row. */
  borders.direct = borders.left < borders.right && 2 * (borders.left + across - borders.right) <= across;
  return borders;
}

/* Columns [first, last) of input row r to the ring. */
static void copy_columns(const struct mbconv_strip *strip, const struct mbconv_group *group, size_t r, size_t first,
                         size_t last) {
  const struct mbconv_shape *shape = strip->shape;
  const struct mbconv_kernels *kernels = strip->stages->base.kernels;
  const size_t width = shape->columns.in, stride = strip->plan->group_channels, element = kernels->element;
  char *to = group->ring + (mbconv_ring_offset(strip, r) + first * stride) * element;
  if (strip->image && strip->stages->layout == MBCONV_NCHW) {
    const size_t plane = shape->rows.in * width;
    const char *from = strip->image + (group->first * plane + r * width + first) * element;
    mbconv_transpose(kernels, group->channels, last - first, from, plane, to, stride, NULL);
  } else {
    const size_t x_stride = strip->x_stride, pixel = (r - strip->fresh_first) * width + first;
    const char *from = strip->x + (pixel * x_stride + group->first) * element;
    if (group->channels == x_stride && stride == x_stride) {
      memcpy(to, from, (last - first) * x_stride * element);
    } else {
      for (size_t p = 0; p < last - first; p++)
        memcpy(to + p * stride * element, from + p * x_stride * element, group->channels * element);
    }
  }
  if (strip->image && mbconv_flips_input(strip->stages))
    mbconv_flip(strip->stages, (last - first) * stride * element, to, to);
}

void mbconv_rows_copy(const struct mbconv_strip *strip, const struct mbconv_group *group) {
  const struct mbconv_axis *columns = &strip->shape->columns;
  const struct borders borders = borders_of(strip);
  for (size_t r = strip->fresh_first; r < strip->fresh_first + strip->fresh_rows; r++) {
    if (!borders.direct) {
      copy_columns(strip, group, r, 0, columns->in);
      continue;
    }
    if (borders.left > 0) copy_columns(strip, group, r, 0, mbconv_axis_end(columns, borders.left));
    const size_t right = mbconv_axis_begin(columns, borders.right);
    if (borders.right < columns->out && right < columns->in) copy_columns(strip, group, r, right, columns->in);
  }
}

/* What the rows of a group's depthwise have in common. */
struct depthwise_run {
  struct mbconv_depthwise_group group;
  mbconv_depthwise_fn *kernel;
  mbconv_i8_depthwise_pair_fn *pair; /* of two rows of outputs, or NULL */
  const struct mbconv_epilogue *map; /* over each row, or NULL */
  size_t chunk;                      /* outputs at a time */
  size_t interleaved;                /* ordinary rows in a row of outputs: 1 if it is not dilated */
  size_t y_stride;                   /* elements between pixels of y */
  size_t y_row;                      /* bytes between rows of y */
  size_t pixel, y_pixel; /* bytes between pixels of the ring, which are those of an image read in place, and of y */
  struct borders borders;
};

/* `outputs` outputs of a dilated row: of each of the interleaved rows, one after the other, every interleaved-th
 * output. The rows of taps begin at the first output, and an output later `step` bytes later. */
static void interleaved_outputs(const struct depthwise_run *run, size_t outputs, const void **rows, size_t taps,
                                size_t step, char *y) {
  const size_t interleaved = mbconv_min(run->interleaved, outputs);
  for (size_t o = 0; o < interleaved; o++) {
    for (size_t i = 0; o > 0 && i < taps; i++) rows[i] = (const char *)rows[i] + step;
    run->kernel(&run->group, (outputs - o - 1) / run->interleaved + 1, rows, y + o * run->y_pixel);
  }
}

/* Outputs [first, last) of row o, and if `two` of the next one, to y, the row's first; read from the image if `direct`,
 * else from the ring. */
static void depthwise_outputs(const struct mbconv_strip *strip, const struct mbconv_group *group,
                              const struct depthwise_run *run, size_t o, bool two, size_t first, size_t last,
                              bool direct, char *y) {
  if (first >= last) return;
  const struct mbconv_axis *down = &strip->shape->rows, *across = &strip->shape->columns;
  const struct mbconv_plan *plan = strip->plan;
  const size_t column = mbconv_axis_padded(across, first), pixel = run->pixel;
  const size_t above = mbconv_axis_padded(down, o) - down->before; /* if it is above the image it wraps to huge */
  const void *rows[MAX_KERNEL + MAX_STRIDE];
  const size_t taps = down->kernel + (two ? down->stride : 0);
  for (size_t i = 0; i < taps; i++) {
    const size_t r = above + i * down->dilation;
    if (r >= down->in)
      rows[i] = strip->scratch->zero_row + column * pixel;
    else if (direct)
      rows[i] = strip->image + (r * across->in + column - across->before) * pixel;
    else
      rows[i] = group->ring + (r % plan->ring_rows * plan->ring_width + column) * pixel;
  }
  y += first * run->y_pixel;
  if (HAS_PAIRS && two)
    run->pair(&run->group, last - first, rows, y, y + run->y_row);
  else if (run->interleaved > 1)
    interleaved_outputs(run, last - first, rows, down->kernel, across->stride * pixel, y);
  else
    run->kernel(&run->group, last - first, rows, y);
}

/* Whether all windows of output row o lie in the image's memory, those over its left and right edge too: what they find
 * there is the end of one row and the beginning of the next. */
static bool in_memory(const struct mbconv_shape *shape, size_t o) {
  const struct mbconv_axis *down = &shape->rows, *across = &shape->columns;
  const size_t top = mbconv_axis_begin(down, o), below = mbconv_axis_end(down, o + 1);
  const size_t bottom = below > 0 ? below - 1 : 0;
  return top * across->in >= across->before &&
         bottom * across->in + mbconv_axis_reach(across, across->out) <= down->in * across->in + across->before;
}

/* One row of outputs, or two. Where the image is read, outputs at its left and right edge are computed with the others
 * if they can be, and then once more, with zeros: that keeps the rest in whole tiles. */
static void depthwise_row(const struct mbconv_strip *strip, const struct mbconv_group *group,
                          const struct depthwise_run *run, size_t o, bool two, char *y) {
  const size_t width = strip->shape->columns.out;
  const struct borders *borders = &run->borders;
  const bool over = borders->direct && in_memory(strip->shape, o) && (!two || in_memory(strip->shape, o + 1));
  const size_t left = over ? 0 : borders->left, right = over ? width : borders->right;
  for (size_t first = 0; first < width; first += run->chunk) {
    const size_t last = mbconv_min(first + run->chunk, width);
    if (borders->direct) {
      depthwise_outputs(strip, group, run, o, two, mbconv_max(first, left), mbconv_min(last, right), true, y);
      depthwise_outputs(strip, group, run, o, two, first, mbconv_min(last, borders->left), false, y);
      depthwise_outputs(strip, group, run, o, two, mbconv_max(first, borders->right), last, false, y);
    } else {
      depthwise_outputs(strip, group, run, o, two, first, last, false, y);
    }
    char *outputs = y + first * run->y_pixel;
    for (size_t rows = two ? 2 : 1; run->map && rows > 0; rows--, outputs += run->y_row)
      mbconv_epilogue_map(run->map, last - first, group->first, group->channels, outputs, run->y_stride);
  }
}

/* What makes two rows of outputs at once, if the set has it. */
static mbconv_i8_depthwise_pair_fn *pair_of(const struct mbconv_strip *strip) {
  const struct mbconv_i8_kernels *i8 = strip->stages->base.kernels->i8;
  const struct mbconv_axis *down = &strip->shape->rows, *across = &strip->shape->columns;
  if (!HAS_PAIRS || !i8 || down->dilation > 1 || across->dilation > 1 || down->stride != across->stride) return NULL;
  return i8->depthwise_pair[(down->kernel - 3) / 2][down->stride - 1];
}

void mbconv_rows_depthwise(const struct mbconv_strip *strip, const struct mbconv_group *group, char *y,
                           size_t y_stride) {
  const struct mbconv_kernels *kernels = strip->stages->base.kernels;
  const struct mbconv_stage *stage = strip->segment->stage;
  const struct mbconv_axis *columns = &strip->shape->columns;
  const size_t k = columns->kernel, width = columns->out, interleaved = mbconv_axis_interleaved(columns);
  const bool maps = mbconv_maps_rows(strip->plan) && mbconv_epilogue_maps(&stage->epilogue);
  /* In scratch, pixels have room for whole vectors. */
  const bool padded = strip->shape->project || strip->stages->y_in_scratch;
  const struct depthwise_run run = {
      .group =
          {
              .channels = padded ? mbconv_round_up(group->channels, kernels->lanes) : group->channels,
              .x_stride = strip->plan->group_channels * columns->dilation,
              .y_stride = y_stride * interleaved,
              .weights = stage->taps + group->first * stage->tap_bytes,
              .ending = stage->epilogue.ending,
          },
      .kernel = kernels->depthwise[(k - 3) / 2][mbconv_axis_ordinary_stride(columns) - 1],
      .pair = pair_of(strip),
      .map = maps ? &stage->epilogue : NULL,
      .chunk = maps ? mbconv_map_chunk(kernels, y_stride, kernels->blocking.depthwise_pixels * interleaved) : width,
      .interleaved = interleaved,
      .y_stride = y_stride,
      .y_row = width * y_stride * kernels->element,
      .pixel = strip->plan->group_channels * kernels->element,
      .y_pixel = y_stride * kernels->element,
      .borders = borders_of(strip),
  };
  for (size_t done = 0; done < strip->rows;) {
    const bool two = HAS_PAIRS && run.pair && strip->rows - done >= 2;
    depthwise_row(strip, group, &run, strip->first + done, two, y);
    done += 1 + two;
    y += (1 + two) * run.y_row;
  }
}
