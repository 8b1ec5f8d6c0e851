/* SPDX-License-Identifier: MIT
 *
 * The plan as a pure function: what it promises for any shape, cache and number of threads.
 */
#include <time.h>

#include "block_case.h"
#include "kernels.h"
#include "plan.h"
#include "test.h"

static struct mbconv_target target_of(const struct test *t, size_t l2_bytes) {
  return (struct mbconv_target){
      .tile_channels = t->kernels->pointwise[0].channels,
      .element = t->kernels->element,
      .l2_bytes = l2_bytes,
      .blocking = &t->kernels->blocking,
  };
}

static struct mbconv_shape shape_of(const struct block_layer *layer, bool squeeze_excite, size_t dilation) {
  const size_t pad = layer->kernel / 2 * dilation;
  const struct mbconv_window window = {layer->kernel, layer->stride, dilation, {pad, pad, pad, pad}, false};
  const struct mbconv_axis side = mbconv_axis_of(&window, layer->side, pad, pad);
  return (struct mbconv_shape){
      .rows = side,
      .columns = side,
      .in_channels = layer->in_channels,
      .expanded_channels = layer->expanded_channels,
      .out_channels = layer->out_channels,
      .expand = layer->expanded_channels != layer->in_channels,
      .project = true,
      .squeeze_excite = squeeze_excite,
      .mapped = layer->activation == MBCONV_ACTIVATION_SILU,
      .whole = layer->expanded_channels == layer->in_channels,
  };
}

static size_t ring_bytes(const struct mbconv_plan *plan) {
  return plan->ring_rows * plan->ring_width * plan->group_channels * sizeof(float);
}

/* Of the depthwise output, stored whole. */
static size_t stored_bytes(const struct mbconv_shape *shape) {
  return shape->rows.out * shape->columns.out * shape->expanded_channels * sizeof(float);
}

/* Of the rings and a strip's depthwise output. */
static size_t scratch_bytes(const struct mbconv_shape *shape, const struct mbconv_plan *plan, size_t rings) {
  const size_t output = plan->stored ? 0 : plan->strip_rows * shape->columns.out * shape->expanded_channels;
  return rings * ring_bytes(plan) + output * sizeof(float);
}

/* What the channels of a group are a multiple of. */
static size_t unit_of(const struct mbconv_shape *shape, size_t tile) {
  return shape->expand || tile < MBCONV_MAX_LANES ? tile : MBCONV_MAX_LANES;
}

static void check_sound(struct test *t, const char *name, const struct mbconv_shape *shape,
                        const struct mbconv_plan *plan, size_t tile) {
  test_check(t, plan->strip_rows >= 1 && plan->strip_rows <= shape->rows.out, "%s: strips of %zu rows", name,
             plan->strip_rows);
  const size_t unit = unit_of(shape, tile);
  test_check(t,
             plan->group_channels % unit == 0 && plan->group_channels * plan->groups >= shape->expanded_channels &&
                 plan->group_channels * (plan->groups - 1) < shape->expanded_channels,
             "%s: %zu groups of %zu channels", name, plan->groups, plan->group_channels);
  const size_t rows = mbconv_axis_reach(&shape->rows, shape->whole ? 1 : plan->strip_rows);
  test_check(t, plan->ring_rows == (rows < shape->rows.in ? rows : shape->rows.in), "%s: ring of %zu rows", name,
             plan->ring_rows);
  test_check(t, plan->stored == (shape->squeeze_excite || plan->by_groups), "%s: stored", name);
  const size_t y_bytes = shape->rows.out * shape->columns.out * shape->out_channels * sizeof(float);
  test_check(t,
             !plan->ring_in_y || (shape->squeeze_excite && !plan->by_groups &&
                                  ring_bytes(plan) + MBCONV_ALIGNMENT - sizeof(float) <= y_bytes),
             "%s: a ring of %zu bytes in y", name, ring_bytes(plan));
}

/* Scratch stays in L2, a single strip's in twice as much, unless a single row does not. */
static void check_choice(struct test *t, const char *name, const struct mbconv_shape *shape, size_t l2_bytes) {
  const struct mbconv_target target = target_of(t, l2_bytes);
  const size_t tile = target.tile_channels;
  const struct mbconv_plan plan = mbconv_plan_choose(shape, &target);
  check_sound(t, name, shape, &plan, tile);
  const size_t known = l2_bytes ? l2_bytes : 512 * 1024;
  const size_t bytes = scratch_bytes(shape, &plan, mbconv_plan_rings(&plan, shape));
  const size_t most = mbconv_plan_one_strip(&plan, shape) ? 2 * known : known;
  const size_t ring = ring_bytes(&plan), narrowest = mbconv_round_up(tile, unit_of(shape, tile));
  test_check(t, bytes <= most || (plan.strip_rows == 1 && (ring <= known || plan.group_channels <= narrowest)),
             "%s: %zu bytes at L2 of %zu", name, bytes, l2_bytes);
  for (size_t threads = 1; threads <= 9; threads++) {
    const struct mbconv_plan shared = mbconv_plan_for_threads(&plan, shape, &target, threads);
    check_sound(t, name, shape, &shared, tile);
    const size_t rows = (shape->rows.out - 1) / threads + 1;
    test_check(t, threads == 1 || !shared.ring_in_y, "%s: one ring for %zu threads", name, threads);
    test_check(t,
               threads == 1 || shared.by_groups || !shared.stored || shared.strip_rows == 1 ||
                   ring_bytes(&shared) <= stored_bytes(shape) / 10,
               "%s: a ring of %zu bytes for each of %zu threads", name, ring_bytes(&shared), threads);
    test_check(t, threads == 1 || shared.by_groups || shared.strip_rows <= rows,
               "%s: strips of %zu rows for %zu threads", name, shared.strip_rows, threads);
    const size_t tiles = (shape->expanded_channels + tile - 1) / tile;
    const size_t busiest = ((shared.groups - 1) / threads + 1) * shared.group_channels;
    test_check(t, !shared.by_groups || busiest == ((tiles - 1) / threads + 1) * tile,
               "%s: %zu channels for the busiest of %zu threads", name, busiest, threads);
  }
}

/* With squeeze-excite the ring, unless it lies in y, the zero row, the list of pixels and the sums add at most a tenth
 * to the stored depthwise output, unless one row of one tile's width of channels does not fit into that. */
static void check_tenth(struct test *t, const char *name, const struct mbconv_shape *shape) {
  const struct mbconv_target target = target_of(t, 0);
  const size_t tile = target.tile_channels;
  const struct mbconv_plan plan = mbconv_plan_choose(shape, &target);
  const size_t floats = plan.ring_width * plan.group_channels + shape->expanded_channels;
  const size_t pixels = mbconv_plan_listed_rows(&plan, shape) * shape->columns.in;
  const size_t beside = scratch_bytes(shape, &plan, plan.ring_in_y ? 0 : 1) + floats * sizeof(float) +
                        (shape->expand ? pixels * sizeof(float *) : 0);
  test_check(t, beside <= stored_bytes(shape) / 10 || (plan.strip_rows == 1 && plan.group_channels == tile),
             "%s: %zu bytes beside %zu", name, beside, stored_bytes(shape));
}

/* A large cache never makes strips lower or groups more numerous. */
static void check_monotonic(struct test *t, const char *name, const struct mbconv_shape *shape) {
  struct mbconv_target target = target_of(t, 64 * 1024);
  struct mbconv_plan smaller = mbconv_plan_choose(shape, &target);
  for (size_t l2 = 128 * 1024; l2 <= 4096 * 1024; l2 *= 2) {
    target.l2_bytes = l2;
    const struct mbconv_plan plan = mbconv_plan_choose(shape, &target);
    test_check(t, plan.strip_rows >= smaller.strip_rows && plan.groups <= smaller.groups,
               "%s: L2 of %zu bytes makes strips of %zu rows and %zu groups", name, l2, plan.strip_rows, plan.groups);
    smaller = plan;
  }
}

static bool same_plan(const struct mbconv_plan *a, const struct mbconv_plan *b) {
  return a->strip_rows == b->strip_rows && a->group_channels == b->group_channels && a->by_groups == b->by_groups;
}

/* mbconv_plan_threads_alike() against all numbers of threads. */
static void check_alike(struct test *t, const char *name, const struct mbconv_shape *shape) {
  const struct mbconv_target target = target_of(t, 0);
  const struct mbconv_plan plan = mbconv_plan_choose(shape, &target);
  for (size_t threads = 1; threads <= 200; threads++) {
    const size_t last = mbconv_plan_threads_alike(shape, &target, threads);
    const struct mbconv_plan first = mbconv_plan_for_threads(&plan, shape, &target, threads);
    bool alike = last >= threads;
    for (size_t count = threads; count <= 200 && count <= last; count++) {
      const struct mbconv_plan other = mbconv_plan_for_threads(&plan, shape, &target, count);
      alike = alike && same_plan(&first, &other);
    }
    test_check(t, alike, "%s: %zu to %zu threads have not one plan", name, threads, last);
  }
}

/* Of this thread's CPU time: what else the machine does is not among it. */
static double cpu_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* How many seconds an ordinary plan takes here: so many plans that a clock of 1/64 s, as Windows has it, sees them. */
static double seconds_of_plan(const struct test *t, const struct mbconv_shape *shape) {
  enum { PLANS = 1000 };
  const double least = 0.1, start = cpu_seconds();
  size_t plans = 0, groups = 0;
  double seconds = 0;
  for (; seconds < least || groups == 0; plans += PLANS) {
    for (size_t i = 0; i < PLANS; i++) {
      const struct mbconv_target target = target_of(t, i);
      groups += mbconv_plan_choose(shape, &target).groups;
    }
    seconds = cpu_seconds() - start;
  }
  return seconds / (double)plans;
}

/* Sizes that no machine has the weights or the image for take some thousands of times as long as others, not 2^31
 * times: measured is 10000. */
static void check_huge(struct test *t, const struct block_layer *layer, bool squeeze_excite) {
  const double most_times = 1000000;
  const struct mbconv_target target = target_of(t, 0);
  const size_t tile = target.tile_channels, huge = (size_t)1 << 31;
  struct mbconv_shape channels = shape_of(layer, squeeze_excite, 1), rows = channels;
  const double one = seconds_of_plan(t, &channels);
  channels.expanded_channels = huge;
  rows.rows.in = rows.rows.out = huge;
  const double start = cpu_seconds();
  const struct mbconv_plan plans[] = {mbconv_plan_choose(&channels, &target), mbconv_plan_choose(&rows, &target)};
  check_sound(t, "huge channels", &channels, &plans[0], tile);
  check_sound(t, "huge rows", &rows, &plans[1], tile);
  size_t steps = 0;
  for (size_t threads = 1; threads < huge; threads = mbconv_plan_threads_alike(&rows, &target, threads) + 1) steps++;
  test_check(t, steps < 200000, "%zu numbers of threads to look at", steps);
  const double times = (cpu_seconds() - start) / one;
  test_check(t, times < most_times, "plans of huge shapes took %.0f times as long as an ordinary one", times);
}

static const size_t caches[] = {0, 64 * 1024, 128 * 1024, 256 * 1024, 512 * 1024, 1024 * 1024, 2048 * 1024};
enum { CACHES = sizeof caches / sizeof *caches };

static void check_layer(struct test *t, const struct block_layer *layer, bool squeeze_excite, size_t dilation) {
  const struct mbconv_shape shape = shape_of(layer, squeeze_excite, dilation);
  test_at(t, "plan of %s, dilation %zu", layer->name, dilation);
  for (size_t c = 0; c < CACHES; c++) check_choice(t, layer->name, &shape, caches[c]);
  if (squeeze_excite)
    check_tenth(t, layer->name, &shape);
  else
    check_monotonic(t, layer->name, &shape);
  check_alike(t, layer->name, &shape);
}

/* Threads share out the groups of images of up to 14 rows, and of as many more as the dilation makes the halo higher.
 */
static void check_shared(struct test *t, size_t dilation) {
  const struct mbconv_target target = target_of(t, 0);
  struct block_layer layer = block_layers[8]; /* many channels, stride 1 */
  for (layer.side = 1; layer.side < 60; layer.side++) {
    const struct mbconv_shape shape = shape_of(&layer, false, dilation);
    const struct mbconv_plan plan = mbconv_plan_choose(&shape, &target);
    const struct mbconv_plan shared = mbconv_plan_for_threads(&plan, &shape, &target, 2);
    test_at(t, "plan of %zu rows for 2 threads, dilation %zu", layer.side, dilation);
    test_check(t, shared.by_groups == (layer.side <= 14 * dilation), "shared out by %s",
               shared.by_groups ? "groups" : "rows");
  }
}

void test_plan(struct test *t) {
  for (size_t i = 0; i < BLOCK_LAYERS; i++)
    for (size_t dilation = 1; dilation <= 4; dilation++)
      for (int squeeze_excite = 0; squeeze_excite < 2; squeeze_excite++)
        if (dilation < 3 || !t->small) check_layer(t, &block_layers[i], squeeze_excite, dilation);
  for (size_t dilation = 1; dilation <= 4; dilation++) check_shared(t, dilation);
  test_at(t, "plan of huge shapes");
  for (int squeeze_excite = 0; squeeze_excite < 2; squeeze_excite++) check_huge(t, &block_layers[1], squeeze_excite);
  struct mbconv_shape wide = shape_of(&block_layers[1], false, 1);
  wide.columns.in = 20000;
  wide.columns.out = 10000;
  test_at(t, "plan of a wide image");
  for (size_t c = 0; c < CACHES; c++) check_choice(t, "wide", &wide, caches[c]);
}
