/* SPDX-License-Identifier: MIT
 *
 * What the Python package passes to the library as mbconv_parallel_for: a pool of its own, or OpenMP's threads as
 * another library of the process uses them.
 */
#ifndef MBCONV_PYTHON_THREADS_H
#define MBCONV_PYTHON_THREADS_H

#include <stddef.h>

#define MBCONV_PYTHON_API __attribute__((visibility("default")))

typedef void (*mbconv_task)(void *argument, size_t index);

/* A pool of `threads` threads, the one that runs among them; NULL if they cannot be had. */
MBCONV_PYTHON_API struct mbconv_pool *mbconv_pool_create(size_t threads);

/* An mbconv_parallel_for whose context is a pool. A run that finds the pool taken, by another thread or by the run it
 * is part of, does all its work itself. */
MBCONV_PYTHON_API void mbconv_pool_parallel_for(void *context, mbconv_task task, void *argument, size_t count);

/* No run may be going on. */
MBCONV_PYTHON_API void mbconv_pool_destroy(struct mbconv_pool *pool);

/* OpenMP's threads, by the entry that compilers call for `#pragma omp parallel`. */
struct mbconv_team {
  void (*parallel)(void (*body)(void *), void *data, unsigned threads, unsigned flags); /* GOMP_parallel */
  unsigned threads;
};

/* An mbconv_parallel_for whose context is a team. */
MBCONV_PYTHON_API void mbconv_team_parallel_for(void *context, mbconv_task task, void *argument, size_t count);

#endif
