/* SPDX-License-Identifier: MIT
 *
 * How the weights of the f32 kernels lie in memory. Only this file, pack.c and the kernels know; whoever plans or runs
 * asks for sizes and places here.
 *
 *     1x1         panel after panel, each [bias | weights of k 0 | weights of k 1 ...], every part a tile wide
 *     depthwise   vector after vector of channels, each [bias | tap 0 | tap 1 ...], every part `lanes` wide
 *
 * Both are aligned to MBCONV_ALIGNMENT where the first begins, and zero beyond the last channel.
 */
#ifndef MBCONV_PACK_H
#define MBCONV_PACK_H

#include "kernels.h"
#include "size.h"

/* ---- 1x1 --------------------------------------------------------------------------------------------------------- */

/* Floats of panels that are `channels` wide together: how long they are, and how far behind the first one the panel
 * lies that begins with channel `channels`. */
static inline size_t mbconv_panel_floats(size_t k, size_t channels) { return channels * (k + 1); }

/* Like mbconv_panel_floats(), of sizes that may overflow. */
static inline size_t mbconv_panel_floats_checked(size_t k, size_t channels, bool *overflow) {
  return mbconv_multiply(channels, mbconv_add(k, 1, overflow), overflow);
}

/* Sets bias, weights and next of `panel`, which is `width` channels wide and begins at `data`; its k is set. */
static inline void mbconv_panel_place(struct mbconv_pointwise_panel *panel, const float *data, size_t width) {
  panel->bias = data;
  panel->weights = data + width;
  panel->next = mbconv_panel_floats(panel->k, width);
}

/* Packs one channel, the `lane`th of the panel at `data`: weight [k / taps][taps] becomes tap by tap. Each weight is
 * multiplied by `scale` in double and rounded once. */
void mbconv_panel_pack(float *data, size_t width, size_t lane, size_t k, size_t taps, const float *weight, double scale,
                       float bias);

/* ---- Depthwise --------------------------------------------------------------------------------------------------- */

/* Floats of `channels` channels, a multiple of the lanes: how long they are, and where channel `channels` begins. */
static inline size_t mbconv_depthwise_floats(size_t taps, size_t channels) { return channels * (taps + 1); }

/* Floats of the weights of `channels` channels, which need not fill the last vector. */
static inline size_t mbconv_depthwise_floats_checked(size_t taps, size_t channels, size_t lanes, bool *overflow) {
  return mbconv_multiply(mbconv_round_up(channels, lanes), taps + 1, overflow);
}

/* Packs one channel; weight [taps] is scaled as above. */
void mbconv_depthwise_pack_channel(float *data, size_t lanes, size_t channel, size_t taps, const float *weight,
                                   double scale, float bias);

#endif
