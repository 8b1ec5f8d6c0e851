/* SPDX-License-Identifier: MIT
 *
 * What an ARM64 CPU offers, without cpu_features (MBCONV_CPU_FEATURES=OFF): for phones, whose toolchains have no
 * packages.
 */
#include "arm64.h"

#if defined(__linux__)
#include <sys/auxv.h>

static uint32_t features_here(void) { return mbconv_arm64_features(getauxval(AT_HWCAP), getauxval(AT_HWCAP2)); }

#elif defined(__APPLE__)
#include <sys/sysctl.h>

/* The ABI of macOS and iOS is for CPUs that have NEON. What else there is, they tell by name; a name that an older
 * system does not know stands for a feature that is not there. */
static uint32_t flag(const char *name, uint32_t feature) {
  int there = 0;
  size_t size = sizeof there;
  return sysctlbyname(name, &there, &size, NULL, 0) == 0 && there != 0 ? feature : 0;
}

static uint32_t features_here(void) {
  return MBCONV_CPU_NEON | MBCONV_CPU_FMA | flag("hw.optional.arm.FEAT_DotProd", MBCONV_CPU_DOTPROD) |
         flag("hw.optional.arm.FEAT_I8MM", MBCONV_CPU_I8MM) | flag("hw.optional.arm.FEAT_FP16", MBCONV_CPU_FP16);
}

#else
/* Elsewhere nothing can be asked, and the ABI is for CPUs that have NEON. */
static uint32_t features_here(void) { return MBCONV_CPU_NEON | MBCONV_CPU_FMA; }
#endif

void mbconv_cpu_detect(struct mbconv_cpu *cpu) {
  *cpu = (struct mbconv_cpu){.features = features_here(), .name = "ARM64"};
}
