/* SPDX-License-Identifier: MIT
 *
 * The .list files of the suite golden: lists of stages against PyTorch and against the scalar set, in both layouts and
 * with both variants of the exponential.
 */
#include "golden_lists.h"

#include <stdlib.h>

#include "golden_list.h"

/* Relative to the largest |y| of PyTorch. */
static const float tolerance = 1e-5f;

/* How a case is run. */
struct how {
  mbconv_isa isa;
  mbconv_exp exp;
  mbconv_layout layout;
};

/* An image of the file in the layout of a run, at a guard page; empty if there is none. */
static void buffer_of(struct test_buffer *buffer, const struct golden_list *g, mbconv_layout layout, size_t size,
                      size_t channels, const float *image) {
  test_buffer_new(buffer, size, TEST_GUARD_AFTER);
  if (size > 0 && layout == MBCONV_NHWC)
    golden_transpose(g->batch, channels, size / g->batch / channels, image, buffer->data);
  else if (size > 0)
    memcpy(buffer->data, image, size * sizeof(float));
  test_buffer_protect(buffer);
}

static mbconv_status run(const struct golden_list *g, const mbconv_block *block, const struct test_buffer *x,
                         const struct test_buffer *added, struct test_buffer *y, mbconv_error *error) {
  const size_t bytes = mbconv_block_scratch_size(block, 1);
  struct test_buffer scratch;
  test_buffer_new(&scratch, (bytes + sizeof(float) - 1) / sizeof(float), TEST_GUARD_AFTER);
  const mbconv_status status =
      g->added
          ? mbconv_block_run_residual(block, g->batch, x->data, added->data, y->data, scratch.data, bytes, NULL, error)
          : mbconv_block_run(block, g->batch, x->data, y->data, scratch.data, bytes, NULL, error);
  test_buffer_free(&scratch);
  return status;
}

/* result: y_size floats, NCHW whatever the layout. */
static bool run_case(struct test *t, const struct golden_list *g, struct how how, float *result) {
  mbconv_stages_desc desc = g->desc;
  desc.layout = how.layout;
  const mbconv_options options = {.isa = how.isa, .exp = how.exp};
  mbconv_error error;
  mbconv_block *block;
  size_t height, width;
  if (!test_check(t, mbconv_block_create_stages(&desc, &options, &block, &error) == MBCONV_OK, "create: %s",
                  error.message))
    return false;
  mbconv_block_output_size(block, &height, &width);
  bool ok = test_check(t, height == g->out_height && width == g->out_width, "the output is %zux%zu, PyTorch's %zux%zu",
                       height, width, g->out_height, g->out_width);
  struct test_buffer x, added, y;
  buffer_of(&x, g, how.layout, g->x_size, desc.in_channels, g->x);
  buffer_of(&added, g, how.layout, g->added_size, g->residual_channels, g->added);
  test_buffer_new(&y, g->y_size, TEST_GUARD_AFTER);
  if (ok) {
    ok = test_check(t, run(g, block, &x, &added, &y, &error) == MBCONV_OK, "run: %s", error.message);
    ok = test_check(t, test_buffer_intact(&y), "wrote outside y") && ok;
    if (how.layout == MBCONV_NHWC)
      golden_transpose(g->batch, height * width, g->out_channels, y.data, result);
    else
      memcpy(result, y.data, g->y_size * sizeof(float));
  }
  struct test_buffer *const all[] = {&x, &added, &y};
  for (size_t i = 0; i < 3; i++) test_buffer_free(all[i]);
  mbconv_block_destroy(block);
  return ok;
}

static void check_result(struct test *t, const struct golden_list *g, const float *result, const float *scalar) {
  float largest;
  const float difference = golden_difference(result, g->y, g->y_size, &largest);
  test_check(t, difference <= tolerance * largest, "differs from PyTorch by %g, the largest |y| being %g",
             (double)difference, (double)largest);
  test_check(t, test_equal(result, scalar, g->y_size, NULL), "other floats than the scalar set's");
}

static void check_case(struct test *t, const char *name, const struct golden_list *g) {
  mbconv_counts counts = {0};
  mbconv_error error;
  test_at(t, "%s", name);
  test_check(t, mbconv_stages_count(&g->desc, &counts, &error) == MBCONV_OK, "count: %s", error.message);
  test_check(t, counts.parameters == g->parameters, "%llu parameters, PyTorch counts %llu",
             (unsigned long long)counts.parameters, (unsigned long long)g->parameters);
  float *scalar = malloc(g->y_size * sizeof(float)), *result = malloc(g->y_size * sizeof(float));
  const struct how reference = {MBCONV_ISA_SCALAR, MBCONV_EXP_INLINE, MBCONV_NHWC};
  const bool ok = test_check(t, scalar && result, "no memory") && run_case(t, g, reference, scalar);
  for (mbconv_exp variant = MBCONV_EXP_SLEEF; ok && variant <= MBCONV_EXP_INLINE; variant++) {
    if (!mbconv_exp_usable(t->isa, variant)) continue;
    for (mbconv_layout layout = MBCONV_NHWC; layout <= MBCONV_NCHW; layout++) {
      test_at(t, "%s, %s, exponential %s", name, layout == MBCONV_NHWC ? "NHWC" : "NCHW", mbconv_exp_name(variant));
      if (run_case(t, g, (struct how){t->isa, variant, layout}, result)) check_result(t, g, result, scalar);
    }
  }
  free(result);
  free(scalar);
}

void golden_list_check(struct test *t, const char *name, const unsigned char *bytes, size_t size) {
  struct golden_list g;
  char message[GOLDEN_MESSAGE] = "";
  if (!test_check(t, golden_list_parse(&g, bytes, size, message), "%s", message)) return;
  check_case(t, name, &g);
  golden_list_free(&g);
  const size_t sizes[] = {0, 7, 60, 100, size / 8 * 4, size - 4, size - 1};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const bool parsed = golden_list_parse(&g, bytes, sizes[i], message);
    test_check(t, !parsed, "read from %zu of its %zu bytes", sizes[i], size);
    if (parsed) golden_list_free(&g);
  }
}
