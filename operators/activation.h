/* SPDX-License-Identifier: MIT
 *
 * The activation over a buffer, which in int8 is a table (activation_i8.c).
 */
#ifndef MBCONV_ACTIVATION_H
#define MBCONV_ACTIVATION_H

#include "operator.h"

struct mbconv_activation {
  struct mbconv_operator base;
  mbconv_activation_fn *run; /* NULL of activations with slopes */
  mbconv_prelu_fn *prelu;
  size_t period; /* of the slopes: element i has that of i % period */
  char *slopes;  /* in int8 a table that all elements share */
};

#endif
