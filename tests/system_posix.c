/* SPDX-License-Identifier: MIT */
#include "system.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

size_t system_page(void) { return (size_t)sysconf(_SC_PAGESIZE); }

void *system_reserve(size_t size) {
  void *pages = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? NULL : pages;
}

bool system_allow(void *pages, size_t size, bool write) {
  return mprotect(pages, size, write ? PROT_READ | PROT_WRITE : PROT_READ) == 0;
}

void system_release(void *pages, size_t size) { munmap(pages, size); }

void *system_aligned_allocate(size_t alignment, size_t size) { return aligned_alloc(alignment, size); }

void system_aligned_release(void *memory) { free(memory); }

void system_set_variable(const char *name, const char *value) {
  if (value) {
    setenv(name, value, 1);
  } else {
    unsetenv(name);
  }
}

/* ---- Crashes ----------------------------------------------------------------------------------------------------- */

static void (*crash_report)(const char *what);
static int crash_status;

static void crashed(int signal_number) {
  const char *name = "abort";
  if (signal_number == SIGSEGV) name = "segmentation fault";
  if (signal_number == SIGBUS) name = "bus error";
  if (signal_number == SIGILL) name = "illegal instruction";
  if (signal_number == SIGFPE) name = "arithmetic exception";
  crash_report(name);
  _exit(crash_status);
}

void system_catch_crashes(void (*report)(const char *what), int status) {
  static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
  struct sigaction action = {0};
  crash_report = report;
  crash_status = status;
  action.sa_handler = crashed;
  action.sa_flags = SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, NULL);
  static struct system_crash_stack first;
  if (!first.memory) system_crash_stack_new(&first);
}

/* Far more than MINSIGSTKSZ, a constant from before AVX-512: its registers alone take 2 KB of a signal's frame. */
enum { CRASH_STACK = 1 << 16 };

void system_crash_stack_new(struct system_crash_stack *stack) {
  stack_t present;
  *stack = (struct system_crash_stack){0};
  if (sigaltstack(NULL, &present) != 0 || !(present.ss_flags & SS_DISABLE)) return; /* a sanitizer's */
  void *memory = malloc(CRASH_STACK);
  if (!memory) return;
  if (sigaltstack(&(stack_t){.ss_sp = memory, .ss_size = CRASH_STACK}, NULL) != 0) {
    free(memory);
    return;
  }
  stack->memory = memory;
}

void system_crash_stack_free(struct system_crash_stack *stack) {
  if (!stack->memory) return;
  sigaltstack(&(stack_t){.ss_flags = SS_DISABLE, .ss_size = CRASH_STACK}, NULL);
  free(stack->memory);
  stack->memory = NULL;
}

void system_write_error(const char *text) {
  const ssize_t written = write(STDERR_FILENO, text, strlen(text));
  (void)written; /* nobody is left to tell */
}

/* ---- Processes --------------------------------------------------------------------------------------------------- */

void *system_shared(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

void system_shared_release(void *memory, size_t size) { munmap(memory, size); }

bool system_processes(size_t count, void (*work)(const void *argument, size_t index, size_t count),
                      const void *argument) {
  enum { MOST = 16 };
  if (count > MOST) count = MOST;
  pid_t children[MOST];
  for (size_t i = 1; i < count; i++) {
    children[i] = fork();
    if (children[i] != 0) continue;
    work(argument, i, count);
    _exit(EXIT_SUCCESS);
  }
  work(argument, 0, count);
  bool well = true;
  for (size_t i = 1; i < count; i++) {
    int status = 0;
    const bool ended = children[i] > 0 && waitpid(children[i], &status, 0) == children[i];
    well = well && ended && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
  }
  return well;
}
