/* SPDX-License-Identifier: MIT
 *
 * The sizes of packed weights in bytes, and the places of panels and groups in them, from the `packing` of a set. The
 * layout itself is known only to the kernels and to the packing functions beside them.
 *
 *     1x1         panel after panel, each [biases | weights], a tile wide
 *     depthwise   unit after unit of channels, each with its biases and taps
 *
 * Some bytes may stand behind the weights of a panel or unit, so many for each channel: i8/i8.h says when. Both begin
 * aligned to MBCONV_ALIGNMENT and are zero beyond the last channel.
 */
#ifndef MBCONV_PACK_H
#define MBCONV_PACK_H

#include "kernels.h"
#include "size.h"

/* ---- 1x1 --------------------------------------------------------------------------------------------------------- */

/* The bytes of one output channel of a panel, with `behind` behind its weights. The panels of `channels` channels take
 * `channels` times as many, and the panel that begins with channel c begins c times as many behind the first one. */
static inline size_t mbconv_panel_channel_bytes(const struct mbconv_packing *packing, size_t k, size_t behind) {
  return packing->bias + mbconv_round_up(k, packing->k_step) * packing->weight + behind;
}

/* Like mbconv_panel_channel_bytes(), but for `channels` channels, and sizes may overflow. */
static inline size_t mbconv_panel_bytes_checked(const struct mbconv_packing *packing, size_t k, size_t behind,
                                                size_t channels, bool *overflow) {
  const size_t steps = k / packing->k_step + (k % packing->k_step > 0);
  const size_t weights = mbconv_multiply(steps, packing->k_step * packing->weight, overflow);
  return mbconv_multiply(channels, mbconv_add(weights, packing->bias + behind, overflow), overflow);
}

/* Sets bias, weights and next of the panel that begins at `data` and has `width` channels of `channel_bytes` each. */
static inline void mbconv_panel_place(struct mbconv_pointwise_panel *panel, const struct mbconv_packing *packing,
                                      const void *data, size_t width, size_t channel_bytes) {
  panel->bias = data;
  panel->weights = (const char *)data + width * packing->bias;
  panel->next = width * channel_bytes;
}

/* ---- Depthwise --------------------------------------------------------------------------------------------------- */

/* The bytes of one channel, for the function [kernel][stride]. Channel c, a multiple of the unit, begins c times as
 * many behind the first. */
static inline size_t mbconv_depthwise_channel_bytes(const struct mbconv_packing *packing, size_t kernel,
                                                    size_t stride) {
  const size_t taps = packing->taps[(kernel - 3) / 2][stride - 1];
  return packing->bias + taps * packing->weight;
}

#endif
