/* SPDX-License-Identifier: MIT
 *
 * The sum of two buffers of bytes: a block's shortcut as an operator of its own.
 */
#include <string.h>

#include "i8.h"
#include "i8_sets.h"

struct mbconv_addition {
  struct mbconv_operator base;
  struct mbconv_i8_add add;
  bool flips; /* a is s8 */
};

/* Bytes that are added at a time: both parts stay in L1. */
enum { PART = 4096 };

static mbconv_status check(const mbconv_i8_addition_desc *desc, struct mbconv_addition *made, mbconv_error *error) {
  if (!desc) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "desc is NULL");
  struct mbconv_i8_add *add = &made->add;
  mbconv_status status = mbconv_struct_check(&desc->struct_size, sizeof *desc, "desc", error);
  if (status != MBCONV_OK) return status;
  if (desc->type != MBCONV_S8 && desc->type != MBCONV_U8)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "type is %d, neither MBCONV_S8 nor MBCONV_U8", (int)desc->type);
  status = mbconv_quantization_check(&desc->a, desc->type, "a", error);
  if (status == MBCONV_OK) status = mbconv_quantization_check(&desc->b, desc->type, "b", error);
  if (status == MBCONV_OK) status = mbconv_quantization_check(&desc->output, desc->type, "output", error);
  if (status == MBCONV_OK)
    status = mbconv_i8_add_of(desc->kind, desc->type, &desc->a, &desc->b, &desc->output, add, error);
  if (status == MBCONV_OK)
    status = mbconv_i8_bounds(desc->activation, &desc->output, desc->type, "output", &add->lo, &add->hi, error);
  if (status == MBCONV_OK)
    status = mbconv_i8_clamp_to(desc->clamp_lo, desc->clamp_hi, desc->type, "output", &add->lo, &add->hi, error);
  made->flips = desc->type == MBCONV_S8;
  add->b_flip = add->flip = (uint8_t)mbconv_i8_offset(desc->type);
  return status;
}

mbconv_status mbconv_addition_create_i8(const mbconv_i8_addition_desc *desc, const mbconv_options *options,
                                        mbconv_addition **out, mbconv_error *error) {
  if (!out) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  struct mbconv_addition made = {0};
  void *memory;
  mbconv_status status = check(desc, &made, error);
  if (status == MBCONV_OK) status = mbconv_operator_choose(&made.base, &mbconv_i8_sets, desc->type, options, error);
  if (status == MBCONV_OK) status = mbconv_allocate(&made.base.allocator, sizeof made, &memory, error);
  if (status != MBCONV_OK) return status;
  memcpy(memory, &made, sizeof made);
  *out = memory;
  return mbconv_succeed(error);
}

/* At most PART bytes. The kernels add to a, which is copied to y before; or elsewhere, if b is there. */
static void add_part(const mbconv_addition *add, size_t n, const uint8_t *a, const uint8_t *b, uint8_t *y) {
  const struct mbconv_i8_kernels *i8 = add->base.kernels->i8;
  uint8_t room[PART], *to = y == b ? room : y;
  if (add->flips)
    i8->flip(n, a, to);
  else if (to != a)
    memcpy(to, a, n);
  i8->add(&add->add, 1, n, to, n, b, n);
  if (to != y) memcpy(y, to, n);
}

mbconv_status mbconv_addition_run(const mbconv_addition *add, size_t n, const void *a_, const void *b_, void *y_,
                                  mbconv_error *error) {
  const uint8_t *a = a_, *b = b_;
  uint8_t *y = y_;
  if (!add) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "addition is NULL");
  if (n == 0) return mbconv_succeed(error);
  if (!a || !b || !y) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is NULL", !a ? "a" : !b ? "b" : "y");
  if (n > PTRDIFF_MAX) return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "n is %zu", n);
  if ((y != a && mbconv_overlap(a, n, y, n)) || (y != b && mbconv_overlap(b, n, y, n)))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s and y overlap without being the same",
                       y != a && mbconv_overlap(a, n, y, n) ? "a" : "b");
  for (size_t done = 0; done < n; done += PART) add_part(add, mbconv_min(PART, n - done), a + done, b + done, y + done);
  return mbconv_succeed(error);
}

mbconv_status mbconv_addition_info(const mbconv_addition *add, mbconv_info *info, mbconv_error *error) {
  return mbconv_operator_info(add, "addition", info, error);
}

void mbconv_addition_destroy(mbconv_addition *add) { mbconv_operator_destroy(add); }
