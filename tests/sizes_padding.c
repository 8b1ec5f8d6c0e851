/* SPDX-License-Identifier: MIT
 *
 * MBCONV_PAD_SAME: for each image's size the padding that TensorFlow documents, as if it had been given; and what may
 * not stand beside it.
 */
#include <stdio.h>

#include "api.h"
#include "oracle.h"
#include "sizes.h"

/* TensorFlow's formula for an axis of `in` pixels; a dilated kernel is as large as what its taps span. */
static void same_of(size_t in, size_t span, size_t stride, size_t *before, size_t *after, size_t *out) {
  *out = in / stride + (in % stride > 0);
  const size_t rest = in % stride, overlap = rest == 0 ? stride : rest;
  const size_t padding = span > overlap ? span - overlap : 0;
  *before = padding / 2;
  *after = padding - padding / 2;
}

static mbconv_pad *pad_of(struct sizes_operator *o, mbconv_pad_kind **kind) {
  *kind = o->kind == SIZES_BLOCK       ? &o->block.desc.pad_kind
          : o->kind == SIZES_DEPTHWISE ? &o->depthwise.pad_kind
                                       : &o->convolution.pad_kind;
  return o->kind == SIZES_BLOCK       ? &o->block.desc.pad
         : o->kind == SIZES_DEPTHWISE ? &o->depthwise.pad
                                      : &o->convolution.pad;
}

/* ---- The same as given ------------------------------------------------------------------------------------------- */

/* `same` runs an image of any size; an object with the formula's padding, made for that size, must write the same. */
static void check_size(struct test *t, uint64_t *state, struct sizes_operator *o, const void *same,
                       struct sizes_size size, size_t span, size_t stride) {
  const mbconv_options options = {.isa = t->isa};
  mbconv_pad_kind *kind;
  mbconv_pad *pad = pad_of(o, &kind), formula;
  struct sizes_size want_out, out = {0};
  same_of(size.height, span, stride, &formula.top, &formula.bottom, &want_out.height);
  same_of(size.width, span, stride, &formula.left, &formula.right, &want_out.width);
  *pad = formula;
  *kind = MBCONV_PAD_GIVEN;
  void *given = NULL;
  mbconv_error error = {.message = ""};
  const mbconv_status status = sizes_create(o, size, &options, &given, &error);
  *pad = (mbconv_pad){0};
  *kind = MBCONV_PAD_SAME;
  test_at_size(t, size.height, size.width);
  if (!test_check(t, status == MBCONV_OK, "create: %s", error.message)) return;
  test_check(t, sizes_output_size(o, same, &size, &out, &error) == MBCONV_OK, "output size: %s", error.message);
  test_check(t, out.height == want_out.height && out.width == want_out.width, "output %zux%zu, not %zux%zu", out.height,
             out.width, want_out.height, want_out.width);
  struct test_buffer x, want, got;
  test_buffer_new(&x, size.height * size.width * o->in, TEST_GUARD_AFTER);
  test_fill(state, x.data, x.n);
  test_buffer_protect(&x);
  const struct sizes_run_case c = {.subject = o,
                                   .size = size,
                                   .out = want_out,
                                   .batch = 1,
                                   .threads = 1 + size.width % 2,
                                   .parallel_for = parallel_forward,
                                   .x = x.data};
  sizes_run_guarded(t, &c, given, NULL, &want);
  sizes_run_guarded(t, &c, same, &size, &got);
  test_check(t, memcmp(want.data, got.data, want.n * sizeof(float)) == 0, "other floats than with the pads given");
  test_buffer_free(&x);
  test_buffer_free(&want);
  test_buffer_free(&got);
  sizes_destroy(o, given);
}

/* Sizes 1 to 12 in both directions; with the small budget each height and each width, but not each pair. */
static void check_sizes(struct test *t, uint64_t *state, struct sizes_operator *o, size_t span, size_t stride) {
  const mbconv_options options = {.isa = t->isa};
  mbconv_pad_kind *kind;
  *pad_of(o, &kind) = (mbconv_pad){0};
  *kind = MBCONV_PAD_SAME;
  void *same = NULL;
  mbconv_error error = {.message = ""};
  sizes_describe_operator(t, o);
  if (!test_check(t, sizes_create(o, (struct sizes_size){0, 0}, &options, &same, &error) == MBCONV_OK, "create: %s",
                  error.message))
    return;
  for (size_t height = 1; height <= 12; height++)
    for (size_t width = 1; width <= 12; width++)
      if (!t->small || width == 1 + (height * 5 + span) % 12)
        check_size(t, state, o, same, (struct sizes_size){height, width}, span, stride);
  sizes_destroy(o, same);
}

static void check_kernel(struct test *t, uint64_t *state, size_t kernel, size_t stride) {
  const mbconv_layout layout = (kernel + stride) % 2 ? MBCONV_NCHW : MBCONV_NHWC;
  const mbconv_convolution_desc convolution = {
      .in_channels = 2, .out_channels = 3, .kernel = kernel, .stride = stride, .layout = layout};
  struct sizes_operator o;
  sizes_convolution_new(&o, &convolution, state);
  check_sizes(t, state, &o, kernel, stride);
  sizes_free(&o);
  if (kernel < 3 || kernel % 2 == 0) return;
  for (size_t dilation = 0; dilation < 5; dilation += 2) {
    sizes_depthwise_new(&o,
                        &(mbconv_depthwise_desc){
                            .channels = 3, .kernel = kernel, .stride = stride, .dilation = dilation + dilation / 4},
                        state);
    check_sizes(t, state, &o, oracle_span(kernel, o.depthwise.dilation), stride);
    sizes_free(&o);
  }
  for (size_t i = 0; i < 4; i++) {
    const bool expand = i & 1;
    const size_t dilation = (i + kernel + stride) % 3;
    const mbconv_block_desc block = {.in_channels = 3,
                                     .expanded_channels = expand ? 5 : 3,
                                     .out_channels = 3,
                                     .kernel = kernel,
                                     .stride = stride,
                                     .layout = i >> 1 ? MBCONV_NCHW : layout,
                                     .activation = MBCONV_ACTIVATION_HARD_SWISH,
                                     .strip_rows = i,
                                     .dilation = dilation};
    const struct block_parts parts = {
        .expand = expand, .bias = true, .squeeze_excite = i >> 1, .gate = MBCONV_ACTIVATION_SIGMOID};
    sizes_block_new(&o, &block, &parts, state);
    check_sizes(t, state, &o, oracle_span(kernel, dilation), stride);
    sizes_free(&o);
  }
}

/* ---- What may not stand beside it -------------------------------------------------------------------------------- */

static void expect_create(struct test *t, const struct sizes_operator *o, struct sizes_size size, mbconv_status status,
                          const char *message) {
  const mbconv_options options = {.isa = t->isa};
  mbconv_error error = api_stale_error();
  void *object = &object;
  const mbconv_status got = sizes_create(o, size, &options, &object, &error);
  test_check(t, got == status && error.status == got && strcmp(error.message, message) == 0,
             "create says \"%s\", not \"%s\"", error.message, message);
  test_check(t, (object != NULL) == (status == MBCONV_OK), "an object in spite of the status, or none");
  sizes_destroy(o, object);
}

static void check_refused(struct test *t, struct sizes_operator *o) {
  static const char *const sides[] = {"top", "left", "bottom", "right"};
  const struct sizes_size sizes[] = {{0, 0}, {9, 9}};
  mbconv_pad_kind *kind;
  mbconv_pad *pad = pad_of(o, &kind);
  size_t *const pads[] = {&pad->top, &pad->left, &pad->bottom, &pad->right};
  char message[64];
  sizes_describe_operator(t, o);
  for (size_t s = 0; s < 2; s++) {
    *kind = MBCONV_PAD_SAME;
    expect_create(t, o, sizes[s], MBCONV_OK, "");
    for (size_t i = 0; i < 4; i++) {
      *pads[i] = 1;
      snprintf(message, sizeof message, "pad.%s is 1, but padding is SAME", sides[i]);
      expect_create(t, o, sizes[s], MBCONV_INVALID_ARGUMENT, message);
      *pads[i] = 0;
    }
    *kind = (mbconv_pad_kind)2;
    expect_create(t, o, sizes[s], MBCONV_INVALID_ARGUMENT, "pad_kind is 2, which is none");
    *kind = (mbconv_pad_kind)-1;
    expect_create(t, o, sizes[s], MBCONV_INVALID_ARGUMENT, "pad_kind is -1, which is none");
  }
  *kind = MBCONV_PAD_GIVEN;
}

/* ---- The residual ------------------------------------------------------------------------------------------------ */

/* A block whose project has no weights writes its input if it adds it, and zeros if it does not. */
static void check_residual(struct test *t, const struct sizes_operator *o, struct sizes_size made,
                           struct sizes_size size, bool added) {
  const mbconv_options options = {.isa = t->isa};
  mbconv_error error = {.message = ""};
  void *object = NULL;
  sizes_describe_operator(t, o);
  test_at_size(t, size.height, size.width);
  if (!test_check(t, sizes_create(o, made, &options, &object, &error) == MBCONV_OK, "create: %s", error.message))
    return;
  struct sizes_run_case c = {.subject = o, .size = size, .batch = 1, .threads = 2, .parallel_for = parallel_reversed};
  sizes_output_size(o, object, &size, &c.out, NULL);
  uint64_t state = t->seed;
  struct test_buffer x, y;
  test_buffer_new(&x, size.height * size.width * o->in, TEST_GUARD_AFTER);
  test_fill(&state, x.data, x.n);
  c.x = x.data;
  sizes_run_guarded(t, &c, object, &size, &y);
  bool right = !added || y.n == x.n;
  for (size_t i = 0; i < y.n && right; i++) right = y.data[i] == (added ? x.data[i] : 0.0f);
  test_check(t, right, "the input %s added", added ? "was not" : "was");
  test_buffer_free(&x);
  test_buffer_free(&y);
  sizes_destroy(o, object);
}

static void residuals(struct test *t, uint64_t *state) {
  static const char no_size[] = "residual is on, but input and output have different shapes";
  const struct block_parts parts = {.expand = true};
  const mbconv_block_desc plain = {.in_channels = 3, .expanded_channels = 4, .out_channels = 3, .kernel = 5};
  static const float zeros[4 * 4];
  struct sizes_operator o;
  sizes_block_new(&o, &plain, &parts, state);
  mbconv_block_desc *desc = &o.block.desc;
  o.block.project.weight = zeros;
  const struct sizes_size none = {0, 0}, one = {6, 7}, other = {9, 4};
  for (int kind = MBCONV_RESIDUAL_AUTO; kind <= MBCONV_RESIDUAL_ON; kind++) {
    desc->residual = (mbconv_residual)kind;
    for (size_t padding = 0; padding < 2; padding++) { /* SAME, and pads that keep every size */
      desc->pad_kind = padding ? MBCONV_PAD_GIVEN : MBCONV_PAD_SAME;
      desc->pad = padding ? (mbconv_pad){1, 4, 3, 0} : (mbconv_pad){0};
      desc->stride = 1;
      check_residual(t, &o, none, other, kind != MBCONV_RESIDUAL_OFF);
      check_residual(t, &o, one, other, kind != MBCONV_RESIDUAL_OFF);
      desc->stride = 2;
      if (kind != MBCONV_RESIDUAL_ON) check_residual(t, &o, none, other, false);
    }
  }
  sizes_describe_operator(t, &o);
  expect_create(t, &o, none, MBCONV_INVALID_ARGUMENT, no_size); /* stride 2 */
  expect_create(t, &o, one, MBCONV_INVALID_ARGUMENT,
                "residual is on, but the input is 6 x 7 x 3 and the output 3 x 4 x 3");
  desc->stride = 1;
  desc->pad = (mbconv_pad){2, 8, 6, 0}; /* what keeps the size with a dilation of 2 only */
  desc->pad_kind = MBCONV_PAD_GIVEN;
  expect_create(t, &o, none, MBCONV_INVALID_ARGUMENT, "pad.left is 8, not less than the kernel of 5");
  desc->dilation = 2;
  expect_create(t, &o, none, MBCONV_OK, "");
  check_residual(t, &o, none, other, true);
  desc->dilation = 3;
  expect_create(t, &o, none, MBCONV_INVALID_ARGUMENT, no_size);
  desc->dilation = 0;
  desc->pad = (mbconv_pad){1, 4, 2, 0};
  expect_create(t, &o, none, MBCONV_INVALID_ARGUMENT, no_size);
  desc->pad = (mbconv_pad){0};
  desc->pad_kind = MBCONV_PAD_SAME;
  desc->out_channels = 4;
  expect_create(t, &o, none, MBCONV_INVALID_ARGUMENT, no_size);
  expect_create(t, &o, one, MBCONV_INVALID_ARGUMENT,
                "residual is on, but the input is 6 x 7 x 3 and the output 6 x 7 x 4");
  sizes_free(&o);
}

void sizes_padding(struct test *t) {
  uint64_t state = t->seed;
  for (size_t kernel = 1; kernel <= 7; kernel++)
    for (size_t stride = 1; stride <= 2; stride++) check_kernel(t, &state, kernel, stride);
  const struct block_parts parts = {.expand = true};
  struct sizes_operator o;
  sizes_block_new(
      &o, &(mbconv_block_desc){.in_channels = 2, .expanded_channels = 3, .out_channels = 2, .kernel = 3, .stride = 1},
      &parts, &state);
  check_refused(t, &o);
  sizes_free(&o);
  sizes_depthwise_new(&o, &(mbconv_depthwise_desc){.channels = 2, .kernel = 3, .stride = 2}, &state);
  check_refused(t, &o);
  sizes_free(&o);
  sizes_convolution_new(&o, &(mbconv_convolution_desc){.in_channels = 2, .out_channels = 3, .kernel = 3, .stride = 1},
                        &state);
  check_refused(t, &o);
  sizes_free(&o);
  residuals(t, &state);
}
