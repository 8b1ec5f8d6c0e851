/* SPDX-License-Identifier: MIT
 *
 * The rows of int8 kernels. They are asked for here and nowhere else: a program that makes no int8 block does not
 * contain them.
 */
#ifndef MBCONV_I8_SETS_H
#define MBCONV_I8_SETS_H

#include "dispatch.h"

/* Those of this build, best first. */
extern const struct mbconv_sets mbconv_i8_sets;

#endif
