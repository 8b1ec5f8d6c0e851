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
  bool excite; /* squeeze-excite of 6 channels before the last stage */
};

static const struct strategy strategies[] = {
    {"row ring", "row ring:", "row ring:", 28, 11, 5, 70, 5, 3, 1, 2, ALL, false},
    {"groups", "row ring of channel groups:", "row ring of channel groups:", 28, 9, 5, 170, 7, 5, 1, 3, 32, false},
    {"stride 2", "row ring of channel groups:", "row ring of channel groups:", 31, 9, 5, 170, 7, 3, 2, 2, 32, false},
    {"split", "channel split:", "groups shared out, then pixels:", 14, 9, 8, 460, 8, 3, 1, ALL, 32, false},
    {"few rows", "row ring:", "groups shared out, then pixels:", 13, 7, 8, 460, 9, 5, 2, 2, ALL, false},
    {"unfused", "unfused:", "row ring:", 20, 6, 8, 40, 8, 3, 1, ALL, ALL, false},
    {"no expand", "row ring:", "row ring:", 12, 9, 40, 40, 9, 3, 1, 2, ALL, false},
    {"no copy, stride 2", "row ring:", "row ring:", 11, 61, 32, 32, 9, 3, 2, 2, ALL, false},
    {"wide rows", "row ring:", "row ring:", 15, 50, 2, 96, 3, 7, 1, 2, ALL, false},
    {"squeeze-excite", "row ring of channel groups in two passes", "row ring of channel groups in two passes:", 28, 9,
     5, 170, 7, 5, 1, 3, 32, true},
    {"excite, split", "channel split in two passes", "groups shared out, then pixels in two passes:", 14, 9, 8, 460, 8,
     3, 1, ALL, 32, true},
    {"excite, no expand", "row ring in two passes", "row ring in two passes:", 12, 9, 40, 40, 9, 3, 1, 2, ALL, true},
};

/* Weights of the whole range, and an output that spreads. */
static mbconv_i8_stage_desc stage_of(struct i8_case *c, size_t out, size_t k, float input, uint64_t *state) {
  static const float scale = 0.01f;
  int8_t *weight = malloc(out * k);
  if (!weight) abort();
  for (size_t w = 0; w < out * k; w++) weight[w] = (int8_t)((int32_t)test_random_size(state, 0, 255) - 128);
  c->memory[c->owned++] = weight;
  return (mbconv_i8_stage_desc){
      .kind = MBCONV_STAGE_POINTWISE,
      .out_channels = out,
      .weight = weight,
      .weight_scale = &scale,
      .weight_scales = 1,
      .output = {input * 4.0f, (c->desc.type == MBCONV_S8 ? -128 : 0) + 90},
  };
}

/* A table for each channel, of which its ending's bytes stand for what they stood for before. */
static void add_tables(struct i8_case *c, mbconv_i8_stage_desc *stage, size_t channels, uint64_t *state) {
  uint8_t *tables = malloc(channels * 256);
  if (!tables) abort();
  for (size_t i = 0; i < channels * 256; i++) tables[i] = (uint8_t)test_random_size(state, 0, 255);
  c->memory[c->owned++] = tables;
  stage->table = tables;
  stage->tables = channels;
  stage->table_output = stage->output;
}

/* Squeeze-excite of an image of quantization {scale, zero}, which its output has, too. */
static mbconv_i8_stage_desc excite_of(struct i8_case *c, size_t channels, float scale, int32_t zero, uint64_t *state) {
  enum { WIDTH = 6 };
  c->excite = (mbconv_i8_squeeze_excite){.mean = {scale, zero}, .reduce = &c->reduce, .expand = &c->expand};
  c->reduce = stage_of(c, WIDTH, channels, scale, state);
  c->expand = stage_of(c, channels, WIDTH, c->reduce.output.scale, state);
  c->expand.output.scale = 0x1p-7f; /* most are at the ends of the range */
  return (mbconv_i8_stage_desc){
      .kind = MBCONV_STAGE_SQUEEZE_EXCITE, .output = {scale, zero}, .squeeze_excite = &c->excite};
}

/* The list of a strategy with random parameters; u8 has a table for each channel. */
static void case_of(const struct strategy *s, mbconv_type type, uint64_t *state, struct i8_case *c) {
  const bool expand = s->in != s->expanded;
  const char *kinds = &"PDEP"[!expand];
  const int32_t least = type == MBCONV_S8 ? -128 : 0;
  const size_t channels[] = {s->in, s->expanded, s->expanded, s->out}, pad = s->kernel / 2;
  *c = (struct i8_case){.desc = {.type = type,
                                 .height = s->height,
                                 .width = s->width,
                                 .in_channels = s->in,
                                 .input = {0.05f, least + 100},
                                 .stages = c->stages,
                                 .residual = MBCONV_RESIDUAL_OFF,
                                 .strip_rows = s->strip_rows,
                                 .group_channels = s->group_channels},
                        .out_channels = s->out};
  float input = c->desc.input.scale;
  const size_t *of = channels + !expand;
  for (; *kinds; kinds++) {
    mbconv_i8_stage_desc *stage = &c->stages[c->desc.count];
    if (*kinds == 'E' && !s->excite) continue;
    if (*kinds == 'E') {
      *stage = excite_of(c, s->expanded, input, least + 90, state);
    } else if (*kinds == 'D') {
      *stage = stage_of(c, of[1], s->kernel * s->kernel, input, state);
      stage->kind = MBCONV_STAGE_DEPTHWISE, stage->kernel = s->kernel, stage->stride = s->stride;
      stage->pad = (mbconv_pad){pad, pad, pad, pad};
      of++;
    } else {
      *stage = stage_of(c, of[1], of[0], input, state);
      of++;
    }
    if (*kinds != 'E' && type == MBCONV_U8) add_tables(c, stage, of[0], state);
    input = stage->output.scale;
    c->desc.count++;
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
