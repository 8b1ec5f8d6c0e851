/* SPDX-License-Identifier: MIT
 *
 * Sums to bytes on NEON, FP32's way, 16 of them in 19 instructions: 12 scale, 4 narrow, 2 add the zero point, 1 stores.
 * To words they narrow by leaving bits out: when weights are packed it is seen what sums there can be. These are bytes
 * of s8, clamped to what such a byte can be, which is all that there is to do between stages. Where an ending has
 * bounds within that or callers want u8, the stored bytes are read once more.
 */
#ifndef MBCONV_REQUANTIZE_NEON_H
#define MBCONV_REQUANTIZE_NEON_H

#include <stdbool.h>
#include <string.h>

#include "../vec_neon.h"
#include "i8.h"
#include "set_neon.h"

/* Below that scaled sums are words, and with a zero point, too. */
#define MOST_SCALED 32000.0f

/* What is added to sums after scaling: the zero point of s8. */
ALWAYS_INLINE int16x8_t zero_of(const struct mbconv_i8_ending *ending) {
  return vdupq_n_s16((int16_t)(ending->zero - 128));
}

/* Whether bytes of s8 are not yet what is to be stored. */
ALWAYS_INLINE bool ends_later(const struct mbconv_i8_ending *ending) {
  return ending->lo > 0 || ending->hi < 255 || ending->flip == 0;
}

/* Whether sums go by way of memory, one by one: with TFLite's rounding, and where words are too narrow for scaled ones.
 * Then packing has negated the scale of channel 0 of `width`. */
ALWAYS_INLINE bool ends_in_memory(const struct mbconv_i8_ending *ending, const int32_t *constants, size_t width) {
  return ending->rounding != MBCONV_I8_FP32 || constants[width] < 0;
}

/* Packs a channel's bias and scale. Inputs are turned: with 128 times the weights, added to the bias, the sums
 * are the same. */
static inline void pack_constants_at(int32_t *constants, size_t width, size_t lane, size_t weights,
                                     const struct mbconv_i8_channel *channel) {
  int32_t least = channel->bias, most = channel->bias, sum = 0;
  for (size_t i = 0; i < weights; i++) {
    const int32_t value = channel->weight[i];
    *(value < 0 ? &least : &most) += 255 * value;
    sum += value;
  }
  constants[lane] = (int32_t)((uint32_t)channel->bias + 128 * (uint32_t)sum); /* may wrap around */
  const bool fp32 = channel->ending->rounding == MBCONV_I8_FP32;
  const float largest = -(float)least > (float)most ? -(float)least : (float)most;
  const bool narrow = fp32 && !(largest * channel->scale.scale < MOST_SCALED);
  const bool negated = constants[width] < 0 || narrow; /* by this channel or another */
  memcpy(constants + width + lane, &channel->scale, sizeof channel->scale);
  if (negated) constants[width] |= INT32_MIN;
}

/* Whole numbers of 32 bits. */
ALWAYS_INLINE int32x4_t scaled(int32x4_t sum, float32x4_t scale) {
  return vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(sum), scale));
}

/* To the next narrower type, all of a and then of b. In assembly: gcc 12 would copy the first half. */
ALWAYS_INLINE int16x8_t narrow_numbers(int32x4_t a, int32x4_t b) {
  int16x8_t v;
  __asm__("sqxtn %0.4h, %1.4s\n\tsqxtn2 %0.8h, %2.4s" : "=&w"(v) : "w"(a), "w"(b));
  return v;
}

ALWAYS_INLINE uint8x16_t narrow_words(int16x8_t a, int16x8_t b) {
  uint8x16_t v;
  __asm__("sqxtn %0.8b, %1.8h\n\tsqxtn2 %0.16b, %2.8h" : "=&w"(v) : "w"(a), "w"(b));
  return v;
}

/* The same of numbers that words are wide enough for. */
ALWAYS_INLINE int16x8_t low_words(int32x4_t a, int32x4_t b) {
  return vuzp1q_s16(vreinterpretq_s16_s32(a), vreinterpretq_s16_s32(b));
}

/* Bytes of s8 from scaled sums, which have been narrowed. */
ALWAYS_INLINE uint8x16_t words_to_bytes(int16x8_t zero, int16x8_t a, int16x8_t b) {
  return narrow_words(vqaddq_s16(a, zero), vqaddq_s16(b, zero));
}

ALWAYS_INLINE uint8x16_t to_bytes(int16x8_t zero, int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d) {
  return words_to_bytes(zero, narrow_numbers(a, b), narrow_numbers(c, d));
}

/* The bounds of bytes of s8, and what these are turned by. */
struct bounds {
  int8x16_t lo, hi;
  uint8x16_t flip;
};

ALWAYS_INLINE struct bounds bounds_of(uint8_t lo, uint8_t hi, uint8_t flip) {
  return (struct bounds){vdupq_n_s8((int8_t)(lo - 128)), vdupq_n_s8((int8_t)(hi - 128)), vdupq_n_u8(flip ^ 0x80)};
}

ALWAYS_INLINE uint8x16_t bounded(const struct bounds *by, uint8x16_t bytes) {
  const int8x16_t v = vminq_s8(vmaxq_s8(vreinterpretq_s8_u8(bytes), by->lo), by->hi);
  return veorq_u8(vreinterpretq_u8_s8(v), by->flip);
}

/* Sums stay in their registers, and loads written after this stay after it. */
ALWAYS_INLINE void hold(int32x4_t *v) { __asm__ volatile("" : "+w"(*v)::"memory"); }

#endif
