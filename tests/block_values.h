/* SPDX-License-Identifier: MIT */
#ifndef MBCONV_BLOCK_VALUES_H
#define MBCONV_BLOCK_VALUES_H

#include "test.h"

/* NaN, infinities, zeros of both signs, denormals and huge numbers; and how far a NaN spreads. */
void block_values(struct test *t);

#endif
