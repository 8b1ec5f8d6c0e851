/* SPDX-License-Identifier: MIT
 *
 * The choice of a kernel set and a variant of the exponential: a const table, best set first, and pure functions over
 * it.
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

static bool exp_in_build(const struct mbconv_kernels *kernels, mbconv_exp variant) {
  return kernels->activation[variant - MBCONV_EXP_SLEEF][MBCONV_ACTIVATION_SILU] != NULL;
}

bool mbconv_exp_variant_usable(mbconv_isa isa, mbconv_exp variant, const struct mbconv_cpu *cpu) {
  if (!mbconv_isa_usable(isa, cpu)) return false;
  switch (variant) {
    case MBCONV_EXP_AUTO:
    case MBCONV_EXP_INLINE: return true;
    case MBCONV_EXP_SLEEF: {
      /* The sets with FMA satisfy this. Scalar calls a function that is compiled with FMA: on x86 its instructions are
       * of the kind that faults unless the operating system saves ymm, on ARM64 they are always there. */
      const bool fma = cpu->fma && (cpu->os_ymm || cpu->neon);
      return fma && exp_in_build(mbconv_kernels_of(isa), variant);
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

/* Indexed by mbconv_isa and mbconv_exp. */
static const char *const isa_names[] = {"auto", "scalar", "avx2", "avx512", "neon"};
static const char *const exp_names[] = {"auto", "sleef", "inline"};

enum { ISA_NAMES = sizeof isa_names / sizeof isa_names[0], EXP_NAMES = sizeof exp_names / sizeof exp_names[0] };

const char *mbconv_isa_name(mbconv_isa isa) { return (size_t)isa < ISA_NAMES ? isa_names[isa] : "unknown"; }

const char *mbconv_exp_name(mbconv_exp variant) { return (size_t)variant < EXP_NAMES ? exp_names[variant] : "unknown"; }

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

static mbconv_exp choose_exp(mbconv_exp variant, const char *source, const struct mbconv_kernels *kernels,
                             const struct mbconv_cpu *cpu, mbconv_error *error) {
  if (variant == MBCONV_EXP_AUTO) {
    const mbconv_exp fastest = kernels->fastest_exp;
    return mbconv_exp_variant_usable(kernels->isa, fastest, cpu) ? fastest : MBCONV_EXP_INLINE;
  }
  if (mbconv_exp_variant_usable(kernels->isa, variant, cpu)) return variant;
  mbconv_fail(
      error, MBCONV_UNSUPPORTED_ISA, "the exponential %s, asked for by %s, is not usable with %s: %s (%s)",
      mbconv_exp_name(variant), source, mbconv_isa_name(kernels->isa),
      exp_in_build(kernels, variant) ? "it needs FMA, which this CPU or its system lacks" : "this build is without it",
      cpu->name);
  return MBCONV_EXP_AUTO;
}

mbconv_status mbconv_select(mbconv_isa isa, mbconv_exp variant, const char *env_isa, const char *env_exp,
                            const struct mbconv_cpu *cpu, const struct mbconv_kernels **kernels, mbconv_exp *chosen_exp,
                            mbconv_error *error) {
  if ((size_t)isa >= ISA_NAMES)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "options: isa %d is unknown", (int)isa);
  if ((size_t)variant >= EXP_NAMES) {
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "options: exp %d is unknown", (int)variant);
  }
  const char *isa_source = "the options", *exp_source = "the options";
  if (isa == MBCONV_ISA_AUTO) {
    const size_t i = find_name(isa_names, ISA_NAMES, env_isa);
    if (i == ISA_NAMES) {
      return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                         "environment: MBCONV_ISA=%.32s is unknown; use auto, scalar, avx2, avx512 or neon", env_isa);
    }
    isa = (mbconv_isa)i;
    isa_source = "MBCONV_ISA in the environment";
  }
  if (variant == MBCONV_EXP_AUTO) {
    const size_t i = find_name(exp_names, EXP_NAMES, env_exp);
    if (i == EXP_NAMES) {
      return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                         "environment: MBCONV_EXP=%.32s is unknown; use auto, sleef or inline", env_exp);
    }
    variant = (mbconv_exp)i;
    exp_source = "MBCONV_EXP in the environment";
  }
  const struct mbconv_kernels *chosen = choose_isa(isa, isa_source, cpu, error);
  if (!chosen) return MBCONV_UNSUPPORTED_ISA;
  variant = choose_exp(variant, exp_source, chosen, cpu, error);
  if (variant == MBCONV_EXP_AUTO) return MBCONV_UNSUPPORTED_ISA;
  *kernels = chosen;
  *chosen_exp = variant;
  return mbconv_succeed(error);
}

/* ---- This machine ------------------------------------------------------------------------------------------------ */

mbconv_status mbconv_choose(const mbconv_options *options, const struct mbconv_kernels **kernels, mbconv_exp *variant,
                            mbconv_error *error) {
  if (options) {
    const mbconv_status status = mbconv_struct_check(&options->struct_size, sizeof *options, "options", error);
    if (status != MBCONV_OK) return status;
  }
  struct mbconv_cpu cpu;
  mbconv_cpu_detect(&cpu);
  return mbconv_select(options ? options->isa : MBCONV_ISA_AUTO, options ? options->exp : MBCONV_EXP_AUTO,
                       getenv("MBCONV_ISA"), getenv("MBCONV_EXP"), &cpu, kernels, variant, error);
}

size_t mbconv_usable_isas(mbconv_isa *isas, size_t capacity) {
  struct mbconv_cpu cpu;
  mbconv_cpu_detect(&cpu);
  return mbconv_usable_isas_of(&cpu, isas, capacity);
}

int mbconv_exp_usable(mbconv_isa isa, mbconv_exp variant) {
  struct mbconv_cpu cpu;
  mbconv_cpu_detect(&cpu);
  return mbconv_exp_variant_usable(isa, variant, &cpu);
}
