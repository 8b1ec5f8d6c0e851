/* SPDX-License-Identifier: MIT
 *
 * Global average pooling: squeeze-excite's sums, a row at a time. Threads take images and slices of their channels.
 */
#include "global_pool.h"

#include <string.h>

mbconv_status mbconv_global_pool_check(size_t height, size_t width, size_t channels, size_t most_pixels,
                                       mbconv_error *error) {
  if (height == 0 && width == 0 && channels > 0) height = width = 1;
  if (height == 0 || width == 0 || channels == 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "the image is %zu x %zu x %zu", height, width, channels);
  bool overflow = false;
  const size_t pixels = mbconv_multiply(height, width, &overflow);
  const size_t elements = mbconv_multiply(pixels, channels, &overflow);
  if (overflow || elements > PTRDIFF_MAX / MBCONV_MAX_ELEMENT)
    return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "an image of %zu x %zu x %zu does not fit into memory", height,
                       width, channels);
  if (pixels <= most_pixels) return MBCONV_OK;
  return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "the sums of %zu x %zu pixels might leave 32 bits", height, width);
}

static void run_floats(const struct mbconv_global_pool *pool, size_t rows, size_t width, size_t count, const char *x,
                       char *y) {
  const struct mbconv_kernels *kernels = pool->base.kernels;
  const size_t channels = pool->channels, row = width * channels * kernels->element;
  _Alignas(MBCONV_ALIGNMENT) char sums[MBCONV_POOL_SLICE * MBCONV_SUM_BYTES];
  memset(sums, 0, count * MBCONV_SUM_BYTES);
  for (size_t r = 0; r < rows; r++) kernels->channel_sum(width, count, x + r * row, channels, sums);
  kernels->channel_mean(count, 1, sums, 0, rows * width, y);
}

static mbconv_status check(const mbconv_global_pool_desc *desc, mbconv_error *error) {
  if (!desc) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "desc is NULL");
  mbconv_status status = mbconv_struct_check(&desc->struct_size, sizeof *desc, "desc", error);
  if (status == MBCONV_OK) status = mbconv_type_check(desc->type, error);
  if (status != MBCONV_OK) return status;
  return mbconv_global_pool_check(desc->height, desc->width, desc->channels, SIZE_MAX, error);
}

mbconv_status mbconv_global_pool_create(const mbconv_global_pool_desc *desc, const mbconv_options *options,
                                        mbconv_global_pool **out, mbconv_error *error) {
  if (!out) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  struct mbconv_operator base = {0};
  void *memory;
  mbconv_status status = check(desc, error);
  if (status == MBCONV_OK) status = mbconv_operator_choose(&base, &mbconv_f32_sets, desc->type, options, error);
  if (status == MBCONV_OK) status = mbconv_allocate(&base.allocator, sizeof(mbconv_global_pool), &memory, error);
  if (status != MBCONV_OK) return status;
  *out = memory;
  **out = (mbconv_global_pool){base, desc->height, desc->width, desc->channels, SIZE_MAX, run_floats};
  return mbconv_succeed(error);
}

struct run {
  const mbconv_global_pool *pool;
  size_t batch, height, width, tasks;
  const char *x;
  char *y;
};

static void run_slice(const struct run *run, size_t image, size_t channel) {
  const size_t channels = run->pool->channels, element = run->pool->base.kernels->element;
  const char *x = run->x + (image * run->height * run->width * channels + channel) * element;
  char *y = run->y + (image * channels + channel) * element;
  run->pool->run_slice(run->pool, run->height, run->width, mbconv_min(MBCONV_POOL_SLICE, channels - channel), x, y);
}

/* A task's share of the slices of all images. */
static void run_slices(void *argument, size_t index) {
  const struct run *run = argument;
  const size_t slices = (run->pool->channels + MBCONV_POOL_SLICE - 1) / MBCONV_POOL_SLICE;
  size_t begin, end;
  mbconv_share(run->batch * slices, 1, index, run->tasks, &begin, &end);
  for (; begin < end; begin++) run_slice(run, begin / slices, begin % slices * MBCONV_POOL_SLICE);
}

static mbconv_status run_batch(struct run *run, const mbconv_threads *threads, mbconv_error *error) {
  const size_t channels = run->pool->channels, element = run->pool->base.kernels->element;
  if (run->height == 0 || run->width == 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "the image is %zu x %zu x %zu", run->height, run->width,
                       channels);
  mbconv_status status = mbconv_global_pool_check(run->height, run->width, channels, run->pool->most_pixels, error);
  if (status == MBCONV_OK) status = mbconv_thread_count(threads, &run->tasks, error);
  if (status != MBCONV_OK) return status;
  if (run->batch == 0) return mbconv_succeed(error);
  if (!run->x || !run->y) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is NULL", run->x ? "y" : "x");
  bool overflow = false;
  const size_t image = run->height * run->width * channels * element;
  const size_t x_bytes = mbconv_multiply(run->batch, image, &overflow);
  if (overflow || x_bytes > PTRDIFF_MAX)
    return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "%zu images do not fit into memory", run->batch);
  if (mbconv_overlap(run->x, x_bytes, run->y, run->batch * channels * element))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "x and y overlap");
  mbconv_parallel(threads, run->tasks, run_slices, run);
  return mbconv_succeed(error);
}

mbconv_status mbconv_global_pool_run(const mbconv_global_pool *pool, size_t batch, const void *x, void *y,
                                     const mbconv_threads *threads, mbconv_error *error) {
  if (!pool) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "pool is NULL");
  if (pool->height == 0) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, MBCONV_ANY_SIZE);
  return mbconv_global_pool_run_at(pool, batch, pool->height, pool->width, x, y, threads, error);
}

mbconv_status mbconv_global_pool_run_at(const mbconv_global_pool *pool, size_t batch, size_t height, size_t width,
                                        const void *x, void *y, const mbconv_threads *threads, mbconv_error *error) {
  if (!pool) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "pool is NULL");
  struct run run = {.pool = pool, .batch = batch, .height = height, .width = width, .x = x, .y = y};
  return run_batch(&run, threads, error);
}

mbconv_status mbconv_global_pool_info(const mbconv_global_pool *pool, mbconv_info *info, mbconv_error *error) {
  return mbconv_operator_info(pool, "pool", info, error);
}

void mbconv_global_pool_destroy(mbconv_global_pool *pool) { mbconv_operator_destroy(pool); }
