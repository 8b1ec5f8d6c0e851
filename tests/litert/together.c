/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

enum { INTERPRETERS = 3, RUNS = 4 };

typedef struct interpreter {
  uint64_t seed;
  host_delegate *delegate;
  test_graph *graph;
  bool good;
} interpreter;

static const host_tensor *output_of(const interpreter *one) { return &one->graph->tensors[one->graph->output]; }

/* Runs it again: the same bytes. */
static bool repeats(const interpreter *one) {
  const host_tensor *output = output_of(one);
  unsigned char *before = malloc(output->bytes + 1);
  if (!before) return false;
  memcpy(before, output->data, output->bytes);
  if (one->graph->type == HOST_F32)
    memset(output->data, 0, output->bytes); /* in int8 the test's host computes nothing */
  const bool same = test_host_run(one->graph, true) > 0 && memcmp(before, output->data, output->bytes) == 0;
  free(before);
  return same;
}

static void *work(void *argument) {
  interpreter *one = argument;
  one->graph = calloc(1, sizeof *one->graph);
  if (!one->graph) return NULL;
  test_host_begin(one->graph, one->seed);
  test_make_graph(one->graph);
  one->good = one->delegate->prepare(&one->graph->context, one->delegate) == HOST_OK &&
              test_host_allocate(one->graph) && test_host_run(one->graph, true) > 0;
  for (int run = 1; one->good && run < RUNS; run++) one->good = repeats(one);
  return NULL;
}

static bool same_output(const interpreter *a, const interpreter *b) {
  const size_t bytes = output_of(a)->bytes;
  return bytes == output_of(b)->bytes && memcmp(output_of(a)->data, output_of(b)->data, bytes) == 0;
}

/* The threads of the delegate are not in the child: it must do without them, and end without waiting for them. Not
 * under a sanitizer, whose heap may be locked for ever in the child by a thread that the parent has. */
static bool runs_in_child(interpreter *one) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return repeats(one);
#else
  const pid_t child = fork();
  if (child == 0) {
    const bool good = repeats(one);
    test_host_end(one->graph);
    _exit(good ? 0 : 1);
  }
  int status;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
#endif
}

static void finish(interpreter *one) {
  if (!one->graph) return;
  test_host_end(one->graph);
  free(one->graph);
}

bool test_together(uint64_t seed) {
  host_delegate *shared = test_delegate("auto", "xnnpack", "3");
  interpreter alone = {.seed = seed, .delegate = test_delegate("auto", "xnnpack", "1")}, all[INTERPRETERS];
  pthread_t threads[INTERPRETERS];
  if (!shared || !alone.delegate) return false;
  work(&alone);
  bool good = alone.good;
  int started = 0;
  for (; started < INTERPRETERS; started++) {
    all[started] = (interpreter){.seed = seed, .delegate = shared};
    if (pthread_create(&threads[started], NULL, work, &all[started]) != 0) break;
  }
  for (int i = 0; i < started; i++) {
    pthread_join(threads[i], NULL);
    good = good && all[i].good && same_output(&all[i], &alone);
  }
  good = good && started == INTERPRETERS && runs_in_child(&all[0]);
  for (int i = 0; i < started; i++) finish(&all[i]);
  finish(&alone);
  tflite_plugin_destroy_delegate(shared);
  tflite_plugin_destroy_delegate(alone.delegate);
  return good;
}
