/* SPDX-License-Identifier: MIT
 *
 * Dispatch: which sets and variants of the exponential are usable on CPUs that do not exist, which is chosen, and what
 * the messages say; then the same for this machine and its environment.
 */
#include <stdio.h>
#include <stdlib.h>

#include "dispatch.h"
#include "system.h"
#include "test.h"

/* ---- What this build must contain, known without asking the library ---------------------------------------------- */

#if defined(__x86_64__)
enum { X86 = true, ARM64 = false };
bool dispatch_x86_has(mbconv_isa isa); /* dispatch_x86.c */
static bool machine_has(mbconv_isa isa) { return isa == MBCONV_ISA_SCALAR || dispatch_x86_has(isa); }
#elif defined(__aarch64__)
enum { X86 = false, ARM64 = true };
static bool machine_has(mbconv_isa isa) { return isa == MBCONV_ISA_SCALAR || isa == MBCONV_ISA_NEON; }
#else
enum { X86 = false, ARM64 = false };
static bool machine_has(mbconv_isa isa) { return isa == MBCONV_ISA_SCALAR; }
#endif

/* dispatch_rows.c, dispatch_arm64.c, dispatch_x86.c */
void dispatch_rows(struct test *t);
void dispatch_arm64(struct test *t);
#if defined(__x86_64__) || defined(__i386__)
void dispatch_x86(struct test *t);
#else
static void dispatch_x86(struct test *t) { (void)t; }
#endif

#ifdef MBCONV_SLEEF
enum { SLEEF = true };
#else
enum { SLEEF = false };
#endif

static bool in_build(mbconv_isa isa) {
  const bool of_x86 = isa == MBCONV_ISA_AVX2 || isa == MBCONV_ISA_AVX512, of_arm64 = isa == MBCONV_ISA_NEON;
  return isa == MBCONV_ISA_SCALAR || (X86 && of_x86) || (ARM64 && of_arm64);
}

static const mbconv_isa unknown_isa = (mbconv_isa)99;
static const mbconv_exp unknown_exp = (mbconv_exp)99;

/* ---- CPUs -------------------------------------------------------------------------------------------------------- */

struct fake {
  const char *name;
  const char *features; /* words of feature_words */
  const char *sets;     /* that it must be able to run, besides scalar, if they are in the build */
  bool sleef;           /* FMA instructions can be executed, as scalar's sleef needs */
};

#define AVX512 "avx512f avx512vl avx512bw avx512dq"

static const struct fake fakes[] = {
    {"nothing", "", "", false},
    {"AVX2", "fma avx2 os_ymm", "avx2", true},
    {"AVX2 without FMA", "avx2 os_ymm", "", false},
    {"FMA without AVX2", "fma os_ymm", "", true},
    {"AVX2, system without ymm", "fma avx2", "", false},
    {"AVX-512", "fma avx2 os_ymm os_zmm " AVX512, "avx512 avx2", true},
    {"AVX-512 F alone", "fma avx2 os_ymm os_zmm avx512f", "avx2", true},
    {"AVX-512 without F", "fma avx2 os_ymm os_zmm avx512vl avx512bw avx512dq", "avx2", true},
    {"AVX-512 without VL", "fma avx2 os_ymm os_zmm avx512f avx512bw avx512dq", "avx2", true},
    {"AVX-512 without BW", "fma avx2 os_ymm os_zmm avx512f avx512vl avx512dq", "avx2", true},
    {"AVX-512 without DQ", "fma avx2 os_ymm os_zmm avx512f avx512vl avx512bw", "avx2", true},
    {"AVX-512 without FMA", "avx2 os_ymm os_zmm " AVX512, "", false},
    {"AVX-512 without AVX2", "fma os_ymm os_zmm " AVX512, "", true},
    {"AVX-512, system without zmm", "fma avx2 os_ymm " AVX512, "avx2", true},
    {"AVX-512, system without ymm", "fma avx2 os_zmm " AVX512, "", false},
    {"NEON", "fma neon", "neon", true},
    {"everything", "fma avx2 neon os_ymm os_zmm " AVX512, "avx512 avx2 neon", true},
};

#undef AVX512

enum { FAKES = sizeof fakes / sizeof fakes[0] };

/* Whether `word` is one of the words of `list`. */
static bool has(const char *list, const char *word) {
  const size_t length = strlen(word);
  for (const char *found = list; (found = strstr(found, word)) != NULL; found += length) {
    const bool starts = found == list || found[-1] == ' ';
    if (starts && (found[length] == ' ' || !found[length])) return true;
  }
  return false;
}

static const struct {
  const char *word;
  uint32_t feature;
} feature_words[] = {
    {"fma", MBCONV_CPU_FMA},           {"avx2", MBCONV_CPU_AVX2},         {"avx512f", MBCONV_CPU_AVX512F},
    {"avx512vl", MBCONV_CPU_AVX512VL}, {"avx512bw", MBCONV_CPU_AVX512BW}, {"avx512dq", MBCONV_CPU_AVX512DQ},
    {"neon", MBCONV_CPU_NEON},         {"os_ymm", MBCONV_CPU_OS_YMM},     {"os_zmm", MBCONV_CPU_OS_ZMM},
};

static struct mbconv_cpu make_cpu(const struct fake *fake) {
  struct mbconv_cpu cpu = {0};
  for (size_t i = 0; i < sizeof feature_words / sizeof feature_words[0]; i++) {
    if (has(fake->features, feature_words[i].word)) cpu.features |= feature_words[i].feature;
  }
  snprintf(cpu.name, sizeof cpu.name, "%s", fake->name);
  return cpu;
}

/* The last of the fakes. */
static struct mbconv_cpu cpu_with_everything(void) { return make_cpu(&fakes[FAKES - 1]); }

static bool expected_usable(const struct fake *fake, mbconv_isa isa) {
  return in_build(isa) && (isa == MBCONV_ISA_SCALAR || has(fake->sets, mbconv_isa_name(isa)));
}

/* ---- Selecting --------------------------------------------------------------------------------------------------- */

/* A selection and everything it wrote. */
struct outcome {
  mbconv_status status;
  const struct mbconv_kernels *kernels;
  mbconv_exp exp;
  mbconv_error error;
};

static struct outcome selecting(mbconv_isa isa, mbconv_exp variant, const char *env_isa, const char *env_exp,
                                const struct mbconv_cpu *cpu) {
  struct outcome o = {.exp = unknown_exp, .error = {.status = MBCONV_OUT_OF_MEMORY, .message = "old"}};
  o.status = mbconv_select(&mbconv_f32_sets, isa, variant, env_isa, env_exp, cpu, &o.kernels, &o.exp, &o.error);
  return o;
}

static bool chose(const struct outcome *o, mbconv_isa isa) {
  return o->status == MBCONV_OK && o->kernels == mbconv_kernels_of(&mbconv_f32_sets, isa) && o->kernels->isa == isa &&
         (o->exp == MBCONV_EXP_SLEEF || o->exp == MBCONV_EXP_INLINE) && o->error.status == MBCONV_OK &&
         !o->error.message[0];
}

/* Failed with `status`, wrote no output, and the message contains both texts. */
static bool failed(const struct outcome *o, mbconv_status status, const char *text, const char *other) {
  return o->status == status && o->error.status == status && !o->kernels && o->exp == unknown_exp &&
         strstr(o->error.message, text) && strstr(o->error.message, other);
}

/* ---- Faked CPUs -------------------------------------------------------------------------------------------------- */

static const mbconv_isa best_first[] = {MBCONV_ISA_AVX512, MBCONV_ISA_AVX2, MBCONV_ISA_NEON, MBCONV_ISA_SCALAR};

enum { SETS = sizeof best_first / sizeof best_first[0] };

static void check_isa(struct test *t, const struct fake *fake, const struct mbconv_cpu *cpu, mbconv_isa isa) {
  const bool usable = expected_usable(fake, isa);
  const char *name = mbconv_isa_name(isa);
  test_check(t, mbconv_isa_usable(&mbconv_f32_sets, isa, cpu) == usable, "%s must %sbe usable", name,
             usable ? "" : "not ");

  const struct outcome by_parameter = selecting(isa, MBCONV_EXP_AUTO, NULL, NULL, cpu);
  const struct outcome by_environment = selecting(MBCONV_ISA_AUTO, MBCONV_EXP_AUTO, name, "", cpu);
  if (usable) {
    test_check(t, chose(&by_parameter, isa), "%s by parameter: %s", name, by_parameter.error.message);
    test_check(t, chose(&by_environment, isa), "%s by environment: %s", name, by_environment.error.message);
    return;
  }
  const char *why = in_build(isa) ? "cannot run on this CPU" : "not in this build";
  test_check(t, failed(&by_parameter, MBCONV_UNSUPPORTED_ISA, name, why), "%s: %s", name, by_parameter.error.message);
  test_check(t, failed(&by_environment, MBCONV_UNSUPPORTED_ISA, name, "MBCONV_ISA"), "%s: %s", name,
             by_environment.error.message);
  const char *listed = strstr(by_parameter.error.message, "usable on ");
  if (!test_check(t, listed && strstr(listed, cpu->name), "no CPU in: %s", by_parameter.error.message)) return;
  listed = strrchr(listed, ':');
  for (size_t i = 0; i < SETS; i++) {
    const char *other = mbconv_isa_name(best_first[i]);
    test_check(t, (strstr(listed, other) != NULL) == expected_usable(fake, best_first[i]), "%s in: %s", other,
               by_parameter.error.message);
  }
}

static void check_silu(struct test *t, const struct fake *fake, const struct mbconv_cpu *cpu, mbconv_isa isa) {
  if (!expected_usable(fake, isa)) {
    test_check(t, !mbconv_exp_variant_usable(&mbconv_f32_sets, isa, MBCONV_EXP_INLINE, cpu), "inline without its set");
    return;
  }
  const bool sleef = SLEEF && (isa != MBCONV_ISA_SCALAR || fake->sleef);
  const char *name = mbconv_isa_name(isa);
  test_check(t, mbconv_exp_variant_usable(&mbconv_f32_sets, isa, MBCONV_EXP_INLINE, cpu), "%s inline must be usable",
             name);
  test_check(t, mbconv_exp_variant_usable(&mbconv_f32_sets, isa, MBCONV_EXP_AUTO, cpu), "%s auto must be usable", name);
  test_check(t, mbconv_exp_variant_usable(&mbconv_f32_sets, isa, MBCONV_EXP_SLEEF, cpu) == sleef,
             "%s sleef must %sbe usable", name, sleef ? "" : "not ");
  test_check(t, !mbconv_exp_variant_usable(&mbconv_f32_sets, isa, unknown_exp, cpu), "an unknown variant is usable");

  struct outcome o = selecting(isa, MBCONV_EXP_INLINE, NULL, "sleef", cpu);
  test_check(t, chose(&o, isa) && o.exp == MBCONV_EXP_INLINE, "%s inline: %s", name, o.error.message);
  const mbconv_exp fastest = mbconv_kernels_of(&mbconv_f32_sets, isa)->fastest_exp;
  o = selecting(isa, MBCONV_EXP_AUTO, NULL, NULL, cpu);
  test_check(t, chose(&o, isa) && o.exp == (sleef ? fastest : MBCONV_EXP_INLINE), "%s auto chose %s", name,
             mbconv_exp_name(o.exp));
  o = selecting(isa, MBCONV_EXP_SLEEF, NULL, "inline", cpu);
  const struct outcome by_environment = selecting(isa, MBCONV_EXP_AUTO, NULL, "sleef", cpu);
  if (sleef) {
    test_check(t, chose(&o, isa) && o.exp == MBCONV_EXP_SLEEF, "%s sleef: %s", name, o.error.message);
    test_check(t, chose(&by_environment, isa) && by_environment.exp == MBCONV_EXP_SLEEF, "%s MBCONV_EXP: %s", name,
               by_environment.error.message);
  } else {
    const char *why = SLEEF ? "needs FMA" : "this build is without it";
    test_check(t, failed(&o, MBCONV_UNSUPPORTED_ISA, "sleef", why) && strstr(o.error.message, name), "%s sleef: %s",
               name, o.error.message);
    test_check(t, failed(&by_environment, MBCONV_UNSUPPORTED_ISA, "MBCONV_EXP", cpu->name), "%s MBCONV_EXP: %s", name,
               by_environment.error.message);
  }
}

/* The list of usable sets has exactly the expected ones, best first, and AUTO is the first. */
static void check_order(struct test *t, const struct fake *fake, const struct mbconv_cpu *cpu) {
  mbconv_isa isas[SETS] = {MBCONV_ISA_AUTO}, first[SETS] = {MBCONV_ISA_AUTO};
  const size_t count = mbconv_usable_isas_of(&mbconv_f32_sets, cpu, isas, SETS);
  size_t expected = 0;
  for (size_t i = 0; i < SETS; i++) {
    if (!expected_usable(fake, best_first[i])) continue;
    test_check(t, isas[expected] == best_first[i], "place %zu is %s", expected, mbconv_isa_name(isas[expected]));
    expected++;
  }
  test_check(t, count == expected, "%zu sets listed instead of %zu", count, expected);
  test_check(t, mbconv_usable_isas_of(&mbconv_f32_sets, cpu, first, 1) == count && first[0] == isas[0] && !first[1],
             "a list of capacity 1");
  test_check(t, mbconv_usable_isas_of(&mbconv_f32_sets, cpu, NULL, 0) == count, "a list of capacity 0");
  const char *automatic[] = {NULL, "", "auto"};
  for (size_t i = 0; i < 3; i++) {
    const struct outcome o = selecting(MBCONV_ISA_AUTO, MBCONV_EXP_AUTO, automatic[i], automatic[i], cpu);
    test_check(t, chose(&o, isas[0]), "auto: %s", o.error.message);
  }
}

/* ---- Rules that do not depend on the CPU ------------------------------------------------------------------------- */

static void check_precedence(struct test *t) {
  const struct mbconv_cpu cpu = cpu_with_everything();
  const mbconv_isa best = ARM64 ? MBCONV_ISA_NEON : X86 ? MBCONV_ISA_AVX512 : MBCONV_ISA_SCALAR;
  struct outcome o = selecting(best, MBCONV_EXP_AUTO, "scalar", NULL, &cpu);
  test_check(t, chose(&o, best), "the parameter must beat the environment: %s", o.error.message);
  o = selecting(MBCONV_ISA_SCALAR, MBCONV_EXP_INLINE, "sse9", "slow", &cpu);
  test_check(t, chose(&o, MBCONV_ISA_SCALAR), "an environment that is not needed was read: %s", o.error.message);
  test_check(t,
             mbconv_select(&mbconv_f32_sets, MBCONV_ISA_AUTO, MBCONV_EXP_AUTO, "sse9", NULL, &cpu, &o.kernels, &o.exp,
                           NULL) == MBCONV_INVALID_ARGUMENT,
             "without an error struct");
}

static void check_unknown(struct test *t) {
  const struct mbconv_cpu cpu = cpu_with_everything();
  const char *names[] = {"sse9", "AVX2", "avx", "avx2 ", "unknown", "99"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    struct outcome o = selecting(MBCONV_ISA_AUTO, MBCONV_EXP_AUTO, names[i], NULL, &cpu);
    test_check(t, failed(&o, MBCONV_INVALID_ARGUMENT, "MBCONV_ISA", names[i]), "%s: %s", names[i], o.error.message);
    test_check(
        t,
        strstr(o.error.message, "auto, scalar, avx2, avx512, neon, avx2_vnni, avx512_vnni, neon_dotprod or neon_i8mm"),
        "no names in: %s", o.error.message);
    o = selecting(MBCONV_ISA_AUTO, MBCONV_EXP_AUTO, NULL, names[i], &cpu);
    test_check(t, failed(&o, MBCONV_INVALID_ARGUMENT, "MBCONV_EXP", names[i]), "%s: %s", names[i], o.error.message);
    test_check(t, strstr(o.error.message, "auto, sleef or inline"), "no names in: %s", o.error.message);
  }
  const int values[] = {99, -1, MBCONV_ISA_COUNT};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    struct outcome o = selecting((mbconv_isa)values[i], MBCONV_EXP_AUTO, NULL, NULL, &cpu);
    test_check(t, failed(&o, MBCONV_INVALID_ARGUMENT, "isa", "unknown"), "isa %d: %s", values[i], o.error.message);
    o = selecting(MBCONV_ISA_AUTO, (mbconv_exp)values[i], NULL, NULL, &cpu);
    test_check(t, failed(&o, MBCONV_INVALID_ARGUMENT, "exp", "unknown"), "exp %d: %s", values[i], o.error.message);
    test_check(t, !strcmp(mbconv_isa_name((mbconv_isa)values[i]), "unknown"), "name of isa %d", values[i]);
    test_check(t, !strcmp(mbconv_exp_name((mbconv_exp)values[i]), "unknown"), "name of exp %d", values[i]);
  }
  test_check(t,
             !mbconv_kernels_of(&mbconv_f32_sets, MBCONV_ISA_AUTO) && !mbconv_kernels_of(&mbconv_f32_sets, unknown_isa),
             "kernels of no set");
  test_check(t,
             !mbconv_isa_usable(&mbconv_f32_sets, MBCONV_ISA_AUTO, &cpu) &&
                 !mbconv_isa_usable(&mbconv_f32_sets, unknown_isa, &cpu),
             "no set is usable");
}

/* A server with one 512-bit FMA unit can run AVX-512, but AUTO prefers AVX2. */
static void check_policy(struct test *t) {
  struct mbconv_cpu cpu = cpu_with_everything();
  cpu.features &= ~(uint32_t)MBCONV_CPU_NEON;
  cpu.avx512_slow = true;
  mbconv_isa isas[SETS];
  const size_t count = mbconv_usable_isas_of(&mbconv_f32_sets, &cpu, isas, SETS);
  struct outcome o = selecting(MBCONV_ISA_AUTO, MBCONV_EXP_AUTO, NULL, NULL, &cpu);
  test_check(t, chose(&o, X86 ? MBCONV_ISA_AVX2 : MBCONV_ISA_SCALAR), "auto: %s", o.error.message);
  test_check(t, isas[count - 1] == MBCONV_ISA_SCALAR, "scalar must be the last");
  if (X86) {
    test_check(t, count == 3 && isas[0] == MBCONV_ISA_AVX2 && isas[1] == MBCONV_ISA_AVX512, "the order of the list");
    o = selecting(MBCONV_ISA_AVX512, MBCONV_EXP_AUTO, NULL, NULL, &cpu);
    test_check(t, chose(&o, MBCONV_ISA_AVX512), "by parameter: %s", o.error.message);
    o = selecting(MBCONV_ISA_AUTO, MBCONV_EXP_AUTO, "avx512", NULL, &cpu);
    test_check(t, chose(&o, MBCONV_ISA_AVX512), "by environment: %s", o.error.message);
  }
}

/* The tables hold what the build promises. */
static void check_tables(struct test *t) {
  for (size_t i = 0; i < SETS; i++) {
    const struct mbconv_kernels *kernels = mbconv_kernels_of(&mbconv_f32_sets, best_first[i]);
    const char *name = mbconv_isa_name(best_first[i]);
    if (!test_check(t, (kernels != NULL) == in_build(best_first[i]), "%s in the build", name) || !kernels) continue;
    test_check(t, kernels->isa == best_first[i], "%s: isa", name);
    for (size_t kind = MBCONV_ACTIVATION_NONE; kind <= MBCONV_ACTIVATION_HARD_SWISH; kind++) {
      const bool exponential = kind == MBCONV_ACTIVATION_SILU || kind == MBCONV_ACTIVATION_SIGMOID;
      mbconv_activation_fn *sleef = kernels->activation[MBCONV_EXP_SLEEF - MBCONV_EXP_SLEEF][kind];
      mbconv_activation_fn *in_place = kernels->activation[MBCONV_EXP_INLINE - MBCONV_EXP_SLEEF][kind];
      test_check(t, in_place != NULL, "%s: activation %zu is missing", name, kind);
      test_check(t, exponential ? (sleef != NULL) == SLEEF && sleef != in_place : sleef == in_place,
                 "%s: the variants of activation %zu", name, kind);
    }
  }
}

/* ---- This machine ------------------------------------------------------------------------------------------------ */

static struct outcome choosing(const mbconv_options *options, const char *env_isa, const char *env_exp) {
  system_set_variable("MBCONV_ISA", env_isa);
  system_set_variable("MBCONV_EXP", env_exp);
  struct outcome o = {.exp = unknown_exp};
  o.status = mbconv_choose(&mbconv_f32_sets, options, &o.kernels, &o.exp, &o.error);
  return o;
}

static void check_environment(struct test *t) {
  const char *isa = getenv("MBCONV_ISA"), *variant = getenv("MBCONV_EXP");
  char *old_isa = isa ? strdup(isa) : NULL, *old_exp = variant ? strdup(variant) : NULL;
  mbconv_isa best;
  mbconv_usable_isas(&best, 1);
  struct outcome o = choosing(NULL, NULL, NULL);
  test_check(t, chose(&o, best), "auto: %s", o.error.message);
  o = choosing(NULL, mbconv_isa_name(t->isa), "inline");
  test_check(t, chose(&o, t->isa) && o.exp == MBCONV_EXP_INLINE, "by environment: %s", o.error.message);
  const mbconv_options options = {.isa = t->isa, .exp = MBCONV_EXP_INLINE};
  o = choosing(&options, "scalar", "sleef");
  test_check(t, chose(&o, t->isa) && o.exp == MBCONV_EXP_INLINE, "by options: %s", o.error.message);
  o = choosing(NULL, "sse9", NULL);
  test_check(t, failed(&o, MBCONV_INVALID_ARGUMENT, "MBCONV_ISA", "sse9"), "sse9: %s", o.error.message);
  o = choosing(NULL, NULL, "slow");
  test_check(t, failed(&o, MBCONV_INVALID_ARGUMENT, "MBCONV_EXP", "slow"), "slow: %s", o.error.message);
  o = choosing(NULL, X86 ? "neon" : "avx2", NULL);
  test_check(t, failed(&o, MBCONV_UNSUPPORTED_ISA, X86 ? "neon" : "avx2", "scalar"), "%s", o.error.message);
  system_set_variable("MBCONV_ISA", old_isa);
  system_set_variable("MBCONV_EXP", old_exp);
  free(old_isa);
  free(old_exp);
}

static void check_machine(struct test *t) {
  struct mbconv_cpu cpu;
  mbconv_cpu_detect(&cpu);
  test_check(t, cpu.name[0] && memchr(cpu.name, '\0', sizeof cpu.name), "the CPU has no name");
  for (size_t i = 0; i < SETS; i++) {
    test_check(t, mbconv_isa_usable(&mbconv_f32_sets, best_first[i], &cpu) == machine_has(best_first[i]), "%s on %s",
               mbconv_isa_name(best_first[i]), cpu.name);
    for (mbconv_exp variant = MBCONV_EXP_AUTO; variant <= MBCONV_EXP_INLINE; variant++) {
      const bool usable = mbconv_exp_variant_usable(&mbconv_f32_sets, best_first[i], variant, &cpu);
      test_check(t, mbconv_exp_usable(best_first[i], variant) == usable, "the public mbconv_exp_usable");
    }
  }
  mbconv_isa isas[SETS] = {MBCONV_ISA_AUTO}, listed[SETS] = {MBCONV_ISA_AUTO};
  const size_t count = mbconv_usable_isas(isas, SETS);
  test_check(t,
             count == mbconv_usable_isas_of(&mbconv_f32_sets, &cpu, listed, SETS) &&
                 !memcmp(isas, listed, sizeof isas) && mbconv_usable_isas(NULL, 0) == count,
             "the public mbconv_usable_isas");
  test_check(t, mbconv_kernels_of(&mbconv_f32_sets, t->isa) == t->kernels && machine_has(t->isa), "the set under test");
}

void test_dispatch(struct test *t) {
  for (size_t i = 0; i < FAKES; i++) {
    const struct mbconv_cpu cpu = make_cpu(&fakes[i]);
    test_at(t, "CPU '%s'", cpu.name);
    check_order(t, &fakes[i], &cpu);
    for (size_t j = 0; j < SETS; j++) {
      check_isa(t, &fakes[i], &cpu, best_first[j]);
      check_silu(t, &fakes[i], &cpu, best_first[j]);
    }
  }
  test_at(t, "parameter and environment");
  check_precedence(t);
  test_at(t, "unknown values");
  check_unknown(t);
  test_at(t, "policy");
  check_policy(t);
  test_at(t, "tables");
  check_tables(t);
  dispatch_rows(t);
  dispatch_arm64(t);
  dispatch_x86(t);
  test_at(t, "this machine");
  check_machine(t);
  check_environment(t);
}
