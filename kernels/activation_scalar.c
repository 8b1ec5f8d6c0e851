/* SPDX-License-Identifier: MIT
 *
 * The activations in plain C, one float at a time; the arithmetic is in vec_scalar.h.
 */
#include "set_scalar.h"
#include "vec_scalar.h"

void mbconv_none_scalar(size_t n, const float *x, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = x[i];
}

void mbconv_relu_scalar(size_t n, const float *x, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = x[i] < 0.0f ? 0.0f : x[i];
}

void mbconv_relu6_scalar(size_t n, const float *x, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = relu6(x[i]);
}

void mbconv_hard_sigmoid_scalar(size_t n, const float *x, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = hard_sigmoid(x[i]);
}

void mbconv_hard_swish_scalar(size_t n, const float *x, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = hard_swish(x[i]);
}

void mbconv_silu_scalar(size_t n, const float *x, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = silu(x[i]);
}

void mbconv_sigmoid_scalar(size_t n, const float *x, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = sigmoid(x[i]);
}
