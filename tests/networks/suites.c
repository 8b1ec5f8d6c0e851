/* SPDX-License-Identifier: MIT */
#include "networks_suites.h"

const struct test_suite test_suites[] = {
    {"decimal", test_decimal},       {"logits", test_logits},
    {"images", test_images},         {"safetensors", test_safetensors},
    {"files", test_files},           {"floats", test_floats},
    {"options", test_options},       {"metadata", test_metadata},
    {"recognise", test_recognise},   {"widths", test_widths},
    {"networks", test_networks},     {"sizes", test_sizes},
    {"sharing", test_sharing},       {"stacks", test_stacks},
    {"huge-pages", test_huge_pages},
#ifdef MBCONV_TESTS_I8
    {"quantized", test_quantized},   {"quantized-files", test_quantized_files},
#endif
};
const size_t test_suite_count = sizeof test_suites / sizeof *test_suites;
