/* SPDX-License-Identifier: MIT
 *
 * The caller's threads.
 */
#ifndef MBCONV_PARALLEL_H
#define MBCONV_PARALLEL_H

#include "mbconv.h"

/* Writes the number of threads to *count: 1 if threads is NULL or its count is 0. INVALID_ARGUMENT for a count without
 * a parallel-for, and for a struct_size that is not known. */
mbconv_status mbconv_thread_count(const mbconv_threads *threads, size_t *count, mbconv_error *error);

/* Calls task(argument, i) for i < count, on the caller's threads if there are any. */
void mbconv_parallel(const mbconv_threads *threads, size_t count, void (*task)(void *argument, size_t index),
                     void *argument);

/* The part of `total` items, in pieces of `step`, that falls to task `index` of `count`: [*begin, *end). */
void mbconv_share(size_t total, size_t step, size_t index, size_t count, size_t *begin, size_t *end);

#endif
