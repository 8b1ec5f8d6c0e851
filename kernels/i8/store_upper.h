/* SPDX-License-Identifier: MIT
 *
 * What the vector kernels on x86 store by half a vector.
 */
#ifndef MBCONV_I8_STORE_UPPER_H
#define MBCONV_I8_STORE_UPPER_H

#include <immintrin.h>

typedef double mbconv_any_double __attribute__((aligned(1), may_alias));

/* The upper 8 of 16 bytes, to any address: _mm_storeh_pd() wants an aligned one, though its instruction does not. */
static inline __attribute__((always_inline)) void store_upper(void *y, __m128i v) {
  *(mbconv_any_double *)y = _mm_castsi128_pd(v)[1];
}

#endif
