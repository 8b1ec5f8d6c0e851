/* SPDX-License-Identifier: MIT
 *
 * What the vector kernels of the int8 depthwise share, before depthwise_columns.h.
 */
#ifndef MBCONV_I8_DEPTHWISE_VECTORS_H
#define MBCONV_I8_DEPTHWISE_VECTORS_H

#include <immintrin.h>
#include <string.h>

#include "depthwise_layout.h"
#include "relu.h"
#include "store_upper.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Stands before a loop that must stay one. */
#if defined(__clang__)
#define NO_UNROLL _Pragma("clang loop unroll(disable)")
#else
#define NO_UNROLL _Pragma("GCC unroll 1")
#endif

#endif
