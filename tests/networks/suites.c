/* SPDX-License-Identifier: MIT */
#include "networks_suites.h"

const struct test_suite test_suites[] = {
    {"logits", test_logits},         {"images", test_images},     {"safetensors", test_safetensors},
    {"recognise", test_recognise},   {"networks", test_networks}, {"sharing", test_sharing},
    {"huge-pages", test_huge_pages},
};
const size_t test_suite_count = sizeof test_suites / sizeof *test_suites;
