/* SPDX-License-Identifier: MIT
 *
 * A pool of threads as an mbconv_parallel_for. Between the phases of a block, and from one block of a network to the
 * next, its threads wait awake; SPIN_NANOSECONDS after the last work they sleep until the next.
 *
 * Work is handed out by `ticket`, the number of the job and the next index in one word: who has raised it owns the
 * index, and knows that the job which it read before is still that one.
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime() */
#include "pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

enum { SPIN_NANOSECONDS = 100000, PAUSES_PER_LOOK = 32 };
#define INDEX_MASK UINT32_MAX

struct mbconv_pool {
  size_t workers;
  pthread_t *thread;
  atomic_bool taken; /* by a run */
  atomic_bool ending;
  _Atomic(mbconv_task) task;
  _Atomic(void *) argument;
  _Atomic uint32_t count;
  _Atomic uint64_t ticket;   /* job << 32 | next index */
  _Atomic uint32_t finished; /* indices of the job */
  pthread_mutex_t mutex;     /* for those who sleep */
  pthread_cond_t changed;
  atomic_int sleepers;
};

/* ---- Waiting ----------------------------------------------------------------------------------------------------- */

typedef bool condition(struct mbconv_pool *pool);

static bool has_work(struct mbconv_pool *pool) {
  return (uint32_t)atomic_load(&pool->ticket) < atomic_load(&pool->count) || atomic_load(&pool->ending);
}

static bool is_finished(struct mbconv_pool *pool) { return atomic_load(&pool->finished) == atomic_load(&pool->count); }

static int64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void wait_until(struct mbconv_pool *pool, condition *holds) {
  const int64_t end = nanoseconds() + SPIN_NANOSECONDS;
  do {
    for (int i = 0; i < PAUSES_PER_LOOK; i++) {
      if (holds(pool)) return;
      relax();
    }
  } while (nanoseconds() < end);
  pthread_mutex_lock(&pool->mutex);
  atomic_fetch_add(&pool->sleepers, 1);
  while (!holds(pool)) pthread_cond_wait(&pool->changed, &pool->mutex);
  atomic_fetch_sub(&pool->sleepers, 1);
  pthread_mutex_unlock(&pool->mutex);
}

/* After a change that someone may wait for. Who is about to sleep has counted itself before it looked a last time. */
static void tell(struct mbconv_pool *pool) {
  if (atomic_load(&pool->sleepers) == 0) return;
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_broadcast(&pool->changed);
  pthread_mutex_unlock(&pool->mutex);
}

/* ---- Working ----------------------------------------------------------------------------------------------------- */

/* Does what there is to do. */
static void work(struct mbconv_pool *pool) {
  uint64_t ticket = atomic_load(&pool->ticket);
  for (;;) {
    const uint32_t count = atomic_load(&pool->count), index = (uint32_t)ticket;
    const mbconv_task task = atomic_load(&pool->task);
    void *argument = atomic_load(&pool->argument);
    if (index >= count) return;
    if (!atomic_compare_exchange_weak(&pool->ticket, &ticket, ticket + 1)) continue;
    task(argument, index);
    if (atomic_fetch_add(&pool->finished, 1) + 1 == count) tell(pool);
    ticket = atomic_load(&pool->ticket);
  }
}

static void *worker(void *context) {
  struct mbconv_pool *pool = context;
  while (!atomic_load(&pool->ending)) {
    work(pool);
    wait_until(pool, has_work);
  }
  return NULL;
}

void mbconv_pool_parallel_for(void *context, mbconv_task task, void *argument, size_t count) {
  struct mbconv_pool *pool = context;
  if (count > INDEX_MASK || atomic_exchange(&pool->taken, true)) {
    for (size_t i = 0; i < count; i++) task(argument, i);
    return;
  }
  const uint64_t job = (atomic_load(&pool->ticket) >> 32) + 1;
  atomic_store(&pool->ticket, job << 32 | INDEX_MASK); /* nothing to take while the job is exchanged */
  atomic_store(&pool->task, task);
  atomic_store(&pool->argument, argument);
  atomic_store(&pool->finished, 0);
  atomic_store(&pool->count, (uint32_t)count);
  atomic_store(&pool->ticket, job << 32);
  tell(pool);
  work(pool);
  wait_until(pool, is_finished);
  atomic_store(&pool->taken, false);
}

/* ---- Create and destroy ------------------------------------------------------------------------------------------ */

struct mbconv_pool *mbconv_pool_create(size_t threads) {
  struct mbconv_pool *pool = calloc(1, sizeof *pool);
  if (!pool) return NULL;
  pool->thread = calloc(threads, sizeof *pool->thread);
  if (!pool->thread) {
    free(pool);
    return NULL;
  }
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->changed, NULL);
  for (; pool->workers + 1 < threads; pool->workers++) {
    if (pthread_create(&pool->thread[pool->workers], NULL, worker, pool) == 0) continue;
    mbconv_pool_destroy(pool);
    return NULL;
  }
  return pool;
}

void mbconv_pool_destroy(struct mbconv_pool *pool) {
  if (!pool) return;
  atomic_store(&pool->ending, true);
  tell(pool);
  for (size_t i = 0; i < pool->workers; i++) pthread_join(pool->thread[i], NULL);
  pthread_cond_destroy(&pool->changed);
  pthread_mutex_destroy(&pool->mutex);
  free(pool->thread);
  free(pool);
}
