/* SPDX-License-Identifier: MIT
 *
 * OpenMP's threads for mbconv. Optional: the library itself does not know it; a file that includes this is compiled and
 * linked with -fopenmp.
 *
 *     const mbconv_threads threads = mbconv_openmp_threads(omp_get_max_threads());
 *     void *scratch = malloc(mbconv_block_scratch_size(block, threads.count));
 *     ...
 *     mbconv_block_run(block, 1, x, y, scratch, size, &threads, &error);
 *
 * Inside a parallel region of the caller's own a run has, as OpenMP nests by default, the calling thread alone.
 */
#ifndef MBCONV_OPENMP_H
#define MBCONV_OPENMP_H

#ifndef _OPENMP
#error "mbconv_openmp.h needs -fopenmp: without it all work would silently run on one thread"
#endif

#include <stdint.h>

#include "mbconv.h"

/* In C++ by its own casts: old ones are warned of there. */
#ifdef __cplusplus
#define MBCONV_CAST(cast, type, value) cast<type>(value)
#else
#define MBCONV_CAST(cast, type, value) ((type)(value))
#endif

/* An mbconv_parallel_for whose context is the team's size as a number. The team keeps its size whatever `count` is:
 * OpenMP would end and start threads to change it. */
static inline void mbconv_openmp_parallel_for(void *context, void (*task)(void *argument, size_t index), void *argument,
                                              size_t count) {
  const int team = MBCONV_CAST(static_cast, int, MBCONV_CAST(reinterpret_cast, intptr_t, context));
#pragma omp parallel for num_threads(team) schedule(static, 1)
  for (size_t i = 0; i < count; i++) task(argument, i);
}

/* A team of `count` threads, the caller's among them; 1 if count is less. */
static inline mbconv_threads mbconv_openmp_threads(int count) {
  const int team = count > 1 ? count : 1;
  mbconv_threads threads;
  threads.struct_size = sizeof threads;
  threads.parallel_for = mbconv_openmp_parallel_for;
  threads.context = MBCONV_CAST(reinterpret_cast, void *, MBCONV_CAST(static_cast, intptr_t, team));
  threads.count = MBCONV_CAST(static_cast, size_t, team);
  return threads;
}

#undef MBCONV_CAST

#endif
