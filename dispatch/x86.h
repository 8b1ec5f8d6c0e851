/* SPDX-License-Identifier: MIT
 *
 * Reading an x86 CPU without cpu_features. How it is asked is a parameter: tests ask CPUs that do not exist.
 */
#ifndef MBCONV_X86_H
#define MBCONV_X86_H

#include <stdint.h>

#include "dispatch.h"

/* What an instruction leaves in the registers. */
struct mbconv_x86_answer {
  uint32_t eax, ebx, ecx, edx;
};

struct mbconv_x86 {
  /* CPUID. A leaf above the highest one, which leaf 0 (or 0x80000000) names, may have any answer. */
  struct mbconv_x86_answer (*cpuid)(uint32_t leaf, uint32_t subleaf);
  /* XCR0's low half; faults where the operating system has not set OSXSAVE. */
  uint32_t (*xgetbv)(void);
};

/* The CPU that this runs on. */
extern const struct mbconv_x86 mbconv_x86_here;

/* The register states that the operating system saves, one bit each (XCR0); 0 if it does not say. */
uint32_t mbconv_x86_saved(const struct mbconv_x86 *x86);

/* Whether `saved` has all of the 256-bit registers, and of the 512-bit ones. */
bool mbconv_x86_saves_ymm(uint32_t saved);
bool mbconv_x86_saves_zmm(uint32_t saved);

/* Whether a CPU that has leaf 7 says that it has AVX-VNNI. For cpu.c: cpu_features 0.7 does not know AVX-VNNI. */
bool mbconv_x86_avx_vnni(const struct mbconv_x86 *x86);

/* Like mbconv_cpu_detect(), but asks `x86`. */
void mbconv_x86_detect(const struct mbconv_x86 *x86, struct mbconv_cpu *cpu);

#endif
