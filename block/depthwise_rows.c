/* SPDX-License-Identifier: MIT */
#include "depthwise_rows.h"

#include <string.h>

#include "list_i8.h"
#include "transpose.h"

enum { MAX_KERNEL = 7, MAX_STRIDE = 2, MOST_LINES = 4 };

/* Whether a row of this build makes two rows of outputs at once: what asks for it is compiled away elsewhere. */
#if defined MBCONV_I8_AVX512_VNNI || defined MBCONV_I8_NEON_DOTPROD || defined MBCONV_I8_NEON_I8MM
enum { HAS_PAIRS = 1 };
#else
enum { HAS_PAIRS = 0 };
#endif

/* How the input gets to the kernels where there is no expand. */
struct reading {
  bool direct;        /* the image is read in place, but for windows that reach over its left and right edge */
  size_t left, right; /* then outputs [0, left) and [right, out) of a row are computed from the ring */
  size_t part;        /* channels at a time, and in a pixel of the ring */
};

/* Pixels so many bytes apart, or a multiple, compete for a few lines of L1: of 64 sets, as most CPUs have, for two and
 * for four. The windows of a tile need more than two hold. Rows so long are not worth a copy even then. */
enum { FEW_LINES = 2048, FEWER_THAN_PART = 1024, LONGEST_COPIED = 64 * 1024 };

/* Whether it is faster to copy a row than to compute its edges apart. An output at an edge is a tile of its own, and a
 * tap of it takes as long as a pixel's copy. Measured on Zen 4, on both sets, from 7x7 to 112x112: 5x5 of 14x14 takes
 * 0.55 to 0.6 times as long, 7x7 of 28x28 0.75 to 0.9; a copy of 3x3's at 28x28 or 5x5's at 112x112 would lose 4%. */
static bool copy_pays(const struct mbconv_strip *strip, size_t edges) {
  const struct mbconv_axis *columns = &strip->shape->columns;
  const size_t pixel = strip->shape->in_channels * strip->stages->base.kernels->element;
  if (edges * columns->kernel * columns->kernel > columns->in * strip->shape->rows.stride) return true;
  return pixel % FEW_LINES == 0 && pixel * columns->in <= LONGEST_COPIED;
}

/* The channels of a group that are copied and then read. 3x3 loads too much for its multiply-adds to hide that it comes
 * from L2: as many as stay in L1. The others take all; or, if pixels would compete for L1, half, of an odd number of
 * lines. */
static size_t part_of(const struct mbconv_strip *strip, size_t channels) {
  const struct mbconv_kernels *kernels = strip->stages->base.kernels;
  const size_t line = MBCONV_ALIGNMENT / kernels->element;
  if (strip->shape->columns.kernel > 3)
    return channels * kernels->element % FEWER_THAN_PART > 0 ? channels : (channels / line / 2 | 1) * line;
  const size_t bytes = strip->plan->ring_rows * strip->plan->ring_width * MBCONV_ALIGNMENT;
  const size_t most = mbconv_max(kernels->blocking.l1_bytes / 3 * 2 / bytes, 1) * line;
  const size_t parts = (channels + most - 1) / most;
  return mbconv_min(mbconv_round_up((channels + parts - 1) / parts, line), channels);
}

/* A dense image of exactly a group's channels can be read in place: outputs at the edges are computed twice then, so
 * not if they are most of a row. */
static struct reading reading_of(const struct mbconv_strip *strip) {
  const struct mbconv_shape *shape = strip->shape;
  const size_t across = shape->columns.out, channels = strip->plan->group_channels;
  struct reading reading = {.direct = false, .part = channels};
  if (!shape->expand && strip->image && strip->stages->layout == MBCONV_NHWC && !mbconv_flips_input(strip->stages) &&
      channels == shape->in_channels) {
    reading.left = mbconv_axis_whole_begin(&shape->columns);
    reading.right = mbconv_axis_whole_end(&shape->columns);
    const size_t edges = reading.left + across - reading.right;
    reading.direct =
        reading.left < reading.right && 2 * edges <= across && !(mbconv_reads_whole(shape) && copy_pays(strip, edges));
  }
  if (mbconv_reads_whole(shape) && !reading.direct) reading.part = part_of(strip, channels);
  return reading;
}

/* Copies some pixels of `bytes`, which lie x_step and y_step bytes apart. */
static void copy_pixels(size_t pixels, size_t bytes, const char *x, size_t x_step, char *y, size_t y_step) {
  if (bytes == x_step && bytes == y_step) {
    memcpy(y, x, pixels * bytes);
    return;
  }
  /* A call of memcpy() for each pixel costs as much as a few lines. */
  const bool few = MBCONV_COPIES_ROWS && bytes < MOST_LINES * MBCONV_ALIGNMENT;
  const size_t lines = few ? bytes / MBCONV_ALIGNMENT * MBCONV_ALIGNMENT : 0;
  for (size_t p = 0; p < pixels; p++, x += x_step, y += y_step) {
    for (size_t i = 0; i < lines; i += MBCONV_ALIGNMENT) memcpy(y + i, x + i, MBCONV_ALIGNMENT);
    if (bytes > lines) memcpy(y + lines, x + lines, bytes - lines);
  }
}

/* Where input row r begins in a group's ring; the pixel behind the left padding is its first. */
static char *ring_row(const struct mbconv_strip *strip, const struct mbconv_group *group, size_t r) {
  const struct mbconv_plan *plan = strip->plan;
  const size_t pixel = r % plan->ring_rows * plan->ring_width + strip->shape->columns.before;
  return group->ring + pixel * group->stride * strip->stages->base.kernels->element;
}

/* Columns [first, last) of input row r to the ring. */
static void copy_columns(const struct mbconv_strip *strip, const struct mbconv_group *group, size_t r, size_t first,
                         size_t last) {
  const struct mbconv_shape *shape = strip->shape;
  const struct mbconv_kernels *kernels = strip->stages->base.kernels;
  const size_t width = shape->columns.in, stride = group->stride, element = kernels->element;
  char *to = ring_row(strip, group, r) + first * stride * element;
  const bool flips = strip->image && mbconv_flips_input(strip->stages);
  const char *turned = to; /* the bytes to be turned */
  if (strip->image && strip->stages->layout == MBCONV_NCHW) {
    const size_t plane = shape->rows.in * width;
    const char *from = strip->image + (group->first * plane + r * width + first) * element;
    mbconv_transpose(kernels, group->channels, last - first, from, plane, to, stride, NULL);
  } else {
    const bool whole = mbconv_reads_whole(shape);
    const size_t x_stride = strip->x_stride, pixel = (r - (whole ? 0 : strip->fresh_first)) * width + first;
    const char *from = (whole ? strip->image : strip->x) + (pixel * x_stride + group->first) * element;
    if (flips && group->channels == x_stride && stride == x_stride)
      turned = from;
    else
      copy_pixels(last - first, group->channels * element, from, x_stride * element, to, stride * element);
  }
  if (flips) mbconv_flip(strip->stages, (last - first) * stride * element, turned, to);
}

/* Input row r to the ring, or of it what the depthwise cannot read in place. */
static void copy_row(const struct mbconv_strip *strip, const struct mbconv_group *group, const struct reading *reading,
                     size_t r) {
  const struct mbconv_axis *columns = &strip->shape->columns;
  if (!reading->direct) {
    copy_columns(strip, group, r, 0, columns->in);
    return;
  }
  if (reading->left > 0) copy_columns(strip, group, r, 0, mbconv_axis_end(columns, reading->left));
  const size_t right = mbconv_axis_begin(columns, reading->right);
  if (reading->right < columns->out && right < columns->in) copy_columns(strip, group, r, right, columns->in);
}

void mbconv_rows_copy(const struct mbconv_strip *strip, const struct mbconv_group *group) {
  if (mbconv_reads_whole(strip->shape)) return;
  const struct reading reading = reading_of(strip);
  for (size_t r = strip->fresh_first; r < strip->fresh_first + strip->fresh_rows; r++)
    copy_row(strip, group, &reading, r);
}

/* What the rows of a group's depthwise have in common. */
struct depthwise_run {
  struct mbconv_depthwise_group group;
  mbconv_depthwise_fn *kernel;
  mbconv_i8_depthwise_pair_fn *pair; /* of two rows of outputs, or NULL */
  bool two;                          /* whether the next row of outputs is made with the one that is asked for */
  const struct mbconv_epilogue *map; /* over each row of all channels, or NULL */
  size_t chunk;                      /* outputs at a time */
  size_t interleaved;                /* ordinary rows in a row of outputs: 1 if it is not dilated */
  size_t y_stride;                   /* elements between pixels of y */
  size_t y_row;                      /* bytes between rows of y */
  size_t pixel, y_pixel; /* bytes between pixels of the ring, which are those of an image read in place, and of y */
  struct reading reading;
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
                              const struct depthwise_run *run, size_t o, size_t first, size_t last, bool direct,
                              char *y) {
  if (first >= last) return;
  const struct mbconv_axis *down = &strip->shape->rows, *across = &strip->shape->columns;
  const struct mbconv_plan *plan = strip->plan;
  const size_t column = mbconv_axis_padded(across, first), pixel = run->pixel;
  const size_t above = mbconv_axis_padded(down, o) - down->before; /* if it is above the image it wraps to huge */
  const void *rows[MAX_KERNEL + MAX_STRIDE];
  const size_t taps = down->kernel + (HAS_PAIRS && run->two ? down->stride : 0);
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
  if (HAS_PAIRS && run->two)
    run->pair(&run->group, last - first, rows, y, y + run->y_row);
  else if (run->interleaved > 1)
    interleaved_outputs(run, last - first, rows, down->kernel, across->stride * pixel, y);
  else
    run->kernel(&run->group, last - first, rows, y);
}

/* Whether all windows of output row o, and if `two` of the next one, lie in the image's memory, those over its left and
 * right edge too: what they find there is the end of one row and the beginning of the next. */
static bool in_memory(const struct mbconv_shape *shape, size_t o, bool two) {
  const struct mbconv_axis *down = &shape->rows, *across = &shape->columns;
  const size_t top = mbconv_axis_begin(down, o), below = mbconv_axis_end(down, o + 1 + two);
  const size_t bottom = below > 0 ? below - 1 : 0;
  return top * across->in >= across->before &&
         bottom * across->in + mbconv_axis_reach(across, across->out) <= down->in * across->in + across->before;
}

/* One row of outputs, or two. Where the image is read, outputs at its left and right edge are computed with the others
 * if they can be, and then once more, with zeros: that keeps the rest in whole tiles. */
static void depthwise_row(const struct mbconv_strip *strip, const struct mbconv_group *group,
                          const struct depthwise_run *run, size_t o, char *y) {
  const size_t width = strip->shape->columns.out;
  const struct reading *reading = &run->reading;
  const bool over = !reading->direct || in_memory(strip->shape, o, HAS_PAIRS && run->two);
  const size_t left = over ? 0 : reading->left, right = over ? width : reading->right;
  for (size_t first = 0; first < width; first += run->chunk) {
    const size_t last = mbconv_min(first + run->chunk, width);
    depthwise_outputs(strip, group, run, o, mbconv_max(first, left), mbconv_min(last, right), reading->direct, y);
    if (reading->direct) {
      depthwise_outputs(strip, group, run, o, first, mbconv_min(last, reading->left), false, y);
      depthwise_outputs(strip, group, run, o, mbconv_max(first, reading->right), last, false, y);
    }
    char *outputs = y + first * run->y_pixel - group->first * strip->stages->base.kernels->element;
    for (size_t rows = HAS_PAIRS && run->two ? 2 : 1; run->map && rows > 0; rows--, outputs += run->y_row)
      mbconv_epilogue_map(run->map, last - first, 0, strip->shape->expanded_channels, outputs, run->y_stride);
  }
}

/* What makes two rows of outputs at once, if the set has it. */
static mbconv_i8_depthwise_pair_fn *pair_of(const struct mbconv_strip *strip) {
  const struct mbconv_i8_kernels *i8 = strip->stages->base.kernels->i8;
  const struct mbconv_axis *down = &strip->shape->rows, *across = &strip->shape->columns;
  if (!HAS_PAIRS || !i8 || down->dilation > 1 || across->dilation > 1 || down->stride != across->stride) return NULL;
  return i8->depthwise_pair[(down->kernel - 3) / 2][down->stride - 1];
}

/* Zeroes the padding of a ring whose pixels are those of a part: mbconv_strip_scratch_prepare() knows only of whole
 * groups. */
static void pad_part(const struct mbconv_strip *strip, const struct mbconv_group *part) {
  const struct mbconv_axis *columns = &strip->shape->columns;
  const size_t pixel = part->stride * strip->stages->base.kernels->element, width = strip->plan->ring_width;
  char *row = part->ring;
  for (size_t r = 0; r < strip->plan->ring_rows; r++, row += width * pixel) {
    memset(row, 0, columns->before * pixel);
    memset(row + (columns->before + columns->in) * pixel, 0, (width - columns->before - columns->in) * pixel);
  }
}

/* The strip's rows of some channels of a group, or of all. */
static void part_rows(const struct mbconv_strip *strip, const struct mbconv_group *part, struct depthwise_run *run,
                      char *y) {
  const struct mbconv_axis *down = &strip->shape->rows;
  const struct mbconv_kernels *kernels = strip->stages->base.kernels;
  const struct mbconv_stage *stage = strip->segment->stage;
  /* In scratch, pixels have room for whole vectors. */
  const bool padded = strip->shape->project || strip->stages->y_in_scratch;
  run->group.channels = padded ? mbconv_round_up(part->channels, kernels->lanes) : part->channels;
  run->group.weights = stage->taps + part->first * stage->tap_bytes;
  size_t next = mbconv_axis_begin(down, strip->first);
  for (size_t done = 0; done < strip->rows;) {
    run->two = HAS_PAIRS && run->pair && strip->rows - done >= 2;
    const size_t end = mbconv_reads_whole(strip->shape) ? mbconv_axis_end(down, strip->first + done + 1) : 0;
    for (; next < end; next++) copy_row(strip, part, &run->reading, next);
    depthwise_row(strip, part, run, strip->first + done, y);
    done += 1 + run->two;
    y += (1 + run->two) * run->y_row;
  }
}

void mbconv_rows_depthwise(const struct mbconv_strip *strip, const struct mbconv_group *group, char *y,
                           size_t y_stride) {
  const struct mbconv_kernels *kernels = strip->stages->base.kernels;
  const struct mbconv_epilogue *epilogue = &strip->segment->stage->epilogue;
  const struct mbconv_axis *columns = &strip->shape->columns;
  const struct reading reading = reading_of(strip);
  const size_t k = columns->kernel, width = columns->out, interleaved = mbconv_axis_interleaved(columns);
  const bool maps = mbconv_maps_rows(strip->plan) && mbconv_epilogue_maps(epilogue);
  struct depthwise_run run = {
      .group =
          {
              .x_stride = reading.part * columns->dilation,
              .y_stride = y_stride * interleaved,
              .ending = epilogue->ending,
          },
      .kernel = kernels->depthwise[(k - 3) / 2][mbconv_axis_ordinary_stride(columns) - 1],
      .pair = pair_of(strip),
      .map = maps ? epilogue : NULL,
      .chunk = maps ? mbconv_map_chunk(kernels, y_stride, kernels->blocking.depthwise_pixels * interleaved) : width,
      .interleaved = interleaved,
      .y_stride = y_stride,
      .y_row = width * y_stride * kernels->element,
      .pixel = reading.part * kernels->element,
      .y_pixel = y_stride * kernels->element,
      .reading = reading,
  };
  if (!MBCONV_COPIES_ROWS) {
    part_rows(strip, group, &run, y);
    return;
  }
  for (size_t first = 0; first < group->channels; first += reading.part) {
    const size_t channels = mbconv_min(reading.part, group->channels - first);
    const struct mbconv_group part = {group->first + first, channels, group->ring, reading.part};
    const bool last = first + channels == group->channels;
    if (reading.part < group->stride) pad_part(strip, &part);
    run.map = maps && last ? epilogue : NULL;
    part_rows(strip, &part, &run, y + first * kernels->element);
  }
}
