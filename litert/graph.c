/* SPDX-License-Identifier: MIT
 *
 * Reading the host's graph. A host whose structs lie otherwise than host.h says, or a graph that contradicts itself, is
 * found out here: every tensor and node is looked at once, each pointer and count before it is used.
 */
#include "graph.h"

#include <stdio.h>
#include <stdlib.h>

#include "size.h"

enum {
  MOST_TENSORS = 1 << 22,
  MOST_DIMS = 16,
  MOST_SCALES = 1 << 24,
  MOST_ARGUMENTS = 1 << 16 /* of a node */
};

/* The first page of memory is never mapped, and the host's structs lie where their type may. */
static bool is_address(const void *pointer, size_t alignment) {
  return (uintptr_t)pointer >= 4096 && (uintptr_t)pointer % alignment == 0;
}

/* A list of ints or floats, whose count comes first. */
static bool is_list(const void *list, int most) {
  return is_address(list, sizeof(int)) && *(const int *)list >= 0 && *(const int *)list <= most;
}

/* ---- Tensors ----------------------------------------------------------------------------------------------------- */

static size_t size_of(int type) {
  switch (type) {
    case HOST_F32:
    case HOST_I32: return 4;
    case HOST_F16: return 2;
    case HOST_I8: return 1;
    default: return 0;
  }
}

bool graph_bytes(const host_tensor *tensor, size_t *bytes) {
  bool overflow = false;
  *bytes = size_of(tensor->type);
  if (!*bytes || !tensor->dims) return false;
  for (int i = 0; i < tensor->dims->count; i++) {
    if (tensor->dims->values[i] < 1) return false;
    *bytes = mbconv_multiply(*bytes, (size_t)tensor->dims->values[i], &overflow);
  }
  return !overflow;
}

bool graph_tensor_is_sound(const host_tensor *tensor) {
  if (tensor->type < 0 || tensor->type > HOST_MOST_TYPES) return false;
  if (tensor->allocation < 0 || tensor->allocation > HOST_MOST_ALLOCATIONS) return false;
  if (tensor->stale > 1 || tensor->variable > 1) return false;
  if (tensor->quantization.type < 0 || tensor->quantization.type > HOST_MOST_QUANTIZATIONS) return false;
  return !tensor->dims || is_list(tensor->dims, MOST_DIMS);
}

/* The host itself refuses models whose constants have another size than their shape says: this is its layout, tried. */
static bool constant_fits(const host_tensor *tensor) {
  size_t bytes;
  if (tensor->allocation != HOST_MAPPED || tensor->sparsity || !graph_bytes(tensor, &bytes)) return true;
  return bytes == tensor->bytes && is_address(tensor->data, 1);
}

const host_tensor *graph_tensor(const litert_graph *graph, int tensor, int type, int rank) {
  if (tensor < 0 || (size_t)tensor >= graph->context->tensor_count) return NULL;
  const host_tensor *found = &graph->context->tensors[tensor];
  size_t bytes;
  if (found->type != type || found->sparsity || !found->dims || found->dims->count != rank) return NULL;
  return graph_bytes(found, &bytes) && bytes == found->bytes ? found : NULL;
}

const host_tensor *graph_values(const litert_graph *graph, int tensor, int type, int rank) {
  const host_tensor *found = graph_tensor(graph, tensor, type, rank);
  return found && found->allocation != HOST_MAPPED && !found->variable ? found : NULL;
}

const host_tensor *graph_image(const litert_graph *graph, int tensor, int type) {
  return graph_values(graph, tensor, type, GRAPH_RANK);
}

const host_tensor *graph_constant(const litert_graph *graph, int tensor, int type, int rank) {
  const host_tensor *found = graph_tensor(graph, tensor, type, rank);
  const bool constant = found && found->allocation == HOST_MAPPED && !found->variable;
  const size_t alignment = type == HOST_I8 ? 1 : type == HOST_F16 ? 2 : 4;
  return constant && is_address(found->data, alignment) ? found : NULL;
}

int graph_floats(const litert_graph *graph, int tensor, int rank) {
  if (graph_constant(graph, tensor, HOST_F32, rank)) return tensor;
  const host_tensor *wide = graph_tensor(graph, tensor, HOST_F32, rank);
  if (!wide || graph->writers[tensor] < 0) return -1;
  const graph_op *op = &graph->ops[graph->writers[tensor]];
  const host_tensor *half =
      op->code == HOST_DEQUANTIZE && op->input_count == 1 ? graph_constant(graph, op->inputs[0], HOST_F16, rank) : NULL;
  if (!half) return -1;
  for (int i = 0; i < rank; i++)
    if (half->dims->values[i] != wide->dims->values[i]) return -1;
  return op->inputs[0];
}

bool graph_is_sized(const host_tensor *tensor) {
  if (!is_list(tensor->signature, MOST_DIMS)) return true;
  for (int i = 0; i < tensor->signature->count; i++)
    if (tensor->signature->values[i] < 0) return false;
  return true;
}

const host_affine *graph_quantization(const host_tensor *tensor) {
  const host_affine *affine = tensor->quantization.parameters;
  if (tensor->quantization.type != HOST_AFFINE || !is_address(affine, sizeof(void *))) return NULL;
  if (!is_list(affine->scales, MOST_SCALES) || !is_list(affine->zero_points, MOST_SCALES)) return NULL;
  const int zero_points = affine->zero_points->count;
  if (affine->scales->count < 1 || (zero_points != 1 && zero_points != affine->scales->count)) return NULL;
  return affine;
}

const graph_op *graph_only_reader(const litert_graph *graph, int tensor) {
  const graph_readers *readers = &graph->readers[tensor];
  return readers->count == 1 ? &graph->ops[readers->ops[0]] : NULL;
}

/* ---- Nodes ------------------------------------------------------------------------------------------------------- */

const char *graph_name(int code) {
  switch (code) {
    case HOST_ADD: return "ADD";
    case HOST_AVERAGE_POOL_2D: return "AVERAGE_POOL_2D";
    case HOST_CONV_2D: return "CONV_2D";
    case HOST_DEPTHWISE_CONV_2D: return "DEPTHWISE_CONV_2D";
    case HOST_DEQUANTIZE: return "DEQUANTIZE";
    case HOST_FULLY_CONNECTED: return "FULLY_CONNECTED";
    case HOST_LOGISTIC: return "LOGISTIC";
    case HOST_MUL: return "MUL";
    case HOST_OP_RELU: return "RELU";
    case HOST_OP_RELU6: return "RELU6";
    case HOST_RESHAPE: return "RESHAPE";
    case HOST_PAD: return "PAD";
    case HOST_MEAN: return "MEAN";
    case HOST_STRIDED_SLICE: return "STRIDED_SLICE";
    case HOST_PRELU: return "PRELU";
    case HOST_SHAPE: return "SHAPE";
    case HOST_PACK: return "PACK";
    case HOST_LEAKY_RELU: return "LEAKY_RELU";
    case HOST_HARD_SWISH: return "HARD_SWISH";
    default: return NULL;
  }
}

static bool parameters_needed(int code) {
  switch (code) {
    case HOST_ADD:
    case HOST_AVERAGE_POOL_2D:
    case HOST_CONV_2D:
    case HOST_DEPTHWISE_CONV_2D:
    case HOST_FULLY_CONNECTED:
    case HOST_MUL:
    case HOST_MEAN:
    case HOST_STRIDED_SLICE:
    case HOST_PACK:
    case HOST_LEAKY_RELU: return true;
    default: return false;
  }
}

static int most_inputs(int code) { return code == HOST_STRIDED_SLICE || code == HOST_PACK ? GRAPH_MOST_INPUTS : 3; }

/* Whether the node's arguments are tensors. */
static bool arguments_fit(const host_node *node, size_t tensor_count) {
  if (!is_list(node->inputs, MOST_ARGUMENTS) || !is_list(node->outputs, MOST_ARGUMENTS)) return false;
  for (int i = 0; i < node->inputs->count; i++) {
    const int tensor = node->inputs->values[i];
    if (tensor < -1 || (tensor >= 0 && (size_t)tensor >= tensor_count)) return false;
  }
  for (int i = 0; i < node->outputs->count; i++) {
    const int tensor = node->outputs->values[i];
    if (tensor < 0 || (size_t)tensor >= tensor_count) return false;
  }
  return true;
}

/* Notes what the operator writes, after what it reads. False if a tensor was written or read before: an operator that
 * reads it would mean one of two values, and operators could form a cycle. */
static bool note_outputs(litert_graph *graph, int index, const host_ints *outputs) {
  for (int i = 0; i < outputs->count; i++) {
    const int tensor = outputs->values[i];
    if (graph->writers[tensor] >= 0 || graph->readers[tensor].count > 0) return false;
    graph->writers[tensor] = index;
  }
  return true;
}

static void read_op(litert_graph *graph, int index, int number, const host_node *node, int code) {
  graph_op *op = &graph->ops[index];
  const host_ints *inputs = node->inputs;
  *op = (graph_op){.node = number,
                   .kind = node->delegate ? -1 : code,
                   .code = -1,
                   .inputs = {-1, -1, -1, -1},
                   .output = node->outputs->count > 0 ? node->outputs->values[0] : -1};
  for (int i = 0; i < inputs->count; i++) {
    if (inputs->values[i] < 0) continue;
    graph_readers *readers = &graph->readers[inputs->values[i]];
    if (readers->count < GRAPH_MOST_READERS) readers->ops[readers->count] = index;
    readers->count++;
  }
  const bool known = inputs->count <= most_inputs(code) && node->outputs->count == 1 && !node->delegate;
  if (!known || (parameters_needed(code) && !is_address(node->parameters, sizeof(int)))) return;
  op->code = code;
  op->parameters = node->parameters;
  op->input_count = inputs->count;
  for (int i = 0; i < inputs->count; i++) op->inputs[i] = inputs->values[i];
}

static bool fail(litert_graph *graph, graph_message *message, const char *text) {
  snprintf(message->text, sizeof message->text, "%s", text);
  graph_free(graph);
  return false;
}

static bool fail_at(litert_graph *graph, graph_message *message, const char *what, int number, const char *text) {
  snprintf(message->text, sizeof message->text, "%s %d %s", what, number, text);
  graph_free(graph);
  return false;
}

static bool read_nodes(litert_graph *graph, const host_ints *plan, graph_message *message) {
  for (int i = 0; i < plan->count; i++) {
    host_node *node = NULL;
    host_registration *registration = NULL;
    const int number = plan->values[i];
    if (number < 0 || graph->context->node(graph->context, number, &node, &registration) != HOST_OK ||
        !is_address(node, sizeof(void *)) || !is_address(registration, sizeof(void *)))
      return fail_at(graph, message, "node", number, "is one of which the host tells nothing");
    if (!arguments_fit(node, graph->context->tensor_count))
      return fail_at(graph, message, "node", number, "has arguments that are no tensors");
    read_op(graph, i, number, node, registration->code);
    if (!note_outputs(graph, i, node->outputs))
      return fail_at(graph, message, "node", number, "writes a tensor that was written or read before");
  }
  return true;
}

bool graph_read(litert_graph *graph, host_context *context, graph_message *message) {
  *graph = (struct litert_graph){.context = context};
  if (!is_address(context, sizeof(void *))) return fail(graph, message, "the host gave no context");
  if (!context->plan || !context->node || !context->replace || !context->preview || !context->resize)
    return fail(graph, message, "the host's context lacks a function");
  if (!context->tensor_count || context->tensor_count > MOST_TENSORS || !is_address(context->tensors, sizeof(void *)))
    return fail(graph, message, "the host's context has no tensors");
  for (size_t i = 0; i < context->tensor_count; i++)
    if (!graph_tensor_is_sound(&context->tensors[i]) || !constant_fits(&context->tensors[i]))
      return fail_at(graph, message, "tensor", (int)i, "does not lie in memory as this delegate expects");

  host_ints *plan = NULL;
  if (context->plan(context, &plan) != HOST_OK || !is_list(plan, MOST_TENSORS))
    return fail(graph, message, "the host's context has no list of nodes");
  graph->op_count = plan->count;
  graph->ops = calloc((size_t)plan->count + 1, sizeof *graph->ops);
  graph->readers = calloc(context->tensor_count, sizeof *graph->readers);
  graph->writers = malloc(context->tensor_count * sizeof *graph->writers);
  for (size_t i = 0; graph->writers && i < context->tensor_count; i++) graph->writers[i] = -1;
  if (!graph->ops || !graph->readers || !graph->writers) return fail(graph, message, "out of memory");
  return read_nodes(graph, plan, message);
}

void graph_free(litert_graph *graph) {
  free(graph->ops);
  free(graph->readers);
  free(graph->writers);
  *graph = (struct litert_graph){0};
}
