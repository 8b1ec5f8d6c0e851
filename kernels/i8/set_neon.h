/* SPDX-License-Identifier: MIT
 *
 * The functions of the int8 set for NEON; see ../kernels.h and i8.h for their contracts.
 */
#ifndef MBCONV_I8_SET_NEON_H
#define MBCONV_I8_SET_NEON_H

#include "i8.h"

mbconv_pointwise_fn mbconv_i8_pointwise_neon_5x16, mbconv_i8_pointwise_neon_8x8;
mbconv_depthwise_fn mbconv_i8_depthwise_neon_3x3s1, mbconv_i8_depthwise_neon_3x3s2, mbconv_i8_depthwise_neon_5x5s1,
    mbconv_i8_depthwise_neon_5x5s2, mbconv_i8_depthwise_neon_7x7s1, mbconv_i8_depthwise_neon_7x7s2;
mbconv_i8_pack_panel_fn mbconv_i8_pack_panel_neon;
mbconv_i8_pack_depthwise_fn mbconv_i8_pack_depthwise_neon;
mbconv_transpose_fn mbconv_i8_transpose_neon_8x8;
mbconv_i8_table_fn mbconv_i8_table_neon;
mbconv_i8_flip_fn mbconv_i8_flip_neon;
mbconv_i8_add_fn mbconv_i8_add_neon;
mbconv_channel_sum_fn mbconv_i8_channel_sum_neon;
mbconv_i8_gate_fn mbconv_i8_gate_neon;

/* ---- What the rows share beside that
 * ---------------------------------------------------------------------------------
 */

/* `width` bytes of s8 at y, 16 or 8, get the bounds and the sign of their ending. */
void mbconv_i8_end_later_neon(const struct mbconv_i8_ending *ending, size_t width, uint8_t *y);

/* y[c] is what sums[c] ends as. `scales` are scales, of which the first may be negated, or multipliers; `shifts` are
 * read only with these. */
void mbconv_i8_requantize_neon(const struct mbconv_i8_ending *ending, const int32_t *scales, const int32_t *shifts,
                               size_t channels, const int32_t *sums, uint8_t *y);

/* Tiles of pixels of at least 16 bytes whose channels are all stored. */
typedef void mbconv_i8_tile_neon_fn(const struct mbconv_pointwise_panel *panel, size_t pixels, size_t tiles,
                                    const uint8_t *x, void *const *y, size_t offset);

/* A tile of few k or few channels: pixels are copied to where 16 bytes can be read, outputs from where all can be
 * written. */
void mbconv_i8_run_staged_neon(mbconv_i8_tile_neon_fn *run, const struct mbconv_pointwise_panel *panel, size_t pixels,
                               const uint8_t *x, void *const *y, size_t offset);

#endif
