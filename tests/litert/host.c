/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int test_random(test_graph *graph, int n) {
  graph->random = graph->random * 6364136223846793005u + 1442695040888963407u;
  return (int)((graph->random >> 33) % (uint64_t)n);
}

void *test_piece(test_graph *graph, size_t bytes) {
  void *memory = calloc(1, bytes ? bytes : 1);
  if (!memory || graph->piece_count == TEST_MOST_PIECES) {
    fputs("the test is out of memory\n", stderr);
    exit(2);
  }
  return graph->pieces[graph->piece_count++] = memory;
}

host_ints *test_list(test_graph *graph, int count, const int *values) {
  host_ints *list = test_piece(graph, sizeof *list + (size_t)count * sizeof(int));
  list->count = count;
  if (count) memcpy(list->values, values, (size_t)count * sizeof(int));
  return list;
}

/* ---- The context's functions ------------------------------------------------------------------------------------- */

static test_graph *graph_of(host_context *context) { return (test_graph *)context; }

static int tell_plan(host_context *context, host_ints **plan) {
  *plan = graph_of(context)->plan;
  return HOST_OK;
}

static int tell_node(host_context *context, int index, host_node **node, host_registration **registration) {
  test_graph *graph = graph_of(context);
  if (index < 0 || index >= graph->node_count) return HOST_ERROR;
  *node = &graph->nodes[index].host;
  *registration = &graph->nodes[index].registration;
  return HOST_OK;
}

static int resize(host_context *context, host_tensor *tensor, host_ints *dims) {
  test_graph *graph = graph_of(context);
  tensor->dims = test_list(graph, dims->count, dims->values);
  free(dims);
  tensor->bytes = 0;
  return HOST_OK;
}

static void report(host_context *context, const char *format, ...) { (void)context, (void)format; }

static bool contains(const host_ints *list, int value) {
  for (int i = 0; i < list->count; i++)
    if (list->values[i] == value) return true;
  return false;
}

typedef struct number_set {
  int count, values[TEST_MOST_ARGUMENTS];
} number_set;

static void include(number_set *set, int value) {
  for (int i = 0; i < set->count; i++)
    if (set->values[i] == value) return;
  if (set->count < TEST_MOST_ARGUMENTS) set->values[set->count++] = value;
}

/* Whether a node outside of `nodes` reads the tensor, or it is the graph's output. */
static bool is_seen(const test_graph *graph, const host_ints *nodes, int tensor) {
  for (int i = 0; i < graph->plan->count; i++) {
    const int node = graph->plan->values[i];
    if (!contains(nodes, node) && contains(graph->nodes[node].host.inputs, tensor)) return true;
  }
  return tensor == graph->output || tensor == graph->middle;
}

static host_partition partition_of(test_graph *graph, const host_ints *nodes) {
  number_set written = {0}, read = {0}, seen = {0};
  for (int i = 0; i < nodes->count; i++) {
    const host_node *node = &graph->nodes[nodes->values[i]].host;
    for (int k = 0; k < node->outputs->count; k++) include(&written, node->outputs->values[k]);
    for (int k = 0; k < node->inputs->count; k++) include(&read, node->inputs->values[k]);
  }
  for (int i = 0; i < written.count; i++)
    if (is_seen(graph, nodes, written.values[i])) include(&seen, written.values[i]);
  return (host_partition){NULL, test_list(graph, nodes->count, nodes->values),
                          test_list(graph, read.count, read.values), test_list(graph, seen.count, seen.values)};
}

static int preview(host_context *context, const host_ints *nodes, host_partition **partitions, int *count) {
  test_graph *graph = graph_of(context);
  if (graph->preview == PREVIEW_FAILS) return HOST_ERROR;
  graph->partitions[0] = graph->partitions[1] = partition_of(graph, nodes);
  if (graph->preview == PREVIEW_WITHOUT_LISTS) graph->partitions[0] = (host_partition){0};
  *partitions = graph->preview == PREVIEW_OF_NOTHING ? NULL : graph->partitions;
  *count = graph->preview == PREVIEW_OF_TWO ? 2 : 1;
  return HOST_OK;
}

static int replace(host_context *context, host_registration registration, const host_ints *nodes,
                   host_delegate *delegate) {
  test_graph *graph = graph_of(context);
  if (graph->replace == REPLACE_FAILS || graph->node_count == TEST_MOST_NODES) return HOST_ERROR;
  if (graph->replace == REPLACE_FORGETS) return HOST_OK;
  host_partition *partition = test_piece(graph, sizeof *partition);
  *partition = partition_of(graph, nodes);
  partition->delegate = delegate;
  test_node *made = &graph->nodes[graph->node_count];
  *made = (test_node){{.inputs = partition->inputs, .outputs = partition->outputs, .delegate = delegate}, registration};
  made->host.ours = registration.init(context, (const char *)partition, 0);
  int kept = 0;
  for (int i = 0, left = nodes->count; i < graph->plan->count; i++) {
    const int node = graph->plan->values[i];
    if (!contains(nodes, node))
      graph->plan->values[kept++] = node;
    else if (--left == 0)
      graph->plan->values[kept++] = graph->node_count;
  }
  graph->plan->count = kept;
  graph->node_count++;
  return graph->replace == REPLACE_FAILS_LATE ? HOST_ERROR : HOST_OK;
}

/* ---- Runs -------------------------------------------------------------------------------------------------------- */

void test_host_begin(test_graph *graph, uint64_t seed) {
  memset(graph, 0, sizeof *graph);
  graph->random = seed * 0x9E3779B97F4A7C15u + 1;
  graph->context = (host_context){.plan = tell_plan,
                                  .tensors = graph->tensors,
                                  .resize = resize,
                                  .report = report,
                                  .node = tell_node,
                                  .replace = replace,
                                  .preview = preview};
}

void test_host_end(test_graph *graph) {
  for (int i = 0; i < graph->node_count; i++)
    if (graph->nodes[i].host.delegate && graph->nodes[i].registration.free)
      graph->nodes[i].registration.free(&graph->context, graph->nodes[i].host.ours);
  for (int i = 0; i < graph->piece_count; i++) free(graph->pieces[i]);
}

bool test_host_allocate(test_graph *graph) {
  for (size_t i = 0; i < graph->context.tensor_count; i++) {
    host_tensor *tensor = &graph->tensors[i];
    size_t bytes = tensor->type == HOST_I8 ? 1 : 4;
    if (tensor->allocation == HOST_MAPPED || !tensor->dims) continue;
    if ((uintptr_t)tensor->dims < 4096) return false; /* one of our lies */
    for (int k = 0; k < tensor->dims->count; k++) {
      if (tensor->dims->values[k] < 1 || tensor->dims->values[k] > 64) return false;
      bytes *= (size_t)tensor->dims->values[k];
    }
    if (bytes > 1 << 20) return false;
    if (tensor->data && tensor->bytes == bytes) continue;
    tensor->bytes = bytes;
    tensor->data = test_piece(graph, bytes);
    for (size_t k = 0; tensor->type == HOST_I8 && k < bytes; k++)
      ((int8_t *)tensor->data)[k] = (int8_t)test_random(graph, 256);
    for (size_t k = 0; tensor->type == HOST_F32 && k < bytes / 4; k++)
      ((float *)tensor->data)[k] = (float)test_random(graph, 2001) / 1000 - 1;
  }
  return true;
}

static void compute(test_graph *graph, const test_node *node) {
  float *values[TEST_MOST_TENSORS];
  double errors[TEST_MOST_TENSORS] = {0};
  for (size_t i = 0; i < graph->context.tensor_count; i++) values[i] = graph->tensors[i].data;
  test_compute(graph, node, values, errors);
}

int test_host_run(test_graph *graph, bool honest) {
  int ran = 0;
  for (int i = 0; i < graph->plan->count; i++) {
    test_node *node = &graph->nodes[graph->plan->values[i]];
    if (!node->host.delegate && honest && graph->type == HOST_F32) compute(graph, node);
    if (!node->host.delegate || !node->registration.prepare) continue;
    if (node->registration.prepare(&graph->context, &node->host) != HOST_OK || !test_host_allocate(graph)) return -1;
    if (!honest && test_random(graph, 4) == 0) test_spoil_image(graph);
    if (node->registration.invoke(&graph->context, &node->host) != HOST_OK) return -1;
    ran++;
  }
  return ran;
}
