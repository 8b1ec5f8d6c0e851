/* SPDX-License-Identifier: MIT */
#include "strip.h"

#include <string.h>

#include "pack.h"
#include "transpose.h"

enum { MAX_KERNEL = 7 };

/* Floats that are run before the activation is mapped over them: they must still be in L1. Depthwise tiles are a
 * divisor of DEPTHWISE_STEP pixels wide. */
enum { MAP_FLOATS = 4096, DEPTHWISE_STEP = 14 };

static size_t ring_floats(const struct mbconv_plan *plan) {
  return plan->ring_rows * plan->ring_width * plan->group_channels;
}

/* Whether a group's depthwise output is all that lies in its rows, so that the activation can be mapped over each row
 * while it is in L1. If not, it is mapped when all groups are there: over the strip here, over what is stored by
 * whoever reads that. */
static bool maps_rows(const struct mbconv_plan *plan) { return plan->groups == 1 && !plan->hidden; }

void mbconv_strip_scratch_take(const struct mbconv_stages *stages, const struct mbconv_plan *plan,
                               struct mbconv_cursor *cursor, struct mbconv_strip_scratch *scratch) {
  const struct mbconv_shape *shape = &stages->shape;
  bool *overflow = &cursor->overflow;
  const size_t row = mbconv_multiply(plan->ring_width, plan->group_channels, overflow);
  const size_t rings = mbconv_multiply(mbconv_plan_rings(plan, &stages->shape), plan->ring_rows, overflow);
  const size_t in_pixels = mbconv_multiply(plan->ring_rows, shape->width, overflow);
  const size_t listed = mbconv_multiply(mbconv_plan_listed_rows(plan, shape), shape->width, overflow);
  const size_t out_pixels = mbconv_multiply(plan->strip_rows, shape->out_width, overflow);
  const bool transposed = stages->layout == MBCONV_NCHW;
  *scratch = (struct mbconv_strip_scratch){0};
  if (!plan->ring_in_y) scratch->rings = mbconv_take_floats(cursor, mbconv_multiply(rings, row, overflow));
  scratch->zero_row = mbconv_take_floats(cursor, row);
  if (shape->project && !plan->hidden)
    scratch->output = mbconv_take_floats(cursor, mbconv_multiply(out_pixels, mbconv_output_stride(stages), overflow));
  if (transposed && shape->expand)
    scratch->x = mbconv_take_floats(cursor, mbconv_multiply(in_pixels, shape->in_channels, overflow));
  if (transposed && shape->project) {
    const size_t pixels = plan->hidden ? MBCONV_PROJECTED_PIXELS : out_pixels;
    scratch->y = mbconv_take_floats(cursor, mbconv_multiply(pixels, stages->project.padded, overflow));
  }
  if (shape->expand) scratch->pixels = mbconv_take(cursor, listed, sizeof(float *));
}

static void list_pixels(const struct mbconv_shape *shape, const struct mbconv_plan *plan,
                        const struct mbconv_strip_scratch *scratch) {
  float **pixel = scratch->pixels;
  for (size_t r = 0; r < mbconv_plan_listed_rows(plan, shape); r++) {
    float *row = scratch->rings + (r % plan->ring_rows * plan->ring_width + shape->pad_left) * plan->group_channels;
    for (size_t p = 0; p < shape->width; p++) *pixel++ = row + p * plan->group_channels;
  }
}

void mbconv_strip_scratch_prepare(const struct mbconv_stages *stages, const struct mbconv_plan *plan,
                                  const struct mbconv_strip_scratch *scratch) {
  const struct mbconv_shape *shape = &stages->shape;
  const size_t channels = plan->group_channels, row = plan->ring_width * channels;
  const size_t left = shape->pad_left * channels, middle = shape->width * channels;
  const size_t rows = mbconv_plan_rings(plan, &stages->shape) * plan->ring_rows;
  const bool lacking = plan->groups * channels > shape->expanded_channels; /* channels of the last group */
  memset(scratch->zero_row, 0, row * sizeof(float));
  if (shape->mapped && lacking) /* the activation is mapped over these, too */
    memset(scratch->rings + (rows - plan->ring_rows) * row, 0, plan->ring_rows * row * sizeof(float));
  for (size_t r = 0; r < rows; r++) {
    float *ring_row = scratch->rings + r * row;
    memset(ring_row, 0, left * sizeof(float));
    memset(ring_row + left + middle, 0, (row - left - middle) * sizeof(float));
  }
  if (shape->expand) list_pixels(shape, plan, scratch);
}

/* What one strip is about. */
struct strip {
  const struct mbconv_stages *stages;
  const struct mbconv_plan *plan;
  const struct mbconv_strip_scratch *scratch;
  const float *x;                 /* the image */
  bool begins;                    /* the first of its run */
  size_t first, rows;             /* output rows */
  size_t fresh_first, fresh_rows; /* input rows that enter the ring */
};

/* One group of expanded channels in a strip. */
struct group {
  size_t first, channels;
  float *ring;
};

/* Where input row r begins in the ring, the pixel at pad_left being its first. */
static size_t ring_offset(const struct strip *strip, size_t r) {
  const struct mbconv_plan *plan = strip->plan;
  return (r % plan->ring_rows * plan->ring_width + strip->stages->shape.pad_left) * plan->group_channels;
}

/* Pixels that are run before the activation is mapped over them: what L1 holds, in whole tiles if it can be. */
static size_t map_chunk(size_t channels, size_t step) {
  const size_t pixels = MAP_FLOATS / channels;
  return pixels > step ? pixels - pixels % step : step;
}

/* Expands `pixels` pixels from pixel `first` of input row fresh_first + r on; they may run over several rows. */
static void expand_pixels(const struct strip *strip, const struct group *group, size_t r, size_t first, size_t pixels) {
  const struct mbconv_stages *stages = strip->stages;
  const size_t in_channels = stages->shape.in_channels, width = stages->shape.width;
  const size_t slot = (strip->fresh_first + r) % strip->plan->ring_rows;
  const float *x = strip->scratch->x ? strip->scratch->x : strip->x + strip->fresh_first * width * in_channels;
  const struct mbconv_pointwise_run run = {
      .pixels = pixels,
      .first_channel = group->first,
      .channels = group->channels,
      .x = x + (r * width + first) * in_channels,
      .x_stride = in_channels,
      .y_pixels = strip->scratch->pixels + slot * width + first,
      .y_offset = (size_t)(group->ring - strip->scratch->rings),
      .y_padded = true,
      .ending = stages->epilogue.ending,
  };
  mbconv_panels_run(&stages->expand, &run);
}

static void expand(const struct strip *strip, const struct group *group) {
  const size_t width = strip->stages->shape.width, channels = strip->plan->group_channels;
  mbconv_activation_fn *map = strip->stages->epilogue.map;
  if (!map) {
    expand_pixels(strip, group, 0, 0, strip->fresh_rows * width);
    return;
  }
  const size_t chunk = map_chunk(channels, mbconv_panels_height(&strip->stages->expand));
  const size_t batch = mbconv_max(1, chunk / width); /* rows at once, if they are short */
  for (size_t r = 0; r < strip->fresh_rows; r += batch) {
    const size_t rows = mbconv_min(batch, strip->fresh_rows - r);
    for (size_t first = 0; first < width; first += chunk) {
      const size_t pixels = mbconv_min(chunk, width - first);
      expand_pixels(strip, group, r, first, rows > 1 ? rows * width : pixels);
      for (size_t i = r; i < r + rows; i++) {
        float *row = group->ring + ring_offset(strip, strip->fresh_first + i) + first * channels;
        map(pixels * channels, row, row);
      }
    }
  }
}

/* Without an expand, dense input of exactly a group's channels needs no copy but for the windows that reach over its
 * left and right edge: the depthwise reads the image itself. */
struct borders {
  bool direct;
  size_t left, right; /* outputs [0, left) and [right, out_width) are computed from the ring */
};

static struct borders borders_of(const struct strip *strip) {
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
static void copy_columns(const struct strip *strip, const struct group *group, size_t r, size_t first, size_t last) {
  const struct mbconv_shape *shape = &strip->stages->shape;
  const size_t width = shape->width, all = shape->in_channels, stride = strip->plan->group_channels;
  float *to = group->ring + ring_offset(strip, r) + first * stride;
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

/* Without an expand, the input itself enters the ring. */
static void copy(const struct strip *strip, const struct group *group) {
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
struct depthwise {
  struct mbconv_depthwise_group group;
  mbconv_depthwise_fn *run;
  mbconv_activation_fn *map; /* over each row, or NULL */
  struct borders borders;
};

/* Outputs [first, last) of row o, to y, the row's first; read from the image if `direct`, else from the ring. */
static void depthwise_outputs(const struct strip *strip, const struct group *group, const struct depthwise *depthwise,
                              size_t o, size_t first, size_t last, bool direct, float *y) {
  if (first >= last) return;
  const struct mbconv_shape *shape = &strip->stages->shape;
  const size_t channels = strip->plan->group_channels, column = first * shape->stride; /* counted from the padding */
  const float *rows[MAX_KERNEL];
  for (size_t i = 0; i < shape->kernel; i++) {
    const size_t below = o * shape->stride + i; /* the row, counted from the first row of padding */
    const bool inside = below >= shape->pad_top && below - shape->pad_top < shape->height;
    if (!inside)
      rows[i] = strip->scratch->zero_row + column * channels;
    else if (direct)
      rows[i] = strip->x + ((below - shape->pad_top) * shape->width + column - shape->pad_left) * channels;
    else
      rows[i] =
          group->ring + ring_offset(strip, below - shape->pad_top) + column * channels - shape->pad_left * channels;
  }
  depthwise->run(&depthwise->group, last - first, rows, y + first * depthwise->group.y_stride);
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
static void depthwise_row(const struct strip *strip, const struct group *group, const struct depthwise *depthwise,
                          size_t o, float *y) {
  const size_t width = strip->stages->shape.out_width, stride = depthwise->group.y_stride;
  const size_t chunk = depthwise->map ? map_chunk(stride, DEPTHWISE_STEP) : width;
  const struct borders *borders = &depthwise->borders;
  const bool over = borders->direct && in_memory(&strip->stages->shape, o);
  const size_t left = over ? 0 : borders->left, right = over ? width : borders->right;
  for (size_t first = 0; first < width; first += chunk) {
    const size_t last = mbconv_min(first + chunk, width);
    if (borders->direct) {
      depthwise_outputs(strip, group, depthwise, o, mbconv_max(first, left), mbconv_min(last, right), true, y);
      depthwise_outputs(strip, group, depthwise, o, first, mbconv_min(last, borders->left), false, y);
      depthwise_outputs(strip, group, depthwise, o, mbconv_max(first, borders->right), last, false, y);
    } else {
      depthwise_outputs(strip, group, depthwise, o, first, last, false, y);
    }
    if (depthwise->map) depthwise->map((last - first) * stride, y + first * stride, y + first * stride);
  }
}

/* The group's depthwise output of the strip, to `y` with `stride` between pixels. */
static void depthwise(const struct strip *strip, const struct group *group, float *y, size_t y_stride) {
  const struct mbconv_stages *stages = strip->stages;
  const struct mbconv_shape *shape = &stages->shape;
  const size_t k = shape->kernel, lanes = stages->kernels->lanes;
  const struct depthwise depthwise = {
      .group =
          {
              .channels = shape->project ? mbconv_round_up(group->channels, lanes) : group->channels,
              .x_stride = strip->plan->group_channels,
              .y_stride = y_stride,
              .weights = stages->depthwise + mbconv_depthwise_floats(k * k, group->first),
              .ending = stages->epilogue.ending,
          },
      .run = stages->kernels->depthwise[(k - 3) / 2][shape->stride - 1],
      .map = maps_rows(strip->plan) ? stages->epilogue.map : NULL,
      .borders = borders_of(strip),
  };
  for (size_t o = strip->first; o < strip->first + strip->rows; o++, y += shape->out_width * y_stride)
    depthwise_row(strip, group, &depthwise, o, y);
}

/* The depthwise output of all groups to the output strip. */
static void project(const struct strip *strip, float *y) {
  const struct mbconv_stages *stages = strip->stages;
  const struct mbconv_shape *shape = &stages->shape;
  const bool transposed = stages->layout == MBCONV_NCHW;
  const size_t first_pixel = strip->first * shape->out_width, pixels = strip->rows * shape->out_width;
  const size_t stride = mbconv_output_stride(stages);
  float *output = strip->scratch->output;
  if (stages->epilogue.map && !maps_rows(strip->plan)) stages->epilogue.map(pixels * stride, output, output);
  const struct mbconv_pointwise_run run = {
      .pixels = pixels,
      .channels = shape->out_channels,
      .x = output,
      .x_stride = stride,
      .y = transposed ? strip->scratch->y : y + first_pixel * shape->out_channels,
      .y_stride = transposed ? stages->project.padded : shape->out_channels,
      .y_padded = transposed,
      .residual = stages->residual && !transposed ? strip->x + first_pixel * shape->in_channels : NULL,
      .r_stride = shape->in_channels,
      .ending = mbconv_ending_none(),
  };
  mbconv_panels_run(&stages->project, &run);
}

/* In a network, weights come from L3 or from memory: those of a group's depthwise are fetched while it is expanded, by
 * the first strip of a run. The 1x1 fetches its own. */
static void prefetch_depthwise(const struct strip *strip, const struct group *group) {
  enum { LINE = MBCONV_ALIGNMENT / sizeof(float) };
  const size_t taps = strip->stages->shape.kernel * strip->stages->shape.kernel;
  const float *weights = strip->stages->depthwise + mbconv_depthwise_floats(taps, group->first);
  const size_t floats = mbconv_depthwise_floats(taps, group->channels);
  for (size_t i = 0; i < floats; i += LINE) __builtin_prefetch(weights + i, 0, 2);
}

static void run_groups(const struct strip *strip, const struct mbconv_strip_target *target) {
  const struct mbconv_stages *stages = strip->stages;
  const struct mbconv_shape *shape = &stages->shape;
  const struct mbconv_plan *plan = strip->plan;
  const size_t channels = plan->group_channels, first_pixel = strip->first * shape->out_width;
  const bool one_ring = mbconv_plan_rings(plan, &stages->shape) == 1;
  for (size_t g = target->first_group; g < target->last_group; g++) {
    const size_t first = g * channels;
    const struct group group = {
        .first = first,
        .channels = mbconv_min(channels, shape->expanded_channels - first),
        .ring = strip->scratch->rings + (one_ring ? 0 : g * ring_floats(plan)),
    };
    if (strip->begins) prefetch_depthwise(strip, &group);
    if (shape->expand)
      expand(strip, &group);
    else
      copy(strip, &group);
    if (!shape->project) {
      depthwise(strip, &group, target->y + first_pixel * shape->expanded_channels, shape->expanded_channels);
      continue;
    }
    const size_t stride = mbconv_output_stride(stages);
    float *output = plan->hidden ? target->hidden + first_pixel * stride : strip->scratch->output;
    depthwise(strip, &group, output + first, stride);
  }
  if (shape->project && !plan->hidden) project(strip, target->y);
}

void mbconv_strips_run(const struct mbconv_stages *stages, const struct mbconv_plan *plan,
                       const struct mbconv_strip_scratch *scratch, const float *x,
                       const struct mbconv_strip_target *target, size_t begin, size_t end) {
  const struct mbconv_shape *shape = &stages->shape;
  const size_t above = begin * shape->stride;
  size_t next = above > shape->pad_top ? above - shape->pad_top : 0; /* the first input row not yet in the ring */
  for (size_t first = begin; first < end; first += plan->strip_rows) {
    const size_t rows = mbconv_min(plan->strip_rows, end - first);
    const size_t below = (first + rows - 1) * shape->stride + shape->kernel - shape->pad_top;
    const size_t last = mbconv_min(below, shape->height);
    const struct strip strip = {
        .stages = stages,
        .plan = plan,
        .scratch = scratch,
        .x = x,
        .first = first,
        .rows = rows,
        .begins = first == begin,
        .fresh_first = next,
        .fresh_rows = last > next ? last - next : 0,
    };
    next = mbconv_max(next, last);
    const size_t in_plane = shape->height * shape->width;
    if (scratch->x && !target->x_ready)
      mbconv_transpose(stages->kernels, shape->in_channels, strip.fresh_rows * shape->width,
                       x + strip.fresh_first * shape->width, in_plane, scratch->x, shape->in_channels, NULL);
    run_groups(&strip, target);
    if (scratch->y && !plan->hidden) {
      const size_t first_pixel = first * shape->out_width;
      mbconv_transpose(stages->kernels, rows * shape->out_width, shape->out_channels, scratch->y,
                       stages->project.padded, target->y + first_pixel, shape->out_height * shape->out_width,
                       stages->residual ? x + first_pixel : NULL);
    }
  }
}
