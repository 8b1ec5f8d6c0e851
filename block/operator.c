/* SPDX-License-Identifier: MIT */
#include "operator.h"

#include "size.h"

mbconv_status mbconv_type_check(mbconv_type type, mbconv_error *error) {
  if (type == MBCONV_F32) return MBCONV_OK;
  if (type == MBCONV_S8 || type == MBCONV_U8)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "type is %d: int8 is for mbconv_block_create_i8()", (int)type);
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "type is %d, which is none", (int)type);
}

mbconv_status mbconv_operator_choose(struct mbconv_operator *object, const struct mbconv_sets *sets, mbconv_type type,
                                     const mbconv_options *options, mbconv_error *error) {
  const mbconv_status status = mbconv_choose(sets, options, &object->kernels, &object->info.exp, error);
  if (status != MBCONV_OK) return status;
  object->info.isa = object->kernels->isa;
  object->info.type = type;
  return mbconv_allocator_of(options, &object->allocator, error);
}

mbconv_status mbconv_operator_allocate(const struct mbconv_operator *object, struct mbconv_cursor *cursor,
                                       mbconv_error *error) {
  if (cursor->overflow) return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "the packed weights do not fit into memory");
  void *memory;
  const mbconv_status status = mbconv_allocate(&object->allocator, cursor->used, &memory, error);
  if (status == MBCONV_OK) *cursor = (struct mbconv_cursor){.base = memory};
  return status;
}

/* A caller of a later version, whose struct has fields that this library cannot fill, is refused. */
mbconv_status mbconv_operator_info(const void *object, const char *name, mbconv_info *info, mbconv_error *error) {
  if (!object || !info) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is NULL", object ? "info" : name);
  const size_t size = info->struct_size;
  if (size != 0 && size != sizeof *info)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "info: struct_size is %zu, neither 0 nor %zu", size,
                       sizeof *info);
  *info = ((const struct mbconv_operator *)object)->info;
  info->struct_size = size;
  return mbconv_succeed(error);
}

void mbconv_operator_destroy(void *object) {
  if (!object) return;
  const mbconv_allocator *allocator = &((struct mbconv_operator *)object)->allocator;
  allocator->release(allocator->context, object);
}

mbconv_status mbconv_operands_check(const struct mbconv_operands *operands, mbconv_error *error) {
  const char *x = operands->x, *y = operands->y;
  const void *scratch = operands->scratch;
  const size_t needed = operands->scratch_needed;
  if (!x || !y) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is NULL", x ? "y" : "x");
  bool overflow = false;
  const size_t x_bytes = mbconv_multiply(operands->batch, operands->x_bytes, &overflow);
  const size_t y_bytes = mbconv_multiply(operands->batch, operands->y_bytes, &overflow);
  if (overflow || x_bytes > PTRDIFF_MAX || y_bytes > PTRDIFF_MAX)
    return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "%zu images do not fit into memory", operands->batch);
  if (!scratch) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "scratch is NULL");
  if (operands->scratch_size < needed)
    return mbconv_fail(error, MBCONV_SCRATCH_TOO_SMALL, "scratch has %zu bytes, %zu are needed", operands->scratch_size,
                       needed);
  if (mbconv_overlap(x, x_bytes, y, y_bytes)) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "x and y overlap");
  if (mbconv_overlap(x, x_bytes, scratch, needed) || mbconv_overlap(y, y_bytes, scratch, needed))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "scratch overlaps x or y");
  return MBCONV_OK;
}

void mbconv_share_rows(size_t batch, size_t height, size_t index, size_t tasks, mbconv_rows_fn *run, void *context) {
  size_t begin, end;
  mbconv_share(batch * height, 1, index, tasks, &begin, &end);
  while (begin < end) {
    const size_t image = begin / height, first = begin % height, last = mbconv_min(height, first + end - begin);
    run(context, image, first, last);
    begin += last - first;
  }
}
