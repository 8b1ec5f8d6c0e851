/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "mbconv_networks.h"

void mbconv_softmax(size_t n, const float *logits, float *probabilities) {
  double largest = -INFINITY, sum = 0;
  for (size_t i = 0; i < n; i++) {
    if (isnan(logits[i])) largest = NAN;
    if (logits[i] > largest) largest = logits[i];
  }
  for (size_t i = 0; i < n; i++) sum += exp(logits[i] - largest);
  for (size_t i = 0; i < n; i++) probabilities[i] = (float)(exp(logits[i] - largest) / sum);
}

/* Whether value i comes before value j. */
static int before(const float *values, size_t i, size_t j) {
  if (isnan(values[i]) || isnan(values[j])) return isnan(values[i]) ? isnan(values[j]) && i < j : 1;
  return values[i] != values[j] ? values[i] > values[j] : i < j;
}

size_t mbconv_top_k(size_t n, const float *values, size_t k, size_t *indices) {
  size_t count = 0;
  if (k == 0) return 0;
  for (size_t i = 0; i < n; i++) {
    if (count == k && !before(values, i, indices[k - 1])) continue;
    size_t place = count < k ? count++ : k - 1;
    for (; place > 0 && before(values, i, indices[place - 1]); place--) indices[place] = indices[place - 1];
    indices[place] = i;
  }
  return count;
}
