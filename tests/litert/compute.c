/* SPDX-License-Identifier: MIT
 *
 * The operators in f32, as plainly as can be: what the host runs itself, and what the delegate is held against. Beside
 * what an operator writes goes `errors`: by how much another right order of its sums may differ, by the roots of sums
 * of squares, as if roundings were independent. A sum whose terms cancel is as wrong as its terms, not as its value.
 */
#include <float.h>
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

/* ---- Sums, and how wrong they may be ----------------------------------------------------------------------------- */

typedef struct sum {
  double value, weights, products; /* the latter two are sums of squares */
  int count;
} sum;

/* The bias has no error. */
static sum sum_from(float bias) { return (sum){.value = bias, .products = (double)bias * bias, .count = 1}; }

static void add(sum *s, float x, float weight) {
  const double product = (double)x * weight;
  s->value += product;
  s->weights += (double)weight * weight;
  s->products += product * product;
  s->count++;
}

/* Of a sum whose x may each be wrong by `error`: the larger of `worst` and this one's. */
static double worse(double worst, const sum *s, double error) {
  return fmax(worst, sqrt(s->weights) * error + FLT_EPSILON * sqrt(s->products * s->count));
}

static double largest_of(const float *values, size_t count) {
  double largest = 0;
  for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs((double)values[i]));
  return largest;
}

/* ---- Operators --------------------------------------------------------------------------------------------------- */

/* One output: the bias, and the taps of all channels, or of the one. */
static sum tapped(const float *from, const float *filter, float bias, const int *d, const int *f, int n, int top,
                  int left, int c, bool depthwise) {
  sum s = sum_from(bias);
  for (int i = 0; i < f[1]; i++)
    for (int j = 0; j < f[2]; j++) {
      if (top + i < 0 || top + i >= d[1] || left + j < 0 || left + j >= d[2]) continue;
      for (int k = depthwise ? c : 0; k < (depthwise ? c + 1 : d[3]); k++)
        add(&s, from[at(d, n, top + i, left + j, k)], filter[at(f, depthwise ? 0 : c, i, j, k)]);
    }
  return s;
}

static int before(int size, int outputs, int kernel, int stride, int padding) {
  const int total = (outputs - 1) * stride + kernel - size;
  return padding == HOST_SAME && total > 0 ? total / 2 : 0;
}

static double convolve(const test_graph *graph, const test_node *node, float *const *values, const double *errors) {
  const bool depthwise = node->registration.code == HOST_DEPTHWISE_CONV_2D;
  const int *inputs = node->host.inputs->values, output = node->host.outputs->values[0];
  const int *d = dims_of(graph, inputs[0]), *f = dims_of(graph, inputs[1]), *o = dims_of(graph, output);
  const host_conv *conv = node->host.parameters;
  const host_depthwise *separate = node->host.parameters;
  const int fused = depthwise ? separate->fused : conv->fused, stride = conv->stride_width;
  const int top = before(d[1], o[1], f[1], stride, conv->padding);
  const int left = before(d[2], o[2], f[2], stride, conv->padding);
  double worst = 0;
  for (int n = 0; n < o[0]; n++)
    for (int y = 0; y < o[1]; y++)
      for (int x = 0; x < o[2]; x++)
        for (int c = 0; c < o[3]; c++) {
          const sum s = tapped(values[inputs[0]], values[inputs[1]], values[inputs[2]][c], d, f, n, y * stride - top,
                               x * stride - left, c, depthwise);
          values[output][at(o, n, y, x, c)] = activated((float)s.value, fused);
          worst = worse(worst, &s, errors[inputs[0]]);
        }
  return worst;
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
static double mean(const test_graph *graph, const test_node *node, float *const *values, const double *errors) {
  const int input = node->host.inputs->values[0], output = node->host.outputs->values[0];
  const int *d = dims_of(graph, input);
  double worst = 0;
  for (int n = 0; n < d[0]; n++)
    for (int c = 0; c < d[3]; c++) {
      sum s = {0};
      for (int y = 0; y < d[1]; y++)
        for (int x = 0; x < d[2]; x++) add(&s, values[input][at(d, n, y, x, c)], 1.0f / (float)(d[1] * d[2]));
      values[output][n * d[3] + c] = (float)s.value;
      worst = worse(worst, &s, errors[input]);
    }
  return worst;
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

static double connect(const test_graph *graph, const test_node *node, float *const *values, const double *errors) {
  const int *inputs = node->host.inputs->values, output = node->host.outputs->values[0];
  const int *f = dims_of(graph, inputs[1]);
  const size_t rows = count_of(graph, output) / (size_t)f[0];
  double worst = 0;
  for (size_t n = 0; n < rows; n++)
    for (int o = 0; o < f[0]; o++) {
      sum s = sum_from(inputs[2] < 0 ? 0 : values[inputs[2]][o]);
      for (int i = 0; i < f[1]; i++)
        add(&s, values[inputs[0]][n * (size_t)f[1] + (size_t)i], values[inputs[1]][o * f[1] + i]);
      values[output][n * (size_t)f[0] + (size_t)o] =
          activated((float)s.value, ((const host_connected *)node->host.parameters)->fused);
      worst = worse(worst, &s, errors[inputs[0]]);
    }
  return worst;
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

/* Of an operator by elements, whose first and second may be wrong by a and b: by its derivatives. */
static double error_of_elements(int code, double a, double b, double largest_first, double largest_second) {
  switch (code) {
    case HOST_ADD: return hypot(a, b) + FLT_EPSILON * (largest_first + largest_second);
    case HOST_MUL: return hypot(a * largest_second, b * largest_first) + FLT_EPSILON * largest_first * largest_second;
    case HOST_LOGISTIC: return a / 4 + 2 * FLT_EPSILON;
    case HOST_HARD_SWISH: return 1.5 * a + 2 * FLT_EPSILON * largest_first;
    case HOST_PRELU: return fmax(1, largest_second) * (a + FLT_EPSILON * largest_first);
    default: return a + FLT_EPSILON * largest_first;
  }
}

static double by_elements(const test_graph *graph, const test_node *node, float *const *values, const double *errors) {
  const int *inputs = node->host.inputs->values, output = node->host.outputs->values[0];
  const int code = node->registration.code;
  const bool two = node->host.inputs->count > 1 && code != HOST_RESHAPE;
  const int first = inputs[0], second = two ? inputs[1] : first;
  for (size_t i = 0; i < count_of(graph, output); i++)
    values[output][i] =
        element(node, values[first][spread(graph, first, output, i)], values[second][spread(graph, second, output, i)]);
  return error_of_elements(code, errors[first], errors[second], largest_of(values[first], count_of(graph, first)),
                           largest_of(values[second], count_of(graph, second)));
}

void test_compute(const test_graph *graph, const test_node *node, float *const *values, double *errors) {
  double *error = &errors[node->host.outputs->values[0]];
  switch (node->registration.code) {
    case HOST_CONV_2D:
    case HOST_DEPTHWISE_CONV_2D: *error = convolve(graph, node, values, errors); return;
    case HOST_PAD:
      pad(graph, node, values);
      *error = errors[node->host.inputs->values[0]];
      return;
    case HOST_AVERAGE_POOL_2D:
    case HOST_MEAN: *error = mean(graph, node, values, errors); return;
    case HOST_SHAPE:
    case HOST_STRIDED_SLICE:
    case HOST_PACK: return; /* of numbers, which here RESHAPE does not need */
    case HOST_FULLY_CONNECTED: *error = connect(graph, node, values, errors); return;
    default: *error = by_elements(graph, node, values, errors);
  }
}
