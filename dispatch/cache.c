/* SPDX-License-Identifier: MIT
 *
 * The size of L2. The C library knows it from the start of the program. cpu_features would ask the CPU each time, which
 * takes tens of microseconds in a virtual machine.
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
