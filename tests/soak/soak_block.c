/* SPDX-License-Identifier: MIT
 *
 * Blocks of the soak: see soak.h.
 */
#include "soak.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEADER = 64 }; /* before each allocation: its size */

struct soak_block {
  struct block_case c; /* its desc is in NHWC */
  mbconv_block *object;
  size_t batch, x_size, y_size; /* floats of all images */
  float *x, *expected;          /* NHWC */
};

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

static atomic_size_t bytes;

size_t soak_bytes(void) { return atomic_load(&bytes); }

static void *allocate(void *context, size_t size, size_t alignment) {
  (void)context;
  char *memory = aligned_alloc(alignment, HEADER + (size + alignment - 1) / alignment * alignment);
  if (!memory) return NULL;
  memcpy(memory, &size, sizeof size);
  atomic_fetch_add(&bytes, size);
  return memory + HEADER;
}

static void release(void *context, void *memory) {
  (void)context;
  size_t size;
  char *first = (char *)memory - HEADER;
  memcpy(&size, first, sizeof size);
  atomic_fetch_sub(&bytes, size);
  free(first);
}

static const mbconv_allocator allocator = {allocate, release, NULL};

static void *memory_new(size_t size) {
  void *memory = malloc(size > 0 ? size : 1);
  if (!memory) abort();
  return memory;
}

/* ---- Runs -------------------------------------------------------------------------------------------------------- */

static mbconv_block *create(const mbconv_block_desc *desc, mbconv_isa isa) {
  const mbconv_options options = {.isa = isa, .allocator = &allocator};
  mbconv_block *object = NULL;
  mbconv_error error;
  if (mbconv_block_create(desc, &options, &object, &error) != MBCONV_OK) printf("create: %s\n", error.message);
  return object;
}

/* Into new memory, or NULL. */
static float *run(const struct soak_block *block, const mbconv_block *object, const float *x, size_t threads) {
  const mbconv_threads given = {.parallel_for = parallel_pthreads, .count = threads};
  const size_t size = mbconv_block_scratch_size(object, threads);
  float *y = memory_new(block->y_size * sizeof *y);
  void *scratch = memory_new(size);
  mbconv_error error;
  const bool ok = mbconv_block_run(object, block->batch, x, y, scratch, size, &given, &error) == MBCONV_OK;
  free(scratch);
  if (ok) return y;
  printf("run: %s\n", error.message);
  free(y);
  return NULL;
}

static bool same(const struct soak_block *block, float *y) {
  size_t at = 0;
  const bool equal = y && test_equal(block->expected, y, block->y_size, &at);
  if (y && !equal) printf("float %zu is %.9g, not %.9g\n", at, (double)y[at], (double)block->expected[at]);
  free(y);
  return equal;
}

/* NHWC to NCHW, or back; in new memory. */
static float *transposed(size_t batch, size_t pixels, size_t channels, const float *x, bool back) {
  float *y = memory_new(batch * pixels * channels * sizeof *y);
  for (size_t i = 0; i < batch * pixels * channels; i++) {
    const size_t c = i % channels, p = i / channels % pixels, b = i / channels / pixels;
    const size_t j = (b * channels + c) * pixels + p;
    y[back ? i : j] = x[back ? j : i];
  }
  return y;
}

static void random_shape(uint64_t *state, mbconv_block_desc *shape, struct block_parts *parts) {
  *parts = (struct block_parts){.expand = test_random_size(state, 0, 3) > 0,
                                .bias = test_random_size(state, 0, 1),
                                .batch_norm = test_random_size(state, 0, 1),
                                .squeeze_excite = test_random_size(state, 0, 1) * test_random_size(state, 1, 12),
                                .inner = MBCONV_ACTIVATION_SILU,
                                .gate = MBCONV_ACTIVATION_SIGMOID};
  *shape = (mbconv_block_desc){
      .height = test_random_size(state, 3, 24),
      .width = test_random_size(state, 3, 24),
      .in_channels = test_random_size(state, 1, 40),
      .expanded_channels = test_random_size(state, 1, 160),
      .out_channels = test_random_size(state, 1, 40),
      .kernel = 3 + 2 * test_random_size(state, 0, 2),
      .stride = test_random_size(state, 1, 2),
      .activation =
          (mbconv_activation_kind)test_random_size(state, MBCONV_ACTIVATION_NONE, MBCONV_ACTIVATION_HARD_SWISH),
  };
  const size_t pad = shape->kernel / 2;
  shape->pad = (mbconv_pad){pad, pad, pad, pad};
  if (!parts->expand) shape->expanded_channels = shape->in_channels;
  if (test_random_size(state, 0, 1)) shape->out_channels = shape->in_channels; /* with a residual at stride 1 */
}

struct soak_block *soak_block_new(uint64_t *state, mbconv_isa isa) {
  struct soak_block *block = memory_new(sizeof *block);
  mbconv_block_desc shape;
  struct block_parts parts;
  random_shape(state, &shape, &parts);
  block_case_new(&block->c, &shape, &parts, state);
  block->batch = test_random_size(state, 1, 2);
  block->x_size = block->batch * block_case_x_size(&shape);
  block->y_size = block->batch * block_case_y_size(&shape);
  block->x = test_new_floats(state, block->x_size);
  mbconv_block *reference = create(&block->c.desc, MBCONV_ISA_SCALAR);
  block->object = create(&block->c.desc, isa);
  if (!reference || !block->object) abort();
  block->expected = run(block, reference, block->x, 1);
  if (!block->expected) abort();
  mbconv_block_destroy(reference);
  return block;
}

void soak_block_free(struct soak_block *block) {
  if (!block) return;
  mbconv_block_destroy(block->object);
  block_case_free(&block->c);
  free(block->x);
  free(block->expected);
  free(block);
}

bool soak_block_run(const struct soak_block *block, size_t threads) {
  return same(block, run(block, block->object, block->x, threads));
}

bool soak_block_run_anew(const struct soak_block *block, mbconv_isa isa, size_t threads, uint64_t *state) {
  mbconv_block_desc desc = block->c.desc;
  desc.strip_rows = test_random_size(state, 0, 3) * test_random_size(state, 0, 9);
  desc.group_channels = test_random_size(state, 0, 3) * test_random_size(state, 0, 60);
  desc.layout = (mbconv_layout)test_random_size(state, MBCONV_NHWC, MBCONV_NCHW);
  mbconv_block *object = create(&desc, isa);
  if (!object) return false;
  float *y = NULL;
  if (desc.layout == MBCONV_NCHW) {
    float *x = transposed(block->batch, desc.height * desc.width, desc.in_channels, block->x, false);
    float *planes = run(block, object, x, threads);
    const size_t pixels = block->y_size / block->batch / desc.out_channels;
    if (planes) y = transposed(block->batch, pixels, desc.out_channels, planes, true);
    free(planes), free(x);
  } else {
    y = run(block, object, block->x, threads);
  }
  mbconv_block_destroy(object);
  return same(block, y);
}
