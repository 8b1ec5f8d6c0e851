/* SPDX-License-Identifier: MIT
 *
 * What the harness needs of the operating system: system_posix.c, system_windows.c.
 */
#ifndef MBCONV_TEST_SYSTEM_H
#define MBCONV_TEST_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>

size_t system_page(void);

/* Whole pages that nobody may touch; NULL if there is no memory. */
void *system_reserve(size_t size);

/* Lets whole pages be read, and written too. */
bool system_allow(void *pages, size_t size, bool write);

void system_release(void *pages, size_t size);

/* As C11's aligned_alloc() and free(). */
void *system_aligned_allocate(size_t alignment, size_t size);
void system_aligned_release(void *memory);

/* The environment's variable `name`; value NULL removes it. */
void system_set_variable(const char *name, const char *value);

/* From now on `report` is told what ended the program, such as "segmentation fault"; it may only call
 * system_write_error(), and the program ends with `status`. */
void system_catch_crashes(void (*report)(const char *what), int status);
void system_write_error(const char *text);

/* A second stack, on which this thread's crashes are reported, since its own may be what is used up. There is none
 * (memory NULL) if the thread has one already, or where the system keeps room for that. The first thread gets one by
 * system_catch_crashes(). To be freed by the same thread. */
struct system_crash_stack {
  void *memory;
};
void system_crash_stack_new(struct system_crash_stack *stack);
void system_crash_stack_free(struct system_crash_stack *stack);

/* Memory that system_processes() share, zeros at first; NULL if there is none. */
void *system_shared(size_t size);
void system_shared_release(void *memory, size_t size);

/* Calls work(argument, i, count) for each i < count, each in a process of its own, the first in this one. Where there
 * are no such processes count is 1. Returns whether all of them ended well. */
bool system_processes(size_t count, void (*work)(const void *argument, size_t index, size_t count),
                      const void *argument);

#endif
