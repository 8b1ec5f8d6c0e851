/* SPDX-License-Identifier: MIT
 *
 * Queries that return no status, of NULL: as of an object whose description names no size.
 */
#include <stdint.h>

#include "api.h"

static void check_sizes(struct test *t, const char *what, size_t scratch, size_t height, size_t width) {
  test_check(t, scratch == SIZE_MAX && height == 0 && width == 0, "%s NULL: %zu bytes, %zu x %zu", what, scratch,
             height, width);
}

static void objects(struct test *t) {
  size_t height = 1, width = 1;
  mbconv_block_output_size(NULL, &height, &width);
  check_sizes(t, "block", mbconv_block_scratch_size(NULL, 1), height, width);
  height = width = 1;
  mbconv_depthwise_output_size(NULL, &height, &width);
  check_sizes(t, "depthwise", mbconv_depthwise_scratch_size(NULL, 2), height, width);
  height = width = 1;
  mbconv_convolution_output_size(NULL, &height, &width);
  check_sizes(t, "convolution", mbconv_convolution_scratch_size(NULL, 3), height, width);
  char text[64] = "before";
  const size_t length = mbconv_block_describe(NULL, 1, text, sizeof text);
  test_check(t, length == strlen("block is NULL") && !strcmp(text, "block is NULL"), "describe: %zu, %s", length, text);
  test_check(t, mbconv_block_describe(NULL, 1, NULL, 0) == length, "describe without room");
}

/* Without a place for one of the two numbers the other is 0. */
static void outputs(struct test *t, const struct api_fixture *f) {
  void *block = NULL;
  if (!test_check(t, api_create(f, BLOCK, &f->options, &block, NULL) == MBCONV_OK, "create")) return;
  size_t height = 0, width = 0, alone[2] = {1, 1};
  mbconv_block_output_size(block, &height, &width);
  mbconv_block_output_size(block, &alone[0], NULL);
  mbconv_block_output_size(block, NULL, &alone[1]);
  mbconv_block_output_size(block, NULL, NULL);
  test_check(t, height > 0 && width > 0 && alone[0] == 0 && alone[1] == 0, "%zu x %zu, alone %zu and %zu", height,
             width, alone[0], alone[1]);
  api_destroy(BLOCK, block);
}

void api_null(struct test *t, const struct api_fixture *f) {
  test_at(t, "queries of NULL");
  objects(t);
  outputs(t, f);
  test_check(t, mbconv_usable_isas(NULL, MBCONV_ISA_COUNT) == mbconv_usable_isas(NULL, 0), "a list without room");
}
