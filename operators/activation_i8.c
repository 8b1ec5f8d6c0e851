/* SPDX-License-Identifier: MIT
 *
 * An activation of bytes over a buffer: a table, which stands in the place of the slopes.
 */
#include <string.h>

#include "activation.h"
#include "i8.h"
#include "i8_sets.h"

enum { PERIOD = 64 }; /* the kernels run rows that lie one behind the other as one */

static mbconv_status check(const mbconv_i8_activation_desc *desc, mbconv_error *error) {
  if (!desc) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "desc is NULL");
  const mbconv_status status = mbconv_struct_check(&desc->struct_size, sizeof *desc, "desc", error);
  if (status != MBCONV_OK) return status;
  if (desc->type != MBCONV_S8 && desc->type != MBCONV_U8)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "type is %d, neither MBCONV_S8 nor MBCONV_U8", (int)desc->type);
  return desc->table ? MBCONV_OK : mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "table is NULL");
}

mbconv_status mbconv_activation_create_i8(const mbconv_i8_activation_desc *desc, const mbconv_options *options,
                                          mbconv_activation **out, mbconv_error *error) {
  if (!out) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  struct mbconv_activation made = {.period = PERIOD};
  void *memory;
  mbconv_status status = check(desc, error);
  if (status == MBCONV_OK) status = mbconv_operator_choose(&made.base, &mbconv_i8_sets, desc->type, options, error);
  if (status == MBCONV_OK) status = mbconv_allocate(&made.base.allocator, sizeof made + 256, &memory, error);
  if (status != MBCONV_OK) return status;
  made.prelu = made.base.kernels->i8->table;
  made.slopes = (char *)memory + sizeof made;
  memcpy(made.slopes, desc->table, 256);
  memcpy(memory, &made, sizeof made);
  *out = memory;
  return mbconv_succeed(error);
}
