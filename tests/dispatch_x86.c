/* SPDX-License-Identifier: MIT
 *
 * Dispatch: how an x86 CPU is read, on CPUs that do not exist and, against cpu_features where the build has it, here.
 */
#include <cpuid.h>

#include "dispatch.h"
#include "test.h"
#include "x86.h"

/* ---- A CPU that does not exist ----------------------------------------------------------------------------------- */

/* What it answers. Above its highest leaf and subleaf it answers nonsense, as CPUs do. */
static struct {
  uint32_t highest, highest_extended;
  uint32_t signature, ecx1, highest_of_7, ebx7, ecx7, eax7_1, xcr0;
  char name[48];
  unsigned xgetbv_faults;
} fake;

static struct mbconv_x86_answer fake_cpuid(uint32_t leaf, uint32_t subleaf) {
  struct mbconv_x86_answer a = {0};
  if (leaf == 0) return (struct mbconv_x86_answer){.eax = fake.highest};
  if (leaf == 0x80000000u) return (struct mbconv_x86_answer){.eax = fake.highest_extended};
  const bool extended = leaf >= 0x80000000u;
  if (leaf > (extended ? fake.highest_extended : fake.highest) || (leaf == 7 && subleaf > fake.highest_of_7)) {
    return (struct mbconv_x86_answer){0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu};
  }
  if (leaf == 1) return (struct mbconv_x86_answer){.eax = fake.signature, .ecx = fake.ecx1};
  if (leaf == 7 && subleaf == 1) return (struct mbconv_x86_answer){.eax = fake.eax7_1};
  if (leaf == 7) return (struct mbconv_x86_answer){.eax = fake.highest_of_7, .ebx = fake.ebx7, .ecx = fake.ecx7};
  if (extended && leaf >= 0x80000002u && leaf <= 0x80000004u) {
    memcpy(&a, fake.name + 16 * (leaf - 0x80000002u), sizeof a);
  }
  return a;
}

static uint32_t fake_xgetbv(void) {
  fake.xgetbv_faults += !(fake.ecx1 >> 27 & 1);
  return fake.xcr0;
}

static const struct mbconv_x86 fake_x86 = {fake_cpuid, fake_xgetbv};

/* A CPU that says yes to everything. */
static void set_fake(uint32_t signature, const char *name) {
  memset(&fake, 0, sizeof fake);
  fake.highest = 7;
  fake.highest_extended = 0x80000004u;
  fake.signature = signature;
  fake.highest_of_7 = 1;
  fake.ecx1 = fake.ebx7 = fake.ecx7 = fake.eax7_1 = fake.xcr0 = 0xffffffffu;
  memcpy(fake.name, name, strlen(name));
}

static struct mbconv_cpu detected(struct test *t) {
  struct mbconv_cpu cpu;
  memset(&cpu, 0x5a, sizeof cpu);
  mbconv_x86_detect(&fake_x86, &cpu);
  test_check(t, fake.xgetbv_faults == 0, "XGETBV where the system has not allowed it");
  return cpu;
}

enum {
  ALL_512 = MBCONV_CPU_AVX512F | MBCONV_CPU_AVX512VL | MBCONV_CPU_AVX512BW | MBCONV_CPU_AVX512DQ |
            MBCONV_CPU_AVX512_VNNI | MBCONV_CPU_AVX512_VBMI | MBCONV_CPU_OS_ZMM,
  ALL = MBCONV_CPU_FMA | MBCONV_CPU_AVX2 | MBCONV_CPU_AVX_VNNI | MBCONV_CPU_OS_YMM | ALL_512
};

/* ---- Flags ------------------------------------------------------------------------------------------------------- */

/* What is lost if one bit of a register is 0 and all others are 1. */
static unsigned lost_in_ecx1(unsigned bit) { return bit == 12 ? MBCONV_CPU_FMA : bit == 27 ? ALL : 0; }

static unsigned lost_in_ebx7(unsigned bit) {
  switch (bit) {
    case 5: return MBCONV_CPU_AVX2;
    case 16: return MBCONV_CPU_AVX512F;
    case 17: return MBCONV_CPU_AVX512DQ;
    case 30: return MBCONV_CPU_AVX512BW;
    case 31: return MBCONV_CPU_AVX512VL;
    default: return 0;
  }
}

static unsigned lost_in_ecx7(unsigned bit) {
  return bit == 11 ? MBCONV_CPU_AVX512_VNNI : bit == 1 ? MBCONV_CPU_AVX512_VBMI : 0;
}

static unsigned lost_in_eax7_1(unsigned bit) { return bit == 4 ? MBCONV_CPU_AVX_VNNI : 0; }

static unsigned lost_in_xcr0(unsigned bit) { return bit == 1 || bit == 2 ? ALL : bit >= 5 && bit <= 7 ? ALL_512 : 0; }

static void check_bits(struct test *t) {
  static const struct {
    const char *name;
    uint32_t *word;
    unsigned (*lost)(unsigned bit);
  } registers[] = {
      {"ECX of leaf 1", &fake.ecx1, lost_in_ecx1}, {"EBX of leaf 7", &fake.ebx7, lost_in_ebx7},
      {"ECX of leaf 7", &fake.ecx7, lost_in_ecx7}, {"EAX of leaf 7, subleaf 1", &fake.eax7_1, lost_in_eax7_1},
      {"XCR0", &fake.xcr0, lost_in_xcr0},
  };
  for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++) {
    for (unsigned bit = 0; bit < 32; bit++) {
      test_at(t, "x86 without bit %u of %s", bit, registers[i].name);
      set_fake(0, "all");
      *registers[i].word &= ~((uint32_t)1 << bit);
      const struct mbconv_cpu cpu = detected(t);
      const unsigned expected = ALL & ~registers[i].lost(bit);
      test_check(t, cpu.features == expected, "features %x instead of %x", cpu.features, expected);
      const bool lost = registers[i].lost == lost_in_eax7_1 && bit == 4;
      test_check(t, mbconv_x86_avx_vnni(&fake_x86) == !lost, "AVX-VNNI, asked for alone");
    }
  }
}

/* Leaves that the CPU does not have are not believed. */
static void check_highest_leaf(struct test *t) {
  test_at(t, "x86 with few leaves");
  set_fake(0, "all");
  fake.highest = 6;
  struct mbconv_cpu cpu = detected(t);
  test_check(t, cpu.features == (MBCONV_CPU_FMA | MBCONV_CPU_OS_YMM | MBCONV_CPU_OS_ZMM), "without leaf 7: features %x",
             cpu.features);
  fake.highest = 0;
  cpu = detected(t);
  test_check(t, cpu.features == 0, "without leaf 1: features %x", cpu.features);
  set_fake(0, "all");
  fake.highest_of_7 = 0;
  cpu = detected(t);
  test_check(t, cpu.features == (ALL & ~MBCONV_CPU_AVX_VNNI), "without subleaf 1 of leaf 7: features %x", cpu.features);
  set_fake(0, "all");
  fake.highest_extended = 0x80000001u;
  cpu = detected(t);
  test_check(t, !strcmp(cpu.name, "x86 CPU without a name"), "the name of a CPU without one: %s", cpu.name);
  fake.highest_extended = 0;
  cpu = detected(t);
  test_check(t, !strcmp(cpu.name, "x86 CPU without a name"), "the name of an old CPU: %s", cpu.name);
}

/* ---- Names, and what follows from them --------------------------------------------------------------------------- */

static const struct {
  uint32_t signature;
  const char *name;
  bool slow;
} models[] = {
    {0x50654, "Intel(R) Xeon(R) Silver 4114 CPU @ 2.20GHz", true},
    {0x50657, "Intel(R) Xeon(R) Silver 4210 CPU @ 2.20GHz", true},
    {0x50654, "Intel(R) Xeon(R) Bronze 3106 CPU @ 1.70GHz", true},
    {0x50654, "Intel(R) Xeon(R) Gold 5118 CPU @ 2.30GHz", true},
    {0x50657, "Intel(R) Xeon(R) Gold 5218 CPU @ 2.30GHz", true},
    {0x50654, "Intel(R) Xeon(R) W-2102 CPU @ 2.90GHz", true},
    {0x50654, "Intel(R) Xeon(R) D-2123IT CPU @ 2.20GHz", true},
    {0x50654, "Intel(R) Xeon(R) Gold 5122 CPU @ 3.60GHz", false},
    {0x50657, "Intel(R) Xeon(R) Gold 5222 CPU @ 3.80GHz", false},
    {0x5065b, "Intel(R) Xeon(R) Gold 5318H CPU @ 2.50GHz", false},
    {0x50654, "Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz", false},
    {0x50654, "Intel(R) Xeon(R) Platinum 8180 CPU @ 2.50GHz", false},
    {0x50654, "Intel(R) Xeon(R) W-2145 CPU @ 3.70GHz", false},
    {0x50654, "Intel(R) Core(TM) i9-7900X CPU @ 3.30GHz", false},
    {0x50654, "Intel(R) Xeon(R) Processor @ 2.70GHz", false},
    {0x606a6, "Intel(R) Xeon(R) Silver 4314 CPU @ 2.40GHz", false}, /* Ice Lake */
    {0x00654, "Intel(R) Xeon(R) Silver 4114 CPU @ 2.20GHz", false}, /* the model's upper half counts */
    {0x50f54, "Intel(R) Xeon(R) Silver 4114 CPU @ 2.20GHz", false}, /* and so does the family */
    {0xa10f11, "AMD EPYC 9354 32-Core Processor                ", false},
};

static void check_models(struct test *t) {
  for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
    test_at(t, "x86 '%s', %x", models[i].name, models[i].signature);
    set_fake(models[i].signature, models[i].name);
    struct mbconv_cpu cpu = detected(t);
    test_check(t, cpu.avx512_slow == models[i].slow, "AVX-512 is %sslow there", models[i].slow ? "" : "not ");
    test_check(t, !strcmp(cpu.name, models[i].name), "its name is read as '%s'", cpu.name);
    fake.ebx7 &= ~((uint32_t)1 << 16);
    cpu = detected(t);
    test_check(t, !cpu.avx512_slow, "slow without AVX-512");
  }
  char full[49];
  memset(full, 'x', 48);
  full[48] = '\0';
  set_fake(0, full);
  const struct mbconv_cpu cpu = detected(t);
  test_check(t, !strcmp(cpu.name, full), "a name of 48 characters: '%s'", cpu.name);
}

/* ---- This CPU ---------------------------------------------------------------------------------------------------- */

/* The register states that the operating system saves; none if the CPU does not let it say. */
static unsigned saved_here(void) {
  unsigned eax, ebx, ecx, edx, low, high;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE)) return 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

/* Whether this CPU can run the set, without asking the library. Nor the compiler's __builtin_cpu_supports(), which says
 * no to everything in a program that zig made for Windows. */
bool dispatch_x86_has(mbconv_isa isa);
bool dispatch_x86_has(mbconv_isa isa) {
  const unsigned ymm = 6, zmm = 0xe6, avx512 = bit_AVX512F | bit_AVX512VL | bit_AVX512BW | bit_AVX512DQ;
  const unsigned saved = saved_here();
  unsigned eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_FMA)) return false;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return false;
  const bool has_avx2 = (ebx & bit_AVX2) && (saved & ymm) == ymm;
  if (isa == MBCONV_ISA_AVX2) return has_avx2;
  return isa == MBCONV_ISA_AVX512 && has_avx2 && (ebx & avx512) == avx512 && (saved & zmm) == zmm;
}

/* cpu_features, where the build has it, comes to the same. */
static void check_here(struct test *t) {
  test_at(t, "x86 as it is here");
  struct mbconv_cpu own, library;
  mbconv_x86_detect(&mbconv_x86_here, &own);
  mbconv_cpu_detect(&library);
  test_check(t, own.features == library.features, "features %x, by the library %x", own.features, library.features);
  test_check(t, own.avx512_slow == library.avx512_slow, "AVX-512 is slow or not");
  test_check(t, !strcmp(own.name, library.name), "names '%s' and '%s'", own.name, library.name);
}

void dispatch_x86(struct test *t) {
  check_bits(t);
  check_highest_leaf(t);
  check_models(t);
  check_here(t);
}
