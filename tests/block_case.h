/* SPDX-License-Identifier: MIT
 *
 * What the suites of the block share: blocks with random parameters, the blocks of the networks, and ways to run the
 * library's tasks.
 */
#ifndef MBCONV_BLOCK_CASE_H
#define MBCONV_BLOCK_CASE_H

#include "mbconv.h"
#include "test.h"

/* ---- Parameters -------------------------------------------------------------------------------------------------- */

struct block_parts {
  bool expand, bias, batch_norm;
  size_t squeeze_excite; /* its width; 0: none */
  mbconv_activation_kind inner, gate;
};

enum { BLOCK_CONVS = 5, BLOCK_BUFFERS = 6 * BLOCK_CONVS };

/* desc points into the struct itself: do not copy it. Every array of parameters is flush against a guard page and
 * read-only. The convolutions are expand, depthwise, project, reduce and excite; norms in the same order. */
struct block_case {
  mbconv_block_desc desc;
  mbconv_conv expand, depthwise, project, reduce, excite;
  mbconv_squeeze_excite squeeze_excite;
  mbconv_batch_norm norms[BLOCK_CONVS];
  struct test_buffer buffers[BLOCK_BUFFERS];
  size_t buffer_count;
};

/* A block of shape's sizes and choices (its pointers are ignored) with random parameters that keep the activations
 * around 1. */
void block_case_new(struct block_case *c, const mbconv_block_desc *shape, const struct block_parts *parts,
                    uint64_t *state);
void block_case_free(struct block_case *c);

size_t block_case_out_height(const mbconv_block_desc *desc);
size_t block_case_out_width(const mbconv_block_desc *desc);
size_t block_case_x_size(const mbconv_block_desc *desc); /* floats of one image */
size_t block_case_y_size(const mbconv_block_desc *desc);

/* ---- Blocks of the networks -------------------------------------------------------------------------------------- */

/* At 224x224, padding kernel / 2: b of MobileNetV2-1.0, e of EfficientNet-B0, s0 the block of 16 channels. */
struct block_layer {
  const char *name;
  size_t side, in_channels, expanded_channels, out_channels, kernel, stride; /* no expand if expanded == in */
  mbconv_activation_kind activation;
  double million_multiply_adds; /* without squeeze-excite, rounded to 0.01 */
};

enum { BLOCK_LAYERS = 25 };
extern const struct block_layer block_layers[BLOCK_LAYERS];

mbconv_block_desc block_layer_shape(const struct block_layer *layer);

/* ---- Parallel-fors ----------------------------------------------------------------------------------------------- */

/* All take a struct parallel_log, or NULL, as context. */
struct parallel_log {
  size_t calls, largest; /* how many, and the largest count seen */
};

void parallel_forward(void *context, void (*task)(void *argument, size_t index), void *argument, size_t count);
void parallel_reversed(void *context, void (*task)(void *argument, size_t index), void *argument, size_t count);

/* A thread for each index. */
void parallel_pthreads(void *context, void (*task)(void *argument, size_t index), void *argument, size_t count);

#endif
