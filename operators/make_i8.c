/* SPDX-License-Identifier: MIT
 *
 * How the engine makes a list of int8: what an object keeps beside its weights, and what packs these.
 */
#include "i8.h"
#include "i8/set_scalar.h"
#include "i8_sets.h"

/* The bytes that come out of a stage of so many channels are turned by `out`; those that tables are asked for are the
 * set's. */
static struct mbconv_epilogue lay_out_epilogue(const struct mbconv_kernels *kernels, const struct mbconv_i8_stage *from,
                                               size_t channels, uint8_t out, struct mbconv_cursor *cursor) {
  const uint8_t turned = kernels->i8->turned, of_type = (uint8_t)mbconv_i8_offset(from->type);
  const mbconv_i8_stage_desc *desc = from->desc;
  const bool own = desc->tables > 1;
  struct mbconv_epilogue epilogue = {.ending = mbconv_ending_none()};
  struct mbconv_i8_ending *ending = mbconv_take(cursor, 1, sizeof *ending);
  uint8_t(*tables)[256] = desc->table ? mbconv_take(cursor, own ? channels : 1, sizeof *tables) : NULL;
  if (desc->table) epilogue.prelu = own ? mbconv_i8_tables_scalar : kernels->i8->table;
  if (!ending) return epilogue;
  *ending = from->ending;
  ending->flip ^= desc->table ? turned : out;
  ending->table_bytes = own ? sizeof *tables : 0;
  epilogue.ending.i8 = ending;
  epilogue.slopes = (char *)tables;
  for (size_t c = 0; tables && c < (own ? channels : 1); c++)
    mbconv_i8_copy_table(desc->table + c * sizeof *tables, turned ^ of_type, of_type ^ from->table_flip ^ out,
                         tables[c]);
  return epilogue;
}

/* Whether something is added to what the last stage gives. */
static bool adds(const struct mbconv_stages *stages) { return stages->residual || stages->residual_given; }

/* By what the bytes that stage i gives are turned: not those of y, nor those that squeeze-excite reads. */
static uint8_t turned_by(const struct mbconv_stages *stages, size_t i) {
  const uint8_t turned = stages->base.kernels->i8->turned;
  if (i + 1 == stages->count) return adds(stages) ? turned : 0;
  return stages->stage[i + 1].kind == MBCONV_STAGE_SQUEEZE_EXCITE ? 0 : turned;
}

/* Chooses the set of a stage's panels: that for a single pixel, if there is one and they never see more, but where
 * another image than the planned one is given to them. */
static void choose_panels(const struct mbconv_stages *stages, struct mbconv_stage *stage) {
  const struct mbconv_kernels *one_pixel = stages->base.kernels->i8->one_pixel;
  if (!one_pixel) return;
  if (stage->kind == MBCONV_STAGE_SQUEEZE_EXCITE)
    stage->excite.reduce.kernels = stage->excite.expand.kernels = one_pixel;
  else if (stage->kind == MBCONV_STAGE_POINTWISE && stages->cut.height == 1 && stages->cut.width == 1)
    stage->panels.kernels = one_pixel;
}

static void lay_out_stage(struct mbconv_stages *stages, size_t i, const struct mbconv_i8_stage *from,
                          struct mbconv_cursor *cursor) {
  const struct mbconv_kernels *kernels = stages->base.kernels;
  struct mbconv_stage *stage = &stages->stage[i];
  const uint8_t turned = kernels->i8->turned;
  stage->padding = from->padding ^ turned;
  stage->behind = (unsigned char)mbconv_i8_behind(&from->ending);
  choose_panels(stages, stage);
  stage->epilogue = lay_out_epilogue(kernels, from, stage->out_channels, turned_by(stages, i), cursor);
  if (stage->kind != MBCONV_STAGE_SQUEEZE_EXCITE) return;
  const struct mbconv_i8_excited *excited = from->excited;
  struct mbconv_i8_excite *kept = mbconv_take(cursor, 1, sizeof *kept);
  if (kept) {
    *kept = excited->arithmetic;
    kept->mean.flip = turned; /* its layers are pointwise */
    kept->gate.ending.flip ^= turned;
  }
  stages->i8_excite = kept;
  stage->excite.inner = lay_out_epilogue(kernels, &excited->reduce, excited->shape.width, turned, cursor);
  stage->excite.gate = lay_out_epilogue(kernels, &excited->expand, stage->out_channels, 0, cursor);
}

/* Channels are so few that no product overflows: see check_weights() in stages.c. */
static void lay_out_doors(struct mbconv_stages *stages, const struct mbconv_i8_list *list) {
  const struct mbconv_stage *first = &stages->stage[0], *last = &stages->stage[stages->count - 1];
  const bool floats_in = mbconv_floats_in(list), floats_out = mbconv_floats_out(list);
  const bool dense = first->kind == MBCONV_STAGE_DENSE;
  if (floats_in) stages->x_element = sizeof(float);
  if (floats_in && !dense) stages->fetch = mbconv_i8_fetch;
  if (dense && (floats_in || list->flips)) stages->fetch_row = mbconv_i8_fetch_row;
  if (!dense && (floats_in || (list->flips && first->kind == MBCONV_STAGE_POINTWISE))) stages->x_in_scratch = true;
  if (floats_out) stages->y_element = sizeof(float), stages->y_in_scratch = true;
  stages->room = 0;
  if (floats_in || floats_out) stages->room = 2 * MBCONV_DOOR_ROOM * mbconv_max(first->in_channels, last->out_channels);
}

static void lay_out(struct mbconv_stages *stages, const struct mbconv_parameters *parameters,
                    struct mbconv_cursor *cursor) {
  struct mbconv_i8_list made = *parameters[0].i8->list, *list = mbconv_take(cursor, 1, sizeof *list);
  const uint8_t turned = stages->base.kernels->i8->turned;
  if (!mbconv_floats_in(&made)) made.flips = made.flips != (turned != 0);
  if (adds(stages)) made.add.a_flip = turned;
  stages->i8 = list;
  stages->residual_after = true; /* by the doors */
  if (list) *list = made;
  lay_out_doors(stages, &made);
  for (size_t i = 0; i < stages->count; i++) lay_out_stage(stages, i, parameters[i].i8, cursor);
}

/* Each channel has been checked, so that it succeeds. */
static struct mbconv_i8_channel channel_of(const struct mbconv_i8_stage *from, size_t channel, size_t k) {
  struct mbconv_i8_channel made;
  mbconv_i8_channel_of(from, channel, k, "", &made, NULL);
  return made;
}

/* These return the bytes of the weights. */

static size_t pack_panels(const struct mbconv_panels *panels, const struct mbconv_i8_stage *from, size_t taps) {
  for (size_t c = 0; c < panels->channels; c++) {
    struct mbconv_i8_channel channel = channel_of(from, c, panels->k);
    channel.taps = taps;
    const struct mbconv_panel_place to = mbconv_panels_place(panels, c);
    panels->kernels->i8->pack_panel(to.panel, to.width, to.lane, panels->k, &channel);
  }
  return mbconv_panels_bytes(panels);
}

static size_t pack_depthwise(const struct mbconv_stage *stage, const struct mbconv_i8_stage *from,
                             const struct mbconv_kernels *kernels) {
  const size_t kernel = stage->window.kernel, stride = mbconv_window_ordinary_stride(&stage->window);
  for (size_t c = 0; c < stage->out_channels; c++) {
    const struct mbconv_i8_channel channel = channel_of(from, c, kernel * kernel);
    kernels->i8->pack_depthwise(stage->taps, c, kernel, stride, &channel);
  }
  return stage->tap_bytes * mbconv_round_up(stage->out_channels, kernels->packing.unit);
}

static size_t pack_stage(const struct mbconv_stage *stage, const struct mbconv_i8_stage *from,
                         const struct mbconv_kernels *kernels) {
  if (stage->kind == MBCONV_STAGE_DEPTHWISE) return pack_depthwise(stage, from, kernels);
  if (stage->kind != MBCONV_STAGE_SQUEEZE_EXCITE)
    return pack_panels(&stage->panels, from, stage->window.kernel * stage->window.kernel);
  return pack_panels(&stage->excite.reduce, &from->excited->reduce, 1) +
         pack_panels(&stage->excite.expand, &from->excited->expand, 1);
}

static size_t pack(struct mbconv_stages *stages, const struct mbconv_parameters *parameters) {
  size_t bytes = 0;
  for (size_t i = 0; i < stages->count; i++)
    bytes += pack_stage(&stages->stage[i], parameters[i].i8, stages->base.kernels);
  return bytes;
}

const struct mbconv_maker mbconv_i8_maker = {
    .sets = &mbconv_i8_sets,
    .lay_out = lay_out,
    .pack = pack,
    .check_shape = mbconv_i8_shape_check,
    .end = mbconv_i8_end,
};
