/* SPDX-License-Identifier: MIT
 *
 * What the int8 kernels add to the contract of ../kernels.h.
 *
 * Inside a block all images are unsigned bytes: an image of s8 is turned at the door by x ^ 0x80, and its zero point
 * becomes zero point + 128. So kernels multiply u8 by s8. Only the last stage writes what callers see: its `flip`
 * is 0x80 if that is s8.
 *
 * A sum is exact in 32 bits: bias + the sum of x * w, in any order. Packing has folded the zero point of x into the
 * bias (bias - zero * the sum of w), and create has made sure that no sum leaves 31 bits. Then the sum is requantized,
 * clamped and stored as one byte.
 */
#ifndef MBCONV_I8_H
#define MBCONV_I8_H

#include <stdint.h>

#include "kernels.h"

/* How sums become bytes; what callers name in a description. */
enum mbconv_i8_rounding { MBCONV_I8_FP32, MBCONV_I8_TFLITE_DOUBLE };

/* What happens to the finished sums of a stage; `struct mbconv_ending` points to one. With (scale) or (multiplier,
 * shift) of the channel:
 *
 *   FP32            r = round half even of fl32(fl32(sum) * scale); create has made sure that |r| < 2^31
 *   TFLITE_DOUBLE   the two roundings of gemmlowp: see mbconv_requantize_tflite()
 *
 *   y = clamp(r + zero, lo, hi) ^ flip
 *
 * The scales lie behind the biases of a panel or of a vector of channels. */
struct mbconv_i8_ending {
  enum mbconv_i8_rounding rounding;
  int32_t zero;   /* the zero point of y as an unsigned byte, 0 .. 255 */
  uint8_t lo, hi; /* as unsigned bytes */
  uint8_t flip;   /* 0 or 0x80 */
};

/* How one channel's sums are scaled. */
union mbconv_i8_scale {
  float scale;        /* FP32 */
  int32_t multiplier; /* TFLITE_DOUBLE: 2^30 .. 2^31 - 1, or 0 */
};

/* A channel's constants, in that order in memory, each an array over the channels of a panel (or of a vector of
 * channels of a depthwise): int32_t bias, union mbconv_i8_scale, int32_t shift (TFLITE_DOUBLE; > 0 to the left). */
enum { MBCONV_I8_BIAS_BYTES = 12 };

/* ---- Packing ----------------------------------------------------------------------------------------------------- */

/* One output channel, as create hands it to the functions that pack. */
struct mbconv_i8_channel {
  const int8_t *weight; /* 1x1: [k]; depthwise: [taps] */
  int32_t bias;         /* with the zero point folded in */
  union mbconv_i8_scale scale;
  int32_t shift;
};

/* Packs one channel of the panel that begins at `data`: like mbconv_pack_panel_fn. `rounding` says what is in `scale`.
 */
typedef void mbconv_i8_pack_panel_fn(void *data, size_t width, size_t lane, size_t k,
                                     const struct mbconv_i8_channel *channel);

/* Packs channel `channel` of a depthwise, whose channel 0 is at `data`. */
typedef void mbconv_i8_pack_depthwise_fn(void *data, size_t channel, size_t kernel,
                                         const struct mbconv_i8_channel *packed);

/* ---- Bytes ------------------------------------------------------------------------------------------------------- */

/* y[p * y_stride + c] = table[x[p * x_stride + c]], c < channels; y may be x with its stride. */
typedef void mbconv_i8_table_fn(size_t pixels, size_t channels, const void *x, size_t x_stride,
                                const uint8_t table[256], void *y, size_t y_stride);

/* y[i] = x[i] ^ 0x80, i < n; y may be x. */
typedef void mbconv_i8_flip_fn(size_t n, const void *x, void *y);

#endif
