/* SPDX-License-Identifier: MIT
 *
 * The kernels that MBConv itself does not need. They are asked for here and nowhere else: a program without an operator
 * that calls this does not contain them.
 */
#ifndef MBCONV_MORE_H
#define MBCONV_MORE_H

#include "kernels.h"

/* Those of the same type and instruction set as `kernels`, which are a set's. */
const struct mbconv_more_kernels *mbconv_more_of(const struct mbconv_kernels *kernels);

#endif
