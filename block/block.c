/* SPDX-License-Identifier: MIT
 *
 * The block: create packs, run hands strips to the threads. With squeeze-excite a run has three phases per image:
 * strips write the depthwise output and sum its channels, the scales are computed, pixels are scaled and projected.
 */
#include "block.h"

#include "dispatch.h"
#include "fold.h"
#include "pack.h"
#include "status.h"

/* ---- Create ------------------------------------------------------------------------------------------------------ */

/* Sets sizes and takes the weights' memory. */
static void lay_out(mbconv_block *block, const mbconv_block_desc *desc, struct mbconv_cursor *cursor) {
  struct mbconv_stages *stages = &block->stages;
  const struct mbconv_kernels *kernels = stages->kernels;
  const size_t expanded = desc->expanded_channels;
  if (desc->expand) mbconv_panels_plan(&stages->expand, kernels, desc->in_channels, expanded, true, cursor);
  mbconv_panels_plan(&stages->project, kernels, expanded, desc->out_channels, false, cursor);
  const size_t taps = desc->kernel * desc->kernel;
  stages->depthwise =
      mbconv_take_floats(cursor, mbconv_depthwise_floats_checked(taps, expanded, kernels->lanes, &cursor->overflow));
  if (desc->squeeze_excite) {
    mbconv_panels_plan(&block->excite.reduce, kernels, expanded, desc->squeeze_excite->width, false, cursor);
    mbconv_panels_plan(&block->excite.expand, kernels, desc->squeeze_excite->width, expanded, false, cursor);
  }
}

static void pack(mbconv_block *block, const mbconv_block_desc *desc) {
  struct mbconv_stages *stages = &block->stages;
  const size_t expanded = desc->expanded_channels;
  const size_t padded = mbconv_round_up(expanded, stages->kernels->lanes);
  size_t bytes = mbconv_depthwise_floats(desc->kernel * desc->kernel, padded) * sizeof(float);
  mbconv_depthwise_pack(stages->kernels, expanded, desc->kernel, desc->depthwise, stages->depthwise);
  mbconv_panels_pack(&stages->project, desc->project);
  bytes += mbconv_panels_bytes(&stages->project);
  if (desc->expand) {
    mbconv_panels_pack(&stages->expand, desc->expand);
    bytes += mbconv_panels_bytes(&stages->expand);
  }
  if (desc->squeeze_excite) {
    mbconv_panels_pack(&block->excite.reduce, desc->squeeze_excite->reduce);
    mbconv_panels_pack(&block->excite.expand, desc->squeeze_excite->expand);
    bytes += mbconv_panels_bytes(&block->excite.reduce) + mbconv_panels_bytes(&block->excite.expand);
  }
  block->base.info.weight_bytes = bytes;
}

static void describe_stages(struct mbconv_stages *stages, const mbconv_block_desc *desc,
                            const struct mbconv_kernels *kernels, mbconv_exp variant) {
  struct mbconv_shape *shape = &stages->shape;
  *shape = mbconv_block_shape(desc);
  stages->kernels = kernels;
  stages->epilogue = mbconv_epilogue_of(desc->activation, kernels, variant);
  shape->mapped = stages->epilogue.map != NULL;
  stages->plan =
      mbconv_plan_of(shape, kernels->pointwise[0].channels, mbconv_l2_bytes(), desc->strip_rows, desc->group_channels);
  stages->layout = desc->layout;
  stages->residual = desc->residual != MBCONV_RESIDUAL_OFF && desc->stride == 1 &&
                     desc->in_channels == desc->out_channels && shape->out_height == desc->height &&
                     shape->out_width == desc->width;
}

mbconv_status mbconv_block_create(const mbconv_block_desc *desc, const mbconv_options *options, mbconv_block **out,
                                  mbconv_error *error) {
  if (!out) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  struct mbconv_operator base = {0};
  mbconv_status status = mbconv_block_check(desc, true, error);
  if (status == MBCONV_OK) status = mbconv_operator_choose(&base, desc->type, options, error);
  if (status != MBCONV_OK) return status;

  const struct mbconv_kernels *kernels = base.kernels;
  const mbconv_exp variant = base.info.exp;
  mbconv_block sizes = {.stages.kernels = kernels};
  struct mbconv_cursor cursor = {0};
  mbconv_take(&cursor, 1, sizeof(mbconv_block));
  lay_out(&sizes, desc, &cursor);
  status = mbconv_operator_allocate(&base, &cursor, error);
  if (status != MBCONV_OK) return status;

  mbconv_block *block = mbconv_take(&cursor, 1, sizeof *block);
  block->base = base;
  describe_stages(&block->stages, desc, kernels, variant);
  lay_out(block, desc, &cursor);
  pack(block, desc);
  if (desc->squeeze_excite) {
    block->excite.inner = mbconv_epilogue_of(desc->squeeze_excite->inner, kernels, variant);
    block->excite.gate = mbconv_epilogue_of(desc->squeeze_excite->gate, kernels, variant);
  }
  *out = block;
  return mbconv_succeed(error);
}

/* ---- Queries ----------------------------------------------------------------------------------------------------- */

void mbconv_block_output_size(const mbconv_block *block, size_t *height, size_t *width) {
  *height = block->stages.shape.out_height;
  *width = block->stages.shape.out_width;
}

mbconv_status mbconv_block_info(const mbconv_block *block, mbconv_info *info, mbconv_error *error) {
  return mbconv_operator_info(block, "block", info, error);
}

void mbconv_block_destroy(mbconv_block *block) { mbconv_operator_destroy(block); }
