/* SPDX-License-Identifier: MIT
 *
 * What the files of the suite `sizes` share: the operators that take images, called in one way. test_sizes.c is the
 * suite, sizes_*.c are parts of it.
 */
#ifndef MBCONV_SIZES_H
#define MBCONV_SIZES_H

#include "block_case.h"
#include "mbconv.h"
#include "test.h"

enum sizes_kind { SIZES_BLOCK, SIZES_DEPTHWISE, SIZES_CONVOLUTION, SIZES_POOL, SIZES_KINDS };

struct sizes_size {
  size_t height, width;
};

/* An operator to be made. It points into itself: do not copy it. */
struct sizes_operator {
  enum sizes_kind kind;
  struct block_case block;
  mbconv_depthwise_desc depthwise;
  mbconv_convolution_desc convolution;
  mbconv_global_pool_desc pool;
  mbconv_conv conv; /* of the depthwise and the convolution */
  float *weights, *bias;
  size_t in, out;       /* channels */
  size_t multiply_adds; /* of an input pixel, about */
  bool residual;        /* a convolution's, chosen by the call */
};

/* All with random parameters. The descriptions' pointers and sizes are ignored. */
void sizes_block_new(struct sizes_operator *o, const mbconv_block_desc *desc, const struct block_parts *parts,
                     uint64_t *state);
void sizes_depthwise_new(struct sizes_operator *o, const mbconv_depthwise_desc *desc, uint64_t *state);
void sizes_convolution_new(struct sizes_operator *o, const mbconv_convolution_desc *desc, uint64_t *state);
void sizes_pool_new(struct sizes_operator *o, size_t channels, uint64_t *state);
void sizes_free(struct sizes_operator *o);

/* What is inside test_at(): sizes, choices and plan. */
void sizes_describe_operator(struct test *t, const struct sizes_operator *o);

/* ---- Calls ------------------------------------------------------------------------------------------------------- */

/* An object for images of one size, or of any size: height and width 0. */
mbconv_status sizes_create(const struct sizes_operator *o, struct sizes_size size, const mbconv_options *options,
                           void **out, mbconv_error *error);
void sizes_destroy(const struct sizes_operator *o, void *object);

/* In all of these `at` NULL stands for the function that names no size. The output of a pool is 1 x 1, its scratch 0
 * bytes: it has no such functions. */
mbconv_status sizes_output_size(const struct sizes_operator *o, const void *object, const struct sizes_size *at,
                                struct sizes_size *out, mbconv_error *error);
mbconv_status sizes_scratch_size(const struct sizes_operator *o, const void *object, const struct sizes_size *at,
                                 size_t threads, size_t *bytes, mbconv_error *error);

struct sizes_call {
  size_t batch;
  const float *x, *residual;
  float *y;
  void *scratch;
  size_t scratch_size;
  mbconv_threads threads;
};
mbconv_status sizes_run(const struct sizes_operator *o, const void *object, const struct sizes_size *at,
                        const struct sizes_call *call, mbconv_error *error);

/* ---- An allocator that can be closed ----------------------------------------------------------------------------- */

struct sizes_ledger {
  size_t calls, live;
  bool closed; /* allocate returns NULL from now on */
};

mbconv_allocator sizes_allocator(struct sizes_ledger *ledger);

/* ---- Parts of the suite ------------------------------------------------------------------------------------------ */

/* Runs an object at `at` (NULL: its own size, which is `size`) with a fresh y and as much scratch as it asks for, and
 * frames both. y holds the batch's outputs afterwards. */
struct sizes_run_case {
  const struct sizes_operator *subject;
  struct sizes_size size, out;
  size_t batch, threads;
  mbconv_parallel_for parallel_for;
  const float *x, *residual;
  bool residual_is_y;
  enum test_guard guard;
};
void sizes_run_guarded(struct test *t, const struct sizes_run_case *c, const void *object, const struct sizes_size *at,
                       struct test_buffer *y);

void sizes_refusals(struct test *t);
void sizes_padding(struct test *t);

#endif
