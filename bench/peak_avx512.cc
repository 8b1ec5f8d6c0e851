// SPDX-License-Identifier: MIT
#ifndef __AVX512F__
#error "compile with -mavx512f"
#endif
#include <immintrin.h>

#include "peak.h"
#include "peak_loop.h"

namespace {
inline __m512 fma_avx512(__m512 a, __m512 b, __m512 c) {
  return _mm512_fmadd_ps(a, b, c);
}
}  // namespace

double bench::fma_loop_avx512(size_t steps) {
  return fma_loop<24, 16, __m512, fma_avx512>(steps, _mm512_set1_ps(0.5f));
}
