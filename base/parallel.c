/* SPDX-License-Identifier: MIT */
#include "parallel.h"

#include "size.h"
#include "status.h"

mbconv_status mbconv_thread_count(const mbconv_threads *threads, size_t *count, mbconv_error *error) {
  *count = 1;
  if (!threads) return MBCONV_OK;
  const mbconv_status status = mbconv_struct_check(&threads->struct_size, sizeof *threads, "threads", error);
  if (status != MBCONV_OK) return status;
  if (threads->count > 1) *count = threads->count;
  if (*count > 1 && !threads->parallel_for)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%zu threads, but parallel_for is NULL", *count);
  return MBCONV_OK;
}

void mbconv_parallel(const mbconv_threads *threads, size_t count, void (*task)(void *argument, size_t index),
                     void *argument) {
  if (count > 1) {
    threads->parallel_for(threads->context, task, argument, count);
  } else {
    task(argument, 0);
  }
}

void mbconv_share(size_t total, size_t step, size_t index, size_t count, size_t *begin, size_t *end) {
  const size_t pieces = (total + step - 1) / step;
  const size_t each = pieces / count, longer = pieces % count;
  *begin = mbconv_min(total, (index * each + mbconv_min(index, longer)) * step);
  *end = mbconv_min(total, ((index + 1) * each + mbconv_min(index + 1, longer)) * step);
}
