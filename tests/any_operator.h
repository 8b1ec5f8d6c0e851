/* SPDX-License-Identifier: MIT
 *
 * Pointwise, depthwise, convolution and global pooling behind one interface, for tests that treat them alike.
 */
#ifndef MBCONV_ANY_OPERATOR_H
#define MBCONV_ANY_OPERATOR_H

#include "mbconv.h"

enum any_kind { POINTWISE, CONVOLUTION, DEPTHWISE, GLOBAL_POOL };

/* What an object is made of. `in` and `out` are channels; a pointwise takes `batch` pixels for its images. */
struct any_description {
  enum any_kind kind;
  size_t batch, height, width, in, out, kernel, stride;
  mbconv_activation_kind activation;
  mbconv_exp exp;
  mbconv_layout layout;
  size_t dilation; /* of a depthwise */
};

/* Makes an object on the set `isa`. The pads are those that keep the size at stride 1; an odd one is at the top and on
 * the right. */
mbconv_status any_create(const struct any_description *d, const mbconv_conv *conv, mbconv_isa isa, void **out,
                         mbconv_error *error);
void any_destroy(enum any_kind kind, void *object);

/* 0 for those that need none. */
size_t any_scratch_size(enum any_kind kind, const void *object, size_t threads);

/* A run's tensors; strides, 0 for dense, are pointwise's alone. */
struct any_tensors {
  const float *x, *residual;
  float *y;
  size_t x_stride, y_stride, r_stride;
};

/* Runs it in scratch that is exactly as large as the query says and flush against a guard page. Where bytes beside the
 * scratch were written, MBCONV_SCRATCH_TOO_SMALL. */
mbconv_status any_run(enum any_kind kind, const void *object, size_t batch, const struct any_tensors *a,
                      const mbconv_threads *threads, mbconv_error *error);

#endif
