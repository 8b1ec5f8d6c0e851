/* SPDX-License-Identifier: MIT
 *
 * The contract between the micro-kernels and everything that calls them.
 *
 * A set is a const table of kernels for one instruction set and one type. Beside each function stands the tile shape,
 * which drives the plain C loops around it, and beside all of them the packing of weights and the blocking. Kernels
 * know nothing of blocks, threads, images or the environment.
 *
 * What holds for every kernel
 *   Numbers    Results equal those of the scalar set (== or both NaN). Each chain is fused multiply-adds in the order
 *              stated; nothing is reassociated.
 *   Types      An element of x, y and the residual has the type of the set, `element` bytes. Functions take void
 *              pointers to them, so that everything above moves bytes and knows no type. What is said of numbers here
 *              holds for f32; i8/i8.h says what is different in int8.
 *   Memory     Only the elements named are read or written: not one past the end of a row, masked or not. Pointers to
 *              tensors and scratch need the alignment of an element only. Packed weights are aligned to 64 bytes.
 *   Strides    In elements, and so are offsets. Scratch rounds channels up to `lanes`, users' tensors do not: the
 *              set's vector length, in int8 that of its narrowest vectors.
 */
#ifndef MBCONV_KERNELS_H
#define MBCONV_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arithmetic.h"
#include "ending.h"
#include "mbconv.h"

/* No set has an element of more bytes or a wider vector, in elements, and no pointwise tile of any set has more pixels
 * or more bytes of outputs. The suite `pointwise` checks it. */
enum { MBCONV_MAX_ELEMENT = 4, MBCONV_MAX_LANES = 16, MBCONV_MAX_TILE_PIXELS = 32, MBCONV_MAX_TILE_BYTES = 4096 };

/* ---- Pointwise --------------------------------------------------------------------------------------------------- */

/* What all tiles of one panel have in common. A panel is one tile width of output channels, of which `channels` are
 * stored. The set's `pack_panel` packs its weights. */
struct mbconv_pointwise_panel {
  size_t k;            /* input channels, >= 1 */
  const void *weights; /* [k][tile width] */
  const void *bias;    /* [tile width] */
  size_t next;         /* bytes from the weights of this panel to those of the next one, and from bias to bias */
  size_t channels;     /* stored per pixel: the tile width, or 1 .. tile width if the tile takes tails */
  size_t x_stride;     /* between pixels of x */
  size_t r_stride;     /* between pixels of the residual */
  size_t segment;      /* so many input channels are contiguous in x: k of a 1x1, a tap row of a dense convolution */
  size_t jump;         /* from the end of one segment to the next; k is a multiple of the segment */
  bool warm;           /* the weights are in L2: a tile need not fetch those of the next panel ahead */
  struct mbconv_ending ending;
};

/* Some tiles, one after the other:
 *   y[p][c] = clamp(bias[c] + sum over k ascending of w[k][c] * x[p][k] (+ residual[p][c]))
 *   pixels    of each tile, 1 .. tile height
 *   tiles     >= 1; p runs to pixels * tiles
 *   x         pixel p at x + p * x_stride; k elements are read, `segment` at a time, `jump` elements apart
 *   y         pixel p at y[p] + y_offset; `channels` elements are written. The y[p] are distinct.
 *   residual  pixel p at residual + p * r_stride, or NULL; may be the same memory as y */
typedef void mbconv_pointwise_fn(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const void *x,
                                 void *const *y, size_t y_offset, const void *residual);

struct mbconv_pointwise_tile {
  uint16_t pixels;   /* tile height */
  uint16_t step;     /* pixel counts that are multiples of it waste no work */
  uint16_t channels; /* tile width: a multiple of the lanes */
  bool tails;        /* whether `run` can store fewer channels than the tile width; if not, callers stage the tile */
  mbconv_pointwise_fn *run;
};

enum { MBCONV_POINTWISE_TILES = 4 };

/* Tiles over two, and over three, panels of the wide tile that lie one behind the other: they load a pixel once for
 * all. The first panels are full; the last may be partial. `channels` of the panel counts those of all. */
enum { MBCONV_POINTWISE_ABREAST = 2 };

/* One pixel through whole panels of the wide tile, each `next` behind the one before:
 *   y[c] = clamp(bias[c] + sum over k ascending of w[k][c] * x[k] (+ residual[c])), c < panels * tile width
 *   first     of the panels
 *   residual  or NULL; may be y */
typedef void mbconv_gemv_fn(const struct mbconv_pointwise_panel *first, size_t panels, const void *x, void *y,
                            const void *residual);

/* ---- Depthwise --------------------------------------------------------------------------------------------------- */

/* What all rows of one channel group have in common. */
struct mbconv_depthwise_group {
  size_t channels;     /* >= 1 */
  size_t x_stride;     /* between input pixels */
  size_t y_stride;     /* between output pixels */
  const void *weights; /* packed by the set's `pack_depthwise` */
  struct mbconv_ending ending;
};

/* One row of outputs: y[p][c] = clamp(b[c] + sum over taps row by row of w[tap][c] * row[i][p * stride + j][c]).
 *   pixels    outputs, >= 1
 *   rows      k pointers to the first tap of output 0; input pixel q at rows[i] + q * x_stride. Channels up to
 *             `channels` rounded up to lanes are read: x is scratch.
 *   y         pixel p at y + p * y_stride; exactly `channels` elements are written. Does not overlap x */
typedef void mbconv_depthwise_fn(const struct mbconv_depthwise_group *group, size_t pixels, const void *const *rows,
                                 void *y);

/* ---- Activation, and the sums, means and scales of channels ------------------------------------------------------ */

/* y[i] = act(x[i]), i < n; y may be x. */
typedef void mbconv_activation_fn(size_t n, const void *x, void *y);

/* The sum over a channel takes this many bytes, and an element never more. Only the set knows the type of its sums,
 * which is float in f32. A sum of nothing is bytes of zeros. */
enum { MBCONV_SUM_BYTES = 4 };

/* sum[c] += the sum over pixels p ascending of x[p * x_stride + c], added up from +0 first; c < channels. */
typedef void mbconv_channel_sum_fn(size_t pixels, size_t channels, const void *x, size_t x_stride, void *sum);

/* Sums become means, which are elements:
 *   y[c] = (sum[c] + the sums of the other rows r ascending, sum[r * sum_stride + c]) * the rounded 1 / pixels
 *   rows   >= 1; c < channels
 *   sum    is overwritten
 *   y      begins where the sums do, or does not overlap them */
typedef void mbconv_channel_mean_fn(size_t channels, size_t rows, void *sum, size_t sum_stride, size_t pixels, void *y);

/* y[p * y_stride + c] = x[p * x_stride + c] * scale[c], c < channels; the scales are elements. */
typedef void mbconv_channel_scale_fn(size_t pixels, size_t channels, const void *x, size_t x_stride, const void *scale,
                                     void *y, size_t y_stride);

/* ---- Transposition ----------------------------------------------------------------------------------------------- */

/* NCHW at the door. `tiles` tiles, one after the other, x_step apart in x and y_step in y and the residual; each:
 *   y[c * y_stride + r] = x[r * x_stride + c] (+ residual[c * y_stride + r]); r < tile rows, c < tile columns
 *   y         overlaps neither x nor the residual
 *   residual  laid out as y, or NULL */
typedef void mbconv_transpose_fn(size_t tiles, const void *x, size_t x_stride, size_t x_step, void *y, size_t y_stride,
                                 size_t y_step, const void *residual);

struct mbconv_transpose_tile {
  size_t rows, columns;
  mbconv_transpose_fn *run;
};

/* ---- Packing ----------------------------------------------------------------------------------------------------- */

/* The sizes of packed weights, from which pack.h computes the bytes of panels and groups. Only the kernels and the two
 * functions below know the layout. */
struct mbconv_packing {
  uint8_t bias;       /* bytes of an output channel's bias, and of what stands beside it */
  uint8_t weight;     /* bytes of a weight */
  uint8_t k_step;     /* 1x1: k is rounded up to a multiple of it */
  uint8_t unit;       /* depthwise: channels are packed by so many, which the wide tile's are a multiple of */
  uint8_t taps[3][2]; /* depthwise: the packed weights of a channel, [kernel 3, 5, 7][stride 1, 2] */
};

/* Packs one output channel of the panel that begins at `data` and is `width` channels wide.
 *   lane      the channel's place in the panel, < width
 *   weight    [k / taps][taps]; the chain of the packed channel goes tap by tap
 *   scale     each weight is multiplied by it in double and rounded once */
typedef void mbconv_pack_panel_fn(void *data, size_t width, size_t lane, size_t k, size_t taps, const float *weight,
                                  double scale, float bias);

/* Packs one channel of a depthwise, whose channel 0 is at `data`; weight [taps] is scaled as above. */
typedef void mbconv_pack_depthwise_fn(void *data, size_t lanes, size_t channel, size_t taps, const float *weight,
                                      double scale, float bias);

/* Three planes, `x_stride` apart, to pixels: y[p * 3 + c] = x[c * x_stride + p], p < pixels, c < 3. */
typedef void mbconv_interleave_fn(size_t pixels, const void *x, size_t x_stride, void *y);

/* ---- Blocking ---------------------------------------------------------------------------------------------------- */

/* How work is cut into pieces that stay in the caches. The best sizes depend on the set's tiles and on the CPUs that
 * run it, so each set has its own, and says where they come from. Sizes of memory are in bytes. */
struct mbconv_blocking {
  /* A group has `group_channels` expanded channels, or fewer if the ring rows that one output row needs would take more
   * than `l1_bytes`. */
  uint32_t group_channels, l1_bytes;
  /* Rings and the depthwise output of a strip may take 5/8 of the L2 cache, but at least `l2_least_bytes` and at most
   * `l2_most_bytes`. An L2 cache of unknown size is taken to have `l2_assumed_bytes`. */
  uint32_t l2_least_bytes, l2_most_bytes, l2_assumed_bytes;
  /* With squeeze-excite an expand run should have this many pixels: several tiles. */
  uint32_t run_pixels;
  /* A multiple of the width of every depthwise tile. Rows that an activation is mapped over are cut into it. */
  uint32_t depthwise_pixels;
  /* An activation is mapped over this many bytes at a time, while they are in L1. */
  uint32_t map_bytes;
  /* But a 1x1 runs at least this many pixels before that, or its weights would come from L2 and L3 too often. */
  uint32_t map_pixels;
  /* A stored depthwise output is projected this many pixels at a time: two of the highest tiles. */
  uint32_t projected_pixels;
  /* The gathered windows of a dense convolution that are in L1 at a time. */
  uint32_t window_bytes;
};

/* ---- The set ----------------------------------------------------------------------------------------------------- */

struct mbconv_i8_kernels;

struct mbconv_kernels {
  mbconv_isa isa;
  size_t lanes;
  size_t element; /* bytes of an element of x, y and the residual */
  /* [0] is the wide tile. The others, ever narrower, are for last panels; run is NULL where there is none. */
  struct mbconv_pointwise_tile pointwise[MBCONV_POINTWISE_TILES];
  /* [n] is over n + 2 panels of the wide tile; run is NULL where there is none. They take tails if the wide one does.
   */
  struct mbconv_pointwise_tile abreast[MBCONV_POINTWISE_ABREAST];
  mbconv_gemv_fn *gemv;
  /* [kernel 3, 5, 7][stride 1, 2] */
  mbconv_depthwise_fn *depthwise[3][2];
  /* NONE, RELU, RELU6, HARD_SIGMOID and HARD_SWISH are the same function for both variants, indexed by
   * variant - MBCONV_EXP_SLEEF; the SILU and SIGMOID of [0] are NULL in builds without SLEEF. */
  mbconv_activation_fn *activation[2][MBCONV_ACTIVATION_HARD_SWISH + 1];
  mbconv_channel_sum_fn *channel_sum;
  mbconv_channel_mean_fn *channel_mean;
  mbconv_channel_scale_fn *channel_scale;
  struct mbconv_transpose_tile transpose;
  mbconv_transpose_fn *transpose_one; /* a tile of one row and one column */
  mbconv_interleave_fn *interleave3;
  struct mbconv_packing packing;
  mbconv_pack_panel_fn *pack_panel;
  mbconv_pack_depthwise_fn *pack_depthwise;
  bool tiles_segments; /* the tiles take a k that is cut into segments; if not, segment is k */
  bool tiles_silu;     /* pointwise tiles, gemv and depthwise apply SiLU, the inline variant, if told to */
  /* Elements are narrower than sums: the tiles must add the residual before they round, in NCHW too. If not, the
   * transposition back to planes adds it, which is faster. */
  bool tiles_add_residual;
  mbconv_exp fastest_exp; /* what AUTO means, backed by bench/RESULTS.md */
  /* NULL in f32 sets. An i8 set has no gemv, activation, channel_mean, channel_scale, pack_panel and
   * pack_depthwise. */
  const struct mbconv_i8_kernels *i8;
  struct mbconv_blocking blocking;
};

/* ---- More -------------------------------------------------------------------------------------------------------- */

/* y[p * y_stride + c] = x[p * x_stride + c] < 0 ? slope[c] * x[...] : x[...], c < channels; y may be x with its stride.
 * Leaky ReLU is the same with equal slopes. */
typedef void mbconv_prelu_fn(size_t pixels, size_t channels, const void *x, size_t x_stride, const void *slope, void *y,
                             size_t y_stride);

/* y[p * y_stride + c] += x[p * x_stride + c], c < channels; y does not overlap x. */
typedef void mbconv_add_fn(size_t pixels, size_t channels, const void *x, size_t x_stride, void *y, size_t y_stride);

/* What MBConv itself does not need: a table of its own, which only the operators that can use it name, so that a
 * program that links a block alone does not contain it. */
struct mbconv_more_kernels {
  mbconv_activation_fn *gelu, *gelu_tanh; /* both variants of the exponential are the same function */
  mbconv_prelu_fn *prelu;
  mbconv_add_fn *add;
};

/* The table that belongs to a set. */
typedef const struct mbconv_more_kernels *mbconv_more_fn(const struct mbconv_kernels *kernels);

extern const struct mbconv_more_kernels mbconv_more_scalar;
extern const struct mbconv_more_kernels mbconv_more_avx2;
extern const struct mbconv_more_kernels mbconv_more_avx512;
extern const struct mbconv_more_kernels mbconv_more_neon;

extern const struct mbconv_kernels mbconv_kernels_scalar;
extern const struct mbconv_kernels mbconv_kernels_avx2;
extern const struct mbconv_kernels mbconv_kernels_avx512;
extern const struct mbconv_kernels mbconv_kernels_neon;

extern const struct mbconv_kernels mbconv_kernels_i8_scalar;
extern const struct mbconv_kernels mbconv_kernels_i8_avx2;
extern const struct mbconv_kernels mbconv_kernels_i8_avx2_vnni;
extern const struct mbconv_kernels mbconv_kernels_i8_avx512_vnni, mbconv_kernels_i8_avx512_vnni_vbmi;
extern const struct mbconv_kernels mbconv_kernels_i8_neon;
extern const struct mbconv_kernels mbconv_kernels_i8_neon_dotprod;
extern const struct mbconv_kernels mbconv_kernels_i8_neon_i8mm;

#endif
