/* SPDX-License-Identifier: MIT
 *
 * In mbconv_twins_tests the rows of int8 that need VNNI are made of their twins, and so ask for less of a CPU.
 */
#include "i8_sets.h"

static const struct mbconv_row rows[] = {
    {MBCONV_ISA_AVX512_VNNI, MBCONV_NEEDS_AVX512, &mbconv_kernels_i8_avx512_vnni_vbmi},
    {MBCONV_ISA_AVX512_VNNI, MBCONV_NEEDS_AVX512, &mbconv_kernels_i8_avx512_vnni},
#ifdef MBCONV_I8_AVX2_VNNI
    {MBCONV_ISA_AVX2_VNNI, MBCONV_NEEDS_AVX2, &mbconv_kernels_i8_avx2_vnni},
#endif
    {MBCONV_ISA_SCALAR, 0, &mbconv_kernels_i8_scalar},
};

const struct mbconv_sets mbconv_i8_sets = {rows, sizeof rows / sizeof *rows};
