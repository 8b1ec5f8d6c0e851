/* SPDX-License-Identifier: MIT
 *
 * What results should be, written as the definitions read: once in double with a bound on the error of any correct f32
 * chain, and once in f32 as the one chain that the library promises. Neither shares code with the library.
 */
#ifndef MBCONV_ORACLE_H
#define MBCONV_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

#include "mbconv.h"

/* One number in both forms. `bound` is (terms + 2) * 2^-24 * the sum of the terms' magnitudes, start and residual being
 * terms too: f32 may be that far from `exact`. */
struct oracle {
  double exact, bound;
  float chain;
};

/* The building stones of a chain: start, any number of terms, an addition after the chain, a clamp. */
struct oracle_chain {
  double exact, magnitude;
  float chain;
  size_t terms;
};
struct oracle_chain oracle_start(float start);
void oracle_term(struct oracle_chain *c, float w, float x);
void oracle_add(struct oracle_chain *c, float residual);
struct oracle oracle_end(const struct oracle_chain *c, float lo, float hi);

/* The k products of w and x, from `start`. */
struct oracle oracle_dot(float start, size_t k, const float *w, const float *x, const float *residual, float lo,
                         float hi);

/* Pixels from the first to the last of `kernel` taps, both included; a dilation of 0 stands for 1. */
static inline size_t oracle_span(size_t kernel, size_t dilation) {
  return 1 + (kernel - 1) * (dilation == 0 ? 1 : dilation);
}

/* An image for a depthwise convolution, NHWC, one image of the batch. */
struct oracle_image {
  const float *x;
  size_t height, width, channels;
  size_t kernel, stride, dilation; /* 0 stands for 1 */
  mbconv_pad pad;
};

/* The output at (row, column, channel); weights [channels][kernel][kernel]. Taps outside are +0. */
struct oracle oracle_depthwise(const struct oracle_image *image, const float *weights, float start, size_t row,
                               size_t column, size_t channel);

/* act(x) in double, with c = max(x, -88) as in the definition. NaN for kinds with slopes. */
double oracle_activation(mbconv_activation_kind kind, double x);

/* 2u of GELU_TANH, which is x / (1 + e^-2u). */
double oracle_gelu_exponent(double x);

/* True if y is act(o) within the bound carried through the activation; `none` is a valid kind. */
bool oracle_allows(const struct oracle *o, mbconv_activation_kind kind, float y);

/* |y - exact| in units of the spacing of floats at exact. */
double oracle_ulp(float y, double exact);

#endif
