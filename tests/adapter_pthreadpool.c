/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "adapter.h"
#include "mbconv_pthreadpool.h"

static mbconv_threads open_threads(size_t count) {
  pthreadpool_t pool = pthreadpool_create(count);
  if (!pool) abort();
  return mbconv_pthreadpool_threads(pool);
}

static void close_threads(const mbconv_threads *threads) { pthreadpool_destroy(threads->context); }

const struct adapter adapter_pthreadpool = {"pthreadpool", open_threads, close_threads};
