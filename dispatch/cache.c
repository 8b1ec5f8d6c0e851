/* SPDX-License-Identifier: MIT
 *
 * Cache sizes. Asked of the C library, which has them from the start of the program: cpu_features asks the CPU each
 * time, which takes a virtual machine tens of microseconds.
 */
#define _GNU_SOURCE
#include <unistd.h>

#include "dispatch.h"

#ifdef _SC_LEVEL2_CACHE_SIZE
size_t mbconv_l2_bytes(void) {
  const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return bytes > 0 ? (size_t)bytes : 0;
}
#else
size_t mbconv_l2_bytes(void) { return 0; }
#endif
