/* SPDX-License-Identifier: MIT
 *
 * Dispatch: every need of every row of the table is asked for, those among them that are added to a row later.
 */
#include "dispatch.h"
#include "i8_sets.h"
#include "test.h"

static const uint32_t every_feature = ((uint32_t)1 << MBCONV_CPU_FEATURES) - 1;

static struct mbconv_cpu cpu_of(uint32_t features) { return (struct mbconv_cpu){.features = features, .name = "fake"}; }

/* The kernels that `cpu` gets who asks for the row's instruction set; NULL if it gets an error. */
static const struct mbconv_kernels *selected(const struct mbconv_sets *sets, const struct mbconv_row *row,
                                             const struct mbconv_cpu *cpu) {
  const struct mbconv_kernels *kernels = NULL;
  mbconv_exp variant;
  mbconv_select(sets, row->isa, MBCONV_EXP_AUTO, NULL, NULL, cpu, &kernels, &variant, NULL);
  return kernels;
}

/* Whether who asks for `asked` may get a row for `isa`. */
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

void dispatch_rows(struct test *t) {
  check_plain_name(t, MBCONV_ISA_AVX512, MBCONV_ISA_AVX512_VNNI);
  check_plain_name(t, MBCONV_ISA_AVX2, MBCONV_ISA_AVX2_VNNI);
  check_plain_name(t, MBCONV_ISA_NEON, MBCONV_ISA_NEON_DOTPROD);
  check_plain_name(t, MBCONV_ISA_NEON, MBCONV_ISA_NEON_I8MM);
  check_sets(t, "f32", &mbconv_f32_sets);
#ifdef MBCONV_I8_SCALAR
  check_sets(t, "i8", &mbconv_i8_sets);
#endif
}
