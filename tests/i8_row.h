/* SPDX-License-Identifier: MIT
 *
 * Blocks of int8 by one row of kernels: names alone mean the best row, such as avx2_vnni where avx2 is asked for.
 */
#ifndef MBCONV_TESTS_I8_ROW_H
#define MBCONV_TESTS_I8_ROW_H

#include "dispatch.h"
#include "mbconv_i8.h"

/* Whether this CPU has the row, and it belongs to the runs for `isa`: avx2_vnni runs where avx2 does. AUTO: all rows.
 */
bool i8_row_runs(const struct mbconv_row *row, mbconv_isa isa);

/* Like mbconv_block_create_i8(), by this row. */
mbconv_status i8_row_create(const mbconv_i8_desc *desc, const struct mbconv_row *row, mbconv_block **out,
                            mbconv_error *error);

#endif
