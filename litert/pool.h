/* SPDX-License-Identifier: MIT
 *
 * A pool of threads that sleep between runs: the delegate's, and the Python package's.
 */
#ifndef MBCONV_POOL_H
#define MBCONV_POOL_H

#include <stddef.h>

#if !defined(_WIN32)
#define MBCONV_POOL_API __attribute__((visibility("default")))
#elif defined(mbconv_threads_EXPORTS) /* by CMake, in the DLL's own files */
#define MBCONV_POOL_API __declspec(dllexport)
#else
#define MBCONV_POOL_API
#endif

typedef void (*mbconv_task)(void *argument, size_t index);

/* A pool of `threads` threads, the one that runs among them; NULL if they cannot be had. */
MBCONV_POOL_API struct mbconv_pool *mbconv_pool_create(size_t threads);

/* An mbconv_parallel_for whose context is a pool. A run that finds the pool taken, by another thread or by the run it
 * is part of, does all its work itself. */
MBCONV_POOL_API void mbconv_pool_parallel_for(void *context, mbconv_task task, void *argument, size_t count);

/* No run may be going on. */
MBCONV_POOL_API void mbconv_pool_destroy(struct mbconv_pool *pool);

#endif
