/* SPDX-License-Identifier: MIT
 *
 * The functions of the int8 set for AVX-512 without VNNI; see ../kernels.h and i8.h for their contracts.
 */
#ifndef MBCONV_I8_SET_AVX512_H
#define MBCONV_I8_SET_AVX512_H

#include "i8.h"

mbconv_pointwise_fn mbconv_i8_pointwise_avx512_7x64, mbconv_i8_pointwise_avx512_7x48, mbconv_i8_pointwise_avx512_14x32,
    mbconv_i8_pointwise_avx512_28x16;

#endif
