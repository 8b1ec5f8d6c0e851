/* SPDX-License-Identifier: MIT */
#include "test.h"

/* From the parts to the whole; the long sweeps last. */
const struct test_suite test_suites[] = {
    {"format", test_format},
    {"arithmetic", test_arithmetic},
    {"dispatch", test_dispatch},
    {"pointwise", test_pointwise},
    {"gemv", test_gemv},
    {"depthwise", test_depthwise},
    {"convolution", test_convolution},
    {"global-pool", test_global_pool},
    {"channel", test_channel},
    {"transpose", test_transpose},
    {"activation", test_activation},
    {"more", test_more},
    {"api", test_api},
    {"block", test_block},
    {"golden", test_golden},
    {"plan", test_plan},
    {"plan-table", test_plan_table},
    {"strategies", test_strategies},
    {"sizes", test_sizes},
    {"stages", test_stages},
    {"threads", test_threads},
    {"combinations", test_combinations},
#ifdef MBCONV_I8_SCALAR
    {"i8", test_i8},
    {"i8-elementwise", test_i8_elementwise},
    {"i8-limits", test_i8_limits},
    {"i8-strategies", test_i8_strategies},
#endif
    {"faults", test_faults},
#ifndef _WIN32
    {"signals", test_signals},
#endif
    {"adapters", test_adapters},
    {"gelu", test_gelu},
    {"silu", test_silu},
#ifdef MBCONV_I8_SCALAR
    {"i8-sums", test_i8_sums},
#endif
};
const size_t test_suite_count = sizeof test_suites / sizeof *test_suites;
