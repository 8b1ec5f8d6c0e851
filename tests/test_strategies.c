/* SPDX-License-Identifier: MIT
 *
 * Every strategy of the plan, for 1, 2, 3 and 7 threads: equal to the scalar set, and the strategy that was meant is
 * the one that runs, by the block's description.
 */
#include <stdio.h>
#include <string.h>

#include "block_subject.h"
#include "plans/counting_set.h"
#include "test.h"

enum { ALL = 1 << 20 }; /* more rows or channels than any image here: cut to what there is */

struct strategy {
  const char *name, *alone, *shared; /* what the description says with one thread and with several */
  size_t height, width, in, expanded, out, kernel, stride;
  bool expand, squeeze_excite;
  size_t strip_rows, group_channels;
};

static const struct strategy strategies[] = {
    {"row ring", "row ring:", "row ring:", 28, 11, 5, 70, 5, 3, 1, true, false, 2, ALL},
    {"groups", "row ring of channel groups:", "row ring of channel groups:", 28, 9, 5, 70, 7, 5, 1, true, false, 3, 32},
    {"stride 2", "row ring of channel groups:", "row ring of channel groups:", 31, 9, 5, 70, 7, 3, 2, true, false, 2,
     32},
    {"split", "channel split:", "groups shared out, then pixels:", 14, 9, 8, 170, 8, 3, 1, true, false, ALL, 32},
    {"few rows", "row ring:", "groups shared out, then pixels:", 13, 7, 8, 170, 9, 5, 2, true, false, 2, ALL},
    {"unfused", "unfused:", "row ring:", 20, 6, 8, 40, 8, 3, 1, true, false, ALL, ALL},
    {"many groups", "unfused:", "groups shared out, then pixels:", 3, 3, 4, 400, 4, 3, 1, true, false, ALL, ALL},
    {"no expand", "row ring:", "row ring:", 12, 9, 40, 40, 9, 3, 1, false, false, 2, ALL},
    {"no copy", "row ring:", "row ring:", 12, 40, 32, 32, 9, 5, 1, false, false, 2, ALL},
    {"no copy, stride 2", "row ring:", "row ring:", 11, 61, 32, 32, 9, 3, 2, false, false, 2, ALL},
    {"no copy, excite", "row ring in two passes, the ring in y:", "row ring in two passes:", 20, 40, 32, 32, 32, 3, 1,
     false, true, 2, ALL},
    {"excite in y", "row ring of channel groups in two passes, the ring in y:",
     "row ring of channel groups in two passes:", 20, 6, 8, 70, 40, 3, 1, true, true, 2, 32},
    {"excite", "row ring in two passes:", "row ring in two passes:", 20, 6, 8, 70, 8, 3, 1, true, true, 3, ALL},
    {"wide rows", "row ring:", "row ring:", 15, 50, 2, 96, 3, 3, 1, true, false, 2, ALL},
    {"excite split", "channel split in two passes:", "groups shared out, then pixels in two passes:", 9, 6, 8, 170, 8,
     5, 1, true, true, ALL, 32},
};

static mbconv_block_desc shape_of(const struct strategy *s, mbconv_activation_kind activation) {
  const size_t pad = s->kernel / 2;
  return (mbconv_block_desc){
      .height = s->height,
      .width = s->width,
      .in_channels = s->in,
      .expanded_channels = s->expanded,
      .out_channels = s->out,
      .kernel = s->kernel,
      .stride = s->stride,
      .pad = {pad, pad, pad, pad},
      .activation = activation,
  };
}

static void check_description(struct test *t, const struct block_subject *subject, const struct block_run *run,
                              const char *expected) {
  mbconv_block *block = block_create(t, &subject->block, run);
  if (!block) return;
  char text[512];
  mbconv_block_describe(block, run->threads, text, sizeof text);
  char wanted[80];
  snprintf(wanted, sizeof wanted, ", %s", expected);
  test_check(t, strstr(text, wanted) != NULL, "runs as \"%s\", not as \"%s\"", text, expected);
  mbconv_block_destroy(block);
}

/* Scratch for up to n threads is enough for fewer. */
static void check_scratch(struct test *t, const struct block_subject *subject, const struct block_run *run) {
  mbconv_block *block = block_create(t, &subject->block, run);
  if (!block) return;
  for (size_t threads = 2; threads <= 130; threads++) {
    const size_t fewer = mbconv_block_scratch_size(block, threads - 1),
                 size = mbconv_block_scratch_size(block, threads);
    test_check(t, fewer <= size, "%zu threads: %zu bytes, one less: %zu", threads, size, fewer);
  }
  mbconv_block_destroy(block);
}

static void check_strategy(struct test *t, const struct strategy *s, mbconv_activation_kind activation) {
  const size_t counts[] = {1, 2, 3, 7};
  const struct block_parts parts = {.expand = s->expand,
                                    .bias = true,
                                    .batch_norm = true,
                                    .squeeze_excite = s->squeeze_excite ? 4 : 0,
                                    .inner = MBCONV_ACTIVATION_SILU,
                                    .gate = MBCONV_ACTIVATION_SIGMOID};
  const mbconv_block_desc shape = shape_of(s, activation);
  uint64_t state = t->seed;
  struct block_subject subject;
  block_subject_new(t, &subject, &shape, &parts, 2, &state);
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    struct block_run run = block_run_on(t->isa);
    run.strip_rows = s->strip_rows;
    run.group_channels = s->group_channels;
    run.threads = counts[i];
    run.parallel_for = counts[i] == 3 ? parallel_reversed : parallel_pthreads;
    if (counts[i] == 1) check_scratch(t, &subject, &run);
    check_description(t, &subject, &run, counts[i] == 1 ? s->alone : s->shared);
    for (int layout = MBCONV_NHWC; layout <= MBCONV_NCHW; layout++) {
      run.layout = (mbconv_layout)layout;
      block_subject_check(t, &subject, &run);
    }
    library_sets_add_residual(true);
    block_subject_check(t, &subject, &run); /* of planes: as a type would that is narrower than its sums */
    library_sets_add_residual(false);
  }
  block_subject_free(&subject);
}

/* Blocks with squeeze-excite whose output is as large as the ring, or almost as large as the ring and what aligning it
 * takes: only from the latter on may the ring lie in y, which is flush against a guard page and aligned as a float. */
static void check_rings_of_ys_size(struct test *t) {
  const size_t expanded = t->kernels->pointwise[0].channels, room = MBCONV_ALIGNMENT / sizeof(float) - 1;
  size_t found[4] = {0}; /* outputs of exactly the ring, of more, of one float too few, and of enough */
  for (size_t height = 3; height <= 9; height++) {
    for (size_t width = 1; width <= 12; width++) {
      for (size_t out = 1; out <= 48; out++) {
        const size_t ring = 3 * (width + 2) * expanded, floats = height * width * out;
        if (floats < ring || floats > ring + room) continue;
        const size_t kind = floats == ring ? 0 : floats + 1 < ring + room ? 1 : floats < ring + room ? 2 : 3;
        if (found[kind]++ > 1) continue;
        const struct strategy s = {"ring of y's size",
                                   kind == 3 ? "row ring in two passes, the ring in y:" : "row ring in two passes:",
                                   "",
                                   height,
                                   width,
                                   5,
                                   expanded,
                                   out,
                                   3,
                                   1,
                                   true,
                                   true,
                                   1,
                                   ALL};
        const mbconv_block_desc shape = shape_of(&s, MBCONV_ACTIVATION_RELU6);
        const struct block_parts parts = {.expand = true, .squeeze_excite = 2, .gate = MBCONV_ACTIVATION_SIGMOID};
        test_at(t, "%zux%zu to %zu: a ring of %zu floats, y of %zu", height, width, out, ring, floats);
        uint64_t state = t->seed;
        struct block_subject subject;
        block_subject_new(t, &subject, &shape, &parts, 1, &state);
        struct block_run run = block_run_on(t->isa);
        run.strip_rows = 1;
        run.group_channels = ALL;
        check_description(t, &subject, &run, s.alone);
        for (int guard = TEST_GUARD_AFTER; guard <= TEST_GUARD_BEFORE; guard++) {
          run.guard = (enum test_guard)guard;
          block_subject_check(t, &subject, &run);
        }
        block_subject_free(&subject);
      }
    }
  }
  for (size_t kind = 0; kind < 4; kind++) test_check(t, found[kind] > 0, "no output of kind %zu found", kind);
}

void test_strategies(struct test *t) {
  check_rings_of_ys_size(t);
  for (size_t i = 0; i < sizeof strategies / sizeof *strategies; i++) {
    test_at(t, "strategy %s", strategies[i].name);
    /* SiLU is mapped over what is in L1, which cuts wide rows. */
    const bool wide = strategies[i].width * strategies[i].expanded > 4096;
    if (!t->small || !wide) check_strategy(t, &strategies[i], MBCONV_ACTIVATION_RELU6);
    if (!t->small || wide) check_strategy(t, &strategies[i], MBCONV_ACTIVATION_SILU);
  }
}
