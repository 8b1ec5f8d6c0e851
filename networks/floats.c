/* SPDX-License-Identifier: MIT
 *
 * Tensors of other types than F32, and misaligned ones: as floats.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "status.h"
#include "tensors.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a file's numbers are little-endian, and used as they are");

size_t mbconv_type_size(const char *type) {
  static const struct {
    const char *name;
    size_t size;
  } types[] = {{"F32", 4}, {"I64", 8}, {"F64", 8}, {"F16", 2}, {"BF16", 2},    {"I32", 4},     {"U64", 8}, {"U32", 4},
               {"I16", 2}, {"U16", 2}, {"I8", 1},  {"U8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"BOOL", 1}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (strcmp(type, types[i].name) == 0) return types[i].size;
  return 0;
}

static float of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* 5 bits of exponent, 10 of mantissa; all its values are floats. */
static float of_half(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, mantissa = half & 1023;
  if (exponent == 31) return of_bits(sign | 0x7f800000 | mantissa << 13); /* infinity, NaN */
  if (exponent > 0) return of_bits(sign | (exponent + 112) << 23 | mantissa << 13);
  const float small = (float)mantissa * 0x1p-24f; /* denormal there, not here */
  return sign ? -small : small;
}

/* Copies the elements of a tensor to floats; false if one of them is none. */
static bool convert(const struct mbconv_tensor *tensor, const char *from, size_t count, float *to) {
  if (strcmp(tensor->type, "F32") == 0) {
    if (count > 0) memcpy(to, from, count * sizeof *to);
    return true;
  }
  const bool is_half = strcmp(tensor->type, "F16") == 0, is_double = strcmp(tensor->type, "F64") == 0;
  for (size_t i = 0; i < count; i++) {
    if (is_double) {
      double value;
      memcpy(&value, from + i * sizeof value, sizeof value);
      to[i] = (float)value;
      if ((double)to[i] != value && !isnan(value)) return false;
    } else {
      uint16_t bits;
      memcpy(&bits, from + i * sizeof bits, sizeof bits);
      to[i] = is_half ? of_half(bits) : of_bits((uint32_t)bits << 16);
    }
  }
  return true;
}

static bool becomes_floats(const struct mbconv_tensor *tensor) {
  static const char *const types[] = {"F32", "F16", "BF16", "F64"};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (strcmp(tensor->type, types[i]) == 0) return true;
  return false;
}

static bool must_be_copied(const struct mbconv_tensor *tensor, const char *data) {
  return strcmp(tensor->type, "F32") != 0 || (uintptr_t)(data + tensor->begin) % sizeof(float) != 0;
}

static size_t elements(const struct mbconv_tensor *tensor) {
  return (tensor->end - tensor->begin) / mbconv_type_size(tensor->type);
}

mbconv_status mbconv_tensors_place(const char *data, struct mbconv_tensors *tensors, mbconv_error *error) {
  size_t copied = 0; /* at most four times as many bytes as the file has, which is in memory */
  for (size_t i = 0; i < tensors->count; i++)
    if (becomes_floats(&tensors->tensor[i]) && must_be_copied(&tensors->tensor[i], data))
      copied += elements(&tensors->tensor[i]);
  float *next = copied > 0 ? malloc(copied * sizeof *next) : NULL;
  tensors->owned = next;
  if (copied > 0 && !next) return mbconv_network_fail(error, MBCONV_OUT_OF_MEMORY, "no memory for %zu floats", copied);
  for (size_t i = 0; i < tensors->count; i++) {
    struct mbconv_tensor *tensor = &tensors->tensor[i];
    tensor->bytes = data + tensor->begin;
    if (!becomes_floats(tensor)) continue;
    const char *from = data + tensor->begin;
    const size_t count = elements(tensor);
    if (!next || count == 0 || !must_be_copied(tensor, data)) {
      tensor->data = (const float *)(const void *)from; /* of an empty tensor nothing is read */
      continue;
    }
    if (!convert(tensor, from, count, next))
      return mbconv_network_fail(error, MBCONV_BAD_FILE,
                                 "tensor \"%.80s\" is F64, and not all of its values are floats: save it as F32, as "
                                 "networks/export.py does",
                                 tensor->name);
    tensor->data = next;
    next += count;
  }
  return MBCONV_OK;
}
