/* SPDX-License-Identifier: MIT
 *
 * What every source that computes with floats relies on: an operation is done as written, in its own type, and rounded
 * once. cmake/arithmetic.cmake gives the flags for it, after those of a parent project; a compiler that was told
 * otherwise all the same is refused here. (Contraction, which no macro shows, is left to the flags.)
 */
#ifndef MBCONV_ARITHMETIC_H
#define MBCONV_ARITHMETIC_H

#include <float.h>

#if FLT_EVAL_METHOD != 0
#error "mbconv: float must be computed as float, not in wider registers: on i386 compile with -msse2 -mfpmath=sse"
#endif

#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || \
    defined(__NO_SIGNED_ZEROS__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "mbconv: compile without -ffast-math, -Ofast, -funsafe-math-optimizations and the like, or with -fno-fast-math"
#endif

#endif
