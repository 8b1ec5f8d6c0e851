/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "steps.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <ucontext.h>

enum { TRAP_FLAG = 0x100 };

static volatile sig_atomic_t stepping;
static volatile size_t steps;

/* The first SIGTRAP is raised by steps_of(), the others by the CPU. */
static void step(int number, siginfo_t *info, void *context) {
  (void)number, (void)info;
  greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];
  if (stepping) {
    steps++;
    *flags |= TRAP_FLAG;
  } else {
    *flags &= ~TRAP_FLAG;
  }
}

static size_t counted(void (*call)(void *argument), void *argument) {
  steps = 0;
  stepping = true;
  raise(SIGTRAP);
  call(argument);
  stepping = false;
  return steps;
}

static void nothing(void *argument) { (void)argument; }

size_t steps_of(void (*call)(void *argument), void *argument) {
  struct sigaction action = {.sa_sigaction = step, .sa_flags = SA_SIGINFO}, before;
  if (sigaction(SIGTRAP, &action, &before) != 0) abort();
  call(argument);
  counted(nothing, NULL);
  const size_t around = counted(nothing, NULL), all = counted(call, argument);
  sigaction(SIGTRAP, &before, NULL);
  return all - around;
}
