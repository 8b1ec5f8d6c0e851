/* SPDX-License-Identifier: MIT
 *
 * Whether the tasks of a run keep to parts of the scratch of their own.
 */
#ifndef MBCONV_APART_H
#define MBCONV_APART_H

#include "mbconv.h"
#include "test.h"

/* Tasks run one after the other do not show that they write to the same scratch: what the first three and the last two
 * change is looked at. */
struct apart {
  struct test_buffer memory;
  char *before, *now; /* copies of the memory before and after a task */
  bool *taken;        /* bytes that a task of this phase changed */
  size_t twice;       /* bytes that a second task changed */
};

/* Scratch of so many bytes, which is watched. */
void apart_new(struct apart *a, size_t bytes);
void apart_free(struct apart *a);

/* A parallel-for, whose context is a struct apart. */
void parallel_apart(void *context, void (*task)(void *argument, size_t index), void *argument, size_t count);

/* Judges a run of that status. */
void check_apart(struct test *t, const struct apart *a, mbconv_status status);

#endif
