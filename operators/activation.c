/* SPDX-License-Identifier: MIT
 *
 * The activation over a buffer.
 */
#include "epilogue.h"
#include "operator.h"

struct mbconv_activation {
  struct mbconv_operator base;
  mbconv_activation_fn *run;
};

static mbconv_status check(const mbconv_activation_desc *desc, mbconv_error *error) {
  if (!desc) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "desc is NULL");
  mbconv_status status = mbconv_struct_check(&desc->struct_size, sizeof *desc, "desc", error);
  if (status == MBCONV_OK) status = mbconv_type_check(desc->type, error);
  if (status == MBCONV_OK) status = mbconv_activation_check(desc->kind, "kind", false, error);
  return status;
}

mbconv_status mbconv_activation_create(const mbconv_activation_desc *desc, const mbconv_options *options,
                                       mbconv_activation **out, mbconv_error *error) {
  if (!out) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  struct mbconv_operator base = {0};
  void *memory;
  mbconv_status status = check(desc, error);
  if (status == MBCONV_OK) status = mbconv_operator_choose(&base, desc->type, options, error);
  if (status == MBCONV_OK) status = mbconv_allocate(&base.allocator, sizeof(mbconv_activation), &memory, error);
  if (status != MBCONV_OK) return status;
  *out = memory;
  **out = (mbconv_activation){base, mbconv_activation_of(desc->kind, base.kernels, NULL, base.info.exp)};
  return mbconv_succeed(error);
}

mbconv_status mbconv_activation_run(const mbconv_activation *activation, size_t n, const void *x, void *y,
                                    mbconv_error *error) {
  if (!activation) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "activation is NULL");
  if (n == 0) return mbconv_succeed(error);
  if (!x || !y) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is NULL", x ? "y" : "x");
  const size_t element = activation->base.kernels->element;
  if (n > PTRDIFF_MAX / element) return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "n is %zu", n);
  if (x != y && mbconv_overlap(x, n * element, y, n * element))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "x and y overlap without being the same");
  activation->run(n, x, y);
  return mbconv_succeed(error);
}

mbconv_status mbconv_activation_info(const mbconv_activation *activation, mbconv_info *info, mbconv_error *error) {
  return mbconv_operator_info(activation, "activation", info, error);
}

void mbconv_activation_destroy(mbconv_activation *activation) { mbconv_operator_destroy(activation); }
