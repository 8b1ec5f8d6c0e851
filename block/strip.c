/* SPDX-License-Identifier: MIT */
#include "strip.h"

#include "dense.h"
#include "depthwise_rows.h"
#include "list_i8.h"
#include "transpose.h"

/* ---- P D --------------------------------------------------------------------------------------------------------- */

/* Expands `pixels` pixels from pixel `first` of input row fresh_first + r on; they may run over several rows. */
static void expand_pixels(const struct mbconv_strip *strip, const struct mbconv_group *group, size_t r, size_t first,
                          size_t pixels) {
  const struct mbconv_stage *stage = strip->segment->expand;
  const size_t width = strip->shape->columns.in, element = strip->stages->base.kernels->element;
  const size_t slot = (strip->fresh_first + r) % strip->plan->ring_rows;
  const struct mbconv_pixel_run run = {
      .pixels = pixels,
      .first_channel = group->first,
      .channels = group->channels,
      .x = strip->x + (r * width + first) * strip->x_stride * element,
      .x_stride = strip->x_stride,
      .y_pixels = strip->scratch->pixels + slot * width + first,
      .y_offset = (size_t)(group->ring - strip->scratch->rings) / element,
      .y_padded = true,
      .ending = stage->epilogue.ending,
  };
  mbconv_panels_run(&stage->panels, &run);
}

static void expand(const struct mbconv_strip *strip, const struct mbconv_group *group) {
  const struct mbconv_kernels *kernels = strip->stages->base.kernels;
  const struct mbconv_stage *stage = strip->segment->expand;
  const size_t width = strip->shape->columns.in, channels = strip->plan->group_channels;
  if (!mbconv_epilogue_maps(&stage->epilogue)) {
    expand_pixels(strip, group, 0, 0, strip->fresh_rows * width);
    return;
  }
  const size_t chunk = mbconv_map_chunk(kernels, channels, mbconv_panels_height(&stage->panels));
  const size_t batch = mbconv_max(1, chunk / width); /* rows at once, if they are short */
  for (size_t r = 0; r < strip->fresh_rows; r += batch) {
    const size_t rows = mbconv_min(batch, strip->fresh_rows - r);
    for (size_t first = 0; first < width; first += chunk) {
      const size_t pixels = mbconv_min(chunk, width - first);
      expand_pixels(strip, group, r, first, rows > 1 ? rows * width : pixels);
      for (size_t i = r; i < r + rows; i++) {
        const size_t offset = mbconv_ring_offset(strip, strip->fresh_first + i) + first * channels;
        char *row = group->ring + offset * kernels->element;
        mbconv_epilogue_map(&stage->epilogue, pixels, group->first, group->channels, row, channels);
      }
    }
  }
}

/* In a network, weights come from L3 or from memory: those of a group's depthwise are fetched while it is expanded, by
 * the first strip of a run. The 1x1 fetches its own. Inlined, because gcc 12 drops calls of a function that only
 * prefetches: it takes it for one without effect. */
__attribute__((always_inline)) static inline void prefetch_taps(const struct mbconv_strip *strip,
                                                                const struct mbconv_group *group) {
  const struct mbconv_kernels *kernels = strip->stages->base.kernels;
  const struct mbconv_stage *stage = strip->segment->stage;
  const char *weights = stage->taps + group->first * stage->tap_bytes;
  const size_t bytes = mbconv_round_up(group->channels, kernels->packing.unit) * stage->tap_bytes;
  for (size_t i = 0; i < bytes; i += MBCONV_ALIGNMENT) __builtin_prefetch(weights + i, 0, 2);
}

/* Groups [first, last) of the depthwise, with the expand before it if there is one, to y. */
static void run_groups(const struct mbconv_strip *strip, size_t first, size_t last, char *y, size_t y_stride) {
  const struct mbconv_shape *shape = strip->shape;
  const struct mbconv_plan *plan = strip->plan;
  const size_t element = strip->stages->base.kernels->element;
  const size_t ring = mbconv_plan_rings(plan, shape) == 1 ? 0 : mbconv_ring_elements(plan) * element;
  for (size_t g = first; g < last; g++) {
    const size_t channel = g * plan->group_channels;
    const struct mbconv_group group = {
        .first = channel,
        .channels = mbconv_min(plan->group_channels, shape->expanded_channels - channel),
        .ring = strip->scratch->rings + g * ring,
        .stride = plan->group_channels,
    };
    if (strip->begins) prefetch_taps(strip, &group);
    if (shape->expand)
      expand(strip, &group);
    else
      mbconv_rows_copy(strip, &group);
    mbconv_rows_depthwise(strip, &group, y + channel * element, y_stride);
  }
  const struct mbconv_epilogue *epilogue = &strip->segment->stage->epilogue;
  if (mbconv_epilogue_maps(epilogue) && !plan->stored && !mbconv_maps_rows(plan))
    mbconv_epilogue_map(epilogue, strip->rows * shape->columns.out, 0, shape->expanded_channels, y, y_stride);
}

/* ---- The walk ---------------------------------------------------------------------------------------------------- */

static void run_segment(const struct mbconv_walk *walk, size_t segment, const struct mbconv_strip *strip) {
  const struct mbconv_stages *stages = walk->stages;
  const struct mbconv_stage *stage = strip->segment->stage;
  const bool last = segment + 1 == stages->segments;
  const size_t width = strip->shape->columns.out, first = strip->first * width;
  struct mbconv_pixel_run run = {
      .pixels = strip->rows * width,
      .channels = stage->out_channels,
      .y = walk->scratch->segment[segment].output,
      .y_stride = mbconv_segment_stride(stages, segment),
      .y_padded = true,
      .ending = stage->epilogue.ending,
  };
  if (last) mbconv_output_begin(&walk->output, first, &run);
  if (strip->plan->stored) run.y = walk->stored + first * run.y_stride * stages->base.kernels->element;
  if (stage->kind == MBCONV_STAGE_DEPTHWISE) {
    const bool some = mbconv_plan_group_by_group(strip->plan, strip->shape);
    run_groups(strip, some ? walk->first_group : 0, some ? walk->last_group : strip->plan->groups, run.y, run.y_stride);
  } else if (stage->kind == MBCONV_STAGE_DENSE) {
    stage->dense->run(strip, &run);
  } else {
    run.x = strip->x;
    run.x_stride = strip->x_stride;
    mbconv_panels_run_mapped(&stage->panels, &run, &stage->epilogue);
  }
  if (last) mbconv_output_end(&walk->output, first, &run);
}

/* The input of a segment: an image, or what the segment before has just written. */
static void connect(const struct mbconv_walk *walk, size_t segment, struct mbconv_strip *strip) {
  const struct mbconv_stages *stages = walk->stages;
  const size_t element = stages->base.kernels->element, in_channels = strip->shape->in_channels;
  if (segment > 0) {
    strip->x = walk->scratch->segment[segment - 1].output;
    strip->x_stride = mbconv_segment_stride(stages, segment - 1);
    return;
  }
  strip->x_stride = in_channels;
  if (stages->fetch) {
    stages->fetch(walk, strip);
    return;
  }
  strip->image = walk->x;
  const size_t width = strip->shape->columns.in, first = strip->fresh_first * width;
  if (!walk->scratch->x) {
    strip->x = walk->x + first * in_channels * element;
    return;
  }
  strip->x = walk->scratch->x;
  if (walk->x_ready) return;
  const size_t pixels = strip->fresh_rows * width;
  const char *x = walk->x + first * in_channels * element;
  if (stages->layout == MBCONV_NCHW) {
    mbconv_transpose(stages->base.kernels, in_channels, pixels, walk->x + first * element,
                     strip->shape->rows.in * width, walk->scratch->x, in_channels, NULL);
    x = walk->scratch->x;
  }
  if (mbconv_flips_input(stages)) mbconv_flip(stages, pixels * in_channels, x, walk->scratch->x);
}

/* The rows that a strip of `rows` output rows from `first` on adds to those before; `next` is the first input row that
 * no strip has read. */
static void take_rows(struct mbconv_strip *strip, size_t first, size_t rows, size_t *next) {
  strip->first = first;
  strip->rows = rows;
  strip->fresh_first = *next;
  *next = mbconv_max(*next, mbconv_axis_end(&strip->shape->rows, first + rows));
  strip->fresh_rows = *next - strip->fresh_first;
}

void mbconv_walk_run(const struct mbconv_walk *walk, size_t begin, size_t end) {
  const struct mbconv_stages *stages = walk->stages;
  const size_t top = stages->segments - (mbconv_cut_stored(stages, walk->cut) ? 2 : 1);
  const size_t strip_rows = walk->cut->plan[top].strip_rows;
  struct mbconv_strip strip[MBCONV_MOST_STAGES];
  size_t next[MBCONV_MOST_STAGES];
  for (size_t s = top + 1, first = begin; s-- > 0; first = next[s]) {
    strip[s] = (struct mbconv_strip){
        .stages = stages,
        .segment = &stages->segment[s],
        .shape = &walk->cut->shape[s],
        .plan = &walk->cut->plan[s],
        .scratch = &walk->scratch->segment[s],
        .begins = true,
    };
    next[s] = mbconv_axis_begin(&strip[s].shape->rows, first);
  }
  for (size_t first = begin; first < end; first += strip_rows) {
    take_rows(&strip[top], first, mbconv_min(strip_rows, end - first), &next[top]);
    for (size_t s = top; s > 0; s--) take_rows(&strip[s - 1], strip[s].fresh_first, strip[s].fresh_rows, &next[s - 1]);
    for (size_t s = 0; s <= top; s++) {
      if (strip[s].rows == 0) continue; /* the segment after it has all the rows it needs */
      connect(walk, s, &strip[s]);
      run_segment(walk, s, &strip[s]);
      strip[s].begins = false;
    }
  }
}
