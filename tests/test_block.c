/* SPDX-License-Identifier: MIT
 *
 * The block: on the set under test, equal to the scalar set for both layouts, any plan, any threads and both SiLU
 * variants, equal to an independent f32 reference, and within the propagated bound of a double one (oracle_block.h).
 * Inputs and parameters are read-only, every buffer is flush against a guard page, the scratch is NaN before each run
 * and exactly as large as the query says.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "block_case.h"
#include "block_subject.h"
#include "block_values.h"
#include "mbconv.h"
#include "oracle.h"
#include "test.h"

/* ---- What is run ------------------------------------------------------------------------------------------------- */

static const mbconv_parallel_for parallel_fors[] = {parallel_forward, parallel_reversed, parallel_pthreads};
enum { PARALLEL_FORS = 3 };

static struct block_run random_run(const struct test *t, const struct block_subject *s, uint64_t *state) {
  static const size_t threads[] = {1, 2, 3, 7};
  struct block_run run = block_run_on(t->isa);
  run.layout = test_random_size(state, 0, 1) ? MBCONV_NCHW : MBCONV_NHWC;
  run.strip_rows = test_random_size(state, 0, block_case_out_height(&s->block.desc) + 1);
  run.group_channels = test_random_size(state, 0, s->block.desc.expanded_channels + 1);
  run.threads = threads[test_random_size(state, 0, 3)];
  run.parallel_for = parallel_fors[test_random_size(state, 0, PARALLEL_FORS - 1)];
  run.guard = test_random_size(state, 0, 1) ? TEST_GUARD_BEFORE : TEST_GUARD_AFTER;
  run.misalign = test_random_size(state, 0, 1) ? test_random_size(state, 0, 3) : test_random_size(state, 56, 63);
  run.options.exp = (mbconv_exp)test_random_size(state, MBCONV_EXP_AUTO, MBCONV_EXP_INLINE);
  if (!mbconv_exp_usable(t->isa, run.options.exp)) run.options.exp = MBCONV_EXP_AUTO;
  return run;
}

/* Padding for one axis: span / 2 on both sides, TensorFlow's SAME at stride 2, a split of span - 1, or anything. */
static void random_pad(size_t span, size_t *before, size_t *after, uint64_t *state) {
  *before = *after = span / 2;
  switch (test_random_size(state, 0, 4)) {
    case 1: *before = span / 2 - 1; break;
    case 2:
      *before = test_random_size(state, 0, span - 1);
      *after = span - 1 - *before;
      break;
    case 3:
      *before = test_random_size(state, 0, span - 1);
      *after = test_random_size(state, 0, span - 1);
      break;
    default: break;
  }
}

static size_t random_extent(size_t span, size_t padding, size_t range, uint64_t *state) {
  const size_t least = padding >= span ? 1 : span - padding;
  return least + test_random_size(state, 0, range);
}

static mbconv_block_desc random_shape(const struct test *t, bool expand, uint64_t *state) {
  /* One in six is wide enough for several panels of the widest tile. */
  const bool wide = !t->small && test_random_size(state, 0, 5) == 0;
  const size_t range = t->small ? 3 : 9, channels = t->small ? 12 : wide ? 70 : 20;
  const size_t expanded = t->small ? 40 : wide ? 160 : 60;
  mbconv_block_desc shape = {.kernel = 3 + 2 * test_random_size(state, 0, 2), .stride = test_random_size(state, 1, 2)};
  if (test_random_size(state, 0, 2) == 0) shape.dilation = test_random_size(state, 1, t->small ? 4 : 9);
  const size_t span = oracle_span(shape.kernel, shape.dilation);
  random_pad(span, &shape.pad.top, &shape.pad.bottom, state);
  random_pad(span, &shape.pad.left, &shape.pad.right, state);
  shape.height = random_extent(span, shape.pad.top + shape.pad.bottom, range, state);
  shape.width = random_extent(span, shape.pad.left + shape.pad.right, range, state);
  shape.in_channels = test_random_size(state, 1, channels);
  shape.expanded_channels = expand ? test_random_size(state, 1, expanded) : shape.in_channels;
  shape.out_channels = test_random_size(state, 0, 2) ? shape.in_channels : test_random_size(state, 1, channels);
  shape.activation =
      (mbconv_activation_kind)test_random_size(state, MBCONV_ACTIVATION_NONE, MBCONV_ACTIVATION_HARD_SWISH);
  const bool same = shape.stride == 1 && block_case_out_height(&shape) == shape.height &&
                    block_case_out_width(&shape) == shape.width && shape.in_channels == shape.out_channels;
  const size_t residual = test_random_size(state, MBCONV_RESIDUAL_AUTO, MBCONV_RESIDUAL_ON);
  shape.residual = residual == MBCONV_RESIDUAL_ON && !same ? MBCONV_RESIDUAL_OFF : (mbconv_residual)residual;
  return shape;
}

static void random_blocks(struct test *t) {
  const size_t shapes = t->small ? 40 : 500, runs = t->small ? 1 : 4;
  for (size_t i = 0; i < shapes; i++) {
    uint64_t state = t->seed + i;
    struct block_parts parts = {.expand = test_random_size(&state, 0, 3) != 0,
                                .bias = test_random_size(&state, 0, 1),
                                .batch_norm = test_random_size(&state, 0, 3) != 0};
    if (test_random_size(&state, 0, 1)) parts.squeeze_excite = test_random_size(&state, 1, t->small ? 4 : 20);
    parts.inner =
        (mbconv_activation_kind)test_random_size(&state, MBCONV_ACTIVATION_NONE, MBCONV_ACTIVATION_HARD_SWISH);
    parts.gate = (mbconv_activation_kind)test_random_size(&state, MBCONV_ACTIVATION_NONE, MBCONV_ACTIVATION_HARD_SWISH);
    const mbconv_block_desc shape = random_shape(t, parts.expand, &state);
    const size_t batch = test_random_size(&state, 1, t->small ? 2 : 3);
    test_at(t,
            "random block %zu: %zu images of %zu x %zu x %zu to %zu to %zu, k %zu, stride %zu, dilation %zu, pad %zu "
            "%zu %zu %zu, "
            "activation %d, expand %d, residual %d, squeeze-excite %zu (%d, %d)",
            i, batch, shape.height, shape.width, shape.in_channels, shape.expanded_channels, shape.out_channels,
            shape.kernel, shape.stride, shape.dilation, shape.pad.top, shape.pad.left, shape.pad.bottom,
            shape.pad.right, (int)shape.activation, parts.expand, (int)shape.residual, parts.squeeze_excite,
            (int)parts.inner, (int)parts.gate);
    struct block_subject s;
    block_subject_new(t, &s, &shape, &parts, batch, &state);
    const struct block_run plain = block_run_on(t->isa);
    block_subject_check(t, &s, &plain);
    block_subject_check_oracle(t, &s, true);
    for (size_t r = 0; r < runs; r++) {
      const struct block_run run = random_run(t, &s, &state);
      block_subject_check(t, &s, &run);
    }
    block_subject_free(&s);
  }
}

/* The blocks of the networks with all their channels, the image cut so that the work stays below `limit`; those whose
 * channels alone exceed it are left to larger budgets. With and, where small allows, without squeeze-excite. */
static void layers(struct test *t) {
  const double limit = t->small ? 6e4 : 2e6;
  for (size_t i = 0; i < BLOCK_LAYERS; i++) {
    const struct block_layer *layer = &block_layers[i];
    mbconv_block_desc shape = block_layer_shape(layer);
    const double per_pixel = layer->million_multiply_adds * 1e6 / (double)(layer->side * layer->side);
    const size_t side = (size_t)sqrt(limit / per_pixel);
    if (side == 0) continue;
    if (side < layer->side) shape.height = shape.width = side;
    for (size_t squeeze = 0; squeeze < 2; squeeze++) {
      if (squeeze == (t->small ? i % 2 : 2)) continue;
      struct block_parts parts = {.expand = shape.in_channels != shape.expanded_channels, .batch_norm = true};
      if (squeeze) parts.squeeze_excite = layer->in_channels / 4;
      parts.inner = MBCONV_ACTIVATION_SILU;
      parts.gate = MBCONV_ACTIVATION_SIGMOID;
      uint64_t state = t->seed + i;
      test_at(t, "block %s, image %zu x %zu, squeeze-excite %zu", layer->name, shape.height, shape.width,
              parts.squeeze_excite);
      struct block_subject s;
      block_subject_new(t, &s, &shape, &parts, 1, &state);
      struct block_run run = block_run_on(t->isa);
      block_subject_check(t, &s, &run);
      block_subject_check_oracle(t, &s, true);
      run.layout = MBCONV_NCHW;
      run.parallel_for = parallel_pthreads;
      run.threads = 2;
      if (!t->small) block_subject_check(t, &s, &run);
      block_subject_free(&s);
    }
  }
}

/* Shapes for the sweeps: a large image of few channels, a small one of many, stride 2, no expand. */
enum { SWEEP_SHAPES = 4 };

static mbconv_block_desc sweep_shape(const struct test *t, size_t i, struct block_parts *parts) {
  const size_t height[] = {23, 5, 12, 9}, width[] = {11, 6, 13, 8}, in[] = {8, 20, 12, 40},
               expanded[] = {35, 90, 33, 40};
  const size_t out[] = {8, 24, 21, 17}, kernel[] = {3, 5, 3, 7}, stride[] = {1, 1, 2, 1}, squeeze[] = {0, 3, 0, 2};
  const size_t k = kernel[i], most = t->small ? 6 : 100;
  *parts = (struct block_parts){.expand = i != 3,
                                .bias = i == 1,
                                .batch_norm = true,
                                .squeeze_excite = squeeze[i],
                                .gate = MBCONV_ACTIVATION_SIGMOID};
  return (mbconv_block_desc){.height = height[i] < most ? height[i] : most,
                             .width = width[i] < most ? width[i] : most,
                             .in_channels = in[i],
                             .expanded_channels = expanded[i],
                             .out_channels = out[i],
                             .kernel = k,
                             .stride = stride[i],
                             .pad = {k / 2, k / 2, k / 2, k / 2},
                             .activation = MBCONV_ACTIVATION_SILU};
}

static void plans(struct test *t) {
  for (size_t i = 0; i < SWEEP_SHAPES; i += t->small ? 3 : 1) {
    struct block_parts parts;
    const mbconv_block_desc shape = sweep_shape(t, i, &parts);
    const size_t rows = block_case_out_height(&shape), channels = shape.expanded_channels;
    const size_t strips[] = {1, rows, SIZE_MAX, 0, 2, 3, rows - 1, rows + 4};
    const size_t groups[] = {1, channels, SIZE_MAX, SIZE_MAX - 7, 0, 8, 17, 32, channels - 1, channels + 50};
    uint64_t state = t->seed;
    test_at(t, "plans, sweep shape %zu", i);
    struct block_subject s;
    block_subject_new(t, &s, &shape, &parts, 1, &state);
    for (size_t strip = 0; strip < (t->small ? 3 : 8); strip++) {
      for (size_t group = 0; group < (t->small ? 4 : 10); group++) {
        struct block_run run = block_run_on(t->isa);
        run.strip_rows = strips[strip];
        run.group_channels = groups[group];
        run.layout = (strip + group) % 2 ? MBCONV_NCHW : MBCONV_NHWC;
        block_subject_check(t, &s, &run);
      }
    }
    block_subject_free(&s);
  }
}

static void threads(struct test *t) {
  const size_t counts[] = {2, 9, 7, 1, 3, 40, 65};
  for (size_t i = 0; i < SWEEP_SHAPES; i += t->small ? 3 : 1) {
    struct block_parts parts;
    const mbconv_block_desc shape = sweep_shape(t, i, &parts);
    uint64_t state = t->seed;
    test_at(t, "threads, sweep shape %zu", i);
    struct block_subject s;
    block_subject_new(t, &s, &shape, &parts, t->small ? 1 : 2, &state);
    for (size_t count = 0; count < (t->small ? 2 : 7); count++) {
      for (size_t kind = 0; kind < PARALLEL_FORS; kind++) {
        struct block_run run = block_run_on(t->isa);
        run.threads = counts[count];
        run.parallel_for = parallel_fors[kind];
        run.layout = kind % 2 ? MBCONV_NCHW : MBCONV_NHWC;
        block_subject_check(t, &s, &run);
        run.strip_rows = 2;
        run.group_channels = 16;
        if (!t->small) block_subject_check(t, &s, &run);
      }
    }
    block_subject_free(&s);
  }
}

/* Whether x is added by default: only if stride is 1 and input and output have the same shape. One of the sizes differs
 * at a time, and a stride of 2 keeps an image of one pixel as it is. */
static void residual_by_default(struct test *t) {
  static const struct {
    size_t height, width, out, stride;
    mbconv_pad pad;
    bool same;
    size_t dilation;
  } cases[] = {
      {4, 5, 6, 1, {1, 1, 1, 1}, true, 1},  {4, 5, 7, 1, {1, 1, 1, 1}, false, 1}, {4, 5, 6, 1, {1, 2, 1, 1}, false, 1},
      {4, 5, 6, 1, {1, 0, 1, 1}, false, 1}, {4, 5, 6, 1, {1, 1, 2, 1}, false, 1}, {4, 5, 6, 1, {0, 1, 1, 1}, false, 1},
      {4, 5, 6, 1, {2, 0, 0, 2}, true, 1},  {1, 1, 6, 2, {1, 1, 1, 1}, false, 1}, {4, 5, 6, 1, {2, 1, 1, 1}, false, 1},
      {4, 5, 6, 1, {2, 2, 2, 2}, true, 2},  {4, 5, 6, 1, {1, 1, 1, 1}, false, 2}, {4, 5, 6, 1, {0, 6, 6, 0}, true, 3}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    mbconv_block_desc shape = {.height = cases[i].height,
                               .width = cases[i].width,
                               .in_channels = 6,
                               .expanded_channels = 9,
                               .out_channels = cases[i].out,
                               .kernel = 3,
                               .stride = cases[i].stride,
                               .pad = cases[i].pad,
                               .dilation = cases[i].dilation};
    for (size_t squeeze = 0; squeeze <= 2; squeeze += 2) {
      const struct block_parts parts = {.expand = true, .squeeze_excite = squeeze};
      test_at(t, "residual by default, case %zu, squeeze-excite %zu", i, squeeze);
      uint64_t state = t->seed;
      struct block_subject s;
      shape.residual = MBCONV_RESIDUAL_AUTO;
      block_subject_new(t, &s, &shape, &parts, 2, &state);
      for (int layout = MBCONV_NHWC; layout <= MBCONV_NCHW; layout++) {
        struct block_run run = block_run_on(t->isa);
        run.layout = (mbconv_layout)layout;
        block_subject_check(t, &s, &run);
        block_subject_check_oracle(t, &s, true);
      }
      mbconv_block_desc desc = s.block.desc;
      desc.residual = MBCONV_RESIDUAL_ON;
      mbconv_block *block = NULL;
      const mbconv_status status = mbconv_block_create(&desc, NULL, &block, NULL);
      test_check(t, status == (cases[i].same ? MBCONV_OK : MBCONV_INVALID_ARGUMENT), "residual on: status %d",
                 (int)status);
      mbconv_block_destroy(block);
      block_subject_free(&s);
    }
  }
}

/* The parameters are copied: they may be unmapped after create. And one object gives the same twice, on other scratch,
 * for each image of a batch, and does nothing for batch 0. */
static void object_lives_alone(struct test *t) {
  struct block_parts parts;
  const mbconv_block_desc shape = sweep_shape(t, 1, &parts);
  uint64_t state = t->seed;
  test_at(t, "parameters unmapped after create");
  struct block_subject s;
  block_subject_new(t, &s, &shape, &parts, 3, &state);
  const struct block_run run = block_run_on(t->isa);
  mbconv_block *block = block_create(t, &s.block, &run);
  block_case_free(&s.block);
  if (block) {
    for (size_t repeat = 0; repeat < 2; repeat++) {
      for (size_t i = 0; i < s.y_size; i++) s.y[i] = test_poison();
      block_run_images(t, &s.block, block, &run, 3, s.x, s.y);
      test_check(t, test_equal(s.expected, s.y, s.y_size, NULL), "run %zu of the object differs", repeat);
    }
    const size_t x_size = block_case_x_size(&shape), y_size = block_case_y_size(&shape);
    for (size_t b = 0; b < 3; b++) {
      block_run_images(t, &s.block, block, &run, 1, s.x + b * x_size, s.y);
      test_check(t, test_equal(s.expected + b * y_size, s.y, y_size, NULL), "image %zu alone differs", b);
    }
    s.y[0] = test_poison();
    block_run_images(t, &s.block, block, &run, 0, s.x, s.y);
    test_check(t, test_is_poison(s.y[0]), "batch 0 wrote to y");
    mbconv_block_destroy(block);
  }
  block_subject_free(&s);
}

/* The description has text, and cut to any size it is a terminated prefix of it. */
static void describe(struct test *t) {
  enum { TEXT = 1024 };
  struct block_parts parts;
  uint64_t state = t->seed;
  test_at(t, "describe");
  for (size_t i = 0; i < SWEEP_SHAPES; i++) {
    const mbconv_block_desc shape = sweep_shape(t, i, &parts);
    struct block_case c;
    block_case_new(&c, &shape, &parts, &state);
    const struct block_run run = block_run_on(t->isa);
    mbconv_block *block = block_create(t, &c, &run);
    block_case_free(&c);
    if (!block) continue;
    char whole[TEXT], cut[TEXT];
    const size_t length = mbconv_block_describe(block, 1, NULL, 0);
    test_check(t,
               length > 0 && length < TEXT && mbconv_block_describe(block, 1, whole, TEXT) == length &&
                   strlen(whole) == length && strchr(whole, '\n') == NULL,
               "description of %zu bytes", length);
    for (size_t size = 1; size <= length && length < TEXT; size++) {
      memset(cut, 'x', sizeof cut);
      test_check(t,
                 mbconv_block_describe(block, 1, cut, size) == length && strlen(cut) == size - 1 &&
                     memcmp(cut, whole, size - 1) == 0 && cut[size] == 'x',
                 "description cut to %zu bytes", size);
    }
    mbconv_block_destroy(block);
  }
}

void test_block(struct test *t) {
  describe(t);
  object_lives_alone(t);
  block_values(t);
  residual_by_default(t);
  plans(t);
  threads(t);
  random_blocks(t);
  layers(t);
}
