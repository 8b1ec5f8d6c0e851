/* SPDX-License-Identifier: MIT
 *
 * What users can get wrong about a block, and about the shortcut of any list.
 */
#include "block.h"
#include "status.h"

mbconv_status mbconv_depthwise_kernel_check(size_t kernel, mbconv_error *error) {
  if (kernel == 3 || kernel == 5 || kernel == 7) return MBCONV_OK;
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "kernel is %zu, not 3, 5 or 7", kernel);
}

mbconv_status mbconv_pad_kind_check(mbconv_pad_kind kind, mbconv_error *error) {
  if ((unsigned)kind <= MBCONV_PAD_SAME) return MBCONV_OK;
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "pad_kind is %d, which is none", (int)kind);
}

mbconv_status mbconv_layout_check(mbconv_layout layout, mbconv_error *error) {
  if ((unsigned)layout <= MBCONV_NCHW) return MBCONV_OK;
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "layout is %d, which is none", (int)layout);
}

mbconv_status mbconv_squeeze_excite_check(const mbconv_squeeze_excite *excite, bool more, mbconv_error *error) {
  static const char *const names[] = {"squeeze_excite->inner", "squeeze_excite->gate"};
  mbconv_status status = mbconv_struct_check(&excite->struct_size, sizeof *excite, "squeeze_excite", error);
  const mbconv_activation_kind kinds[] = {excite->inner, excite->gate};
  for (size_t i = 0; i < 2 && status == MBCONV_OK; i++)
    status = mbconv_activation_check(kinds[i], names[i], more, error);
  if (status == MBCONV_OK && excite->width == 0)
    status = mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "squeeze_excite->width is 0");
  return status;
}

static mbconv_status check_enums(const mbconv_block_desc *desc, mbconv_error *error) {
  mbconv_status status = mbconv_layout_check(desc->layout, error);
  if (status == MBCONV_OK) status = mbconv_pad_kind_check(desc->pad_kind, error);
  if (status == MBCONV_OK) status = mbconv_activation_check(desc->activation, "activation", false, error);
  return status;
}

static mbconv_status check_channels(const mbconv_block_desc *desc, mbconv_error *error) {
  if (desc->in_channels == 0 || desc->expanded_channels == 0 || desc->out_channels == 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "channels are %zu in, %zu expanded, %zu out", desc->in_channels,
                       desc->expanded_channels, desc->out_channels);
  if (!desc->expand && desc->expanded_channels != desc->in_channels)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                       "without expand, expanded_channels must equal in_channels, but they are %zu and %zu",
                       desc->expanded_channels, desc->in_channels);
  return MBCONV_OK;
}

static void add_stage(struct mbconv_described *described, mbconv_stage_kind kind, size_t in, size_t out,
                      const struct mbconv_window *window, const struct mbconv_parameters *parameters) {
  const size_t i = described->stages.count++;
  described->stages.stage[i] =
      (struct mbconv_stage){.kind = kind, .in_channels = in, .out_channels = out, .window = *window};
  described->parameters[i] = *parameters;
}

static struct mbconv_window window_of(const mbconv_block_desc *desc) {
  return mbconv_window_of(desc->kernel, desc->stride, desc->dilation, &desc->pad, desc->pad_kind);
}

/* P D [E] P, or D [E] P without expand. */
static void list_stages(const mbconv_block_desc *desc, struct mbconv_described *described) {
  const size_t in = desc->in_channels, expanded = desc->expanded_channels, out = desc->out_channels;
  const struct mbconv_window pixel = {.kernel = 1, .stride = 1, .dilation = 1};
  const struct mbconv_window window = window_of(desc);
  const mbconv_activation_kind activation = desc->activation;
  const struct mbconv_parameters expand = {.name = "expand", .conv = desc->expand, .activation = activation};
  const struct mbconv_parameters depthwise = {.name = "depthwise", .conv = desc->depthwise, .activation = activation};
  const struct mbconv_parameters excite = {.name = "squeeze_excite", .excite = desc->squeeze_excite};
  const struct mbconv_parameters project = {.name = "project", .conv = desc->project};
  described->more_of = NULL;
  described->stages = (struct mbconv_stages){.base.info.type = desc->type,
                                             .layout = desc->layout,
                                             .y_layout = desc->layout,
                                             .residual_channels = out,
                                             .strip_rows = desc->strip_rows,
                                             .group_channels = desc->group_channels};
  if (desc->expand) add_stage(described, MBCONV_STAGE_POINTWISE, in, expanded, &pixel, &expand);
  add_stage(described, MBCONV_STAGE_DEPTHWISE, expanded, expanded, &window, &depthwise);
  if (desc->squeeze_excite) add_stage(described, MBCONV_STAGE_SQUEEZE_EXCITE, expanded, expanded, &pixel, &excite);
  add_stage(described, MBCONV_STAGE_POINTWISE, expanded, out, &pixel, &project);
}

/* Whether the input can be what is added to the output, for images of any size. */
static bool input_fits(const struct mbconv_stages *stages) {
  const struct mbconv_stage *last = &stages->stage[stages->count - 1];
  bool keeps = last->kind != MBCONV_STAGE_DEPTHWISE;
  for (size_t i = 0; i < stages->count; i++) keeps = keeps && mbconv_window_keeps_size(&stages->stage[i].window);
  return keeps && stages->stage[0].in_channels == stages->residual_channels;
}

mbconv_status mbconv_residual_check(mbconv_residual residual, struct mbconv_described *described, mbconv_error *error) {
  struct mbconv_stages *stages = &described->stages;
  const struct mbconv_stage *first = &stages->stage[0], *last = &stages->stage[stages->count - 1];
  const size_t height = stages->cut.height, width = stages->cut.width;
  if ((unsigned)residual > MBCONV_RESIDUAL_GIVEN)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "residual is %d, which is no choice", (int)residual);
  const bool fits = input_fits(stages), given = residual == MBCONV_RESIDUAL_GIVEN;
  stages->residual_given = given;
  stages->residual = fits && (residual == MBCONV_RESIDUAL_AUTO || residual == MBCONV_RESIDUAL_ON);
  if ((given || residual == MBCONV_RESIDUAL_ON) && last->kind == MBCONV_STAGE_DEPTHWISE)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "residual is on, but the last stage is depthwise");
  if (fits || residual != MBCONV_RESIDUAL_ON) return MBCONV_OK;
  if (height == 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "residual is on, but input and output have different shapes");
  const struct mbconv_shape *shape = mbconv_cut_last(stages, &stages->cut);
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                     "residual is on, but the input is %zu x %zu x %zu and the output %zu x %zu x %zu", height, width,
                     first->in_channels, shape->rows.out, shape->columns.out, stages->residual_channels);
}

mbconv_status mbconv_block_check(const mbconv_block_desc *desc, bool weights_needed, struct mbconv_described *described,
                                 mbconv_error *error) {
  if (!desc) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "desc is NULL");
  mbconv_status status = mbconv_struct_check(&desc->struct_size, sizeof *desc, "desc", error);
  if (status == MBCONV_OK) status = mbconv_type_check(desc->type, error);
  if (status == MBCONV_OK) status = check_enums(desc, error);
  if (status == MBCONV_OK && desc->squeeze_excite)
    status = mbconv_squeeze_excite_check(desc->squeeze_excite, false, error);
  if (status == MBCONV_OK) status = check_channels(desc, error);
  if (status == MBCONV_OK) status = mbconv_depthwise_kernel_check(desc->kernel, error);
  if (status != MBCONV_OK) return status;
  list_stages(desc, described);
  status = mbconv_described_check(described, desc->height, desc->width, weights_needed, error);
  return status == MBCONV_OK ? mbconv_residual_check(desc->residual, described, error) : status;
}
