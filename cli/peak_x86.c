/* SPDX-License-Identifier: MIT
 *
 * Chains of half * half + sum, which grow by 1/4 up to 2^22 and stay there. So many that they cover 4 cycles of latency
 * and two FMAs per cycle, and fit into the registers.
 */
#include <immintrin.h>

#include "measure.h"

__attribute__((target("avx2,fma"))) static double avx2(size_t steps) {
  __m256 half = _mm256_set1_ps(0.5f);
  __asm__("" : "+x"(half));
  __m256 a = half, b = half, c = half, d = half, e = half, f = half, g = half, h = half, i = half, j = half;
  for (size_t step = 0; step < steps; step++) {
    a = _mm256_fmadd_ps(half, half, a);
    b = _mm256_fmadd_ps(half, half, b);
    c = _mm256_fmadd_ps(half, half, c);
    d = _mm256_fmadd_ps(half, half, d);
    e = _mm256_fmadd_ps(half, half, e);
    f = _mm256_fmadd_ps(half, half, f);
    g = _mm256_fmadd_ps(half, half, g);
    h = _mm256_fmadd_ps(half, half, h);
    i = _mm256_fmadd_ps(half, half, i);
    j = _mm256_fmadd_ps(half, half, j);
    __asm__ volatile("" : "+x"(a), "+x"(b), "+x"(c), "+x"(d), "+x"(e), "+x"(f), "+x"(g), "+x"(h), "+x"(i), "+x"(j));
  }
  return 2.0 * 8 * 10 * (double)steps;
}

__attribute__((target("avx512f"))) static double avx512(size_t steps) {
  __m512 half = _mm512_set1_ps(0.5f);
  __asm__("" : "+v"(half));
  __m512 a = half, b = half, c = half, d = half, e = half, f = half, g = half, h = half, i = half, j = half;
  for (size_t step = 0; step < steps; step++) {
    a = _mm512_fmadd_ps(half, half, a);
    b = _mm512_fmadd_ps(half, half, b);
    c = _mm512_fmadd_ps(half, half, c);
    d = _mm512_fmadd_ps(half, half, d);
    e = _mm512_fmadd_ps(half, half, e);
    f = _mm512_fmadd_ps(half, half, f);
    g = _mm512_fmadd_ps(half, half, g);
    h = _mm512_fmadd_ps(half, half, h);
    i = _mm512_fmadd_ps(half, half, i);
    j = _mm512_fmadd_ps(half, half, j);
    __asm__ volatile("" : "+v"(a), "+v"(b), "+v"(c), "+v"(d), "+v"(e), "+v"(f), "+v"(g), "+v"(h), "+v"(i), "+v"(j));
  }
  return 2.0 * 16 * 10 * (double)steps;
}

double cli_peak_loop(mbconv_isa isa, size_t steps) {
  if (isa == MBCONV_ISA_AVX2) return avx2(steps);
  if (isa == MBCONV_ISA_AVX512) return avx512(steps);
  return 0;
}
