/* SPDX-License-Identifier: MIT
 *
 * Blocks to test with: see block_case.h.
 */
#include "block_case.h"

#include <math.h>
#include <pthread.h>

#include "oracle.h"
#include "thread.h"

/* ---- Parameters -------------------------------------------------------------------------------------------------- */

/* n random floats in center +- radius. */
static const float *parameters(struct block_case *c, size_t n, float center, float radius, uint64_t *state) {
  struct test_buffer *buffer = &c->buffers[c->buffer_count++];
  test_buffer_new(buffer, n, c->buffer_count % 2 ? TEST_GUARD_AFTER : TEST_GUARD_BEFORE);
  for (size_t i = 0; i < n; i++) buffer->data[i] = center + radius * test_random_float(state);
  test_buffer_protect(buffer);
  return buffer->data;
}

static mbconv_conv conv_new(struct block_case *c, size_t out, size_t terms, mbconv_batch_norm *norm,
                            const struct block_parts *parts, uint64_t *state) {
  mbconv_conv conv = {.weight = parameters(c, out * terms, 0, 1.7f / sqrtf((float)terms), state)};
  if (parts->bias) conv.bias = parameters(c, out, 0, 0.5f, state);
  if (!parts->batch_norm) return conv;
  *norm = (mbconv_batch_norm){.gamma = parameters(c, out, 1, 0.5f, state),
                              .beta = parameters(c, out, 0, 0.5f, state),
                              .mean = parameters(c, out, 0, 0.5f, state),
                              .variance = parameters(c, out, 0.75f, 0.5f, state),
                              .epsilon = 1e-3f};
  conv.batch_norm = norm;
  return conv;
}

void block_case_new(struct block_case *c, const mbconv_block_desc *shape, const struct block_parts *parts,
                    uint64_t *state) {
  *c = (struct block_case){.desc = *shape};
  mbconv_block_desc *desc = &c->desc;
  const size_t expanded = desc->expanded_channels, width = parts->squeeze_excite;
  desc->expand = NULL;
  desc->squeeze_excite = NULL;
  if (parts->expand) {
    c->expand = conv_new(c, expanded, desc->in_channels, &c->norms[0], parts, state);
    desc->expand = &c->expand;
  }
  c->depthwise = conv_new(c, expanded, desc->kernel * desc->kernel, &c->norms[1], parts, state);
  c->project = conv_new(c, desc->out_channels, expanded, &c->norms[2], parts, state);
  desc->depthwise = &c->depthwise;
  desc->project = &c->project;
  if (width == 0) return;
  c->squeeze_excite = (mbconv_squeeze_excite){
      .width = width, .reduce = &c->reduce, .expand = &c->excite, .inner = parts->inner, .gate = parts->gate};
  c->reduce = conv_new(c, width, expanded, &c->norms[3], parts, state);
  c->excite = conv_new(c, expanded, width, &c->norms[4], parts, state);
  desc->squeeze_excite = &c->squeeze_excite;
}

void block_case_free(struct block_case *c) {
  for (size_t i = 0; i < c->buffer_count; i++) test_buffer_free(&c->buffers[i]);
  c->buffer_count = 0;
}

size_t block_case_out_height(const mbconv_block_desc *desc) {
  return (desc->height + desc->pad.top + desc->pad.bottom - oracle_span(desc->kernel, desc->dilation)) / desc->stride +
         1;
}

size_t block_case_out_width(const mbconv_block_desc *desc) {
  return (desc->width + desc->pad.left + desc->pad.right - oracle_span(desc->kernel, desc->dilation)) / desc->stride +
         1;
}

size_t block_case_x_size(const mbconv_block_desc *desc) { return desc->height * desc->width * desc->in_channels; }

size_t block_case_y_size(const mbconv_block_desc *desc) {
  return block_case_out_height(desc) * block_case_out_width(desc) * desc->out_channels;
}

/* ---- Blocks of the networks -------------------------------------------------------------------------------------- */

const struct block_layer block_layers[BLOCK_LAYERS] = {
    {"b0", 112, 32, 32, 16, 3, 1, MBCONV_ACTIVATION_RELU6, 10.04},
    {"b1", 112, 16, 96, 24, 3, 2, MBCONV_ACTIVATION_RELU6, 29.20},
    {"b2", 56, 24, 144, 24, 3, 1, MBCONV_ACTIVATION_RELU6, 25.74},
    {"b3", 56, 24, 144, 32, 3, 2, MBCONV_ACTIVATION_RELU6, 15.47},
    {"b4", 28, 32, 192, 32, 3, 1, MBCONV_ACTIVATION_RELU6, 10.99},
    {"b6", 28, 32, 192, 64, 3, 2, MBCONV_ACTIVATION_RELU6, 7.56},
    {"b7", 14, 64, 384, 64, 3, 1, MBCONV_ACTIVATION_RELU6, 10.31},
    {"b10", 14, 64, 384, 96, 3, 1, MBCONV_ACTIVATION_RELU6, 12.72},
    {"b11", 14, 96, 576, 96, 3, 1, MBCONV_ACTIVATION_RELU6, 22.69},
    {"b13", 14, 96, 576, 160, 3, 2, MBCONV_ACTIVATION_RELU6, 15.61},
    {"b14", 7, 160, 960, 160, 3, 1, MBCONV_ACTIVATION_RELU6, 15.48},
    {"b16", 7, 160, 960, 320, 3, 1, MBCONV_ACTIVATION_RELU6, 23.00},
    {"e0", 112, 32, 32, 16, 3, 1, MBCONV_ACTIVATION_SILU, 10.04},
    {"e1", 112, 16, 96, 24, 3, 2, MBCONV_ACTIVATION_SILU, 29.20},
    {"e2", 56, 24, 144, 24, 3, 1, MBCONV_ACTIVATION_SILU, 25.74},
    {"e3", 56, 24, 144, 40, 5, 2, MBCONV_ACTIVATION_SILU, 18.18},
    {"e4", 28, 40, 240, 40, 5, 1, MBCONV_ACTIVATION_SILU, 19.76},
    {"e5", 28, 40, 240, 80, 3, 2, MBCONV_ACTIVATION_SILU, 11.71},
    {"e6", 14, 80, 480, 80, 3, 1, MBCONV_ACTIVATION_SILU, 15.90},
    {"e8", 14, 80, 480, 112, 5, 1, MBCONV_ACTIVATION_SILU, 20.42},
    {"e9", 14, 112, 672, 112, 5, 1, MBCONV_ACTIVATION_SILU, 32.80},
    {"e11", 14, 112, 672, 192, 5, 2, MBCONV_ACTIVATION_SILU, 21.90},
    {"e12", 7, 192, 1152, 192, 5, 1, MBCONV_ACTIVATION_SILU, 23.09},
    {"e15", 7, 192, 1152, 320, 3, 1, MBCONV_ACTIVATION_SILU, 29.41},
    {"s0", 32, 16, 96, 16, 3, 1, MBCONV_ACTIVATION_SILU, 4.03},
};

mbconv_block_desc block_layer_shape(const struct block_layer *layer) {
  const size_t half = layer->kernel / 2;
  return (mbconv_block_desc){.height = layer->side,
                             .width = layer->side,
                             .in_channels = layer->in_channels,
                             .expanded_channels = layer->expanded_channels,
                             .out_channels = layer->out_channels,
                             .kernel = layer->kernel,
                             .stride = layer->stride,
                             .pad = {half, half, half, half},
                             .activation = layer->activation};
}

/* ---- Parallel-fors ----------------------------------------------------------------------------------------------- */

static void log_count(struct parallel_log *log, size_t count) {
  if (!log) return;
  log->calls++;
  if (count > log->largest) log->largest = count;
}

void parallel_forward(void *context, void (*task)(void *argument, size_t index), void *argument, size_t count) {
  log_count(context, count);
  for (size_t i = 0; i < count; i++) task(argument, i);
}

void parallel_reversed(void *context, void (*task)(void *argument, size_t index), void *argument, size_t count) {
  log_count(context, count);
  for (size_t i = count; i-- > 0;) task(argument, i);
}

struct parallel_call {
  void (*task)(void *argument, size_t index);
  void *argument;
  size_t index;
};

static void *parallel_thread(void *argument) {
  const struct parallel_call *call = argument;
  call->task(call->argument, call->index);
  return NULL;
}

enum { PARALLEL_THREADS = 64 };

void parallel_pthreads(void *context, void (*task)(void *argument, size_t index), void *argument, size_t count) {
  log_count(context, count);
  struct parallel_call calls[PARALLEL_THREADS];
  pthread_t threads[PARALLEL_THREADS];
  bool started[PARALLEL_THREADS];
  for (size_t first = 0; first < count; first += PARALLEL_THREADS) {
    const size_t n = count - first < PARALLEL_THREADS ? count - first : PARALLEL_THREADS;
    for (size_t i = 0; i < n; i++) {
      calls[i] = (struct parallel_call){task, argument, first + i};
      started[i] = test_thread_start(&threads[i], parallel_thread, &calls[i]);
      if (!started[i]) parallel_thread(&calls[i]);
    }
    for (size_t i = 0; i < n; i++) {
      if (started[i]) pthread_join(threads[i], NULL);
    }
  }
}
