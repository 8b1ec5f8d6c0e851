/* SPDX-License-Identifier: MIT
 *
 * Graphs at random, as a converter could have written them. Weights are few, images small.
 */
#include <string.h>

#include "host.h"

enum { RANK = 4, MOST_LAYERS = 5 };

static int add_tensor(test_graph *graph, int type, int rank, const int *dims, int allocation) {
  const int number = (int)graph->context.tensor_count++;
  host_tensor *tensor = &graph->tensors[number];
  *tensor =
      (host_tensor){.type = type, .allocation = allocation, .dims = test_list(graph, rank, dims), .name = "tensor"};
  tensor->bytes = type == HOST_I8 ? 1 : 4;
  for (int i = 0; i < rank; i++) tensor->bytes *= (size_t)dims[i];
  if (allocation == HOST_MAPPED) tensor->data = test_piece(graph, tensor->bytes);
  return number;
}

static void quantize(test_graph *graph, int tensor, int scales, float scale, int zero_point, int dimension) {
  host_affine *affine = test_piece(graph, sizeof *affine);
  affine->scales = test_piece(graph, sizeof(host_floats) + (size_t)scales * sizeof(float));
  affine->zero_points = test_piece(graph, sizeof(host_ints) + (size_t)scales * sizeof(int));
  affine->scales->count = affine->zero_points->count = scales;
  affine->dimension = dimension;
  for (int i = 0; i < scales; i++) affine->scales->values[i] = scale, affine->zero_points->values[i] = zero_point;
  graph->tensors[tensor].quantization.type = HOST_AFFINE;
  graph->tensors[tensor].quantization.parameters = affine;
}

static int add_image(test_graph *graph, const int *dims) {
  const int image = add_tensor(graph, graph->type, RANK, dims, 2);
  if (graph->type == HOST_I8) quantize(graph, image, 1, 0.05f, test_random(graph, 20) - 10, 0);
  return image;
}

static int add_constant(test_graph *graph, int type, int rank, const int *dims) {
  const int constant = add_tensor(graph, type, rank, dims, HOST_MAPPED);
  host_tensor *tensor = &graph->tensors[constant];
  for (size_t i = 0; i < tensor->bytes && type == HOST_I8; i++)
    ((int8_t *)tensor->data)[i] = (int8_t)test_random(graph, 256);
  for (size_t i = 0; i < tensor->bytes / 4 && type == HOST_F32; i++)
    ((float *)tensor->data)[i] = (float)test_random(graph, 201) / 100 - 1;
  return constant;
}

static int add_node(test_graph *graph, int code, int count, const int *inputs, int output, const void *parameters,
                    size_t size) {
  test_node *node = &graph->nodes[graph->node_count++];
  node->registration.code = code;
  node->host.inputs = test_list(graph, count, inputs);
  node->host.outputs = test_list(graph, 1, &output);
  if (size) node->host.parameters = memcpy(test_piece(graph, size), parameters, size);
  return output;
}

static const int *dims_of(const test_graph *graph, int image) { return graph->tensors[image].dims->values; }

static int convolve(test_graph *graph, int x, int out, int kernel, int stride, bool depthwise, int fused) {
  const int *d = dims_of(graph, x), same = stride == 2 || kernel > d[1] || kernel > d[2] || test_random(graph, 2);
  const int lost = same ? 0 : kernel - 1;
  const int y_dims[] = {d[0], (d[1] - lost + stride - 1) / stride, (d[2] - lost + stride - 1) / stride, out};
  const int filter[] = {depthwise ? 1 : out, kernel, kernel, depthwise ? out : d[3]};
  const int weight = add_constant(graph, graph->type, RANK, filter);
  const int bias = add_constant(graph, graph->type == HOST_F32 ? HOST_F32 : HOST_I32, 1, &out);
  if (graph->type == HOST_I8) quantize(graph, weight, test_random(graph, 2) ? out : 1, 0.004f, 0, depthwise ? 3 : 0);
  const int y = add_image(graph, y_dims), inputs[] = {x, weight, bias}, padding = same ? HOST_SAME : HOST_VALID;
  const host_conv conv = {padding, stride, stride, fused, 1, 1};
  const host_depthwise separate = {padding, stride, stride, 1, fused, 1, 1};
  if (depthwise) return add_node(graph, HOST_DEPTHWISE_CONV_2D, 3, inputs, y, &separate, sizeof separate);
  return add_node(graph, HOST_CONV_2D, 3, inputs, y, &conv, sizeof conv);
}

static int unary(test_graph *graph, int code, int x) {
  return add_node(graph, code, 1, &x, add_image(graph, dims_of(graph, x)), NULL, 0);
}

static int binary(test_graph *graph, int code, int a, int b) {
  const host_arithmetic none = {HOST_NONE};
  const int inputs[] = {a, b};
  return add_node(graph, code, 2, inputs, add_image(graph, dims_of(graph, a)), &none, sizeof none);
}

static int activate(test_graph *graph, int x) {
  const host_leaky_relu slope = {0.25f};
  switch (test_random(graph, 6)) {
    case 0: {
      const int logistic = unary(graph, HOST_LOGISTIC, x);
      if (graph->type == HOST_I8) quantize(graph, logistic, 1, 1.0f / 256, -128, 0);
      return binary(graph, HOST_MUL, x, logistic);
    }
    case 1: return unary(graph, HOST_HARD_SWISH, x);
    case 2: return graph->type == HOST_F32 ? unary(graph, HOST_OP_RELU, x) : x;
    case 3: return add_node(graph, HOST_LEAKY_RELU, 1, &x, add_image(graph, dims_of(graph, x)), &slope, sizeof slope);
    case 4: {
      const int dims[] = {1, 1, dims_of(graph, x)[3]}, inputs[] = {x, add_constant(graph, graph->type, 3, dims)};
      if (graph->type == HOST_I8) quantize(graph, inputs[1], 1, 0.004f, test_random(graph, 20) - 10, 0);
      return add_node(graph, HOST_PRELU, 2, inputs, add_image(graph, dims_of(graph, x)), NULL, 0);
    }
    default: return x;
  }
}

/* ---- Squeeze-excite, in the ways that converters write it ----------------------------------------------------------
 */

/* A vector per image: as an image of one pixel, or with two dimensions. */
static int add_vector(test_graph *graph, int batch, int channels, bool flat) {
  const int image[] = {batch, 1, 1, channels}, two[] = {batch, channels};
  if (!flat) return add_image(graph, image);
  const int vector = add_tensor(graph, graph->type, 2, two, 2);
  if (graph->type == HOST_I8) quantize(graph, vector, 1, 0.05f, test_random(graph, 20) - 10, 0);
  return vector;
}

static int channels_of(const test_graph *graph, int vector) {
  return dims_of(graph, vector)[graph->tensors[vector].dims->count - 1];
}

static int squeeze(test_graph *graph, int x, bool flat) {
  const int two = 2, *d = dims_of(graph, x);
  const host_reducer reducer = {!flat};
  const host_pool pool = {test_random(graph, 2) ? HOST_VALID : HOST_SAME, d[1], d[2], d[2], d[1], HOST_NONE};
  const int y = add_vector(graph, d[0], d[3], flat);
  const bool exact = graph->type == HOST_F32 || d[1] * d[2] % 2 == 1;
  if (exact && !flat && test_random(graph, 2)) {
    graph->tensors[y].quantization = graph->tensors[x].quantization;
    return add_node(graph, HOST_AVERAGE_POOL_2D, 1, &x, y, &pool, sizeof pool);
  }
  const int axes = add_constant(graph, HOST_I32, 1, &two), inputs[] = {x, axes}, turned = test_random(graph, 2);
  ((int32_t *)graph->tensors[axes].data)[0] = turned ? -2 : 1,
            ((int32_t *)graph->tensors[axes].data)[1] = turned ? 1 : 2;
  return add_node(graph, HOST_MEAN, 2, inputs, y, &reducer, sizeof reducer);
}

static int add_numbers(test_graph *graph, int rank, int number) {
  const int one = 1, constant = add_constant(graph, HOST_I32, rank, &one);
  *(int32_t *)graph->tensors[constant].data = number;
  return constant;
}

/* The shape of a vector, made of the batch of x, as of a model whose batch is not fixed. */
static int shape_of_batch(test_graph *graph, int x, bool flat) {
  const int rank = graph->tensors[x].dims->count, count = flat ? 2 : RANK;
  const int shape = add_tensor(graph, HOST_I32, 1, &rank, 2), packed = add_tensor(graph, HOST_I32, 1, &count, 2);
  const bool masked = test_random(graph, 2);
  const int slices[] = {shape, add_numbers(graph, 1, masked ? 7 : 0), add_numbers(graph, 1, 1),
                        add_numbers(graph, 1, 1)};
  const host_slice slice = {masked, 0, 0, 0, 1};
  const host_pack pack = {count, 0};
  add_node(graph, HOST_SHAPE, 1, &x, shape, NULL, 0);
  int numbers[RANK] = {add_tensor(graph, HOST_I32, 0, NULL, 2)};
  for (int i = 1; i < count - 1; i++) numbers[i] = add_numbers(graph, 0, 1);
  numbers[count - 1] = add_numbers(graph, 0, channels_of(graph, x));
  add_node(graph, HOST_STRIDED_SLICE, 4, slices, numbers[0], &slice, sizeof slice);
  return add_node(graph, HOST_PACK, count, numbers, packed, &pack, sizeof pack);
}

static int reshape(test_graph *graph, int x, bool flat) {
  const int rank = flat ? 2 : RANK, computed = test_random(graph, 2);
  const int shape = computed ? shape_of_batch(graph, x, flat) : add_constant(graph, HOST_I32, 1, &rank);
  const int y = add_vector(graph, dims_of(graph, x)[0], channels_of(graph, x), flat), inputs[] = {x, shape};
  graph->tensors[y].quantization = graph->tensors[x].quantization;
  return add_node(graph, HOST_RESHAPE, 2, inputs, y, NULL, 0);
}

static int connect(test_graph *graph, int x, int out, int fused, bool flat) {
  const bool f32 = graph->type == HOST_F32, biased = !f32 || test_random(graph, 2);
  const int filter[] = {out, channels_of(graph, x)}, weight = add_constant(graph, graph->type, 2, filter);
  const int bias = add_constant(graph, f32 ? HOST_F32 : HOST_I32, 1, &out);
  if (!f32) quantize(graph, weight, test_random(graph, 2) ? out : 1, 0.004f, 0, 0);
  const int inputs[] = {x, weight, biased ? bias : -1}, y = add_vector(graph, dims_of(graph, x)[0], out, flat);
  const host_connected connected = {fused, 0};
  return add_node(graph, HOST_FULLY_CONNECTED, 3, inputs, y, &connected, sizeof connected);
}

static int with_number(test_graph *graph, int code, int x, float number, int fused) {
  const int one = 1, constant = add_constant(graph, graph->type, test_random(graph, 2), &one);
  const int inputs[] = {test_random(graph, 2) ? x : constant, 0}, other = inputs[0] == x ? constant : x;
  const int both[] = {inputs[0], other}, flat = graph->tensors[x].dims->count == 2;
  const host_arithmetic arithmetic = {fused};
  if (graph->type == HOST_F32) *(float *)graph->tensors[constant].data = number;
  if (graph->type == HOST_I8) quantize(graph, constant, 1, number / 255, -128, 0);
  const int y = add_vector(graph, dims_of(graph, x)[0], channels_of(graph, x), flat);
  return add_node(graph, code, 2, both, y, &arithmetic, sizeof arithmetic);
}

static int gate(test_graph *graph, int x) {
  const bool flat = graph->tensors[x].dims->count == 2;
  if (test_random(graph, 2)) {
    const int logistic = add_vector(graph, dims_of(graph, x)[0], channels_of(graph, x), flat);
    if (graph->type == HOST_I8) quantize(graph, logistic, 1, 1.0f / 256, -128, 0);
    return add_node(graph, HOST_LOGISTIC, 1, &x, logistic, NULL, 0);
  }
  const bool fused = graph->type == HOST_I8 || test_random(graph, 2);
  x = with_number(graph, HOST_ADD, x, 3, fused ? HOST_RELU6 : HOST_NONE);
  if (!fused)
    x = add_node(graph, HOST_OP_RELU6, 1, &x, add_vector(graph, dims_of(graph, x)[0], channels_of(graph, x), flat),
                 NULL, 0);
  return with_number(graph, HOST_MUL, x, 1.0f / 6, HOST_NONE);
}

static int excite(test_graph *graph, int x) {
  const bool connected = test_random(graph, 2), flat = connected && test_random(graph, 2);
  const int channels = dims_of(graph, x)[3];
  int y = squeeze(graph, x, flat);
  if (!flat && connected && test_random(graph, 2)) y = reshape(graph, y, true);
  if (connected) {
    const bool outer = test_random(graph, 2);
    y = connect(graph, connect(graph, y, 3, HOST_RELU, test_random(graph, 2)), channels, HOST_NONE, outer);
    if (outer && test_random(graph, 2)) y = reshape(graph, y, false);
  } else {
    y = convolve(graph, convolve(graph, y, 3, 1, 1, false, HOST_RELU), channels, 1, 1, false, HOST_NONE);
  }
  y = gate(graph, y);
  if (graph->tensors[y].dims->count == 2) y = reshape(graph, y, false);
  return binary(graph, HOST_MUL, x, y);
}

static int pad(test_graph *graph, int x) {
  const int shape[] = {RANK, 2}, table = add_constant(graph, HOST_I32, 2, shape), inputs[] = {x, table};
  const int *d = dims_of(graph, x), dims[] = {d[0], d[1] + 2, d[2] + 1, d[3]};
  const int values[] = {0, 0, 1, 1, 1, 0, 0, 0}, y = add_image(graph, dims);
  memcpy(graph->tensors[table].data, values, sizeof values);
  graph->tensors[y].quantization = graph->tensors[x].quantization;
  return add_node(graph, HOST_PAD, 2, inputs, y, NULL, 0);
}

/* PAD of the shortcut's channels, if they are fewer. */
static int pad_channels(test_graph *graph, int x, int channels) {
  const int shape[] = {RANK, 2}, table = add_constant(graph, HOST_I32, 2, shape), inputs[] = {x, table};
  const int *d = dims_of(graph, x), dims[] = {d[0], d[1], d[2], channels},
            values[] = {0, 0, 0, 0, 0, 0, 0, channels - d[3]};
  memcpy(graph->tensors[table].data, values, sizeof values);
  const int y = add_image(graph, dims);
  graph->tensors[y].quantization = graph->tensors[x].quantization;
  return add_node(graph, HOST_PAD, 2, inputs, y, NULL, 0);
}

static int add_shortcut(test_graph *graph, int x, int shortcut) {
  const int *to = dims_of(graph, x), *from = dims_of(graph, shortcut);
  if (memcmp(to, from, 3 * sizeof(int)) != 0 || to[3] < from[3] || test_random(graph, 2)) return x;
  return binary(graph, HOST_ADD, x, to[3] > from[3] ? pad_channels(graph, shortcut, to[3]) : shortcut);
}

static int fused_of(test_graph *graph) { return (int[]){HOST_NONE, HOST_RELU, HOST_RELU6}[test_random(graph, 3)]; }

/* The nodes run in the order in which they were made. */
static void finish(test_graph *graph, int output) {
  int order[TEST_MOST_NODES];
  for (int i = 0; i < graph->node_count; i++) order[i] = i;
  graph->plan = test_list(graph, graph->node_count, order);
  graph->output = output;
}

void test_make_graph(test_graph *graph) {
  graph->type = test_random(graph, 2) ? HOST_F32 : HOST_I8;
  graph->context.threads = test_random(graph, 5) - 1;
  graph->middle = -1;
  const int dims[] = {1 + test_random(graph, 2), 3 + test_random(graph, 7), 3 + test_random(graph, 7),
                      1 + test_random(graph, 12)};
  int x = add_image(graph, dims), shortcut = x;
  for (int layers = 1 + test_random(graph, MOST_LAYERS); layers > 0; layers--) {
    const int fused = fused_of(graph), channels = dims_of(graph, x)[3];
    const int kernel = 3 + 2 * test_random(graph, 3), stride = 1 + test_random(graph, 2);
    if (test_random(graph, 8) == 0) x = pad(graph, x);
    switch (test_random(graph, 4)) {
      case 0:
        x = convolve(graph, x, channels, kernel, stride, true, fused);
        if (test_random(graph, 3) == 0) x = excite(graph, x);
        break;
      case 1: x = convolve(graph, x, 1 + test_random(graph, 12), kernel, stride, false, fused); break;
      default:
        x = convolve(graph, x, test_random(graph, 2) ? dims_of(graph, shortcut)[3] : 1 + test_random(graph, 12), 1, 1,
                     false, fused);
    }
    if (test_random(graph, 8) == 0) graph->middle = x;
    if (fused == HOST_NONE) x = activate(graph, x);
    x = add_shortcut(graph, x, shortcut);
    if (test_random(graph, 3) == 0) shortcut = x;
  }
  if (test_random(graph, 4) == 0)
    x = connect(graph, squeeze(graph, x, test_random(graph, 2)), 1 + test_random(graph, 9), fused_of(graph), true);
  if (graph->middle == x) graph->middle = -1;
  finish(graph, x);
}

void test_make_dense(test_graph *graph, int type, int channels, bool followed) {
  const int dims[] = {1, 6, 6, channels};
  graph->type = type;
  graph->middle = -1;
  const int y = convolve(graph, add_image(graph, dims), 8, 3, 2, false, HOST_RELU);
  finish(graph, followed ? convolve(graph, y, 8, 1, 1, false, HOST_NONE) : y);
}

void test_make_rest(test_graph *graph, int code) {
  const int dims[] = {1, 6, 6, 5};
  graph->type = HOST_F32;
  graph->middle = -1;
  const int y = convolve(graph, add_image(graph, dims), 8, 3, 2, false, HOST_RELU);
  const int z = convolve(graph, convolve(graph, y, 8, 3, 2, true, HOST_RELU), 8, 1, 1, false, HOST_NONE);
  const int inputs[] = {z, z, z, z, z}, out = add_image(graph, dims_of(graph, z));
  finish(graph, add_node(graph, code, code == HOST_CONCATENATION ? 5 : 1, inputs, out, NULL, 0));
}
