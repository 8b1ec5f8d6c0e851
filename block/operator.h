/* SPDX-License-Identifier: MIT
 *
 * What all operators have in common: how create begins, the one allocation of an object, the checks of a run, and how
 * its output rows are shared out.
 */
#ifndef MBCONV_OPERATOR_H
#define MBCONV_OPERATOR_H

#include "dispatch.h"
#include "kernels.h"
#include "memory.h"
#include "parallel.h"
#include "status.h"

/* The first member of every operator's object. */
struct mbconv_operator {
  mbconv_allocator allocator;
  mbconv_info info;
  const struct mbconv_kernels *kernels;
};

/* INVALID_ARGUMENT for an unknown type. */
mbconv_status mbconv_type_check(mbconv_type type, mbconv_error *error);

/* Begins a create: *object, a struct mbconv_operator of zeros, receives the type, which has been checked, and what the
 * options choose of `sets`. */
mbconv_status mbconv_operator_choose(struct mbconv_operator *object, const struct mbconv_sets *sets, mbconv_type type,
                                     const mbconv_options *options, mbconv_error *error);

/* Copies the info of an object, called `name` in messages, whose first member is a struct mbconv_operator. */
mbconv_status mbconv_operator_info(const void *object, const char *name, mbconv_info *info, mbconv_error *error);

/* Allocates what `cursor` has counted, the object and its arrays; the cursor then hands them out. */
mbconv_status mbconv_operator_allocate(const struct mbconv_operator *object, struct mbconv_cursor *cursor,
                                       mbconv_error *error);

/* Frees an object, whose first member is a struct mbconv_operator; NULL is allowed. */
void mbconv_operator_destroy(void *object);

/* The message of a call that names no size, though the description names none either. */
#define MBCONV_ANY_SIZE "made for images of any size: call the function whose name ends in _at"

/* What a run is given. */
struct mbconv_operands {
  size_t batch;
  const char *x;
  char *y;
  size_t x_bytes, y_bytes; /* of one image */
  void *scratch;
  size_t scratch_size, scratch_needed;
};

/* Checks pointers, products, the scratch and overlaps. */
mbconv_status mbconv_operands_check(const struct mbconv_operands *operands, mbconv_error *error);

/* Some output rows of one image: [first, last). */
typedef void mbconv_rows_fn(void *context, size_t image, size_t first, size_t last);

/* Calls `run` for the rows that fall to task `index` of `tasks`, of `batch` images of `height` rows each. */
void mbconv_share_rows(size_t batch, size_t height, size_t index, size_t tasks, mbconv_rows_fn *run, void *context);

#endif
