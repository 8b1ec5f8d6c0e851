/* SPDX-License-Identifier: MIT */
#ifndef MBCONV_DEPTHWISE_KERNEL_H
#define MBCONV_DEPTHWISE_KERNEL_H

#include "test.h"

/* Each kernel of the set under test alone. */
void depthwise_kernels(struct test *t, uint64_t *state);

#endif
