/* SPDX-License-Identifier: MIT
 *
 * What the operators that are lists of stages do: scratch, run, and the queries.
 */
#ifndef MBCONV_RUN_H
#define MBCONV_RUN_H

#include "stage.h"

/* Bytes of scratch for a run with up to `threads` threads. SIZE_MAX if they do not fit into memory. */
mbconv_status mbconv_stages_scratch_size(const struct mbconv_stages *stages, const struct mbconv_size *at,
                                         size_t threads, size_t *bytes, mbconv_error *error);

/* The size of the output. */
mbconv_status mbconv_stages_output_size(const struct mbconv_stages *stages, const struct mbconv_size *at,
                                        size_t *height, size_t *width, mbconv_error *error);

/* Runs a batch. Of the operands the caller sets the pointers, the batch and the scratch's size. `residual` is NULL, or
 * as y but of the list's residual_channels; NULL for a list that adds its input. */
mbconv_status mbconv_stages_run(const struct mbconv_stages *stages, const struct mbconv_size *at,
                                const struct mbconv_operands *operands, const void *residual,
                                const mbconv_threads *threads, mbconv_error *error);

/* Writes what a list computes with: the variant of the exponential or, in int8, the types of its images. */
enum { MBCONV_VARIANT = 24 };
void mbconv_stages_variant(const struct mbconv_stages *stages, char text[MBCONV_VARIANT]);

/* Writes how a list runs, as mbconv_block_describe() says; *length is what that returns. */
mbconv_status mbconv_stages_describe(const struct mbconv_stages *stages, const struct mbconv_size *at, size_t threads,
                                     char *text, size_t size, size_t *length, mbconv_error *error);

#endif
