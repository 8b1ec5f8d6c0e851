/* SPDX-License-Identifier: MIT
 *
 * What the Python package passes to the library as mbconv_parallel_for, besides the pool of litert/pool.h: OpenMP's
 * threads as another library of the process uses them.
 */
#ifndef MBCONV_PYTHON_THREADS_H
#define MBCONV_PYTHON_THREADS_H

#include <pool.h>

#define MBCONV_PYTHON_API MBCONV_POOL_API

/* OpenMP's threads, by the entry that compilers call for `#pragma omp parallel`. */
struct mbconv_team {
  void (*parallel)(void (*body)(void *), void *data, unsigned threads, unsigned flags); /* GOMP_parallel */
  unsigned threads;
};

/* An mbconv_parallel_for whose context is a team. */
MBCONV_PYTHON_API void mbconv_team_parallel_for(void *context, mbconv_task task, void *argument, size_t count);

#endif
