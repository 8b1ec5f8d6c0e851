/* SPDX-License-Identifier: MIT */
#include "test.h"

void test_cplusplus(struct test *t); /* test_cplusplus.cc */

const struct test_suite test_suites[] = {{"cplusplus", test_cplusplus}};
const size_t test_suite_count = sizeof test_suites / sizeof *test_suites;
