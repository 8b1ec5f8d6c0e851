/* SPDX-License-Identifier: MIT
 *
 * One network run by several threads at once, each with its own arena and its own size of images and some with threads
 * of their own, gives what one thread alone gets. Meant for ThreadSanitizer too.
 */
#include <pthread.h>
#include <stdlib.h>

#include "block_case.h"
#include "file_case.h"
#include "networks_suites.h"
#include "thread.h"

enum { WORKERS = 4, REPEATS = 3, CLASSES = 9, SIDE = 40 };

/* What one thread does and what came of it: only the main thread counts cases. */
struct worker {
  const mbconv_network *network;
  size_t threads;
  size_t height, width;
  const float *x;
  float want[CLASSES];
  size_t failures;
};

static mbconv_status run_once(const struct worker *w, const mbconv_threads *threads, float *y) {
  size_t bytes = 0;
  mbconv_status status = mbconv_network_arena_size_at(w->network, 1, w->height, w->width, &bytes, NULL);
  if (status != MBCONV_OK) return status;
  void *arena = malloc(bytes);
  if (!arena) abort();
  memset(arena, 0xff, bytes); /* NaN */
  status = mbconv_network_run_at(w->network, 1, w->height, w->width, w->x, y, arena, bytes, threads, NULL);
  free(arena);
  return status;
}

static void *run_repeatedly(void *argument) {
  struct worker *w = argument;
  const mbconv_threads threads = {.parallel_for = parallel_pthreads, .count = w->threads};
  for (size_t i = 0; i < REPEATS; i++) {
    float y[CLASSES];
    if (run_once(w, &threads, y) != MBCONV_OK || !test_equal(y, w->want, CLASSES, NULL)) w->failures++;
  }
  return NULL;
}

static void check_sharing(struct test *t, const char *name) {
  test_at(t, "%s shared by %d threads", name, WORKERS);
  const mbconv_options kernels = {.isa = t->isa};
  const mbconv_network_options options = {
      .kernels = &kernels, .height = SIDE, .width = SIDE, .threads = 2, .classes = CLASSES, .seed = t->seed};
  mbconv_network *network = NULL;
  if (!test_check(t, mbconv_network_random(name, &options, &network, NULL) == MBCONV_OK, "random")) return;
  uint64_t state = 1;
  static const size_t heights[WORKERS] = {SIDE, SIDE, 23, 64}, widths[WORKERS] = {SIDE, SIDE, 57, 25};
  float *x = test_new_floats(&state, SIDE * SIDE * 3), want[CLASSES];
  file_case_run(t, network, 1, want); /* the same x */
  struct worker workers[WORKERS];
  pthread_t threads[WORKERS];
  for (size_t i = 0; i < WORKERS; i++) {
    workers[i] =
        (struct worker){.network = network, .threads = 1 + i % 2, .height = heights[i], .width = widths[i], .x = x};
    test_check(t, run_once(&workers[i], NULL, workers[i].want) == MBCONV_OK, "alone");
    if (heights[i] == SIDE) test_check_equal(t, workers[i].want, want, CLASSES, "at the default size");
    if (!test_thread_start(&threads[i], run_repeatedly, &workers[i])) abort();
  }
  for (size_t i = 0; i < WORKERS; i++) {
    pthread_join(threads[i], NULL);
    test_check(t, workers[i].failures == 0, "thread %zu: %zu of %d runs differ", i, workers[i].failures, REPEATS);
  }
  mbconv_network_destroy(network);
  free(x);
}

void test_sharing(struct test *t) {
  check_sharing(t, "mobilenet_v2_0.35");
  check_sharing(t, "mobilenet_v3_small");
  if (!t->small) check_sharing(t, "efficientnet_b0");
}
