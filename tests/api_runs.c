/* SPDX-License-Identifier: MIT
 *
 * Bad arguments of run: each has its status, y stays as it was, and nothing is allocated.
 */
#include <stdint.h>
#include <stdlib.h>

#include "api.h"

enum { IMAGE = 4 * 5, WIDE = 18, SCRATCH_BYTES = 1 << 16 };

/* What the runs of this section are given; only y is written to by runs that succeed. */
struct buffers {
  float x[2 * IMAGE * WIDE], y[2 * IMAGE * WIDE];
  char scratch[SCRATCH_BYTES];
};

static bool untouched(const struct buffers *b) {
  for (size_t i = 0; i < sizeof b->y / sizeof *b->y; i++) {
    if (b->y[i] != 7) return false;
  }
  return true;
}

static void expect_no_run(struct test *t, const struct buffers *b, const char *what, mbconv_status status,
                          mbconv_status expected, mbconv_error *error) {
  api_check_error(t, what, status, expected, error);
  test_check(t, untouched(b), "%s: y was written", what);
  *error = api_stale_error();
}

static void bad_pointwise_runs(struct test *t, const struct api_fixture *f, struct buffers *b) {
  test_at(t, "bad runs of pointwise");
  void *object = NULL;
  mbconv_error e = api_stale_error();
  if (!test_check(t, api_create(f, POINTWISE, &f->options, &object, NULL) == MBCONV_OK, "create")) return;
  const mbconv_pointwise *p = object;
  float *const x = b->x, *const y = b->y;
  const mbconv_threads threads = {.count = 2};
  const size_t calls = f->ledger.calls, huge = SIZE_MAX / 16;
  const mbconv_status bad = MBCONV_INVALID_ARGUMENT, over = MBCONV_SIZE_OVERFLOW;
  expect_no_run(t, b, "NULL", mbconv_pointwise_run(NULL, 2, x, 0, y, 0, NULL, 0, NULL, &e), bad, &e);
  expect_no_run(t, b, "x NULL", mbconv_pointwise_run(p, 2, NULL, 0, y, 0, NULL, 0, NULL, &e), bad, &e);
  expect_no_run(t, b, "y NULL", mbconv_pointwise_run(p, 2, x, 0, NULL, 0, NULL, 0, NULL, &e), bad, &e);
  expect_no_run(t, b, "x stride 5", mbconv_pointwise_run(p, 2, x, 5, y, 0, NULL, 0, NULL, &e), bad, &e);
  expect_no_run(t, b, "y stride 17", mbconv_pointwise_run(p, 2, x, 0, y, 17, NULL, 0, NULL, &e), bad, &e);
  expect_no_run(t, b, "r stride 17", mbconv_pointwise_run(p, 2, x, 0, y, 0, x, 17, NULL, &e), bad, &e);
  expect_no_run(t, b, "threads", mbconv_pointwise_run(p, 2, x, 0, y, 0, NULL, 0, &threads, &e), bad, &e);
  expect_no_run(t, b, "y = x", mbconv_pointwise_run(p, 2, y, 0, y, 0, NULL, 0, NULL, &e), bad, &e);
  expect_no_run(t, b, "y in x", mbconv_pointwise_run(p, 9, y + 8, 0, y, 0, NULL, 0, NULL, &e), bad, &e);
  expect_no_run(t, b, "residual in y", mbconv_pointwise_run(p, 2, x, 0, y, 0, y + 1, 0, NULL, &e), bad, &e);
  expect_no_run(t, b, "r stride 19 in y", mbconv_pointwise_run(p, 2, x, 0, y, 0, y, 19, NULL, &e), bad, &e);
  expect_no_run(t, b, "pixels", mbconv_pointwise_run(p, SIZE_MAX, x, 0, y, 0, NULL, 0, NULL, &e), over, &e);
  expect_no_run(t, b, "x stride", mbconv_pointwise_run(p, 9, x, huge, y, 0, NULL, 0, NULL, &e), over, &e);
  expect_no_run(t, b, "y stride", mbconv_pointwise_run(p, 9, x, 0, y, huge, NULL, 0, NULL, &e), over, &e);
  expect_no_run(t, b, "0 pixels", mbconv_pointwise_run(p, 0, x, 0, y, 0, NULL, 0, NULL, &e), MBCONV_OK, &e);
  const mbconv_status status = mbconv_pointwise_run(p, 2, NULL, 0, y, 0, NULL, 0, NULL, NULL);
  test_check(t, status == bad && untouched(b) && f->ledger.calls == calls, "without an error struct; allocations");
  api_destroy(POINTWISE, object);
}

static void bad_activation_runs(struct test *t, const struct api_fixture *f, struct buffers *b) {
  test_at(t, "bad runs of activation");
  void *object = NULL;
  mbconv_error e = api_stale_error();
  if (!test_check(t, api_create(f, ACTIVATION, &f->options, &object, NULL) == MBCONV_OK, "create")) return;
  float *const x = b->x, *const y = b->y;
  const mbconv_status bad = MBCONV_INVALID_ARGUMENT;
  expect_no_run(t, b, "NULL", mbconv_activation_run(NULL, 9, x, y, &e), bad, &e);
  expect_no_run(t, b, "x NULL", mbconv_activation_run(object, 9, NULL, y, &e), bad, &e);
  expect_no_run(t, b, "y NULL", mbconv_activation_run(object, 9, x, NULL, &e), bad, &e);
  expect_no_run(t, b, "y in x", mbconv_activation_run(object, 9, y + 8, y, &e), bad, &e);
  expect_no_run(t, b, "x in y", mbconv_activation_run(object, 9, y, y + 1, &e), bad, &e);
  expect_no_run(t, b, "end of x in y", mbconv_activation_run(object, 9, y, y + 8, &e), bad, &e);
  expect_no_run(t, b, "n", mbconv_activation_run(object, SIZE_MAX / 2, x, y, &e), MBCONV_SIZE_OVERFLOW, &e);
  expect_no_run(t, b, "0 floats", mbconv_activation_run(object, 0, x, y, &e), MBCONV_OK, &e);
  test_check(t, mbconv_activation_run(object, 9, NULL, y, NULL) == bad && untouched(b), "without an error struct");
  api_destroy(ACTIVATION, object);
}

/* The runs of images have the same arguments, but for the residual. */
static mbconv_status run(enum api_kind kind, const void *object, size_t batch, const float *x, float *y, void *scratch,
                         size_t size, const mbconv_threads *threads, mbconv_error *error) {
  if (kind == DEPTHWISE) return mbconv_depthwise_run(object, batch, x, y, scratch, size, threads, error);
  if (kind == CONVOLUTION) return mbconv_convolution_run(object, batch, x, y, NULL, scratch, size, threads, error);
  if (kind == STAGES) {
    static const float residual[IMAGE * WIDE];
    return mbconv_block_run_residual(object, batch, x, residual, y, scratch, size, threads, error);
  }
  return mbconv_block_run(object, batch, x, y, scratch, size, threads, error);
}

static size_t scratch_size(enum api_kind kind, const void *object, size_t threads) {
  if (kind == DEPTHWISE) return mbconv_depthwise_scratch_size(object, threads);
  if (kind == CONVOLUTION) return mbconv_convolution_scratch_size(object, threads);
  return mbconv_block_scratch_size(object, threads);
}

static void bad_residuals(struct test *t, const struct api_fixture *f, struct buffers *b) {
  test_at(t, "bad residuals of convolution");
  void *object = NULL;
  mbconv_error e = api_stale_error();
  if (!test_check(t, api_create(f, CONVOLUTION, &f->options, &object, NULL) == MBCONV_OK, "create")) return;
  float *const x = b->x, *const y = b->y, *const s = (float *)(void *)b->scratch;
  const size_t n = mbconv_convolution_scratch_size(object, 1);
  const mbconv_status bad = MBCONV_INVALID_ARGUMENT;
  expect_no_run(t, b, "after y", mbconv_convolution_run(object, 1, x, y, y + 1, s, n, NULL, &e), bad, &e);
  expect_no_run(t, b, "before y", mbconv_convolution_run(object, 1, x, y + 1, y, s, n, NULL, &e), bad, &e);
  expect_no_run(t, b, "in scratch", mbconv_convolution_run(object, 1, x, y, s + 1, s, n, NULL, &e), bad, &e);
  api_destroy(CONVOLUTION, object);
}

static void bad_pool_runs(struct test *t, const struct api_fixture *f, struct buffers *b) {
  test_at(t, "bad runs of global pool");
  void *object = NULL;
  mbconv_error e = api_stale_error();
  if (!test_check(t, api_create(f, GLOBAL_POOL, &f->options, &object, NULL) == MBCONV_OK, "create")) return;
  float *const x = b->x, *const y = b->y;
  const mbconv_threads none = {.count = 2};
  const mbconv_status bad = MBCONV_INVALID_ARGUMENT, over = MBCONV_SIZE_OVERFLOW;
  expect_no_run(t, b, "NULL", mbconv_global_pool_run(NULL, 1, x, y, NULL, &e), bad, &e);
  expect_no_run(t, b, "x NULL", mbconv_global_pool_run(object, 1, NULL, y, NULL, &e), bad, &e);
  expect_no_run(t, b, "y NULL", mbconv_global_pool_run(object, 1, x, NULL, NULL, &e), bad, &e);
  expect_no_run(t, b, "no parallel_for", mbconv_global_pool_run(object, 1, x, y, &none, &e), bad, &e);
  expect_no_run(t, b, "y in x", mbconv_global_pool_run(object, 1, y, y + 1, NULL, &e), bad, &e);
  expect_no_run(t, b, "batch", mbconv_global_pool_run(object, SIZE_MAX / 64, x, y, NULL, &e), over, &e);
  expect_no_run(t, b, "batch 0", mbconv_global_pool_run(object, 0, x, y, NULL, &e), MBCONV_OK, &e);
  api_destroy(GLOBAL_POOL, object);
}

static void bad_image_runs(struct test *t, const struct api_fixture *f, enum api_kind kind, struct buffers *b) {
  test_at(t, "bad runs of %s", api_kind_names[kind]);
  void *object = NULL;
  mbconv_error e = api_stale_error();
  if (!test_check(t, api_create(f, kind, &f->options, &object, NULL) == MBCONV_OK, "create")) return;
  float *const x = b->x, *const y = b->y;
  void *const s = b->scratch;
  const size_t x_size = (kind == DEPTHWISE ? WIDE : 6) * IMAGE;
  const size_t y_size = (kind == BLOCK || kind == STAGES ? 7 : WIDE) * IMAGE;
  const size_t n = scratch_size(kind, object, 1), n2 = scratch_size(kind, object, 2);
  test_check(t, n > 0 && n <= n2 && n2 <= SCRATCH_BYTES, "scratch of %zu and %zu bytes", n, n2);
  const mbconv_threads none = {.count = 2}, two = {.parallel_for = parallel_forward, .count = 2};
  const size_t calls = f->ledger.calls;
  const mbconv_status bad = MBCONV_INVALID_ARGUMENT, small = MBCONV_SCRATCH_TOO_SMALL, over = MBCONV_SIZE_OVERFLOW;
  expect_no_run(t, b, "NULL", run(kind, NULL, 1, x, y, s, n, NULL, &e), bad, &e);
  expect_no_run(t, b, "x NULL", run(kind, object, 1, NULL, y, s, n, NULL, &e), bad, &e);
  expect_no_run(t, b, "y NULL", run(kind, object, 1, x, NULL, s, n, NULL, &e), bad, &e);
  expect_no_run(t, b, "scratch NULL", run(kind, object, 1, x, y, NULL, n, NULL, &e), bad, &e);
  expect_no_run(t, b, "scratch size - 1", run(kind, object, 1, x, y, s, n - 1, NULL, &e), small, &e);
  expect_no_run(t, b, "scratch size 0", run(kind, object, 1, x, y, s, 0, NULL, &e), small, &e);
  expect_no_run(t, b, "scratch for 2", run(kind, object, 1, x, y, s, n2 - 1, &two, &e), small, &e);
  expect_no_run(t, b, "no parallel_for", run(kind, object, 1, x, y, s, n2, &none, &e), bad, &e);
  expect_no_run(t, b, "y = x", run(kind, object, 1, y, y, s, n, NULL, &e), bad, &e);
  expect_no_run(t, b, "y in x", run(kind, object, 1, y, y + x_size - 1, s, n, NULL, &e), bad, &e);
  expect_no_run(t, b, "x in y", run(kind, object, 1, y + y_size - 1, y, s, n, NULL, &e), bad, &e);
  expect_no_run(t, b, "batch", run(kind, object, SIZE_MAX, x, y, s, n, NULL, &e), over, &e);
  expect_no_run(t, b, "batch / 64", run(kind, object, SIZE_MAX / 64, x, y, s, n, NULL, &e), over, &e);
  expect_no_run(t, b, "batch 0", run(kind, object, 0, x, y, s, n, NULL, &e), MBCONV_OK, &e);
  test_check(t, run(kind, object, 1, x, y, s, n - 1, NULL, NULL) == small && untouched(b), "without an error struct");
  test_check(t, f->ledger.calls == calls, "a run allocated");

  /* More threads than memory for them: too much scratch, or more than there can be. */
  const mbconv_threads all = {.parallel_for = parallel_forward, .count = SIZE_MAX}, zero = {0};
  const mbconv_status crowded = run(kind, object, 1, x, y, s, n, &all, &e);
  api_check_error(t, "SIZE_MAX threads", crowded, crowded == over ? over : small, &e);
  test_check(t, untouched(b), "SIZE_MAX threads: y was written");
  const size_t n0 = scratch_size(kind, object, 0);
  test_check(t, n0 == n, "scratch of %zu bytes for 0 threads, %zu for 1", n0, n);
  api_check_error(t, "0 threads", run(kind, object, 1, x, y, s, n, &zero, &e), MBCONV_OK, &e);

  /* Next to each other is not overlapping. */
  const mbconv_status adjacent = run(kind, object, 1, y, y + x_size, s, n, NULL, &e);
  api_check_error(t, "x before y", adjacent, MBCONV_OK, &e);
  test_check(t, f->ledger.calls == calls, "a run allocated");
  for (size_t i = 0; i < sizeof b->y / sizeof *b->y; i++) b->y[i] = 7;
  api_destroy(kind, object);
}

void api_bad_runs(struct test *t, const struct api_fixture *f) {
  struct buffers *b = malloc(sizeof *b);
  if (!b) abort();
  for (size_t i = 0; i < sizeof b->y / sizeof *b->y; i++) b->x[i] = b->y[i] = 7;
  bad_pointwise_runs(t, f, b);
  bad_activation_runs(t, f, b);
  bad_image_runs(t, f, DEPTHWISE, b);
  bad_image_runs(t, f, BLOCK, b);
  bad_image_runs(t, f, STAGES, b);
  bad_image_runs(t, f, CONVOLUTION, b);
  bad_residuals(t, f, b);
  bad_pool_runs(t, f, b);
  free(b);
}
