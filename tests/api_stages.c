/* SPDX-License-Identifier: MIT
 *
 * Blocks as lists of stages, apart from numbers: which lists there are, how an array of stages is read, what a given
 * residual may be, and counts. What single fields may be is in api_messages.c.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"

enum { PIXELS = 4 * 5, IN = 6, OUT = 7, RESIDUAL = 5, SCRATCH_BYTES = 1 << 16 };

static const mbconv_status bad = MBCONV_INVALID_ARGUMENT, over = MBCONV_SIZE_OVERFLOW;

static void check_message(struct test *t, const mbconv_error *error, const char *expected) {
  test_check(t, strcmp(error->message, expected) == 0, "\"%s\", not \"%s\"", error->message, expected);
}

static void refused(struct test *t, const mbconv_stages_desc *desc, const char *message) {
  mbconv_block *block = (void *)t;
  mbconv_counts counts = {5, 6};
  mbconv_error error = api_stale_error();
  api_check_error(t, "create", mbconv_block_create_stages(desc, NULL, &block, &error), bad, &error);
  check_message(t, &error, message);
  test_check(t, block == NULL, "*out is not NULL");
  error = api_stale_error();
  api_check_error(t, "count", mbconv_stages_count(desc, &counts, &error), bad, &error);
  check_message(t, &error, message);
  test_check(t, counts.parameters == 5 && counts.multiply_adds == 6, "counts were written");
}

/* ---- Lists ------------------------------------------------------------------------------------------------------- */

/* All stages of 6 channels. */
struct list {
  mbconv_stage_desc stage[MBCONV_MOST_STAGES];
  mbconv_stages_desc desc;
};

static void list_new(const struct api_fixture *f, const char *kinds, struct list *list) {
  const size_t count = strlen(kinds);
  *list = (struct list){.desc = {.height = 4, .width = 5, .in_channels = IN, .count = count, .stages = list->stage}};
  for (size_t i = 0; i < count; i++) {
    mbconv_stage_desc *stage = &list->stage[i];
    stage->kind = kinds[i] == 'P'   ? MBCONV_STAGE_POINTWISE
                  : kinds[i] == 'D' ? MBCONV_STAGE_DEPTHWISE
                  : kinds[i] == 'C' ? MBCONV_STAGE_DENSE
                                    : MBCONV_STAGE_SQUEEZE_EXCITE;
    stage->out_channels = IN;
    stage->conv = kinds[i] == 'E' ? NULL : &f->convolution_conv;
    stage->squeeze_excite = kinds[i] == 'E' ? &f->c.squeeze_excite : NULL;
    if (kinds[i] == 'P' || kinds[i] == 'E') continue;
    stage->kernel = 3;
    stage->stride = 1;
    stage->pad = (mbconv_pad){1, 1, 1, 1};
  }
}

/* The rules of mbconv.h: dense first, squeeze-excite between another stage and a last one that is pointwise. */
static bool allowed(const char *kinds) {
  const size_t count = strlen(kinds);
  for (size_t i = 0; i < count; i++) {
    if (kinds[i] == 'C' && i > 0) return false;
    if (kinds[i] == 'E' && (i == 0 || i + 2 != count || kinds[i + 1] != 'P')) return false;
  }
  return true;
}

/* Every word of up to six letters. */
static void words(struct test *t, const struct api_fixture *f) {
  static const char letters[] = "PDCE";
  for (size_t count = 1; count <= MBCONV_MOST_STAGES; count++) {
    for (size_t number = 0; number < (size_t)1 << 2 * count; number++) {
      char kinds[MBCONV_MOST_STAGES + 1] = "";
      for (size_t i = 0; i < count; i++) kinds[i] = letters[number >> 2 * i & 3];
      struct list list;
      list_new(f, kinds, &list);
      mbconv_block *block = NULL;
      mbconv_error error = api_stale_error();
      test_at(t, "the list %s", kinds);
      const bool good = allowed(kinds);
      const mbconv_status status = mbconv_block_create_stages(&list.desc, &f->options, &block, &error);
      api_check_error(t, "create", status, good ? MBCONV_OK : bad, &error);
      test_check(t, (block != NULL) == good, "an object or none");
      mbconv_block_destroy(block);
    }
  }
}

/* What a stage of one kind has no use for, where a pointer must be set that is not NULL. */
static void useless_pointers(struct test *t, const struct api_fixture *f) {
  struct list list;
  list_new(f, "DEP", &list);
  test_at(t, "pointers that a kind has no use for");
  list.stage[0].squeeze_excite = &f->c.squeeze_excite;
  refused(t, &list.desc, "stages[0]: squeeze_excite is set");
  list_new(f, "DEP", &list);
  list.stage[1].conv = &f->convolution_conv;
  refused(t, &list.desc, "stages[1]: squeeze-excite has squeeze_excite set, and no conv");
}

/* ---- Residuals --------------------------------------------------------------------------------------------------- */

/* What AUTO makes of a list, seen from outside: an object whose output has the input in it, or not. */
static void residual_choices(struct test *t, const struct api_fixture *f) {
  struct list list;
  const char *const different = "residual is on, but input and output have different shapes";
  list_new(f, "PD", &list);
  test_at(t, "residuals of lists");
  list.desc.residual = MBCONV_RESIDUAL_ON;
  refused(t, &list.desc, "residual is on, but the last stage is depthwise");
  list.desc.residual = MBCONV_RESIDUAL_GIVEN;
  refused(t, &list.desc, "residual is on, but the last stage is depthwise");
  list_new(f, "DP", &list);
  list.desc.residual = MBCONV_RESIDUAL_ON;
  list.stage[0].stride = 2;
  refused(t, &list.desc, "residual is on, but the input is 4 x 5 x 6 and the output 2 x 3 x 6");
  list.desc.height = list.desc.width = 0;
  mbconv_block *block = NULL;
  mbconv_error error = api_stale_error();
  api_check_error(t, "any size", mbconv_block_create_stages(&list.desc, NULL, &block, &error), bad, &error);
  check_message(t, &error, different);
  list.stage[0].stride = 1;
  list.stage[0].pad.right = 0;
  api_check_error(t, "any size", mbconv_block_create_stages(&list.desc, NULL, &block, &error), bad, &error);
  check_message(t, &error, different);
  list_new(f, "DP", &list);
  list.desc.residual = MBCONV_RESIDUAL_ON;
  list.desc.residual_channels = 5;
  refused(t, &list.desc, "residual is on, but the input is 4 x 5 x 6 and the output 4 x 5 x 5");
  char expected[100];
  snprintf(expected, sizeof expected, "residual_channels is %zu, more than the 6 of the output", SIZE_MAX);
  list.desc.residual_channels = SIZE_MAX;
  refused(t, &list.desc, expected);
}

/* Two inputs that may be anything but y and scratch, and what else a run with a residual refuses. */
struct buffers {
  float x[2 * PIXELS * IN], residual[2 * PIXELS * OUT], y[2 * PIXELS * OUT];
  char scratch[SCRATCH_BYTES];
};

static bool untouched(const struct buffers *b) {
  for (size_t i = 0; i < sizeof b->y / sizeof *b->y; i++)
    if (b->y[i] != 7) return false;
  return true;
}

static void no_run(struct test *t, const struct buffers *b, mbconv_status status, mbconv_status expected,
                   const char *message, mbconv_error *error) {
  api_check_error(t, message, status, expected, error);
  check_message(t, error, message);
  test_check(t, untouched(b), "%s: y was written", message);
  *error = api_stale_error();
}

static void residual_runs(struct test *t, const struct api_fixture *f, struct buffers *b) {
  static const char *const needed = "residual is NULL, but the block is made for one that is given";
  static const char *const unasked = "a residual is given, but the block is not made for one";
  mbconv_block *given = NULL, *other = NULL;
  struct list list;
  list_new(f, "DP", &list);
  bool ok = mbconv_block_create_stages(&f->stages, &f->options, &given, NULL) == MBCONV_OK;
  ok = mbconv_block_create_stages(&list.desc, &f->options, &other, NULL) == MBCONV_OK && ok;
  test_at(t, "runs with a residual");
  if (!test_check(t, ok, "create")) return;
  float *const x = b->x, *const r = b->residual, *const y = b->y;
  void *const s = b->scratch;
  const size_t n = mbconv_block_scratch_size(given, 1), calls = f->ledger.calls;
  mbconv_error e = api_stale_error();
  test_check(t, n <= SCRATCH_BYTES, "scratch of %zu bytes", n);
  no_run(t, b, mbconv_block_run_residual(NULL, 1, x, r, y, s, n, NULL, &e), bad, "block is NULL", &e);
  no_run(t, b, mbconv_block_run_residual_at(NULL, 1, 4, 5, x, r, y, s, n, NULL, &e), bad, "block is NULL", &e);
  no_run(t, b, mbconv_block_run(given, 1, x, y, s, n, NULL, &e), bad, needed, &e);
  no_run(t, b, mbconv_block_run_at(given, 1, 4, 5, x, y, s, n, NULL, &e), bad, needed, &e);
  no_run(t, b, mbconv_block_run_residual(given, 1, x, NULL, y, s, n, NULL, &e), bad, needed, &e);
  no_run(t, b, mbconv_block_run_residual_at(given, 1, 4, 5, x, NULL, y, s, n, NULL, &e), bad, needed, &e);
  no_run(t, b, mbconv_block_run_residual(other, 1, x, r, y, s, n, NULL, &e), bad, unasked, &e);
  no_run(t, b, mbconv_block_run_residual(other, 1, x, NULL, y, s, n, NULL, &e), bad, unasked, &e);
  no_run(t, b, mbconv_block_run_residual_at(other, 1, 4, 5, x, r, y, s, n, NULL, &e), bad, unasked, &e);
  no_run(t, b, mbconv_block_run_residual(given, 1, NULL, r, y, s, n, NULL, &e), bad, "x is NULL", &e);
  no_run(t, b, mbconv_block_run_residual(given, 1, x, r, NULL, s, n, NULL, &e), bad, "y is NULL", &e);
  no_run(t, b, mbconv_block_run_residual(given, 1, x, r, y, NULL, n, NULL, &e), bad, "scratch is NULL", &e);
  no_run(t, b, mbconv_block_run_residual(given, 1, x, y, y, s, n, NULL, &e), bad, "residual and y overlap", &e);
  no_run(t, b, mbconv_block_run_residual_at(given, 1, 4, 5, x, y + 1, y, s, n, NULL, &e), bad, "residual and y overlap",
         &e);
  no_run(t, b, mbconv_block_run_residual(given, 1, x, s, y, s, n, NULL, &e), bad, "scratch overlaps the residual", &e);
  no_run(t, b, mbconv_block_run_residual_at(given, 1, 4, 0, x, r, y, s, n, NULL, &e), bad, "the image is 4 x 0", &e);
  /* Nothing to do: the residual does not matter, as x, y and scratch do not. */
  no_run(t, b, mbconv_block_run_residual(given, 0, x, r, y, s, n, NULL, &e), MBCONV_OK, "", &e);
  no_run(t, b, mbconv_block_run_residual(given, 0, NULL, NULL, NULL, NULL, 0, NULL, &e), MBCONV_OK, "", &e);
  no_run(t, b, mbconv_block_run_residual_at(given, 0, 9, 9, NULL, NULL, NULL, NULL, 0, NULL, &e), MBCONV_OK, "", &e);
  test_check(t, mbconv_block_run_residual(given, 1, x, NULL, y, s, n, NULL, NULL) == bad && untouched(b),
             "without an error struct");
  /* x may be the residual, and lie in it. */
  const mbconv_status one_place = mbconv_block_run_residual(given, 1, r + 3, r, y, s, n, NULL, &e);
  api_check_error(t, "two inputs in one place", one_place, MBCONV_OK, &e);
  test_check(t, f->ledger.calls == calls, "a run allocated");
  mbconv_block_destroy(given);
  mbconv_block_destroy(other);
}

/* A residual of fewer channels than the output is shorter than it: what lies behind it is not looked at. */
static void residual_size(struct test *t, const struct api_fixture *f, struct buffers *b) {
  mbconv_block *block = NULL;
  test_at(t, "the size of a residual");
  if (!test_check(t, mbconv_block_create_stages(&f->stages, &f->options, &block, NULL) == MBCONV_OK, "create")) return;
  for (size_t batch = 1; batch <= 2; batch++) {
    const size_t floats = batch * PIXELS * RESIDUAL;
    struct test_buffer residual;
    test_buffer_new(&residual, floats, TEST_GUARD_AFTER);
    test_buffer_protect(&residual);
    mbconv_error e = api_stale_error();
    const mbconv_status status =
        mbconv_block_run_residual(block, batch, b->x, residual.data, b->y, b->scratch, SCRATCH_BYTES, NULL, &e);
    api_check_error(t, "flush with a guard page", status, MBCONV_OK, &e);
    test_buffer_free(&residual);
    /* It ends where y begins. */
    float *const middle = b->y + sizeof b->y / sizeof *b->y - batch * PIXELS * OUT;
    if (batch == 1)
      api_check_error(
          t, "before y",
          mbconv_block_run_residual(block, 1, b->x, middle - floats, middle, b->scratch, SCRATCH_BYTES, NULL, &e),
          MBCONV_OK, &e);
  }
  mbconv_block_destroy(block);
}

/* ---- An array of stages ------------------------------------------------------------------------------------------ */

/* Stages as a later version may have them: they are `struct_size` apart. */
struct later_stage {
  mbconv_stage_desc stage;
  size_t appended[3];
};

static void array_of_stages(struct test *t, const struct api_fixture *f) {
  enum { COUNT = 5 };
  struct later_stage later[COUNT] = {0};
  mbconv_stage_desc now[COUNT];
  mbconv_stages_desc desc = f->stages;
  mbconv_counts counts = {0}, want = {0};
  mbconv_error e = api_stale_error();
  char expected[200];
  test_at(t, "an array of stages");
  api_check_error(t, "count", mbconv_stages_count(&desc, &want, &e), MBCONV_OK, &e);
  memcpy(now, f->stage, sizeof now);
  for (size_t i = 0; i < COUNT; i++) {
    later[i].stage = now[i];
    later[i].stage.struct_size = sizeof *later;
    now[i].struct_size = sizeof *now;
  }
  desc.stages = now;
  api_check_error(t, "sizes of today", mbconv_stages_count(&desc, &counts, &e), MBCONV_OK, &e);
  test_check(t, memcmp(&counts, &want, sizeof want) == 0, "other counts with struct_size set");
  desc.stages = &later[0].stage;
  counts = (mbconv_counts){0};
  api_check_error(t, "later sizes", mbconv_stages_count(&desc, &counts, &e), MBCONV_OK, &e);
  test_check(t, memcmp(&counts, &want, sizeof want) == 0, "an array is not walked by struct_size");
  for (size_t i = 0; i < COUNT; i++) {
    snprintf(expected, sizeof expected,
             "stages[%zu]: struct_size is %zu, neither 0 nor %zu, or fields that this library does not know are set", i,
             sizeof *later, sizeof *now);
    later[i].appended[2] = 1;
    refused(t, &desc, expected);
    later[i].appended[2] = 0;
  }
  for (size_t i = 1; i < COUNT; i++) {
    const size_t sizes[] = {0, sizeof *now};
    for (size_t s = 0; s < 2; s++) {
      later[i].stage.struct_size = sizes[s];
      snprintf(expected, sizeof expected, "stages[%zu]: struct_size is %zu, but %zu in the first stage", i, sizes[s],
               sizeof *later);
      refused(t, &desc, expected);
    }
    later[i].stage.struct_size = sizeof *later;
  }
  desc.stages = now;
  now[3].struct_size = 0;
  snprintf(expected, sizeof expected, "stages[3]: struct_size is 0, but %zu in the first stage", sizeof *now);
  refused(t, &desc, expected);
  /* No array of a C program has elements of such a size; the second would lie at an odd address. */
  later[0].stage.struct_size = sizeof *now + 1;
  desc.stages = &later[0].stage;
  snprintf(expected, sizeof expected, "stages[0]: struct_size is %zu, which no array's elements have", sizeof *now + 1);
  refused(t, &desc, expected);
}

/* ---- Counts ------------------------------------------------------------------------------------------------------ */

/* Layer scale and slopes are parameters, those of leaky ReLU are not; and each stage's pixels are its output's. */
static void counts(struct test *t, const struct api_fixture *f) {
  mbconv_counts n = {0};
  mbconv_error e = api_stale_error();
  const uint64_t dense = 18 * 54, point = 18 * 18, depth = 18 * 9, last = 7 * 18;
  const uint64_t excite = 2 * (18 * 2), excite_more = (2 + 18) * 3; /* a bias and a BN each */
  test_at(t, "counts of lists");
  api_check_error(t, "count", mbconv_stages_count(&f->stages, &n, &e), MBCONV_OK, &e);
  uint64_t parameters = dense + 18 + 18 + point + 18 + 18 + depth + 18 + excite + excite_more + last + 7 + 2 * 7;
  test_check(t, n.parameters == parameters, "%llu parameters, not %llu", (unsigned long long)n.parameters,
             (unsigned long long)parameters);
  test_check(t, n.multiply_adds == PIXELS * (dense + point + depth + last) + excite, "%llu multiply-adds",
             (unsigned long long)n.multiply_adds);
  /* A stride, and no weights. */
  static const mbconv_conv none;
  struct list list;
  list_new(f, "CDPDP", &list);
  for (size_t i = 0; i < 5; i++) list.stage[i].conv = &none;
  list.stage[0].activation = MBCONV_ACTIVATION_PRELU; /* counted though its pointer is NULL */
  list.stage[0].stride = 2;                           /* 4 x 5 to 2 x 3 */
  list.stage[3].stride = 2;                           /* to 1 x 2 */
  api_check_error(t, "count", mbconv_stages_count(&list.desc, &n, &e), MBCONV_OK, &e);
  test_check(t, n.parameters == 6 * 54 + 6 + 6 * 9 + 36 + 6 * 9 + 36, "parameters: %llu",
             (unsigned long long)n.parameters);
  test_check(t, n.multiply_adds == 6 * (6 * 54 + 6 * 9 + 36) + 2 * (6 * 9 + 36), "multiply-adds: %llu",
             (unsigned long long)n.multiply_adds);
  n = (mbconv_counts){5, 6};
  e = api_stale_error();
  api_check_error(t, "counts NULL", mbconv_stages_count(&f->stages, NULL, &e), bad, &e);
  check_message(t, &e, "counts is NULL");
  api_check_error(t, "desc NULL", mbconv_stages_count(NULL, &n, &e), bad, &e);
  check_message(t, &e, "desc is NULL");
  list.desc.height = list.desc.width = 0;
  api_check_error(t, "no size", mbconv_stages_count(&list.desc, &n, &e), bad, &e);
  check_message(t, &e, "height and width are 0, but counts are of images of one size");
  if (SIZE_MAX > UINT32_MAX) { /* each tensor fits, the multiply-adds do not */
    list_new(f, "PP", &list);
    list.desc.height = list.desc.width = (size_t)1 << 20;
    list.desc.in_channels = list.stage[0].out_channels = list.stage[1].out_channels = (size_t)1 << 15;
    api_check_error(t, "multiply-adds", mbconv_stages_count(&list.desc, &n, &e), over, &e);
  }
  test_check(t, n.parameters == 5 && n.multiply_adds == 6, "counts were written");
}

void api_stages(struct test *t, struct api_fixture *f) {
  struct buffers *b = calloc(1, sizeof *b);
  if (!b) abort();
  for (size_t i = 0; i < sizeof b->y / sizeof *b->y; i++) b->y[i] = 7;
  words(t, f);
  useless_pointers(t, f);
  residual_choices(t, f);
  array_of_stages(t, f);
  counts(t, f);
  residual_runs(t, f, b);
  residual_size(t, f, b);
  free(b);
}
