/* SPDX-License-Identifier: MIT
 *
 * Blocks and lists of stages against PyTorch: every file of tests/golden, or of the directory that the environment
 * variable MBCONV_GOLDEN_DIR names, in both layouts and with both variants of the exponential. Through the public API
 * only.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "golden.h"
#include "golden_lists.h"
#include "test.h"

/* Relative to the largest |y| of PyTorch. */
static const float tolerance = 1e-5f;

static const char *directory(void) {
  const char *named = getenv("MBCONV_GOLDEN_DIR");
  return named && *named ? named : MBCONV_GOLDEN_DIR;
}

/* ---- One run ----------------------------------------------------------------------------------------------------- */

/* How a case is run. */
struct how {
  mbconv_isa isa;
  mbconv_exp exp;
  mbconv_layout layout;
};

/* Runs a created block from x to y, both in its layout and at guard pages, with fresh scratch full of NaN. */
static bool run_block(struct test *t, const struct golden *g, const mbconv_block *block, const struct test_buffer *x,
                      struct test_buffer *y) {
  size_t height, width;
  mbconv_block_output_size(block, &height, &width);
  if (!test_check(t, height == g->out_height && width == g->out_width, "the output is %zux%zu, PyTorch's %zux%zu",
                  height, width, g->out_height, g->out_width)) {
    return false;
  }
  const size_t scratch_size = mbconv_block_scratch_size(block, 1);
  struct test_buffer scratch;
  test_buffer_new(&scratch, (scratch_size + sizeof(float) - 1) / sizeof(float), TEST_GUARD_AFTER);
  mbconv_error error;
  const mbconv_status status =
      mbconv_block_run(block, g->batch, x->data, y->data, scratch.data, scratch_size, NULL, &error);
  bool ok = test_check(t, status == MBCONV_OK, "run: %s", error.message);
  ok = test_check(t, test_buffer_intact(y) && test_buffer_intact(&scratch), "wrote outside y or scratch") && ok;
  test_buffer_free(&scratch);
  return ok;
}

/* result: y_size floats, NCHW whatever the layout. */
static bool run_case(struct test *t, const struct golden *g, struct how how, float *result) {
  mbconv_block_desc desc = g->desc;
  desc.layout = how.layout;
  const mbconv_options options = {.isa = how.isa, .exp = how.exp};
  mbconv_error error;
  mbconv_block *block;
  if (!test_check(t, mbconv_block_create(&desc, &options, &block, &error) == MBCONV_OK, "create: %s", error.message)) {
    return false;
  }
  mbconv_info info = {0};
  test_check(t, mbconv_block_info(block, &info, NULL) == MBCONV_OK, "info");
  bool ok = test_check(t, info.isa == how.isa && (how.exp == MBCONV_EXP_AUTO || info.exp == how.exp),
                       "asked for %s with %s, got %s with %s", mbconv_isa_name(how.isa), mbconv_exp_name(how.exp),
                       mbconv_isa_name(info.isa), mbconv_exp_name(info.exp));
  const size_t pixels = desc.height * desc.width, out_pixels = g->out_height * g->out_width;
  struct test_buffer x, y;
  test_buffer_new(&x, g->x_size, TEST_GUARD_AFTER);
  test_buffer_new(&y, g->y_size, TEST_GUARD_AFTER);
  if (how.layout == MBCONV_NHWC) {
    golden_transpose(g->batch, desc.in_channels, pixels, g->x, x.data);
  } else {
    memcpy(x.data, g->x, g->x_size * sizeof(float));
  }
  test_buffer_protect(&x);
  ok = run_block(t, g, block, &x, &y) && ok;
  if (how.layout == MBCONV_NHWC) {
    golden_transpose(g->batch, out_pixels, desc.out_channels, y.data, result);
  } else {
    memcpy(result, y.data, g->y_size * sizeof(float));
  }
  test_buffer_free(&y);
  test_buffer_free(&x);
  mbconv_block_destroy(block);
  return ok;
}

/* ---- One case ---------------------------------------------------------------------------------------------------- */

static void check_counts(struct test *t, const struct golden *g) {
  const mbconv_block_desc *desc = &g->desc;
  mbconv_counts counts = {0};
  mbconv_error error;
  test_check(t, mbconv_block_count(desc, &counts, &error) == MBCONV_OK, "count: %s", error.message);
  test_check(t, counts.parameters == g->parameters, "%llu parameters, PyTorch counts %llu",
             (unsigned long long)counts.parameters, (unsigned long long)g->parameters);
  const mbconv_status status =
      mbconv_plain_block_count(desc->height, desc->width, desc->in_channels, desc->out_channels, &counts, &error);
  test_check(t, status == MBCONV_OK, "count of the plain block: %s", error.message);
  test_check(t, counts.parameters == g->plain_parameters, "%llu parameters of the plain block, PyTorch counts %llu",
             (unsigned long long)counts.parameters, (unsigned long long)g->plain_parameters);
}

static void check_result(struct test *t, const struct golden *g, const float *result, const float *scalar) {
  float largest;
  const float difference = golden_difference(result, g->y, g->y_size, &largest);
  test_check(t, difference <= tolerance * largest, "differs from PyTorch by %g, the largest |y| being %g",
             (double)difference, (double)largest);
  size_t where = 0;
  const bool equal = test_equal(result, scalar, g->y_size, &where);
  test_check(t, equal, "y[%zu] is %a, scalar's %a", where, (double)result[where], (double)scalar[where]);
}

static void check_case(struct test *t, const char *name, const struct golden *g) {
  test_at(t, "%s", name);
  check_counts(t, g);
  float *scalar = malloc(g->y_size * sizeof(float)), *result = malloc(g->y_size * sizeof(float));
  const struct how reference = {MBCONV_ISA_SCALAR, MBCONV_EXP_INLINE, MBCONV_NHWC};
  if (test_check(t, scalar && result, "no memory") && run_case(t, g, reference, scalar)) {
    for (mbconv_exp variant = MBCONV_EXP_SLEEF; variant <= MBCONV_EXP_INLINE; variant++) {
      if (!mbconv_exp_usable(t->isa, variant)) continue;
      for (mbconv_layout layout = MBCONV_NHWC; layout <= MBCONV_NCHW; layout++) {
        test_at(t, "%s, %s, exponential %s", name, layout == MBCONV_NHWC ? "NHWC" : "NCHW", mbconv_exp_name(variant));
        if (run_case(t, g, (struct how){t->isa, variant, layout}, result)) check_result(t, g, result, scalar);
      }
    }
  }
  free(result);
  free(scalar);
}

/* ---- All cases --------------------------------------------------------------------------------------------------- */

/* The reader must not take what is not exactly one case. */
static void check_reader(struct test *t, const unsigned char *bytes, size_t size) {
  const size_t sizes[] = {0, 7, 100, size / 8 * 4, size - 4, size - 1};
  struct golden g;
  char message[GOLDEN_MESSAGE];
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const bool parsed = golden_parse(&g, bytes, sizes[i], message);
    test_check(t, !parsed, "read from %zu of its %zu bytes", sizes[i], size);
    if (parsed) golden_free(&g);
  }
}

static bool has_ending(const char *name, const char *ending) {
  const size_t length = strlen(name), least = strlen(ending);
  return length > least && strcmp(name + length - least, ending) == 0;
}

static void check_file(struct test *t, const char *name) {
  char path[4096], message[GOLDEN_MESSAGE] = "";
  test_at(t, "%s", name);
  const int length = snprintf(path, sizeof path, "%s/%s", directory(), name);
  if (!test_check(t, length > 0 && (size_t)length < sizeof path, "its path is too long")) return;
  size_t size;
  unsigned char *bytes = golden_read(path, &size, message);
  if (!test_check(t, bytes != NULL, "%s: %s", path, message)) return;
  struct golden g;
  if (has_ending(name, ".list")) {
    golden_list_check(t, name, bytes, size);
  } else if (test_check(t, golden_parse(&g, bytes, size, message), "%s: %s", path, message)) {
    check_reader(t, bytes, size);
    check_case(t, name, &g);
    golden_free(&g);
  }
  free(bytes);
}

/* The notebook's two numbers, from sizes alone. */
static void check_notebook_counts(struct test *t) {
  test_at(t, "the notebook's counts");
  static const mbconv_batch_norm norm = {.epsilon = 1e-5f};
  static const mbconv_conv conv = {.batch_norm = &norm};
  const mbconv_block_desc desc = {.height = 32,
                                  .width = 32,
                                  .in_channels = 16,
                                  .expanded_channels = 96,
                                  .out_channels = 16,
                                  .expand = &conv,
                                  .depthwise = &conv,
                                  .project = &conv,
                                  .kernel = 3,
                                  .stride = 1,
                                  .pad = {1, 1, 1, 1},
                                  .activation = MBCONV_ACTIVATION_SILU};
  mbconv_counts counts = {0};
  mbconv_error error;
  test_check(t, mbconv_block_count(&desc, &counts, &error) == MBCONV_OK, "%s", error.message);
  test_check(t, counts.parameters == 4352, "%llu, not 4352", (unsigned long long)counts.parameters);
  test_check(t, mbconv_plain_block_count(32, 32, 16, 16, &counts, &error) == MBCONV_OK, "%s", error.message);
  test_check(t, counts.parameters == 4672, "%llu, not 4672", (unsigned long long)counts.parameters);
}

void test_golden(struct test *t) {
  check_notebook_counts(t);
  test_at(t, "%s", directory());
  DIR *folder = opendir(directory());
  size_t cases = 0;
  for (struct dirent *entry; folder && (entry = readdir(folder));) {
    if (!has_ending(entry->d_name, ".bin") && !has_ending(entry->d_name, ".list")) continue;
    check_file(t, entry->d_name);
    cases++;
  }
  if (folder) closedir(folder);
  test_at(t, "%s", directory());
  test_check(t, cases > 0, "no golden data there");
}
