/* SPDX-License-Identifier: MIT
 *
 * The operators in f32, as plainly as can be: what the host runs itself, and what the delegate is held against.
 */
#include <math.h>

#include "host.h"

static const int *dims_of(const test_graph *graph, int tensor) { return graph->tensors[tensor].dims->values; }

static size_t count_of(const test_graph *graph, int tensor) {
  const host_ints *dims = graph->tensors[tensor].dims;
  size_t count = 1;
  for (int i = 0; i < dims->count; i++) count *= (size_t)dims->values[i];
  return count;
}

static float activated(float x, int fused) {
  if (fused == HOST_NONE) return x;
  x = x > 0 ? x : 0;
  return fused == HOST_RELU6 && x > 6 ? 6 : x;
}

static size_t at(const int *dims, int n, int y, int x, int c) {
  return ((size_t)(n * dims[1] + y) * (size_t)dims[2] + (size_t)x) * (size_t)dims[3] + (size_t)c;
}

/* One output: the taps of all channels, or of the one. */
static float tapped(const float *from, const float *filter, const int *d, const int *f, int n, int top, int left, int c,
                    bool depthwise) {
  double sum = 0;
  for (int i = 0; i < f[1]; i++)
    for (int j = 0; j < f[2]; j++) {
      if (top + i < 0 || top + i >= d[1] || left + j < 0 || left + j >= d[2]) continue;
      for (int k = depthwise ? c : 0; k < (depthwise ? c + 1 : d[3]); k++)
        sum += (double)from[at(d, n, top + i, left + j, k)] * filter[at(f, depthwise ? 0 : c, i, j, k)];
    }
  return (float)sum;
}

static int before(int size, int outputs, int kernel, int stride, int padding) {
  const int total = (outputs - 1) * stride + kernel - size;
  return padding == HOST_SAME && total > 0 ? total / 2 : 0;
}

static void convolve(const test_graph *graph, const test_node *node, float *const *values) {
  const bool depthwise = node->registration.code == HOST_DEPTHWISE_CONV_2D;
  const int *inputs = node->host.inputs->values, output = node->host.outputs->values[0];
  const int *d = dims_of(graph, inputs[0]), *f = dims_of(graph, inputs[1]), *o = dims_of(graph, output);
  const host_conv *conv = node->host.parameters;
  const host_depthwise *separate = node->host.parameters;
  const int fused = depthwise ? separate->fused : conv->fused, stride = conv->stride_width;
  const int top = before(d[1], o[1], f[1], stride, conv->padding);
  const int left = before(d[2], o[2], f[2], stride, conv->padding);
  for (int n = 0; n < o[0]; n++)
    for (int y = 0; y < o[1]; y++)
      for (int x = 0; x < o[2]; x++)
        for (int c = 0; c < o[3]; c++)
          values[output][at(o, n, y, x, c)] =
              activated(values[inputs[2]][c] + tapped(values[inputs[0]], values[inputs[1]], d, f, n, y * stride - top,
                                                      x * stride - left, c, depthwise),
                        fused);
}

static void pad(const test_graph *graph, const test_node *node, float *const *values) {
  const int input = node->host.inputs->values[0], output = node->host.outputs->values[0];
  const int32_t *table = graph->tensors[node->host.inputs->values[1]].data;
  const int *d = dims_of(graph, input), *o = dims_of(graph, output);
  for (size_t i = 0; i < count_of(graph, output); i++) values[output][i] = 0;
  for (int n = 0; n < d[0]; n++)
    for (int y = 0; y < d[1]; y++)
      for (int x = 0; x < d[2]; x++)
        for (int c = 0; c < d[3]; c++)
          values[output][at(o, n, y + table[2], x + table[4], c)] = values[input][at(d, n, y, x, c)];
}

/* Of MEAN, and of AVERAGE_POOL_2D over the whole image. */
static void mean(const test_graph *graph, const test_node *node, float *const *values) {
  const int input = node->host.inputs->values[0], output = node->host.outputs->values[0];
  const int *d = dims_of(graph, input);
  for (int n = 0; n < d[0]; n++)
    for (int c = 0; c < d[3]; c++) {
      double sum = 0;
      for (int y = 0; y < d[1]; y++)
        for (int x = 0; x < d[2]; x++) sum += (double)values[input][at(d, n, y, x, c)];
      values[output][n * d[3] + c] = (float)(sum / (d[1] * d[2]));
    }
}

/* Of the elements a and b, which is also a slope. */
static float element(const test_node *node, float a, float b) {
  switch (node->registration.code) {
    case HOST_ADD: return activated(a + b, ((const host_arithmetic *)node->host.parameters)->fused);
    case HOST_MUL: return activated(a * b, ((const host_arithmetic *)node->host.parameters)->fused);
    case HOST_LOGISTIC: return 1 / (1 + expf(-a));
    case HOST_RESHAPE: return a;
    case HOST_OP_RELU: return activated(a, HOST_RELU);
    case HOST_OP_RELU6: return activated(a, HOST_RELU6);
    case HOST_HARD_SWISH: return a * activated(a + 3, HOST_RELU6) / 6;
    case HOST_LEAKY_RELU: return a < 0 ? a * ((const host_leaky_relu *)node->host.parameters)->alpha : a;
    case HOST_PRELU: return a < 0 ? a * b : a;
    default: return NAN;
  }
}

static void connect(const test_graph *graph, const test_node *node, float *const *values) {
  const int *inputs = node->host.inputs->values, output = node->host.outputs->values[0];
  const int *f = dims_of(graph, inputs[1]);
  const size_t rows = count_of(graph, output) / (size_t)f[0];
  for (size_t n = 0; n < rows; n++)
    for (int o = 0; o < f[0]; o++) {
      double sum = inputs[2] < 0 ? 0 : (double)values[inputs[2]][o];
      for (int i = 0; i < f[1]; i++)
        sum += (double)values[inputs[0]][n * (size_t)f[1] + (size_t)i] * values[inputs[1]][o * f[1] + i];
      values[output][n * (size_t)f[0] + (size_t)o] =
          activated((float)sum, ((const host_connected *)node->host.parameters)->fused);
    }
}

/* An element of what is read together with element i of an image or vector: of one number, of a vector per channel or
 * per image and channel, or of as many elements. */
static size_t spread(const test_graph *graph, int from, int output, size_t i) {
  const host_ints *dims = graph->tensors[output].dims;
  const size_t batch = (size_t)dims->values[0], channels = (size_t)dims->values[dims->count - 1];
  const size_t count = count_of(graph, output), others = count_of(graph, from);
  if (others == count) return i;
  if (others == 1) return 0;
  return others == batch * channels ? i / (count / batch) * channels + i % channels : i % channels;
}

void test_compute(const test_graph *graph, const test_node *node, float *const *values) {
  const int *inputs = node->host.inputs->values, output = node->host.outputs->values[0];
  switch (node->registration.code) {
    case HOST_CONV_2D:
    case HOST_DEPTHWISE_CONV_2D: convolve(graph, node, values); return;
    case HOST_PAD: pad(graph, node, values); return;
    case HOST_AVERAGE_POOL_2D:
    case HOST_MEAN: mean(graph, node, values); return;
    case HOST_SHAPE:
    case HOST_STRIDED_SLICE:
    case HOST_PACK: return; /* of numbers, which here RESHAPE does not need */
    case HOST_FULLY_CONNECTED: connect(graph, node, values); return;
    default: break;
  }
  const bool two = node->host.inputs->count > 1 && node->registration.code != HOST_RESHAPE;
  const int first = inputs[0], second = two ? inputs[1] : first;
  for (size_t i = 0; i < count_of(graph, output); i++)
    values[output][i] =
        element(node, values[first][spread(graph, first, output, i)], values[second][spread(graph, second, output, i)]);
}
