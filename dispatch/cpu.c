/* SPDX-License-Identifier: MIT
 *
 * What this CPU and operating system offer. The only file that knows cpu_features.
 */
#include <cpu_features_macros.h>

#include "dispatch.h"
#include "format.h"

#if defined(CPU_FEATURES_ARCH_X86)

#include <cpuinfo_x86.h>

#include "x86.h"

/* Skylake, Cascade Lake and Cooper Lake servers share a model number; cpu_features tells from the name which of them
 * have the second FMA unit. */
static bool avx512_slow(const X86Info *info) {
  const bool skylake_server = info->family == 6 && info->model == 0x55;
  return skylake_server && info->features.avx512f && !info->features.avx512_second_fma;
}

/* `!= 0`: cpu_features' flags are signed fields of one bit, and gcc 12 with -O2 stores -1 into a bool without it. */
void mbconv_cpu_detect(struct mbconv_cpu *cpu) {
  const uint32_t saved = mbconv_x86_saved(&mbconv_x86_here);
  const X86Info info = GetX86Info();
  *cpu = (struct mbconv_cpu){
      .fma = info.features.fma3 != 0,
      .avx2 = info.features.avx2 != 0,
      .avx512f = info.features.avx512f != 0,
      .avx512vl = info.features.avx512vl != 0,
      .avx512bw = info.features.avx512bw != 0,
      .avx512dq = info.features.avx512dq != 0,
      .os_ymm = mbconv_x86_saves_ymm(saved),
      .os_zmm = mbconv_x86_saves_zmm(saved),
      .avx512_slow = avx512_slow(&info),
  };
  const char *name = info.brand_string[0] ? info.brand_string : "x86 CPU without a name";
  mbconv_format(cpu->name, sizeof cpu->name, "%s", name);
}

#elif defined(CPU_FEATURES_ARCH_AARCH64)

#include <cpuinfo_aarch64.h>

#ifdef __linux__
#include <asm/hwcap.h>
#include <sys/auxv.h>

/* Debian builds cpu_features 0.7 with its debugging output: GetAarch64Info prints a line to stdout where the kernel has
 * nothing to report in AT_HWCAP2, as on Cortex-A53 and A72 (D() in google/cpu_features, src/hwcaps.c, without NDEBUG).
 * There the flag is read from where cpu_features would have it. */
static bool kernel_answers(struct mbconv_cpu *cpu) {
  const bool asimd = getauxval(AT_HWCAP) & HWCAP_ASIMD;
  if (!asimd || getauxval(AT_HWCAP2)) return false;
  *cpu = (struct mbconv_cpu){.fma = true, .neon = true, .name = "ARM64"};
  return true;
}
#else
static bool kernel_answers(struct mbconv_cpu *cpu) {
  (void)cpu;
  return false;
}
#endif

void mbconv_cpu_detect(struct mbconv_cpu *cpu) {
  if (kernel_answers(cpu)) return;
  const Aarch64Info info = GetAarch64Info();
  *cpu = (struct mbconv_cpu){.fma = info.features.asimd != 0, .neon = info.features.asimd != 0};
  /* ARM64 has no name to read, only these numbers. */
  mbconv_format(cpu->name, sizeof cpu->name, "ARM64, implementer 0x%x, part 0x%x", (unsigned)info.implementer,
                (unsigned)info.part);
}

#else
#error "other architectures have cpu_other.c"
#endif
