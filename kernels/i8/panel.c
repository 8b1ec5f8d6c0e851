/* SPDX-License-Identifier: MIT */
#include "panel.h"

#include "relu.h"
#include "requantize.h"

/* The place of channel c of a panel of some vectors of `lanes` lanes. Packs work in parts of 4 lanes and put those of
 * the vectors one behind the other. */
static size_t place_of(size_t lanes, size_t width, size_t c) {
  const size_t vectors = width / lanes, part = c / (4 * vectors), vector = c % (4 * vectors) / 4;
  return vector * lanes + part * 4 + c % 4;
}

void mbconv_i8_pack_constants(int32_t *constants, size_t width, size_t place, size_t weights,
                              const struct mbconv_i8_channel *channel) {
  int32_t *bias = constants + BIAS * width;
  union mbconv_i8_scale *scale = (void *)(constants + SCALE * width);
  bias[place] = channel->bias;
  scale[place] = channel->scale;
  if (channel->ending->rounding != MBCONV_I8_FP32) return;
  bool relu = mbconv_i8_relu_fits(channel, weights);
  for (size_t i = 0; i < width; i++) relu = relu && (i == place || !(scale[i].scale > 0.0f)); /* none: 0 */
  for (size_t i = 0; i < width; i++) {
    if (relu ? i != place : !(scale[i].scale < 0.0f)) continue;
    bias[i] = (int32_t)((uint32_t)bias[i] + (relu ? MBCONV_I8_RELU_START : 0u - MBCONV_I8_RELU_START));
    scale[i].scale = -scale[i].scale;
  }
}

/* The constants, and the shift behind `size` bytes of weights of each channel; returns where the weights begin. */
static void *pack_others(int32_t *data, size_t width, size_t place, size_t k, size_t size,
                         const struct mbconv_i8_channel *channel) {
  mbconv_i8_pack_constants(data, width, place, k, channel);
  int32_t *weights = data + CONSTANTS * width;
  if (mbconv_i8_behind(channel->ending) > 0) weights[size / sizeof *data * width + place] = channel->shift;
  return weights;
}

static void pack_bytes(void *data, size_t width, size_t place, size_t k, const struct mbconv_i8_channel *channel) {
  int8_t *weights = pack_others(data, width, place, k, (k + K_STEP - 1) / K_STEP * K_STEP, channel);
  for (size_t i = 0; i < k; i++)
    weights[i / K_STEP * K_STEP * width + place * K_STEP + i % K_STEP] = mbconv_i8_weight_at(channel, k, i);
}

void mbconv_i8_pack_panel_bytes_16(void *data, size_t width, size_t lane, size_t k,
                                   const struct mbconv_i8_channel *channel) {
  pack_bytes(data, width, place_of(16, width, lane), k, channel);
}

void mbconv_i8_pack_panel_bytes_8(void *data, size_t width, size_t lane, size_t k,
                                  const struct mbconv_i8_channel *channel) {
  pack_bytes(data, width, place_of(8, width, lane), k, channel);
}

void mbconv_i8_pack_panel_pairs_8(void *data, size_t width, size_t lane, size_t k,
                                  const struct mbconv_i8_channel *channel) {
  const size_t place = place_of(8, width, lane);
  int8_t *weights = pack_others(data, width, place, k, (k + K_STEP - 1) / K_STEP * K_STEP, channel);
  for (size_t i = 0; i < k; i++) {
    const size_t pair = i / 2 * width + place;
    weights[pair * 2 + i % 2] = mbconv_i8_weight_at(channel, k, i);
  }
}

void mbconv_i8_pack_panel_words_8(void *data, size_t width, size_t lane, size_t k,
                                  const struct mbconv_i8_channel *channel) {
  const size_t place = place_of(8, width, lane);
  int16_t *weights = pack_others(data, width, place, k, (k + 1) / 2 * 4, channel);
  for (size_t i = 0; i < k; i++) weights[i / 2 * 2 * width + place * 2 + i % 2] = mbconv_i8_weight_at(channel, k, i);
}

void mbconv_i8_panel_tflite(const struct mbconv_pointwise_panel *panel, size_t width, int32_t *sums) {
  const struct mbconv_i8_ending *ending = panel->ending.i8;
  const int32_t *data = panel->bias;
  const union mbconv_i8_scale *scale = (const void *)(data + SCALE * width);
  const int32_t *shift = mbconv_i8_panel_shifts(panel, width);
  for (size_t i = 0; i < width; i++)
    sums[i] = (mbconv_requantize(ending, sums[i], scale[i], shift[i]) ^ ending->flip) - ending->lo;
}
