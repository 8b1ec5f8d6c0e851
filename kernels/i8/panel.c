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

/* The arrays, and returns where the weights begin. */
static void *pack_constants(int32_t *data, size_t width, size_t place, size_t k,
                            const struct mbconv_i8_channel *channel) {
  data[START * width + place] = (int32_t)((uint32_t)channel->bias + MBCONV_I8_RELU_START);
  ((float *)data)[ADDEND * width + place] = mbconv_i8_relu_addend(channel, k);
  data[BIAS * width + place] = channel->bias;
  data[SHIFT * width + place] = channel->shift;
  ((union mbconv_i8_scale *)(void *)data)[SCALE * width + place] = channel->scale;
  return data + CONSTANTS * width;
}

static void pack_bytes(void *data, size_t width, size_t place, size_t k, const struct mbconv_i8_channel *channel) {
  int8_t *weights = pack_constants(data, width, place, k, channel);
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
  int16_t *weights = pack_constants(data, width, place, k, channel);
  for (size_t i = 0; i < k; i++) weights[i / 2 * 2 * width + place * 2 + i % 2] = mbconv_i8_weight_at(channel, k, i);
}

void mbconv_i8_panel_tflite(const struct mbconv_pointwise_panel *panel, size_t width, int32_t *sums) {
  const struct mbconv_i8_ending *ending = panel->ending.i8;
  const int32_t *data = panel->bias;
  const union mbconv_i8_scale *scale = (const void *)(data + SCALE * width);
  for (size_t i = 0; i < width; i++)
    sums[i] = (mbconv_requantize(ending, sums[i], scale[i], data[SHIFT * width + i]) ^ ending->flip) - ending->lo;
}
