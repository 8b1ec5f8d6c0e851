/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include "size.h"

/* Floats of L1 (32 KB) that a group's ring and its strip of depthwise output may take: the rest is for weights. */
enum { L1_FLOATS = 6144 };

static struct mbconv_plan complete(const struct mbconv_shape *shape, size_t tile_channels, size_t strip_rows,
                                   size_t group_channels) {
  struct mbconv_plan plan = {0};
  const size_t all_channels = mbconv_round_up(shape->expanded_channels, tile_channels);
  plan.strip_rows = mbconv_min(strip_rows, shape->out_height);
  plan.group_channels =
      shape->project ? mbconv_min(mbconv_round_up(group_channels, tile_channels), all_channels) : all_channels;
  plan.groups = (shape->expanded_channels + plan.group_channels - 1) / plan.group_channels;
  plan.ring_rows = (plan.strip_rows - 1) * shape->stride + shape->kernel;
  plan.ring_width = mbconv_max(shape->pad_left + shape->width, (shape->out_width - 1) * shape->stride + shape->kernel);
  return plan;
}

static size_t l1_floats(const struct mbconv_shape *shape, const struct mbconv_plan *plan) {
  return plan->group_channels * (plan->ring_rows * plan->ring_width + plan->strip_rows * shape->out_width);
}

struct mbconv_plan mbconv_plan_choose(const struct mbconv_shape *shape, size_t tile_channels) {
  /* Rows first: a strip as high as one tile's width of channels allows in L1, then as many channels as fit. */
  size_t rows = shape->out_height;
  struct mbconv_plan plan = complete(shape, tile_channels, rows, tile_channels);
  while (rows > 1 && l1_floats(shape, &plan) > L1_FLOATS) {
    rows = (rows + 1) / 2;
    plan = complete(shape, tile_channels, rows, tile_channels);
  }
  const size_t fit = mbconv_max(1, L1_FLOATS / l1_floats(shape, &plan)) * plan.group_channels;
  return complete(shape, tile_channels, rows, fit);
}

struct mbconv_plan mbconv_plan_of(const struct mbconv_shape *shape, size_t tile_channels, size_t strip_rows,
                                  size_t group_channels) {
  const struct mbconv_plan choice = mbconv_plan_choose(shape, tile_channels);
  return complete(shape, tile_channels, strip_rows ? strip_rows : choice.strip_rows,
                  group_channels ? mbconv_min(group_channels, shape->expanded_channels) : choice.group_channels);
}

struct mbconv_plan mbconv_plan_for_threads(const struct mbconv_plan *plan, const struct mbconv_shape *shape,
                                           size_t threads) {
  const size_t rows = (shape->out_height + threads - 1) / threads;
  struct mbconv_plan fit = *plan;
  fit.strip_rows = mbconv_min(plan->strip_rows, rows);
  fit.ring_rows = (fit.strip_rows - 1) * shape->stride + shape->kernel;
  return fit;
}
