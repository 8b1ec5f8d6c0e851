/* SPDX-License-Identifier: MIT
 *
 * A soak: threads that create, run and destroy blocks of random shapes, some of them private to a thread, some shared
 * by all, whose last user destroys them. Outputs must be the scalar set's, every status OK, and the memory flat.
 *
 *   mbconv_soak [--rounds N] [--turns N] [--threads N] [--seed N]
 *
 * A round is so many turns of every thread; what is tried does not depend on how fast the machine is. After a round all
 * threads have stopped: then nothing that the library allocated may be left, and the heap must have given out no more
 * than after the first round, but for HEAP_MOVES: what the C library keeps of the stacks of threads that ended. What
 * the process occupies says less: it grows for as long as threads find deeper stacks to use again. The last lines tell
 * how many runs there were, and `check: <n> cases, <n> findings`.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "soak.h"
#include "thread.h"

enum { MOST_THREADS = 64, SHARED = 6, USES = 40, RUNS_OF_A_TURN = 12, HEAP_MOVES = 65536 };

struct counts {
  size_t created, runs, shared_runs, failures;
};

/* A block that all threads may run; made and let go under the lock, run outside it. */
struct slot {
  struct soak_block *block;
  size_t users, uses;
};

struct soak {
  pthread_mutex_t lock;
  struct slot slots[SHARED];
  size_t turns; /* of each thread, in a round */
  atomic_bool failed;
};

struct worker {
  struct soak *soak;
  uint64_t state;
  struct counts counts;
  pthread_t thread;
};

/* ---- A thread ---------------------------------------------------------------------------------------------------- */

static void count_run(struct worker *w, bool ok) {
  w->counts.runs++;
  if (ok) return;
  w->counts.failures++;
  atomic_store(&w->soak->failed, true);
}

/* Makes a block, runs it on every set and in several ways, and destroys it. */
static void run_private(struct worker *w) {
  struct soak_block *block = soak_block_new(&w->state, MBCONV_ISA_SCALAR);
  mbconv_isa isas[MBCONV_ISA_COUNT];
  const size_t sets = mbconv_usable_isas(isas, MBCONV_ISA_COUNT);
  for (size_t i = 0; i < sets; i++) {
    for (size_t threads = 1; threads <= 3; threads += 2) {
      w->counts.created++;
      count_run(w, soak_block_run_anew(block, isas[i], threads, &w->state));
    }
  }
  soak_block_free(block);
}

/* The block of a random slot; a new one if nobody has made it yet. */
static struct slot *take(struct worker *w, size_t index) {
  struct slot *slot = &w->soak->slots[index];
  pthread_mutex_lock(&w->soak->lock);
  if (!slot->block) {
    slot->block = soak_block_new(&w->state, MBCONV_ISA_AUTO);
    slot->uses = 0;
    w->counts.created++;
  }
  slot->users++;
  slot->uses++;
  pthread_mutex_unlock(&w->soak->lock);
  return slot;
}

/* Whoever is the last to have used it often enough destroys it. */
static void give_back(struct worker *w, struct slot *slot) {
  struct soak_block *old = NULL;
  pthread_mutex_lock(&w->soak->lock);
  if (--slot->users == 0 && slot->uses >= USES) {
    old = slot->block;
    slot->block = NULL;
  }
  pthread_mutex_unlock(&w->soak->lock);
  soak_block_free(old);
}

static void run_shared(struct worker *w) {
  struct slot *slot = take(w, test_random_size(&w->state, 0, SHARED - 1));
  w->counts.shared_runs++;
  count_run(w, soak_block_run(slot->block, test_random_size(&w->state, 1, 3)));
  give_back(w, slot);
}

static void *work(void *argument) {
  struct worker *w = argument;
  for (size_t turn = 0; turn < w->soak->turns; turn++) {
    run_private(w);
    for (size_t i = 0; i < RUNS_OF_A_TURN; i++) run_shared(w);
  }
  return NULL;
}

/* ---- Rounds ------------------------------------------------------------------------------------------------------ */

/* Bytes that the heap has given out, if all threads have one arena. A sanitizer has a heap of its own. */
static size_t heap_bytes(void) {
  const struct mallinfo2 heap = mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

static void run_round(struct soak *soak, struct worker *workers, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!test_thread_start(&workers[i].thread, work, &workers[i])) abort();
  for (size_t i = 0; i < count; i++) pthread_join(workers[i].thread, NULL);
  for (size_t i = 0; i < SHARED; i++) {
    soak_block_free(soak->slots[i].block);
    soak->slots[i] = (struct slot){0};
  }
}

static size_t number(const char *text) {
  char *end;
  const unsigned long long value = strtoull(text, &end, 10);
  if (*text == '\0' || *end != '\0' || value == 0) {
    fprintf(stderr, "not a number above 0: %s\n", text);
    exit(2);
  }
  return (size_t)value;
}

int main(int count, char **words) {
  size_t rounds = 10, turns = 20, threads = 4, seed = 1;
  for (int i = 1; i < count; i += 2) {
    size_t *option = NULL;
    if (strcmp(words[i], "--rounds") == 0) option = &rounds;
    if (strcmp(words[i], "--turns") == 0) option = &turns;
    if (strcmp(words[i], "--threads") == 0) option = &threads;
    if (strcmp(words[i], "--seed") == 0) option = &seed;
    if (!option || i + 1 == count) {
      fprintf(stderr, "usage: mbconv_soak [--rounds N] [--turns N] [--threads N] [--seed N]\n");
      return 2;
    }
    *option = number(words[i + 1]);
  }
  if (threads > MOST_THREADS) threads = MOST_THREADS;

  struct soak soak = {.lock = PTHREAD_MUTEX_INITIALIZER, .turns = turns};
  struct worker workers[MOST_THREADS] = {0};
  for (size_t i = 0; i < threads; i++) workers[i] = (struct worker){.soak = &soak, .state = seed * MOST_THREADS + i};
  mallopt(M_ARENA_MAX, 1);
  size_t first = 0, highest = 0, left = 0;
  for (size_t round = 0; round < rounds && !atomic_load(&soak.failed); round++) {
    run_round(&soak, workers, threads);
    left += soak_bytes();
    const size_t now = heap_bytes();
    if (round == 0) first = now;
    if (now > highest) highest = now;
  }

  struct counts all = {0};
  for (size_t i = 0; i < threads; i++) {
    all.created += workers[i].counts.created;
    all.runs += workers[i].counts.runs;
    all.shared_runs += workers[i].counts.shared_runs;
    all.failures += workers[i].counts.failures;
  }
  const bool flat = highest <= first + HEAP_MOVES;
  printf("%zu threads: %zu blocks created, %zu runs, of which %zu of shared blocks; %zu failed or differ\n", threads,
         all.created, all.runs, all.shared_runs, all.failures);
  printf("the library left %zu bytes after %zu rounds; the heap had given out %zu bytes after the first, %zu at most\n",
         left, rounds, first, highest);
  const size_t findings = all.failures + (left > 0) + !flat;
  printf("check: %zu cases, %zu findings\n", all.runs + 2, findings);
  return findings > 0 || all.shared_runs == 0;
}
