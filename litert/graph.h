/* SPDX-License-Identifier: MIT
 *
 * The host's graph as the delegate reads it: operators in the order in which they run, and who reads each tensor. What
 * graph_read() lets pass is what the other files may rely on: also that a tensor is written at most once, and not after
 * it was read, so that operators never form a cycle.
 */
#ifndef MBCONV_LITERT_GRAPH_H
#define MBCONV_LITERT_GRAPH_H

#include <stdbool.h>

#include "host.h"

enum { GRAPH_MOST_INPUTS = 4, GRAPH_MOST_READERS = 2, GRAPH_RANK = 4 };

typedef struct graph_op {
  int node; /* the host's number */
  int kind; /* host_code, or -1 for a node of another delegate */
  int code; /* the same, or -1 for what the delegate does not read: of another delegate, or with too many inputs */
  int inputs[GRAPH_MOST_INPUTS]; /* -1: none */
  int input_count;
  int output;             /* the first */
  const void *parameters; /* of the code's struct, or NULL if it has none */
} graph_op;

typedef struct graph_readers {
  int count; /* readings of the tensor, by all operators */
  int ops[GRAPH_MOST_READERS];
} graph_readers;

typedef struct litert_graph {
  host_context *context;
  int op_count;
  graph_op *ops;
  graph_readers *readers; /* per tensor */
  int *writers;           /* per tensor: the operator that writes it, or -1 */
} litert_graph;

typedef struct graph_message {
  char text[200];
} graph_message;

/* Reads the host's graph. False if something in it is strange, or memory is lacking: the message says what, and there
 * is nothing to free. */
bool graph_read(litert_graph *graph, host_context *context, graph_message *message);
void graph_free(litert_graph *graph);

/* The name of an operator's code in .tflite files; NULL if chains have none such. */
const char *graph_name(int code);

/* The tensor of that number if it is one of `type` and of rank `rank` that is not sparse and whose bytes are as many as
 * its dims say; else NULL. Shapes are those that the model names. */
const host_tensor *graph_tensor(const litert_graph *graph, int tensor, int type, int rank);

/* The same, if it is neither a constant nor a variable; an image has rank 4. */
const host_tensor *graph_values(const litert_graph *graph, int tensor, int type, int rank);
const host_tensor *graph_image(const litert_graph *graph, int tensor, int type);

/* The same, if it is a constant of the model. */
const host_tensor *graph_constant(const litert_graph *graph, int tensor, int type, int rank);

/* The constant of f32 or f16 whose values the tensor, of f32, has: it is one, or DEQUANTIZE makes it of one. -1: none.
 */
int graph_floats(const litert_graph *graph, int tensor, int rank);

/* Whether the model names the tensor's size, which it need not if inputs may have any. */
bool graph_is_sized(const host_tensor *tensor);

/* The tensor's scales and zero points, or NULL: as many of both, or one zero point for all. */
const host_affine *graph_quantization(const host_tensor *tensor);

/* The operator which alone reads the tensor, or NULL. */
const graph_op *graph_only_reader(const litert_graph *graph, int tensor);

/* Whether the tensor, taken alone, is one: every pointer can be followed, every count is sensible. */
bool graph_tensor_is_sound(const host_tensor *tensor);

/* The tensor's bytes, as its type and dims have them. False for other types, dims below 1, and what overflows. */
bool graph_bytes(const host_tensor *tensor, size_t *bytes);

#endif
