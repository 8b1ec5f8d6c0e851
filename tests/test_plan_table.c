/* SPDX-License-Identifier: MIT
 *
 * Speed without a clock: plans and counts of kernel calls are those of plans/plans.txt. Anything that makes a run cost
 * more, or less, without changing a float shows there.
 */
#include "dispatch.h"
#include "lines.h"
#include "plans/table.h"
#include "test.h"

struct reader {
  struct test *t;
  const char *isa;
  const char *const *next; /* lines of the table not yet met */
};

static bool is_of(const char *line, const char *isa) {
  const size_t length = strlen(isa);
  return strncmp(line, isa, length) == 0 && line[length] == ' ';
}

/* The next line of the set, or NULL. */
static const char *next_line(struct reader *r) {
  while (*r->next && !is_of(*r->next, r->isa)) r->next++;
  return *r->next ? *r->next++ : NULL;
}

static void compare(void *context, const char *line) {
  struct reader *r = context;
  const char *expected = next_line(r);
  test_check(r->t, expected && strcmp(line, expected) == 0,
             "another plan or other calls than in tests/plans/plans.txt (its README.md tells what to do):\n  is   %s\n"
             "  was  %s",
             line, expected ? expected : "no line");
}

static void check_shape(struct test *t, const struct set_shape *shape) {
  test_at(t, "plans of %s", mbconv_isa_name(shape->isa));
  struct reader r = {t, mbconv_isa_name(shape->isa), plan_lines};
  table_of(shape, compare, &r);
  const char *left = next_line(&r);
  test_check(t, left == NULL, "not compared: %s", left ? left : "");
}

/* The set under test; with scalar those that no machine of this architecture has. */
void test_plan_table(struct test *t) {
  for (size_t i = 0; i < SET_SHAPES; i++) {
    const struct set_shape *shape = &set_shapes[i];
    const struct mbconv_kernels *kernels = mbconv_kernels_of(&mbconv_f32_sets, shape->isa);
    const bool foreign = !kernels && t->isa == MBCONV_ISA_SCALAR;
    if (kernels) test_check(t, set_shape_is(shape, kernels), "%s has another shape", mbconv_isa_name(shape->isa));
    if (shape->isa == t->isa || foreign) check_shape(t, shape);
  }
}
