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

void dispatch_rows(struct test *t) {
  check_sets(t, "f32", &mbconv_f32_sets);
#ifdef MBCONV_I8_SCALAR
  check_sets(t, "i8", &mbconv_i8_sets);
#endif
}
