/* SPDX-License-Identifier: MIT
 *
 * Sizes that no object can run, and calls that name no size on objects that have none: each is refused with a sentence
 * that says why, and nothing is written.
 */
#include <stdio.h>

#include "api.h"
#include "sizes.h"

/* What a call said. */
static void expect(struct test *t, mbconv_status got, mbconv_status status, const mbconv_error *error,
                   const char *message, const char *call) {
  test_check(t, got == status && error->status == got, "%s: status \"%s\", not \"%s\"", call, mbconv_status_string(got),
             mbconv_status_string(status));
  test_check(t, strcmp(error->message, message) == 0, "%s: \"%s\", not \"%s\"", call, error->message, message);
}

/* Every call at a size; all must fail alike. */
static void expect_refused(struct test *t, const struct sizes_operator *o, const void *object, struct sizes_size size,
                           mbconv_status status, const char *message) {
  float x[4] = {0}, y[4] = {1, 2, 3, 4};
  char scratch[4] = {1, 2, 3, 4}, text[] = "text";
  test_at_size(t, size.height, size.width);
  if (o->kind != SIZES_POOL) {
    struct sizes_size out = {7, 7};
    size_t bytes = 7;
    mbconv_error error = api_stale_error();
    expect(t, sizes_output_size(o, object, &size, &out, &error), status, &error, message, "output size");
    test_check(t, out.height == 7 && out.width == 7, "%zu x %zu was written", out.height, out.width);
    error = api_stale_error();
    expect(t, sizes_scratch_size(o, object, &size, 2, &bytes, &error), status, &error, message, "scratch");
    test_check(t, bytes == 7, "%zu was written", bytes);
  }
  if (o->kind == SIZES_BLOCK) {
    size_t length = 7;
    mbconv_error error = api_stale_error();
    expect(t, mbconv_block_describe_at(object, size.height, size.width, 2, text, sizeof text, &length, &error), status,
           &error, message, "describe");
    test_check(t, strcmp(text, "text") == 0 && length == 7, "describe wrote \"%s\" or a length", text);
  }
  for (size_t batch = 0; batch < 2; batch++) { /* no image of such a size is refused as well */
    mbconv_error error = api_stale_error();
    const struct sizes_call call = {.batch = batch, .x = x, .y = y, .scratch = scratch, .scratch_size = SIZE_MAX};
    expect(t, sizes_run(o, object, &size, &call, &error), status, &error, message, "run");
    test_check(t, sizes_run(o, object, &size, &call, NULL) == status, "without an error struct");
  }
  test_check(t, y[0] == 1 && y[1] == 2 && y[2] == 3 && y[3] == 4 && memcmp(scratch, "\1\2\3\4", 4) == 0,
             "a call that failed wrote");
}

/* The same by create, which says the same. */
static void expect_no_object(struct test *t, const struct sizes_operator *o, struct sizes_size size,
                             mbconv_status status, const char *message) {
  const mbconv_options options = {.isa = t->isa};
  void *object = &object;
  mbconv_error error = api_stale_error();
  test_at_size(t, size.height, size.width);
  expect(t, sizes_create(o, size, &options, &object, &error), status, &error, message, "create");
  test_check(t, object == NULL, "create made something");
}

static void bad_sizes(struct test *t, const struct sizes_operator *o, const void *object) {
  const bool pool = o->kind == SIZES_POOL;
  const struct sizes_size empty[] = {{0, 5}, {5, 0}, {0, 0}};
  char message[sizeof((mbconv_error *)0)->message];
  for (size_t i = 0; i < 3; i++) {
    snprintf(message, sizeof message, pool ? "the image is %zu x %zu x %zu" : "the image is %zu x %zu", empty[i].height,
             empty[i].width, o->in);
    expect_refused(t, o, object, empty[i], MBCONV_INVALID_ARGUMENT, message);
    if (i < 2) expect_no_object(t, o, empty[i], MBCONV_INVALID_ARGUMENT, message);
  }
  /* An axis that is too long alone, and images that are too large though their axes are not. */
  const size_t far = PTRDIFF_MAX / 64 + 1, root = (size_t)1 << (4 * sizeof(size_t) - 1);
  const struct sizes_size large[] = {{SIZE_MAX, 5}, {5, SIZE_MAX}, {SIZE_MAX, SIZE_MAX}, {far, 1},
                                     {1, far},      {far - 1, 9},  {root, root}};
  for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
    const char *format = i < 5 ? "an image of %zu x %zu does not fit into memory"
                               : "an image of %zu x %zu with %zu channels does not fit into memory";
    if (pool && i >= 3 && i < 6) continue; /* a mean needs no padding, and takes them */
    if (pool) format = "an image of %zu x %zu x %zu does not fit into memory";
    snprintf(message, sizeof message, format, large[i].height, large[i].width, o->in);
    expect_refused(t, o, object, large[i], MBCONV_SIZE_OVERFLOW, message);
    expect_no_object(t, o, large[i], MBCONV_SIZE_OVERFLOW, message);
  }
}

/* Kernel 5, padding 1 and 0 above and below, 0 and 2 left and right. */
static void small_sizes(struct test *t, const struct sizes_operator *o, const void *object) {
  static const struct sizes_size sizes[] = {{1, 1}, {3, 3}, {3, 9}, {9, 2}};
  char message[sizeof((mbconv_error *)0)->message];
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    snprintf(message, sizeof message, "the padded image of %zu x %zu is smaller than the kernel of 5",
             sizes[i].height + 1, sizes[i].width + 2);
    expect_refused(t, o, object, sizes[i], MBCONV_INVALID_ARGUMENT, message);
    expect_no_object(t, o, sizes[i], MBCONV_INVALID_ARGUMENT, message);
  }
  struct sizes_size out = {0};
  mbconv_error error = {.message = ""};
  test_at_size(t, 4, 3);
  test_check(t,
             sizes_output_size(o, object, &(struct sizes_size){4, 3}, &out, &error) == MBCONV_OK && out.height == 1 &&
                 out.width == 1,
             "the smallest image: %s", error.message);
}

/* The forms that name no size, on an object without one. */
static void no_size(struct test *t, const struct sizes_operator *o, const void *object) {
  static const char message[] = "made for images of any size: call the function whose name ends in _at";
  float x[4] = {0}, y[4] = {1, 2, 3, 4};
  char scratch[4];
  test_at_size(t, 0, 0);
  for (size_t batch = 0; batch < 2; batch++) {
    mbconv_error error = api_stale_error();
    const struct sizes_call call = {.batch = batch, .x = x, .y = y, .scratch = scratch, .scratch_size = SIZE_MAX};
    expect(t, sizes_run(o, object, NULL, &call, &error), MBCONV_INVALID_ARGUMENT, &error, message, "run");
  }
  test_check(t, y[0] == 1 && y[1] == 2 && y[2] == 3 && y[3] == 4, "a run that failed wrote");
  if (o->kind == SIZES_POOL) return;
  struct sizes_size out = {7, 7};
  size_t bytes = 7;
  sizes_output_size(o, object, NULL, &out, NULL);
  test_check(t, out.height == 0 && out.width == 0, "the output is %zux%zu", out.height, out.width);
  sizes_scratch_size(o, object, NULL, 1, &bytes, NULL);
  test_check(t, bytes == SIZE_MAX, "the scratch is %zu", bytes);
  if (o->kind != SIZES_BLOCK) return;
  char text[128], expected[128];
  mbconv_info info = {0};
  mbconv_block_info(object, &info, NULL);
  snprintf(expected, sizeof expected, "%s, %s exp, images of any size, weights %zu bytes", mbconv_isa_name(t->isa),
           mbconv_exp_name(info.exp), info.weight_bytes);
  const size_t length = mbconv_block_describe(object, 3, text, sizeof text);
  test_check(t, strcmp(text, expected) == 0 && length == strlen(text), "described as \"%s\" of %zu", text, length);
  test_check(t, mbconv_block_describe(object, 3, text, 8) == length && strlen(text) == 7, "cut to \"%s\"", text);
}

/* A byte less than a size needs, though it is more than another size needs. */
static void short_scratch(struct test *t, const struct sizes_operator *o, const void *object) {
  const struct sizes_size sizes[] = {{5, 6}, {19, 30}};
  for (size_t i = 0; i < 2; i++) {
    size_t needed = 0;
    struct sizes_size out = {0};
    sizes_scratch_size(o, object, &sizes[i], 1, &needed, NULL);
    sizes_output_size(o, object, &sizes[i], &out, NULL);
    struct test_buffer x, y, scratch;
    test_buffer_new(&x, sizes[i].height * sizes[i].width * o->in, TEST_GUARD_AFTER);
    test_buffer_new(&y, out.height * out.width * o->out, TEST_GUARD_AFTER);
    test_scratch_new(&scratch, needed);
    const struct sizes_call call = {
        .batch = 1, .x = x.data, .y = y.data, .scratch = scratch.data, .scratch_size = needed - 1};
    char message[128];
    mbconv_error error = api_stale_error();
    snprintf(message, sizeof message, "scratch has %zu bytes, %zu are needed", needed - 1, needed);
    test_at_size(t, sizes[i].height, sizes[i].width);
    expect(t, sizes_run(o, object, &sizes[i], &call, &error), MBCONV_SCRATCH_TOO_SMALL, &error, message, "run");
    test_buffer_free(&x);
    test_buffer_free(&y);
    test_buffer_free(&scratch);
  }
}

/* ---- What is done without an object, or by none ------------------------------------------------------------------ */

static void null_objects(struct test *t, const struct sizes_operator *o, const char *name) {
  const struct sizes_size size = {5, 5};
  const struct sizes_call call = {.batch = 1};
  struct sizes_size out;
  size_t bytes, length;
  char message[32];
  snprintf(message, sizeof message, "%s is NULL", name);
  mbconv_error error = api_stale_error();
  expect(t, sizes_run(o, NULL, &size, &call, &error), MBCONV_INVALID_ARGUMENT, &error, message, "run at a size");
  error = api_stale_error();
  expect(t, sizes_run(o, NULL, NULL, &call, &error), MBCONV_INVALID_ARGUMENT, &error, message, "run");
  if (o->kind == SIZES_POOL) return;
  error = api_stale_error();
  expect(t, sizes_output_size(o, NULL, &size, &out, &error), MBCONV_INVALID_ARGUMENT, &error, message, "output size");
  error = api_stale_error();
  expect(t, sizes_scratch_size(o, NULL, &size, 1, &bytes, &error), MBCONV_INVALID_ARGUMENT, &error, message, "scratch");
  if (o->kind != SIZES_BLOCK) return;
  error = api_stale_error();
  expect(t, mbconv_block_describe_at(NULL, 5, 5, 1, NULL, 0, &length, &error), MBCONV_INVALID_ARGUMENT, &error, message,
         "describe");
}

/* Nowhere to write to, for each call that has a status. */
static void null_results(struct test *t, const struct sizes_operator *o, const void *object) {
  size_t size = 7;
  mbconv_error errors[4] = {api_stale_error(), api_stale_error(), api_stale_error(), api_stale_error()};
  mbconv_status got[4] = {MBCONV_OK};
  static const char *const messages[] = {"out_height is NULL", "out_width is NULL", "bytes is NULL", "length is NULL"};
  if (o->kind == SIZES_POOL) return;
  if (o->kind == SIZES_BLOCK) {
    got[0] = mbconv_block_output_size_at(object, 9, 9, NULL, &size, &errors[0]);
    got[1] = mbconv_block_output_size_at(object, 9, 9, &size, NULL, &errors[1]);
    got[2] = mbconv_block_scratch_size_at(object, 9, 9, 1, NULL, &errors[2]);
    got[3] = mbconv_block_describe_at(object, 9, 9, 1, NULL, 0, NULL, &errors[3]);
  } else if (o->kind == SIZES_DEPTHWISE) {
    got[0] = mbconv_depthwise_output_size_at(object, 9, 9, NULL, &size, &errors[0]);
    got[1] = mbconv_depthwise_output_size_at(object, 9, 9, &size, NULL, &errors[1]);
    got[2] = mbconv_depthwise_scratch_size_at(object, 9, 9, 1, NULL, &errors[2]);
  } else {
    got[0] = mbconv_convolution_output_size_at(object, 9, 9, NULL, &size, &errors[0]);
    got[1] = mbconv_convolution_output_size_at(object, 9, 9, &size, NULL, &errors[1]);
    got[2] = mbconv_convolution_scratch_size_at(object, 9, 9, 1, NULL, &errors[2]);
  }
  for (size_t i = 0; i < (o->kind == SIZES_BLOCK ? 4 : 3); i++)
    expect(t, got[i], MBCONV_INVALID_ARGUMENT, &errors[i], messages[i], "a call without a result");
  test_check(t, size == 7, "a call that failed wrote");
}

/* Counts are of images of one size. */
static void counts(struct test *t, const struct sizes_operator *o) {
  mbconv_counts got = {7, 7};
  mbconv_error error = api_stale_error();
  mbconv_status status;
  if (o->kind == SIZES_BLOCK)
    status = mbconv_block_count(&o->block.desc, &got, &error);
  else if (o->kind == SIZES_CONVOLUTION)
    status = mbconv_convolution_count(&o->convolution, &got, &error);
  else
    return;
  expect(t, status, MBCONV_INVALID_ARGUMENT, &error, "height and width are 0, but counts are of images of one size",
         "count");
  test_check(t, got.parameters == 7 && got.multiply_adds == 7, "a count that failed wrote");
}

static void refuse(struct test *t, const struct sizes_operator *o, const char *name) {
  const mbconv_options options = {.isa = t->isa};
  void *objects[2] = {NULL, NULL};
  mbconv_error error = {.message = ""};
  sizes_describe_operator(t, o);
  const bool made = sizes_create(o, (struct sizes_size){0, 0}, &options, &objects[0], &error) == MBCONV_OK &&
                    sizes_create(o, (struct sizes_size){8, 7}, &options, &objects[1], &error) == MBCONV_OK;
  if (test_check(t, made, "create: %s", error.message)) {
    for (size_t i = 0; i < 2; i++) {
      bad_sizes(t, o, objects[i]);
      if (o->kind != SIZES_POOL) small_sizes(t, o, objects[i]), short_scratch(t, o, objects[i]);
    }
    no_size(t, o, objects[0]);
    null_objects(t, o, name);
    null_results(t, o, objects[0]);
    counts(t, o);
  }
  sizes_destroy(o, objects[0]);
  sizes_destroy(o, objects[1]);
  test_at_size(t, 0, 0);
}

void sizes_refusals(struct test *t) {
  uint64_t state = t->seed;
  const mbconv_pad pad = {1, 0, 0, 2};
  const struct block_parts parts = {.expand = true, .bias = true};
  struct sizes_operator o;
  sizes_block_new(&o,
                  &(mbconv_block_desc){.in_channels = 6,
                                       .expanded_channels = 6,
                                       .out_channels = 6,
                                       .kernel = 5,
                                       .stride = 1,
                                       .pad = pad,
                                       .activation = MBCONV_ACTIVATION_SILU},
                  &parts, &state);
  refuse(t, &o, "block");
  sizes_free(&o);
  sizes_depthwise_new(&o, &(mbconv_depthwise_desc){.channels = 6, .kernel = 5, .stride = 2, .pad = pad}, &state);
  refuse(t, &o, "depthwise");
  sizes_free(&o);
  sizes_convolution_new(
      &o, &(mbconv_convolution_desc){.in_channels = 6, .out_channels = 4, .kernel = 5, .stride = 1, .pad = pad},
      &state);
  refuse(t, &o, "convolution");
  sizes_free(&o);
  sizes_pool_new(&o, 6, &state);
  refuse(t, &o, "pool");
  sizes_free(&o);
}
