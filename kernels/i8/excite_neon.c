/* SPDX-License-Identifier: MIT
 *
 * Squeeze-excite's sums and gates on NEON. All pixels of some channels, then those of the next ones.
 */
#include "i8.h"
#include "requantize_neon.h"
#include "set_neon.h"
#include "set_scalar.h"

enum { BYTES = 16, HALF = 8, WORD_PIXELS = 257 /* of which words hold the sums */ };

/* ---- Sums -------------------------------------------------------------------------------------------------------- */

/* 8 channels of at most WORD_PIXELS pixels. */
ALWAYS_INLINE void sum_8(size_t pixels, const uint8_t *x, size_t x_stride, int32_t *sum) {
  uint16x8_t words = vdupq_n_u16(0);
  for (size_t p = 0; p < pixels; p++, x += x_stride) words = vaddw_u8(words, vld1_u8(x));
  const uint32x4_t low = vreinterpretq_u32_s32(vld1q_s32(sum)), high = vreinterpretq_u32_s32(vld1q_s32(sum + 4));
  vst1q_s32(sum, vreinterpretq_s32_u32(vaddw_u16(low, vget_low_u16(words))));
  vst1q_s32(sum + 4, vreinterpretq_s32_u32(vaddw_high_u16(high, words)));
}

void mbconv_i8_channel_sum_neon(size_t pixels, size_t channels, const void *x_, size_t x_stride, void *sum_) {
  const uint8_t *x = x_;
  int32_t *sum = sum_;
  for (size_t count; pixels > 0; pixels -= count, x += count * x_stride) {
    count = pixels < WORD_PIXELS ? pixels : WORD_PIXELS;
    size_t c = 0;
    for (; c + HALF <= channels; c += HALF) sum_8(count, x + c, x_stride, sum + c);
    if (c < channels) mbconv_i8_channel_sum_scalar(count, channels - c, x + c, x_stride, sum + c);
  }
}

/* ---- Gates ------------------------------------------------------------------------------------------------------- */

/* 8 bytes from a zero point on. */
ALWAYS_INLINE int16x8_t counted(uint8x8_t bytes, int32_t zero) {
  return vreinterpretq_s16_u16(vsubl_u8(bytes, vdup_n_u8((uint8_t)zero)));
}

/* What is stored of 8 products, as words. */
ALWAYS_INLINE int16x8_t product(int16x8_t x, int16x8_t factor, float32x4_t scale) {
  const int32x4_t low = vmull_s16(vget_low_s16(x), vget_low_s16(factor)), high = vmull_high_s16(x, factor);
  return narrow_numbers(scaled(low, scale), scaled(high, scale));
}

/* 16 channels. */
static void gate_16(const struct mbconv_i8_gate *gate, size_t pixels, const uint8_t *x, size_t x_stride,
                    const uint8_t *gates, uint8_t *y, size_t y_stride) {
  const struct bounds bounds = bounds_of(gate->ending.lo, gate->ending.hi, gate->ending.flip);
  const int16x8_t zero = zero_of(&gate->ending);
  const float32x4_t scale = vdupq_n_f32(gate->scale.scale);
  const int16x8_t low = counted(vld1_u8(gates), gate->gate_zero),
                  high = counted(vld1_u8(gates + HALF), gate->gate_zero);
  for (size_t p = 0; p < pixels; p++, x += x_stride, y += y_stride) {
    const uint8x16_t v = vld1q_u8(x);
    vst1q_u8(y, bounded(&bounds, words_to_bytes(zero, product(counted(vget_low_u8(v), gate->x_zero), low, scale),
                                                product(counted(vget_high_u8(v), gate->x_zero), high, scale))));
  }
}

/* 8 channels. */
static void gate_8(const struct mbconv_i8_gate *gate, size_t pixels, const uint8_t *x, size_t x_stride,
                   const uint8_t *gates, uint8_t *y, size_t y_stride) {
  const struct bounds bounds = bounds_of(gate->ending.lo, gate->ending.hi, gate->ending.flip);
  const int16x8_t zero = zero_of(&gate->ending);
  const float32x4_t scale = vdupq_n_f32(gate->scale.scale);
  const int16x8_t factor = counted(vld1_u8(gates), gate->gate_zero);
  for (size_t p = 0; p < pixels; p++, x += x_stride, y += y_stride) {
    const int16x8_t v = product(counted(vld1_u8(x), gate->x_zero), factor, scale);
    vst1_u8(y, vget_low_u8(bounded(&bounds, words_to_bytes(zero, v, v))));
  }
}

void mbconv_i8_gate_neon(const struct mbconv_i8_gate *gate, size_t pixels, size_t channels, const void *x_,
                         size_t x_stride, const void *gates_, void *y_, size_t y_stride) {
  const uint8_t *x = x_, *gates = gates_;
  uint8_t *y = y_;
  size_t c = 0;
  const size_t whole = gate->ending.rounding == MBCONV_I8_FP32 ? channels : 0;
  for (; c + BYTES <= whole; c += BYTES) gate_16(gate, pixels, x + c, x_stride, gates + c, y + c, y_stride);
  for (; c + HALF <= whole; c += HALF) gate_8(gate, pixels, x + c, x_stride, gates + c, y + c, y_stride);
  if (c < channels) mbconv_i8_gate_scalar(gate, pixels, channels - c, x + c, x_stride, gates + c, y + c, y_stride);
}
