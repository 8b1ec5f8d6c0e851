/* SPDX-License-Identifier: MIT
 *
 * The contract between the micro-kernels and everything that calls them.
 *
 * A kernel set is one const table per instruction set. Beside each function stands the tile shape that packing and the
 * plain C loops around it are driven by. Kernels know nothing of blocks, threads, images or the environment.
 *
 * What holds for every kernel
 *   Numbers    Results equal those of the scalar set (== or both NaN). Each chain is fused multiply-adds in the order
 *              stated; nothing is reassociated.
 *   Types      An element of x, y, the residual and the weights has the type of the set. The functions take void
 *              pointers, so that everything above them moves bytes and knows no type: here are only f32 sets.
 *   Memory     Only the elements named are read or written: not one past the end of a row, masked or not. Pointers to
 *              tensors and scratch need the alignment of an element only. Packed weights are aligned to 64 bytes.
 *   Strides    In elements. `lanes` is the set's vector length; scratch rounds channels up to it, users' tensors do
 * not.
 */
#ifndef MBCONV_KERNELS_H
#define MBCONV_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

#include "arithmetic.h"
#include "ending.h"
#include "mbconv.h"

/* The widest vector of any set, in elements; the most pixels of any set's pointwise tile, and the most bytes of its
 * outputs. The suite `pointwise` holds the sets to them. */
enum { MBCONV_MAX_LANES = 16, MBCONV_MAX_TILE_PIXELS = 32, MBCONV_MAX_TILE_BYTES = 4096 };

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
  struct mbconv_ending ending;
};

/* Some tiles, one after the other:
 *   y[p][c] = clamp(bias[c] + sum over k ascending of w[k][c] * x[p][k] (+ residual[p][c]))
 *   pixels    of each tile, 1 .. tile height
 *   tiles     >= 1; p runs to pixels * tiles
 *   x         pixel p at x + p * x_stride; k elements are read
 *   y         pixel p at y[p] + y_offset; `channels` elements are written. The y[p] are distinct.
 *   residual  pixel p at residual + p * r_stride, or NULL; may be the same memory as y */
typedef void mbconv_pointwise_fn(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles, const void *x,
                                 void *const *y, size_t y_offset, const void *residual);

struct mbconv_pointwise_tile {
  size_t pixels;   /* tile height */
  size_t step;     /* pixel counts that are multiples of it waste no work */
  size_t channels; /* tile width: a multiple of the lanes */
  bool tails;      /* whether `run` can store fewer channels than the tile width; if not, callers stage the tile */
  mbconv_pointwise_fn *run;
};

enum { MBCONV_POINTWISE_TILES = 3 };

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

/* ---- Activation and squeeze-excite: its sums and scales are floats, whatever the type -----------------------------
 */

/* y[i] = act(x[i]), i < n; y may be x. */
typedef void mbconv_activation_fn(size_t n, const void *x, void *y);

/* sum[c] += the sum over pixels p ascending of x[p * x_stride + c], added up from +0 first; c < channels. */
typedef void mbconv_channel_sum_fn(size_t pixels, size_t channels, const void *x, size_t x_stride, float *sum);

/* y[p * y_stride + c] = x[p * x_stride + c] * scale[c], c < channels. */
typedef void mbconv_channel_scale_fn(size_t pixels, size_t channels, const void *x, size_t x_stride, const float *scale,
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

/* How large packed weights are: pack.h computes sizes from it. The layout itself is known to the kernels and to the two
 * functions that pack for them. */
struct mbconv_packing {
  size_t bias;   /* bytes of an output channel's bias */
  size_t weight; /* bytes of a weight */
  size_t k_step; /* what the number of weights per output channel is rounded up to */
};

/* Packs one output channel, the `lane`th of the panel at `data`, which is `width` channels wide: weight [k /
 * taps][taps] becomes tap by tap. Each weight is multiplied by `scale` in double and rounded once. */
typedef void mbconv_pack_panel_fn(void *data, size_t width, size_t lane, size_t k, size_t taps, const float *weight,
                                  double scale, float bias);

/* Packs one channel of a depthwise whose first channel is at `data`; weight [taps] is scaled as above. */
typedef void mbconv_pack_depthwise_fn(void *data, size_t lanes, size_t channel, size_t taps, const float *weight,
                                      double scale, float bias);

/* ---- Blocking ---------------------------------------------------------------------------------------------------- */

/* Into what pieces the work is cut so that it stays in the caches. The numbers were measured on CPUs that run the set.
 * Sizes of memory are in bytes. */
struct mbconv_blocking {
  /* A group has at most `group_channels` expanded channels, and fewer if the ring rows that one output row needs would
   * take more than `l1_bytes`. */
  size_t group_channels, l1_bytes;
  /* Rings and the depthwise output of a strip take 5/8 of the L2 cache, but not less than `l2_least_bytes` and not more
   * than `l2_most_bytes`. An L2 cache of unknown size is taken to have `l2_assumed_bytes`. */
  size_t l2_least_bytes, l2_most_bytes, l2_assumed_bytes;
  size_t run_pixels;       /* with squeeze-excite: an expand run has this many pixels if it can, several tiles */
  size_t depthwise_pixels; /* a multiple of the width of every depthwise tile */
  size_t map_bytes;  /* outputs that are computed before an activation is mapped over them, while they are in L1 */
  size_t map_pixels; /* 1x1: but not fewer pixels than this, or all weights come from L2 or L3 for them */
  size_t projected_pixels; /* a stored depthwise output is projected this many pixels at a time: several tiles */
  size_t window_bytes;     /* gathered windows of a dense convolution that are in L1 at a time */
};

/* ---- The set ----------------------------------------------------------------------------------------------------- */

struct mbconv_kernels {
  mbconv_isa isa;
  size_t lanes;
  size_t element; /* bytes of an element of x and y */
  /* [0] wide; then, narrower and narrower, those that the last panels may be of (run NULL: none). */
  struct mbconv_pointwise_tile pointwise[MBCONV_POINTWISE_TILES];
  mbconv_gemv_fn *gemv;
  /* [kernel 3, 5, 7][stride 1, 2] */
  mbconv_depthwise_fn *depthwise[3][2];
  /* NONE, RELU, RELU6, HARD_SIGMOID and HARD_SWISH are the same function for both variants, indexed by
   * variant - MBCONV_EXP_SLEEF; the SILU and SIGMOID of [0] are NULL in builds without SLEEF. */
  mbconv_activation_fn *activation[2][MBCONV_ACTIVATION_HARD_SWISH + 1];
  mbconv_channel_sum_fn *channel_sum;
  mbconv_channel_scale_fn *channel_scale;
  struct mbconv_transpose_tile transpose;
  mbconv_transpose_fn *transpose_one; /* a tile of one row and one column */
  struct mbconv_packing packing;
  mbconv_pack_panel_fn *pack_panel;
  mbconv_pack_depthwise_fn *pack_depthwise;
  bool tiles_silu;        /* pointwise tiles, gemv and depthwise apply SiLU, the inline variant, if told to */
  mbconv_exp fastest_exp; /* what AUTO means, backed by bench/RESULTS.md */
  struct mbconv_blocking blocking;
};

extern const struct mbconv_kernels mbconv_kernels_scalar;
extern const struct mbconv_kernels mbconv_kernels_avx2;
extern const struct mbconv_kernels mbconv_kernels_avx512;
extern const struct mbconv_kernels mbconv_kernels_neon;

#endif
