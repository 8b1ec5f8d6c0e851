/* SPDX-License-Identifier: MIT
 *
 * What an ARM64 CPU offers, without cpu_features (MBCONV_CPU_FEATURES=OFF): for phones, whose toolchains have no
 * packages.
 */
#include "dispatch.h"

/* Linux and Android say it in the auxiliary vector. Elsewhere (macOS, iOS) the ABI is for CPUs that have it. */
#ifdef __linux__
#include <asm/hwcap.h>
#include <sys/auxv.h>

static bool has_neon(void) { return getauxval(AT_HWCAP) & HWCAP_ASIMD; }
#else
static bool has_neon(void) { return true; }
#endif

void mbconv_cpu_detect(struct mbconv_cpu *cpu) {
  *cpu = (struct mbconv_cpu){.fma = has_neon(), .neon = has_neon(), .name = "ARM64"};
}
