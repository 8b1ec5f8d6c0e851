/* SPDX-License-Identifier: MIT */
#include "pack.h"

void mbconv_panel_pack(float *data, size_t width, size_t lane, size_t k, size_t taps, const float *weight, double scale,
                       float bias) {
  const size_t inputs = k / taps;
  float *to = data + lane;
  *to = bias;
  for (size_t t = 0; t < taps; t++)
    for (size_t i = 0; i < inputs; i++) to[(1 + t * inputs + i) * width] = (float)(weight[i * taps + t] * scale);
}

void mbconv_depthwise_pack_channel(float *data, size_t lanes, size_t channel, size_t taps, const float *weight,
                                   double scale, float bias) {
  float *to = data + mbconv_depthwise_floats(taps, channel / lanes * lanes) + channel % lanes;
  *to = bias;
  for (size_t t = 0; t < taps; t++) to[(t + 1) * lanes] = (float)(weight[t] * scale);
}
