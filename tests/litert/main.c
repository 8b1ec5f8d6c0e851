/* SPDX-License-Identifier: MIT
 *
 * mbconv_litert_tests [GRAPHS [SEED]]: graphs at random under the delegate. Of four, one is as a converter would write
 * it: the delegate takes all of its convolutions, each block runs, f32 is what the operators give one by one, and the
 * best set has the bytes of scalar; int8 of unknown kernels is left; interpreters that run at
 * once, and a process that was forked, have the same bytes. One contradicts itself: what contradicts must stay
 * with the host. Two lie: whatever the delegate makes of them, it does not crash, leak, or touch memory that it was not
 * given. Options of mbconv_tests are passed over.
 *
 * The last line: check: <n> cases, <n> findings.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

enum {
  KINDS = 4,    /* of graphs: honest, with a contradiction, and two that lie */
  TOGETHER = 80 /* of so many graphs, one is run by several interpreters at once */
};

/* How often the error that is expected; of 24,000 outputs the worst was 1.2 times as wrong. */
enum { ERRORS_AT_MOST = 4 };

static long refusals;

static void count_refusal(const char *message) {
  (void)message;
  refusals++;
}

static host_delegate *delegate_of(const char *least, const char *isa, const char *kernels, const char *threads) {
  char *keys[] = {"least", "isa", "kernels", "threads", "verbose"};
  char *values[] = {(char *)least, (char *)isa, (char *)kernels, (char *)threads, "1"};
  return tflite_plugin_create_delegate(keys, values, 5, count_refusal);
}

host_delegate *test_delegate(const char *isa, const char *kernels, const char *threads) {
  return delegate_of("0", isa, kernels, threads);
}

static int blocks_of(const test_graph *graph, const host_delegate *delegate) {
  int count = 0;
  for (int i = 0; i < graph->node_count; i++) count += graph->nodes[i].host.delegate == (const void *)delegate;
  return count;
}

/* A convolution that was left, or the classifier: in these graphs all can be taken. */
static bool leaves_convolutions(const test_graph *graph) {
  for (int i = 0; i < graph->plan->count; i++) {
    const test_node *node = &graph->nodes[graph->plan->values[i]];
    const int code = node->registration.code;
    if (node->host.delegate) continue;
    if (code == HOST_CONV_2D || code == HOST_DEPTHWISE_CONV_2D) return true;
    if (code == HOST_FULLY_CONNECTED && node->host.outputs->values[0] == graph->output) return true;
  }
  return false;
}

/* Whether every number of an image is near the expected one. */
static bool is_near(const host_tensor *image, const float *expected, double error) {
  for (size_t i = 0; i < image->bytes / sizeof(float); i++) {
    const double found = (double)((const float *)image->data)[i];
    if (!(fabs((double)expected[i] - found) <= ERRORS_AT_MOST * error)) return false;
  }
  return true;
}

/* Whether the graph's outputs, in f32, are those of the operators one by one. */
static bool is_right(test_graph *graph, int operators) {
  float *values[TEST_MOST_TENSORS];
  double errors[TEST_MOST_TENSORS] = {0};
  for (size_t i = 0; i < graph->context.tensor_count; i++) {
    const bool written = graph->tensors[i].allocation != HOST_MAPPED && i != 0;
    values[i] = written ? test_piece(graph, graph->tensors[i].bytes) : graph->tensors[i].data;
  }
  for (int i = 0; i < operators; i++) test_compute(graph, &graph->nodes[i], values, errors);
  const int outputs[] = {graph->output, graph->middle};
  for (int i = 0; i < (graph->middle < 0 ? 1 : 2); i++)
    if (!is_near(&graph->tensors[outputs[i]], values[outputs[i]], errors[outputs[i]])) return false;
  return true;
}

/* The output's bytes of an honest graph by that set; NULL if something was refused or is wrong. */
static unsigned char *output_by(uint64_t seed, const char *isa, const char *threads, size_t *bytes) {
  static test_graph graph;
  host_delegate *delegate = test_delegate(isa, "xnnpack", threads);
  test_host_begin(&graph, seed);
  test_make_graph(&graph);
  const int operators = graph.node_count, host_threads = graph.context.threads;
  unsigned char *output = NULL;
  if (delegate && delegate->prepare(&graph.context, delegate) == HOST_OK && test_host_allocate(&graph)) {
    const int ran = test_host_run(&graph, true), blocks = blocks_of(&graph, delegate);
    const host_tensor *tensor = &graph.tensors[graph.output];
    const bool whole =
        blocks > 0 && ran == blocks && !leaves_convolutions(&graph) && graph.context.threads == host_threads;
    *bytes = tensor->bytes;
    if (whole && (graph.type != HOST_F32 || is_right(&graph, operators))) output = malloc(*bytes + 1);
    if (output) memcpy(output, tensor->data, *bytes);
  }
  test_host_end(&graph);
  tflite_plugin_destroy_delegate(delegate);
  return output;
}

/* By the best set on the threads of the interpreter, and by scalar on one: the same bytes. */
static bool honest(uint64_t seed) {
  size_t size = 0, other_size = 0;
  unsigned char *best = output_by(seed, "auto", "0", &size), *scalar = output_by(seed, "scalar", "1", &other_size);
  const bool same = best && scalar && size == other_size && memcmp(best, scalar, size) == 0;
  free(best);
  free(scalar);
  return same;
}

/* Of an honest graph in int8, whose kernels nobody has named, every operator stays with the host. */
static bool leaves_unknown(uint64_t seed) {
  static test_graph graph;
  host_delegate *delegate = test_delegate("auto", "unknown", "1");
  test_host_begin(&graph, seed);
  test_make_graph(&graph);
  const bool prepared = delegate && delegate->prepare(&graph.context, delegate) == HOST_OK;
  const bool left = prepared && (graph.type == HOST_I8) == (blocks_of(&graph, delegate) == 0);
  test_host_end(&graph);
  tflite_plugin_destroy_delegate(delegate);
  return left;
}

/* Whether the delegate takes a 3x3, and the 1x1 behind it if there is one. */
static bool takes_dense(int type, int channels, bool followed, const char *least) {
  static test_graph graph;
  host_delegate *delegate = delegate_of(least, "auto", "xnnpack", "1");
  test_host_begin(&graph, 1);
  test_make_dense(&graph, type, channels, followed);
  const bool prepared = delegate && delegate->prepare(&graph.context, delegate) == HOST_OK;
  const bool taken = prepared && blocks_of(&graph, delegate) == 1 && graph.plan->count == 1;
  test_host_end(&graph);
  tflite_plugin_destroy_delegate(delegate);
  return taken;
}

/* What is slower than the host's is left, unless the option least is 0. How many findings. */
static int test_slower(void) {
  int findings = 0;
  for (int channels = 3; channels < 6; channels++) {
    findings += !takes_dense(HOST_F32, channels, false, "1") || !takes_dense(HOST_I8, channels, true, "1");
    findings += takes_dense(HOST_I8, channels, false, "1") != (channels < 5);
    findings += !takes_dense(HOST_I8, channels, false, "0");
  }
  return findings;
}

/* Shapes that change between prepare and run, and other lies after the nodes are made. */
static void lie(uint64_t seed, long *taken) {
  static test_graph graph;
  host_delegate *delegate = test_delegate("auto", "xnnpack", "0");
  test_host_begin(&graph, seed);
  test_make_graph(&graph);
  const host_ints *plan = graph.plan;
  test_spoil(&graph);
  if (delegate && delegate->prepare(&graph.context, delegate) == HOST_OK && graph.context.tensors && plan->count >= 0) {
    const int blocks = blocks_of(&graph, delegate);
    *taken += blocks > 0;
    if (test_host_allocate(&graph) && blocks > 0 && plan->count > 0) test_host_run(&graph, false);
  }
  test_host_end(&graph);
  tflite_plugin_destroy_delegate(delegate);
}

static bool has_node(const test_graph *graph, int node) {
  for (int i = 0; i < graph->plan->count; i++)
    if (graph->plan->values[i] == node) return true;
  return false;
}

/* Whether what contradicts, if anything does, stays with the host. */
static bool refuses_contradiction(uint64_t seed, long *contradictions) {
  static test_graph graph;
  host_delegate *delegate = test_delegate("auto", "xnnpack", "0");
  test_host_begin(&graph, seed);
  test_make_graph(&graph);
  const int node = test_contradict(&graph);
  bool stays = delegate && delegate->prepare(&graph.context, delegate) == HOST_OK;
  if (node >= 0) {
    stays = stays && has_node(&graph, node);
    ++*contradictions;
  }
  test_host_end(&graph);
  tflite_plugin_destroy_delegate(delegate);
  return stays;
}

int main(int count, char **arguments) {
  const bool given = count > 1 && arguments[1][0] != '-';
  const long graphs = given ? strtol(arguments[1], NULL, 10) : 2000;
  const uint64_t seed = given && count > 2 ? strtoull(arguments[2], NULL, 10) : 1;
  if (!freopen("/dev/null", "w", stderr)) return 2; /* the delegate says of each graph what it took, and why not more */
  long findings = test_api() + test_rest() + test_slower(), taken = 0, lies = 0, contradictions = 0;
  for (long i = 0; i < graphs; i++) {
    const uint64_t number = seed * 1000003 + (uint64_t)i;
    if (i % KINDS > 1) {
      lie(number, &taken);
      lies++;
    } else if (i % KINDS == 0
                   ? !honest(number) || !leaves_unknown(number) || (i % TOGETHER == 0 && !test_together(number))
                   : !refuses_contradiction(number, &contradictions)) {
      printf("FINDING: graph %ld of seed %llu\n", i, (unsigned long long)seed);
      findings++;
    }
  }
  if (lies > 100 && (taken < lies / 10 || taken > lies * 9 / 10))
    findings++;                                                         /* then the lies are not what they should be */
  if (graphs > 1000 && contradictions < graphs / KINDS / 3) findings++; /* then hardly a graph contradicts itself */
  printf("%ld graphs contradict themselves\n", contradictions);
  printf("of %ld graphs that lie, blocks of %ld were taken\n", lies, taken);
  printf("check: %ld cases, %ld findings\n", graphs, findings);
  return findings > 0;
}
