/* SPDX-License-Identifier: MIT
 *
 * What the int8 kernels add to the contract of ../kernels.h.
 *
 * Inside a block all images are unsigned bytes: an image of s8 is turned at the door by x ^ 0x80, and its zero point
 * becomes zero point + 128. So kernels multiply u8 by s8, from -128 to 127. Only the last pass over the last stage's
 * output writes what callers see: its `flip` is 0x80 if that is s8.
 *
 * Sets whose products are of signed bytes say so by `turned`, 0x80: then what stages read, x ^ 0x80 of all that is said
 * here, is s8. Images between stages are written so by `flip` and by tables, those of u8 and floats are turned at the
 * door; only what squeeze-excite sums up and multiplies, and its gates, are not. Such sets fold 128 times the weights
 * into the bias when they pack. The shortcut's `a_flip` is 0x80 then, in other sets 0. Floats on the way out are still
 * made of unsigned bytes.
 *
 * Sums. A sum is exact in 32 bits: bias + the sum of x * w, in any order, with no step in between that saturates.
 * Packing has folded the zero point of x into the bias (bias - zero * the sum of w), and create has made sure that no
 * sum, nor any part of one, leaves [-2^31, 2^31): |bias| + 255 * the sum of |w| < 2^31. Then the sum is requantized,
 * clamped and stored as one byte.
 *
 * Pointwise tiles have the type of f32's, mbconv_pointwise_fn. Here
 *   residual   is NULL
 *   segments   k is contiguous: `segment` is k
 *   k          any number >= 1. Packed weights are zeros up to the k_step, but not a byte behind k is read from x.
 *   weights    right behind the biases and scales of the panel
 *   channels   all tiles take tails: exactly `channels` bytes of each pixel are written
 * What lies in a panel, in which order, is the set's own affair, but for the shifts of TFLITE_DOUBLE, int32_t [tile
 * width], with which a panel ends. FP32 has none, and no room for them: a channel has 8 bytes beside its weights. What
 * more there is to say of a panel in FP32 is told by the signs of its scales, which are above 0: whether its sums end
 * in the fast way (panel.h, of x86) or have to go by way of memory (requantize_neon.h). Units of a depthwise likewise.
 *
 * Depthwise rows have the type of f32's, mbconv_depthwise_fn. Here `lanes` is 16 (1 in the scalar set): channels up to
 * `channels` rounded up to 16 are read, and exactly `channels` are written. Weights are packed by `packing.unit`
 * channels, which may be more; a group begins with a whole unit.
 *
 * Transpositions move bytes and add no residual.
 */
#ifndef MBCONV_I8_H
#define MBCONV_I8_H

#include <stdint.h>

#include "../kernels.h"
#include "mbconv_i8.h"

/* What happens to the finished sums of a stage; `struct mbconv_ending` points to one. With (scale) or (multiplier,
 * shift) of the channel:
 *
 *   FP32            r = round half even of fl32(fl32(sum) * scale); create has made sure that |r| < 2^31
 *   TFLITE_DOUBLE   r = the two roundings of gemmlowp: mbconv_requantize_tflite() of requantize.h
 *
 *   y = clamp(r + zero, lo, hi) ^ flip */
struct mbconv_i8_ending {
  mbconv_i8_rounding rounding;
  int32_t zero;   /* the zero point of y as an unsigned byte, 0 .. 255 */
  uint8_t lo, hi; /* as unsigned bytes */
  uint8_t flip;   /* 0 or 0x80 */
  /* From a channel's table to the next one's: 256, or 0 if they share one. Of what comes behind the sums. */
  size_t table_bytes;
};

/* How one channel's sums are scaled. */
union mbconv_i8_scale {
  float scale;        /* FP32: finite and > 0 */
  int32_t multiplier; /* TFLITE_DOUBLE: 2^30 .. 2^31 - 1, or 0 */
};

/* ---- Packing ----------------------------------------------------------------------------------------------------- */

/* The bytes that a channel has behind its weights: a shift, or nothing. */
static inline size_t mbconv_i8_behind(const struct mbconv_i8_ending *ending) {
  return ending->rounding == MBCONV_I8_FP32 ? 0 : sizeof(int32_t);
}

/* The shifts of a panel of `width` channels. */
static inline const int32_t *mbconv_i8_panel_shifts(const struct mbconv_pointwise_panel *panel, size_t width) {
  return (const int32_t *)(const void *)((const char *)panel->bias + panel->next) - width;
}

/* One output channel, as create hands it to the functions that pack. */
struct mbconv_i8_channel {
  const int8_t *weight; /* panels: [k / taps][taps], packed tap by tap; depthwise: [kernel * kernel] */
  size_t taps;          /* of a panel's windows; 0 or 1: it is a 1x1's */
  int32_t bias;         /* with the zero point folded in */
  union mbconv_i8_scale scale;
  int32_t shift; /* TFLITE_DOUBLE: -31 .. 30, > 0 to the left; no sum << shift leaves 32 bits */
  const struct mbconv_i8_ending *ending;
};

/* The weight that is packed as number i of k. */
static inline int8_t mbconv_i8_weight_at(const struct mbconv_i8_channel *channel, size_t k, size_t i) {
  if (channel->taps <= 1) return channel->weight[i];
  const size_t in = k / channel->taps;
  return channel->weight[i % in * channel->taps + i / in];
}

/* Packs one channel of the panel that begins at `data`: like mbconv_pack_panel_fn. The memory was zeroed. */
typedef void mbconv_i8_pack_panel_fn(void *data, size_t width, size_t lane, size_t k,
                                     const struct mbconv_i8_channel *channel);

/* Packs channel `channel` of a depthwise, whose channel 0 is at `data`, for the function [kernel][stride]. The memory
 * was zeroed. */
typedef void mbconv_i8_pack_depthwise_fn(void *data, size_t channel, size_t kernel, size_t stride,
                                         const struct mbconv_i8_channel *packed);

/* ---- Bytes ------------------------------------------------------------------------------------------------------- */

/* y[p * y_stride + c] = table[x[p * x_stride + c]], c < channels; `table` is uint8_t [256]; y may be x with its stride.
 */
typedef mbconv_prelu_fn mbconv_i8_table_fn;

/* y[i] = x[i] ^ 0x80, i < n; y may be x. */
typedef void mbconv_i8_flip_fn(size_t n, const void *x, void *y);

/* How the residual is added. With a = the byte of the output so far, unsigned, and b = that of the residual:
 *
 *   XNNPACK   y = clamp(((bias + a_factor * a + b_factor * b) >> shift) + zero), exact in 32 bits; arithmetic shift
 *   TFLITE    y = clamp(mbconv_requantize_tflite(a_scaled[a] + b_scaled[b], multiplier, y_shift) + zero)
 *   FLOAT     y = clamp(round half even of fma(a - offset, a_ratio, fma(b - offset, b_ratio, fixed)) + offset)
 *
 * What is stored is y ^ flip. */
struct mbconv_i8_add {
  mbconv_i8_add_kind kind;
  uint8_t a_flip; /* the output's bytes so far are a ^ a_flip: not 0 only in sets that have `turned` */
  uint8_t b_flip; /* 0 or 0x80: the residual's bytes are b ^ b_flip */
  uint8_t flip;   /* 0 or 0x80 */
  uint8_t lo, hi; /* as unsigned bytes */
  int32_t zero;   /* the zero point of y as an unsigned byte */
  /* XNNPACK */
  int32_t bias, a_factor, b_factor;
  int32_t shift; /* 13 .. 31 */
  /* FLOAT */
  float a_ratio, b_ratio, fixed;
  int32_t offset; /* 128 if the caller's bytes are s8, in which the fmas are; else 0 */
  /* TFLITE */
  int32_t multiplier, y_shift;
  int32_t a_scaled[256], b_scaled[256];
};

/* a[p * a_stride + c] becomes its sum with b[p * b_stride + c], c < channels; a and b do not overlap. */
typedef void mbconv_i8_add_fn(const struct mbconv_i8_add *add, size_t pixels, size_t channels, void *a, size_t a_stride,
                              const void *b, size_t b_stride);

/* ---- Floats at the door ------------------------------------------------------------------------------------------ */

/* The formulas of mbconv_i8_door, in unsigned bytes. */
struct mbconv_i8_converter {
  mbconv_i8_door kind;  /* not BYTES */
  int32_t zero;         /* the zero point as an unsigned byte */
  float scale, inverse; /* S, fl(1 / S) */
};

/* y[i] = the byte of x[i], i < n; x is floats, y bytes, which do not overlap. */
typedef void mbconv_i8_quantize_fn(const struct mbconv_i8_converter *by, size_t n, const void *x, void *y);

/* y[i] = what the byte x[i] stands for, i < n; x is bytes, y floats, which do not overlap. */
typedef void mbconv_i8_dequantize_fn(const struct mbconv_i8_converter *by, size_t n, const void *x, void *y);

/* ---- Squeeze-excite ---------------------------------------------------------------------------------------------- */

/* Of the set's `channel_sum`, whose type is f32's: sums are int32_t, of at most MBCONV_I8_MOST_SUMMED bytes each, so
 * that none leaves 32 bits, with any zero point.
 *
 * How sums over n pixels become the bytes of means, y = clamp(r + zero, 0, 255) ^ flip:
 *
 *   FP32            r = round half even of fl32(fl32(sum - n * x_zero) * fl32(ratio / n))
 *   TFLITE_DOUBLE   r = mbconv_requantize_tflite() of (sum - n * x_zero) by floor(multiplier * 2^l / n) and shift - l,
 * where l is the largest number of which 2^l <= n and shift - l >= -31 */
enum { MBCONV_I8_MOST_SUMMED = INT32_MAX / 255 };

struct mbconv_i8_mean {
  int32_t x_zero, zero; /* as unsigned bytes */
  float ratio;          /* fl32(x's scale / the mean's): 2^-64 .. 2^64 */
  uint8_t flip;         /* 0 or 0x80 */
  mbconv_i8_rounding rounding;
  int32_t multiplier, shift; /* TFLITE_DOUBLE: of the scales' quotient; shift <= 22 */
};

/* Like mbconv_channel_mean_fn: y[c] is the mean of sum[c] + sum[r * sum_stride + c] for all other rows r. */
typedef void mbconv_i8_mean_fn(const struct mbconv_i8_mean *mean, size_t channels, size_t rows, void *sum,
                               size_t sum_stride, size_t pixels, void *y);

/* How pixels are multiplied by gates: (x - x_zero) * (gate - gate_zero) is a sum, scaled by `scale`, of the ending. In
 * FP32 255 * 255 * scale < 2^31; in TFLITE_DOUBLE shift <= 15, and sets may call the scalar function. */
struct mbconv_i8_gate {
  struct mbconv_i8_ending ending;
  int32_t x_zero, gate_zero; /* as unsigned bytes */
  union mbconv_i8_scale scale;
  int32_t shift; /* TFLITE_DOUBLE */
};

/* y[p * y_stride + c] = the product of x[p * x_stride + c] and gates[c], c < channels; y may be x with its stride. */
typedef void mbconv_i8_gate_fn(const struct mbconv_i8_gate *gate, size_t pixels, size_t channels, const void *x,
                               size_t x_stride, const void *gates, void *y, size_t y_stride);

/* What squeeze-excite computes with. */
struct mbconv_i8_excite {
  struct mbconv_i8_mean mean;
  struct mbconv_i8_gate gate;
};

/* ---- Two rows of a depthwise ------------------------------------------------------------------------------------- */

/* Like mbconv_depthwise_fn, but two rows of outputs: the second one's taps begin `stride` of the rows later.
 *   rows     kernel + stride pointers
 *   y0, y1   do not overlap */
typedef void mbconv_i8_depthwise_pair_fn(const struct mbconv_depthwise_group *group, size_t pixels,
                                         const void *const *rows, void *y0, void *y1);

/* ---- The set ----------------------------------------------------------------------------------------------------- */

/* What a set has beside the members of struct mbconv_kernels. */
struct mbconv_i8_kernels {
  uint8_t turned; /* 0, or 0x80: see above */
  /* NULL, or the same set with other pointwise tiles and their packing: for panels that a single pixel runs through,
   * which waits for its weights. The tiles have the same widths. */
  const struct mbconv_kernels *one_pixel;
  mbconv_i8_pack_panel_fn *pack_panel;
  mbconv_i8_pack_depthwise_fn *pack_depthwise;
  mbconv_i8_table_fn *table;
  mbconv_i8_flip_fn *flip;
  mbconv_i8_add_fn *add;
  mbconv_i8_quantize_fn *quantize;
  mbconv_i8_dequantize_fn *dequantize;
  mbconv_i8_mean_fn *mean;
  mbconv_i8_gate_fn *gate;
  mbconv_i8_depthwise_pair_fn *depthwise_pair[3][2]; /* as the set's `depthwise`; NULL where there is none */
};

#endif
