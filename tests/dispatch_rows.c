/* SPDX-License-Identifier: MIT
 *
 * Dispatch: every need of every row of the table is asked for, those among them that are added to a row later.
 */
#include "dispatch.h"
#include "test.h"

static const uint32_t every_feature = ((uint32_t)1 << MBCONV_CPU_FEATURES) - 1;

static struct mbconv_cpu cpu_of(uint32_t features) { return (struct mbconv_cpu){.features = features, .name = "fake"}; }

/* The kernels that `cpu` gets who asks for the row's instruction set; NULL if it gets an error. */
static const struct mbconv_kernels *selected(const struct mbconv_row *row, const struct mbconv_cpu *cpu) {
  const struct mbconv_kernels *kernels = NULL;
  mbconv_exp variant;
  mbconv_select(row->type, row->isa, MBCONV_EXP_AUTO, NULL, NULL, cpu, &kernels, &variant, NULL);
  return kernels;
}

/* Whether `cpu` is offered the row, and, if no row before it is meant by the same type and ISA, selects it. */
static void check_offer(struct test *t, const struct mbconv_row *rows, size_t i, uint32_t features, bool offered) {
  const struct mbconv_cpu cpu = cpu_of(features);
  test_at(t, "row %zu on a CPU with the features %x", i, features);
  test_check(t, mbconv_row_offered(&rows[i], &cpu) == offered, "it is %soffered", offered ? "not " : "");
  for (size_t j = 0; j < i; j++) {
    if (rows[j].type == rows[i].type && rows[j].isa == rows[i].isa && mbconv_row_offered(&rows[j], &cpu)) return;
  }
  const struct mbconv_kernels *kernels = selected(&rows[i], &cpu);
  test_check(t, (kernels == rows[i].kernels) == offered, "its kernels are %sselected", offered ? "not " : "");
}

static void check_needs(struct test *t, const struct mbconv_row *rows, size_t i) {
  check_offer(t, rows, i, rows[i].needs, true);
  check_offer(t, rows, i, every_feature, true);
  for (unsigned bit = 0; bit < MBCONV_CPU_FEATURES; bit++) {
    const uint32_t feature = (uint32_t)1 << bit;
    const bool needed = (rows[i].needs & feature) != 0;
    check_offer(t, rows, i, every_feature & ~feature, !needed);
    if (needed) check_offer(t, rows, i, rows[i].needs & ~feature, false);
  }
}

static void check_unknown_type(struct test *t) {
  test_at(t, "a type that is none");
  const mbconv_type type = (mbconv_type)7;
  const struct mbconv_cpu cpu = cpu_of(every_feature);
  const struct mbconv_kernels *kernels = NULL;
  mbconv_exp variant;
  mbconv_error error = {.status = MBCONV_OK};
  const mbconv_status status =
      mbconv_select(type, MBCONV_ISA_AUTO, MBCONV_EXP_AUTO, NULL, NULL, &cpu, &kernels, &variant, &error);
  test_check(t, status == MBCONV_INVALID_ARGUMENT && error.status == status && !kernels, "it was not refused");
  test_check(t, !strcmp(error.message, "type is 7, which is none"), "%s", error.message);
  test_check(t, !mbconv_kernels_of(type, MBCONV_ISA_SCALAR), "it has kernels");
  test_check(t, !mbconv_isa_usable(type, MBCONV_ISA_SCALAR, &cpu), "it has a usable set");
  test_check(t, mbconv_usable_isas_of(type, &cpu, NULL, 0) == 0, "it has sets");
}

void dispatch_rows(struct test *t) {
  size_t count;
  const struct mbconv_row *rows = mbconv_rows(&count);
  for (size_t i = 0; i < count; i++) {
    const struct mbconv_row *row = &rows[i];
    test_at(t, "row %zu", i);
    test_check(t, row->isa > MBCONV_ISA_AUTO && row->isa < MBCONV_ISA_COUNT, "its ISA is %d", (int)row->isa);
    test_check(t, (row->needs & ~every_feature) == 0, "it needs features that do not exist: %x", row->needs);
    test_check(t, (row->isa == MBCONV_ISA_SCALAR) == (row->needs == 0), "it needs %x", row->needs);
    test_check(t, i == 0 || rows[i - 1].type <= row->type, "the rows of a type do not stand together");
    test_check(t, i + 1 == count || rows[i + 1].type != row->type || row->isa != MBCONV_ISA_SCALAR,
               "scalar is not the last of its type");
    check_needs(t, rows, i);
  }
  check_unknown_type(t);
}
