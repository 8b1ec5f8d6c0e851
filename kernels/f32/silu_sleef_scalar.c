/* SPDX-License-Identifier: MIT
 *
 * SiLU and sigmoid on SLEEF's expf of 1.0 ULP, one float at a time.
 *
 * The function with FMA, purecfma, has the bits of SLEEF's vector functions; purec, without, has others. purecfma
 * executes FMA instructions whatever this file is compiled for: dispatch/select.c admits it only on CPUs that have
 * them.
 */
#ifndef FP_FAST_FMA
#define FP_FAST_FMA /* sleef.h hides purecfma from compilers that do not target FMA */
#endif
#include <sleef.h>

#include "set_scalar.h"
#include "vec_scalar.h"

void mbconv_silu_sleef_scalar(size_t n, const void *x_, void *y_) {
  const float *x = x_;
  float *y = y_;
  for (size_t i = 0; i < n; i++) {
    const float c = floor88(x[i]);
    y[i] = c / (1.0f + Sleef_expf1_u10purecfma(-c));
  }
}

void mbconv_sigmoid_sleef_scalar(size_t n, const void *x_, void *y_) {
  const float *x = x_;
  float *y = y_;
  for (size_t i = 0; i < n; i++) y[i] = 1.0f / (1.0f + Sleef_expf1_u10purecfma(-floor88(x[i])));
}
