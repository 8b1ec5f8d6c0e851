/* SPDX-License-Identifier: MIT
 *
 * The functions of the int8 set for NEON with I8MM; see ../kernels.h and i8.h for their contracts.
 */
#ifndef MBCONV_I8_SET_NEON_I8MM_H
#define MBCONV_I8_SET_NEON_I8MM_H

#include "i8.h"

mbconv_pointwise_fn mbconv_i8_pointwise_neon_i8mm_6x16, mbconv_i8_pointwise_neon_i8mm_8x8;
mbconv_i8_pack_panel_fn mbconv_i8_pack_panel_neon_i8mm;

#endif
