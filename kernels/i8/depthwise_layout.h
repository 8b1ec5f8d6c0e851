/* SPDX-License-Identifier: MIT
 *
 * How the weights of the vector kernels of the int8 depthwise lie in memory. The kernels know it, and
 * depthwise_layout.c, which packs for all of them.
 *
 * A unit is UNIT channels, 64 or 32: a whole vector of bytes. Unpacking bytes and then words turns four such vectors
 * into four of 32-bit dwords, one for each of the unit's quarters: dwords l * 4 to l * 4 + 3 of quarter q are the
 * channels l * 16 + q * 4 to l * 16 + q * 4 + 3. All arrays of a unit are in that order, quarter after quarter:
 *
 *     bias, scale    as in panel.h
 *     weights        [half of the unit][variant][dot][two quarters][dword of 4 taps]
 *     shift          in TFLITE_DOUBLE
 *
 * A dword's four bytes belong to a dword of four input bytes, which is one of
 *
 *     stride 1   a column    row r, r + 1, r + 2, r + 3
 *                a window    row r of column c, row r + 1 of c, row r of c + 1, row r + 1 of c + 1
 *     stride 2   a square    row r of column c, of c + 1, row r + 1 of column c, of c + 1; c is even
 *                a window    row r of columns c, c + 1, c + 2, c + 3; c is even
 *
 * Variant 1 is that of a second row of outputs, made from the same dwords: its taps are one row lower. 3x3 needs none:
 * a dword's last byte is free, so that the kernel moves its taps.
 *
 * Kernels that multiply words have a dword's bytes 0 and 2 in one dword and 1 and 3 in the next, the vectors of the one
 * and of the other in turn.
 */
#ifndef MBCONV_I8_DEPTHWISE_LAYOUT_H
#define MBCONV_I8_DEPTHWISE_LAYOUT_H

#include "panel.h"

/* What makes one layout different from another. */
struct mbconv_i8_layout {
  size_t unit;
  size_t weight; /* bytes: 1, or 2 where words are multiplied */
  bool pairs[3]; /* whether the kernel 3, 5, 7 at stride 1 has two variants */
};

/* A channel's packed weights in that layout: packing.taps. The three kernels have 3, 8 and 14 dots, at either stride.
 */
#define MBCONV_I8_TAPS(pair3, pair5, pair7) \
  { {12 * (1 + (pair3)), 12}, {32 * (1 + (pair5)), 32}, {56 * (1 + (pair7)), 56}, }

/* Dots of an output. */
#define DOTS(kernel) ((size_t)((kernel) == 3 ? 3 : (kernel) == 5 ? 8 : 14))

/* Bytes of a channel, without a shift. */
static inline size_t mbconv_i8_depthwise_bytes(size_t kernel, size_t weight, bool pair) {
  return CONSTANTS * sizeof(int32_t) + DOTS(kernel) * 4 * weight * (pair ? 2 : 1);
}

void mbconv_i8_pack_depthwise_vectors(const struct mbconv_i8_layout *layout, void *data, size_t channel, size_t kernel,
                                      size_t stride, const struct mbconv_i8_channel *packed);

/* ---- TFLite's rounding ------------------------------------------------------------------------------------------- */

/* Such outputs are made so many at a time, of each row. */
enum { MBCONV_I8_CHUNK = 32 };

/* The sums of half of a unit, pixel after pixel, each four vectors of `width` bytes, two for each row of outputs. */
struct mbconv_i8_staged {
  const char *sums;
  size_t width, unit;
  const char *scales, *shifts; /* the half's */
  size_t first_channel;        /* of the half: 0 or 8 */
};

/* y[p * y_stride + c] of the half's channels below `channels`, c counted from its first one. */
void mbconv_i8_finish_staged(const struct mbconv_i8_staged *staged, size_t row, const struct mbconv_i8_ending *ending,
                             size_t pixels, size_t channels, char *y, size_t y_stride);

#endif
