/* SPDX-License-Identifier: MIT
 *
 * Objects shared by threads: two and four threads run one block, pointwise, depthwise and activation at once, each with
 * its own output and scratch, and get what one thread alone gets; threads create and destroy at the same time; and the
 * tasks of one run share nothing that they write. Meant for ThreadSanitizer too.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "block_case.h"
#include "mbconv.h"
#include "test.h"
#include "thread.h"

enum { MOST_THREADS = 4, OUT_CHANNELS = 21 };

/* ---- The objects, and one run of each ---------------------------------------------------------------------------- */

enum kind { BLOCK, BLOCK_ON_THREADS, POINTWISE, DEPTHWISE, DEPTHWISE_ON_THREADS, ACTIVATION, KINDS };
static const char *const kind_names[KINDS] = {"block",     "block on its own threads",     "pointwise",
                                              "depthwise", "depthwise on its own threads", "activation"};

/* The descriptions are of one block and of its parts. All runs read the same x. */
struct shared {
  struct block_case c;
  mbconv_pointwise_desc pointwise_desc;
  mbconv_depthwise_desc depthwise_desc;
  mbconv_options options;
  mbconv_block *block;
  mbconv_pointwise *pointwise;
  mbconv_depthwise *depthwise;
  mbconv_activation *activation;
  const float *x;
  size_t x_size, y_size; /* y_size suffices for each kind */
};

static bool create_all(struct shared *s) {
  s->block = NULL;
  s->pointwise = NULL;
  s->depthwise = NULL;
  s->activation = NULL;
  const mbconv_activation_desc silu = {.kind = MBCONV_ACTIVATION_SILU};
  return mbconv_block_create(&s->c.desc, &s->options, &s->block, NULL) == MBCONV_OK &&
         mbconv_pointwise_create(&s->pointwise_desc, &s->options, &s->pointwise, NULL) == MBCONV_OK &&
         mbconv_depthwise_create(&s->depthwise_desc, &s->options, &s->depthwise, NULL) == MBCONV_OK &&
         mbconv_activation_create(&silu, &s->options, &s->activation, NULL) == MBCONV_OK;
}

static void destroy_all(struct shared *s) {
  mbconv_block_destroy(s->block);
  mbconv_pointwise_destroy(s->pointwise);
  mbconv_depthwise_destroy(s->depthwise);
  mbconv_activation_destroy(s->activation);
}

/* Runs one object into y, which is poisoned first. */
static mbconv_status run(const struct shared *s, enum kind kind, float *y) {
  const mbconv_threads threads = {.parallel_for = parallel_pthreads, .count = 2};
  const mbconv_threads *given = kind == BLOCK_ON_THREADS || kind == DEPTHWISE_ON_THREADS ? &threads : NULL;
  const size_t count = given ? 2 : 1, pixels = s->c.desc.height * s->c.desc.width;
  for (size_t i = 0; i < s->y_size; i++) y[i] = test_poison();
  size_t size = 0;
  if (kind == BLOCK || kind == BLOCK_ON_THREADS) size = mbconv_block_scratch_size(s->block, count);
  if (kind == DEPTHWISE || kind == DEPTHWISE_ON_THREADS) size = mbconv_depthwise_scratch_size(s->depthwise, count);
  void *scratch = malloc(size + 1);
  if (!scratch) return MBCONV_OUT_OF_MEMORY;
  memset(scratch, 0xff, size); /* NaN */
  mbconv_status status = MBCONV_INVALID_ARGUMENT;
  switch (kind) {
    case BLOCK:
    case BLOCK_ON_THREADS: status = mbconv_block_run(s->block, 1, s->x, y, scratch, size, given, NULL); break;
    case POINTWISE: status = mbconv_pointwise_run(s->pointwise, pixels, s->x, 0, y, 0, NULL, 0, NULL, NULL); break;
    case DEPTHWISE:
    case DEPTHWISE_ON_THREADS:
      status = mbconv_depthwise_run(s->depthwise, 1, s->x, y, scratch, size, given, NULL);
      break;
    case ACTIVATION: status = mbconv_activation_run(s->activation, s->x_size, s->x, y, NULL); break;
    case KINDS: break;
  }
  free(scratch);
  return status;
}

/* ---- Threads ----------------------------------------------------------------------------------------------------- */

/* What one thread does and what came of it: only the main thread counts cases. */
struct worker {
  struct shared *shared;
  enum kind kind;
  size_t repeats;
  const float *expected;
  float *y;
  size_t failures;
};

static void *run_repeatedly(void *argument) {
  struct worker *w = argument;
  for (size_t i = 0; i < w->repeats; i++) {
    const bool ok =
        run(w->shared, w->kind, w->y) == MBCONV_OK && test_equal(w->expected, w->y, w->shared->y_size, NULL);
    if (!ok) w->failures++;
  }
  return NULL;
}

/* Creates, runs and destroys objects of its own from descriptions that all threads read. */
static void *create_repeatedly(void *argument) {
  struct worker *w = argument;
  for (size_t i = 0; i < w->repeats; i++) {
    struct shared *own = malloc(sizeof *own);
    if (!own) abort();
    *own = *w->shared; /* the copied desc points into the original: only read */
    const bool ok =
        create_all(own) && run(own, w->kind, w->y) == MBCONV_OK && test_equal(w->expected, w->y, own->y_size, NULL);
    destroy_all(own);
    free(own);
    if (!ok) w->failures++;
  }
  return NULL;
}

/* Starts `count` threads on `work` with the kinds of `workers` and waits for them. */
static void run_workers(struct test *t, void *(*work)(void *), struct worker *workers, size_t count) {
  pthread_t threads[MOST_THREADS];
  for (size_t i = 0; i < count; i++) {
    if (!test_thread_start(&threads[i], work, &workers[i])) abort();
  }
  for (size_t i = 0; i < count; i++) pthread_join(threads[i], NULL);
  for (size_t i = 0; i < count; i++)
    test_check(t, workers[i].failures == 0, "thread %zu of %zu, %s: %zu of %zu runs failed or differ", i, count,
               kind_names[workers[i].kind], workers[i].failures, workers[i].repeats);
}

/* ---- The suite --------------------------------------------------------------------------------------------------- */

static void describe_parts(struct test *t, struct shared *s, uint64_t *state) {
  mbconv_block_desc shape = {.height = 9,
                             .width = 8,
                             .in_channels = 20,
                             .expanded_channels = 50,
                             .out_channels = OUT_CHANNELS,
                             .kernel = 3,
                             .stride = 1,
                             .pad = {1, 1, 1, 1}};
  shape.activation = MBCONV_ACTIVATION_SILU;
  if (t->small) shape.height = 4;
  const struct block_parts parts = {.expand = true,
                                    .bias = true,
                                    .batch_norm = true,
                                    .squeeze_excite = 5,
                                    .inner = MBCONV_ACTIVATION_SILU,
                                    .gate = MBCONV_ACTIVATION_SIGMOID};
  block_case_new(&s->c, &shape, &parts, state);
  s->options = (mbconv_options){.isa = t->isa};
  s->pointwise_desc = (mbconv_pointwise_desc){
      .in_channels = 20, .out_channels = 50, .conv = &s->c.expand, .activation = MBCONV_ACTIVATION_SILU};
  /* As many channels as x has: the weights of the first 20 of 50. */
  s->depthwise_desc = (mbconv_depthwise_desc){.height = shape.height,
                                              .width = shape.width,
                                              .channels = 20,
                                              .kernel = 3,
                                              .stride = 1,
                                              .pad = {1, 1, 1, 1},
                                              .conv = &s->c.depthwise,
                                              .activation = MBCONV_ACTIVATION_HARD_SWISH};
  s->x_size = block_case_x_size(&shape);
  s->y_size = shape.height * shape.width * shape.expanded_channels;
}

void test_threads(struct test *t) {
  const size_t repeats = t->small ? 2 : 20;
  uint64_t state = t->seed;
  struct shared *s = calloc(1, sizeof *s);
  if (!s) abort();
  describe_parts(t, s, &state);
  float *x = malloc(s->x_size * sizeof *x), *buffers = malloc((KINDS + MOST_THREADS) * s->y_size * sizeof *buffers);
  if (!x || !buffers) abort();
  test_fill(&state, x, s->x_size);
  s->x = x;
  test_at(t, "one object of each kind");
  const bool created = create_all(s);
  test_check(t, created, "create failed");
  const float *expected[KINDS];
  bool ok = created;
  for (enum kind kind = 0; kind < KINDS && ok; kind++) {
    float *y = buffers + kind * s->y_size;
    expected[kind] = y;
    ok = test_check(t, run(s, kind, y) == MBCONV_OK, "%s alone fails", kind_names[kind]);
  }
  if (ok) test_check(t, test_equal(expected[BLOCK], expected[BLOCK_ON_THREADS], s->y_size, NULL), "threads of a run");

  for (size_t count = 2; count <= MOST_THREADS && ok; count += 2) {
    for (enum kind kind = 0; kind <= KINDS; kind++) {
      struct worker workers[MOST_THREADS];
      for (size_t i = 0; i < count; i++) {
        /* The last round mixes the kinds. */
        const enum kind own = kind < KINDS ? kind : (enum kind)(i % KINDS);
        workers[i] = (struct worker){s, own, repeats, expected[own], buffers + (KINDS + i) * s->y_size, 0};
      }
      test_at(t, "%zu threads, one object", count);
      run_workers(t, run_repeatedly, workers, count);
      test_at(t, "%zu threads, each its own object", count);
      run_workers(t, create_repeatedly, workers, count);
    }
  }
  destroy_all(s);
  block_case_free(&s->c);
  free(s);
  free(x);
  free(buffers);
}
