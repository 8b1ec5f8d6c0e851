/* SPDX-License-Identifier: MIT
 *
 * Threads of a pthreadpool, if the build has found one.
 */
#include "cli.h"

#ifdef MBCONV_CLI_PTHREADPOOL

#include <mbconv_pthreadpool.h>

mbconv_threads cli_threads_new(size_t count) {
  if (count <= 1) return (mbconv_threads){0};
  pthreadpool_t pool = pthreadpool_create(count);
  if (!pool) cli_fail("no pool of %zu threads can be made", count);
  return mbconv_pthreadpool_threads(pool);
}

void cli_threads_free(const mbconv_threads *threads) {
  if (threads->context) pthreadpool_destroy(threads->context);
}

#else

mbconv_threads cli_threads_new(size_t count) {
  if (count > 1) cli_fail("--threads %zu: this program was built without libpthreadpool, for one thread only", count);
  return (mbconv_threads){0};
}

void cli_threads_free(const mbconv_threads *threads) { (void)threads; }

#endif
