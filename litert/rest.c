/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* sched_getaffinity() */
#include "rest.h"

#include <math.h>
#include <sched.h>
#include <unistd.h>

/* Of a number that is read or written, in multiply-adds. On a Zen 4 the host's MEAN, ADD and MAX_POOL_2D took as long
 * as 3 to 7 of them, PAD as 20. */
enum { WORK_OF_A_NUMBER = 8 };

static const double SLOWER_AT_MOST = 0.1;

static const host_tensor *tensor_of(const litert_graph *graph, int number) {
  return number < 0 ? NULL : &graph->context->tensors[number];
}

/* The numbers of a tensor: none of a constant, for it is not read anew; infinite if its shape is not known. */
static double numbers_of(const host_tensor *tensor) {
  double count = 1;
  if (!tensor || tensor->allocation == HOST_MAPPED) return 0;
  if (tensor->allocation == HOST_DYNAMIC || !tensor->dims) return INFINITY;
  for (int i = 0; i < tensor->dims->count; i++) count *= tensor->dims->values[i];
  return count < 0 ? INFINITY : count;
}

/* Of a convolution or FULLY_CONNECTED: multiply-adds per number that is written. The filter's first dimension, or its
 * last, are the outputs. */
static double window_of(const host_tensor *filter, bool depthwise) {
  double count = 1;
  if (!filter || !filter->dims || filter->dims->count < 2) return INFINITY;
  for (int i = depthwise ? 0 : 1; i < filter->dims->count - depthwise; i++) count *= filter->dims->values[i];
  return count;
}

static double work_of(const litert_graph *graph, const graph_op *op) {
  const double read = numbers_of(tensor_of(graph, op->inputs[0])), written = numbers_of(tensor_of(graph, op->output));
  switch (op->kind) {
    case HOST_CONV_2D:
    case HOST_FULLY_CONNECTED: return written * window_of(tensor_of(graph, op->inputs[1]), false);
    case HOST_DEPTHWISE_CONV_2D: return written * window_of(tensor_of(graph, op->inputs[1]), true);
    case HOST_DEQUANTIZE: return read == 0 ? 0 : written * WORK_OF_A_NUMBER;
    case HOST_ADD:
    case HOST_AVERAGE_POOL_2D:
    case HOST_CONCATENATION:
    case HOST_HARD_SWISH:
    case HOST_LEAKY_RELU:
    case HOST_LOGISTIC:
    case HOST_MAX_POOL_2D:
    case HOST_MEAN:
    case HOST_MUL:
    case HOST_OP_RELU:
    case HOST_OP_RELU6:
    case HOST_PACK:
    case HOST_PAD:
    case HOST_PRELU:
    case HOST_QUANTIZE:
    case HOST_RESHAPE:
    case HOST_RESIZE_BILINEAR:
    case HOST_RESIZE_NEAREST:
    case HOST_SHAPE:
    case HOST_SOFTMAX:
    case HOST_SQUEEZE:
    case HOST_STRIDED_SLICE:
    case HOST_SUB: return fmax(read, written) * WORK_OF_A_NUMBER;
    default: return INFINITY;
  }
}

double rest_work(const litert_graph *graph, const bool *taken) {
  double sum = 0;
  for (int i = 0; i < graph->op_count; i++)
    if (!taken[i]) sum += work_of(graph, &graph->ops[i]);
  return sum;
}

int rest_threads(double rest, double taken, size_t threads, int host_threads, size_t cpus) {
  if (threads <= 1 || host_threads <= 1 || threads + (size_t)host_threads - 1 <= cpus) return host_threads;
  return rest * (host_threads - 1) <= taken * SLOWER_AT_MOST ? 1 : host_threads;
}

#ifdef __linux__
size_t rest_cpus(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return (size_t)CPU_COUNT(&set);
  return (size_t)sysconf(_SC_NPROCESSORS_ONLN);
}
#else
size_t rest_cpus(void) { return (size_t)sysconf(_SC_NPROCESSORS_ONLN); }
#endif
