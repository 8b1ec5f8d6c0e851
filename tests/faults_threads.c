/* SPDX-License-Identifier: MIT
 *
 * Parallel-fors that do all that the header allows: any order, any number of threads whatever was said, nested in each
 * other, and a run of another object inside.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "faults.h"
#include "thread.h"

enum { MOST_WORKERS = 5 };

/* ---- Parallel-fors ----------------------------------------------------------------------------------------------- */

/* In an order that the context, a random state, gives. */
static void shuffled(void *context, void (*task)(void *argument, size_t index), void *argument, size_t count) {
  size_t *order = malloc(count * sizeof *order);
  if (!order) abort();
  for (size_t i = 0; i < count; i++) {
    const size_t j = test_random_size(context, 0, i);
    order[i] = order[j];
    order[j] = i;
  }
  for (size_t i = 0; i < count; i++) task(argument, order[i]);
  free(order);
}

struct work {
  void (*task)(void *argument, size_t index);
  void *argument;
  size_t count;
  atomic_size_t next;
};

static void *take_indices(void *argument) {
  struct work *work = argument;
  for (size_t i; (i = atomic_fetch_add(&work->next, 1)) < work->count;) work->task(work->argument, i);
  return NULL;
}

/* On as many other threads as the context says, whatever count is; the calling thread only waits. */
static void on_workers(void *context, void (*task)(void *argument, size_t index), void *argument, size_t count) {
  const size_t workers = *(const size_t *)context;
  struct work work = {.task = task, .argument = argument, .count = count};
  pthread_t threads[MOST_WORKERS];
  for (size_t i = 0; i < workers; i++) {
    if (!test_thread_start(&threads[i], take_indices, &work)) abort();
  }
  for (size_t i = 0; i < workers; i++) pthread_join(threads[i], NULL);
}

/* Runs another object, on threads of its own, before each index. */
struct guest {
  const struct faults *s;
  enum api_kind kind;
  bool ok;
};

static void with_a_guest(void *context, void (*task)(void *argument, size_t index), void *argument, size_t count) {
  struct guest *guest = context;
  size_t one = 1;
  const mbconv_threads threads = {.parallel_for = on_workers, .context = &one, .count = 2};
  for (size_t i = 0; i < count; i++) {
    guest->ok = faults_run_equals(guest->s, guest->kind, &threads) && guest->ok;
    task(argument, i);
  }
}

/* ---- The cases --------------------------------------------------------------------------------------------------- */

static void any_order(struct test *t, const struct faults *s, enum api_kind kind) {
  uint64_t state = t->seed;
  for (size_t said = 2; said <= 7; said++) {
    test_at(t, "%s, %zu threads, any order", api_kind_names[kind], said);
    const mbconv_threads threads = {.parallel_for = shuffled, .context = &state, .count = said};
    for (size_t repeat = 0; repeat < (t->small ? 1 : 5); repeat++)
      test_check(t, faults_run_equals(s, kind, &threads), "another result");
  }
}

static void any_number(struct test *t, const struct faults *s, enum api_kind kind) {
  static const size_t said[] = {2, 3, 7};
  for (size_t workers = 1; workers <= MOST_WORKERS; workers += 2) {
    for (size_t i = 0; i < 3; i++) {
      test_at(t, "%s, %zu threads said, %zu there", api_kind_names[kind], said[i], workers);
      const mbconv_threads threads = {.parallel_for = on_workers, .context = &workers, .count = said[i]};
      test_check(t, faults_run_equals(s, kind, &threads), "another result");
    }
  }
}

/* An outer parallel-for whose every index is a run of all kinds on threads of its own. */
struct nest {
  const struct faults *s;
  atomic_size_t failures;
};

static void run_all_kinds(void *argument, size_t index) {
  struct nest *nest = argument;
  size_t workers = 1 + index % 2;
  const mbconv_threads threads = {.parallel_for = on_workers, .context = &workers, .count = 3};
  for (enum api_kind kind = 0; kind < KINDS; kind++)
    if (!faults_run_equals(nest->s, kind, &threads)) atomic_fetch_add(&nest->failures, 1);
}

static void nested(struct test *t, const struct faults *s) {
  struct nest nest = {.s = s};
  size_t workers = 3;
  test_at(t, "parallel-fors inside one");
  on_workers(&workers, run_all_kinds, &nest, t->small ? 3 : 12);
  test_check(t, atomic_load(&nest.failures) == 0, "%zu runs failed or gave another result",
             (size_t)atomic_load(&nest.failures));
}

static void guests(struct test *t, const struct faults *s, enum api_kind kind) {
  for (enum api_kind other = 0; other < KINDS; other++) {
    test_at(t, "%s, with runs of %s inside", api_kind_names[kind], api_kind_names[other]);
    struct guest guest = {.s = s, .kind = other, .ok = true};
    const mbconv_threads threads = {.parallel_for = with_a_guest, .context = &guest, .count = 3};
    test_check(t, faults_run_equals(s, kind, &threads) && guest.ok, "another result");
  }
}

void faults_of_threads(struct test *t, const struct faults *s) {
  for (enum api_kind kind = 0; kind < KINDS; kind++) {
    if (kind == ACTIVATION) continue; /* takes no threads */
    any_order(t, s, kind);
    any_number(t, s, kind);
    guests(t, s, kind);
  }
  nested(t, s);
}
