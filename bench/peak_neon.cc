// SPDX-License-Identifier: MIT
#ifndef __ARM_NEON
#error "compile for ARM with NEON"
#endif
#include <arm_neon.h>

#include "peak.h"
#include "peak_loop.h"

namespace {
inline float32x4_t fma_neon(float32x4_t a, float32x4_t b, float32x4_t c) {
  return vfmaq_f32(c, a, b);
}
}  // namespace

double bench::fma_loop_neon(size_t steps) {
  return fma_loop<24, 4, float32x4_t, fma_neon>(steps, vdupq_n_f32(0.5f));
}
