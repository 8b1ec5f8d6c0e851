/* SPDX-License-Identifier: MIT
 *
 * Dilations that cannot be: what is refused, and what the message says; and any that is taken has scratch for it.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "api.h"

/* ---- Messages ---------------------------------------------------------------------------------------------------- */

/* With a dilation pads and images are held against what the taps reach over, and one that no memory holds is refused.
 * The fixture's image is 4 x 5, its kernel 3, its pads 1. */
static void dilations(struct test *t, struct api_fixture *f) {
  static const struct {
    size_t dilation, kernel, pad; /* of the top; 0: as it is */
    mbconv_status status;
    const char *message;
  } cases[] = {
      {4, 3, 0, MBCONV_INVALID_ARGUMENT,
       "the padded image of 6 x 7 is smaller than the 9 pixels of a kernel of 3 with dilation 4"},
      {3, 3, 0, MBCONV_INVALID_ARGUMENT,
       "the padded image of 6 x 7 is smaller than the 7 pixels of a kernel of 3 with dilation 3"},
      {2, 5, 9, MBCONV_INVALID_ARGUMENT,
       "pad.top is 9, not less than the 9 pixels of a kernel of 5 with dilation 2"},
      {SIZE_MAX, 3, 0, MBCONV_SIZE_OVERFLOW, NULL},
      {SIZE_MAX / 2 + 1, 3, 0, MBCONV_SIZE_OVERFLOW, NULL}, /* twice that is 0 */
      {SIZE_MAX / 4 + 1, 5, 0, MBCONV_SIZE_OVERFLOW, NULL}, /* and so is four times that */
  };
  const mbconv_depthwise_desc depthwise = f->depthwise;
  const mbconv_block_desc block = f->c.desc;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char expected[252];
    snprintf(expected, sizeof expected, "a dilation of %zu does not fit into memory", cases[i].dilation);
    f->depthwise.dilation = f->c.desc.dilation = cases[i].dilation;
    f->depthwise.kernel = f->c.desc.kernel = cases[i].kernel;
    if (cases[i].pad) f->depthwise.pad.top = f->c.desc.pad.top = cases[i].pad;
    for (int kind = 0; kind < 2; kind++) {
      void *object = NULL;
      mbconv_error error = api_stale_error();
      test_at(t, "dilation %zu, kernel %zu, kind %d", cases[i].dilation, cases[i].kernel, kind);
      api_check_error(t, "create", api_create(f, kind ? BLOCK : DEPTHWISE, &f->options, &object, &error),
                      cases[i].status, &error);
      const char *message = cases[i].message ? cases[i].message : expected;
      test_check(t, strcmp(error.message, message) == 0, "\"%s\", not \"%s\"", error.message, message);
    }
    f->depthwise = depthwise;
    f->c.desc = block;
  }
}

/* ---- Limits ------------------------------------------------------------------------------------------------------ */

/* A dilation is taken, and then the scratch has room for a padded row, or is refused: of descriptions that name a size
 * and of those that name none, which are told it later. `same`: SAME, which pads any image; else an image of 3 x 3 with
 * pads of 1 is too small. */
static void check_dilation(struct test *t, size_t dilation, size_t kernel, bool same) {
  const float one[49] = {0};
  const mbconv_conv conv = {.weight = one};
  mbconv_depthwise_desc desc = {.height = 3,
                                .width = 3,
                                .channels = 1,
                                .kernel = kernel,
                                .stride = 1,
                                .pad = same ? (mbconv_pad){0} : (mbconv_pad){1, 1, 1, 1},
                                .pad_kind = same ? MBCONV_PAD_SAME : MBCONV_PAD_GIVEN,
                                .conv = &conv,
                                .dilation = dilation};
  mbconv_depthwise *named = NULL, *any = NULL;
  mbconv_error error = api_stale_error(), later = api_stale_error();
  size_t bytes = 0, height = 0, width = 0;
  test_at(t, "dilation %zu, kernel %zu, %s", dilation, kernel, same ? "SAME" : "pads");
  const mbconv_status status = mbconv_depthwise_create(&desc, NULL, &named, &error);
  desc.height = desc.width = 0;
  mbconv_status told = mbconv_depthwise_create(&desc, NULL, &any, &later);
  if (told == MBCONV_OK) told = mbconv_depthwise_output_size_at(any, 3, 3, &height, &width, &later);
  test_check(t, status == told && strcmp(error.message, later.message) == 0, "\"%s\" at create, \"%s\" later",
             error.message, later.message);
  const bool wraps = dilation > (SIZE_MAX - 1) / (kernel - 1);
  test_check(t, status != MBCONV_SIZE_OVERFLOW || dilation > 256, "a small dilation does not fit");
  test_check(t, !wraps || status == MBCONV_SIZE_OVERFLOW, "status %d of a span that wraps", (int)status);
  test_check(t, status == MBCONV_SIZE_OVERFLOW || status == (same ? MBCONV_OK : MBCONV_INVALID_ARGUMENT), "status %d",
             (int)status);
  if (status == MBCONV_OK) {
    bytes = mbconv_depthwise_scratch_size(named, 1);
    test_check(t, height == 3 && width == 3, "output %zu x %zu", height, width);
    test_check(t, bytes < SIZE_MAX && bytes / sizeof(float) > (kernel - 1) * dilation, "%zu bytes of scratch", bytes);
  }
  mbconv_depthwise_destroy(named);
  mbconv_depthwise_destroy(any);
}

static void dilation_limits(struct test *t) {
  for (size_t kernel = 3; kernel <= 7; kernel += 2) {
    for (size_t power = 4; power; power = power > SIZE_MAX / 2 ? 0 : power * 2) {
      for (size_t off = 0; off < 3; off++) {
        check_dilation(t, power + off - 1, kernel, true);
        check_dilation(t, power + off - 1, kernel, false);
      }
    }
    for (size_t divisor = 1; divisor <= 16; divisor++) {
      for (size_t off = 0; off < 3; off++) {
        const size_t quotient = SIZE_MAX / divisor;
        check_dilation(t, quotient == SIZE_MAX ? quotient - off : quotient + off - 1, kernel, true);
        check_dilation(t, quotient == SIZE_MAX ? quotient - off : quotient + off - 1, kernel, false);
      }
    }
  }
}

void api_dilation(struct test *t, struct api_fixture *f) {
  dilations(t, f);
  dilation_limits(t);
}
