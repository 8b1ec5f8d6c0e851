/* SPDX-License-Identifier: MIT
 *
 * A block described as a list of stages, in a file of its own: a program that makes MBConv alone does not contain the
 * dense stage, nor the kernels of struct mbconv_more_kernels.
 */
#include "block.h"
#include "dense.h"
#include "format.h"
#include "more.h"
#include "status.h"

static bool windowed(mbconv_stage_kind kind) { return kind == MBCONV_STAGE_DEPTHWISE || kind == MBCONV_STAGE_DENSE; }

static bool keeps_channels(mbconv_stage_kind kind) {
  return kind == MBCONV_STAGE_DEPTHWISE || kind == MBCONV_STAGE_SQUEEZE_EXCITE;
}

/* A stage, `size` bytes behind the one before. */
static const mbconv_stage_desc *stage_at(const mbconv_stages_desc *desc, size_t index) {
  const size_t size = desc->stages->struct_size ? desc->stages->struct_size : sizeof *desc->stages;
  return (const mbconv_stage_desc *)(const void *)((const char *)desc->stages + index * size);
}

/* Where in a list a kind may be. */
static mbconv_status check_place(const mbconv_stages_desc *desc, size_t index, const char *name, mbconv_error *error) {
  const mbconv_stage_kind kind = stage_at(desc, index)->kind;
  if (kind < MBCONV_STAGE_POINTWISE || kind > MBCONV_STAGE_SQUEEZE_EXCITE)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: kind is %d, which is none", name, (int)kind);
  if (kind == MBCONV_STAGE_DENSE && index > 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is dense: only the first stage can be", name);
  if (kind != MBCONV_STAGE_SQUEEZE_EXCITE) return MBCONV_OK;
  if (index > 0 && index + 2 == desc->count && stage_at(desc, index + 1)->kind == MBCONV_STAGE_POINTWISE)
    return MBCONV_OK;
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                     "%s is squeeze-excite: it must be between a stage and the last, a pointwise", name);
}

/* What a kind has no use for must not be set. */
static mbconv_status check_fields(const mbconv_stage_desc *stage, const char *name, mbconv_error *error) {
  const mbconv_pad *pad = &stage->pad;
  const size_t kernel = stage->kernel;
  if (stage->kind == MBCONV_STAGE_DEPTHWISE && kernel != 3 && kernel != 5 && kernel != 7)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: kernel is %zu, not 3, 5 or 7", name, kernel);
  if (stage->kind == MBCONV_STAGE_DENSE && (kernel < 1 || kernel > 7))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: kernel is %zu, not 1 to 7", name, kernel);
  if (stage->kind != MBCONV_STAGE_DEPTHWISE && stage->dilation > 1)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: dilation is %zu, but it is not depthwise", name,
                       stage->dilation);
  if (!windowed(stage->kind) && (kernel > 1 || stage->stride > 1 || pad->top || pad->left || pad->bottom ||
                                 pad->right || stage->pad_kind != MBCONV_PAD_GIVEN))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s has a kernel, stride or padding, but looks at one pixel",
                       name);
  const bool excites = stage->kind == MBCONV_STAGE_SQUEEZE_EXCITE;
  if (excites != (stage->squeeze_excite != NULL) || (excites && stage->conv))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: %s", name,
                       excites ? "squeeze-excite has squeeze_excite set, and no conv" : "squeeze_excite is set");
  return MBCONV_OK;
}

static mbconv_status check_channels(const mbconv_stage_desc *stage, const char *name, size_t in, mbconv_error *error) {
  const size_t out = stage->out_channels;
  if (!keeps_channels(stage->kind) && out == 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: out_channels is 0", name);
  if (keeps_channels(stage->kind) && out != 0 && out != in)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: out_channels is %zu, but it keeps its %zu channels", name,
                       out, in);
  return MBCONV_OK;
}

static mbconv_status check_stage(const mbconv_stages_desc *desc, size_t index, size_t in, mbconv_error *error) {
  const mbconv_stage_desc *stage = stage_at(desc, index);
  char name[16];
  mbconv_format(name, sizeof name, "stages[%zu]", index);
  mbconv_status status = mbconv_struct_check(&stage->struct_size, sizeof *stage, name, error);
  if (status == MBCONV_OK && stage->struct_size != desc->stages->struct_size)
    status = mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: struct_size is %zu, but %zu in the first stage", name,
                         stage->struct_size, desc->stages->struct_size);
  if (status == MBCONV_OK && stage->struct_size % _Alignof(mbconv_stage_desc) != 0)
    status = mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: struct_size is %zu, which no array's elements have", name,
                         stage->struct_size);
  if (status == MBCONV_OK) status = check_place(desc, index, name, error);
  if (status == MBCONV_OK) status = mbconv_pad_kind_check(stage->pad_kind, error);
  if (status == MBCONV_OK) status = check_fields(stage, name, error);
  if (status == MBCONV_OK) status = check_channels(stage, name, in, error);
  if (status == MBCONV_OK) status = mbconv_activation_check(stage->activation, "activation", true, error);
  if (status != MBCONV_OK || stage->kind != MBCONV_STAGE_SQUEEZE_EXCITE) return status;
  const mbconv_squeeze_excite *excite = stage->squeeze_excite;
  status = mbconv_squeeze_excite_check(excite, true, error);
  if (status != MBCONV_OK) return status;
  if (!mbconv_activation_sloped(stage->activation) && !mbconv_activation_sloped(excite->inner) &&
      !mbconv_activation_sloped(excite->gate))
    return MBCONV_OK;
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: squeeze-excite has an activation with slopes", name);
}

/* Adds stage `index`; returns its output channels. */
static size_t add_stage(const mbconv_stages_desc *desc, size_t index, size_t in, struct mbconv_described *described) {
  const mbconv_stage_desc *given = stage_at(desc, index);
  const struct mbconv_window pixel = {.kernel = 1, .stride = 1, .dilation = 1};
  const size_t out = keeps_channels(given->kind) ? in : given->out_channels;
  described->stages.stage[index] = (struct mbconv_stage){
      .kind = given->kind,
      .in_channels = in,
      .out_channels = out,
      .window = windowed(given->kind)
                    ? mbconv_window_of(given->kernel, given->stride, given->dilation, &given->pad, given->pad_kind)
                    : pixel,
      .dense = given->kind == MBCONV_STAGE_DENSE ? &mbconv_dense : NULL,
  };
  described->parameters[index] = (struct mbconv_parameters){
      .conv = given->conv,
      .activation = given->activation,
      .excite = given->squeeze_excite,
  };
  return out;
}

/* The list, stage by stage. */
static mbconv_status list_stages(const mbconv_stages_desc *desc, struct mbconv_described *described,
                                 mbconv_error *error) {
  size_t channels = desc->in_channels;
  described->stages = (struct mbconv_stages){.base.info.type = desc->type,
                                             .layout = desc->layout,
                                             .y_layout = desc->layout,
                                             .strip_rows = desc->strip_rows,
                                             .group_channels = desc->group_channels,
                                             .count = desc->count};
  for (size_t i = 0; i < desc->count; i++) {
    const mbconv_status status = check_stage(desc, i, channels, error);
    if (status != MBCONV_OK) return status;
    channels = add_stage(desc, i, channels, described);
  }
  described->more_of = mbconv_more_of;
  /* Without an activation the place makes no difference, and the tiles can add it. */
  described->stages.residual_after = desc->residual_place == MBCONV_RESIDUAL_AFTER_ACTIVATION &&
                                     stage_at(desc, desc->count - 1)->activation != MBCONV_ACTIVATION_NONE;
  described->stages.residual_channels = desc->residual_channels ? desc->residual_channels : channels;
  if (desc->residual_channels <= channels) return MBCONV_OK;
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "residual_channels is %zu, more than the %zu of the output",
                     desc->residual_channels, channels);
}

mbconv_status mbconv_stages_check(const mbconv_stages_desc *desc, bool weights_needed,
                                  struct mbconv_described *described, mbconv_error *error) {
  if (!desc) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "desc is NULL");
  mbconv_status status = mbconv_struct_check(&desc->struct_size, sizeof *desc, "desc", error);
  if (status == MBCONV_OK) status = mbconv_type_check(desc->type, error);
  if (status == MBCONV_OK) status = mbconv_layout_check(desc->layout, error);
  if (status != MBCONV_OK) return status;
  if (desc->count == 0 || desc->count > MBCONV_MOST_STAGES)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "count is %zu, not 1 to %d stages", desc->count,
                       MBCONV_MOST_STAGES);
  if (!desc->stages) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "stages is NULL");
  if (desc->in_channels == 0) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "in_channels is 0");
  if ((unsigned)desc->residual_place > MBCONV_RESIDUAL_AFTER_ACTIVATION)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "residual_place is %d, which is none",
                       (int)desc->residual_place);
  status = list_stages(desc, described, error);
  if (status == MBCONV_OK) status = mbconv_described_check(described, desc->height, desc->width, weights_needed, error);
  return status == MBCONV_OK ? mbconv_residual_check(desc->residual, described, error) : status;
}

mbconv_status mbconv_block_create_stages(const mbconv_stages_desc *desc, const mbconv_options *options,
                                         mbconv_block **out, mbconv_error *error) {
  if (!out) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  struct mbconv_described described;
  struct mbconv_stages *made;
  mbconv_status status = mbconv_stages_check(desc, true, &described, error);
  described.sets = &mbconv_f32_sets;
  if (status == MBCONV_OK) status = mbconv_stages_create(&described, options, &made, error);
  if (status == MBCONV_OK) *out = (mbconv_block *)made;
  return status;
}
