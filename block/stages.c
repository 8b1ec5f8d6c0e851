/* SPDX-License-Identifier: MIT
 *
 * A list of stages: what can be wrong with it, its segments, its packed weights, and how it is cut for an image.
 */
#include "dispatch.h"
#include "fold.h"
#include "format.h"
#include "stage.h"

/* Every tensor, padded to whole tiles, must stay far from the end of the address space. */
enum { ROOM = 64 };

/* ---- The list ---------------------------------------------------------------------------------------------------- */

/* Finds the segments. Their pointers are into *stages: to be done again for a copy. */
static void link_segments(struct mbconv_stages *stages) {
  stages->segments = 0;
  stages->planned = 0;
  stages->excite = NULL;
  for (size_t i = 0; i < stages->count; i++) {
    const struct mbconv_stage *stage = &stages->stage[i];
    if (stage->kind == MBCONV_STAGE_SQUEEZE_EXCITE) {
      stages->excite = stage;
      continue;
    }
    const bool expands = stage->kind == MBCONV_STAGE_POINTWISE && i + 1 < stages->count &&
                         stages->stage[i + 1].kind == MBCONV_STAGE_DEPTHWISE;
    if (expands || stage->kind != MBCONV_STAGE_POINTWISE) stages->planned = stages->segments;
    stages->segment[stages->segments++] = (struct mbconv_segment){expands ? stage : NULL, expands ? stage + 1 : stage};
    if (expands) i++;
  }
}

static mbconv_status check_pad(size_t pad, const char *side, const struct mbconv_window *window, mbconv_error *error) {
  if (window->same && pad > 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "pad.%s is %zu, but padding is SAME", side, pad);
  const size_t span = mbconv_window_span(window);
  if (pad < span) return MBCONV_OK;
  if (window->dilation == 1)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "pad.%s is %zu, not less than the kernel of %zu", side, pad,
                       span);
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                     "pad.%s is %zu, not less than the %zu pixels of a kernel of %zu with dilation %zu", side, pad,
                     span, window->kernel, window->dilation);
}

static mbconv_status check_window(const struct mbconv_window *window, mbconv_error *error) {
  if (window->stride != 1 && window->stride != 2)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "stride is %zu, not 1 or 2", window->stride);
  if (window->dilation > PTRDIFF_MAX / ROOM / window->kernel)
    return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "a dilation of %zu does not fit into memory", window->dilation);
  mbconv_status status = check_pad(window->pad.top, "top", window, error);
  if (status == MBCONV_OK) status = check_pad(window->pad.left, "left", window, error);
  if (status == MBCONV_OK) status = check_pad(window->pad.bottom, "bottom", window, error);
  if (status == MBCONV_OK) status = check_pad(window->pad.right, "right", window, error);
  return status;
}

/* All products that create forms are below these. `k` is the length of a chain before it is multiplied by `taps`. */
static mbconv_status check_weights(size_t k, size_t taps, size_t out, mbconv_error *error) {
  const size_t most = PTRDIFF_MAX / (ROOM * ROOM);
  bool overflow = k > most || out > most;
  if (!overflow)
    mbconv_multiply(mbconv_multiply(taps * k + ROOM, out + ROOM, &overflow), 8 * MBCONV_MAX_ELEMENT, &overflow);
  if (!overflow) return MBCONV_OK;
  return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "weights of %zu x %zu do not fit into memory", out, k);
}

static mbconv_status check_stage(const struct mbconv_stage *stage, const struct mbconv_parameters *given,
                                 mbconv_error *error) {
  const size_t in = stage->in_channels, out = stage->out_channels, taps = stage->window.kernel * stage->window.kernel;
  const mbconv_status status = check_window(&stage->window, error);
  if (status != MBCONV_OK) return status;
  if (stage->kind == MBCONV_STAGE_SQUEEZE_EXCITE)
    return check_weights(given->excite->width, 1, mbconv_max(in, out), error);
  return check_weights(stage->kind == MBCONV_STAGE_DEPTHWISE ? 1 : in, taps, out, error);
}

static mbconv_status check_parameters(const struct mbconv_stage *stage, const struct mbconv_parameters *given,
                                      size_t index, bool weights_needed, mbconv_error *error) {
  const mbconv_squeeze_excite *excite = given->excite;
  char name[24];
  if (MBCONV_HAS_I8 && given->i8) return MBCONV_OK; /* they have been checked */
  mbconv_format(name, sizeof name, "stages[%zu].conv", index);
  if (stage->kind != MBCONV_STAGE_SQUEEZE_EXCITE)
    return mbconv_conv_check(given->conv, given->name ? given->name : name, stage->out_channels, given->activation,
                             weights_needed, error);
  const mbconv_status status =
      mbconv_conv_check(excite->reduce, "squeeze_excite->reduce", excite->width, excite->inner, weights_needed, error);
  if (status != MBCONV_OK) return status;
  return mbconv_conv_check(excite->expand, "squeeze_excite->expand", stage->out_channels, excite->gate, weights_needed,
                           error);
}

/* ---- An image's cut ---------------------------------------------------------------------------------------------- */

static mbconv_status check_image(size_t height, size_t width, const struct mbconv_window *window, mbconv_error *error) {
  if (height == 0 || width == 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "the image is %zu x %zu", height, width);
  if (height > PTRDIFF_MAX / ROOM || width > PTRDIFF_MAX / ROOM)
    return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "an image of %zu x %zu does not fit into memory", height, width);
  const size_t padded_height = height + window->pad.top + window->pad.bottom;
  const size_t padded_width = width + window->pad.left + window->pad.right;
  const size_t span = mbconv_window_span(window);
  if (window->same || (padded_height >= span && padded_width >= span)) return MBCONV_OK;
  if (window->dilation == 1)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                       "the padded image of %zu x %zu is smaller than the kernel of %zu", padded_height, padded_width,
                       span);
  return mbconv_fail(
      error, MBCONV_INVALID_ARGUMENT,
      "the padded image of %zu x %zu is smaller than the %zu pixels of a kernel of %zu with dilation %zu",
      padded_height, padded_width, span, window->kernel, window->dilation);
}

static struct mbconv_shape shape_of(const struct mbconv_stages *stages, size_t index, size_t height, size_t width) {
  const struct mbconv_segment *segment = &stages->segment[index];
  const struct mbconv_stage *stage = segment->stage, *expand = segment->expand;
  const mbconv_pad *pad = &stage->window.pad;
  return (struct mbconv_shape){
      .rows = mbconv_axis_of(&stage->window, height, pad->top, pad->bottom),
      .columns = mbconv_axis_of(&stage->window, width, pad->left, pad->right),
      .in_channels = expand ? expand->in_channels : stage->in_channels,
      .expanded_channels = stage->out_channels,
      .out_channels = stages->stage[stages->count - 1].out_channels,
      .expand = expand != NULL,
      .project = index + 1 < stages->segments,
      .squeeze_excite = stages->excite && index + 2 == stages->segments,
      .mapped = mbconv_epilogue_maps(&stage->epilogue) || (expand && mbconv_epilogue_maps(&expand->epilogue)),
      .whole = MBCONV_COPIES_ROWS && index == 0 && !expand && !(MBCONV_HAS_I8 && stages->maker),
      .chained = index > 0 || stages->segments > 2,
  };
}

/* All products that the scratch query and a run form are below these. */
static bool fits(const struct mbconv_axis *rows, const struct mbconv_axis *columns, size_t channels) {
  bool overflow = channels > PTRDIFF_MAX / ROOM;
  const size_t row = mbconv_max(columns->before + columns->in, mbconv_axis_reach(columns, columns->out)); /* padded */
  const size_t height = mbconv_max(rows->in, rows->out) + ROOM, width = mbconv_max(row, columns->out) + ROOM;
  const size_t pixels = mbconv_multiply(height, width, &overflow);
  mbconv_multiply(mbconv_multiply(pixels, channels + ROOM, &overflow), 8 * MBCONV_MAX_ELEMENT, &overflow);
  return !overflow;
}

mbconv_status mbconv_cut_shapes(const struct mbconv_stages *stages, size_t height, size_t width, struct mbconv_cut *cut,
                                mbconv_error *error) {
  size_t rows = height, columns = width;
  for (size_t s = 0; s < stages->segments; s++) {
    const mbconv_status status = check_image(rows, columns, &stages->segment[s].stage->window, error);
    if (status != MBCONV_OK) return status;
    struct mbconv_shape *shape = &cut->shape[s];
    *shape = shape_of(stages, s, rows, columns);
    const size_t widest = mbconv_max(shape->in_channels, shape->expanded_channels);
    if (!fits(&shape->rows, &shape->columns, widest))
      return mbconv_fail(error, MBCONV_SIZE_OVERFLOW,
                         "an image of %zu x %zu with %zu channels does not fit into memory", rows, columns, widest);
    if (MBCONV_HAS_I8 && stages->maker && stages->maker->check_shape(shape, error) != MBCONV_OK)
      return MBCONV_SIZE_OVERFLOW;
    rows = shape->rows.out;
    columns = shape->columns.out;
  }
  cut->height = height;
  cut->width = width;
  return MBCONV_OK;
}

mbconv_status mbconv_described_check(struct mbconv_described *described, size_t height, size_t width,
                                     bool weights_needed, mbconv_error *error) {
  struct mbconv_stages *stages = &described->stages;
  link_segments(stages);
  mbconv_status status = MBCONV_OK;
  for (size_t i = 0; i < stages->count && status == MBCONV_OK; i++)
    status = check_stage(&stages->stage[i], &described->parameters[i], error);
  if (status == MBCONV_OK && (height > 0 || width > 0))
    status = mbconv_cut_shapes(stages, height, width, &stages->cut, error);
  for (size_t i = 0; i < stages->count && status == MBCONV_OK; i++)
    status = check_parameters(&stages->stage[i], &described->parameters[i], i, weights_needed, error);
  return status;
}

/* The plan of a segment without rings. */
static struct mbconv_plan plan_rows(const struct mbconv_shape *shape, size_t rows) {
  return (struct mbconv_plan){.strip_rows = rows, .groups = 1, .ring_rows = rows, .stored = shape->squeeze_excite};
}

/* The segments around the planned one: those after it have its strips, those before it write the rows that one needs
 * for a strip. */
static void plan_others(const struct mbconv_stages *stages, struct mbconv_cut *cut, size_t planned) {
  for (size_t s = planned + 1; s < stages->segments; s++)
    cut->plan[s] = plan_rows(&cut->shape[s], cut->plan[planned].strip_rows);
  for (size_t s = planned; s-- > 0;) {
    const size_t needed = cut->plan[s + 1].ring_rows;
    if (stages->segment[s].stage->kind == MBCONV_STAGE_DEPTHWISE)
      cut->plan[s] = mbconv_plan_of(&cut->shape[s], &stages->target, needed, 0);
    else
      cut->plan[s] = plan_rows(&cut->shape[s], needed);
  }
}

void mbconv_cut_plan(const struct mbconv_stages *stages, struct mbconv_cut *cut) {
  const size_t planned = stages->planned;
  const struct mbconv_shape *shape = &cut->shape[planned];
  if (stages->segment[planned].stage->kind == MBCONV_STAGE_DEPTHWISE)
    cut->plan[planned] = mbconv_plan_of(shape, &stages->target, stages->strip_rows, stages->group_channels);
  else
    cut->plan[planned] = plan_rows(shape, mbconv_plan_rows(shape, &stages->target, stages->strip_rows));
  plan_others(stages, cut, planned);
}

void mbconv_cut_share(const struct mbconv_stages *stages, struct mbconv_cut *cut, size_t threads) {
  const size_t planned = stages->planned;
  if (threads <= 1 || stages->segment[planned].stage->kind != MBCONV_STAGE_DEPTHWISE) return;
  struct mbconv_plan *plan = &cut->plan[planned];
  *plan = mbconv_plan_for_threads(plan, &cut->shape[planned], &stages->target, threads);
  plan_others(stages, cut, planned);
}

mbconv_status mbconv_cut_for(const struct mbconv_stages *stages, const struct mbconv_size *at, struct mbconv_cut *made,
                             const struct mbconv_cut **cut, mbconv_error *error) {
  *cut = &stages->cut;
  if (!at && stages->cut.height == 0) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, MBCONV_ANY_SIZE);
  if (!at || (at->height == stages->cut.height && at->width == stages->cut.width && at->height > 0)) return MBCONV_OK;
  *cut = made;
  const mbconv_status status = mbconv_cut_shapes(stages, at->height, at->width, made, error);
  if (status == MBCONV_OK) mbconv_cut_plan(stages, made);
  return status;
}

/* ---- Create ------------------------------------------------------------------------------------------------------ */

/* The object's, or what int8 has chosen. */
static const struct mbconv_kernels *set_of(const struct mbconv_panels *panels, const struct mbconv_kernels *kernels) {
  return MBCONV_HAS_I8 && panels->kernels ? panels->kernels : kernels;
}

static void lay_out_stage(struct mbconv_stage *stage, const struct mbconv_parameters *given,
                          const struct mbconv_kernels *kernels, bool grouped, struct mbconv_cursor *cursor) {
  const size_t kernel = stage->window.kernel;
  switch (stage->kind) {
    case MBCONV_STAGE_POINTWISE:
    case MBCONV_STAGE_DENSE:
      mbconv_panels_plan(&stage->panels, set_of(&stage->panels, kernels), kernel * kernel * stage->in_channels,
                         stage->out_channels, stage->behind, grouped, cursor);
      break;
    case MBCONV_STAGE_DEPTHWISE:
      stage->tap_bytes = (uint16_t)(mbconv_depthwise_channel_bytes(&kernels->packing, kernel,
                                                                   mbconv_window_ordinary_stride(&stage->window)) +
                                    stage->behind);
      stage->taps = mbconv_take(cursor, mbconv_round_up(stage->out_channels, kernels->packing.unit), stage->tap_bytes);
      break;
    case MBCONV_STAGE_SQUEEZE_EXCITE:
      mbconv_panels_plan(&stage->excite.reduce, set_of(&stage->excite.reduce, kernels), stage->in_channels,
                         given->excite->width, stage->behind, false, cursor);
      mbconv_panels_plan(&stage->excite.expand, set_of(&stage->excite.expand, kernels), given->excite->width,
                         stage->out_channels, stage->behind, false, cursor);
      break;
  }
}

/* Sets what happens to the sums of a stage, but for the slopes themselves. */
static void lay_out_epilogue(const struct mbconv_stages *stages, struct mbconv_stage *stage,
                             const struct mbconv_parameters *given, struct mbconv_cursor *cursor) {
  const struct mbconv_kernels *kernels = stages->base.kernels;
  const struct mbconv_more_kernels *more = stages->more;
  const mbconv_exp variant = stages->base.info.exp;
  const mbconv_activation_kind kind = given->activation;
  if (stage->kind == MBCONV_STAGE_SQUEEZE_EXCITE) {
    stage->epilogue = (struct mbconv_epilogue){.ending = mbconv_ending_none()};
    if (kind != MBCONV_ACTIVATION_NONE) stage->epilogue.map = mbconv_activation_of(kind, kernels, more, variant);
    stage->excite.inner = mbconv_epilogue_of(given->excite->inner, kernels, more, variant);
    stage->excite.gate = mbconv_epilogue_of(given->excite->gate, kernels, more, variant);
    return;
  }
  stage->epilogue = mbconv_epilogue_of(kind, kernels, more, variant);
  if (!mbconv_activation_sloped(kind)) return;
  stage->epilogue.slopes = mbconv_take(cursor, stage->out_channels, kernels->element);
}

void mbconv_stages_lay_out(struct mbconv_stages *stages, const struct mbconv_parameters *parameters,
                           struct mbconv_cursor *cursor) {
  const struct mbconv_kernels *kernels = stages->base.kernels;
  link_segments(stages);
  stages->y_in_scratch = stages->y_layout == MBCONV_NCHW;
  stages->x_element = stages->y_element = (unsigned char)kernels->element;
  const struct mbconv_maker *maker = MBCONV_HAS_I8 ? stages->maker : NULL;
  if (maker) maker->lay_out(stages, parameters, cursor);
  for (size_t i = 0; i < stages->count; i++) {
    struct mbconv_stage *stage = &stages->stage[i];
    const bool grouped = i + 1 < stages->count && stage[1].kind == MBCONV_STAGE_DEPTHWISE;
    lay_out_stage(stage, &parameters[i], kernels, grouped, cursor);
    if (!maker) lay_out_epilogue(stages, stage, &parameters[i], cursor);
  }
  stages->last_activates = parameters[stages->count - 1].activation != MBCONV_ACTIVATION_NONE;
  stages->target = (struct mbconv_target){
      .tile_channels = kernels->pointwise[0].channels,
      .unit = kernels->packing.unit,
      .element = kernels->element,
      .l2_bytes = stages->target.l2_bytes,
      .blocking = &kernels->blocking,
  };
}

/* Packs a stage; returns the bytes of its weights. */
static size_t pack_stage(struct mbconv_stage *stage, const struct mbconv_parameters *given,
                         const struct mbconv_kernels *kernels) {
  const size_t k = stage->window.kernel;
  if (stage->epilogue.prelu)
    mbconv_slopes_pack(given->activation, stage->out_channels, given->conv->slope, stage->epilogue.slopes);
  switch (stage->kind) {
    case MBCONV_STAGE_POINTWISE:
    case MBCONV_STAGE_DENSE:
      mbconv_panels_pack(&stage->panels, given->conv, k * k);
      return mbconv_panels_bytes(&stage->panels);
    case MBCONV_STAGE_DEPTHWISE:
      mbconv_depthwise_pack(kernels, stage->out_channels, k, given->conv, stage->taps);
      return stage->tap_bytes * mbconv_round_up(stage->out_channels, kernels->packing.unit);
    case MBCONV_STAGE_SQUEEZE_EXCITE: break;
  }
  mbconv_panels_pack(&stage->excite.reduce, given->excite->reduce, 1);
  mbconv_panels_pack(&stage->excite.expand, given->excite->expand, 1);
  return mbconv_panels_bytes(&stage->excite.reduce) + mbconv_panels_bytes(&stage->excite.expand);
}

mbconv_status mbconv_stages_create(const struct mbconv_described *described, const mbconv_options *options,
                                   struct mbconv_stages **out, mbconv_error *error) {
  const struct mbconv_parameters *parameters = described->parameters;
  struct mbconv_stages list = described->stages;
  mbconv_status status =
      mbconv_operator_choose(&list.base, MBCONV_HAS_I8 && list.maker ? list.maker->sets : described->sets,
                             list.base.info.type, options, error);
  if (status != MBCONV_OK) return status;
  struct mbconv_cursor cursor = {0};
  if (described->more_of) list.more = described->more_of(list.base.kernels);
  list.target.l2_bytes = mbconv_l2_bytes();
  mbconv_take(&cursor, 1, sizeof list);
  mbconv_stages_lay_out(&list, parameters, &cursor);
  status = mbconv_operator_allocate(&list.base, &cursor, error);
  if (status != MBCONV_OK) return status;

  struct mbconv_stages *stages = (void *)cursor.base; /* the first of all that is taken */
  mbconv_take(&cursor, 1, sizeof list);
  *stages = list;
  mbconv_stages_lay_out(stages, parameters, &cursor);
  if (MBCONV_HAS_I8 && stages->maker)
    stages->base.info.weight_bytes = stages->maker->pack(stages, parameters);
  else
    for (size_t i = 0; i < stages->count; i++)
      stages->base.info.weight_bytes += pack_stage(&stages->stage[i], &parameters[i], stages->base.kernels);
  if (stages->cut.height > 0) {
    mbconv_cut_shapes(stages, stages->cut.height, stages->cut.width, &stages->cut, NULL); /* now knows what is mapped */
    mbconv_cut_plan(stages, &stages->cut);
  }
  *out = stages;
  return mbconv_succeed(error);
}
