/* SPDX-License-Identifier: MIT
 *
 * The choice of a kernel set and a SiLU variant: a const table, best set first, and pure functions over it.
 */
#include <stdlib.h>
#include <string.h>

#include "dispatch.h"
#include "format.h"
#include "status.h"

/* ---- The table --------------------------------------------------------------------------------------------------- */

/* A set and what it needs of a CPU: the same list as the compiler flags of its files in cmake/kernels.cmake (with what
 * they imply: AVX-512 allows the compiler AVX2), and the registers that these instructions use. */
struct set {
  const struct mbconv_kernels *kernels;
  struct mbconv_cpu needs;
};

static const struct set sets[] = {
#ifdef MBCONV_SET_AVX512
    {&mbconv_kernels_avx512,
     {.avx2 = true,
      .avx512f = true,
      .avx512vl = true,
      .avx512bw = true,
      .avx512dq = true,
      .fma = true,
      .os_ymm = true,
      .os_zmm = true}},
#endif
#ifdef MBCONV_SET_AVX2
    {&mbconv_kernels_avx2, {.avx2 = true, .fma = true, .os_ymm = true}},
#endif
#ifdef MBCONV_SET_NEON
    {&mbconv_kernels_neon, {.neon = true, .fma = true}},
#endif
    {&mbconv_kernels_scalar, {.fma = false}},
};

enum { SETS = sizeof sets / sizeof sets[0] };

static bool offers(const struct mbconv_cpu *cpu, const struct mbconv_cpu *needs) {
  return cpu->fma >= needs->fma && cpu->avx2 >= needs->avx2 && cpu->avx512f >= needs->avx512f &&
         cpu->avx512vl >= needs->avx512vl && cpu->avx512bw >= needs->avx512bw && cpu->avx512dq >= needs->avx512dq &&
         cpu->neon >= needs->neon && cpu->os_ymm >= needs->os_ymm && cpu->os_zmm >= needs->os_zmm;
}

/* Policy, apart from what can run: whether AUTO prefers the usable set `next` to `isa`, though the table has it after.
 * Skylake servers with one 512-bit FMA unit do the same 16 multiply-adds a cycle with AVX2, at a higher clock. */
static bool beaten_by(mbconv_isa isa, mbconv_isa next, const struct mbconv_cpu *cpu) {
  return isa == MBCONV_ISA_AVX512 && next == MBCONV_ISA_AVX2 && cpu->avx512_slow;
}

static const struct set *find(mbconv_isa isa) {
  for (size_t i = 0; i < SETS; i++) {
    if (sets[i].kernels->isa == isa) return &sets[i];
  }
  return NULL;
}

const struct mbconv_kernels *mbconv_kernels_of(mbconv_isa isa) {
  const struct set *set = find(isa);
  return set ? set->kernels : NULL;
}

bool mbconv_isa_usable(mbconv_isa isa, const struct mbconv_cpu *cpu) {
  const struct set *set = find(isa);
  return set && offers(cpu, &set->needs);
}

static bool silu_in_build(const struct mbconv_kernels *kernels, mbconv_silu silu) {
  return kernels->activation[silu - MBCONV_SILU_SLEEF][MBCONV_SILU] != NULL;
}

bool mbconv_silu_variant_usable(mbconv_isa isa, mbconv_silu silu, const struct mbconv_cpu *cpu) {
  if (!mbconv_isa_usable(isa, cpu)) return false;
  switch (silu) {
    case MBCONV_SILU_AUTO:
    case MBCONV_SILU_INLINE: return true;
    case MBCONV_SILU_SLEEF: {
      /* The sets with FMA satisfy this. Scalar calls a function that is compiled with FMA: on x86 its instructions are
       * of the kind that faults unless the operating system saves ymm, on ARM64 they are always there. */
      const bool fma = cpu->fma && (cpu->os_ymm || cpu->neon);
      return fma && silu_in_build(mbconv_kernels_of(isa), silu);
    }
  }
  return false;
}

/* Fills `isas`, best first; returns the count, at least 1. */
static size_t list_usable(const struct mbconv_cpu *cpu, mbconv_isa isas[SETS]) {
  size_t count = 0;
  for (size_t i = 0; i < SETS; i++) {
    if (!offers(cpu, &sets[i].needs)) continue;
    const mbconv_isa isa = sets[i].kernels->isa;
    isas[count++] = isa;
    if (count > 1 && beaten_by(isas[count - 2], isa, cpu)) {
      isas[count - 1] = isas[count - 2];
      isas[count - 2] = isa;
    }
  }
  return count;
}

size_t mbconv_usable_isas_of(const struct mbconv_cpu *cpu, mbconv_isa *isas, size_t capacity) {
  mbconv_isa usable[SETS];
  const size_t count = list_usable(cpu, usable);
  for (size_t i = 0; i < count && i < capacity; i++) isas[i] = usable[i];
  return count;
}

/* ---- Names ------------------------------------------------------------------------------------------------------- */

/* Indexed by mbconv_isa and mbconv_silu. */
static const char *const isa_names[] = {"auto", "scalar", "avx2", "avx512", "neon"};
static const char *const silu_names[] = {"auto", "sleef", "inline"};

enum { ISA_NAMES = sizeof isa_names / sizeof isa_names[0], SILU_NAMES = sizeof silu_names / sizeof silu_names[0] };

const char *mbconv_isa_name(mbconv_isa isa) { return (size_t)isa < ISA_NAMES ? isa_names[isa] : "unknown"; }

const char *mbconv_silu_name(mbconv_silu silu) { return (size_t)silu < SILU_NAMES ? silu_names[silu] : "unknown"; }

/* The index of `name`, or `count` if it is not there. NULL and "" stand for "auto", the first. */
static size_t find_name(const char *const *names, size_t count, const char *name) {
  if (!name || !*name) return 0;
  size_t i = 0;
  while (i < count && strcmp(names[i], name)) i++;
  return i;
}

/* ---- The choice -------------------------------------------------------------------------------------------------- */

static const struct mbconv_kernels *choose_isa(mbconv_isa isa, const char *source, const struct mbconv_cpu *cpu,
                                               mbconv_error *error) {
  mbconv_isa usable[SETS] = {MBCONV_ISA_SCALAR};
  const size_t count = list_usable(cpu, usable);
  if (isa == MBCONV_ISA_AUTO) return mbconv_kernels_of(usable[0]);
  if (mbconv_isa_usable(isa, cpu)) return mbconv_kernels_of(isa);

  char list[64] = "";
  for (size_t i = 0; i < count; i++) {
    const size_t length = strlen(list);
    mbconv_format(list + length, sizeof list - length, "%s%s", i > 0 ? ", " : "", mbconv_isa_name(usable[i]));
  }
  mbconv_fail(error, MBCONV_UNSUPPORTED_ISA, "%s, asked for by %s, %s; usable on %s: %s", mbconv_isa_name(isa), source,
              find(isa) ? "cannot run on this CPU" : "is not in this build", cpu->name, list);
  return NULL;
}

static mbconv_silu choose_silu(mbconv_silu silu, const char *source, const struct mbconv_kernels *kernels,
                               const struct mbconv_cpu *cpu, mbconv_error *error) {
  if (silu == MBCONV_SILU_AUTO) {
    const mbconv_silu fastest = kernels->fastest_silu;
    return mbconv_silu_variant_usable(kernels->isa, fastest, cpu) ? fastest : MBCONV_SILU_INLINE;
  }
  if (mbconv_silu_variant_usable(kernels->isa, silu, cpu)) return silu;
  mbconv_fail(
      error, MBCONV_UNSUPPORTED_ISA, "SiLU variant %s, asked for by %s, is not usable with %s: %s (%s)",
      mbconv_silu_name(silu), source, mbconv_isa_name(kernels->isa),
      silu_in_build(kernels, silu) ? "it needs FMA, which this CPU or its system lacks" : "this build is without it",
      cpu->name);
  return MBCONV_SILU_AUTO;
}

mbconv_status mbconv_select(mbconv_isa isa, mbconv_silu silu, const char *env_isa, const char *env_silu,
                            const struct mbconv_cpu *cpu, const struct mbconv_kernels **kernels,
                            mbconv_silu *chosen_silu, mbconv_error *error) {
  if ((size_t)isa >= ISA_NAMES)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "options: isa %d is unknown", (int)isa);
  if ((size_t)silu >= SILU_NAMES) {
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "options: silu %d is unknown", (int)silu);
  }
  const char *isa_source = "the options", *silu_source = "the options";
  if (isa == MBCONV_ISA_AUTO) {
    const size_t i = find_name(isa_names, ISA_NAMES, env_isa);
    if (i == ISA_NAMES) {
      return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                         "environment: MBCONV_ISA=%.32s is unknown; use auto, scalar, avx2, avx512 or neon", env_isa);
    }
    isa = (mbconv_isa)i;
    isa_source = "MBCONV_ISA in the environment";
  }
  if (silu == MBCONV_SILU_AUTO) {
    const size_t i = find_name(silu_names, SILU_NAMES, env_silu);
    if (i == SILU_NAMES) {
      return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                         "environment: MBCONV_SILU=%.32s is unknown; use auto, sleef or inline", env_silu);
    }
    silu = (mbconv_silu)i;
    silu_source = "MBCONV_SILU in the environment";
  }
  const struct mbconv_kernels *chosen = choose_isa(isa, isa_source, cpu, error);
  if (!chosen) return MBCONV_UNSUPPORTED_ISA;
  silu = choose_silu(silu, silu_source, chosen, cpu, error);
  if (silu == MBCONV_SILU_AUTO) return MBCONV_UNSUPPORTED_ISA;
  *kernels = chosen;
  *chosen_silu = silu;
  return mbconv_succeed(error);
}

/* ---- This machine ------------------------------------------------------------------------------------------------ */

mbconv_status mbconv_choose(const mbconv_options *options, const struct mbconv_kernels **kernels, mbconv_silu *silu,
                            mbconv_error *error) {
  if (options) {
    const mbconv_status status = mbconv_struct_check(&options->struct_size, sizeof *options, "options", error);
    if (status != MBCONV_OK) return status;
  }
  struct mbconv_cpu cpu;
  mbconv_cpu_detect(&cpu);
  return mbconv_select(options ? options->isa : MBCONV_ISA_AUTO, options ? options->silu : MBCONV_SILU_AUTO,
                       getenv("MBCONV_ISA"), getenv("MBCONV_SILU"), &cpu, kernels, silu, error);
}

size_t mbconv_usable_isas(mbconv_isa *isas, size_t capacity) {
  struct mbconv_cpu cpu;
  mbconv_cpu_detect(&cpu);
  return mbconv_usable_isas_of(&cpu, isas, capacity);
}

int mbconv_silu_usable(mbconv_isa isa, mbconv_silu silu) {
  struct mbconv_cpu cpu;
  mbconv_cpu_detect(&cpu);
  return mbconv_silu_variant_usable(isa, silu, &cpu);
}
