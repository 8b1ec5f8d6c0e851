/* SPDX-License-Identifier: MIT */
#include "any_operator.h"

#include <stdio.h>

#include "oracle.h"
#include "test.h"

mbconv_status any_create(const struct any_description *d, const mbconv_conv *conv, mbconv_isa isa, void **out,
                         mbconv_error *error) {
  const mbconv_options options = {.isa = isa, .exp = d->exp};
  const size_t padding = oracle_span(d->kernel, d->dilation) - 1, before = (padding + 1) / 2, after = padding - before;
  const mbconv_pad pad = {before, after, after, before};
  const mbconv_pointwise_desc pointwise = {
      .in_channels = d->in, .out_channels = d->out, .conv = conv, .activation = d->activation};
  const mbconv_depthwise_desc depthwise = {.height = d->height,
                                           .width = d->width,
                                           .channels = d->in,
                                           .kernel = d->kernel,
                                           .stride = d->stride,
                                           .pad = pad,
                                           .conv = conv,
                                           .activation = d->activation,
                                           .dilation = d->dilation};
  const mbconv_convolution_desc convolution = {.height = d->height,
                                               .width = d->width,
                                               .in_channels = d->in,
                                               .out_channels = d->out,
                                               .kernel = d->kernel,
                                               .stride = d->stride,
                                               .pad = pad,
                                               .conv = conv,
                                               .activation = d->activation,
                                               .layout = d->layout};
  const mbconv_global_pool_desc pool = {.height = d->height, .width = d->width, .channels = d->in};
  mbconv_pointwise *made_pointwise = NULL;
  mbconv_depthwise *made_depthwise = NULL;
  mbconv_convolution *made_convolution = NULL;
  mbconv_global_pool *made_pool = NULL;
  mbconv_status status = MBCONV_INVALID_ARGUMENT;
  switch (d->kind) {
    case POINTWISE:
      status = mbconv_pointwise_create(&pointwise, &options, &made_pointwise, error);
      *out = made_pointwise;
      break;
    case DEPTHWISE:
      status = mbconv_depthwise_create(&depthwise, &options, &made_depthwise, error);
      *out = made_depthwise;
      break;
    case CONVOLUTION:
      status = mbconv_convolution_create(&convolution, &options, &made_convolution, error);
      *out = made_convolution;
      break;
    case GLOBAL_POOL:
      status = mbconv_global_pool_create(&pool, &options, &made_pool, error);
      *out = made_pool;
      break;
  }
  return status;
}

void any_destroy(enum any_kind kind, void *object) {
  if (kind == POINTWISE) mbconv_pointwise_destroy(object);
  if (kind == DEPTHWISE) mbconv_depthwise_destroy(object);
  if (kind == CONVOLUTION) mbconv_convolution_destroy(object);
  if (kind == GLOBAL_POOL) mbconv_global_pool_destroy(object);
}

size_t any_scratch_size(enum any_kind kind, const void *object, size_t threads) {
  if (kind == DEPTHWISE) return mbconv_depthwise_scratch_size(object, threads);
  if (kind == CONVOLUTION) return mbconv_convolution_scratch_size(object, threads);
  return 0;
}

mbconv_status any_run(enum any_kind kind, const void *object, size_t batch, const struct any_tensors *a,
                      const mbconv_threads *threads, mbconv_error *error) {
  const size_t size = any_scratch_size(kind, object, threads ? threads->count : 1);
  struct test_buffer scratch;
  test_scratch_new(&scratch, size);
  mbconv_status status = MBCONV_INVALID_ARGUMENT;
  switch (kind) {
    case POINTWISE:
      status = mbconv_pointwise_run(object, batch, a->x, a->x_stride, a->y, a->y_stride, a->residual, a->r_stride,
                                    threads, error);
      break;
    case DEPTHWISE: status = mbconv_depthwise_run(object, batch, a->x, a->y, scratch.data, size, threads, error); break;
    case CONVOLUTION:
      status = mbconv_convolution_run(object, batch, a->x, a->y, a->residual, scratch.data, size, threads, error);
      break;
    case GLOBAL_POOL: status = mbconv_global_pool_run(object, batch, a->x, a->y, threads, error); break;
  }
  if (status == MBCONV_OK && !test_scratch_intact(&scratch, size)) {
    status = MBCONV_SCRATCH_TOO_SMALL;
    snprintf(error->message, sizeof error->message, "bytes outside the scratch were written");
  }
  test_buffer_free(&scratch);
  return status;
}
