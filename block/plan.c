/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include "kernels.h"
#include "memory.h"

/* A single strip needs one ring only, and its output is written once and read once: it may take twice the budget. */
enum { ONE_STRIP = 2 };

/* So may the rings of all groups and the output of a segment in a longer list, whose strips cost the segment before it
 * halo rows, too. Its groups are never narrowed for L1. MobileNetV4's blocks at 224x224 gain 1 to 10% by it on Sapphire
 * Rapids. */
enum { CHAINED_STRIP = 2 };

/* With squeeze-excite, scratch beyond the stored output may be a tenth of it. Rings get a twelfth, so that the list of
 * pixels and the sums fit in the rest. */
enum { STORED_SHARE = 12 };

/* Images of no more output rows, times the dilation, which makes the halo so much higher, are shared out by groups,
 * each of no more than twice the usual channels. */
enum { GROUP_ROWS = 14, SHARED_GROUPS = 2 };

static size_t ring_elements(const struct mbconv_plan *plan) {
  return plan->ring_rows * plan->ring_width * plan->group_channels;
}

/* Whether the image's output has room for the ring, aligned. */
static bool fits_y(const struct mbconv_shape *shape, const struct mbconv_target *target,
                   const struct mbconv_plan *plan) {
  bool overflow = false;
  const size_t row = mbconv_multiply(plan->ring_width, plan->group_channels, &overflow);
  const size_t ring = mbconv_multiply(plan->ring_rows, row, &overflow);
  const size_t needed = mbconv_add(ring, MBCONV_ALIGNMENT / target->element - 1, &overflow);
  return !overflow && needed <= shape->rows.out * shape->columns.out * shape->out_channels;
}

/* Groups are cut to whole tiles; without an expand no tile writes them, and whole vectors will do, or what depthwise
 * weights are packed by. */
static struct mbconv_plan complete(const struct mbconv_shape *shape, const struct mbconv_target *target,
                                   size_t strip_rows, size_t group_channels) {
  struct mbconv_plan plan = {0};
  const size_t tile = target->tile_channels, step = shape->expand ? tile : mbconv_min(tile, MBCONV_MAX_LANES);
  const size_t all_channels = mbconv_round_up(shape->expanded_channels, step), unit = mbconv_max(step, target->unit);
  plan.strip_rows = mbconv_min(strip_rows, shape->rows.out);
  plan.group_channels = shape->project ? mbconv_min(mbconv_round_up(group_channels, unit), all_channels) : all_channels;
  plan.groups = (shape->expanded_channels + plan.group_channels - 1) / plan.group_channels;
  plan.stored = shape->squeeze_excite;
  plan.ring_rows =
      mbconv_min(mbconv_axis_reach(&shape->rows, mbconv_reads_whole(shape) ? 1 : plan.strip_rows), shape->rows.in);
  plan.ring_width =
      mbconv_max(shape->columns.before + shape->columns.in, mbconv_axis_reach(&shape->columns, shape->columns.out));
  plan.ring_in_y = plan.stored && !shape->chained && fits_y(shape, target, &plan);
  return plan;
}

/* What the rings and the depthwise output of a strip may take of L2, in floats: the rest is for weights, input and
 * output. Narrower elements keep the strips of f32, and take so much less. */
static size_t budget_of(const struct mbconv_target *target) {
  const struct mbconv_blocking *blocking = target->blocking;
  const size_t share = (target->l2_bytes ? target->l2_bytes : blocking->l2_assumed_bytes) / 8 * 5;
  return mbconv_max(blocking->l2_least_bytes, mbconv_min(share, blocking->l2_most_bytes)) / sizeof(float);
}

static size_t scratch_elements(const struct mbconv_shape *shape, const struct mbconv_plan *plan, size_t rings) {
  const size_t output = plan->stored ? 0 : shape->expanded_channels;
  return rings * ring_elements(plan) + plan->strip_rows * shape->columns.out * output;
}

/* The height of strips that cut `rows` evenly, none higher than `most`. */
static size_t even_height(size_t rows, size_t most) {
  const size_t strips = rows / most + (rows % most > 0);
  return strips > 1 ? (rows - 1) / strips + 1 : rows;
}

static struct mbconv_plan with_groups(const struct mbconv_shape *shape, const struct mbconv_target *target, size_t rows,
                                      size_t groups) {
  return complete(shape, target, rows, (shape->expanded_channels + groups - 1) / groups);
}

/* The next number of groups that makes them narrower; more than there are tiles if they are a tile wide. */
static size_t more_groups(const struct mbconv_shape *shape, const struct mbconv_target *target,
                          const struct mbconv_plan *plan) {
  if (plan->group_channels <= target->tile_channels) return shape->expanded_channels + 1;
  const size_t narrower = plan->group_channels - target->tile_channels;
  return (shape->expanded_channels + narrower - 1) / narrower;
}

/* Channels that the last group lacks: an activation is mapped over them for nothing. */
static size_t waste_of(const struct mbconv_shape *shape, const struct mbconv_plan *plan) {
  return plan->groups * plan->group_channels - shape->expanded_channels;
}

/* The number of groups from `least` on, or a few more, that wastes the fewest channels. */
static size_t even_groups(const struct mbconv_shape *shape, const struct mbconv_target *target, size_t least) {
  size_t best = least, best_waste = SIZE_MAX;
  for (size_t groups = least; groups < least + 3; groups++) {
    const struct mbconv_plan plan = with_groups(shape, target, 1, groups);
    if (waste_of(shape, &plan) < best_waste) best = groups, best_waste = waste_of(shape, &plan);
  }
  return best;
}

/* As many groups as make them narrow enough for L1: `group_channels` wide, or less if the ring rows for one output row
 * would not fit. They are not made narrower than that, for the depthwise's inner loop runs over channels. */
static size_t fused_groups(const struct mbconv_shape *shape, const struct mbconv_target *target) {
  if (!shape->expand) return 1;
  const size_t most = target->blocking->group_channels, tile_channels = target->tile_channels;
  if (shape->chained) return even_groups(shape, target, (shape->expanded_channels + most - 1) / most);
  const struct mbconv_plan tile = complete(shape, target, 1, tile_channels);
  const size_t bytes = tile.ring_rows * tile.ring_width * tile_channels * target->element;
  const size_t fit = target->blocking->l1_bytes / bytes * tile_channels;
  const size_t channels = fit > 0 ? mbconv_min(fit, most) : most;
  return even_groups(shape, target, (shape->expanded_channels + channels - 1) / channels);
}

/* The most rows in [1, most] of a strip that `fits`, which all lower strips then do; 0 if none does. */
typedef bool fits_fn(const struct mbconv_shape *shape, const struct mbconv_target *target, size_t rows, size_t groups,
                     size_t budget);

static size_t highest(fits_fn *fits, size_t most, const struct mbconv_shape *shape, const struct mbconv_target *target,
                      size_t groups, size_t budget) {
  size_t low = 0;
  while (low < most) {
    const size_t middle = most - (most - low) / 2;
    if (fits(shape, target, middle, groups, budget))
      low = middle;
    else
      most = middle - 1;
  }
  return low;
}

static bool fits_fused(const struct mbconv_shape *shape, const struct mbconv_target *target, size_t rows, size_t groups,
                       size_t budget) {
  const struct mbconv_plan plan = with_groups(shape, target, rows, groups);
  return scratch_elements(shape, &plan, plan.groups) <= budget;
}

/* Groups for L1 if there is an expand to write them, then as few strips as L2 allows, of even height. If a group's ring
 * for one row does not fit into that, more groups. */
static struct mbconv_plan choose_fused(const struct mbconv_shape *shape, const struct mbconv_target *target,
                                       size_t budget) {
  const size_t groups = fused_groups(shape, target), out = shape->rows.out;
  struct mbconv_plan plan = with_groups(shape, target, out, groups);
  if (shape->chained) {
    const size_t weights = shape->expanded_channels * (shape->in_channels + shape->out_channels);
    if (scratch_elements(shape, &plan, plan.groups) <= weights) return plan; /* each strip reads them again */
    budget *= CHAINED_STRIP;
  } else if (scratch_elements(shape, &plan, 1) <= ONE_STRIP * budget) {
    return plan;
  }
  const size_t rows = mbconv_max(highest(fits_fused, out, shape, target, groups, budget), 1);
  plan = with_groups(shape, target, even_height(out, rows), groups);
  while (plan.strip_rows == 1 && ring_elements(&plan) > budget && plan.group_channels > target->tile_channels &&
         shape->project)
    plan = with_groups(shape, target, 1, more_groups(shape, target, &plan));
  return plan;
}

static size_t tenth_of(const struct mbconv_shape *shape) {
  return shape->rows.out * shape->columns.out * shape->expanded_channels / STORED_SHARE;
}

/* A pointer counts as 8 bytes, whatever it has: plans are the same everywhere. */
enum { POINTER_BYTES = 8 };

/* The depthwise output is stored, all else in scratch may add a tenth to it. */
static bool fits_stored(const struct mbconv_shape *shape, const struct mbconv_target *target, size_t rows,
                        size_t groups, size_t budget) {
  const struct mbconv_plan plan = with_groups(shape, target, rows, groups);
  const size_t pointers = mbconv_plan_listed_rows(&plan, shape) * shape->columns.in;
  const size_t pixels = pointers * POINTER_BYTES / target->element, ring = ring_elements(&plan);
  const size_t rest = plan.ring_width * plan.group_channels + pixels + shape->expanded_channels;
  return ring <= budget && rest + (plan.ring_in_y ? 0 : ring) <= tenth_of(shape);
}

/* The highest strip, of even height, that fits; 0 if none does. A ring of all rows lists its pixels once, not twice: it
 * is not part of the search, for it may fit where one of fewer rows does not. */
static size_t stored_rows(const struct mbconv_shape *shape, const struct mbconv_target *target, size_t groups,
                          size_t budget) {
  const size_t most = mbconv_axis_within(&shape->rows);
  size_t rows = highest(fits_stored, most, shape, target, groups, budget);
  if (rows == most && most < shape->rows.out && fits_stored(shape, target, most + 1, groups, budget))
    rows = shape->rows.out;
  return rows > 0 ? even_height(shape->rows.out, rows) : 0;
}

/* What can be afforded is spent on runs of enough pixels for several tiles first, on even groups second, on channels
 * third, on rows last. */
static struct mbconv_plan choose_stored(const struct mbconv_shape *shape, const struct mbconv_target *target,
                                        size_t budget) {
  const size_t tiles = (shape->expanded_channels + target->tile_channels - 1) / target->tile_channels;
  struct mbconv_plan best = complete(shape, target, 1, target->tile_channels);
  size_t best_run = 0, best_waste = SIZE_MAX;
  for (size_t groups = fused_groups(shape, target), next; groups <= tiles; groups = next) {
    const struct mbconv_plan one_row = with_groups(shape, target, 1, groups);
    next = more_groups(shape, target, &one_row);
    const size_t rows = stored_rows(shape, target, groups, budget);
    if (rows == 0) continue;
    const struct mbconv_plan fit = with_groups(shape, target, rows, groups);
    const size_t pixels = fit.strip_rows * shape->rows.stride * shape->columns.in;
    const size_t run = mbconv_min(target->blocking->run_pixels, pixels);
    const size_t waste = waste_of(shape, &fit);
    if (run > best_run || (run == best_run && waste < best_waste)) best = fit, best_run = run, best_waste = waste;
  }
  return best;
}

struct mbconv_plan mbconv_plan_choose(const struct mbconv_shape *shape, const struct mbconv_target *target) {
  const size_t budget = budget_of(target);
  return shape->squeeze_excite ? choose_stored(shape, target, budget) : choose_fused(shape, target, budget);
}

struct mbconv_plan mbconv_plan_of(const struct mbconv_shape *shape, const struct mbconv_target *target,
                                  size_t strip_rows, size_t group_channels) {
  const struct mbconv_plan choice = mbconv_plan_choose(shape, target);
  return complete(shape, target, strip_rows ? strip_rows : choice.strip_rows,
                  group_channels ? mbconv_min(group_channels, shape->expanded_channels) : choice.group_channels);
}

size_t mbconv_plan_rows(const struct mbconv_shape *shape, const struct mbconv_target *target, size_t strip_rows) {
  const size_t row = shape->columns.out * shape->expanded_channels, rows = shape->rows.out;
  if (strip_rows > 0) return mbconv_min(strip_rows, rows);
  return shape->project && !shape->squeeze_excite ? even_height(rows, mbconv_max(budget_of(target) / row, 1)) : rows;
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
static bool shares_groups(const struct mbconv_shape *shape, const struct mbconv_target *target, size_t threads) {
  return shape->project && shape->expand && !shape->chained && shape->rows.out <= GROUP_ROWS * shape->rows.dilation &&
         shape->expanded_channels / target->tile_channels >= threads;
}

/* Strips no higher than a thread's share of the rows, and with a stored output than a tenth of it allows for a ring. */
static struct mbconv_plan share_rows(const struct mbconv_plan *plan, const struct mbconv_shape *shape,
                                     const struct mbconv_target *target, size_t threads) {
  const size_t share = (shape->rows.out - 1) / threads + 1;
  struct mbconv_plan lower = {.strip_rows = plan->strip_rows + 1};
  do {
    lower = complete(shape, target, even_height(share, lower.strip_rows - 1), plan->group_channels);
  } while (lower.stored && lower.strip_rows > 1 && ring_elements(&lower) > tenth_of(shape));
  return lower;
}

/* The most channels of a group that is one thread's. */
static size_t shared_channels(const struct mbconv_target *target) {
  return SHARED_GROUPS * target->blocking->group_channels;
}

static struct mbconv_plan share_groups(const struct mbconv_shape *shape, const struct mbconv_target *target,
                                       size_t threads) {
  const size_t channels =
      balanced_group(shape->expanded_channels, target->tile_channels, threads, shared_channels(target));
  struct mbconv_plan plan = complete(shape, target, shape->rows.out, channels);
  plan.stored = plan.by_groups = true;
  return plan;
}

struct mbconv_plan mbconv_plan_for_threads(const struct mbconv_plan *plan, const struct mbconv_shape *shape,
                                           const struct mbconv_target *target, size_t threads) {
  if (threads <= 1) return *plan;
  struct mbconv_plan shared = shares_groups(shape, target, threads) ? share_groups(shape, target, threads)
                                                                    : share_rows(plan, shape, target, threads);
  shared.ring_in_y = false; /* each thread has a ring of its own */
  return shared;
}

/* The largest divisor that gives n / divisor. */
static size_t last_divisor(size_t n, size_t divisor) {
  const size_t quotient = n / divisor;
  return quotient > 0 ? n / quotient : SIZE_MAX;
}

size_t mbconv_plan_threads_alike(const struct mbconv_shape *shape, const struct mbconv_target *target, size_t threads) {
  if (threads <= 1) return 1;
  if (!shares_groups(shape, target, threads)) return last_divisor(shape->rows.out - 1, threads);
  const size_t tile_channels = target->tile_channels;
  size_t last = shape->expanded_channels / tile_channels;
  const size_t tiles = (shape->expanded_channels + tile_channels - 1) / tile_channels;
  for (size_t size = 1; size <= shared_channels(target) / tile_channels; size++)
    last = mbconv_min(last, last_divisor((tiles + size - 1) / size - 1, threads));
  return last;
}
