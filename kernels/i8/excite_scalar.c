/* SPDX-License-Identifier: MIT
 *
 * Squeeze-excite's sums, means and gates in plain C: the reference for all sets.
 */
#include "requantize.h"
#include "set_scalar.h"

void mbconv_i8_channel_sum_scalar(size_t pixels, size_t channels, const void *x_, size_t x_stride, void *sum_) {
  const uint8_t *x = x_;
  int32_t *sum = sum_;
  for (size_t p = 0; p < pixels; p++, x += x_stride)
    for (size_t c = 0; c < channels; c++) sum[c] += x[c];
}

/* How the sums of an image of so many pixels are scaled. */
static union mbconv_i8_scale share_of(const struct mbconv_i8_mean *mean, size_t pixels, int32_t *shift) {
  *shift = 0;
  if (mean->rounding == MBCONV_I8_FP32) return (union mbconv_i8_scale){.scale = mean->ratio / (float)pixels};
  int32_t power = 0;
  while (pixels >> power > 1 && mean->shift - power > -31) power++;
  *shift = mean->shift - power;
  return (union mbconv_i8_scale){.multiplier = (int32_t)(mean->multiplier * (INT64_C(1) << power) / (int64_t)pixels)};
}

/* y may be the memory of the sums: a byte is written when the sum there has been read. */
void mbconv_i8_mean_scalar(const struct mbconv_i8_mean *mean, size_t channels, size_t rows, void *sum_,
                           size_t sum_stride, size_t pixels, void *y_) {
  const struct mbconv_i8_ending ending = {
      .rounding = mean->rounding, .zero = mean->zero, .lo = 0, .hi = 255, .flip = mean->flip};
  int32_t shift;
  const union mbconv_i8_scale scale = share_of(mean, pixels, &shift);
  const int32_t *sum = sum_;
  const int64_t zeros = (int64_t)pixels * mean->x_zero;
  uint8_t *y = y_;
  for (size_t c = 0; c < channels; c++) {
    int64_t total = -zeros;
    for (size_t r = 0; r < rows; r++) total += sum[r * sum_stride + c];
    y[c] = mbconv_requantize(&ending, (int32_t)total, scale, shift);
  }
}

void mbconv_i8_gate_scalar(const struct mbconv_i8_gate *gate, size_t pixels, size_t channels, const void *x_,
                           size_t x_stride, const void *gates_, void *y_, size_t y_stride) {
  const uint8_t *x = x_, *gates = gates_;
  uint8_t *y = y_;
  for (size_t p = 0; p < pixels; p++, x += x_stride, y += y_stride)
    for (size_t c = 0; c < channels; c++)
      y[c] = mbconv_requantize(&gate->ending, (x[c] - gate->x_zero) * (gates[c] - gate->gate_zero), gate->scale,
                               gate->shift);
}
