/* SPDX-License-Identifier: MIT
 *
 * Squeeze-excite's two loops over channels on NEON.
 *
 * The sum over pixels has a fixed order, one addition after the other: 16 channels at a time give the 4 chains that
 * hide the latency of an addition.
 */
#include "set_neon.h"
#include "vec_neon.h"

static void sum_vector(size_t pixels, size_t channels, const float *x, size_t x_stride, float *sum) {
  float32x4_t row = vdupq_n_f32(0.0f);
  if (channels >= LANES) {
    for (size_t p = 0; p < pixels; p++) row = vaddq_f32(row, vld1q_f32(x + p * x_stride));
    vst1q_f32(sum, vaddq_f32(vld1q_f32(sum), row));
  } else {
    for (size_t p = 0; p < pixels; p++) row = vaddq_f32(row, load_partial(x + p * x_stride, channels));
    store_partial(sum, vaddq_f32(load_partial(sum, channels), row), channels);
  }
}

void mbconv_channel_sum_neon(size_t pixels, size_t channels, const void *x_, size_t x_stride, void *sum_) {
  const float *x = x_;
  float *sum = sum_;
  size_t c = 0;
  for (; c + 4 * LANES <= channels; c += 4 * LANES) {
    float32x4_t a = vdupq_n_f32(0.0f), b = a, d = a, e = a;
    for (size_t p = 0; p < pixels; p++) {
      const float *pixel = x + p * x_stride + c;
      a = vaddq_f32(a, vld1q_f32(pixel));
      b = vaddq_f32(b, vld1q_f32(pixel + LANES));
      d = vaddq_f32(d, vld1q_f32(pixel + 2 * LANES));
      e = vaddq_f32(e, vld1q_f32(pixel + 3 * LANES));
    }
    vst1q_f32(sum + c, vaddq_f32(vld1q_f32(sum + c), a));
    vst1q_f32(sum + c + LANES, vaddq_f32(vld1q_f32(sum + c + LANES), b));
    vst1q_f32(sum + c + 2 * LANES, vaddq_f32(vld1q_f32(sum + c + 2 * LANES), d));
    vst1q_f32(sum + c + 3 * LANES, vaddq_f32(vld1q_f32(sum + c + 3 * LANES), e));
  }
  for (; c < channels; c += LANES) sum_vector(pixels, channels - c, x + c, x_stride, sum + c);
}

void mbconv_channel_scale_neon(size_t pixels, size_t channels, const void *x_, size_t x_stride, const void *scale_,
                               void *y_, size_t y_stride) {
  const float *x = x_, *scale = scale_;
  float *y = y_;
  for (size_t p = 0; p < pixels; p++, x += x_stride, y += y_stride) {
    size_t c = 0;
    for (; c + LANES <= channels; c += LANES) vst1q_f32(y + c, vmulq_f32(vld1q_f32(x + c), vld1q_f32(scale + c)));
    if (c < channels) {
      const size_t rest = channels - c;
      store_partial(y + c, vmulq_f32(load_partial(x + c, rest), load_partial(scale + c, rest)), rest);
    }
  }
}
