/* SPDX-License-Identifier: MIT
 *
 * Threads that the suites start.
 */
#ifndef MBCONV_TEST_THREAD_H
#define MBCONV_TEST_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* Starts work(argument) on a thread whose stack has 1 MB, whatever the C library gives a thread by itself (musl: 128
 * KB, less than the suites put on a stack). A crash is reported even if that stack is used up. Returns whether the
 * thread runs; it is joined by pthread_join(). */
bool test_thread_start(pthread_t *thread, void *(*work)(void *), void *argument);

#endif
