/* SPDX-License-Identifier: MIT
 *
 * Global average pooling in int8: squeeze-excite's means, as an operator.
 */
#include <string.h>

#include "global_pool.h"
#include "i8.h"
#include "i8_sets.h"

struct pool {
  struct mbconv_global_pool pool;
  struct mbconv_i8_mean mean;
  bool flips; /* x and y are s8 */
};

/* Pixels that are turned at a time. */
enum { TURNED = 16 };

static void run_slice(const struct mbconv_global_pool *pool, size_t rows, size_t width, size_t count, const char *x,
                      char *y) {
  const struct pool *self = (const struct pool *)pool;
  const struct mbconv_kernels *kernels = pool->base.kernels;
  const size_t pixels = rows * width, channels = pool->channels;
  _Alignas(MBCONV_ALIGNMENT) char sums[MBCONV_POOL_SLICE * MBCONV_SUM_BYTES];
  char turned[TURNED * MBCONV_POOL_SLICE];
  memset(sums, 0, count * MBCONV_SUM_BYTES);
  for (size_t done = 0, some; done < pixels; done += some, x += some * channels) {
    some = self->flips ? mbconv_min(TURNED, pixels - done) : pixels;
    for (size_t p = 0; self->flips && p < some; p++) kernels->i8->flip(count, x + p * channels, turned + p * count);
    kernels->channel_sum(some, count, self->flips ? turned : x, self->flips ? count : channels, sums);
  }
  kernels->i8->mean(&self->mean, count, 1, sums, 0, pixels, y);
  if (self->flips) kernels->i8->flip(count, y, y);
}

static mbconv_status check(const mbconv_i8_global_pool_desc *desc, struct pool *pool, mbconv_error *error) {
  if (!desc) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "desc is NULL");
  mbconv_status status = mbconv_struct_check(&desc->struct_size, sizeof *desc, "desc", error);
  if (status != MBCONV_OK) return status;
  if (desc->type != MBCONV_S8 && desc->type != MBCONV_U8)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "type is %d, neither MBCONV_S8 nor MBCONV_U8", (int)desc->type);
  status = mbconv_quantization_check(&desc->input, desc->type, "input", error);
  if (status == MBCONV_OK) status = mbconv_quantization_check(&desc->output, desc->type, "output", error);
  if (status == MBCONV_OK && (unsigned)desc->rounding > MBCONV_I8_TFLITE_DOUBLE)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "rounding is %d, which is none", (int)desc->rounding);
  if (status == MBCONV_OK)
    status = mbconv_i8_mean_of(desc->rounding, desc->type, &desc->input, &desc->output, "output", &pool->mean, error);
  if (status == MBCONV_OK)
    status = mbconv_global_pool_check(desc->height, desc->width, desc->channels, MBCONV_I8_MOST_SUMMED, error);
  pool->flips = desc->type == MBCONV_S8;
  return status;
}

mbconv_status mbconv_global_pool_create_i8(const mbconv_i8_global_pool_desc *desc, const mbconv_options *options,
                                           mbconv_global_pool **out, mbconv_error *error) {
  if (!out) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  struct pool made = {0};
  void *memory;
  mbconv_status status = check(desc, &made, error);
  if (status == MBCONV_OK)
    status = mbconv_operator_choose(&made.pool.base, &mbconv_i8_sets, desc->type, options, error);
  if (status == MBCONV_OK) status = mbconv_allocate(&made.pool.base.allocator, sizeof made, &memory, error);
  if (status != MBCONV_OK) return status;
  made.pool.height = desc->height, made.pool.width = desc->width, made.pool.channels = desc->channels;
  made.pool.most_pixels = MBCONV_I8_MOST_SUMMED;
  made.pool.run_slice = run_slice;
  memcpy(memory, &made, sizeof made);
  *out = memory;
  return mbconv_succeed(error);
}
