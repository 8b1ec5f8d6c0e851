/* SPDX-License-Identifier: MIT
 *
 * Int8 pointwise in plain C, the reference for all sets, and its packing:
 *
 *     panel after panel of 4 channels, each [biases | scales | weights of k 0 | weights of k 1 ... | shifts]
 */
#include "requantize.h"
#include "set_scalar.h"

enum { SIDE = MBCONV_I8_SIDE };

void mbconv_i8_pack_panel_scalar(void *data, size_t width, size_t lane, size_t k,
                                 const struct mbconv_i8_channel *channel) {
  int32_t *bias = data;
  union mbconv_i8_scale *scale = (void *)(bias + width);
  int8_t *weight = (int8_t *)(bias + 2 * width);
  bias[lane] = channel->bias;
  scale[lane] = channel->scale;
  if (mbconv_i8_behind(channel->ending) > 0) ((int32_t *)(void *)(weight + k * width))[lane] = channel->shift;
  for (size_t i = 0; i < k; i++) weight[i * width + lane] = mbconv_i8_weight_at(channel, k, i);
}

/* One pixel. */
static void row(const struct mbconv_pointwise_panel *panel, const uint8_t *x, uint8_t *y) {
  const int32_t *bias = panel->bias;
  const int32_t *shift = mbconv_i8_behind(panel->ending.i8) > 0 ? mbconv_i8_panel_shifts(panel, SIDE) : NULL;
  const union mbconv_i8_scale *scale = (const void *)(bias + SIDE);
  const int8_t *weight = panel->weights;
  int32_t sum[SIDE];
  for (size_t c = 0; c < SIDE; c++) sum[c] = bias[c];
  for (size_t k = 0; k < panel->k; k++, weight += SIDE)
    for (size_t c = 0; c < SIDE; c++) sum[c] += weight[c] * x[k];
  for (size_t c = 0; c < panel->channels; c++)
    y[c] = mbconv_requantize(panel->ending.i8, sum[c], scale[c], shift ? shift[c] : 0);
}

void mbconv_i8_pointwise_scalar_4x4(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                    const void *x, void *const *y, size_t y_offset, const void *residual) {
  (void)residual;
  for (size_t p = 0; p < pixels * tiles; p++)
    row(panel, (const uint8_t *)x + p * panel->x_stride, (uint8_t *)y[p] + y_offset);
}
