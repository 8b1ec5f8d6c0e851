/* SPDX-License-Identifier: MIT
 *
 * Signal handlers: one may run any object, whatever it has interrupted. A suite of its own, because QEMU 7.2 crashes on
 * x86 when a thread gets signals while it computes (in programs without this library too).
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "faults.h"
#include "thread.h"

/* What the handler runs, and what came of it. */
static const struct faults *interrupting;
static atomic_int kind_of_handler;
static atomic_size_t handled, failed;

static void run_in_handler(int number) {
  (void)number;
  const enum api_kind kind = (enum api_kind)atomic_load(&kind_of_handler);
  if (!faults_run_equals(interrupting, kind, NULL)) atomic_fetch_add(&failed, 1);
  atomic_fetch_add(&handled, 1);
}

struct sender {
  pthread_t target;
  atomic_bool stop;
};

/* As often as the target gets through the handler. */
static void *send_signals(void *argument) {
  struct sender *sender = argument;
  while (!atomic_load(&sender->stop)) {
    const size_t before = atomic_load(&handled);
    pthread_kill(sender->target, SIGUSR1);
    while (atomic_load(&handled) == before && !atomic_load(&sender->stop)) sched_yield();
    sched_yield();
  }
  return NULL;
}

/* Runs `kind` until it has been interrupted often enough. */
static void interrupted(struct test *t, const struct faults *s, enum api_kind kind, enum api_kind other) {
  const size_t enough = t->small ? 3 : 20;
  test_at(t, "%s, interrupted by %s", api_kind_names[kind], api_kind_names[other]);
  atomic_store(&kind_of_handler, (int)other);
  atomic_store(&handled, 0);
  atomic_store(&failed, 0);
  struct sender sender = {.target = pthread_self()};
  pthread_t thread;
  if (!test_thread_start(&thread, send_signals, &sender)) abort();
  size_t wrong = 0;
  while (atomic_load(&handled) < enough) wrong += !faults_run_equals(s, kind, NULL);
  atomic_store(&sender.stop, true);
  pthread_join(thread, NULL);
  test_check(t, wrong == 0, "%zu interrupted runs failed or gave another result", wrong);
  test_check(t, atomic_load(&failed) == 0, "%zu runs of the handler failed or gave another result",
             (size_t)atomic_load(&failed));
}

void test_signals(struct test *t) {
  struct faults *s = malloc(sizeof *s);
  if (!s) abort();
  faults_new(t, s);
  struct sigaction action = {.sa_handler = run_in_handler, .sa_flags = SA_RESTART}, before;
  interrupting = s;
  if (sigaction(SIGUSR1, &action, &before) != 0) abort();
  for (enum api_kind kind = 0; kind < KINDS; kind++) {
    interrupted(t, s, kind, kind);
    interrupted(t, s, kind, (enum api_kind)((kind + 1) % KINDS));
  }
  sigaction(SIGUSR1, &before, NULL);
  faults_free(s);
  free(s);
}
