/* SPDX-License-Identifier: MIT
 *
 * Named tensors, of a file or made up.
 */
#ifndef MBCONV_TENSORS_H
#define MBCONV_TENSORS_H

#include <stdbool.h>

#include "metadata.h"

enum { MBCONV_MOST_DIMENSIONS = 8 };

struct mbconv_tensor {
  char *name;
  char type[8]; /* as in the file: "F32" */
  size_t rank, shape[MBCONV_MOST_DIMENSIONS];
  size_t begin, end; /* bytes in the data */
  const float *data; /* of a type that becomes F32 */
  const void *bytes; /* of any type, as they lie in the file, aligned to nothing */
  bool used;
};

struct mbconv_tensors {
  size_t count;
  struct mbconv_tensor *tensor; /* ascending by name */
  void *owned;                  /* the floats that are not in the file as they must be */
  struct mbconv_metadata metadata;
};

/* The tensor called `name`, or NULL. */
struct mbconv_tensor *mbconv_tensors_find(const struct mbconv_tensors *tensors, const char *name);

/* Orders the tensors by name, for mbconv_tensors_find(). */
void mbconv_tensors_sort(struct mbconv_tensors *tensors);

/* Takes away what wrappers of PyTorch put before all names, "module." and "_orig_mod.". */
void mbconv_tensors_strip(struct mbconv_tensors *tensors);

void mbconv_tensors_free(struct mbconv_tensors *tensors);

/* Reads the header of the safetensors file of `size` bytes at `file`, which the tensors' data then point into. Every
 * promise of the format is checked: what is wrong is MBCONV_BAD_FILE, with the tensor's name. */
mbconv_status mbconv_safetensors_read(const void *file, size_t size, struct mbconv_tensors *tensors,
                                      mbconv_error *error);

/* Sets the tensors' `bytes`, and their `data`: floats in the file as it lies at `data`, or, if they are of another type
 * or misaligned there, in memory of their own. F64 that are no floats are MBCONV_BAD_FILE. */
mbconv_status mbconv_tensors_place(const char *data, struct mbconv_tensors *tensors, mbconv_error *error);

/* Bytes of an element of a type of the format; 0 for any other. */
size_t mbconv_type_size(const char *type);

/* What a file is that is no safetensors file, such as "a checkpoint of PyTorch", by its first bytes; NULL for what
 * might be one. */
const char *mbconv_other_format(const void *file, size_t size);

#endif
