/* SPDX-License-Identifier: MIT
 *
 * Sums to bytes, in plain C: the reference for all sets, and what they call where the rounding is TFLite's.
 */
#ifndef MBCONV_REQUANTIZE_H
#define MBCONV_REQUANTIZE_H

#include "../fma.h"
#include "i8.h"

static inline int32_t mbconv_i8_clamp(int32_t v, int32_t lo, int32_t hi) { return v < lo ? lo : v > hi ? hi : v; }

/* v rounded half to even, |v| < 2^22: such a float plus 3 * 2^22 has no bits behind the point. */
static inline int32_t mbconv_round_half_even(float v) {
  const float magic = 12582912.0f;
  return (int32_t)((v + magic) - magic);
}

/* a * b / 2^31, rounded half up. */
static inline int32_t mbconv_doubling_high(int32_t a, int32_t b) {
  return (int32_t)(((int64_t)a * b + (INT64_C(1) << 30)) >> 31);
}

/* v / 2^shift, rounded half away from zero; 0 <= shift <= 31. */
static inline int32_t mbconv_divide_by_power(int32_t v, int32_t shift) {
  const int32_t mask = (int32_t)((UINT32_C(1) << shift) - 1), remainder = v & mask;
  return (v >> shift) + (remainder > (mask >> 1) + (v < 0));
}

/* TFLite's MultiplyByQuantizedMultiplier with its two roundings. sum * 2^shift is inside of 32 bits. */
static inline int32_t mbconv_requantize_tflite(int32_t sum, int32_t multiplier, int32_t shift) {
  const int32_t left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
  return mbconv_divide_by_power(mbconv_doubling_high((int32_t)((uint32_t)sum << left), multiplier), right);
}

/* The sum that is `sum` of a channel, as a byte. */
static inline uint8_t mbconv_requantize(const struct mbconv_i8_ending *ending, int32_t sum, union mbconv_i8_scale scale,
                                        int32_t shift) {
  int32_t y;
  if (ending->rounding == MBCONV_I8_FP32) {
    /* The bounds are whole numbers: to clamp before rounding or after it is the same. */
    const float v = (float)sum * scale.scale, lo = (float)(ending->lo - ending->zero),
                hi = (float)(ending->hi - ending->zero);
    y = mbconv_round_half_even(v < lo ? lo : v > hi ? hi : v) + ending->zero;
  } else {
    const int32_t r = mbconv_requantize_tflite(sum, scale.multiplier, shift);
    y = mbconv_i8_clamp(r, ending->lo - ending->zero, ending->hi - ending->zero) + ending->zero;
  }
  return (uint8_t)(y ^ ending->flip);
}

/* The sum of a byte and one of the residual, as struct mbconv_i8_add says. */
static inline uint8_t mbconv_i8_add_bytes(const struct mbconv_i8_add *add, uint8_t a_stored, uint8_t b_stored) {
  const uint8_t a = a_stored ^ add->a_flip, b = b_stored ^ add->b_flip;
  const int32_t lo = add->lo - add->zero, hi = add->hi - add->zero;
  int32_t r = 0;
  switch (add->kind) {
    case MBCONV_I8_ADD_XNNPACK: r = (add->bias + add->a_factor * a + add->b_factor * b) >> add->shift; break;
    case MBCONV_I8_ADD_TFLITE:
      r = mbconv_requantize_tflite(add->a_scaled[a] + add->b_scaled[b], add->multiplier, add->y_shift);
      break;
    case MBCONV_I8_ADD_FLOAT: { /* ONNX Runtime's order: the zero points are in `fixed` */
      const float first = (float)(a - add->offset), second = (float)(b - add->offset);
      const float v = fma_f32(first, add->a_ratio, fma_f32(second, add->b_ratio, add->fixed));
      const float least = (float)(add->lo - add->offset), most = (float)(add->hi - add->offset);
      return (uint8_t)((mbconv_round_half_even(v < least ? least : v > most ? most : v) + add->offset) ^ add->flip);
    }
  }
  return (uint8_t)((mbconv_i8_clamp(r, lo, hi) + add->zero) ^ add->flip);
}

/* A float as a byte, as struct mbconv_i8_converter says. A NaN is not above the least. */
static inline uint8_t mbconv_i8_quantize(const struct mbconv_i8_converter *by, float x) {
  const float v = by->kind == MBCONV_I8_DOOR_XNNPACK ? x * by->inverse : x / by->scale;
  const float lo = (float)-by->zero, hi = (float)(255 - by->zero), cut = v > lo ? (v < hi ? v : hi) : lo;
  if (by->kind != MBCONV_I8_DOOR_TFLITE) return (uint8_t)(mbconv_round_half_even(cut) + by->zero);
  const int32_t whole = (int32_t)cut, half = (int32_t)(2.0f * (cut - (float)whole)); /* both towards zero */
  return (uint8_t)(whole + half + by->zero);
}

#endif
