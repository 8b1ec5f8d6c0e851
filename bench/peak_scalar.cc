// SPDX-License-Identifier: MIT
#include <cmath>

#include "peak.h"
#include "peak_loop.h"

namespace {
inline float fma_scalar(float a, float b, float c) {
  return fmaf(a, b, c);
}
}  // namespace

double bench::fma_loop_scalar(size_t steps) {
  return fma_loop<24, 1, float, fma_scalar>(steps, 0.5f);
}
