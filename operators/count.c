/* SPDX-License-Identifier: MIT
 *
 * Parameters and multiply-adds of a block and of the two blocks it is compared with, counted in uint64_t: the
 * multiply-adds of an image may overflow although each of its tensors fits into size_t.
 */
#include "block.h"
#include "mbconv.h"
#include "status.h"

struct tally {
  mbconv_counts counts;
  bool overflow;
};

static uint64_t multiply(struct tally *tally, uint64_t a, uint64_t b) {
  if (b != 0 && a > UINT64_MAX / b) tally->overflow = true;
  return a * b;
}

static uint64_t add(struct tally *tally, uint64_t a, uint64_t b) {
  if (a > UINT64_MAX - b) tally->overflow = true;
  return a + b;
}

/* A convolution of out x in_per_out weights, each used once per pixel of the output, with a bias and a BN or without.
 */
static void count_conv(struct tally *tally, uint64_t pixels, uint64_t out, uint64_t in_per_out, bool bias,
                       bool batch_norm) {
  uint64_t weights = multiply(tally, out, in_per_out);
  uint64_t per_channel = (bias ? 1u : 0u) + (batch_norm ? 2u : 0u);
  uint64_t parameters = add(tally, weights, multiply(tally, out, per_channel));
  mbconv_counts *counts = &tally->counts;
  counts->parameters = add(tally, counts->parameters, parameters);
  counts->multiply_adds = add(tally, counts->multiply_adds, multiply(tally, weights, pixels));
}

static void count_described(struct tally *tally, uint64_t pixels, uint64_t out, uint64_t in_per_out,
                            const mbconv_conv *conv, mbconv_activation_kind activation) {
  count_conv(tally, pixels, out, in_per_out, conv->bias != NULL, conv->batch_norm != NULL);
  const uint64_t learned = (conv->scale ? 1u : 0u) + (activation == MBCONV_ACTIVATION_PRELU ? 1u : 0u);
  tally->counts.parameters = add(tally, tally->counts.parameters, multiply(tally, out, learned));
}

static mbconv_status finish(const struct tally *tally, mbconv_counts *counts, mbconv_error *error) {
  if (tally->overflow) return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "the counts do not fit into 64 bits");
  *counts = tally->counts;
  return mbconv_succeed(error);
}

static void count_stage(struct tally *tally, const struct mbconv_stage *stage, const struct mbconv_parameters *given,
                        uint64_t pixels) {
  const uint64_t taps = stage->window.kernel * stage->window.kernel;
  const uint64_t in = stage->kind == MBCONV_STAGE_DEPTHWISE ? 1 : stage->in_channels;
  count_described(tally, pixels, stage->out_channels, multiply(tally, in, taps), given->conv, given->activation);
}

static void count_excite(struct tally *tally, const struct mbconv_stage *stage, const mbconv_squeeze_excite *excite) {
  count_described(tally, 1, excite->width, stage->in_channels, excite->reduce, excite->inner);
  count_described(tally, 1, stage->out_channels, excite->width, excite->expand, excite->gate);
}

/* A description that has been checked. */
static mbconv_status count_list(const struct mbconv_described *described, mbconv_counts *counts, mbconv_error *error) {
  const struct mbconv_stages *stages = &described->stages;
  const struct mbconv_parameters *given = described->parameters;
  if (stages->cut.height == 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "height and width are 0, but counts are of images of one size");
  struct tally tally = {0};
  for (size_t s = 0; s < stages->segments; s++) {
    const struct mbconv_segment *segment = &stages->segment[s];
    const struct mbconv_shape *shape = &stages->cut.shape[s];
    const uint64_t in = multiply(&tally, shape->rows.in, shape->columns.in);
    const uint64_t out = multiply(&tally, shape->rows.out, shape->columns.out);
    if (segment->expand) count_stage(&tally, segment->expand, &given[segment->expand - stages->stage], in);
    count_stage(&tally, segment->stage, &given[segment->stage - stages->stage], out);
  }
  if (stages->excite) count_excite(&tally, stages->excite, given[stages->excite - stages->stage].excite);
  return finish(&tally, counts, error);
}

mbconv_status mbconv_block_count(const mbconv_block_desc *desc, mbconv_counts *counts, mbconv_error *error) {
  if (counts == NULL) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "counts is NULL");
  struct mbconv_described described;
  const mbconv_status status = mbconv_block_check(desc, false, &described, error);
  return status == MBCONV_OK ? count_list(&described, counts, error) : status;
}

mbconv_status mbconv_stages_count(const mbconv_stages_desc *desc, mbconv_counts *counts, mbconv_error *error) {
  if (counts == NULL) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "counts is NULL");
  struct mbconv_described described;
  const mbconv_status status = mbconv_stages_check(desc, false, &described, error);
  return status == MBCONV_OK ? count_list(&described, counts, error) : status;
}

mbconv_status mbconv_convolution_count(const mbconv_convolution_desc *desc, mbconv_counts *counts,
                                       mbconv_error *error) {
  if (counts == NULL) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "counts is NULL");
  struct mbconv_described described;
  const mbconv_status status = mbconv_convolution_check(desc, false, &described, error);
  return status == MBCONV_OK ? count_list(&described, counts, error) : status;
}

mbconv_status mbconv_plain_block_count(size_t height, size_t width, size_t in_channels, size_t out_channels,
                                       mbconv_counts *counts, mbconv_error *error) {
  if (counts == NULL) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "counts is NULL");
  if (height == 0 || width == 0 || in_channels == 0 || out_channels == 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "a size is 0: image %zu x %zu, channels %zu in, %zu out", height,
                       width, in_channels, out_channels);
  struct tally tally = {0};
  uint64_t pixels = multiply(&tally, height, width);
  count_conv(&tally, pixels, out_channels, multiply(&tally, in_channels, 9), false, true);
  count_conv(&tally, pixels, out_channels, multiply(&tally, out_channels, 9), false, true);
  return finish(&tally, counts, error);
}

mbconv_status mbconv_bottleneck_count(size_t height, size_t width, size_t in_channels, size_t bottleneck_channels,
                                      size_t out_channels, mbconv_counts *counts, mbconv_error *error) {
  if (counts == NULL) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "counts is NULL");
  if (height == 0 || width == 0 || in_channels == 0 || bottleneck_channels == 0 || out_channels == 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                       "a size is 0: image %zu x %zu, channels %zu in, %zu in the bottleneck, %zu out", height, width,
                       in_channels, bottleneck_channels, out_channels);
  struct tally tally = {0};
  uint64_t pixels = multiply(&tally, height, width);
  count_conv(&tally, pixels, bottleneck_channels, in_channels, false, true);
  count_conv(&tally, pixels, bottleneck_channels, multiply(&tally, bottleneck_channels, 9), false, true);
  count_conv(&tally, pixels, out_channels, bottleneck_channels, false, true);
  return finish(&tally, counts, error);
}
