/* SPDX-License-Identifier: MIT
 *
 * What messages say, to the letter: users see the numbers in them, so each is of a description in which no two sizes
 * that could be mistaken for each other are equal.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "api.h"

static void check_message(struct test *t, const mbconv_error *error, const char *expected) {
  test_check(t, strcmp(error->message, expected) == 0, "\"%s\", not \"%s\"", error->message, expected);
}

/* A size of the fixture, an enum, or a pointer, that makes create fail. The fixture's images are 4 x 5. */
struct wrong {
  enum api_kind kind;
  size_t offset, value;
  bool is_enum;
  const char *message;
};

/* Undefined after the table. */
#define SIZE(kind, field, value) kind, offsetof(struct api_fixture, field), value, false
#define NONE(kind, field) kind, offsetof(struct api_fixture, field), 0, false /* NULL, a pointer of a size_t's size */
#define ENUM(kind, field, value) kind, offsetof(struct api_fixture, field), value, true
static const struct wrong wrongs[] = {
    {ENUM(POINTWISE, pointwise.type, 7), "type is 7, which is none"},
    {NONE(POINTWISE, pointwise.conv), "conv is NULL"},
    {SIZE(POINTWISE, pointwise.in_channels, 0), "in_channels is 0"},
    {SIZE(POINTWISE, pointwise.out_channels, 0), "out_channels is 0"},
    {ENUM(POINTWISE, pointwise.activation, 11), "activation is 11, which is no activation"},
    {ENUM(DEPTHWISE, depthwise.type, 7), "type is 7, which is none"},
    {NONE(DEPTHWISE, depthwise.conv), "conv is NULL"},
    {SIZE(DEPTHWISE, depthwise.channels, 0), "channels is 0"},
    {SIZE(DEPTHWISE, depthwise.height, 0), "the image is 0 x 5"},
    {SIZE(DEPTHWISE, depthwise.width, 0), "the image is 4 x 0"},
    {SIZE(DEPTHWISE, depthwise.kernel, 4), "kernel is 4, not 3, 5 or 7"},
    {SIZE(DEPTHWISE, depthwise.stride, 3), "stride is 3, not 1 or 2"},
    {SIZE(DEPTHWISE, depthwise.pad.top, 3), "pad.top is 3, not less than the kernel of 3"},
    {SIZE(DEPTHWISE, depthwise.pad.left, 4), "pad.left is 4, not less than the kernel of 3"},
    {SIZE(DEPTHWISE, depthwise.pad.bottom, 5), "pad.bottom is 5, not less than the kernel of 3"},
    {SIZE(DEPTHWISE, depthwise.pad.right, 6), "pad.right is 6, not less than the kernel of 3"},
    {ENUM(DEPTHWISE, depthwise.activation, 12), "activation is 12, which is no activation"},
    {ENUM(CONVOLUTION, convolution.type, 7), "type is 7, which is none"},
    {NONE(CONVOLUTION, convolution.conv), "conv is NULL"},
    {SIZE(CONVOLUTION, convolution.in_channels, 0), "in_channels is 0"},
    {SIZE(CONVOLUTION, convolution.out_channels, 0), "out_channels is 0"},
    {SIZE(CONVOLUTION, convolution.kernel, 8), "kernel is 8, not 1 to 7"},
    {SIZE(CONVOLUTION, convolution.kernel, 7), "the padded image of 6 x 7 is smaller than the kernel of 7"},
    {SIZE(CONVOLUTION, convolution.stride, 0), "stride is 0, not 1 or 2"},
    {ENUM(CONVOLUTION, convolution.layout, 2), "layout is 2, which is none"},
    {ENUM(GLOBAL_POOL, global_pool.type, 7), "type is 7, which is none"},
    {SIZE(GLOBAL_POOL, global_pool.height, 0), "the image is 0 x 5 x 18"},
    {SIZE(GLOBAL_POOL, global_pool.width, 0), "the image is 4 x 0 x 18"},
    {SIZE(GLOBAL_POOL, global_pool.channels, 0), "the image is 4 x 5 x 0"},
    {ENUM(ACTIVATION, activation.type, 7), "type is 7, which is none"},
    {ENUM(ACTIVATION, activation.kind, 13), "kind is 13, which is no activation"},
    {ENUM(BLOCK, c.desc.type, 7), "type is 7, which is none"},
    {NONE(BLOCK, c.desc.depthwise), "depthwise is NULL"},
    {NONE(BLOCK, c.desc.project), "project is NULL"},
    {NONE(BLOCK, c.squeeze_excite.reduce), "squeeze_excite->reduce is NULL"},
    {NONE(BLOCK, c.squeeze_excite.expand), "squeeze_excite->expand is NULL"},
    {SIZE(BLOCK, c.desc.in_channels, 0), "channels are 0 in, 18 expanded, 7 out"},
    {SIZE(BLOCK, c.desc.expanded_channels, 0), "channels are 6 in, 0 expanded, 7 out"},
    {SIZE(BLOCK, c.desc.out_channels, 0), "channels are 6 in, 18 expanded, 0 out"},
    {SIZE(BLOCK, c.desc.kernel, 9), "kernel is 9, not 3, 5 or 7"},
    {SIZE(BLOCK, c.desc.kernel, 7), "the padded image of 6 x 7 is smaller than the kernel of 7"},
    {SIZE(BLOCK, c.squeeze_excite.width, 0), "squeeze_excite->width is 0"},
    {ENUM(BLOCK, c.squeeze_excite.inner, 11), "squeeze_excite->inner is 11, which is no activation"},
    {ENUM(BLOCK, c.squeeze_excite.gate, 12), "squeeze_excite->gate is 12, which is no activation"},
    {ENUM(BLOCK, c.desc.residual, 4), "residual is 4, which is no choice"},
    {ENUM(BLOCK, c.desc.layout, 4), "layout is 4, which is none"},
    {ENUM(BLOCK, c.desc.residual, MBCONV_RESIDUAL_ON),
     "residual is on, but the input is 4 x 5 x 6 and the output 4 x 5 x 7"},
    {ENUM(BLOCK, c.desc.activation, 14), "activation is 14, which is no activation"},
    {ENUM(BLOCK, c.desc.activation, MBCONV_ACTIVATION_GELU),
     "activation is 7, which only mbconv_block_create_stages() takes"},
    {ENUM(BLOCK, c.desc.activation, MBCONV_ACTIVATION_GELU_TANH),
     "activation is 8, which only mbconv_block_create_stages() takes"},
    {ENUM(BLOCK, c.desc.activation, MBCONV_ACTIVATION_LEAKY_RELU),
     "activation is 9, which only mbconv_block_create_stages() takes"},
    {ENUM(BLOCK, c.desc.activation, MBCONV_ACTIVATION_PRELU),
     "activation is 10, which only mbconv_block_create_stages() takes"},
    {ENUM(BLOCK, c.squeeze_excite.inner, MBCONV_ACTIVATION_GELU),
     "squeeze_excite->inner is 7, which only mbconv_block_create_stages() takes"},
    {ENUM(BLOCK, c.squeeze_excite.gate, MBCONV_ACTIVATION_PRELU),
     "squeeze_excite->gate is 10, which only mbconv_block_create_stages() takes"},

    {ENUM(STAGES, stages.type, 7), "type is 7, which is none"},
    {SIZE(STAGES, stages.height, 0), "the image is 0 x 5"},
    {SIZE(STAGES, stages.width, 0), "the image is 4 x 0"},
    {SIZE(STAGES, stages.in_channels, 0), "in_channels is 0"},
    {SIZE(STAGES, stages.count, 0), "count is 0, not 1 to 6 stages"},
    {SIZE(STAGES, stages.count, 7), "count is 7, not 1 to 6 stages"},
    {NONE(STAGES, stages.stages), "stages is NULL"},
    {ENUM(STAGES, stages.residual, 5), "residual is 5, which is no choice"},
    {ENUM(STAGES, stages.residual, MBCONV_RESIDUAL_ON),
     "residual is on, but the input is 4 x 5 x 6 and the output 4 x 5 x 5"},
    {ENUM(STAGES, stages.residual_place, 2), "residual_place is 2, which is none"},
    {SIZE(STAGES, stages.residual_channels, 8), "residual_channels is 8, more than the 7 of the output"},
    {ENUM(STAGES, stages.layout, 3), "layout is 3, which is none"},
    {ENUM(STAGES, stage[0].kind, 0), "stages[0]: kind is 0, which is none"},
    {ENUM(STAGES, stage[2].kind, 5), "stages[2]: kind is 5, which is none"},
    {ENUM(STAGES, stage[1].kind, MBCONV_STAGE_DENSE), "stages[1] is dense: only the first stage can be"},
    {ENUM(STAGES, stage[2].kind, MBCONV_STAGE_SQUEEZE_EXCITE),
     "stages[2] is squeeze-excite: it must be between a stage and the last, a pointwise"},
    {ENUM(STAGES, stage[4].kind, MBCONV_STAGE_DEPTHWISE),
     "stages[3] is squeeze-excite: it must be between a stage and the last, a pointwise"},
    {SIZE(STAGES, stages.count, 4),
     "stages[3] is squeeze-excite: it must be between a stage and the last, a pointwise"},
    {SIZE(STAGES, stage[0].kernel, 0), "stages[0]: kernel is 0, not 1 to 7"},
    {SIZE(STAGES, stage[0].kernel, 8), "stages[0]: kernel is 8, not 1 to 7"},
    {SIZE(STAGES, stage[2].kernel, 4), "stages[2]: kernel is 4, not 3, 5 or 7"},
    {SIZE(STAGES, stage[2].kernel, 1), "stages[2]: kernel is 1, not 3, 5 or 7"},
    {SIZE(STAGES, stage[0].kernel, 7), "the padded image of 6 x 7 is smaller than the kernel of 7"},
    {SIZE(STAGES, stage[0].stride, 0), "stride is 0, not 1 or 2"},
    {SIZE(STAGES, stage[2].stride, 3), "stride is 3, not 1 or 2"},
    {SIZE(STAGES, stage[0].dilation, 2), "stages[0]: dilation is 2, but it is not depthwise"},
    {SIZE(STAGES, stage[3].dilation, 3), "stages[3]: dilation is 3, but it is not depthwise"},
    {SIZE(STAGES, stage[1].kernel, 2), "stages[1] has a kernel, stride or padding, but looks at one pixel"},
    {SIZE(STAGES, stage[3].kernel, 3), "stages[3] has a kernel, stride or padding, but looks at one pixel"},
    {SIZE(STAGES, stage[1].stride, 2), "stages[1] has a kernel, stride or padding, but looks at one pixel"},
    {SIZE(STAGES, stage[1].pad.top, 1), "stages[1] has a kernel, stride or padding, but looks at one pixel"},
    {SIZE(STAGES, stage[1].pad.left, 1), "stages[1] has a kernel, stride or padding, but looks at one pixel"},
    {SIZE(STAGES, stage[3].pad.bottom, 1), "stages[3] has a kernel, stride or padding, but looks at one pixel"},
    {SIZE(STAGES, stage[4].pad.right, 1), "stages[4] has a kernel, stride or padding, but looks at one pixel"},
    {ENUM(STAGES, stage[4].pad_kind, MBCONV_PAD_SAME),
     "stages[4] has a kernel, stride or padding, but looks at one pixel"},
    {ENUM(STAGES, stage[1].pad_kind, 2), "pad_kind is 2, which is none"},
    {ENUM(STAGES, stage[2].pad_kind, MBCONV_PAD_SAME), "pad.top is 1, but padding is SAME"},
    {SIZE(STAGES, stage[0].out_channels, 0), "stages[0]: out_channels is 0"},
    {SIZE(STAGES, stage[4].out_channels, 0), "stages[4]: out_channels is 0"},
    {SIZE(STAGES, stage[2].out_channels, 17), "stages[2]: out_channels is 17, but it keeps its 18 channels"},
    {SIZE(STAGES, stage[3].out_channels, 19), "stages[3]: out_channels is 19, but it keeps its 18 channels"},
    {ENUM(STAGES, stage[0].activation, 11), "activation is 11, which is no activation"},
    {ENUM(STAGES, stage[3].activation, 12), "activation is 12, which is no activation"},
    {ENUM(STAGES, stage[3].activation, MBCONV_ACTIVATION_PRELU),
     "stages[3]: squeeze-excite has an activation with slopes"},
    {ENUM(STAGES, stage[3].activation, MBCONV_ACTIVATION_LEAKY_RELU),
     "stages[3]: squeeze-excite has an activation with slopes"},
    {ENUM(STAGES, c.squeeze_excite.inner, MBCONV_ACTIVATION_PRELU),
     "stages[3]: squeeze-excite has an activation with slopes"},
    {ENUM(STAGES, c.squeeze_excite.gate, MBCONV_ACTIVATION_LEAKY_RELU),
     "stages[3]: squeeze-excite has an activation with slopes"},
    {SIZE(STAGES, c.squeeze_excite.width, 0), "squeeze_excite->width is 0"},
    {NONE(STAGES, stage[3].squeeze_excite), "stages[3]: squeeze-excite has squeeze_excite set, and no conv"},
    {NONE(STAGES, stage[0].conv), "stages[0].conv is NULL"},
    {NONE(STAGES, stage[1].conv), "stages[1].conv is NULL"},
    {NONE(STAGES, stage[2].conv), "stages[2].conv is NULL"},
    {NONE(STAGES, stage[4].conv), "stages[4].conv is NULL"},
    {NONE(STAGES, stage_convs[1].weight), "stages[1].conv has no weights"},
    {NONE(STAGES, stage_convs[0].slope), "stages[0].conv has no slope for the activation after it"},
    {NONE(STAGES, stage_convs[2].slope), "stages[2].conv has no slope for the activation after it"},
    {NONE(STAGES, c.norms[2].variance), "stages[4].conv: the BN's variance is NULL"},
    {NONE(STAGES, c.squeeze_excite.reduce), "squeeze_excite->reduce is NULL"},
    {NONE(STAGES, c.excite.weight), "squeeze_excite->expand has no weights"},
};
#undef SIZE
#undef NONE
#undef ENUM

_Static_assert(sizeof(size_t) == sizeof(void *), "NONE writes a size_t");

static void descriptions(struct test *t, struct api_fixture *f) {
  for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
    const struct wrong *w = &wrongs[i];
    char *field = (char *)f + w->offset, saved[sizeof(size_t)];
    const uint32_t enumeration = (uint32_t)w->value;
    const size_t bytes = w->is_enum ? sizeof enumeration : sizeof w->value;
    memcpy(saved, field, bytes);
    memcpy(field, w->is_enum ? (const void *)&enumeration : &w->value, bytes);
    test_at(t, "message %zu", i);
    void *object = NULL;
    mbconv_error error = api_stale_error();
    api_check_error(t, "create", api_create(f, w->kind, &f->options, &object, &error), MBCONV_INVALID_ARGUMENT, &error);
    check_message(t, &error, w->message);
    memcpy(field, saved, bytes);
  }
}

/* Residuals that cannot be: one size of the output, 5 x 7 x 6 but for that, differs. */
static void residuals(struct test *t, const struct api_fixture *f) {
  static const struct {
    mbconv_pad pad;
    size_t out, stride;
    const char *message;
  } cases[] = {{{1, 1, 0, 1}, 6, 1, "residual is on, but the input is 5 x 7 x 6 and the output 4 x 7 x 6"},
               {{1, 1, 1, 2}, 6, 1, "residual is on, but the input is 5 x 7 x 6 and the output 5 x 8 x 6"},
               {{1, 1, 1, 1}, 9, 1, "residual is on, but the input is 5 x 7 x 6 and the output 5 x 7 x 9"},
               {{1, 1, 1, 1}, 6, 2, "residual is on, but the input is 5 x 7 x 6 and the output 3 x 4 x 6"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    mbconv_block_desc desc = f->c.desc;
    desc.height = 5;
    desc.width = 7;
    desc.pad = cases[i].pad;
    desc.out_channels = cases[i].out;
    desc.stride = cases[i].stride;
    desc.residual = MBCONV_RESIDUAL_ON;
    desc.project = desc.depthwise; /* weights for more channels */
    test_at(t, "residual %zu", i);
    mbconv_block *block = NULL;
    mbconv_error error = api_stale_error();
    api_check_error(t, "create", mbconv_block_create(&desc, NULL, &block, &error), MBCONV_INVALID_ARGUMENT, &error);
    check_message(t, &error, cases[i].message);
  }
  mbconv_block_desc desc = f->c.desc;
  desc.expand = NULL;
  mbconv_error error = api_stale_error();
  mbconv_counts counts;
  test_at(t, "no expand");
  api_check_error(t, "count", mbconv_block_count(&desc, &counts, &error), MBCONV_INVALID_ARGUMENT, &error);
  check_message(t, &error, "without expand, expanded_channels must equal in_channels, but they are 18 and 6");
}

/* Sizes that do not fit: the message names them in the order of the description. */
static void overflows(struct test *t, const struct api_fixture *f) {
  const size_t huge = SIZE_MAX / 4, large = SIZE_MAX / 1024;
  char expected[256];
  mbconv_error error = api_stale_error();
  mbconv_counts counts;
  test_at(t, "sizes that do not fit");

  mbconv_pointwise_desc pointwise = f->pointwise;
  mbconv_pointwise *no_pointwise;
  pointwise.in_channels = huge;
  mbconv_pointwise_create(&pointwise, NULL, &no_pointwise, &error);
  snprintf(expected, sizeof expected, "18 x %zu weights do not fit into memory", huge);
  check_message(t, &error, expected);

  mbconv_depthwise_desc depthwise = f->depthwise;
  mbconv_depthwise *no_depthwise;
  depthwise.height = large;
  mbconv_depthwise_create(&depthwise, NULL, &no_depthwise, &error);
  snprintf(expected, sizeof expected, "an image of %zu x 5 with 18 channels does not fit into memory", large);
  check_message(t, &error, expected);
  depthwise.width = huge;
  mbconv_depthwise_create(&depthwise, NULL, &no_depthwise, &error);
  snprintf(expected, sizeof expected, "an image of %zu x %zu does not fit into memory", large, huge);
  check_message(t, &error, expected);

  mbconv_convolution_desc convolution = f->convolution;
  convolution.width = large;
  mbconv_convolution_count(&convolution, &counts, &error);
  snprintf(expected, sizeof expected, "an image of 4 x %zu with 18 channels does not fit into memory", large);
  check_message(t, &error, expected);

  mbconv_global_pool_desc pool = f->global_pool;
  mbconv_global_pool *no_pool;
  pool.width = huge;
  mbconv_global_pool_create(&pool, NULL, &no_pool, &error);
  snprintf(expected, sizeof expected, "an image of 4 x %zu x 18 does not fit into memory", huge);
  check_message(t, &error, expected);

  mbconv_block_desc block = f->c.desc;
  block.height = large;
  mbconv_block_count(&block, &counts, &error);
  snprintf(expected, sizeof expected, "an image of %zu x 5 with 18 channels does not fit into memory", large);
  check_message(t, &error, expected);

  mbconv_plain_block_count(1, 0, 2, 3, &counts, &error);
  check_message(t, &error, "a size is 0: image 1 x 0, channels 2 in, 3 out");
  mbconv_bottleneck_count(1, 2, 3, 0, 4, &counts, &error);
  check_message(t, &error, "a size is 0: image 1 x 2, channels 3 in, 0 in the bottleneck, 4 out");
}

static void runs(struct test *t, const struct api_fixture *f) {
  static float x[360], y[360], scratch[1 << 14];
  void *pointwise = NULL, *depthwise = NULL, *activation = NULL;
  test_at(t, "messages of runs");
  bool ok = api_create(f, POINTWISE, &f->options, &pointwise, NULL) == MBCONV_OK;
  ok = api_create(f, DEPTHWISE, &f->options, &depthwise, NULL) == MBCONV_OK && ok;
  ok = api_create(f, ACTIVATION, &f->options, &activation, NULL) == MBCONV_OK && ok;
  if (test_check(t, ok, "create")) {
    const size_t huge = SIZE_MAX / 8, needed = mbconv_depthwise_scratch_size(depthwise, 1);
    const mbconv_threads none = {.count = 5};
    mbconv_error error = api_stale_error();
    char expected[256];
    mbconv_pointwise_run(pointwise, 2, x, 5, y, 0, NULL, 0, NULL, &error);
    check_message(t, &error, "x_stride is 5, less than the 6 channels");
    mbconv_pointwise_run(pointwise, 2, x, 0, y, 17, NULL, 0, NULL, &error);
    check_message(t, &error, "y_stride is 17, less than the 18 channels");
    mbconv_pointwise_run(pointwise, 2, x, 0, y, 0, x, 16, NULL, &error);
    check_message(t, &error, "r_stride is 16, less than the 18 channels");
    mbconv_pointwise_run(pointwise, 3, x, huge, y, 0, NULL, 0, NULL, &error);
    snprintf(expected, sizeof expected, "3 pixels with x_stride %zu do not fit into memory", huge);
    check_message(t, &error, expected);
    mbconv_pointwise_run(pointwise, 3, x, 0, y, 0, NULL, 0, &none, &error);
    check_message(t, &error, "5 threads, but parallel_for is NULL");
    mbconv_pointwise_run(pointwise, 3, NULL, 0, y, 0, NULL, 0, NULL, &error);
    check_message(t, &error, "x is NULL");
    mbconv_pointwise_run(pointwise, 3, x, 0, NULL, 0, NULL, 0, NULL, &error);
    check_message(t, &error, "y is NULL");
    mbconv_depthwise_run(depthwise, huge, x, y, scratch, needed, NULL, &error);
    snprintf(expected, sizeof expected, "%zu images do not fit into memory", huge);
    check_message(t, &error, expected);
    mbconv_depthwise_run(depthwise, 1, x, y, scratch, needed - 3, NULL, &error);
    snprintf(expected, sizeof expected, "scratch has %zu bytes, %zu are needed", needed - 3, needed);
    check_message(t, &error, expected);
    mbconv_depthwise_run(depthwise, 1, x, NULL, scratch, needed, NULL, &error);
    check_message(t, &error, "y is NULL");
    mbconv_activation_run(activation, SIZE_MAX, x, y, &error);
    snprintf(expected, sizeof expected, "n is %zu", SIZE_MAX);
    check_message(t, &error, expected);
  }
  api_destroy(POINTWISE, pointwise);
  api_destroy(DEPTHWISE, depthwise);
  api_destroy(ACTIVATION, activation);
}

void api_messages(struct test *t, struct api_fixture *f) {
  descriptions(t, f);
  residuals(t, f);
  overflows(t, f);
  runs(t, f);
}
