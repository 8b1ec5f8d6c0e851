/* SPDX-License-Identifier: MIT
 *
 * How the weights of the f32 kernels lie in memory. The kernels know it, and pack.c, which packs for all of them.
 *
 *     1x1         panel after panel, each [bias | weights of k 0 | weights of k 1 ...], every part a tile wide
 *     depthwise   vector after vector of channels, each [bias | tap 0 | tap 1 ...], every part `lanes` wide
 */
#ifndef MBCONV_LAYOUT_H
#define MBCONV_LAYOUT_H

#include "kernels.h"

/* The `packing` of the f32 sets: a unit is a vector. */
#define MBCONV_PACKING_F32(lanes)                                                                                      \
  {                                                                                                                    \
    .bias = sizeof(float), .weight = sizeof(float), .k_step = 1, .unit = lanes, .taps = { {9, 9}, {25, 25}, {49, 49} } \
  }

mbconv_pack_panel_fn mbconv_pack_panel_f32;
mbconv_pack_depthwise_fn mbconv_pack_depthwise_f32;

#endif
