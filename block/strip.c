/* SPDX-License-Identifier: MIT */
#include "strip.h"

#include "depthwise_rows.h"
#include "pack.h"
#include "transpose.h"

/* Expands `pixels` pixels from pixel `first` of input row fresh_first + r on; they may run over several rows. */
static void expand_pixels(const struct mbconv_strip *strip, const struct mbconv_group *group, size_t r, size_t first,
                          size_t pixels) {
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

static void expand(const struct mbconv_strip *strip, const struct mbconv_group *group) {
  const size_t width = strip->stages->shape.width, channels = strip->plan->group_channels;
  mbconv_activation_fn *map = strip->stages->epilogue.map;
  if (!map) {
    expand_pixels(strip, group, 0, 0, strip->fresh_rows * width);
    return;
  }
  const size_t chunk = mbconv_map_chunk(channels, mbconv_panels_height(&strip->stages->expand));
  const size_t batch = mbconv_max(1, chunk / width); /* rows at once, if they are short */
  for (size_t r = 0; r < strip->fresh_rows; r += batch) {
    const size_t rows = mbconv_min(batch, strip->fresh_rows - r);
    for (size_t first = 0; first < width; first += chunk) {
      const size_t pixels = mbconv_min(chunk, width - first);
      expand_pixels(strip, group, r, first, rows > 1 ? rows * width : pixels);
      for (size_t i = r; i < r + rows; i++) {
        float *row = group->ring + mbconv_ring_offset(strip, strip->fresh_first + i) + first * channels;
        map(pixels * channels, row, row);
      }
    }
  }
}

/* The depthwise output of all groups to the output strip. */
static void project(const struct mbconv_strip *strip, float *y) {
  const struct mbconv_stages *stages = strip->stages;
  const struct mbconv_shape *shape = &stages->shape;
  const bool transposed = stages->layout == MBCONV_NCHW;
  const size_t first_pixel = strip->first * shape->out_width, pixels = strip->rows * shape->out_width;
  const size_t stride = mbconv_output_stride(stages);
  float *output = strip->scratch->output;
  if (stages->epilogue.map && !mbconv_maps_rows(strip->plan)) stages->epilogue.map(pixels * stride, output, output);
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
static void prefetch_depthwise(const struct mbconv_strip *strip, const struct mbconv_group *group) {
  const size_t taps = strip->stages->shape.kernel * strip->stages->shape.kernel;
  const struct mbconv_packing *packing = &strip->stages->kernels->packing;
  const char *weights = strip->stages->depthwise + mbconv_depthwise_bytes(packing, taps, group->first);
  const size_t bytes = mbconv_depthwise_bytes(packing, taps, group->channels);
  for (size_t i = 0; i < bytes; i += MBCONV_ALIGNMENT) __builtin_prefetch(weights + i, 0, 2);
}

static void run_groups(const struct mbconv_strip *strip, const struct mbconv_strip_target *target) {
  const struct mbconv_stages *stages = strip->stages;
  const struct mbconv_shape *shape = &stages->shape;
  const struct mbconv_plan *plan = strip->plan;
  const size_t channels = plan->group_channels, first_pixel = strip->first * shape->out_width;
  const bool one_ring = mbconv_plan_rings(plan, &stages->shape) == 1;
  for (size_t g = target->first_group; g < target->last_group; g++) {
    const size_t first = g * channels;
    const struct mbconv_group group = {
        .first = first,
        .channels = mbconv_min(channels, shape->expanded_channels - first),
        .ring = strip->scratch->rings + (one_ring ? 0 : g * mbconv_ring_floats(plan)),
    };
    if (strip->begins) prefetch_depthwise(strip, &group);
    if (shape->expand)
      expand(strip, &group);
    else
      mbconv_rows_copy(strip, &group);
    if (!shape->project) {
      mbconv_rows_depthwise(strip, &group, target->y + first_pixel * shape->expanded_channels,
                            shape->expanded_channels);
      continue;
    }
    const size_t stride = mbconv_output_stride(stages);
    float *output = plan->hidden ? target->hidden + first_pixel * stride : strip->scratch->output;
    mbconv_rows_depthwise(strip, &group, output + first, stride);
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
    const struct mbconv_strip strip = {
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
