/* SPDX-License-Identifier: MIT
 *
 * A block of int8: what users can get wrong about it, and the list of stages that it becomes.
 */
#include "block.h"
#include "dense.h"
#include "format.h"
#include "i8.h"
#include "status.h"

static bool is_zero(const mbconv_quantization *quantization) {
  return quantization->zero_point == 0 && quantization->scale == 0.0f;
}

/* A stage, `size` bytes behind the one before. */
static const mbconv_i8_stage_desc *stage_at(const mbconv_i8_desc *desc, size_t index) {
  const size_t size = desc->stages->struct_size ? desc->stages->struct_size : sizeof *desc->stages;
  return (const mbconv_i8_stage_desc *)(const void *)((const char *)desc->stages + index * size);
}

static mbconv_status check_struct(const mbconv_i8_desc *desc, size_t index, const char *name, mbconv_error *error) {
  const mbconv_i8_stage_desc *stage = stage_at(desc, index);
  const mbconv_status status = mbconv_struct_check(&stage->struct_size, sizeof *stage, name, error);
  if (status != MBCONV_OK) return status;
  if (stage->struct_size != desc->stages->struct_size)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: struct_size is %zu, but %zu in the first stage", name,
                       stage->struct_size, desc->stages->struct_size);
  if (stage->struct_size % _Alignof(mbconv_i8_stage_desc) != 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: struct_size is %zu, which no array's elements have", name,
                       stage->struct_size);
  return MBCONV_OK;
}

static bool windowed(mbconv_stage_kind kind) { return kind == MBCONV_STAGE_DEPTHWISE || kind == MBCONV_STAGE_DENSE; }

static bool keeps_channels(mbconv_stage_kind kind) {
  return kind == MBCONV_STAGE_DEPTHWISE || kind == MBCONV_STAGE_SQUEEZE_EXCITE;
}

/* A dense stage is the first. Squeeze-excite stands behind another stage and before the last one, which is pointwise.
 */
static mbconv_status check_place(const mbconv_i8_desc *desc, size_t index, const char *name, mbconv_error *error) {
  if (stage_at(desc, index)->kind == MBCONV_STAGE_DENSE && index > 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is dense: only the first stage can be", name);
  if (stage_at(desc, index)->kind != MBCONV_STAGE_SQUEEZE_EXCITE) return MBCONV_OK;
  if (index > 0 && index + 2 == desc->count && stage_at(desc, index + 1)->kind == MBCONV_STAGE_POINTWISE)
    return MBCONV_OK;
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                     "%s is squeeze-excite: it must be between a stage and the last, a pointwise", name);
}

static mbconv_status check_window(const mbconv_i8_stage_desc *stage, const char *name, mbconv_error *error) {
  const bool dense = stage->kind == MBCONV_STAGE_DENSE;
  if (!dense && stage->kernel != 3 && stage->kernel != 5 && stage->kernel != 7)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: kernel is %zu, not 3, 5 or 7", name, stage->kernel);
  if (dense && (stage->kernel < 1 || stage->kernel > 7))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: kernel is %zu, not 1 to 7", name, stage->kernel);
  if (dense && stage->dilation > 1)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: dilation is %zu, but it is not depthwise", name,
                       stage->dilation);
  return mbconv_pad_kind_check(stage->pad_kind, error);
}

/* The kind, and what it has no use for. */
static mbconv_status check_shape(const mbconv_i8_stage_desc *stage, size_t in, const char *name, mbconv_error *error) {
  const bool excites = stage->kind == MBCONV_STAGE_SQUEEZE_EXCITE;
  if (stage->kind < MBCONV_STAGE_POINTWISE || stage->kind > MBCONV_STAGE_SQUEEZE_EXCITE)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: kind is %d, which is none", name, (int)stage->kind);
  if (excites != (stage->squeeze_excite != NULL))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: %s", name,
                       excites ? "squeeze_excite is NULL" : "squeeze_excite is set");
  if (keeps_channels(stage->kind) && stage->out_channels != 0 && stage->out_channels != in)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: out_channels is %zu, but it keeps its %zu channels", name,
                       stage->out_channels, in);
  if (!keeps_channels(stage->kind) && stage->out_channels == 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: out_channels is 0", name);
  return windowed(stage->kind) ? check_window(stage, name, error) : mbconv_i8_pointwise_check(stage, name, error);
}

mbconv_status mbconv_i8_pointwise_check(const mbconv_i8_stage_desc *stage, const char *name, mbconv_error *error) {
  const mbconv_pad *pad = &stage->pad;
  if (stage->kernel > 1 || stage->stride > 1 || stage->dilation > 1 || pad->top || pad->left || pad->bottom ||
      pad->right || stage->pad_kind != MBCONV_PAD_GIVEN)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s has a kernel, stride or padding, but looks at one pixel",
                       name);
  return MBCONV_OK;
}

mbconv_status mbconv_i8_pointers_check(const mbconv_i8_stage_desc *stage, size_t out, const char *name,
                                       mbconv_error *error) {
  if (!stage->weight) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s has no weights", name);
  if (!stage->weight_scale) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s has no weight_scale", name);
  if (stage->weight_scales != 1 && stage->weight_scales != out)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: weight_scales is %zu, not 1 or the %zu of its channels",
                       name, stage->weight_scales, out);
  return MBCONV_OK;
}

void mbconv_i8_copy_table(const uint8_t *table, uint8_t in, uint8_t out, uint8_t made[256]) {
  for (size_t byte = 0; byte < 256; byte++) made[byte] = table[byte ^ in] ^ out;
}

static mbconv_status check_tables(const mbconv_i8_stage_desc *stage, size_t channels, mbconv_type type,
                                  const char *name, mbconv_error *error) {
  char of[48];
  mbconv_format(of, sizeof of, "%s.table_output", name);
  if (stage->tables > 1 && stage->tables != channels)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: tables is %zu, not 0, 1 or the %zu of its channels", name,
                       stage->tables, channels);
  if (stage->tables > 0 && !stage->table)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: tables is %zu, but table is NULL", name, stage->tables);
  if (stage->table) return mbconv_quantization_check(&stage->table_output, type, of, error);
  if (is_zero(&stage->table_output)) return MBCONV_OK;
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is set, but there is no table", of);
}

mbconv_status mbconv_i8_stage_make(const mbconv_i8_desc *desc, const mbconv_i8_stage_desc *stage,
                                   const mbconv_quantization *input, size_t channels, const char *name,
                                   struct mbconv_i8_stage *made, mbconv_error *error) {
  char output[48];
  mbconv_format(output, sizeof output, "%s.output", name);
  mbconv_status status = mbconv_quantization_check(&stage->output, desc->type, output, error);
  if (status != MBCONV_OK) return status;
  *made = (struct mbconv_i8_stage){
      .desc = stage,
      .type = desc->type,
      .input = *input,
      .padding = (uint8_t)(input->zero_point + mbconv_i8_offset(desc->type)),
      .ending = {.rounding = desc->rounding, .zero = stage->output.zero_point + mbconv_i8_offset(desc->type)},
  };
  status =
      mbconv_i8_bounds(stage->activation, &stage->output, desc->type, name, &made->ending.lo, &made->ending.hi, error);
  if (status == MBCONV_OK)
    status = mbconv_i8_clamp_to(stage->clamp_lo, stage->clamp_hi, desc->type, name, &made->ending.lo, &made->ending.hi,
                                error);
  if (status == MBCONV_OK) status = check_tables(stage, channels, desc->type, name, error);
  return status;
}

/* Adds stage `index`, whose input has *channels channels that stand for *input; both become those of its output. */
static mbconv_status add_stage(const mbconv_i8_desc *desc, size_t index, struct mbconv_i8_described *all,
                               size_t *channels, mbconv_quantization *input, mbconv_error *error) {
  const mbconv_i8_stage_desc *stage = stage_at(desc, index);
  const struct mbconv_window pixel = {.kernel = 1, .stride = 1, .dilation = 1};
  const bool excites = stage->kind == MBCONV_STAGE_SQUEEZE_EXCITE;
  struct mbconv_described *described = &all->described;
  struct mbconv_i8_stage *made = &all->stage[index];
  char name[16];
  mbconv_format(name, sizeof name, "stages[%zu]", index);
  mbconv_status status = check_struct(desc, index, name, error);
  if (status == MBCONV_OK) status = check_place(desc, index, name, error);
  if (status == MBCONV_OK) status = check_shape(stage, *channels, name, error);
  const size_t out = keeps_channels(stage->kind) ? *channels : stage->out_channels;
  if (status == MBCONV_OK && !excites) status = mbconv_i8_pointers_check(stage, out, name, error);
  if (status == MBCONV_OK) status = mbconv_i8_stage_make(desc, stage, input, out, name, made, error);
  if (status == MBCONV_OK && excites) {
    made->excited = &all->excited;
    status = mbconv_i8_excite_check(desc, made, out, name, &all->excited, error);
  }
  if (status != MBCONV_OK) return status;
  described->stages.stage[index] = (struct mbconv_stage){
      .kind = stage->kind,
      .in_channels = *channels,
      .out_channels = out,
      .window = windowed(stage->kind)
                    ? mbconv_window_of(stage->kernel, stage->stride, stage->dilation, &stage->pad, stage->pad_kind)
                    : pixel,
      .dense = stage->kind == MBCONV_STAGE_DENSE ? &mbconv_i8_dense : NULL,
  };
  described->parameters[index] = (struct mbconv_parameters){.i8 = made, .excite = &all->excited.shape};
  *channels = out;
  *input = stage->table ? stage->table_output : stage->output;
  return MBCONV_OK;
}

mbconv_status mbconv_i8_channels_check(const struct mbconv_i8_stage *stage, size_t out, size_t k, const char *name,
                                       mbconv_error *error) {
  mbconv_status status = MBCONV_OK;
  for (size_t c = 0; c < out && status == MBCONV_OK; c++) {
    struct mbconv_i8_channel unused;
    status = mbconv_i8_channel_of(stage, c, k, name, &unused, error);
  }
  return status;
}

/* The weights and scales of all stages: only after the sizes have been checked. */
static mbconv_status check_channels(const struct mbconv_described *described, mbconv_error *error) {
  mbconv_status status = MBCONV_OK;
  for (size_t i = 0; i < described->stages.count && status == MBCONV_OK; i++) {
    const struct mbconv_stage *stage = &described->stages.stage[i];
    const struct mbconv_i8_stage *given = described->parameters[i].i8;
    const size_t kernel = stage->window.kernel;
    const size_t k = (stage->kind == MBCONV_STAGE_DEPTHWISE ? 1 : stage->in_channels) * kernel * kernel;
    char name[16];
    mbconv_format(name, sizeof name, "stages[%zu]", i);
    if (stage->kind == MBCONV_STAGE_SQUEEZE_EXCITE)
      status = mbconv_i8_excite_channels_check(given->excited, stage->in_channels, name, error);
    else
      status = mbconv_i8_channels_check(given, stage->out_channels, k, name, error);
  }
  return status;
}

static struct mbconv_i8_converter converter_of(mbconv_i8_door door, mbconv_type type, const mbconv_quantization *q) {
  return (struct mbconv_i8_converter){door, q->zero_point + mbconv_i8_offset(type), q->scale, 1.0f / q->scale};
}

/* A door at which floats of quantization q become bytes. */
static mbconv_status door_of(mbconv_i8_door door, mbconv_type type, const mbconv_quantization *q, const char *name,
                             struct mbconv_i8_converter *made, mbconv_error *error) {
  if (door != MBCONV_I8_DOOR_BYTES && q->scale > 0x1p126f)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s: the scale is above 2^126, of floats", name);
  *made = converter_of(door, type, q);
  return MBCONV_OK;
}

/* Those of x, of the residual b and of y. */
static mbconv_status check_doors(const mbconv_i8_desc *desc, const mbconv_quantization *b, const mbconv_quantization *y,
                                 struct mbconv_i8_list *list, mbconv_error *error) {
  mbconv_status status = door_of(desc->x_door, desc->type, &desc->input, "input", &list->x, error);
  if (status == MBCONV_OK) status = door_of(desc->x_door, desc->type, b, "residual_input", &list->residual, error);
  list->y = converter_of(desc->y_door, desc->type, y);
  return status;
}

/* The sum's table gives bytes that are turned by `flip`. */
static mbconv_status check_sum_table(const mbconv_i8_desc *desc, uint8_t flip, struct mbconv_i8_list *list,
                                     mbconv_error *error) {
  list->maps_sum = desc->sum_table != NULL;
  if (list->maps_sum) {
    const uint8_t turned = (uint8_t)mbconv_i8_offset(desc->type);
    mbconv_i8_copy_table(desc->sum_table, turned, turned ^ flip, list->sum_table);
    return mbconv_quantization_check(&desc->sum_table_output, desc->type, "sum_table_output", error);
  }
  if (is_zero(&desc->sum_table_output)) return MBCONV_OK;
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "sum_table_output is set, but there is no table");
}

/* What y is made by, the shortcut or the last stage, turns its bytes if they are s8. `a` is what the last stage's stand
 * for. */
static mbconv_status finish(const mbconv_i8_desc *desc, const struct mbconv_stages *stages,
                            const mbconv_quantization *a, struct mbconv_i8_stage *last, struct mbconv_i8_list *list,
                            mbconv_error *error) {
  const uint8_t turned = (uint8_t)mbconv_i8_offset(desc->type);
  const uint8_t flip = desc->y_door == MBCONV_I8_DOOR_BYTES ? turned : 0;
  const uint8_t x_flip = desc->x_door == MBCONV_I8_DOOR_BYTES ? turned : 0;
  const bool given = stages->residual_given, adds = given || stages->residual;
  const mbconv_quantization *b = given ? &desc->residual_input : &desc->input;
  list->flips = x_flip > 0;
  if (!given && !is_zero(&desc->residual_input))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                       "residual_input is set, but the residual is not one that is given");
  if (!adds) {
    if (!is_zero(&desc->sum) || desc->sum_activation != MBCONV_ACTIVATION_NONE || desc->sum_table ||
        !is_zero(&desc->sum_table_output))
      return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "sum is set, but nothing is added");
    if (last->desc->table)
      last->table_flip = flip;
    else
      last->ending.flip = flip;
    return check_doors(desc, b, a, list, error);
  }
  mbconv_status status = mbconv_quantization_check(&desc->sum, desc->type, "sum", error);
  if (status == MBCONV_OK && given)
    status = mbconv_quantization_check(&desc->residual_input, desc->type, "residual_input", error);
  if (status == MBCONV_OK) status = mbconv_i8_add_of(desc->add, desc->type, a, b, &desc->sum, &list->add, error);
  if (status == MBCONV_OK) status = check_sum_table(desc, flip, list, error);
  if (status == MBCONV_OK)
    status = check_doors(desc, b, desc->sum_table ? &desc->sum_table_output : &desc->sum, list, error);
  if (status != MBCONV_OK) return status;
  list->add.flip = desc->sum_table ? 0 : flip;
  list->add.b_flip = x_flip;
  return mbconv_i8_bounds(desc->sum_activation, &desc->sum, desc->type, "sum", &list->add.lo, &list->add.hi, error);
}

static mbconv_status check_desc(const mbconv_i8_desc *desc, mbconv_error *error) {
  if (!desc) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "desc is NULL");
  mbconv_status status = mbconv_struct_check(&desc->struct_size, sizeof *desc, "desc", error);
  if (status != MBCONV_OK) return status;
  if (desc->type != MBCONV_S8 && desc->type != MBCONV_U8)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "type is %d, neither MBCONV_S8 nor MBCONV_U8", (int)desc->type);
  if ((unsigned)desc->rounding > MBCONV_I8_TFLITE_DOUBLE)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "rounding is %d, which is none", (int)desc->rounding);
  if ((unsigned)desc->x_door > MBCONV_I8_DOOR_ONNX || (unsigned)desc->y_door > MBCONV_I8_DOOR_ONNX)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "a door is %d, which is none",
                       (int)((unsigned)desc->x_door > MBCONV_I8_DOOR_ONNX ? desc->x_door : desc->y_door));
  status = mbconv_layout_check(desc->layout, error);
  if (status != MBCONV_OK) return status;
  if (desc->count == 0 || desc->count > MBCONV_MOST_STAGES)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "count is %zu, not 1 to %d stages", desc->count,
                       MBCONV_MOST_STAGES);
  if (!desc->stages) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "stages is NULL");
  if (desc->in_channels == 0) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "in_channels is 0");
  return mbconv_quantization_check(&desc->input, desc->type, "input", error);
}

mbconv_status mbconv_i8_check(const mbconv_i8_desc *desc, struct mbconv_i8_described *made, mbconv_error *error) {
  struct mbconv_described *described = &made->described;
  mbconv_status status = check_desc(desc, error);
  if (status != MBCONV_OK) return status;
  *described = (struct mbconv_described){.stages = {.base.info.type = desc->type,
                                                    .layout = desc->layout,
                                                    .y_layout = desc->layout,
                                                    .strip_rows = desc->strip_rows,
                                                    .group_channels = desc->group_channels,
                                                    .maker = &mbconv_i8_maker,
                                                    .count = desc->count}};
  made->list = (struct mbconv_i8_list){0};
  size_t channels = desc->in_channels;
  mbconv_quantization output = desc->input;
  for (size_t i = 0; i < desc->count && status == MBCONV_OK; i++)
    status = add_stage(desc, i, made, &channels, &output, error);
  if (status != MBCONV_OK) return status;
  described->stages.residual_channels = channels;
  status = mbconv_described_check(described, desc->height, desc->width, true, error);
  if (status == MBCONV_OK) status = check_channels(described, error);
  const bool adds = desc->residual != MBCONV_RESIDUAL_AUTO || !is_zero(&desc->sum);
  const mbconv_residual residual = desc->residual == MBCONV_RESIDUAL_AUTO ? MBCONV_RESIDUAL_ON : desc->residual;
  if (status == MBCONV_OK) status = mbconv_residual_check(adds ? residual : MBCONV_RESIDUAL_OFF, described, error);
  made->stage[0].list = &made->list;
  return status == MBCONV_OK
             ? finish(desc, &described->stages, &output, &made->stage[desc->count - 1], &made->list, error)
             : status;
}

mbconv_status mbconv_block_create_i8(const mbconv_i8_desc *desc, const mbconv_options *options, mbconv_block **out,
                                     mbconv_error *error) {
  if (!out) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  struct mbconv_i8_described made;
  struct mbconv_stages *stages;
  mbconv_status status = mbconv_i8_check(desc, &made, error);
  if (status == MBCONV_OK) status = mbconv_stages_create(&made.described, options, &stages, error);
  if (status == MBCONV_OK) *out = (mbconv_block *)stages;
  return status;
}
