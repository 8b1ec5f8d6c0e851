/* SPDX-License-Identifier: MIT */
#include "node.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "pool.h"
#include "size.h"

struct litert_scratch {
  size_t owners; /* changed while the host makes or frees the nodes of a graph, which it does on one thread */
  void *memory;
  size_t size;
  mbconv_threads threads; /* count 1: the host's alone */
  pid_t process;          /* that started them: one that it forks has none of them */
  int kept, lent;         /* of the context's threads; equal if nothing was lent */
};

struct litert_node {
  mbconv_block *block;
  litert_scratch *scratch;
  int type, x, residual, y; /* residual: -1 if the block is not given one */
  bool vector;              /* x and y are vectors, all of which are the pixels of one image; y has two dimensions */
  size_t in_channels, out_channels, residual_channels;
  bool widened; /* behind the residual's channels stand bytes that are zero_point, in the memory to work in */
  int zero_point;
  int height, width; /* of x, if it may have no other; else 0 */
};

litert_scratch *node_scratch_create(size_t threads) {
  litert_scratch *scratch = calloc(1, sizeof *scratch);
  if (!scratch) return NULL;
  scratch->owners = 1;
  scratch->threads = (mbconv_threads){.parallel_for = mbconv_pool_parallel_for, .count = threads};
  return scratch;
}

void node_scratch_release(litert_scratch *scratch) {
  if (!scratch || --scratch->owners > 0) return;
  if (scratch->threads.context && scratch->process == getpid()) mbconv_pool_destroy(scratch->threads.context);
  free(scratch->memory);
  free(scratch);
}

void node_scratch_lend(litert_scratch *scratch, int kept, int lent) {
  scratch->kept = kept;
  scratch->lent = lent;
}

/* Unless somebody has set another number meanwhile. */
static void give_back(litert_scratch *scratch, host_context *context) {
  if (scratch->lent != scratch->kept && context->threads == scratch->lent) context->threads = scratch->kept;
  scratch->lent = scratch->kept;
}

/* With the first node. */
static void start_threads(litert_scratch *scratch) {
  if (scratch->threads.count <= 1 || scratch->threads.context) return;
  scratch->threads.context = mbconv_pool_create(scratch->threads.count);
  scratch->process = getpid();
  if (scratch->threads.context) return;
  fprintf(stderr, "mbconv: %zu threads cannot be started: blocks run on the host's alone\n", scratch->threads.count);
  scratch->threads.count = 1;
}

static bool scratch_holds(litert_scratch *scratch, size_t size) {
  if (size <= scratch->size) return true;
  void *memory = malloc(size);
  if (!memory) return false;
  free(scratch->memory);
  scratch->memory = memory;
  scratch->size = size;
  return true;
}

litert_node *node_create(mbconv_block *block, const litert_chain *chain, const host_ints *size,
                         litert_scratch *scratch) {
  litert_node *made = calloc(1, sizeof *made);
  if (!made) {
    mbconv_block_destroy(block);
    return NULL;
  }
  const chain_conv *last = &chain->stages[chain->count - 1].conv;
  *made =
      (litert_node){.block = block,
                    .scratch = scratch,
                    .type = chain->type,
                    .x = chain->x,
                    .residual = chain->added && (chain->residual != chain->x || chain->widened) ? chain->residual : -1,
                    .y = chain->y,
                    .vector = chain->vector,
                    .in_channels = chain->stages[0].conv.in_channels,
                    .out_channels = last->out_channels,
                    .residual_channels = chain->residual_channels,
                    .widened = chain->widened,
                    .zero_point = chain->zero_point,
                    .height = chain->sized ? size->values[1] : 0,
                    .width = chain->sized ? size->values[2] : 0};
  scratch->owners++;
  start_threads(scratch);
  return made;
}

void node_destroy(litert_node *node) {
  if (!node) return;
  mbconv_block_destroy(node->block);
  node_scratch_release(node->scratch);
  free(node);
}

/* ---- Shapes ------------------------------------------------------------------------------------------------------ */

typedef struct image_shape {
  int dims[GRAPH_RANK];
} image_shape;

static host_tensor *tensor_of(host_context *context, int number) {
  return number >= 0 && (size_t)number < context->tensor_count ? &context->tensors[number] : NULL;
}

/* The shape of a tensor of images, or of vectors, which are a row of pixels. False if it is none. */
static bool shape_of(const host_tensor *tensor, bool vector, image_shape *shape) {
  const host_ints *dims = tensor->dims;
  if (!dims || (dims->count != GRAPH_RANK && !(vector && dims->count == 2))) return false;
  const int *d = dims->values;
  if (dims->count == 2)
    *shape = (image_shape){{1, 1, d[0], d[1]}};
  else if (vector)
    *shape = (image_shape){{1, 1, d[0], d[3]}};
  else
    memcpy(shape->dims, d, sizeof shape->dims);
  return dims->count == 2 || !vector || (d[1] == 1 && d[2] == 1);
}

/* Whether the tensor has images, or vectors, of that type and number of channels; then *shape is its shape. */
static bool read_shape(const host_tensor *tensor, int type, bool vector, size_t channels, image_shape *shape) {
  size_t bytes;
  if (!tensor || !graph_tensor_is_sound(tensor) || tensor->type != type || !graph_bytes(tensor, &bytes)) return false;
  return shape_of(tensor, vector, shape) && (size_t)shape->dims[GRAPH_RANK - 1] == channels;
}

static bool has_shape(const host_tensor *tensor, bool vector, const image_shape *shape) {
  image_shape found;
  return shape_of(tensor, vector, &found) && memcmp(&found, shape, sizeof found) == 0;
}

static int fail(host_context *context, const char *message) {
  if (context->report) context->report(context, "mbconv: %s", message);
  return HOST_ERROR;
}

/* The output's shape for the input's. */
static bool shape_after(const litert_node *node, const image_shape *x, image_shape *y, mbconv_error *error) {
  size_t height, width;
  if (node->height > 0 && (x->dims[1] != node->height || x->dims[2] != node->width)) {
    *error = (mbconv_error){MBCONV_INVALID_ARGUMENT,
                            "an image of another size than the model's, in which a window was the whole image"};
    return false;
  }
  if (mbconv_block_output_size_at(node->block, (size_t)x->dims[1], (size_t)x->dims[2], &height, &width, error) !=
      MBCONV_OK)
    return false;
  if (height > INT_MAX || width > INT_MAX) {
    *error = (mbconv_error){MBCONV_SIZE_OVERFLOW, "the output of a block is larger than the host can say"};
    return false;
  }
  *y = (image_shape){{x->dims[0], (int)height, (int)width, (int)node->out_channels}};
  return true;
}

/* Of the image that is added to the output, which may have fewer channels. */
static image_shape residual_shape(const litert_node *node, const image_shape *y) {
  return (image_shape){{y->dims[0], y->dims[1], y->dims[2], (int)node->residual_channels}};
}

static int resize(host_context *context, host_tensor *tensor, bool vector, const image_shape *shape) {
  if (has_shape(tensor, vector, shape)) return HOST_OK;
  host_ints *dims = malloc(sizeof *dims + sizeof shape->dims);
  if (!dims) return fail(context, "no memory for a shape");
  dims->count = vector ? 2 : GRAPH_RANK;
  memcpy(dims->values, vector ? shape->dims + 2 : shape->dims, (size_t)dims->count * sizeof(int));
  return context->resize(context, tensor, dims);
}

/* ---- A residual of fewer channels -------------------------------------------------------------------------------- */

/* Bytes of the wide residual, which stands in front of the block's memory; 0 if there is none. */
static size_t wide_size(const litert_node *node, const image_shape *y) {
  if (!node->widened) return 0;
  bool overflow = false;
  size_t size = 1;
  for (int i = 0; i < GRAPH_RANK; i++) size = mbconv_multiply(size, (size_t)y->dims[i], &overflow);
  return overflow || size > SIZE_MAX / 2 ? SIZE_MAX : mbconv_round_up(size, MBCONV_ALIGNMENT);
}

static void widen(const litert_node *node, const image_shape *y, const char *from, char *to) {
  const size_t wide = node->out_channels, narrow = node->residual_channels;
  for (size_t left = (size_t)y->dims[0] * (size_t)y->dims[1] * (size_t)y->dims[2]; left > 0; left--) {
    memcpy(to, from, narrow);
    memset(to + narrow, node->zero_point, wide - narrow);
    from += narrow, to += wide;
  }
}

/* ---- The host's calls -------------------------------------------------------------------------------------------- */

int node_prepare(host_context *context, host_node *host) {
  const litert_node *node = host->ours;
  if (!node) return fail(context, "a node of the graph was not made by the delegate");
  image_shape x, y, residual;
  mbconv_error error = {0};
  size_t scratch;
  host_tensor *output = tensor_of(context, node->y);
  give_back(node->scratch, context);
  if (!output || !read_shape(tensor_of(context, node->x), node->type, node->vector, node->in_channels, &x))
    return fail(context, "the input of a block is no image of its channels");
  if (!shape_after(node, &x, &y, &error) ||
      mbconv_block_scratch_size_at(node->block, (size_t)x.dims[1], (size_t)x.dims[2], node->scratch->threads.count,
                                   &scratch, &error) != MBCONV_OK)
    return fail(context, error.message);
  const image_shape added = residual_shape(node, &y);
  if (node->residual >= 0 &&
      (!read_shape(tensor_of(context, node->residual), node->type, false, node->residual_channels, &residual) ||
       memcmp(&residual, &added, sizeof added) != 0))
    return fail(context, "the image that is added to a block's output has another shape");
  const size_t wide = wide_size(node, &y);
  if (wide > SIZE_MAX - scratch || !scratch_holds(node->scratch, wide + scratch))
    return fail(context, "no memory for a block to work in");
  return resize(context, output, node->vector, &y);
}

/* The data of an image of that shape, or NULL. */
static void *data_of(host_context *context, int number, const litert_node *node, const image_shape *shape) {
  const host_tensor *tensor = tensor_of(context, number);
  size_t bytes;
  const bool fits =
      tensor && tensor->type == node->type && has_shape(tensor, node->vector, shape) && graph_bytes(tensor, &bytes);
  return fits && tensor->bytes >= bytes ? tensor->data : NULL;
}

int node_invoke(host_context *context, host_node *host) {
  const litert_node *node = host->ours;
  if (!node) return fail(context, "a node of the graph was not made by the delegate");
  image_shape x, y;
  mbconv_error error = {0};
  if (!read_shape(tensor_of(context, node->x), node->type, node->vector, node->in_channels, &x))
    return fail(context, "the input of a block is no image of its channels");
  if (!shape_after(node, &x, &y, &error)) return fail(context, error.message);
  const void *input = data_of(context, node->x, node, &x);
  void *output = data_of(context, node->y, node, &y);
  const image_shape added = residual_shape(node, &y);
  const void *residual = node->residual < 0 ? NULL : data_of(context, node->residual, node, &added);
  if (!input || !output || (node->residual >= 0 && !residual))
    return fail(context, "an image of a block has another shape than it was prepared for");
  const size_t batch = (size_t)x.dims[0], height = (size_t)x.dims[1], width = (size_t)x.dims[2];
  const litert_scratch *scratch = node->scratch;
  const size_t wide = residual ? wide_size(node, &y) : 0;
  char *memory = scratch->memory;
  if (wide > 0) {
    if (wide > scratch->size) return fail(context, "an image of a block has another shape than it was prepared for");
    widen(node, &y, residual, memory);
    residual = memory;
    memory += wide;
  }
  const mbconv_threads *threads = scratch->threads.context && scratch->process == getpid() ? &scratch->threads : NULL;
  const mbconv_status status = residual
                                   ? mbconv_block_run_residual_at(node->block, batch, height, width, input, residual,
                                                                  output, memory, scratch->size - wide, threads, &error)
                                   : mbconv_block_run_at(node->block, batch, height, width, input, output, memory,
                                                         scratch->size - wide, threads, &error);
  return status == MBCONV_OK ? HOST_OK : fail(context, error.message);
}
