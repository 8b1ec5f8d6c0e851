/* SPDX-License-Identifier: MIT
 *
 * Dispatch: every need of every row of the table is asked for, those among them that are added to a row later; what the
 * names of instruction sets give on models of CPUs.
 */
#include "dispatch.h"
#include "i8_sets.h"
#include "test.h"

static const uint32_t every_feature = ((uint32_t)1 << MBCONV_CPU_FEATURES) - 1;

static struct mbconv_cpu cpu_of(uint32_t features) { return (struct mbconv_cpu){.features = features, .name = "fake"}; }

/* The kernels that a caller on `cpu` gets who asks for the row's instruction set; NULL if the answer is an error. */
static const struct mbconv_kernels *selected(const struct mbconv_sets *sets, const struct mbconv_row *row,
                                             const struct mbconv_cpu *cpu) {
  const struct mbconv_kernels *kernels = NULL;
  mbconv_exp variant;
  mbconv_select(sets, row->isa, MBCONV_EXP_AUTO, NULL, NULL, cpu, &kernels, &variant, NULL);
  return kernels;
}

/* Whether a caller who asks for `asked` may get a row for `isa`. */
static bool means(mbconv_isa asked, mbconv_isa isa) {
  return isa == asked || !strncmp(mbconv_isa_name(isa), mbconv_isa_name(asked), strlen(mbconv_isa_name(asked)));
}

/* Whether `cpu` is offered the row, and, if no row before it is meant by the same ISA, selects it. */
static void check_offer(struct test *t, const struct mbconv_sets *sets, size_t i, uint32_t features, bool offered) {
  const struct mbconv_row *rows = sets->rows;
  const struct mbconv_cpu cpu = cpu_of(features);
  test_at(t, "row %zu on a CPU with the features %x", i, features);
  test_check(t, mbconv_row_offered(&rows[i], &cpu) == offered, "it is %soffered", offered ? "not " : "");
  for (size_t j = 0; j < i; j++) {
    if (means(rows[i].isa, rows[j].isa) && mbconv_row_offered(&rows[j], &cpu)) return;
  }
  const struct mbconv_kernels *kernels = selected(sets, &rows[i], &cpu);
  test_check(t, (kernels == rows[i].kernels) == offered, "its kernels are %sselected", offered ? "not " : "");
}

static void check_needs(struct test *t, const struct mbconv_sets *sets, size_t i) {
  const struct mbconv_row *rows = sets->rows;
  check_offer(t, sets, i, rows[i].needs, true);
  check_offer(t, sets, i, every_feature, true);
  for (unsigned bit = 0; bit < MBCONV_CPU_FEATURES; bit++) {
    const uint32_t feature = (uint32_t)1 << bit;
    const bool needed = (rows[i].needs & feature) != 0;
    check_offer(t, sets, i, every_feature & ~feature, !needed);
    if (needed) check_offer(t, sets, i, rows[i].needs & ~feature, false);
  }
}

static void check_sets(struct test *t, const char *type, const struct mbconv_sets *sets) {
  const struct mbconv_row *rows = sets->rows;
  for (size_t i = 0; i < sets->count; i++) {
    const struct mbconv_row *row = &rows[i];
    test_at(t, "%s, row %zu", type, i);
    test_check(t, row->isa > MBCONV_ISA_AUTO && row->isa < MBCONV_ISA_COUNT, "its ISA is %d", (int)row->isa);
    test_check(t, (row->needs & ~every_feature) == 0, "it needs features that do not exist: %x", row->needs);
    test_check(t, (row->isa == MBCONV_ISA_SCALAR) == (row->needs == 0), "it needs %x", row->needs);
    test_check(t, (i + 1 == sets->count) == (row->isa == MBCONV_ISA_SCALAR), "scalar is not the last");
    check_needs(t, sets, i);
  }
}

/* A plain name means the best set on this CPU, that with VNNI or the like if the CPU has it; the name of that one means
 * no other. */
static void check_plain_name(struct test *t, mbconv_isa plain, mbconv_isa vnni) {
  enum { FEATURE = MBCONV_CPU_AVX2, OF_VNNI = MBCONV_CPU_AVX_VNNI };
  struct mbconv_kernels best = mbconv_kernels_scalar, lesser = mbconv_kernels_scalar;
  best.isa = vnni, lesser.isa = plain;
  const struct mbconv_row rows[] = {
      {vnni, FEATURE | OF_VNNI, &best}, {plain, FEATURE, &lesser}, {MBCONV_ISA_SCALAR, 0, &mbconv_kernels_scalar}};
  const struct mbconv_sets sets = {rows, sizeof rows / sizeof *rows};
  const struct mbconv_cpu with = cpu_of(FEATURE | OF_VNNI), without = cpu_of(FEATURE);
  test_at(t, "what %s means", mbconv_isa_name(plain));
  test_check(t, selected(&sets, &rows[1], &with) == &best, "not the set with VNNI");
  test_check(t, selected(&sets, &rows[1], &without) == &lesser, "not the set without VNNI");
  test_check(t, selected(&sets, &rows[0], &with) == &best, "VNNI by name");
  test_check(t, !selected(&sets, &rows[0], &without), "VNNI by name on a CPU without");
  mbconv_isa isas[3] = {MBCONV_ISA_AUTO};
  test_check(t, mbconv_usable_isas_of(&sets, &with, isas, 3) == 3 && isas[0] == vnni && isas[1] == plain,
             "the list with VNNI");
  test_check(t, mbconv_usable_isas_of(&sets, &without, isas, 3) == 2 && isas[0] == plain, "the list without");
}

/* ---- CPUs that exist --------------------------------------------------------------------------------------------- */

#if defined(MBCONV_I8_AVX512_VNNI) && defined(MBCONV_I8_AVX2_VNNI)
enum {
  VNNI = MBCONV_CPU_AVX512_VNNI,
  VBMI = MBCONV_CPU_AVX512_VBMI,
  ALDER_LAKE = MBCONV_NEEDS_AVX2 | MBCONV_CPU_AVX_VNNI,
  NAMES = 5 /* that are asked for: auto, avx512, avx512_vnni, avx2, avx2_vnni */
};

#define F32(isa) &mbconv_kernels_##isa
#define I8(isa) &mbconv_kernels_i8_##isa

/* Which kernels each name gives on models of CPUs, NULL for a refusal. */
static const struct model {
  const char *name;
  uint32_t features;
  const struct mbconv_kernels *f32[NAMES], *i8[NAMES];
} models[] = {
    {"Haswell", MBCONV_NEEDS_AVX2, {F32(avx2), NULL, NULL, F32(avx2), NULL}, {I8(avx2), NULL, NULL, I8(avx2), NULL}},
    {"Skylake-X",
     MBCONV_NEEDS_AVX512,
     {F32(avx512), F32(avx512), NULL, F32(avx2), NULL},
     {I8(avx2), I8(avx2), NULL, I8(avx2), NULL}},
    {"Cascade Lake",
     MBCONV_NEEDS_AVX512 | VNNI,
     {F32(avx512), F32(avx512), F32(avx512), F32(avx2), NULL},
     {I8(avx512_vnni), I8(avx512_vnni), I8(avx512_vnni), I8(avx2), NULL}},
    {"Ice Lake or Zen 4",
     MBCONV_NEEDS_AVX512 | VNNI | VBMI,
     {F32(avx512), F32(avx512), F32(avx512), F32(avx2), NULL},
     {I8(avx512_vnni_vbmi), I8(avx512_vnni_vbmi), I8(avx512_vnni_vbmi), I8(avx2), NULL}},
    {"Alder Lake",
     ALDER_LAKE,
     {F32(avx2), NULL, NULL, F32(avx2), F32(avx2)},
     {I8(avx2_vnni), NULL, NULL, I8(avx2_vnni), I8(avx2_vnni)}},
    {"Sapphire Rapids",
     MBCONV_NEEDS_AVX512 | VNNI | VBMI | ALDER_LAKE,
     {F32(avx512), F32(avx512), F32(avx512), F32(avx2), F32(avx2)},
     {I8(avx512_vnni_vbmi), I8(avx512_vnni_vbmi), I8(avx512_vnni_vbmi), I8(avx2_vnni), I8(avx2_vnni)}},
};

#undef F32
#undef I8

/* By parameter and by environment. */
static void check_name(struct test *t, const struct mbconv_sets *sets, const struct mbconv_cpu *cpu, mbconv_isa isa,
                       const struct mbconv_kernels *want) {
  const char *name = mbconv_isa_name(isa);
  for (int by_name = 0; by_name < 2; by_name++) {
    const struct mbconv_kernels *kernels = NULL;
    mbconv_exp variant;
    mbconv_error error = {.message = ""};
    const mbconv_status status = mbconv_select(sets, by_name ? MBCONV_ISA_AUTO : isa, MBCONV_EXP_AUTO,
                                               by_name ? name : NULL, NULL, cpu, &kernels, &variant, &error);
    test_check(t, kernels == want && status == (want ? MBCONV_OK : MBCONV_UNSUPPORTED_ISA), "%s%s gives %s: %s", name,
               by_name ? " in the environment" : "", kernels ? mbconv_isa_name(kernels->isa) : "nothing",
               error.message);
  }
}

static void check_models(struct test *t) {
  static const mbconv_isa names[NAMES] = {MBCONV_ISA_AUTO, MBCONV_ISA_AVX512, MBCONV_ISA_AVX512_VNNI, MBCONV_ISA_AVX2,
                                          MBCONV_ISA_AVX2_VNNI};
  for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
    const struct mbconv_cpu cpu = cpu_of(models[i].features);
    for (size_t j = 0; j < NAMES; j++) {
      test_at(t, "f32 on %s", models[i].name);
      check_name(t, &mbconv_f32_sets, &cpu, names[j], models[i].f32[j]);
      test_at(t, "int8 on %s", models[i].name);
      check_name(t, &mbconv_i8_sets, &cpu, names[j], models[i].i8[j]);
    }
    /* What is listed is what a name of its own gives; borrowed kernels are not. */
    mbconv_isa isas[MBCONV_ISA_COUNT];
    const size_t count = mbconv_usable_isas_of(&mbconv_i8_sets, &cpu, isas, MBCONV_ISA_COUNT);
    for (size_t j = 0; j < count; j++)
      test_check(t, isas[j] != MBCONV_ISA_AVX512, "avx512 is listed, which has no kernels of its own");
  }
}
#else
static void check_models(struct test *t) { (void)t; }
#endif

void dispatch_rows(struct test *t) {
  check_models(t);
  check_plain_name(t, MBCONV_ISA_AVX512, MBCONV_ISA_AVX512_VNNI);
  check_plain_name(t, MBCONV_ISA_AVX2, MBCONV_ISA_AVX2_VNNI);
  check_plain_name(t, MBCONV_ISA_NEON, MBCONV_ISA_NEON_DOTPROD);
  check_plain_name(t, MBCONV_ISA_NEON, MBCONV_ISA_NEON_I8MM);
  check_sets(t, "f32", &mbconv_f32_sets);
#ifdef MBCONV_I8_SCALAR
  check_sets(t, "i8", &mbconv_i8_sets);
#endif
}
