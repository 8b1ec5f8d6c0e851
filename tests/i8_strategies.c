/* SPDX-License-Identifier: MIT
 *
 * Every strategy of the plan with blocks of int8, by every row, on 1, 2, 3 and 7 threads, in both layouts: the oracle's
 * bytes, and the strategy that is meant is the one that runs, by the block's description.
 */
#include <stdio.h>
#include <stdlib.h>

#include "block_case.h"
#include "i8_case.h"
#include "i8_row.h"
#include "i8_sets.h"

enum { ALL = 1 << 20 }; /* more rows or channels than any image here: cut to what there is */

struct strategy {
  const char *name, *alone, *shared; /* what the description says with one thread and with several */
  size_t height, width, in, expanded, out, kernel, stride; /* in == expanded: without expand */
  size_t strip_rows, group_channels;
};

static const struct strategy strategies[] = {
    {"row ring", "row ring:", "row ring:", 28, 11, 5, 70, 5, 3, 1, 2, ALL},
    {"groups", "row ring of channel groups:", "row ring of channel groups:", 28, 9, 5, 170, 7, 5, 1, 3, 32},
    {"stride 2", "row ring of channel groups:", "row ring of channel groups:", 31, 9, 5, 170, 7, 3, 2, 2, 32},
    {"split", "channel split:", "groups shared out, then pixels:", 14, 9, 8, 460, 8, 3, 1, ALL, 32},
    {"few rows", "row ring:", "groups shared out, then pixels:", 13, 7, 8, 460, 9, 5, 2, 2, ALL},
    {"unfused", "unfused:", "row ring:", 20, 6, 8, 40, 8, 3, 1, ALL, ALL},
    {"no expand", "row ring:", "row ring:", 12, 9, 40, 40, 9, 3, 1, 2, ALL},
    {"no copy, stride 2", "row ring:", "row ring:", 11, 61, 32, 32, 9, 3, 2, 2, ALL},
    {"wide rows", "row ring:", "row ring:", 15, 50, 2, 96, 3, 7, 1, 2, ALL},
};

/* The list of a strategy with random parameters. */
static void case_of(const struct strategy *s, mbconv_type type, uint64_t *state, struct i8_case *c) {
  const bool expand = s->in != s->expanded;
  const char *kinds = expand ? "PDP" : "DP";
  const int32_t least = type == MBCONV_S8 ? -128 : 0;
  const size_t channels[] = {s->in, s->expanded, s->expanded, s->out};
  static const float scale = 0.01f;
  *c = (struct i8_case){.desc = {.type = type,
                                 .height = s->height,
                                 .width = s->width,
                                 .in_channels = s->in,
                                 .input = {0.05f, least + 100},
                                 .count = strlen(kinds),
                                 .stages = c->stages,
                                 .residual = MBCONV_RESIDUAL_OFF,
                                 .strip_rows = s->strip_rows,
                                 .group_channels = s->group_channels},
                        .out_channels = s->out};
  float input = c->desc.input.scale;
  for (size_t i = 0; i < c->desc.count; i++) {
    const size_t *of = channels + i + !expand, pad = s->kernel / 2;
    mbconv_i8_stage_desc *stage = &c->stages[i];
    const bool pointwise = kinds[i] == 'P';
    const size_t n = of[1] * (pointwise ? of[0] : s->kernel * s->kernel);
    int8_t *weight = malloc(n);
    if (!weight) abort();
    for (size_t w = 0; w < n; w++) weight[w] = (int8_t)((int32_t)test_random_size(state, 0, 255) - 128);
    c->memory[c->owned++] = weight;
    *stage = (mbconv_i8_stage_desc){.weight = weight, .weight_scale = &scale, .weight_scales = 1};
    if (pointwise)
      stage->kind = MBCONV_STAGE_POINTWISE, stage->out_channels = of[1];
    else
      stage->kind = MBCONV_STAGE_DEPTHWISE, stage->kernel = s->kernel, stage->stride = s->stride,
      stage->pad = (mbconv_pad){pad, pad, pad, pad};
    stage->output = (mbconv_quantization){input * 4.0f, least + 90};
    input = stage->output.scale;
  }
}

static void check_description(struct test *t, const mbconv_block *block, size_t threads, const char *expected) {
  char text[512], wanted[80];
  mbconv_block_describe(block, threads, text, sizeof text);
  snprintf(wanted, sizeof wanted, ", %s", expected);
  test_check(t, strstr(text, wanted) != NULL, "runs as \"%s\", not as \"%s\"", text, expected);
}

static void check_run(struct test *t, const mbconv_block *block, size_t threads, const uint8_t *x, const uint8_t *want,
                      size_t n) {
  const size_t size = mbconv_block_scratch_size(block, threads);
  const mbconv_threads parallel = {.parallel_for = threads == 3 ? parallel_reversed : parallel_pthreads,
                                   .count = threads};
  mbconv_error error = {.message = ""};
  uint8_t *y = malloc(n), *scratch = malloc(size + 1);
  if (!y || !scratch) abort();
  memset(scratch, 0xa5, size);
  const mbconv_status status = mbconv_block_run(block, 1, x, y, scratch, size, &parallel, &error);
  test_check(t, status == MBCONV_OK && memcmp(y, want, n) == 0, "%s",
             status == MBCONV_OK ? "other bytes" : error.message);
  free(y);
  free(scratch);
}

/* One row in one layout. */
static void check_row(struct test *t, const struct strategy *s, struct i8_case *c, const struct mbconv_row *row,
                      const struct i8_image *x, const struct i8_image *y) {
  static const size_t counts[] = {1, 2, 3, 7};
  const bool planes = c->desc.layout == MBCONV_NCHW;
  const size_t x_size = x->height * x->width * x->channels, y_size = y->height * y->width * y->channels;
  mbconv_block *block = NULL;
  mbconv_error error = {.message = ""};
  test_at(t, "%s, %s, type %d, layout %d", mbconv_isa_name(row->isa), s->name, (int)c->desc.type, (int)c->desc.layout);
  if (!test_check(t, i8_row_create(&c->desc, row, &block, &error) == MBCONV_OK, "%s", error.message)) return;
  uint8_t *from = malloc(x_size), *want = malloc(y_size);
  if (!from || !want) abort();
  i8_image_store(x, planes, from);
  i8_image_store(y, planes, want);
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    check_description(t, block, counts[i], counts[i] == 1 ? s->alone : s->shared);
    check_run(t, block, counts[i], from, want, y_size);
  }
  mbconv_block_destroy(block);
  free(from);
  free(want);
}

void test_i8_strategies(struct test *t) {
  uint64_t state = t->seed;
  test_check(t, mbconv_i8_sets.count > 0, "no row of int8");
  for (size_t i = 0; i < sizeof strategies / sizeof *strategies; i++) {
    struct i8_case c;
    case_of(&strategies[i], i % 2 ? MBCONV_U8 : MBCONV_S8, &state, &c);
    struct i8_image x = i8_image_new(c.desc.height, c.desc.width, c.desc.in_channels);
    i8_image_fill(&x, c.desc.type, &state);
    struct i8_image y = i8_oracle(&c, &x, NULL);
    for (size_t r = 0; r < mbconv_i8_sets.count; r++) {
      if (!i8_row_runs(&mbconv_i8_sets.rows[r], t->isa)) continue;
      for (int layout = MBCONV_NHWC; layout <= MBCONV_NCHW; layout++) {
        c.desc.layout = (mbconv_layout)layout;
        check_row(t, &strategies[i], &c, &mbconv_i8_sets.rows[r], &x, &y);
      }
    }
    free(x.values);
    free(y.values);
    i8_case_free(&c);
  }
}
