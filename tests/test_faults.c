/* SPDX-License-Identifier: MIT
 *
 * What can go wrong around the library, with an object of every kind: scratch that is misaligned or overlaps tensors
 * (faults_scratch.c), parallel-fors that do as they please (faults_threads.c), floating-point modes that the caller has
 * set (faults_modes.c), a fork (faults_fork.c). Failing allocations are in test_api.c, signal handlers in
 * test_signals.c.
 */
#include <stdlib.h>
#include <string.h>

#include "faults.h"

enum { PIXELS = 4 * 5, MOST_Y = FAULTS_BATCH * PIXELS * 18 };

void faults_new(struct test *t, struct faults *s) {
  static const size_t x_channels[KINDS] = {6, 18, 18, 6, 6, 18, 6};
  static const size_t y_channels[KINDS] = {18, 18, 18, 7, 18, 18, 7};
  uint64_t state = t->seed;
  *s = (struct faults){.x = test_new_floats(&state, MOST_Y)};
  api_fixture_new(t, &s->f);
  for (enum api_kind kind = 0; kind < KINDS; kind++) {
    test_at(t, "%s, when all is well", api_kind_names[kind]);
    s->x_sizes[kind] = FAULTS_BATCH * PIXELS * x_channels[kind];
    s->y_sizes[kind] = FAULTS_BATCH * (kind == GLOBAL_POOL ? 1 : PIXELS) * y_channels[kind];
    s->expected[kind] = test_new_floats(&state, s->y_sizes[kind]);
    char *scratch = malloc(FAULTS_SCRATCH);
    if (!scratch) abort();
    mbconv_error error = api_stale_error();
    const bool made = api_create(&s->f, kind, &s->f.options, &s->objects[kind], &error) == MBCONV_OK;
    test_check(t, made && faults_scratch_size(s, kind, 7) <= FAULTS_SCRATCH, "create: %s", error.message);
    if (!made) abort();
    const mbconv_status status =
        faults_run_with(s, kind, s->objects[kind], s->x, s->expected[kind], scratch, FAULTS_SCRATCH, NULL, &error);
    test_check(t, status == MBCONV_OK, "run: %s", error.message);
    free(scratch);
  }
}

void faults_free(struct faults *s) {
  for (enum api_kind kind = 0; kind < KINDS; kind++) {
    api_destroy(kind, s->objects[kind]);
    free(s->expected[kind]);
  }
  free(s->x);
  api_fixture_free(&s->f);
}

size_t faults_scratch_size(const struct faults *s, enum api_kind kind, size_t threads) {
  if (kind == DEPTHWISE) return mbconv_depthwise_scratch_size(s->objects[kind], threads);
  if (kind == CONVOLUTION) return mbconv_convolution_scratch_size(s->objects[kind], threads);
  return kind == BLOCK || kind == STAGES ? mbconv_block_scratch_size(s->objects[kind], threads) : 0;
}

mbconv_status faults_run_with(const struct faults *s, enum api_kind kind, const void *object, const float *x, float *y,
                              void *scratch, size_t scratch_size, const mbconv_threads *threads, mbconv_error *error) {
  const size_t batch = FAULTS_BATCH;
  switch (kind) {
    case POINTWISE: return mbconv_pointwise_run(object, batch * PIXELS, x, 0, y, 0, NULL, 0, threads, error);
    case DEPTHWISE: return mbconv_depthwise_run(object, batch, x, y, scratch, scratch_size, threads, error);
    case ACTIVATION: return mbconv_activation_run(object, s->y_sizes[kind], x, y, error);
    case BLOCK: return mbconv_block_run(object, batch, x, y, scratch, scratch_size, threads, error);
    case STAGES: return mbconv_block_run_residual(object, batch, x, x, y, scratch, scratch_size, threads, error);
    case CONVOLUTION: return mbconv_convolution_run(object, batch, x, y, NULL, scratch, scratch_size, threads, error);
    case GLOBAL_POOL: return mbconv_global_pool_run(object, batch, x, y, threads, error);
    case KINDS: break;
  }
  return MBCONV_INVALID_ARGUMENT;
}

/* On the stack: malloc is not for signal handlers. */
bool faults_run_equals(const struct faults *s, enum api_kind kind, const mbconv_threads *threads) {
  float y[MOST_Y], scratch[FAULTS_SCRATCH / sizeof(float)];
  for (size_t i = 0; i < s->y_sizes[kind]; i++) y[i] = test_poison();
  memset(scratch, 0xff, sizeof scratch);
  const size_t size = faults_scratch_size(s, kind, threads ? threads->count : 1);
  return size <= sizeof scratch &&
         faults_run_with(s, kind, s->objects[kind], s->x, y, scratch, size, threads, NULL) == MBCONV_OK &&
         test_equal(y, s->expected[kind], s->y_sizes[kind], NULL);
}

void test_faults(struct test *t) {
  struct faults *s = malloc(sizeof *s);
  if (!s) abort();
  faults_new(t, s);
  faults_of_scratch(t, s);
  faults_of_threads(t, s);
  faults_of_modes(t, s);
  faults_of_fork(t, s);
  faults_free(s);
  free(s);
}
