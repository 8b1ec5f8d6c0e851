/* SPDX-License-Identifier: MIT */
#include "tensors.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct mbconv_tensor *)a)->name, ((const struct mbconv_tensor *)b)->name);
}

void mbconv_tensors_sort(struct mbconv_tensors *tensors) {
  if (tensors->count > 1) qsort(tensors->tensor, tensors->count, sizeof *tensors->tensor, by_name);
}

struct mbconv_tensor *mbconv_tensors_find(const struct mbconv_tensors *tensors, const char *name) {
  size_t low = 0, high = tensors->count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    const int order = strcmp(name, tensors->tensor[middle].name);
    if (order == 0) return &tensors->tensor[middle];
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

void mbconv_tensors_free(struct mbconv_tensors *tensors) {
  for (size_t i = 0; i < tensors->count; i++) free(tensors->tensor[i].name);
  free(tensors->tensor);
  free(tensors->owned);
  *tensors = (struct mbconv_tensors){0};
}
