/* SPDX-License-Identifier: MIT
 *
 * The dense convolution: a list of one stage.
 */
#include "block.h"
#include "dense.h"
#include "more.h"
#include "run.h"
#include "status.h"

struct mbconv_convolution {
  struct mbconv_stages stages;
};

mbconv_status mbconv_convolution_check(const mbconv_convolution_desc *desc, bool weights_needed,
                                       struct mbconv_described *described, mbconv_error *error) {
  if (!desc) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "desc is NULL");
  mbconv_status status = mbconv_struct_check(&desc->struct_size, sizeof *desc, "desc", error);
  if (status == MBCONV_OK) status = mbconv_type_check(desc->type, error);
  if (status == MBCONV_OK) status = mbconv_pad_kind_check(desc->pad_kind, error);
  if (status != MBCONV_OK) return status;
  if (desc->in_channels == 0 || desc->out_channels == 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is 0", desc->in_channels ? "out_channels" : "in_channels");
  if (desc->kernel < 1 || desc->kernel > 7)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "kernel is %zu, not 1 to 7", desc->kernel);
  status = mbconv_layout_check(desc->layout, error);
  if (status == MBCONV_OK) status = mbconv_activation_check(desc->activation, "activation", true, error);
  if (status != MBCONV_OK) return status;
  *described = (struct mbconv_described){
      .stages = {.base.info.type = desc->type,
                 .layout = desc->layout,
                 .residual_channels = desc->out_channels,
                 .count = 1,
                 .stage = {{.kind = MBCONV_STAGE_DENSE,
                            .in_channels = desc->in_channels,
                            .out_channels = desc->out_channels,
                            .window = mbconv_window_of(desc->kernel, desc->stride, 1, &desc->pad, desc->pad_kind),
                            .dense = &mbconv_dense}}},
      .more_of = mbconv_more_of,
      .parameters = {{.name = "conv", .conv = desc->conv, .activation = desc->activation}},
  };
  return mbconv_described_check(described, desc->height, desc->width, weights_needed, error);
}

mbconv_status mbconv_convolution_create(const mbconv_convolution_desc *desc, const mbconv_options *options,
                                        mbconv_convolution **out, mbconv_error *error) {
  if (!out) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  struct mbconv_described described;
  struct mbconv_stages *made;
  mbconv_status status = mbconv_convolution_check(desc, true, &described, error);
  described.sets = &mbconv_f32_sets;
  if (status == MBCONV_OK) status = mbconv_stages_create(&described, options, &made, error);
  if (status == MBCONV_OK) *out = (mbconv_convolution *)made;
  return status;
}

static mbconv_status run(const mbconv_convolution *convolution, const struct mbconv_size *at, size_t batch,
                         const void *x, void *y, const void *residual, void *scratch, size_t scratch_size,
                         const mbconv_threads *threads, mbconv_error *error) {
  const struct mbconv_operands operands = {
      .batch = batch, .x = x, .y = y, .scratch = scratch, .scratch_size = scratch_size};
  if (!convolution) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "convolution is NULL");
  return mbconv_stages_run(&convolution->stages, at, &operands, residual, threads, error);
}

mbconv_status mbconv_convolution_run(const mbconv_convolution *convolution, size_t batch, const void *x, void *y,
                                     const void *residual, void *scratch, size_t scratch_size,
                                     const mbconv_threads *threads, mbconv_error *error) {
  return run(convolution, NULL, batch, x, y, residual, scratch, scratch_size, threads, error);
}

mbconv_status mbconv_convolution_run_at(const mbconv_convolution *convolution, size_t batch, size_t height,
                                        size_t width, const void *x, void *y, const void *residual, void *scratch,
                                        size_t scratch_size, const mbconv_threads *threads, mbconv_error *error) {
  const struct mbconv_size at = {height, width};
  return run(convolution, &at, batch, x, y, residual, scratch, scratch_size, threads, error);
}

/* ---- Queries ----------------------------------------------------------------------------------------------------- */

void mbconv_convolution_output_size(const mbconv_convolution *convolution, size_t *height, size_t *width) {
  if (height) *height = 0;
  if (width) *width = 0;
  if (convolution) mbconv_stages_output_size(&convolution->stages, NULL, height, width, NULL);
}

mbconv_status mbconv_convolution_output_size_at(const mbconv_convolution *convolution, size_t height, size_t width,
                                                size_t *out_height, size_t *out_width, mbconv_error *error) {
  const struct mbconv_size at = {height, width};
  if (!convolution) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "convolution is NULL");
  return mbconv_stages_output_size(&convolution->stages, &at, out_height, out_width, error);
}

size_t mbconv_convolution_scratch_size(const mbconv_convolution *convolution, size_t threads) {
  size_t bytes = SIZE_MAX;
  if (convolution) mbconv_stages_scratch_size(&convolution->stages, NULL, threads, &bytes, NULL);
  return bytes;
}

mbconv_status mbconv_convolution_scratch_size_at(const mbconv_convolution *convolution, size_t height, size_t width,
                                                 size_t threads, size_t *bytes, mbconv_error *error) {
  const struct mbconv_size at = {height, width};
  if (!convolution) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "convolution is NULL");
  return mbconv_stages_scratch_size(&convolution->stages, &at, threads, bytes, error);
}

mbconv_status mbconv_convolution_info(const mbconv_convolution *convolution, mbconv_info *info, mbconv_error *error) {
  return mbconv_operator_info(convolution, "convolution", info, error);
}

void mbconv_convolution_destroy(mbconv_convolution *convolution) { mbconv_operator_destroy(convolution); }
