/* SPDX-License-Identifier: MIT
 *
 * The adapters of include/mbconv_*.h as the suite `adapters` uses them: each in a file of its own, which CMake leaves
 * out where its package is missing.
 */
#ifndef MBCONV_TEST_ADAPTER_H
#define MBCONV_TEST_ADAPTER_H

#include "mbconv.h"

struct adapter {
  const char *name;
  mbconv_threads (*open)(size_t count); /* that many threads; ends the program if it cannot */
  void (*close)(const mbconv_threads *threads);
};

extern const struct adapter adapter_pthreadpool, adapter_openmp;

#endif
