/* SPDX-License-Identifier: MIT
 *
 * The functions of the int8 set for NEON with SDOT; see ../kernels.h and i8.h for their contracts.
 */
#ifndef MBCONV_I8_SET_NEON_DOTPROD_H
#define MBCONV_I8_SET_NEON_DOTPROD_H

#include "i8.h"

mbconv_pointwise_fn mbconv_i8_pointwise_neon_dotprod_6x16, mbconv_i8_pointwise_neon_dotprod_8x8;
mbconv_depthwise_fn mbconv_i8_depthwise_neon_dotprod_3x3s1, mbconv_i8_depthwise_neon_dotprod_3x3s2,
    mbconv_i8_depthwise_neon_dotprod_5x5s1, mbconv_i8_depthwise_neon_dotprod_5x5s2,
    mbconv_i8_depthwise_neon_dotprod_7x7s1, mbconv_i8_depthwise_neon_dotprod_7x7s2;
mbconv_i8_pack_panel_fn mbconv_i8_pack_panel_neon_dotprod;
mbconv_i8_pack_depthwise_fn mbconv_i8_pack_depthwise_neon_dotprod;
mbconv_i8_depthwise_pair_fn mbconv_i8_depthwise_neon_dotprod_3x3s1_pair;

#endif
