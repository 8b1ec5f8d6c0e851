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
                            const mbconv_conv *conv) {
  count_conv(tally, pixels, out, in_per_out, conv->bias != NULL, conv->batch_norm != NULL);
}

static mbconv_status finish(const struct tally *tally, mbconv_counts *counts, mbconv_error *error) {
  if (tally->overflow) return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "the counts do not fit into 64 bits");
  *counts = tally->counts;
  return mbconv_succeed(error);
}

static uint64_t output_extent(size_t extent, size_t before, size_t after, const mbconv_block_desc *desc) {
  return (extent + before + after - desc->kernel) / desc->stride + 1;
}

mbconv_status mbconv_block_count(const mbconv_block_desc *desc, mbconv_counts *counts, mbconv_error *error) {
  if (counts == NULL) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "counts is NULL");
  mbconv_status status = mbconv_block_check(desc, false, error);
  if (status != MBCONV_OK) return status;

  struct tally tally = {0};
  uint64_t expanded = desc->expanded_channels;
  uint64_t in_pixels = multiply(&tally, desc->height, desc->width);
  uint64_t out_pixels = multiply(&tally, output_extent(desc->height, desc->pad.top, desc->pad.bottom, desc),
                                 output_extent(desc->width, desc->pad.left, desc->pad.right, desc));
  if (desc->expand != NULL) count_described(&tally, in_pixels, expanded, desc->in_channels, desc->expand);
  count_described(&tally, out_pixels, expanded, desc->kernel * desc->kernel, desc->depthwise);
  if (desc->squeeze_excite != NULL) {
    const mbconv_squeeze_excite *squeeze_excite = desc->squeeze_excite;
    count_described(&tally, 1, squeeze_excite->width, expanded, squeeze_excite->reduce);
    count_described(&tally, 1, expanded, squeeze_excite->width, squeeze_excite->expand);
  }
  count_described(&tally, out_pixels, desc->out_channels, expanded, desc->project);
  return finish(&tally, counts, error);
}

mbconv_status mbconv_convolution_count(const mbconv_convolution_desc *desc, mbconv_counts *counts,
                                       mbconv_error *error) {
  if (counts == NULL) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "counts is NULL");
  struct mbconv_shape shape;
  mbconv_status status = mbconv_convolution_check(desc, &shape, false, error);
  if (status != MBCONV_OK) return status;
  struct tally tally = {0};
  uint64_t pixels = multiply(&tally, shape.out_height, shape.out_width);
  uint64_t window = multiply(&tally, desc->in_channels, desc->kernel * desc->kernel);
  count_described(&tally, pixels, desc->out_channels, window, desc->conv);
  return finish(&tally, counts, error);
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
