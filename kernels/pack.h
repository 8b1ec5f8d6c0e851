/* SPDX-License-Identifier: MIT
 *
 * How many bytes packed weights take, from the packing of a set. That is all that is known outside the kernels: they,
 * and the packing functions beside them, know the layout.
 *
 *     1x1         panel after panel, each [bias | weights], a tile wide
 *     depthwise   vector after vector of channels, each with its biases and taps
 *
 * Both are aligned to MBCONV_ALIGNMENT where the first begins, and zero beyond the last channel.
 */
#ifndef MBCONV_PACK_H
#define MBCONV_PACK_H

#include "kernels.h"
#include "size.h"

/* ---- 1x1 --------------------------------------------------------------------------------------------------------- */

/* Bytes of one output channel of a panel. Panels that are `channels` wide together take that many times as much, and so
 * far behind the first one lies the panel that begins with channel `channels`. */
static inline size_t mbconv_panel_channel_bytes(const struct mbconv_packing *packing, size_t k) {
  return packing->bias + mbconv_round_up(k, packing->k_step) * packing->weight;
}

/* Like mbconv_panel_channel_bytes(), but of `channels` channels, and of sizes that may overflow. */
static inline size_t mbconv_panel_bytes_checked(const struct mbconv_packing *packing, size_t k, size_t channels,
                                                bool *overflow) {
  const size_t steps = k / packing->k_step + (k % packing->k_step > 0);
  const size_t weights = mbconv_multiply(steps, packing->k_step * packing->weight, overflow);
  return mbconv_multiply(channels, mbconv_add(weights, packing->bias, overflow), overflow);
}

/* Sets bias, weights and next of `panel`, which is `width` channels wide, of `channel_bytes` each, and begins at
 * `data`. */
static inline void mbconv_panel_place(struct mbconv_pointwise_panel *panel, const struct mbconv_packing *packing,
                                      const void *data, size_t width, size_t channel_bytes) {
  panel->bias = data;
  panel->weights = (const char *)data + width * packing->bias;
  panel->next = width * channel_bytes;
}

/* ---- Depthwise --------------------------------------------------------------------------------------------------- */

/* Bytes of `channels` channels, a multiple of the lanes: how long they are, and where channel `channels` begins. */
static inline size_t mbconv_depthwise_bytes(const struct mbconv_packing *packing, size_t taps, size_t channels) {
  return channels * (packing->bias + taps * packing->weight);
}

/* Like mbconv_depthwise_bytes(), but of channels that need not fill the last vector, and may overflow. */
static inline size_t mbconv_depthwise_bytes_checked(const struct mbconv_packing *packing, size_t taps, size_t channels,
                                                    size_t lanes, bool *overflow) {
  return mbconv_multiply(mbconv_round_up(channels, lanes), packing->bias + taps * packing->weight, overflow);
}

#endif
