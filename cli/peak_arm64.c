/* SPDX-License-Identifier: MIT
 *
 * As peak_x86.c; 16 chains for the four FMAs per cycle of the widest ARM cores.
 */
#include <arm_neon.h>

#include "measure.h"

double cli_peak_loop(mbconv_isa isa, size_t steps) {
  if (isa != MBCONV_ISA_NEON) return 0;
  float32x4_t half = vdupq_n_f32(0.5f);
  __asm__("" : "+w"(half));
  float32x4_t a = half, b = half, c = half, d = half, e = half, f = half, g = half, h = half;
  float32x4_t i = half, j = half, k = half, l = half, m = half, n = half, o = half, p = half;
  for (size_t step = 0; step < steps; step++) {
    a = vfmaq_f32(a, half, half);
    b = vfmaq_f32(b, half, half);
    c = vfmaq_f32(c, half, half);
    d = vfmaq_f32(d, half, half);
    e = vfmaq_f32(e, half, half);
    f = vfmaq_f32(f, half, half);
    g = vfmaq_f32(g, half, half);
    h = vfmaq_f32(h, half, half);
    i = vfmaq_f32(i, half, half);
    j = vfmaq_f32(j, half, half);
    k = vfmaq_f32(k, half, half);
    l = vfmaq_f32(l, half, half);
    m = vfmaq_f32(m, half, half);
    n = vfmaq_f32(n, half, half);
    o = vfmaq_f32(o, half, half);
    p = vfmaq_f32(p, half, half);
    __asm__ volatile("" : "+w"(a), "+w"(b), "+w"(c), "+w"(d), "+w"(e), "+w"(f), "+w"(g), "+w"(h));
    __asm__ volatile("" : "+w"(i), "+w"(j), "+w"(k), "+w"(l), "+w"(m), "+w"(n), "+w"(o), "+w"(p));
  }
  return 2.0 * 4 * 16 * (double)steps;
}
