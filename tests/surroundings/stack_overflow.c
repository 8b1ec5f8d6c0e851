/* SPDX-License-Identifier: MIT
 *
 * Uses up the stack of a thread of the tests, or of the first thread if there is an argument. The crash must be
 * reported, and the program end with status 3: the report has a stack of its own.
 */
#include <stdlib.h>

#include "system.h"
#include "thread.h"

static void report(const char *what) {
  system_write_error("reported: ");
  system_write_error(what);
  system_write_error("\n");
}

static int deeper(int depth) {
  volatile char some[512];
  some[0] = (char)depth;
  return depth < 0 ? 0 : deeper(depth + 1) + some[0];
}

static void *use_up(void *argument) {
  *(int *)argument = deeper(0);
  return NULL;
}

int main(int count, char **arguments) {
  (void)arguments;
  int result = 0;
  system_catch_crashes(report, 3);
  if (count > 1) {
    use_up(&result);
  } else {
    pthread_t thread;
    if (!test_thread_start(&thread, use_up, &result)) abort();
    pthread_join(thread, NULL);
  }
  return result == 1;
}
