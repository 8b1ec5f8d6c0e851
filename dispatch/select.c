/* SPDX-License-Identifier: MIT
 *
 * The choice of a set of kernels and of a variant of the exponential: a const table of sets, best first, and pure
 * functions over it.
 */
#include <stdlib.h>
#include <string.h>

#include "dispatch.h"
#include "format.h"
#include "status.h"

/* ---- The table --------------------------------------------------------------------------------------------------- */

static const struct mbconv_row rows[] = {
#ifdef MBCONV_SET_AVX512
    {MBCONV_ISA_AVX512, MBCONV_NEEDS_AVX512, &mbconv_kernels_avx512},
    {MBCONV_ISA_AVX512_VNNI, MBCONV_NEEDS_AVX512 | MBCONV_CPU_AVX512_VNNI, &mbconv_kernels_avx512},
#endif
#ifdef MBCONV_SET_AVX2
    {MBCONV_ISA_AVX2, MBCONV_NEEDS_AVX2, &mbconv_kernels_avx2},
    {MBCONV_ISA_AVX2_VNNI, MBCONV_NEEDS_AVX2 | MBCONV_CPU_AVX_VNNI, &mbconv_kernels_avx2},
#endif
#ifdef MBCONV_SET_NEON
    {MBCONV_ISA_NEON, MBCONV_NEEDS_NEON, &mbconv_kernels_neon},
    {MBCONV_ISA_NEON_I8MM, MBCONV_NEEDS_NEON_I8MM, &mbconv_kernels_neon},
    {MBCONV_ISA_NEON_DOTPROD, MBCONV_NEEDS_NEON_DOTPROD, &mbconv_kernels_neon},
#endif
    {MBCONV_ISA_SCALAR, 0, &mbconv_kernels_scalar},
};

const struct mbconv_sets mbconv_f32_sets = {rows, sizeof rows / sizeof rows[0]};

bool mbconv_row_offered(const struct mbconv_row *row, const struct mbconv_cpu *cpu) {
  return (cpu->features & row->needs) == row->needs;
}

/* Whether a set is what a user means by `asked`: AVX2 and AVX512 mean those with VNNI, too, NEON those with DOTPROD and
 * I8MM. */
static bool meant(mbconv_isa isa, mbconv_isa asked) {
  return isa == asked || (isa == MBCONV_ISA_AVX512_VNNI && asked == MBCONV_ISA_AVX512) ||
         (isa == MBCONV_ISA_AVX2_VNNI && asked == MBCONV_ISA_AVX2) ||
         ((isa == MBCONV_ISA_NEON_DOTPROD || isa == MBCONV_ISA_NEON_I8MM) && asked == MBCONV_ISA_NEON);
}

/* The best row for `isa` that `cpu` can run, or, if `cpu` is NULL, that is in this build; else NULL. */
static const struct mbconv_row *find(const struct mbconv_sets *sets, mbconv_isa isa, const struct mbconv_cpu *cpu) {
  for (const struct mbconv_row *row = sets->rows; row < sets->rows + sets->count; row++) {
    if (meant(row->isa, isa) && (!cpu || mbconv_row_offered(row, cpu))) return row;
  }
  return NULL;
}

/* Policy, apart from what can run: whether AUTO prefers the usable set `next` to `isa`, though the table has it after.
 * Skylake servers with one 512-bit FMA unit do the same 16 multiply-adds a cycle with AVX2, at a higher clock. */
static bool beaten_by(mbconv_isa isa, mbconv_isa next, const struct mbconv_cpu *cpu) {
  return isa == MBCONV_ISA_AVX512 && next == MBCONV_ISA_AVX2 && cpu->avx512_slow;
}

/* Fills `isas`, best first, each once; returns the count, which is at least 1. */
static size_t list_usable(const struct mbconv_sets *sets, const struct mbconv_cpu *cpu,
                          mbconv_isa isas[MBCONV_ISA_COUNT]) {
  size_t count = 0;
  for (const struct mbconv_row *row = sets->rows; row < sets->rows + sets->count; row++) {
    const mbconv_isa isa = row->isa;
    if (isa != row->kernels->isa || !mbconv_row_offered(row, cpu)) continue;
    if (count > 0 && isas[count - 1] == isa) continue; /* a lesser row of the same name */
    isas[count++] = isa;
    if (count > 1 && beaten_by(isas[count - 2], isa, cpu)) {
      isas[count - 1] = isas[count - 2];
      isas[count - 2] = isa;
    }
  }
  return count;
}

const struct mbconv_kernels *mbconv_kernels_of(const struct mbconv_sets *sets, mbconv_isa isa) {
  const struct mbconv_row *row = find(sets, isa, NULL);
  return row ? row->kernels : NULL;
}

bool mbconv_isa_usable(const struct mbconv_sets *sets, mbconv_isa isa, const struct mbconv_cpu *cpu) {
  return find(sets, isa, cpu) != NULL;
}

size_t mbconv_usable_isas_of(const struct mbconv_sets *sets, const struct mbconv_cpu *cpu, mbconv_isa *isas,
                             size_t capacity) {
  mbconv_isa usable[MBCONV_ISA_COUNT];
  const size_t count = list_usable(sets, cpu, usable);
  if (!isas) return count;
  for (size_t i = 0; i < count && i < capacity; i++) isas[i] = usable[i];
  return count;
}

/* ---- The variants of the exponential ----------------------------------------------------------------------------- */

static bool exp_in_build(const struct mbconv_kernels *kernels, mbconv_exp variant) {
  return variant == MBCONV_EXP_INLINE || kernels->activation[0][MBCONV_ACTIVATION_SILU] != NULL;
}

/* Whether `row`, which `cpu` can run, has `variant` there. */
static bool exp_usable(const struct mbconv_row *row, mbconv_exp variant, const struct mbconv_cpu *cpu) {
  switch (variant) {
    case MBCONV_EXP_AUTO:
    case MBCONV_EXP_INLINE: return true;
    case MBCONV_EXP_SLEEF: {
      /* The sets with FMA satisfy this. Scalar calls a function that is compiled with FMA: on x86 its instructions are
       * of the kind that faults unless the operating system saves ymm, on ARM64 they are always there. */
      const bool fma = cpu->features & MBCONV_CPU_FMA && cpu->features & (MBCONV_CPU_OS_YMM | MBCONV_CPU_NEON);
      return fma && exp_in_build(row->kernels, variant);
    }
  }
  return false;
}

bool mbconv_exp_variant_usable(const struct mbconv_sets *sets, mbconv_isa isa, mbconv_exp variant,
                               const struct mbconv_cpu *cpu) {
  const struct mbconv_row *row = find(sets, isa, cpu);
  return row && exp_usable(row, variant, cpu);
}

/* ---- Names ------------------------------------------------------------------------------------------------------- */

/* Bytes of the longest name: an array of pointers would be larger, and be relocated when a library is loaded. */
enum { NAME = sizeof "neon_dotprod" };

/* The names of the instruction sets, listed here alone: everything else asks mbconv_isa_name(). */
static const char isa_names[][NAME] = {
    [MBCONV_ISA_AUTO] = "auto",
    [MBCONV_ISA_SCALAR] = "scalar",
    [MBCONV_ISA_AVX2] = "avx2",
    [MBCONV_ISA_AVX512] = "avx512",
    [MBCONV_ISA_NEON] = "neon",
    [MBCONV_ISA_AVX2_VNNI] = "avx2_vnni",
    [MBCONV_ISA_AVX512_VNNI] = "avx512_vnni",
    [MBCONV_ISA_NEON_DOTPROD] = "neon_dotprod",
    [MBCONV_ISA_NEON_I8MM] = "neon_i8mm",
};
_Static_assert(sizeof isa_names / sizeof isa_names[0] == MBCONV_ISA_COUNT, "MBCONV_ISA_COUNT is not that of the names");

static const char exp_names[][NAME] = {"auto", "sleef", "inline"};

enum { EXP_NAMES = sizeof exp_names / sizeof exp_names[0] };

const char *mbconv_isa_name(mbconv_isa isa) { return (size_t)isa < MBCONV_ISA_COUNT ? isa_names[isa] : "unknown"; }

const char *mbconv_exp_name(mbconv_exp variant) { return (size_t)variant < EXP_NAMES ? exp_names[variant] : "unknown"; }

void mbconv_list_isas(char *text, size_t size) {
  size_t length = 0;
  for (size_t i = 0; i < MBCONV_ISA_COUNT && length < size; i++) {
    const char *before = i == 0 ? "" : i + 1 < MBCONV_ISA_COUNT ? ", " : " or ";
    length += mbconv_format(text + length, size - length, "%s%s", before, isa_names[i]);
  }
}

/* The index of `name`, or `count` if it is not there. NULL and "" stand for "auto", the first. */
static size_t find_name(const char (*names)[NAME], size_t count, const char *name) {
  if (!name || !*name) return 0;
  size_t i = 0;
  while (i < count && strcmp(names[i], name)) i++;
  return i;
}

/* ---- The choice -------------------------------------------------------------------------------------------------- */

static const struct mbconv_row *choose_row(const struct mbconv_sets *sets, mbconv_isa isa, const char *source,
                                           const struct mbconv_cpu *cpu, mbconv_error *error) {
  mbconv_isa usable[MBCONV_ISA_COUNT] = {MBCONV_ISA_SCALAR};
  const size_t count = list_usable(sets, cpu, usable);
  const struct mbconv_row *row = find(sets, isa == MBCONV_ISA_AUTO ? usable[0] : isa, cpu);
  if (row) return row;

  char list[64] = "";
  for (size_t i = 0; i < count; i++) {
    const size_t length = strlen(list);
    mbconv_format(list + length, sizeof list - length, "%s%s", i > 0 ? ", " : "", mbconv_isa_name(usable[i]));
  }
  mbconv_fail(error, MBCONV_UNSUPPORTED_ISA, "%s, asked for by %s, %s; usable on %s: %s", mbconv_isa_name(isa), source,
              find(sets, isa, NULL) ? "cannot run on this CPU" : "is not in this build", cpu->name, list);
  return NULL;
}

static mbconv_exp choose_exp(mbconv_exp variant, const char *source, const struct mbconv_row *row,
                             const struct mbconv_cpu *cpu, mbconv_error *error) {
  if (row->kernels->i8) return MBCONV_EXP_INLINE; /* there is no exponential in int8 */
  if (variant == MBCONV_EXP_AUTO) {
    const mbconv_exp fastest = row->kernels->fastest_exp;
    return exp_usable(row, fastest, cpu) ? fastest : MBCONV_EXP_INLINE;
  }
  if (exp_usable(row, variant, cpu)) return variant;
  mbconv_fail(error, MBCONV_UNSUPPORTED_ISA, "the exponential %s, asked for by %s, is not usable with %s: %s (%s)",
              mbconv_exp_name(variant), source, mbconv_isa_name(row->isa),
              exp_in_build(row->kernels, variant) ? "it needs FMA, which this CPU or its system lacks"
                                                  : "this build is without it",
              cpu->name);
  return MBCONV_EXP_AUTO;
}

/* What was asked for, by the caller or, where the caller asked for AUTO, by the environment; and words for who asked.
 */
struct request {
  mbconv_isa isa;
  mbconv_exp variant;
  const char *isa_source, *exp_source;
};

/* Completes `request` from the environment, where the caller left it to that. */
static mbconv_status ask_environment(struct request *request, const char *env_isa, const char *env_exp,
                                     mbconv_error *error) {
  if (request->isa == MBCONV_ISA_AUTO) {
    const size_t i = find_name(isa_names, MBCONV_ISA_COUNT, env_isa);
    if (i == MBCONV_ISA_COUNT) {
      char list[112];
      mbconv_list_isas(list, sizeof list);
      return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "environment: MBCONV_ISA=%.32s is unknown; use %s", env_isa,
                         list);
    }
    request->isa = (mbconv_isa)i;
    request->isa_source = "MBCONV_ISA in the environment";
  }
  if (request->variant == MBCONV_EXP_AUTO) {
    const size_t i = find_name(exp_names, EXP_NAMES, env_exp);
    if (i == EXP_NAMES) {
      return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                         "environment: MBCONV_EXP=%.32s is unknown; use auto, sleef or inline", env_exp);
    }
    request->variant = (mbconv_exp)i;
    request->exp_source = "MBCONV_EXP in the environment";
  }
  return MBCONV_OK;
}

mbconv_status mbconv_select(const struct mbconv_sets *sets, mbconv_isa isa, mbconv_exp variant, const char *env_isa,
                            const char *env_exp, const struct mbconv_cpu *cpu, const struct mbconv_kernels **kernels,
                            mbconv_exp *chosen_exp, mbconv_error *error) {
  if ((size_t)isa >= MBCONV_ISA_COUNT)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "options: isa %d is unknown", (int)isa);
  if ((size_t)variant >= EXP_NAMES)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "options: exp %d is unknown", (int)variant);
  struct request request = {isa, variant, "the options", "the options"};
  const mbconv_status status = ask_environment(&request, env_isa, env_exp, error);
  if (status != MBCONV_OK) return status;
  const struct mbconv_row *row = choose_row(sets, request.isa, request.isa_source, cpu, error);
  if (!row) return MBCONV_UNSUPPORTED_ISA;
  const mbconv_exp chosen = choose_exp(request.variant, request.exp_source, row, cpu, error);
  if (chosen == MBCONV_EXP_AUTO) return MBCONV_UNSUPPORTED_ISA;
  *kernels = row->kernels;
  *chosen_exp = chosen;
  return mbconv_succeed(error);
}

/* ---- This machine ------------------------------------------------------------------------------------------------ */

mbconv_status mbconv_choose(const struct mbconv_sets *sets, const mbconv_options *options,
                            const struct mbconv_kernels **kernels, mbconv_exp *variant, mbconv_error *error) {
  if (options) {
    const mbconv_status status = mbconv_struct_check(&options->struct_size, sizeof *options, "options", error);
    if (status != MBCONV_OK) return status;
  }
  struct mbconv_cpu cpu;
  mbconv_cpu_detect(&cpu);
  return mbconv_select(sets, options ? options->isa : MBCONV_ISA_AUTO, options ? options->exp : MBCONV_EXP_AUTO,
                       getenv("MBCONV_ISA"), getenv("MBCONV_EXP"), &cpu, kernels, variant, error);
}

size_t mbconv_usable_isas(mbconv_isa *isas, size_t capacity) {
  struct mbconv_cpu cpu;
  mbconv_cpu_detect(&cpu);
  return mbconv_usable_isas_of(&mbconv_f32_sets, &cpu, isas, capacity);
}

int mbconv_exp_usable(mbconv_isa isa, mbconv_exp variant) {
  struct mbconv_cpu cpu;
  mbconv_cpu_detect(&cpu);
  return mbconv_exp_variant_usable(&mbconv_f32_sets, isa, variant, &cpu);
}
