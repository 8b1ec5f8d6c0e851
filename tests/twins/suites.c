/* SPDX-License-Identifier: MIT */
#include "i8_case.h"

void test_instructions(struct test *t);

const struct test_suite test_suites[] = {{"instructions", test_instructions}, {"i8", test_i8}};
const size_t test_suite_count = sizeof test_suites / sizeof *test_suites;
