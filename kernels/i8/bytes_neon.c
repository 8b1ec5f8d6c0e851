/* SPDX-License-Identifier: MIT
 *
 * What is done to bytes, on NEON: tables, the flip between s8 and u8, shortcuts, the transposition.
 */
#include "requantize.h"
#include "requantize_neon.h"
#include "set_neon.h"
#include "set_scalar.h"

enum { BYTES = 16 };

/* ---- Tables ------------------------------------------------------------------------------------------------------ */

/* TBL looks up the bytes below 64 in 4 registers, and TBX leaves alone what it does not find: 4 lookups, before which
 * 64 is taken off each time. */
ALWAYS_INLINE uint8x16_t look_up(uint8x16x4_t a, uint8x16x4_t b, uint8x16x4_t c, uint8x16x4_t d, uint8x16_t x) {
  const uint8x16_t less = vdupq_n_u8(64);
  uint8x16_t y = vqtbl4q_u8(a, x);
  x = vsubq_u8(x, less);
  y = vqtbx4q_u8(y, b, x);
  x = vsubq_u8(x, less);
  y = vqtbx4q_u8(y, c, x);
  x = vsubq_u8(x, less);
  return vqtbx4q_u8(y, d, x);
}

/* In assembly: compilers would count up an index for each pointer. */
ALWAYS_INLINE uint8x16_t load_vector(const uint8_t **x) {
  uint8x16_t v;
  __asm__ volatile("ldr %q0, [%1], #16" : "=w"(v), "+r"(*x)::"memory");
  return v;
}

ALWAYS_INLINE void store_vector(uint8_t **y, uint8x16_t v) {
  __asm__ volatile("str %q1, [%0], #16" : "+r"(*y) : "w"(v) : "memory");
}

void mbconv_i8_table_neon(size_t pixels, size_t channels, const void *x_, size_t x_stride, const void *table_, void *y_,
                          size_t y_stride) {
  const uint8_t *x = x_, *table = table_;
  uint8_t *y = y_;
  const uint8x16x4_t a = vld1q_u8_x4(table), b = vld1q_u8_x4(table + 64);
  const uint8x16x4_t c = vld1q_u8_x4(table + 128), d = vld1q_u8_x4(table + 192);
  if (x_stride == channels && y_stride == channels) channels *= pixels, pixels = 1;
  for (; pixels > 0; pixels--, x += x_stride - channels, y += y_stride - channels) {
    size_t n = channels;
    NO_UNROLL
    for (; n >= 4 * BYTES; n -= 4 * BYTES) {
      const uint8x16_t x0 = load_vector(&x), x1 = load_vector(&x), x2 = load_vector(&x), x3 = load_vector(&x);
      store_vector(&y, look_up(a, b, c, d, x0));
      store_vector(&y, look_up(a, b, c, d, x1));
      store_vector(&y, look_up(a, b, c, d, x2));
      store_vector(&y, look_up(a, b, c, d, x3));
    }
    NO_UNROLL
    for (; n >= BYTES; n -= BYTES) store_vector(&y, look_up(a, b, c, d, load_vector(&x)));
    if (n >= BYTES / 2) {
      const uint8x8_t half = vld1_u8(x);
      vst1_u8(y, vget_low_u8(look_up(a, b, c, d, vcombine_u8(half, half))));
      n -= BYTES / 2, x += BYTES / 2, y += BYTES / 2;
    }
    NO_UNROLL
    for (; n > 0; n--) *y++ = table[*x++];
  }
}

/* ---- Flip -------------------------------------------------------------------------------------------------------- */

void mbconv_i8_flip_neon(size_t n, const void *x_, void *y_) {
  const uint8_t *x = x_;
  uint8_t *y = y_;
  size_t i = 0;
  NO_UNROLL
  for (; i + BYTES <= n; i += BYTES) vst1q_u8(y + i, veorq_u8(vld1q_u8(x + i), vdupq_n_u8(0x80)));
  NO_UNROLL
  for (; i < n; i++) y[i] = x[i] ^ 0x80;
}

/* ---- Shortcuts --------------------------------------------------------------------------------------------------- */

/* Four bytes as numbers of 32 bits: the q-th of 16. */
ALWAYS_INLINE int32x4_t numbers(const size_t q, uint8x16_t bytes) {
  const uint16x8_t words = q < 2 ? vmovl_u8(vget_low_u8(bytes)) : vmovl_high_u8(bytes);
  return vreinterpretq_s32_u32(q % 2 ? vmovl_high_u16(words) : vmovl_u16(vget_low_u16(words)));
}

ALWAYS_INLINE int32x4_t sum_xnnpack(const struct mbconv_i8_add *add, int32x4_t a, int32x4_t b) {
  const int32x4_t first = vmlaq_n_s32(vdupq_n_s32(add->bias), a, add->a_factor);
  return vshlq_s32(vmlaq_n_s32(first, b, add->b_factor), vdupq_n_s32(-add->shift));
}

ALWAYS_INLINE int32x4_t sum_float(const struct mbconv_i8_add *add, int32x4_t a, int32x4_t b) {
  const int32x4_t offset = vdupq_n_s32(add->offset);
  const float32x4_t first = vcvtq_f32_s32(vsubq_s32(a, offset)), second = vcvtq_f32_s32(vsubq_s32(b, offset));
  const float32x4_t of_second = vfmaq_n_f32(vdupq_n_f32(add->fixed), second, add->b_ratio);
  return vcvtnq_s32_f32(vfmaq_n_f32(of_second, first, add->a_ratio));
}

ALWAYS_INLINE void add_row(int32x4_t (*sum)(const struct mbconv_i8_add *, int32x4_t, int32x4_t),
                           const struct mbconv_i8_add *add, int32_t zero, size_t channels, uint8_t *a,
                           const uint8_t *b) {
  const struct bounds bounds = bounds_of(add->lo, add->hi, add->flip);
  const int16x8_t zero_of_s8 = vdupq_n_s16((int16_t)(zero - 128));
  const uint8x16_t a_flip = vdupq_n_u8(add->a_flip), b_flip = vdupq_n_u8(add->b_flip);
  NO_UNROLL
  for (size_t i = 0; i < channels; i += BYTES) {
    const uint8x16_t x = veorq_u8(vld1q_u8(a + i), a_flip), r = veorq_u8(vld1q_u8(b + i), b_flip);
    vst1q_u8(a + i,
             bounded(&bounds, to_bytes(zero_of_s8, sum(add, numbers(0, x), numbers(0, r)),
                                       sum(add, numbers(1, x), numbers(1, r)), sum(add, numbers(2, x), numbers(2, r)),
                                       sum(add, numbers(3, x), numbers(3, r)))));
  }
}

void mbconv_i8_add_neon(const struct mbconv_i8_add *add, size_t pixels, size_t channels, void *a_, size_t a_stride,
                        const void *b_, size_t b_stride) {
  uint8_t *a = a_;
  const uint8_t *b = b_;
  if (a_stride == channels && b_stride == channels) channels *= pixels, pixels = 1;
  const size_t whole = add->kind == MBCONV_I8_ADD_TFLITE ? 0 : channels / BYTES * BYTES;
  for (size_t p = 0; p < pixels && whole > 0; p++) {
    if (add->kind == MBCONV_I8_ADD_XNNPACK)
      add_row(sum_xnnpack, add, add->zero, whole, a + p * a_stride, b + p * b_stride);
    else
      add_row(sum_float, add, add->offset, whole, a + p * a_stride, b + p * b_stride);
  }
  if (whole < channels) mbconv_i8_add_scalar(add, pixels, channels - whole, a + whole, a_stride, b + whole, b_stride);
}

/* ---- Transposition ----------------------------------------------------------------------------------------------- */

ALWAYS_INLINE uint8x16_t two_rows(const uint8_t *x, size_t x_stride) {
  const uint8x8x2_t zipped = vzip_u8(vld1_u8(x), vld1_u8(x + x_stride));
  return vcombine_u8(zipped.val[0], zipped.val[1]);
}

/* Two columns. */
ALWAYS_INLINE void store_two(uint8_t *y, size_t y_stride, uint32x4_t v) {
  vst1_u8(y, vget_low_u8(vreinterpretq_u8_u32(v)));
  vst1_u8(y + y_stride, vget_high_u8(vreinterpretq_u8_u32(v)));
}

void mbconv_i8_transpose_neon_8x8(size_t tiles, const void *x_, size_t x_stride, size_t x_step, void *y_,
                                  size_t y_stride, size_t y_step, const void *residual) {
  (void)residual;
  const uint8_t *x = x_;
  uint8_t *y = y_;
  for (; tiles > 0; tiles--, x += x_step, y += y_step) {
    const uint16x8x2_t upper = vzipq_u16(vreinterpretq_u16_u8(two_rows(x, x_stride)),
                                         vreinterpretq_u16_u8(two_rows(x + 2 * x_stride, x_stride)));
    const uint16x8x2_t lower = vzipq_u16(vreinterpretq_u16_u8(two_rows(x + 4 * x_stride, x_stride)),
                                         vreinterpretq_u16_u8(two_rows(x + 6 * x_stride, x_stride)));
    const uint32x4x2_t left = vzipq_u32(vreinterpretq_u32_u16(upper.val[0]), vreinterpretq_u32_u16(lower.val[0]));
    const uint32x4x2_t right = vzipq_u32(vreinterpretq_u32_u16(upper.val[1]), vreinterpretq_u32_u16(lower.val[1]));
    store_two(y, y_stride, left.val[0]);
    store_two(y + 2 * y_stride, y_stride, left.val[1]);
    store_two(y + 4 * y_stride, y_stride, right.val[0]);
    store_two(y + 6 * y_stride, y_stride, right.val[1]);
  }
}
