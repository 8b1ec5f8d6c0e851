/* SPDX-License-Identifier: MIT
 *
 * A host of the tests' own: it speaks the structs that LiteRT does, and tells lies if it is asked to.
 */
#ifndef MBCONV_TESTS_LITERT_HOST_H
#define MBCONV_TESTS_LITERT_HOST_H

#include <stdbool.h>

#include "../../litert/plugin.h"

enum { TEST_MOST_TENSORS = 600, TEST_MOST_NODES = 200, TEST_MOST_PIECES = 4800, TEST_MOST_ARGUMENTS = 64 };

/* What the host does when it is asked what a node would replace, and to replace. */
enum preview_mode {
  PREVIEW_HONEST,
  PREVIEW_FAILS,
  PREVIEW_OF_TWO,
  PREVIEW_OF_NOTHING,
  PREVIEW_WITHOUT_LISTS,
  PREVIEW_MODES
};
enum replace_mode { REPLACE_HONEST, REPLACE_FAILS, REPLACE_FAILS_LATE, REPLACE_FORGETS, REPLACE_MODES };

typedef struct test_node {
  host_node host;
  host_registration registration;
} test_node;

typedef struct test_graph {
  host_context context; /* first: the host's pointer is ours */
  int type, node_count;
  int output, middle; /* the graph's outputs; the latter -1 if there is but one */
  host_tensor tensors[TEST_MOST_TENSORS];
  test_node nodes[TEST_MOST_NODES];
  host_ints *plan;
  enum preview_mode preview;
  enum replace_mode replace;
  host_partition partitions[2];
  void *pieces[TEST_MOST_PIECES]; /* memory that goes with the graph */
  int piece_count;
  uint64_t random;
} test_graph;

/* Numbers at random: from 0 to n - 1. */
int test_random(test_graph *graph, int n);

/* Memory of exactly that many bytes, zeros. */
void *test_piece(test_graph *graph, size_t bytes);
host_ints *test_list(test_graph *graph, int count, const int *values);

void test_host_begin(test_graph *graph, uint64_t seed);
void test_host_end(test_graph *graph); /* frees the delegate's nodes, too */

/* What the operator writes, of f32: values has the data of each tensor, errors about how wrong it may be, 0 for what is
 * given. */
void test_compute(const test_graph *graph, const test_node *node, float *const *values, double *errors);

/* Runs the plan: the delegate's nodes are prepared first; others are computed if `honest` and of f32. Returns how many
 * of the delegate's ran, or -1 if one of them refused. */
int test_host_run(test_graph *graph, bool honest);

/* Gives every image memory of exactly its size, with data at random. False if they are too large. */
bool test_host_allocate(test_graph *graph);

/* A graph that a converter could have written, of 1 to 5 layers, most with activations, shortcuts or squeeze-excite. */
void test_make_graph(test_graph *graph);

/* A 3x3 on an image of so many channels; and a 1x1 behind it, if it is `followed`. */
void test_make_dense(test_graph *graph, int type, int channels, bool followed);

/* A dense 3x3, a depthwise one and a 1x1, and behind them an operator of that code, which keeps the shape. */
void test_make_rest(test_graph *graph, int code);

/* Some lies in it; and one about an image, between a node's preparation and its run. */
void test_spoil(test_graph *graph);
void test_spoil_image(test_graph *graph);

/* A delegate with these options, or NULL. */
host_delegate *test_delegate(const char *isa, const char *kernels, const char *threads);

/* mbconv_litert.h. How many findings. */
int test_api(void);

/* How many threads the host has for what stays. How many findings. */
int test_rest(void);

/* An honest graph in several interpreters that share a delegate, each on a thread of its own, with threads of the
 * delegate, again and again; then in a process that is forked from this one. All have the bytes of one that runs alone.
 */
bool test_together(uint64_t seed);

/* A contradiction between operators, whose tensors are each sound. Returns the node that must stay with the host, or -1
 * if the graph has no place for it. */
int test_contradict(test_graph *graph);

#endif
