/* SPDX-License-Identifier: MIT
 *
 * OpenMP's threads without being compiled for OpenMP: which of the process's OpenMP libraries it is, the caller says.
 * A second one would have threads of its own, which wait awake on the same cores.
 */
#include <stdatomic.h>

#include "threads.h"

struct job {
  mbconv_task task;
  void *argument;
  size_t count;
  atomic_size_t next;
};

/* On every thread of the team. */
static void work(void *data) {
  struct job *job = data;
  for (size_t i; (i = atomic_fetch_add(&job->next, 1)) < job->count;) job->task(job->argument, i);
}

void mbconv_team_parallel_for(void *context, mbconv_task task, void *argument, size_t count) {
  const struct mbconv_team *team = context;
  struct job job = {.task = task, .argument = argument, .count = count};
  team->parallel(work, &job, team->threads, 0);
}
