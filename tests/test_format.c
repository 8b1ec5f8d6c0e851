/* SPDX-License-Identifier: MIT
 *
 * The library's own formatting against the C library's snprintf: the same bytes, the same length, cut at the same
 * place.
 */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

#include "format.h"
#include "test.h"

enum { SIZE = 160, CANARY = 0x5a };

/* Both ways, into buffers of `size` bytes. */
TEST_PRINTF(3, 4) static void check(struct test *t, size_t size, const char *format, ...) {
  char want[SIZE], got[SIZE];
  memset(want, CANARY, sizeof want);
  memset(got, CANARY, sizeof got);
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  const int want_length = vsnprintf(want, size, format, arguments);
  const size_t got_length = mbconv_format_list(got, size, format, again);
  va_end(again);
  va_end(arguments);
  const bool equal = !memcmp(got, want, sizeof want) && got_length == (size_t)want_length;
  test_check(t, equal, "\"%s\" in %zu bytes: \"%.*s\" of length %zu instead of \"%.*s\" of length %d", format, size,
             (int)size, got, got_length, (int)size, want, want_length);
}

static void check_sizes(struct test *t) {
  test_at(t, "cut off");
  for (size_t size = 0; size < 60; size++)
    check(t, size, "%s: %zu of %d are 50 %% (0x%x)%s", "name", (size_t)12, -7, 0xbeefu, ".");
}

static void check_integers(struct test *t) {
  test_at(t, "integers");
  const int ints[] = {0, 1, -1, 9, 10, -10, 99, 12345, INT_MAX, INT_MIN};
  for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) check(t, SIZE, "%d,%x", ints[i], (unsigned)ints[i]);
  for (size_t value = 1; value <= SIZE_MAX / 10; value *= 10) check(t, SIZE, "%zu %zu", value, value - 1);
  check(t, SIZE, "%zu", SIZE_MAX);
}

static void check_strings(struct test *t) {
  test_at(t, "strings");
  check(t, SIZE, "no argument");
  check(t, SIZE, "%s%s|", "", "two");
  check(t, SIZE, "%.3s|%.32s|%.0s|", "cut here", "whole", "nothing");
  const char unterminated[] = {'a', 'b', 'c'};
  check(t, SIZE, "%.3s|", unterminated);
}

void test_format(struct test *t) {
  check_sizes(t);
  check_integers(t);
  check_strings(t);
}
