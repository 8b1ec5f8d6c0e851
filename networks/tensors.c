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

static bool all_begin(const struct mbconv_tensors *tensors, const char *prefix) {
  for (size_t i = 0; i < tensors->count; i++)
    if (strncmp(tensors->tensor[i].name, prefix, strlen(prefix)) != 0) return false;
  return tensors->count > 0;
}

void mbconv_tensors_strip(struct mbconv_tensors *tensors) {
  static const char *const prefixes[] = {"module.", "_orig_mod."}; /* of DataParallel, of torch.compile() */
  bool found = true;
  while (found) {
    found = false;
    for (size_t p = 0; p < sizeof prefixes / sizeof *prefixes; p++) {
      if (!all_begin(tensors, prefixes[p])) continue;
      found = true;
      for (size_t i = 0; i < tensors->count; i++) {
        char *name = tensors->tensor[i].name, *rest = name + strlen(prefixes[p]);
        memmove(name, rest, strlen(rest) + 1);
      }
    }
  }
}

void mbconv_tensors_free(struct mbconv_tensors *tensors) {
  for (size_t i = 0; i < tensors->count; i++) free(tensors->tensor[i].name);
  free(tensors->tensor);
  free(tensors->owned);
  *tensors = (struct mbconv_tensors){0};
}
