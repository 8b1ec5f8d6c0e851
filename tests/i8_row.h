/* SPDX-License-Identifier: MIT
 *
 * Blocks of int8 by one row of kernels: names alone mean the best row, such as avx2_vnni where avx2 is asked for.
 */
#ifndef MBCONV_TESTS_I8_ROW_H
#define MBCONV_TESTS_I8_ROW_H

#include "dispatch.h"
#include "mbconv_i8.h"

/* Whether kernels of this row's own, not borrowed from another one's, are of the instruction set `isa`, as those of
 * avx2_vnni are of avx2. AUTO: of any. */
bool i8_row_belongs(const struct mbconv_row *row, mbconv_isa isa);

/* Whether this CPU has such a row, too. */
bool i8_row_runs(const struct mbconv_row *row, mbconv_isa isa);

/* Like mbconv_block_create_i8(), by this row. */
mbconv_status i8_row_create(const mbconv_i8_desc *desc, const struct mbconv_row *row, mbconv_block **out,
                            mbconv_error *error);

#endif
