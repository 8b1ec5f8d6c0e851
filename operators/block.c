/* SPDX-License-Identifier: MIT
 *
 * The block: a list of stages (stage.h), run by the engine (run.h).
 */
#include "block.h"

#include "format.h"
#include "run.h"
#include "status.h"

struct mbconv_block {
  struct mbconv_stages stages;
};

mbconv_status mbconv_block_create(const mbconv_block_desc *desc, const mbconv_options *options, mbconv_block **out,
                                  mbconv_error *error) {
  if (!out) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  struct mbconv_described described;
  struct mbconv_stages *made;
  mbconv_status status = mbconv_block_check(desc, true, &described, error);
  described.sets = &mbconv_f32_sets;
  if (status == MBCONV_OK) status = mbconv_stages_create(&described, options, &made, error);
  if (status == MBCONV_OK) *out = (mbconv_block *)made;
  return status;
}

/* `residual` NULL: none is given. */
static mbconv_status run(const mbconv_block *block, const struct mbconv_size *at, size_t batch, const void *x,
                         const void *residual, void *y, void *scratch, size_t scratch_size,
                         const mbconv_threads *threads, mbconv_error *error) {
  const struct mbconv_operands operands = {
      .batch = batch, .x = x, .y = y, .scratch = scratch, .scratch_size = scratch_size};
  if (!block) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "block is NULL");
  return mbconv_stages_run(&block->stages, at, &operands, residual, threads, error);
}

/* The same for a block that takes a residual. */
static mbconv_status run_residual(const mbconv_block *block, const struct mbconv_size *at, size_t batch, const void *x,
                                  const void *residual, void *y, void *scratch, size_t scratch_size,
                                  const mbconv_threads *threads, mbconv_error *error) {
  if (block && !block->stages.residual_given)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "a residual is given, but the block is not made for one");
  return run(block, at, batch, x, residual, y, scratch, scratch_size, threads, error);
}

mbconv_status mbconv_block_run(const mbconv_block *block, size_t batch, const void *x, void *y, void *scratch,
                               size_t scratch_size, const mbconv_threads *threads, mbconv_error *error) {
  return run(block, NULL, batch, x, NULL, y, scratch, scratch_size, threads, error);
}

mbconv_status mbconv_block_run_at(const mbconv_block *block, size_t batch, size_t height, size_t width, const void *x,
                                  void *y, void *scratch, size_t scratch_size, const mbconv_threads *threads,
                                  mbconv_error *error) {
  const struct mbconv_size at = {height, width};
  return run(block, &at, batch, x, NULL, y, scratch, scratch_size, threads, error);
}

mbconv_status mbconv_block_run_residual(const mbconv_block *block, size_t batch, const void *x, const void *residual,
                                        void *y, void *scratch, size_t scratch_size, const mbconv_threads *threads,
                                        mbconv_error *error) {
  return run_residual(block, NULL, batch, x, residual, y, scratch, scratch_size, threads, error);
}

mbconv_status mbconv_block_run_residual_at(const mbconv_block *block, size_t batch, size_t height, size_t width,
                                           const void *x, const void *residual, void *y, void *scratch,
                                           size_t scratch_size, const mbconv_threads *threads, mbconv_error *error) {
  const struct mbconv_size at = {height, width};
  return run_residual(block, &at, batch, x, residual, y, scratch, scratch_size, threads, error);
}

/* ---- Queries ----------------------------------------------------------------------------------------------------- */

void mbconv_block_output_size(const mbconv_block *block, size_t *height, size_t *width) {
  if (height) *height = 0;
  if (width) *width = 0;
  if (block) mbconv_stages_output_size(&block->stages, NULL, height, width, NULL);
}

mbconv_status mbconv_block_output_size_at(const mbconv_block *block, size_t height, size_t width, size_t *out_height,
                                          size_t *out_width, mbconv_error *error) {
  const struct mbconv_size at = {height, width};
  if (!block) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "block is NULL");
  return mbconv_stages_output_size(&block->stages, &at, out_height, out_width, error);
}

size_t mbconv_block_scratch_size(const mbconv_block *block, size_t threads) {
  size_t bytes = SIZE_MAX;
  if (block) mbconv_stages_scratch_size(&block->stages, NULL, threads, &bytes, NULL);
  return bytes;
}

mbconv_status mbconv_block_scratch_size_at(const mbconv_block *block, size_t height, size_t width, size_t threads,
                                           size_t *bytes, mbconv_error *error) {
  const struct mbconv_size at = {height, width};
  if (!block) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "block is NULL");
  return mbconv_stages_scratch_size(&block->stages, &at, threads, bytes, error);
}

mbconv_status mbconv_block_info(const mbconv_block *block, mbconv_info *info, mbconv_error *error) {
  return mbconv_operator_info(block, "block", info, error);
}

size_t mbconv_block_describe(const mbconv_block *block, size_t threads, char *text, size_t size) {
  if (!block) return mbconv_format(text, size, "block is NULL");
  const mbconv_info *info = &block->stages.base.info;
  char variant[MBCONV_VARIANT];
  size_t length;
  if (mbconv_stages_describe(&block->stages, NULL, threads, text, size, &length, NULL) == MBCONV_OK) return length;
  mbconv_stages_variant(&block->stages, variant);
  return mbconv_format(text, size, "%s, %s, images of any size, weights %zu bytes", mbconv_isa_name(info->isa), variant,
                       info->weight_bytes);
}

mbconv_status mbconv_block_describe_at(const mbconv_block *block, size_t height, size_t width, size_t threads,
                                       char *text, size_t size, size_t *length, mbconv_error *error) {
  const struct mbconv_size at = {height, width};
  if (!block) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "block is NULL");
  return mbconv_stages_describe(&block->stages, &at, threads, text, size, length, error);
}

void mbconv_block_destroy(mbconv_block *block) { mbconv_operator_destroy(block); }
