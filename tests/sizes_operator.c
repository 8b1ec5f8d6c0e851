/* SPDX-License-Identifier: MIT
 *
 * The operators that take images, called in one way: see sizes.h.
 */
#include <math.h>
#include <stdlib.h>

#include "sizes.h"
#include "system.h"

/* ---- Operators to be made ---------------------------------------------------------------------------------------- */

void sizes_block_new(struct sizes_operator *o, const mbconv_block_desc *desc, const struct block_parts *parts,
                     uint64_t *state) {
  *o = (struct sizes_operator){.kind = SIZES_BLOCK, .in = desc->in_channels, .out = desc->out_channels};
  block_case_new(&o->block, desc, parts, state);
  o->multiply_adds = desc->expanded_channels * ((parts->expand ? o->in : 0) + o->out + desc->kernel * desc->kernel);
}

static void parameters_new(struct sizes_operator *o, size_t weights, size_t terms, uint64_t *state) {
  o->weights = test_new_floats(state, weights);
  for (size_t i = 0; i < weights; i++) o->weights[i] *= 1.7f / sqrtf((float)terms);
  o->bias = test_new_floats(state, o->out);
  o->conv = (mbconv_conv){.weight = o->weights, .bias = o->bias};
}

void sizes_depthwise_new(struct sizes_operator *o, const mbconv_depthwise_desc *desc, uint64_t *state) {
  *o =
      (struct sizes_operator){.kind = SIZES_DEPTHWISE, .depthwise = *desc, .in = desc->channels, .out = desc->channels};
  const size_t taps = desc->kernel * desc->kernel;
  parameters_new(o, o->in * taps, taps, state);
  o->depthwise.conv = &o->conv;
  o->multiply_adds = o->in * taps;
}

void sizes_convolution_new(struct sizes_operator *o, const mbconv_convolution_desc *desc, uint64_t *state) {
  *o = (struct sizes_operator){
      .kind = SIZES_CONVOLUTION, .convolution = *desc, .in = desc->in_channels, .out = desc->out_channels};
  const size_t terms = desc->kernel * desc->kernel * o->in;
  parameters_new(o, o->out * terms, terms, state);
  o->convolution.conv = &o->conv;
  o->multiply_adds = o->out * terms;
}

void sizes_pool_new(struct sizes_operator *o, size_t channels, uint64_t *state) {
  (void)state;
  *o = (struct sizes_operator){
      .kind = SIZES_POOL, .pool.channels = channels, .in = channels, .out = channels, .multiply_adds = channels};
}

void sizes_free(struct sizes_operator *o) {
  if (o->kind == SIZES_BLOCK) block_case_free(&o->block);
  free(o->weights);
  free(o->bias);
}

void sizes_describe_operator(struct test *t, const struct sizes_operator *o) {
  const mbconv_block_desc *b = &o->block.desc;
  const mbconv_depthwise_desc *d = &o->depthwise;
  const mbconv_convolution_desc *c = &o->convolution;
  switch (o->kind) {
    case SIZES_BLOCK:
      test_at(t,
              "block %zu-%zu-%zu%s%s, %zux%zu/%zu, dilation %zu, pads %zu %zu %zu %zu%s, activation %d, residual %d, "
              "%s, strips %zu, "
              "groups %zu",
              b->in_channels, b->expanded_channels, b->out_channels, b->expand ? "" : ", no expand",
              b->squeeze_excite ? ", squeeze-excite" : "", b->kernel, b->kernel, b->stride, b->dilation, b->pad.top,
              b->pad.left, b->pad.bottom, b->pad.right, b->pad_kind == MBCONV_PAD_SAME ? " SAME" : "",
              (int)b->activation, (int)b->residual, b->layout == MBCONV_NCHW ? "NCHW" : "NHWC", b->strip_rows,
              b->group_channels);
      break;
    case SIZES_DEPTHWISE:
      test_at(t, "depthwise %zu, %zux%zu/%zu, dilation %zu, pads %zu %zu %zu %zu%s, activation %d", d->channels,
              d->kernel, d->kernel, d->stride, d->dilation, d->pad.top, d->pad.left, d->pad.bottom, d->pad.right,
              d->pad_kind == MBCONV_PAD_SAME ? " SAME" : "", (int)d->activation);
      break;
    case SIZES_CONVOLUTION:
      test_at(t, "convolution %zu-%zu, %zux%zu/%zu, pads %zu %zu %zu %zu%s, activation %d, %s", c->in_channels,
              c->out_channels, c->kernel, c->kernel, c->stride, c->pad.top, c->pad.left, c->pad.bottom, c->pad.right,
              c->pad_kind == MBCONV_PAD_SAME ? " SAME" : "", (int)c->activation,
              c->layout == MBCONV_NCHW ? "NCHW" : "NHWC");
      break;
    case SIZES_POOL:
    case SIZES_KINDS: test_at(t, "global pool of %zu", o->in);
  }
}

/* ---- Calls ------------------------------------------------------------------------------------------------------- */

mbconv_status sizes_create(const struct sizes_operator *o, struct sizes_size size, const mbconv_options *options,
                           void **out, mbconv_error *error) {
  mbconv_block_desc block = o->block.desc;
  mbconv_depthwise_desc depthwise = o->depthwise;
  mbconv_convolution_desc convolution = o->convolution;
  mbconv_global_pool_desc pool = o->pool;
  block.height = depthwise.height = convolution.height = pool.height = size.height;
  block.width = depthwise.width = convolution.width = pool.width = size.width;
  mbconv_block *a = NULL;
  mbconv_depthwise *b = NULL;
  mbconv_convolution *c = NULL;
  mbconv_global_pool *d = NULL;
  mbconv_status status;
  if (o->kind == SIZES_BLOCK)
    status = mbconv_block_create(&block, options, &a, error), *out = a;
  else if (o->kind == SIZES_DEPTHWISE)
    status = mbconv_depthwise_create(&depthwise, options, &b, error), *out = b;
  else if (o->kind == SIZES_CONVOLUTION)
    status = mbconv_convolution_create(&convolution, options, &c, error), *out = c;
  else
    status = mbconv_global_pool_create(&pool, options, &d, error), *out = d;
  return status;
}

void sizes_destroy(const struct sizes_operator *o, void *object) {
  if (o->kind == SIZES_BLOCK) mbconv_block_destroy(object);
  if (o->kind == SIZES_DEPTHWISE) mbconv_depthwise_destroy(object);
  if (o->kind == SIZES_CONVOLUTION) mbconv_convolution_destroy(object);
  if (o->kind == SIZES_POOL) mbconv_global_pool_destroy(object);
}

mbconv_status sizes_output_size(const struct sizes_operator *o, const void *object, const struct sizes_size *at,
                                struct sizes_size *out, mbconv_error *error) {
  if (o->kind == SIZES_POOL) {
    *out = (struct sizes_size){1, 1};
    return MBCONV_OK;
  }
  if (at && o->kind == SIZES_BLOCK)
    return mbconv_block_output_size_at(object, at->height, at->width, &out->height, &out->width, error);
  if (at && o->kind == SIZES_DEPTHWISE)
    return mbconv_depthwise_output_size_at(object, at->height, at->width, &out->height, &out->width, error);
  if (at) return mbconv_convolution_output_size_at(object, at->height, at->width, &out->height, &out->width, error);
  if (o->kind == SIZES_BLOCK) mbconv_block_output_size(object, &out->height, &out->width);
  if (o->kind == SIZES_DEPTHWISE) mbconv_depthwise_output_size(object, &out->height, &out->width);
  if (o->kind == SIZES_CONVOLUTION) mbconv_convolution_output_size(object, &out->height, &out->width);
  return MBCONV_OK;
}

mbconv_status sizes_scratch_size(const struct sizes_operator *o, const void *object, const struct sizes_size *at,
                                 size_t threads, size_t *bytes, mbconv_error *error) {
  if (o->kind == SIZES_POOL) {
    *bytes = 0;
    return MBCONV_OK;
  }
  if (at && o->kind == SIZES_BLOCK)
    return mbconv_block_scratch_size_at(object, at->height, at->width, threads, bytes, error);
  if (at && o->kind == SIZES_DEPTHWISE)
    return mbconv_depthwise_scratch_size_at(object, at->height, at->width, threads, bytes, error);
  if (at) return mbconv_convolution_scratch_size_at(object, at->height, at->width, threads, bytes, error);
  if (o->kind == SIZES_BLOCK) *bytes = mbconv_block_scratch_size(object, threads);
  if (o->kind == SIZES_DEPTHWISE) *bytes = mbconv_depthwise_scratch_size(object, threads);
  if (o->kind == SIZES_CONVOLUTION) *bytes = mbconv_convolution_scratch_size(object, threads);
  return MBCONV_OK;
}

static mbconv_status run_at(const struct sizes_operator *o, const void *object, const struct sizes_size *at,
                            const struct sizes_call *c, mbconv_error *error) {
  const size_t height = at->height, width = at->width;
  if (o->kind == SIZES_BLOCK)
    return mbconv_block_run_at(object, c->batch, height, width, c->x, c->y, c->scratch, c->scratch_size, &c->threads,
                               error);
  if (o->kind == SIZES_DEPTHWISE)
    return mbconv_depthwise_run_at(object, c->batch, height, width, c->x, c->y, c->scratch, c->scratch_size,
                                   &c->threads, error);
  if (o->kind == SIZES_CONVOLUTION)
    return mbconv_convolution_run_at(object, c->batch, height, width, c->x, c->y, c->residual, c->scratch,
                                     c->scratch_size, &c->threads, error);
  return mbconv_global_pool_run_at(object, c->batch, height, width, c->x, c->y, &c->threads, error);
}

mbconv_status sizes_run(const struct sizes_operator *o, const void *object, const struct sizes_size *at,
                        const struct sizes_call *c, mbconv_error *error) {
  if (at) return run_at(o, object, at, c, error);
  if (o->kind == SIZES_BLOCK)
    return mbconv_block_run(object, c->batch, c->x, c->y, c->scratch, c->scratch_size, &c->threads, error);
  if (o->kind == SIZES_DEPTHWISE)
    return mbconv_depthwise_run(object, c->batch, c->x, c->y, c->scratch, c->scratch_size, &c->threads, error);
  if (o->kind == SIZES_CONVOLUTION)
    return mbconv_convolution_run(object, c->batch, c->x, c->y, c->residual, c->scratch, c->scratch_size, &c->threads,
                                  error);
  return mbconv_global_pool_run(object, c->batch, c->x, c->y, &c->threads, error);
}

void sizes_run_guarded(struct test *t, const struct sizes_run_case *c, const void *object, const struct sizes_size *at,
                       struct test_buffer *y) {
  const struct sizes_operator *o = c->subject;
  size_t bytes = 0;
  mbconv_error error = {.message = ""};
  test_check(t, sizes_scratch_size(o, object, at, c->threads, &bytes, &error) == MBCONV_OK, "scratch: %s",
             error.message);
  struct test_buffer scratch;
  test_scratch_new(&scratch, bytes);
  test_buffer_new(y, c->batch * c->out.height * c->out.width * o->out, c->guard);
  const float *residual = c->residual;
  if (residual && c->residual_is_y) {
    memcpy(y->data, residual, y->n * sizeof(float));
    residual = y->data;
  } else {
    test_forget(y->data, y->n * sizeof(float));
  }
  struct parallel_log log = {0};
  const struct sizes_call call = {
      .batch = c->batch,
      .x = c->x,
      .residual = residual,
      .y = y->data,
      .scratch = scratch.data,
      .scratch_size = bytes,
      .threads = {.parallel_for = c->parallel_for, .context = &log, .count = c->threads},
  };
  const mbconv_status status = sizes_run(o, object, at, &call, &error);
  test_check(t, status == MBCONV_OK && error.message[0] == '\0', "run: %s", error.message);
  test_check(t, log.largest <= c->threads, "%zu tasks for %zu threads", log.largest, c->threads);
  test_check(t, test_scratch_intact(&scratch, bytes), "wrote outside the scratch");
  test_check(t, test_buffer_intact(y), "wrote outside its outputs");
  test_buffer_free(&scratch);
}

/* ---- An allocator that can be closed ----------------------------------------------------------------------------- */

static void *ledger_allocate(void *context, size_t size, size_t alignment) {
  struct sizes_ledger *ledger = context;
  ledger->calls++;
  if (ledger->closed || alignment > MBCONV_ALIGNMENT) return NULL;
  void *memory = system_aligned_allocate(MBCONV_ALIGNMENT, mbconv_round_up(size, MBCONV_ALIGNMENT));
  if (memory) ledger->live++;
  return memory;
}

static void ledger_release(void *context, void *memory) {
  struct sizes_ledger *ledger = context;
  ledger->live--;
  system_aligned_release(memory);
}

mbconv_allocator sizes_allocator(struct sizes_ledger *ledger) {
  return (mbconv_allocator){ledger_allocate, ledger_release, ledger};
}
