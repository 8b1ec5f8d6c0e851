/* SPDX-License-Identifier: MIT
 *
 * The depthwise operator: a list of one stage. Input rows are copied into a ring with zeros around them, which keeps
 * borders and channel tails out of the kernels; where the image can be read in place, it is.
 */
#include "block.h"
#include "more.h"
#include "run.h"
#include "status.h"

struct mbconv_depthwise {
  struct mbconv_stages stages;
};

static mbconv_status check(const mbconv_depthwise_desc *desc, struct mbconv_described *described, mbconv_error *error) {
  if (!desc) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "desc is NULL");
  mbconv_status status = mbconv_struct_check(&desc->struct_size, sizeof *desc, "desc", error);
  if (status == MBCONV_OK) status = mbconv_type_check(desc->type, error);
  if (status == MBCONV_OK) status = mbconv_pad_kind_check(desc->pad_kind, error);
  if (status != MBCONV_OK) return status;
  if (desc->channels == 0) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "channels is 0");
  status = mbconv_depthwise_kernel_check(desc->kernel, error);
  if (status == MBCONV_OK) status = mbconv_activation_check(desc->activation, "activation", true, error);
  if (status != MBCONV_OK) return status;
  *described = (struct mbconv_described){
      .stages = {.base.info.type = desc->type,
                 .strip_rows = SIZE_MAX,
                 .count = 1,
                 .stage = {{.kind = MBCONV_STAGE_DEPTHWISE,
                            .in_channels = desc->channels,
                            .out_channels = desc->channels,
                            .window = mbconv_window_of(desc->kernel, desc->stride, desc->dilation, &desc->pad,
                                                       desc->pad_kind)}}},
      .more_of = mbconv_more_of,
      .parameters = {{.name = "conv", .conv = desc->conv, .activation = desc->activation}},
  };
  return mbconv_described_check(described, desc->height, desc->width, true, error);
}

mbconv_status mbconv_depthwise_create(const mbconv_depthwise_desc *desc, const mbconv_options *options,
                                      mbconv_depthwise **out, mbconv_error *error) {
  if (!out) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  struct mbconv_described described;
  struct mbconv_stages *made;
  mbconv_status status = check(desc, &described, error);
  described.sets = &mbconv_f32_sets;
  if (status == MBCONV_OK) status = mbconv_stages_create(&described, options, &made, error);
  if (status == MBCONV_OK) *out = (mbconv_depthwise *)made;
  return status;
}

static mbconv_status run(const mbconv_depthwise *depthwise, const struct mbconv_size *at, size_t batch, const void *x,
                         void *y, void *scratch, size_t scratch_size, const mbconv_threads *threads,
                         mbconv_error *error) {
  const struct mbconv_operands operands = {
      .batch = batch, .x = x, .y = y, .scratch = scratch, .scratch_size = scratch_size};
  if (!depthwise) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "depthwise is NULL");
  return mbconv_stages_run(&depthwise->stages, at, &operands, NULL, threads, error);
}

mbconv_status mbconv_depthwise_run(const mbconv_depthwise *depthwise, size_t batch, const void *x, void *y,
                                   void *scratch, size_t scratch_size, const mbconv_threads *threads,
                                   mbconv_error *error) {
  return run(depthwise, NULL, batch, x, y, scratch, scratch_size, threads, error);
}

mbconv_status mbconv_depthwise_run_at(const mbconv_depthwise *depthwise, size_t batch, size_t height, size_t width,
                                      const void *x, void *y, void *scratch, size_t scratch_size,
                                      const mbconv_threads *threads, mbconv_error *error) {
  const struct mbconv_size at = {height, width};
  return run(depthwise, &at, batch, x, y, scratch, scratch_size, threads, error);
}

/* ---- Queries ----------------------------------------------------------------------------------------------------- */

void mbconv_depthwise_output_size(const mbconv_depthwise *depthwise, size_t *height, size_t *width) {
  if (height) *height = 0;
  if (width) *width = 0;
  if (depthwise) mbconv_stages_output_size(&depthwise->stages, NULL, height, width, NULL);
}

mbconv_status mbconv_depthwise_output_size_at(const mbconv_depthwise *depthwise, size_t height, size_t width,
                                              size_t *out_height, size_t *out_width, mbconv_error *error) {
  const struct mbconv_size at = {height, width};
  if (!depthwise) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "depthwise is NULL");
  return mbconv_stages_output_size(&depthwise->stages, &at, out_height, out_width, error);
}

size_t mbconv_depthwise_scratch_size(const mbconv_depthwise *depthwise, size_t threads) {
  size_t bytes = SIZE_MAX;
  if (depthwise) mbconv_stages_scratch_size(&depthwise->stages, NULL, threads, &bytes, NULL);
  return bytes;
}

mbconv_status mbconv_depthwise_scratch_size_at(const mbconv_depthwise *depthwise, size_t height, size_t width,
                                               size_t threads, size_t *bytes, mbconv_error *error) {
  const struct mbconv_size at = {height, width};
  if (!depthwise) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "depthwise is NULL");
  return mbconv_stages_scratch_size(&depthwise->stages, &at, threads, bytes, error);
}

mbconv_status mbconv_depthwise_info(const mbconv_depthwise *depthwise, mbconv_info *info, mbconv_error *error) {
  return mbconv_operator_info(depthwise, "depthwise", info, error);
}

void mbconv_depthwise_destroy(mbconv_depthwise *depthwise) { mbconv_operator_destroy(depthwise); }
