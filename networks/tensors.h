/* SPDX-License-Identifier: MIT
 *
 * Named tensors, of a file or made up.
 */
#ifndef MBCONV_TENSORS_H
#define MBCONV_TENSORS_H

#include <stdbool.h>

#include "mbconv_networks.h"

enum { MBCONV_MOST_DIMENSIONS = 8 };

struct mbconv_tensor {
  char *name;
  char type[8]; /* as in the file: "F32" */
  size_t rank, shape[MBCONV_MOST_DIMENSIONS];
  size_t begin, end; /* bytes in the data */
  const float *data; /* if the type is F32 */
  bool used;
};

struct mbconv_tensors {
  size_t count;
  struct mbconv_tensor *tensor; /* ascending by name */
  void *owned;                  /* the data, if they are not in the file as mapped */
  float epsilon;                /* of the batch norms, as the file says; 0 if it does not */
};

/* The tensor called `name`, or NULL. */
struct mbconv_tensor *mbconv_tensors_find(const struct mbconv_tensors *tensors, const char *name);

/* Orders the tensors by name, for mbconv_tensors_find(). */
void mbconv_tensors_sort(struct mbconv_tensors *tensors);

void mbconv_tensors_free(struct mbconv_tensors *tensors);

/* Reads the header of the safetensors file of `size` bytes at `file`, which the tensors' data then point into. Every
 * promise of the format is checked: what is wrong is MBCONV_BAD_FILE, with the tensor's name. */
mbconv_status mbconv_safetensors_read(const void *file, size_t size, struct mbconv_tensors *tensors,
                                      mbconv_error *error);

#endif
