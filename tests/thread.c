/* SPDX-License-Identifier: MIT */
#include "thread.h"

#include <stdlib.h>

#include "system.h"

enum { STACK = 1 << 20 };

struct start {
  void *(*work)(void *);
  void *argument;
};

static void *begin(void *argument) {
  const struct start start = *(struct start *)argument;
  free(argument);
  struct system_crash_stack stack;
  system_crash_stack_new(&stack);
  void *result = start.work(start.argument);
  system_crash_stack_free(&stack);
  return result;
}

bool test_thread_start(pthread_t *thread, void *(*work)(void *), void *argument) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  struct start *start = malloc(sizeof *start);
  bool started = false;
  if (start) {
    *start = (struct start){.work = work, .argument = argument};
    started =
        pthread_attr_setstacksize(&attributes, STACK) == 0 && pthread_create(thread, &attributes, begin, start) == 0;
    if (!started) free(start);
  }
  pthread_attr_destroy(&attributes);
  return started;
}
