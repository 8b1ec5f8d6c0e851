/* SPDX-License-Identifier: MIT
 *
 * Dispatch: how an ARM64 CPU is read, on CPUs that do not exist and, against cpu_features where the build has it, here.
 */
#include "arm64.h"
#include "test.h"

#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>

/* The library comes to the same, and the bits are those of the system's header, as far as it has them. */
static void check_here(struct test *t) {
  test_at(t, "ARM64 as it is here");
  struct mbconv_cpu library;
  mbconv_cpu_detect(&library);
  const uint32_t own = mbconv_arm64_features(getauxval(AT_HWCAP), getauxval(AT_HWCAP2));
  test_check(t, own == library.features, "features %x, by the library %x", own, library.features);
  const uint32_t by_names = mbconv_arm64_features(HWCAP_ASIMD | HWCAP_FPHP | HWCAP_ASIMDHP | HWCAP_ASIMDDP, 0);
  test_check(t, by_names == (MBCONV_CPU_NEON | MBCONV_CPU_FMA | MBCONV_CPU_FP16 | MBCONV_CPU_DOTPROD),
             "features %x by the names of AT_HWCAP", by_names);
#ifdef HWCAP2_I8MM
  const uint32_t i8mm = mbconv_arm64_features(HWCAP_ASIMD, HWCAP2_I8MM);
  test_check(t, i8mm == (MBCONV_CPU_NEON | MBCONV_CPU_FMA | MBCONV_CPU_I8MM), "features %x with I8MM", i8mm);
#endif
}
#else
static void check_here(struct test *t) { (void)t; }
#endif

/* What is lost if one bit of a word is 0 and all others are 1. */
static uint32_t lost_in_hwcap(unsigned bit, uint32_t all) {
  switch (bit) {
    case 1: return all;
    case 9:
    case 10: return MBCONV_CPU_FP16;
    case 20: return MBCONV_CPU_DOTPROD;
    default: return 0;
  }
}

static uint32_t lost_in_hwcap2(unsigned bit) { return bit == 13 ? MBCONV_CPU_I8MM : 0; }

void dispatch_arm64(struct test *t) {
  const uint32_t all = MBCONV_CPU_NEON | MBCONV_CPU_FMA | MBCONV_CPU_FP16 | MBCONV_CPU_DOTPROD | MBCONV_CPU_I8MM;
  const unsigned long ones = 0xffffffffu;
  for (unsigned bit = 0; bit < 32; bit++) {
    const unsigned long without = ones & ~(1ul << bit);
    test_at(t, "ARM64 without bit %u", bit);
    uint32_t got = mbconv_arm64_features(without, ones), want = all & ~lost_in_hwcap(bit, all);
    test_check(t, got == want, "of AT_HWCAP: features %x instead of %x", got, want);
    got = mbconv_arm64_features(ones, without), want = all & ~lost_in_hwcap2(bit);
    test_check(t, got == want, "of AT_HWCAP2: features %x instead of %x", got, want);
  }
  test_at(t, "ARM64 without anything");
  test_check(t, mbconv_arm64_features(0, 0) == 0, "features of a CPU without Advanced SIMD");
  test_check(t, mbconv_arm64_features(1ul << 1, 0) == (MBCONV_CPU_NEON | MBCONV_CPU_FMA), "Advanced SIMD alone");
  check_here(t);
}
