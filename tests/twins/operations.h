/* SPDX-License-Identifier: MIT
 *
 * The instructions that vnni.h writes out, each on one vector in memory, at any address. operations_<isa>.c has them
 * twice: from vnni.h, as twin_*, and as they are, as real_*, which only a CPU that has them can execute.
 */
#ifndef MBCONV_TWINS_OPERATIONS_H
#define MBCONV_TWINS_OPERATIONS_H

#include <stdint.h>

enum { DWORDS = 16, BYTES = 64 }; /* of the widest */

/* y = sums and products of as many dwords as the function's name has bits. */
typedef void dots_fn(const void *sum, const void *x, const void *w, void *y);
extern dots_fn twin_dots_avx2_256, real_dots_avx2_256;
extern dots_fn twin_dots_avx512_128, real_dots_avx512_128, twin_dots_avx512_512, real_dots_avx512_512;

/* y[i] = table[at[i] % 64] for the bits of `mask`, and otherwise[i]. */
typedef void look_up_fn(const void *otherwise, uint64_t mask, const void *at, const void *table, void *y);
extern look_up_fn twin_look_up_avx512, real_look_up_avx512;
typedef void look_up_all_fn(const void *at, const void *table, void *y);
extern look_up_all_fn twin_look_up_all_avx512, real_look_up_all_avx512;

#endif
