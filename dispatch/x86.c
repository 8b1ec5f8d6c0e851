/* SPDX-License-Identifier: MIT
 *
 * Reads what an x86 CPU says of itself (CPUID), and what its operating system saves (XCR0).
 */
#include "x86.h"

#include <cpuid.h>
#include <string.h>

#include "format.h"

/* ---- This CPU ---------------------------------------------------------------------------------------------------- */

static struct mbconv_x86_answer cpuid_here(uint32_t leaf, uint32_t subleaf) {
  struct mbconv_x86_answer a;
  __cpuid_count(leaf, subleaf, a.eax, a.ebx, a.ecx, a.edx);
  return a;
}

static uint32_t xgetbv_here(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

const struct mbconv_x86 mbconv_x86_here = {cpuid_here, xgetbv_here};

/* ---- What is asked of any ---------------------------------------------------------------------------------------- */

static bool bit(uint32_t word, unsigned n) { return word >> n & 1; }

/* The answer to `leaf`; zeros if the CPU does not have it. */
static struct mbconv_x86_answer ask(const struct mbconv_x86 *x86, uint32_t leaf) {
  const uint32_t highest = x86->cpuid(leaf & 0x80000000u, 0).eax;
  return leaf <= highest ? x86->cpuid(leaf, 0) : (struct mbconv_x86_answer){0};
}

/* AVX-VNNI stands in subleaf 1 of leaf 7, if the CPU has it: `leaf_7` is the answer to subleaf 0, which names the
 * highest subleaf. */
static bool has_avx_vnni(const struct mbconv_x86 *x86, struct mbconv_x86_answer leaf_7) {
  return leaf_7.eax >= 1 && bit(x86->cpuid(7, 1).eax, 4);
}

uint32_t mbconv_x86_saved(const struct mbconv_x86 *x86) {
  const bool osxsave = bit(ask(x86, 1).ecx, 27);
  return osxsave ? x86->xgetbv() : 0;
}

bool mbconv_x86_saves_ymm(uint32_t saved) {
  const uint32_t ymm = 1u << 1 | 1u << 2; /* xmm, and the upper halves of ymm */
  return (saved & ymm) == ymm;
}

bool mbconv_x86_saves_zmm(uint32_t saved) {
  const uint32_t zmm = 1u << 5 | 1u << 6 | 1u << 7; /* masks, the upper halves of zmm, zmm16 to zmm31 */
  return mbconv_x86_saves_ymm(saved) && (saved & zmm) == zmm;
}

bool mbconv_x86_avx_vnni(const struct mbconv_x86 *x86) { return has_avx_vnni(x86, x86->cpuid(7, 0)); }

/* Such as "Intel(R) Xeon(R) Silver 4114 CPU @ 2.20GHz"; empty if the CPU does not tell. */
static void read_name(const struct mbconv_x86 *x86, char name[49]) {
  memset(name, 0, 49);
  for (uint32_t i = 0; i < 3; i++) {
    const struct mbconv_x86_answer part = ask(x86, 0x80000002u + i);
    memcpy(name + 16 * i, &part, 16);
  }
}

static bool begins(const char *text, const char *with) { return !strncmp(text, with, strlen(with)); }

/* Skylake, Cascade Lake and Cooper Lake servers share a model number. Which of them have one 512-bit FMA unit is known
 * by name alone: Bronze, Silver, W-210x, D-21xx, and Gold 5xxx but for 5122, 5222 and 53xx. */
static bool avx512_slow(uint32_t signature, const char *name) {
  const uint32_t family = signature >> 8 & 0xf, model = (signature >> 4 & 0xf) | (signature >> 12 & 0xf0);
  const char *xeon = strstr(name, "Xeon(R) ");
  if (family != 6 || model != 0x55 || !xeon) return false;
  xeon += strlen("Xeon(R) ");
  if (begins(xeon, "Gold 5")) {
    return !begins(xeon, "Gold 53") && !begins(xeon, "Gold 5122") && !begins(xeon, "Gold 5222");
  }
  return begins(xeon, "Bronze ") || begins(xeon, "Silver ") || begins(xeon, "W-210") || begins(xeon, "D-21");
}

static uint32_t flag(bool there, uint32_t feature) { return there ? feature : 0; }

/* A flag counts only where the system saves the registers that its instructions use: nothing can be done with it
 * otherwise, and cpu_features reports it so, too. */
void mbconv_x86_detect(const struct mbconv_x86 *x86, struct mbconv_cpu *cpu) {
  const struct mbconv_x86_answer basic = ask(x86, 1), extended = ask(x86, 7);
  const uint32_t saved = mbconv_x86_saved(x86);
  const bool ymm = mbconv_x86_saves_ymm(saved), zmm = mbconv_x86_saves_zmm(saved);
  char name[49];
  read_name(x86, name);
  *cpu = (struct mbconv_cpu){
      .features = flag(ymm && bit(basic.ecx, 12), MBCONV_CPU_FMA) | flag(ymm && bit(extended.ebx, 5), MBCONV_CPU_AVX2) |
                  flag(ymm && has_avx_vnni(x86, extended), MBCONV_CPU_AVX_VNNI) |
                  flag(zmm && bit(extended.ebx, 16), MBCONV_CPU_AVX512F) |
                  flag(zmm && bit(extended.ebx, 17), MBCONV_CPU_AVX512DQ) |
                  flag(zmm && bit(extended.ebx, 30), MBCONV_CPU_AVX512BW) |
                  flag(zmm && bit(extended.ebx, 31), MBCONV_CPU_AVX512VL) |
                  flag(zmm && bit(extended.ecx, 11), MBCONV_CPU_AVX512_VNNI) |
                  flag(zmm && bit(extended.ecx, 1), MBCONV_CPU_AVX512_VBMI) | flag(ymm, MBCONV_CPU_OS_YMM) |
                  flag(zmm, MBCONV_CPU_OS_ZMM),
  };
  cpu->avx512_slow = cpu->features & MBCONV_CPU_AVX512F && avx512_slow(basic.eax, name);
  mbconv_format(cpu->name, sizeof cpu->name, "%s", name[0] ? name : "x86 CPU without a name");
}
