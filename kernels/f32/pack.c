/* SPDX-License-Identifier: MIT */
#include "layout.h"

void mbconv_pack_panel_f32(void *data, size_t width, size_t lane, size_t k, size_t taps, const float *weight,
                           double scale, float bias) {
  const size_t inputs = k / taps;
  float *to = (float *)data + lane;
  *to = bias;
  for (size_t t = 0; t < taps; t++)
    for (size_t i = 0; i < inputs; i++) to[(1 + t * inputs + i) * width] = (float)(weight[i * taps + t] * scale);
}

void mbconv_pack_depthwise_f32(void *data, size_t lanes, size_t channel, size_t taps, const float *weight, double scale,
                               float bias) {
  float *to = (float *)data + channel / lanes * lanes * (1 + taps) + channel % lanes;
  *to = bias;
  for (size_t t = 0; t < taps; t++) to[(t + 1) * lanes] = (float)(weight[t] * scale);
}
