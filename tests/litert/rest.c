/* SPDX-License-Identifier: MIT
 *
 * The threads that the host has for what stays with it. Threads are so many that no machine has a CPU for each.
 */
#include "../../litert/rest.h"

#include <math.h>

#include "host.h"

enum { MANY = 256, UNKNOWN_CODE = 200 };

static int test_rule(void) {
  int findings = rest_threads(0, 1, 2, 2, 2) != 1 || rest_threads(0, 1, 4, 4, 6) != 1; /* more than CPUs */
  findings += rest_threads(0, 1, 2, 2, 3) != 2 || rest_threads(0, 1, 1, 2, 2) != 2 || rest_threads(0, 1, 4, 4, 7) != 4;
  findings +=
      rest_threads(0, 1, 2, 1, 1) != 1 || rest_threads(0, 1, 2, -1, 1) != -1 || rest_threads(9, 1, 2, 0, 1) != 0;
  findings += rest_threads(9, 100, 2, 2, 2) != 1 || rest_threads(11, 100, 2, 2, 2) != 2; /* a tenth */
  findings += rest_threads(3, 100, 4, 4, 4) != 1 || rest_threads(4, 100, 4, 4, 4) != 4;
  findings += rest_threads(HUGE_VAL, 1e300, 2, 2, 2) != 2 || rest_threads(NAN, 1, 2, 2, 2) != 2;
  return findings + (rest_cpus() < 1);
}

/* The work of a graph of which nothing is taken. */
static double work_of(test_graph *graph) {
  const bool none[TEST_MOST_NODES] = {false};
  litert_graph read;
  graph_message message;
  if (!graph_read(&read, &graph->context, &message)) return -1;
  const double work = rest_work(&read, none);
  graph_free(&read);
  return work;
}

/* A 3x3 on an image of 6 x 6 x 5, which gives 3 x 3 x 8; a depthwise 3x3 and a 1x1, each to 2 x 2 x 8; and an operator
 * that keeps the shape. */
static int test_work(void) {
  static test_graph graph;
  static const struct {
    int code, allocation;
    double work;
  } ROWS[] = {{HOST_MAX_POOL_2D, 2, 8 * 32},
              {HOST_SUB, 2, 8 * 32},
              {HOST_CONCATENATION, 2, 8 * 32},
              {UNKNOWN_CODE, 2, HUGE_VAL},
              {HOST_MAX_POOL_2D, HOST_DYNAMIC, HUGE_VAL},
              {HOST_CONV_2D, 2, HUGE_VAL}};
  const double convolutions = 72 * 9 * 5 + 32 * 9 + 32 * 8;
  int findings = 0;
  for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
    test_host_begin(&graph, i);
    test_make_rest(&graph, ROWS[i].code);
    graph.tensors[graph.output].allocation = ROWS[i].allocation;
    findings += work_of(&graph) != convolutions + ROWS[i].work;
    test_host_end(&graph);
  }
  return findings;
}

/* The context's threads, which were MANY, when the delegate has taken what it can: of a graph that has an operator of
 * that code behind its convolutions, or none. Then after a run, in which somebody sets `set` before it, if that is not
 * 0.
 */
static void threads_of(const char *host_threads, const char *least, int code, int set, int *taken, int *ran) {
  static test_graph graph;
  char *keys[] = {"threads", "host_threads", "least"}, *values[] = {"2", (char *)host_threads, (char *)least};
  host_delegate *delegate = tflite_plugin_create_delegate(keys, values, 3, NULL);
  test_host_begin(&graph, 1);
  if (code < 0)
    test_make_dense(&graph, HOST_F32, 8, true);
  else
    test_make_rest(&graph, code);
  graph.context.threads = MANY;
  if (delegate) delegate->prepare(&graph.context, delegate);
  *taken = graph.context.threads;
  if (set) graph.context.threads = set;
  for (int i = 0; i < graph.node_count; i++)
    if (graph.nodes[i].host.delegate) graph.nodes[i].registration.prepare(&graph.context, &graph.nodes[i].host);
  *ran = graph.context.threads;
  test_host_end(&graph);
  tflite_plugin_destroy_delegate(delegate);
}

static bool have(const char *host_threads, const char *least, int code, int set, int taken, int ran) {
  int found, after;
  threads_of(host_threads, least, code, set, &found, &after);
  return found == taken && after == ran;
}

int test_rest(void) {
  int findings = test_rule() + test_work();
  findings += !have("0", "0", -1, 0, 1, MANY); /* nothing stays */
  findings += !have("0", "0", -1, 7, 1, 7);    /* the number that was set last counts */
  findings += !have("0", "0", UNKNOWN_CODE, 0, MANY, MANY);
  findings += !have("0", "0", HOST_SUB, 0, MANY, MANY); /* little, but MANY threads would share it */
  findings += !have("0", "1000000", -1, 0, MANY, MANY); /* nothing is taken */
  findings += !have("3", "0", UNKNOWN_CODE, 0, 3, MANY);
  findings += !have("3", "1000000", -1, 0, MANY, MANY);
  return findings;
}
