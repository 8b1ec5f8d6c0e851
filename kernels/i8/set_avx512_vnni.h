/* SPDX-License-Identifier: MIT
 *
 * The functions of the int8 set for AVX-512 with VNNI; see ../kernels.h and i8.h for their contracts.
 */
#ifndef MBCONV_I8_SET_AVX512_VNNI_H
#define MBCONV_I8_SET_AVX512_VNNI_H

#include "i8.h"

mbconv_pointwise_fn mbconv_i8_pointwise_avx512_vnni_7x64, mbconv_i8_pointwise_avx512_vnni_7x48,
    mbconv_i8_pointwise_avx512_vnni_14x32, mbconv_i8_pointwise_avx512_vnni_28x16;

#endif
