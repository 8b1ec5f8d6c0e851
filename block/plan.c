/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include "kernels.h"
#include "memory.h"

/* What the rings and the strip's depthwise output may take of L2: the rest is for weights, input and output. More than
 * this did not pay on a core with 1 MB; but a single strip, which needs one ring only and whose output is written once
 * and read once, may take twice as much. */
enum { MOST_BYTES = 372 * 1024, LEAST_BYTES = 32 * 1024, ASSUMED_L2_BYTES = 512 * 1024, ONE_STRIP = 2 };

/* Channels of a group: 48, or so few that the ring's rows for one output row are in L1 when the depthwise reads them,
 * if one of the tile's width can be; but not fewer for its own sake, for the depthwise's loop over channels is the
 * inner one. What of L1 is best for that was measured: with tiles of more than 16 channels, which leave less choice, a
 * little less. */
enum { GROUP_CHANNELS = 48, L1_BYTES = 34 * 1024, L1_BYTES_OF_WIDE_TILES = 30 * 1024 };

/* With squeeze-excite: 1/12 of the stored output for all else, which leaves something of the tenth for odds and ends;
 * and pixels of an expand run that make several tiles of every set. */
enum { HIDDEN_SHARE = 12, RUN_PIXELS = 48 };

/* Images of no more output rows are shared out by groups, of no more channels. */
enum { GROUP_ROWS = 14, SHARED_CHANNELS = 2 * GROUP_CHANNELS };

static size_t ring_floats(const struct mbconv_plan *plan) {
  return plan->ring_rows * plan->ring_width * plan->group_channels;
}

/* Whether the image's output has room for the ring, aligned. */
static bool fits_y(const struct mbconv_shape *shape, const struct mbconv_plan *plan) {
  bool overflow = false;
  const size_t row = mbconv_multiply(plan->ring_width, plan->group_channels, &overflow);
  const size_t ring = mbconv_multiply(plan->ring_rows, row, &overflow);
  const size_t needed = mbconv_add(ring, MBCONV_ALIGNMENT / sizeof(float) - 1, &overflow);
  return !overflow && needed <= shape->out_height * shape->out_width * shape->out_channels;
}

/* Without an expand no tile writes groups: whole vectors do. */
static struct mbconv_plan complete(const struct mbconv_shape *shape, size_t tile_channels, size_t strip_rows,
                                   size_t group_channels) {
  struct mbconv_plan plan = {0};
  if (!shape->expand) tile_channels = mbconv_min(tile_channels, MBCONV_MAX_LANES);
  const size_t all_channels = mbconv_round_up(shape->expanded_channels, tile_channels);
  plan.strip_rows = mbconv_min(strip_rows, shape->out_height);
  plan.group_channels =
      shape->project ? mbconv_min(mbconv_round_up(group_channels, tile_channels), all_channels) : all_channels;
  plan.groups = (shape->expanded_channels + plan.group_channels - 1) / plan.group_channels;
  plan.hidden = shape->squeeze_excite;
  plan.ring_rows = mbconv_min((plan.strip_rows - 1) * shape->stride + shape->kernel, shape->height);
  plan.ring_width = mbconv_max(shape->pad_left + shape->width, (shape->out_width - 1) * shape->stride + shape->kernel);
  plan.ring_in_y = plan.hidden && fits_y(shape, &plan);
  return plan;
}

static size_t budget_of(size_t l2_bytes) {
  const size_t share = (l2_bytes ? l2_bytes : ASSUMED_L2_BYTES) / 8 * 5;
  return mbconv_max(LEAST_BYTES, mbconv_min(share, MOST_BYTES)) / sizeof(float);
}

static size_t scratch_floats(const struct mbconv_shape *shape, const struct mbconv_plan *plan, size_t rings) {
  const size_t output = plan->hidden ? 0 : shape->expanded_channels;
  return rings * ring_floats(plan) + plan->strip_rows * shape->out_width * output;
}

/* The height of strips that cut `rows` evenly, none higher than `most`. */
static size_t even_height(size_t rows, size_t most) {
  const size_t strips = (rows - 1) / most + 1;
  return (rows - 1) / strips + 1;
}

static struct mbconv_plan with_groups(const struct mbconv_shape *shape, size_t tile_channels, size_t rows,
                                      size_t groups) {
  return complete(shape, tile_channels, rows, (shape->expanded_channels + groups - 1) / groups);
}

/* The next number of groups that makes them narrower; more than there are tiles if they are a tile wide. */
static size_t more_groups(const struct mbconv_shape *shape, size_t tile_channels, const struct mbconv_plan *plan) {
  if (plan->group_channels <= tile_channels) return shape->expanded_channels + 1;
  const size_t narrower = plan->group_channels - tile_channels;
  return (shape->expanded_channels + narrower - 1) / narrower;
}

/* Channels that the last group lacks: an activation is mapped over them for nothing. */
static size_t waste_of(const struct mbconv_shape *shape, const struct mbconv_plan *plan) {
  return plan->groups * plan->group_channels - shape->expanded_channels;
}

/* The number of groups from `least` on, or a few more, that wastes the fewest channels. */
static size_t even_groups(const struct mbconv_shape *shape, size_t tile_channels, size_t least) {
  size_t best = least, best_waste = SIZE_MAX;
  for (size_t groups = least; groups < least + 3; groups++) {
    const struct mbconv_plan plan = with_groups(shape, tile_channels, 1, groups);
    if (waste_of(shape, &plan) < best_waste) best = groups, best_waste = waste_of(shape, &plan);
  }
  return best;
}

static size_t fused_groups(const struct mbconv_shape *shape, size_t tile_channels) {
  if (!shape->expand) return 1;
  const struct mbconv_plan tile = complete(shape, tile_channels, 1, tile_channels);
  const size_t bytes = tile.ring_rows * tile.ring_width * tile_channels * sizeof(float);
  const size_t most = tile_channels > MBCONV_MAX_LANES ? L1_BYTES_OF_WIDE_TILES : L1_BYTES;
  const size_t fit = most / bytes * tile_channels;
  const size_t channels = fit > 0 ? mbconv_min(fit, GROUP_CHANNELS) : GROUP_CHANNELS;
  return even_groups(shape, tile_channels, (shape->expanded_channels + channels - 1) / channels);
}

/* Groups for L1 if there is an expand to write them, then as few strips as L2 allows, of even height. If a group's ring
 * for one row does not fit into that, more groups. */
static struct mbconv_plan choose_fused(const struct mbconv_shape *shape, size_t tile_channels, size_t budget) {
  const size_t groups = fused_groups(shape, tile_channels);
  struct mbconv_plan plan = with_groups(shape, tile_channels, shape->out_height, groups);
  if (scratch_floats(shape, &plan, 1) <= ONE_STRIP * budget) return plan;
  while (plan.strip_rows > 1) {
    if (scratch_floats(shape, &plan, plan.groups) <= budget) return plan;
    plan = with_groups(shape, tile_channels, even_height(shape->out_height, plan.strip_rows - 1), groups);
  }
  while (ring_floats(&plan) > budget && plan.group_channels > tile_channels && shape->project)
    plan = with_groups(shape, tile_channels, 1, more_groups(shape, tile_channels, &plan));
  return plan;
}

static size_t tenth_of(const struct mbconv_shape *shape) {
  return shape->out_height * shape->out_width * shape->expanded_channels / HIDDEN_SHARE;
}

/* The depthwise output is stored, all else in scratch may add a tenth to it. */
static bool affordable(const struct mbconv_shape *shape, const struct mbconv_plan *plan, size_t budget) {
  const size_t pixels = mbconv_plan_listed_rows(plan, shape) * shape->width * 2; /* a pointer is two floats */
  const size_t ring = ring_floats(plan);
  const size_t rest = plan->ring_width * plan->group_channels + pixels + shape->expanded_channels;
  return ring <= budget && rest + (plan->ring_in_y ? 0 : ring) <= tenth_of(shape);
}

/* What can be afforded is spent on runs of enough pixels for several tiles first, on even groups second, on channels
 * third, on rows last. */
static struct mbconv_plan choose_hidden(const struct mbconv_shape *shape, size_t tile_channels, size_t budget) {
  const size_t tiles = (shape->expanded_channels + tile_channels - 1) / tile_channels;
  struct mbconv_plan best = complete(shape, tile_channels, 1, tile_channels);
  size_t best_run = 0, best_waste = SIZE_MAX;
  for (size_t groups = fused_groups(shape, tile_channels), next; groups <= tiles; groups = next) {
    const struct mbconv_plan one_row = with_groups(shape, tile_channels, 1, groups);
    next = more_groups(shape, tile_channels, &one_row);
    struct mbconv_plan fit = {0};
    for (size_t rows = 1; rows <= shape->out_height; rows++) {
      const struct mbconv_plan plan = with_groups(shape, tile_channels, rows, groups);
      if (!affordable(shape, &plan, budget)) break;
      fit = plan;
    }
    if (fit.strip_rows == 0) continue;
    fit = with_groups(shape, tile_channels, even_height(shape->out_height, fit.strip_rows), groups);
    const size_t run = mbconv_min(RUN_PIXELS, fit.strip_rows * shape->stride * shape->width);
    const size_t waste = waste_of(shape, &fit);
    if (run > best_run || (run == best_run && waste < best_waste)) best = fit, best_run = run, best_waste = waste;
  }
  return best;
}

struct mbconv_plan mbconv_plan_choose(const struct mbconv_shape *shape, size_t tile_channels, size_t l2_bytes) {
  const size_t budget = budget_of(l2_bytes);
  return shape->squeeze_excite ? choose_hidden(shape, tile_channels, budget)
                               : choose_fused(shape, tile_channels, budget);
}

struct mbconv_plan mbconv_plan_of(const struct mbconv_shape *shape, size_t tile_channels, size_t l2_bytes,
                                  size_t strip_rows, size_t group_channels) {
  const struct mbconv_plan choice = mbconv_plan_choose(shape, tile_channels, l2_bytes);
  return complete(shape, tile_channels, strip_rows ? strip_rows : choice.strip_rows,
                  group_channels ? mbconv_min(group_channels, shape->expanded_channels) : choice.group_channels);
}

/* The group size that leaves the busiest thread the fewest channels; the largest of those that `most` allows. */
static size_t balanced_group(size_t channels, size_t tile_channels, size_t threads, size_t most) {
  const size_t tiles = (channels + tile_channels - 1) / tile_channels;
  const size_t largest = mbconv_max(1, mbconv_min(most / tile_channels, (tiles - 1) / threads + 1));
  size_t best = 1, best_load = SIZE_MAX;
  for (size_t size = 1; size <= largest; size++) {
    const size_t groups = (tiles + size - 1) / size;
    const size_t load = ((groups - 1) / threads + 1) * size;
    if (load <= best_load) best = size, best_load = load;
  }
  return best * tile_channels;
}

/* Whether threads share out the groups, not the rows. */
static bool shares_groups(const struct mbconv_shape *shape, size_t tile_channels, size_t threads) {
  return shape->project && shape->expand && shape->out_height <= GROUP_ROWS &&
         shape->expanded_channels / tile_channels >= threads;
}

/* Strips no higher than a thread's share of the rows, and with a stored output than a tenth of it allows for a ring. */
static struct mbconv_plan share_rows(const struct mbconv_plan *plan, const struct mbconv_shape *shape,
                                     size_t tile_channels, size_t threads) {
  const size_t share = (shape->out_height - 1) / threads + 1;
  struct mbconv_plan lower = {.strip_rows = plan->strip_rows + 1};
  do {
    lower = complete(shape, tile_channels, even_height(share, lower.strip_rows - 1), plan->group_channels);
  } while (lower.hidden && lower.strip_rows > 1 && ring_floats(&lower) > tenth_of(shape));
  return lower;
}

static struct mbconv_plan share_groups(const struct mbconv_shape *shape, size_t tile_channels, size_t threads) {
  const size_t channels = balanced_group(shape->expanded_channels, tile_channels, threads, SHARED_CHANNELS);
  struct mbconv_plan plan = complete(shape, tile_channels, shape->out_height, channels);
  plan.hidden = plan.by_groups = true;
  return plan;
}

struct mbconv_plan mbconv_plan_for_threads(const struct mbconv_plan *plan, const struct mbconv_shape *shape,
                                           size_t tile_channels, size_t threads) {
  if (threads <= 1) return *plan;
  struct mbconv_plan shared = shares_groups(shape, tile_channels, threads)
                                  ? share_groups(shape, tile_channels, threads)
                                  : share_rows(plan, shape, tile_channels, threads);
  shared.ring_in_y = false; /* each thread has a ring of its own */
  return shared;
}

/* The largest divisor that gives n / divisor. */
static size_t last_divisor(size_t n, size_t divisor) {
  const size_t quotient = n / divisor;
  return quotient > 0 ? n / quotient : SIZE_MAX;
}

size_t mbconv_plan_threads_alike(const struct mbconv_shape *shape, size_t tile_channels, size_t threads) {
  if (threads <= 1) return 1;
  if (!shares_groups(shape, tile_channels, threads)) return last_divisor(shape->out_height - 1, threads);
  size_t last = shape->expanded_channels / tile_channels;
  const size_t tiles = (shape->expanded_channels + tile_channels - 1) / tile_channels;
  for (size_t size = 1; size <= SHARED_CHANNELS / tile_channels; size++)
    last = mbconv_min(last, last_divisor((tiles + size - 1) / size - 1, threads));
  return last;
}
