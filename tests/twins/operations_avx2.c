/* SPDX-License-Identifier: MIT */
#include "operations.h"

#include <immintrin.h>

#include "i8/vnni_avx2.h" /* add_dots(), which the kernels use */

#ifdef MBCONV_TWINS_VNNI_H
#define NAME(name) twin_##name
#else
#define NAME(name) real_##name
#endif

void NAME(dots_avx2_256)(const void *sum, const void *x, const void *w, void *y) {
  const __m256i from = _mm256_loadu_si256(sum);
  _mm256_storeu_si256(y, add_dots(from, _mm256_loadu_si256(x), _mm256_loadu_si256(w)));
}
