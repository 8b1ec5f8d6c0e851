/* SPDX-License-Identifier: MIT
 *
 * Decimal numbers as text, in the locale "C" and, where the machine has one, with a comma
 * (tests/surroundings/locale.sh sees to that).
 */
#include <math.h>

#include "decimal.h"
#include "networks_suites.h"

/* The number, within two ulps; and what follows. */
static void check_read(struct test *t, const char *text, double want, const char *rest) {
  double got = -1;
  test_at(t, "reading \"%s\"", text);
  const char *end = mbconv_decimal_read(text, &got);
  if (!rest) {
    test_check(t, end == NULL, "read as %a", got);
    return;
  }
  test_check(t, end && strcmp(end, rest) == 0, "ends elsewhere");
  test_check(t, got == want || fabs(got - want) <= 0x1p-51 * want, "%a instead of %a", got, want);
}

static void check_written(struct test *t, const char *format, double value, const char *want) {
  char text[MBCONV_DECIMAL_SIZE];
  test_at(t, "writing %a by %s", value, format);
  test_check(t, strcmp(mbconv_decimal_write(text, format, value), want) == 0, "\"%s\" instead of \"%s\"", text, want);
}

void test_decimal(struct test *t) {
  check_read(t, "0", 0, "");
  check_read(t, "224", 224, "");
  check_read(t, "0.001", 0.001, "");
  check_read(t, "1e-05", 1e-5, "");
  check_read(t, "1e-05f", 1e-5, "f");
  check_read(t, "1.5E+3,2", 1500, ",2");
  check_read(t, "0.5,0.25", 0.5, ",0.25");
  check_read(t, "0,001", 0, ",001");
  check_read(t, ".5", 0.5, "");
  check_read(t, "5.", 5, "");
  check_read(t, "1.2.3", 1.2, ".3");
  check_read(t, "0.1000000000000000055511151231257827021181583404541015625", 0.1, "");
  check_read(t, "123456789012345678901234567890", 123456789012345678901234567890.0, "");
  check_read(t, "0.00000000000000000000000000000000000012", 1.2e-37, "");
  check_read(t, "1e-400", 0, "");
  check_read(t, "1e400", INFINITY, "");
  check_read(t, "1e99999999999999999999", INFINITY, "");
  static const char *const none[] = {"", ".", "-1", "+1", " 1", "e5", "1e", "1e+", "inf", "nan", ",5"};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) check_read(t, none[i], 0, NULL);
  check_read(t, "0x10", 0, "x10");
  uint64_t state = t->seed;
  for (size_t i = 0; i < (t->small ? 100 : 10000); i++) { /* numbers as Python writes them */
    const double value = fabs((double)test_random_float(&state)) * pow(10, (double)test_random_size(&state, 0, 12) - 8);
    char text[MBCONV_DECIMAL_SIZE], want[MBCONV_DECIMAL_SIZE];
    check_read(t, mbconv_decimal_write(text, "%.17g", value), value, "");
    snprintf(want, sizeof want, "%.6f", value);
    want[strcspn(want, ",")] = want[strcspn(want, ",")] ? '.' : '\0';
    check_written(t, "%.6f", value, want);
  }
  check_written(t, "%g", 1e-5, "1e-05");
  check_written(t, "%g", 0.001, "0.001");
  check_written(t, "%g", -2.5, "-2.5");
  check_written(t, "%.3f", 1234567.25, "1234567.250");
  check_written(t, "%.0f", 3, "3");
  check_written(t, "%g", (double)INFINITY, "inf");
  check_written(t, "%.4f", -1e30, "-1000000000000000019884624838656.0000");
}
