/* SPDX-License-Identifier: MIT
 *
 * What this CPU and operating system offer. The only file that knows cpu_features.
 */
#include <cpu_features_macros.h>

#include "dispatch.h"
#include "format.h"

/* cpu_features' flags are signed fields of one bit, so that a flag that is set is -1. */
static uint32_t flag(int there, uint32_t feature) { return there ? feature : 0; }

#if defined(CPU_FEATURES_ARCH_X86)

#include <cpuinfo_x86.h>

#include "x86.h"

/* Skylake, Cascade Lake and Cooper Lake servers share a model number; cpu_features tells from the name which of them
 * have the second FMA unit. */
static bool avx512_slow(const X86Info *info) {
  const bool skylake_server = info->family == 6 && info->model == 0x55;
  return skylake_server && info->features.avx512f && !info->features.avx512_second_fma;
}

static uint32_t features_of(const X86Features *f) {
  return flag(f->fma3, MBCONV_CPU_FMA) | flag(f->avx2, MBCONV_CPU_AVX2) | flag(f->avx512f, MBCONV_CPU_AVX512F) |
         flag(f->avx512vl, MBCONV_CPU_AVX512VL) | flag(f->avx512bw, MBCONV_CPU_AVX512BW) |
         flag(f->avx512dq, MBCONV_CPU_AVX512DQ) | flag(f->avx512vnni, MBCONV_CPU_AVX512_VNNI) |
         flag(f->avx512vbmi, MBCONV_CPU_AVX512_VBMI);
}

/* cpu_features says neither what the system saves nor, in version 0.7, whether there is AVX-VNNI. In a virtual machine
 * each CPUID takes 10 us and more; so none is asked that its answers make needless: it reports AVX only where XGETBV
 * can be executed, and AVX2 only where there is leaf 7. */
void mbconv_cpu_detect(struct mbconv_cpu *cpu) {
  const X86Info info = GetX86Info();
  const uint32_t saved = info.features.avx ? mbconv_x86_here.xgetbv() : 0;
  const bool avx_vnni = info.features.avx2 && mbconv_x86_avx_vnni(&mbconv_x86_here);
  *cpu = (struct mbconv_cpu){
      .features = features_of(&info.features) | flag(avx_vnni, MBCONV_CPU_AVX_VNNI) |
                  flag(mbconv_x86_saves_ymm(saved), MBCONV_CPU_OS_YMM) |
                  flag(mbconv_x86_saves_zmm(saved), MBCONV_CPU_OS_ZMM),
      .avx512_slow = avx512_slow(&info),
  };
  const char *name = info.brand_string[0] ? info.brand_string : "x86 CPU without a name";
  mbconv_format(cpu->name, sizeof cpu->name, "%s", name);
}

#elif defined(CPU_FEATURES_ARCH_AARCH64)

#include <cpuinfo_aarch64.h>

#ifdef __linux__
#include <sys/auxv.h>

#include "arm64.h"

/* Debian builds cpu_features 0.7 with its debugging output: GetAarch64Info prints a line to stdout where the kernel has
 * nothing to report in AT_HWCAP2, as on Cortex-A53 and A72 (D() in google/cpu_features, src/hwcaps.c, without NDEBUG).
 * There the features are read from where cpu_features would have them. */
static bool kernel_answers(struct mbconv_cpu *cpu) {
  const uint32_t features = mbconv_arm64_features(getauxval(AT_HWCAP), 0);
  if (!(features & MBCONV_CPU_NEON) || getauxval(AT_HWCAP2)) return false;
  *cpu = (struct mbconv_cpu){.features = features, .name = "ARM64"};
  return true;
}
#else
static bool kernel_answers(struct mbconv_cpu *cpu) {
  (void)cpu;
  return false;
}
#endif

static uint32_t features_of(const Aarch64Features *f) {
  if (!f->asimd) return 0;
  return MBCONV_CPU_NEON | MBCONV_CPU_FMA | flag(f->fphp && f->asimdhp, MBCONV_CPU_FP16) |
         flag(f->asimddp, MBCONV_CPU_DOTPROD) | flag(f->i8mm, MBCONV_CPU_I8MM);
}

void mbconv_cpu_detect(struct mbconv_cpu *cpu) {
  if (kernel_answers(cpu)) return;
  const Aarch64Info info = GetAarch64Info();
  *cpu = (struct mbconv_cpu){.features = features_of(&info.features)};
  /* ARM64 has no name to read, only these numbers. */
  mbconv_format(cpu->name, sizeof cpu->name, "ARM64, implementer 0x%x, part 0x%x", (unsigned)info.implementer,
                (unsigned)info.part);
}

#else
#error "other architectures have cpu_other.c"
#endif
