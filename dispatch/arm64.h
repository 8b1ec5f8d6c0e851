/* SPDX-License-Identifier: MIT
 *
 * Reading an ARM64 CPU without cpu_features. Linux and Android tell its features in two words of the auxiliary vector,
 * AT_HWCAP and AT_HWCAP2. The bits are written down here, because the headers of older systems lack the later ones, and
 * because tests on any architecture can then ask for CPUs that do not exist.
 */
#ifndef MBCONV_ARM64_H
#define MBCONV_ARM64_H

#include "dispatch.h"

/* The features that the two words say. Every instruction of NEON's multiply-adds is part of Advanced SIMD. */
static inline uint32_t mbconv_arm64_features(unsigned long hwcap, unsigned long hwcap2) {
  enum { ASIMD = 1 << 1, FPHP = 1 << 9, ASIMDHP = 1 << 10, ASIMDDP = 1 << 20, I8MM = 1 << 13 /* of AT_HWCAP2 */ };
  if (!(hwcap & ASIMD)) return 0;
  uint32_t features = MBCONV_CPU_NEON | MBCONV_CPU_FMA;
  if (hwcap & FPHP && hwcap & ASIMDHP) features |= MBCONV_CPU_FP16;
  if (hwcap & ASIMDDP) features |= MBCONV_CPU_DOTPROD;
  if (hwcap2 & I8MM) features |= MBCONV_CPU_I8MM;
  return features;
}

#endif
