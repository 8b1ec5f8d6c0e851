/* SPDX-License-Identifier: MIT
 *
 * Objects made before a fork work in both processes.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

static int failures_of_all_kinds(const struct faults *s) {
  int failures = 0;
  for (enum api_kind kind = 0; kind < KINDS; kind++) failures += !faults_run_equals(s, kind, NULL);
  return failures;
}

/* The child runs the objects, destroys one of its own and ends; the parent's are as they were. */
void faults_of_fork(struct test *t, const struct faults *s) {
  test_at(t, "fork after create");
  fflush(NULL);
  const pid_t child = fork();
  if (child == 0) {
    void *own = NULL;
    const bool made = api_create(&s->f, BLOCK, &(mbconv_options){.isa = t->isa}, &own, NULL) == MBCONV_OK;
    api_destroy(BLOCK, own);
    _exit(made ? failures_of_all_kinds(s) : 100);
  }
  int status = -1;
  const bool ended = child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status);
  test_check(t, ended && WEXITSTATUS(status) == 0, "the child ended with status %x", (unsigned)status);
  test_check(t, failures_of_all_kinds(s) == 0, "the parent's runs failed or gave another result");
}
