/* SPDX-License-Identifier: MIT
 *
 * Lies of a host, or of a model: values that contradict others. None of them says that memory is larger than it is,
 * which nobody could see.
 */
#include <math.h>

#include "host.h"

static int odd_number(test_graph *graph) {
  static const int NUMBERS[] = {0, -1, 1, 2, 3, 7, 17, 1 << 20, 0x7fffffff, -0x7fffffff - 1};
  return NUMBERS[test_random(graph, sizeof NUMBERS / sizeof *NUMBERS)];
}

/* What an earlier lie was told of cannot be followed. */
static bool is_lie(const void *pointer) { return (uintptr_t)pointer < 4096; }

static void spoil_list(test_graph *graph, host_ints *list) {
  if (is_lie(list)) return;
  if (list->count > 0 && test_random(graph, 3))
    list->values[test_random(graph, list->count)] = odd_number(graph);
  else if (list->count > 0)
    list->count = test_random(graph, 2) ? list->count - 1 : -1;
}

static void spoil_quantization(test_graph *graph, host_tensor *tensor) {
  static const float SCALES[] = {0, -1, 1e-40f, 1e30f, 300, INFINITY, NAN};
  host_affine *affine = tensor->quantization.parameters;
  if (is_lie(affine) || tensor->quantization.type != HOST_AFFINE) return;
  switch (test_random(graph, 6)) {
    case 0: affine->scales = NULL; break;
    case 1: affine->zero_points = NULL; break;
    case 2: affine->dimension = odd_number(graph); break;
    case 3: spoil_list(graph, affine->zero_points); break;
    case 4:
      if (affine->scales && affine->scales->count > 0) affine->scales->values[0] = SCALES[test_random(graph, 7)];
      break;
    default: tensor->quantization.parameters = (void *)(uintptr_t)test_random(graph, 4096);
  }
}

static void spoil_tensor(test_graph *graph) {
  host_tensor *tensor = &graph->tensors[test_random(graph, (int)graph->context.tensor_count)];
  switch (test_random(graph, 12)) {
    case 0: tensor->type = odd_number(graph); break;
    case 1: tensor->type = (int[]){HOST_F32, HOST_I8, HOST_I32}[test_random(graph, 3)]; break;
    case 2: tensor->dims = NULL; break;
    case 3: tensor->dims = (host_ints *)(uintptr_t)(test_random(graph, 4096) | 1); break;
    case 4: spoil_list(graph, tensor->dims); break;
    case 5: tensor->bytes = tensor->bytes > 1 ? tensor->bytes - 1 : 0; break;
    case 6: tensor->data = NULL; break;
    case 7: tensor->allocation = tensor->allocation == HOST_MAPPED ? 2 : odd_number(graph); break;
    case 8: tensor->variable = (unsigned char)test_random(graph, 256); break;
    case 9: tensor->sparsity = tensor; break;
    case 10: tensor->quantization.type = odd_number(graph); break;
    default: spoil_quantization(graph, tensor);
  }
}

void test_spoil_image(test_graph *graph) {
  host_tensor *tensor = &graph->tensors[test_random(graph, (int)graph->context.tensor_count)];
  if (tensor->allocation == HOST_MAPPED) return;
  if (test_random(graph, 3) == 0)
    tensor->data = NULL;
  else if (test_random(graph, 2))
    tensor->type = HOST_F32;
  else
    spoil_list(graph, tensor->dims);
}

static void spoil_node(test_graph *graph) {
  static const int WORDS[] = {6, 7, 1, 6, 2, 5, 2};
  test_node *node = &graph->nodes[test_random(graph, graph->node_count)];
  const int tensors = (int)graph->context.tensor_count;
  switch (test_random(graph, 8)) {
    case 0: spoil_list(graph, node->host.inputs); break;
    case 1: spoil_list(graph, node->host.outputs); break;
    case 2:
      if (!is_lie(node->host.inputs) && node->host.inputs->count > 0)
        node->host.inputs->values[0] = test_random(graph, tensors);
      break;
    case 3:
      if (!is_lie(node->host.outputs) && node->host.outputs->count > 0)
        node->host.outputs->values[0] = test_random(graph, tensors);
      break;
    case 4: node->host.parameters = test_random(graph, 2) ? NULL : (void *)(uintptr_t)test_random(graph, 4096); break;
    case 5: {
      const int code = node->registration.code;
      static const int CODES[] = {HOST_CONV_2D,         HOST_DEPTHWISE_CONV_2D, HOST_ADD, HOST_AVERAGE_POOL_2D,
                                  HOST_FULLY_CONNECTED, HOST_STRIDED_SLICE,     HOST_PACK};
      int kind = 0;
      while (kind < 7 && CODES[kind] != code) kind++;
      if (kind < 7 && !is_lie(node->host.parameters))
        ((int *)node->host.parameters)[test_random(graph, WORDS[kind])] = odd_number(graph);
      break;
    }
    case 6: node->host.delegate = test_random(graph, 2) ? graph : NULL; break;
    default: node->host.inputs = NULL;
  }
}

static void spoil_context(test_graph *graph) {
  host_context *context = &graph->context;
  switch (test_random(graph, 10)) {
    case 0: context->plan = NULL; break;
    case 1: context->node = NULL; break;
    case 2: context->replace = NULL; break;
    case 3: context->preview = NULL; break;
    case 4: context->tensors = NULL; break;
    case 5: context->tensor_count -= (size_t)test_random(graph, (int)context->tensor_count); break;
    case 6: spoil_list(graph, graph->plan); break;
    case 7: graph->replace = (enum replace_mode)test_random(graph, REPLACE_MODES); break;
    default: graph->preview = (enum preview_mode)test_random(graph, PREVIEW_MODES);
  }
}

void test_spoil(test_graph *graph) {
  for (int lies = 1 + test_random(graph, 3); lies > 0; lies--) {
    const int kind = test_random(graph, 10);
    if (kind < 5)
      spoil_tensor(graph);
    else if (kind < 8)
      spoil_node(graph);
    else
      spoil_context(graph);
  }
}
