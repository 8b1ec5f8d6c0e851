// SPDX-License-Identifier: MIT
#if !defined(__AVX2__) || !defined(__FMA__)
#error "compile with -mavx2 -mfma"
#endif
#include <immintrin.h>

#include "peak.h"
#include "peak_loop.h"

namespace {
inline __m256 fma_avx2(__m256 a, __m256 b, __m256 c) {
  return _mm256_fmadd_ps(a, b, c);
}
}  // namespace

double bench::fma_loop_avx2(size_t steps) {
  return fma_loop<12, 8, __m256, fma_avx2>(steps, _mm256_set1_ps(0.5f));
}
