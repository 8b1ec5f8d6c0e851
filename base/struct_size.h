/* SPDX-License-Identifier: MIT
 *
 * Structs of the API that may grow begin with their size: the caller's sizeof, or 0 for the size in version 0.2, so
 * that programs and libraries of different versions understand each other. None has grown yet. When one does, its
 * create first copies what the caller has of it into a zeroed one. A new field begins at the old sizeof, never in the
 * padding before it: otherwise the size would not say whether the caller has the field.
 */
#ifndef MBCONV_STRUCT_SIZE_H
#define MBCONV_STRUCT_SIZE_H

#include <stdbool.h>
#include <stddef.h>

/* More than any struct will ever have: a size beyond it is a field that was never set. */
enum { MBCONV_STRUCT_MOST = 4096 };

/* Whether a struct whose first field is *struct_size can be read as one of `known` bytes. It can if it has that size,
 * or if its caller is of a later version and has left all fields zero that this version does not know. */
static inline bool mbconv_struct_fits(const size_t *struct_size, size_t known) {
  if (*struct_size == 0 || *struct_size == known) return true;
  if (*struct_size < known || *struct_size > MBCONV_STRUCT_MOST) return false;
  const unsigned char *bytes = (const unsigned char *)struct_size;
  for (size_t i = known; i < *struct_size; i++) {
    if (bytes[i] != 0) return false;
  }
  return true;
}

#endif
