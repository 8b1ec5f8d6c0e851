/* SPDX-License-Identifier: MIT
 *
 * vpdpbusd on 8 sums. AVX-VNNI and AVX-512 VNNI have the same instruction in two encodings.
 */
#ifndef MBCONV_I8_VNNI_AVX2_H
#define MBCONV_I8_VNNI_AVX2_H

#include "../vec_avx2.h"

/* Adds to each sum the four products of unsigned bytes of x and signed bytes of w. */
ALWAYS_INLINE __m256i add_dots(__m256i sum, __m256i x, __m256i w) { return _mm256_dpbusd_avx_epi32(sum, x, w); }

#endif
