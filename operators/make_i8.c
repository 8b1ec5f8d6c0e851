/* SPDX-License-Identifier: MIT
 *
 * How the engine makes a list of int8: what an object keeps beside its weights, and what packs these.
 */
#include <string.h>

#include "i8.h"
#include "i8_sets.h"

/* What an object keeps of a stage. */
struct kept {
  struct mbconv_i8_ending ending;
  uint8_t table[256];
};

static void lay_out_stage(const struct mbconv_stages *stages, struct mbconv_stage *stage,
                          const struct mbconv_parameters *given, struct mbconv_cursor *cursor) {
  const struct mbconv_i8_stage *from = given->i8;
  struct kept *kept = mbconv_take(cursor, 1, sizeof *kept);
  stage->padding = from->padding;
  stage->epilogue = (struct mbconv_epilogue){.ending = mbconv_ending_none()};
  if (from->desc->table) stage->epilogue.prelu = stages->base.kernels->i8->table;
  if (!kept) return;
  kept->ending = from->ending;
  stage->epilogue.ending.i8 = &kept->ending;
  if (!from->desc->table) return;
  memcpy(kept->table, from->table, sizeof kept->table);
  stage->epilogue.slopes = (char *)kept->table;
}

/* Channels are so few that no product overflows: see check_weights() in stages.c. */
static void lay_out_doors(struct mbconv_stages *stages, const struct mbconv_i8_list *list) {
  const struct mbconv_stage *first = &stages->stage[0], *last = &stages->stage[stages->count - 1];
  const bool floats_in = mbconv_floats_in(list), floats_out = mbconv_floats_out(list);
  if (floats_in) stages->x_element = sizeof(float), stages->fetch = mbconv_i8_fetch;
  if (floats_in || (list->flips && first->kind == MBCONV_STAGE_POINTWISE)) stages->x_in_scratch = true;
  if (floats_out) stages->y_element = sizeof(float), stages->y_in_scratch = true;
  stages->room = 0;
  if (floats_in || floats_out) stages->room = 2 * MBCONV_DOOR_ROOM * mbconv_max(first->in_channels, last->out_channels);
}

static void lay_out(struct mbconv_stages *stages, const struct mbconv_parameters *parameters,
                    struct mbconv_cursor *cursor) {
  struct mbconv_i8_list *list = mbconv_take(cursor, 1, sizeof *list);
  stages->i8 = list;
  stages->residual_after = true; /* by the doors */
  if (list) *list = *parameters[0].i8->list;
  lay_out_doors(stages, parameters[0].i8->list);
  for (size_t i = 0; i < stages->count; i++) lay_out_stage(stages, &stages->stage[i], &parameters[i], cursor);
}

static size_t pack_stage(struct mbconv_stage *stage, const struct mbconv_parameters *given,
                         const struct mbconv_kernels *kernels) {
  const size_t kernel = stage->window.kernel, stride = mbconv_window_ordinary_stride(&stage->window);
  const bool pointwise = stage->kind == MBCONV_STAGE_POINTWISE;
  const size_t k = pointwise ? stage->in_channels : kernel * kernel;
  for (size_t c = 0; c < stage->out_channels; c++) {
    struct mbconv_i8_channel channel;
    mbconv_i8_channel_of(given->i8, c, k, "", &channel, NULL); /* which the check has found to succeed */
    if (pointwise) {
      const struct mbconv_panel_place to = mbconv_panels_place(&stage->panels, c);
      kernels->i8->pack_panel(to.panel, to.width, to.lane, k, &channel);
    } else {
      kernels->i8->pack_depthwise(stage->taps, c, kernel, stride, &channel);
    }
  }
  return pointwise ? mbconv_panels_bytes(&stage->panels)
                   : stage->tap_bytes * mbconv_round_up(stage->out_channels, kernels->packing.unit);
}

static size_t pack(struct mbconv_stages *stages, const struct mbconv_parameters *parameters) {
  size_t bytes = 0;
  for (size_t i = 0; i < stages->count; i++)
    bytes += pack_stage(&stages->stage[i], &parameters[i], stages->base.kernels);
  return bytes;
}

const struct mbconv_maker mbconv_i8_maker = {&mbconv_i8_sets, lay_out, pack, mbconv_i8_end};
