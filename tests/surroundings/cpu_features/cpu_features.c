/* SPDX-License-Identifier: MIT
 *
 * By the compiler's own detection.
 */
#include <cpu_features_macros.h>

#if defined(CPU_FEATURES_ARCH_X86)
#include <cpuinfo_x86.h>

X86Info GetX86Info(void) {
  X86Info info = {.features = {.avx512_second_fma = 1}, .brand_string = "stand-in"};
  info.features.fma3 = __builtin_cpu_supports("fma") != 0;
  info.features.avx = __builtin_cpu_supports("avx") != 0;
  info.features.avx2 = __builtin_cpu_supports("avx2") != 0;
  info.features.avx512f = __builtin_cpu_supports("avx512f") != 0;
  info.features.avx512vl = __builtin_cpu_supports("avx512vl") != 0;
  info.features.avx512bw = __builtin_cpu_supports("avx512bw") != 0;
  info.features.avx512dq = __builtin_cpu_supports("avx512dq") != 0;
  info.features.avx512vnni = __builtin_cpu_supports("avx512vnni") != 0;
  info.features.avx512vbmi = __builtin_cpu_supports("avx512vbmi") != 0;
  return info;
}
#elif defined(CPU_FEATURES_ARCH_AARCH64)
#include <cpuinfo_aarch64.h>

Aarch64Info GetAarch64Info(void) { return (Aarch64Info){.features = {.asimd = 1}}; }
#endif
