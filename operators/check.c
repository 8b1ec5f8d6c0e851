/* SPDX-License-Identifier: MIT
 *
 * What users can get wrong about a block.
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

static mbconv_status check_enums(const mbconv_block_desc *desc, mbconv_error *error) {
  if ((unsigned)desc->residual > MBCONV_RESIDUAL_ON)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "residual is %d, which is no choice", (int)desc->residual);
  if ((unsigned)desc->layout > MBCONV_NCHW)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "layout is %d, which is none", (int)desc->layout);
  mbconv_status status = mbconv_pad_kind_check(desc->pad_kind, error);
  if (status == MBCONV_OK) status = mbconv_activation_check(desc->activation, "activation", error);
  const mbconv_squeeze_excite *excite = desc->squeeze_excite;
  if (excite && status == MBCONV_OK) status = mbconv_activation_check(excite->inner, "squeeze_excite->inner", error);
  if (excite && status == MBCONV_OK) status = mbconv_activation_check(excite->gate, "squeeze_excite->gate", error);
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
  if (desc->squeeze_excite && desc->squeeze_excite->width == 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "squeeze_excite->width is 0");
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
  described->stages = (struct mbconv_stages){.base.info.type = desc->type,
                                             .layout = desc->layout,
                                             .strip_rows = desc->strip_rows,
                                             .group_channels = desc->group_channels};
  if (desc->expand) add_stage(described, MBCONV_STAGE_POINTWISE, in, expanded, &pixel, &expand);
  add_stage(described, MBCONV_STAGE_DEPTHWISE, expanded, expanded, &window, &depthwise);
  if (desc->squeeze_excite) add_stage(described, MBCONV_STAGE_SQUEEZE_EXCITE, expanded, expanded, &pixel, &excite);
  add_stage(described, MBCONV_STAGE_POINTWISE, expanded, out, &pixel, &project);
}

static mbconv_status check_residual(const mbconv_block_desc *desc, struct mbconv_described *described,
                                    mbconv_error *error) {
  const struct mbconv_window window = window_of(desc);
  const bool same = desc->in_channels == desc->out_channels && mbconv_window_keeps_size(&window);
  described->stages.residual = same && desc->residual != MBCONV_RESIDUAL_OFF;
  if (same || desc->residual != MBCONV_RESIDUAL_ON) return MBCONV_OK;
  if (desc->height == 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "residual is on, but input and output have different shapes");
  const struct mbconv_shape *last = mbconv_cut_last(&described->stages, &described->stages.cut);
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                     "residual is on, but the input is %zu x %zu x %zu and the output %zu x %zu x %zu", desc->height,
                     desc->width, desc->in_channels, last->rows.out, last->columns.out, desc->out_channels);
}

mbconv_status mbconv_block_check(const mbconv_block_desc *desc, bool weights_needed, struct mbconv_described *described,
                                 mbconv_error *error) {
  if (!desc) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "desc is NULL");
  mbconv_status status = mbconv_struct_check(&desc->struct_size, sizeof *desc, "desc", error);
  if (status == MBCONV_OK) status = mbconv_type_check(desc->type, error);
  if (status == MBCONV_OK && desc->squeeze_excite)
    status =
        mbconv_struct_check(&desc->squeeze_excite->struct_size, sizeof *desc->squeeze_excite, "squeeze_excite", error);
  if (status == MBCONV_OK) status = check_enums(desc, error);
  if (status == MBCONV_OK) status = check_channels(desc, error);
  if (status == MBCONV_OK) status = mbconv_depthwise_kernel_check(desc->kernel, error);
  if (status != MBCONV_OK) return status;
  list_stages(desc, described);
  status = mbconv_described_check(described, desc->height, desc->width, weights_needed, error);
  return status == MBCONV_OK ? check_residual(desc, described, error) : status;
}
