/* SPDX-License-Identifier: MIT
 *
 * SiLU and sigmoid on NEON by calls to SLEEF's expf of 1.0 ULP. Three times the instructions
 * of the same arithmetic in place (activation_neon.c): the call guards ranges that SiLU never reaches, and constants
 * are loaded anew.
 */
#include <sleef.h>

#include "set_neon.h"
#include "vec_neon.h"

ALWAYS_INLINE float32x4_t one_plus_exp_minus(float32x4_t c) {
  return vaddq_f32(vdupq_n_f32(1.0f), Sleef_expf4_u10advsimd(vnegq_f32(c)));
}

ALWAYS_INLINE float32x4_t silu(float32x4_t x) {
  const float32x4_t c = floor88(x);
  return vdivq_f32(c, one_plus_exp_minus(c));
}

ALWAYS_INLINE float32x4_t sigmoid(float32x4_t x) {
  return vdivq_f32(vdupq_n_f32(1.0f), one_plus_exp_minus(floor88(x)));
}

void mbconv_silu_sleef_neon(size_t n, const void *x, void *y) { map(silu, n, x, y); }

void mbconv_sigmoid_sleef_neon(size_t n, const void *x, void *y) { map(sigmoid, n, x, y); }
