/* SPDX-License-Identifier: MIT
 *
 * Memory that runs out: for a while, one call of malloc, calloc, realloc, posix_memalign or mmap in this program fails
 * (the linker's --wrap has sent them here), and so does one of Jansson's. What libpng and libjpeg ask for themselves is
 * not reached.
 */
#ifndef MBCONV_FAILING_MEMORY_H
#define MBCONV_FAILING_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* From now on calls are counted and the one of this number fails, from 1; 0: none. */
void failing_memory_begin(size_t fail_at);

struct failing_memory_count {
  size_t calls;
  bool in_json;   /* the call that failed was Jansson's, which does not always say so */
  ptrdiff_t live; /* blocks taken and not given back since begin; mappings are not counted */
};

/* No call fails from now on. */
struct failing_memory_count failing_memory_end(void);

#endif
