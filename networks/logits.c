/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "../kernels/arithmetic.h"
#include "mbconv_networks.h"

/* e^x for x <= 0, within 2 ulp; what is less than any float counts as 0. The C library's exp() has other last bits on
 * every platform. */
static double exponential(double x) {
  if (x < -700) return 0;
  /* x = q ln 2 + s; q is rounded by adding 1.5 * 2^52, and lies in the sum's low bits. ln 2 is in two parts, of which
   * q times the first is exact. */
  const double shifter = 0x1.8p52, shifted = x * 0x1.71547652b82fep+0 + shifter, q = shifted - shifter;
  const double s = x - q * 0x1.62e42feep-1 - q * 0x1.a39ef35793c76p-33;
  double series = 1;
  for (int n = 13; n > 0; n--) series = 1 + s * series / n;
  uint64_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits = (bits << 52) + UINT64_C(0x3ff0000000000000);
  double power; /* 2^q */
  memcpy(&power, &bits, sizeof power);
  return series * power;
}

void mbconv_softmax(size_t n, const float *logits, float *probabilities) {
  double largest = -INFINITY, sum = 0;
  for (size_t i = 0; i < n; i++) {
    if (isnan(logits[i])) largest = NAN;
    if (logits[i] > largest) largest = logits[i];
  }
  for (size_t i = 0; i < n; i++) sum += exponential(logits[i] - largest);
  for (size_t i = 0; i < n; i++) probabilities[i] = (float)(exponential(logits[i] - largest) / sum);
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
