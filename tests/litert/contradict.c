/* SPDX-License-Identifier: MIT
 *
 * Contradictions between operators. Each tensor is sound: its bytes are those that its shape says. But the operators
 * do not fit together, so that no chain of them can be right.
 */
#include "host.h"

/* A node with that code, found from a place at random; -1 if there is none. */
static int find_node(test_graph *graph, int code) {
  const int first = test_random(graph, graph->node_count);
  for (int i = 0; i < graph->node_count; i++) {
    const int node = (first + i) % graph->node_count;
    if (graph->nodes[node].registration.code == code) return node;
  }
  return -1;
}

/* Gives the tensor one channel more, and memory of its new size if it is a constant. */
static void widen(test_graph *graph, int number) {
  host_tensor *tensor = &graph->tensors[number];
  int *channels = &tensor->dims->values[3];
  tensor->bytes += tensor->bytes / (size_t)*channels;
  ++*channels;
  if (tensor->data) tensor->data = test_piece(graph, tensor->bytes);
}

/* The mean of an image has more channels than the image, and the layer behind it agrees. */
static int widen_mean(test_graph *graph) {
  const int mean = find_node(graph, HOST_MEAN);
  if (mean < 0) return -1;
  const int output = graph->nodes[mean].host.outputs->values[0];
  for (int i = 0; i < graph->node_count; i++) {
    const host_node *node = &graph->nodes[i].host;
    if (graph->nodes[i].registration.code != HOST_CONV_2D || node->inputs->values[0] != output) continue;
    widen(graph, output);
    widen(graph, node->inputs->values[1]);
    return mean;
  }
  return -1;
}

/* An image has more channels than PAD makes of it. */
static int widen_before_pad(test_graph *graph) {
  const int pad = find_node(graph, HOST_PAD);
  if (pad >= 0) widen(graph, graph->nodes[pad].host.inputs->values[0]);
  return pad;
}

/* PAD's zeros have another scale than its input. */
static int rescale_pad(test_graph *graph) {
  const int pad = find_node(graph, HOST_PAD);
  if (pad < 0 || graph->type != HOST_I8) return -1;
  host_affine *affine = test_piece(graph, sizeof *affine);
  host_tensor *output = &graph->tensors[graph->nodes[pad].host.outputs->values[0]];
  *affine = *(const host_affine *)output->quantization.parameters;
  affine->scales = test_piece(graph, sizeof(host_floats) + sizeof(float));
  affine->scales->count = 1;
  affine->scales->values[0] = 0.5f;
  output->quantization.parameters = affine;
  return pad;
}

/* A window that is not the whole image. */
static int widen_window(test_graph *graph) {
  const int pool = find_node(graph, HOST_AVERAGE_POOL_2D);
  if (pool >= 0) ((host_pool *)graph->nodes[pool].host.parameters)->filter_height++;
  return pool;
}

/* A hard sigmoid that adds another number than 3; in int8, where any will do, one without RELU6. */
static int change_number(test_graph *graph) {
  const int sum = find_node(graph, HOST_ADD);
  for (int i = 0; sum >= 0 && i < 2; i++) {
    const host_tensor *tensor = &graph->tensors[graph->nodes[sum].host.inputs->values[i]];
    if (tensor->allocation != HOST_MAPPED) continue;
    if (graph->type == HOST_I8)
      ((host_arithmetic *)graph->nodes[sum].host.parameters)->fused = HOST_NONE;
    else
      *(float *)tensor->data = 2;
    return sum;
  }
  return -1;
}

/* PRELU has more slopes than its image has channels. */
static int widen_slopes(test_graph *graph) {
  const int prelu = find_node(graph, HOST_PRELU);
  if (prelu < 0) return -1;
  host_tensor *slopes = &graph->tensors[graph->nodes[prelu].host.inputs->values[1]];
  slopes->bytes += slopes->bytes / (size_t)slopes->dims->values[2];
  slopes->dims->values[2]++;
  slopes->data = test_piece(graph, slopes->bytes);
  return prelu;
}

/* A shape that is computed is that of something else than a vector per image. */
static int change_shape(test_graph *graph) {
  const int pack = find_node(graph, HOST_PACK), slice = find_node(graph, HOST_STRIDED_SLICE);
  if (pack < 0 || slice < 0) return -1;
  const host_ints *numbers = graph->nodes[pack].host.inputs;
  if (numbers->count == 4 && test_random(graph, 2)) {
    *(int32_t *)graph->tensors[numbers->values[1 + test_random(graph, 3)]].data += 1;
    return pack;
  }
  host_slice *parameters = graph->nodes[slice].host.parameters;
  switch (test_random(graph, 4)) {
    case 0: parameters->end_mask = 1; break;
    case 1: parameters->shrink_mask = 0; break;
    case 2:
      parameters->begin_mask = 0, *(int32_t *)graph->tensors[graph->nodes[slice].host.inputs->values[1]].data = 1;
      break;
    default: *(int32_t *)graph->tensors[graph->nodes[slice].host.inputs->values[2]].data = 2;
  }
  return slice;
}

/* An operator writes what one before it, or itself, reads. */
static int close_cycle(test_graph *graph) {
  const int node = test_random(graph, graph->node_count), reader = test_random(graph, node + 1);
  graph->nodes[node].host.outputs->values[0] = graph->nodes[reader].host.inputs->values[0];
  return node;
}

/* Two operators write the same tensor. */
static int write_twice(test_graph *graph) {
  const int node = test_random(graph, graph->node_count), other = test_random(graph, graph->node_count);
  if (node == other) return -1;
  graph->nodes[node].host.outputs->values[0] = graph->nodes[other].host.outputs->values[0];
  return other;
}

/* Few graphs have a place for the first seven. */
int test_contradict(test_graph *graph) {
  int (*const rare[])(test_graph *) = {widen_mean,   widen_before_pad, widen_window, change_number,
                                       change_shape, widen_slopes,     rescale_pad};
  const int first = test_random(graph, 7);
  for (int i = 0; i < 7; i++) {
    const int node = test_random(graph, 2) ? rare[(first + i) % 7](graph) : -1;
    if (node >= 0) return node;
  }
  return test_random(graph, 2) ? close_cycle(graph) : write_twice(graph);
}
