/* SPDX-License-Identifier: MIT
 *
 * The suites of mbconv_networks_tests, one file each.
 */
#ifndef MBCONV_NETWORKS_SUITES_H
#define MBCONV_NETWORKS_SUITES_H

#include "mbconv_networks.h"
#include "test.h"

void test_safetensors(struct test *t);
void test_files(struct test *t);
void test_floats(struct test *t);
void test_options(struct test *t);
void test_metadata(struct test *t);
void test_recognise(struct test *t);
void test_widths(struct test *t);
void test_decimal(struct test *t);
void test_stacks(struct test *t);
void test_networks(struct test *t);
void test_sizes(struct test *t);
void test_huge_pages(struct test *t);
void test_logits(struct test *t);
void test_sharing(struct test *t);
void test_quantized(struct test *t);
void test_quantized_files(struct test *t);
void test_images(struct test *t);

#endif
