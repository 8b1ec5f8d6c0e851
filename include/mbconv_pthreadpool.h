/* SPDX-License-Identifier: MIT
 *
 * The threads of a pthreadpool (github.com/Maratyszcza/pthreadpool) for mbconv. Optional: the library itself does not
 * know it; a program that includes this links libpthreadpool.
 *
 *     pthreadpool_t pool = pthreadpool_create(0);
 *     const mbconv_threads threads = mbconv_pthreadpool_threads(pool);
 *     void *scratch = malloc(mbconv_block_scratch_size(block, threads.count));
 *     ...
 *     mbconv_block_run(block, 1, x, y, scratch, size, &threads, &error);
 *
 * Runs that share a pool at the same time are safe, but take turns. A run must not be started from inside a task of the
 * pool that it is given: it would wait for itself.
 */
#ifndef MBCONV_PTHREADPOOL_H
#define MBCONV_PTHREADPOOL_H

#include <pthreadpool.h>

#include "mbconv.h"

/* An mbconv_parallel_for whose context is a pthreadpool_t. No flags: the one that disables denormals would change the
 * results. */
static inline void mbconv_pthreadpool_parallel_for(void *context, void (*task)(void *argument, size_t index),
                                                   void *argument, size_t count) {
#ifdef __cplusplus
  const pthreadpool_t pool = static_cast<pthreadpool_t>(context);
#else
  const pthreadpool_t pool = context;
#endif
  pthreadpool_parallelize_1d(pool, task, argument, count, 0);
}

/* All threads of `pool`, the caller's among them; for NULL the calling thread alone. The pool stays the caller's and
 * must outlive the runs that use it. */
static inline mbconv_threads mbconv_pthreadpool_threads(pthreadpool_t pool) {
  mbconv_threads threads;
  threads.struct_size = sizeof threads;
  threads.parallel_for = mbconv_pthreadpool_parallel_for;
  threads.context = pool;
  threads.count = pthreadpool_get_threads_count(pool);
  return threads;
}

#endif
