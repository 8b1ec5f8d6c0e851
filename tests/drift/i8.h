/* SPDX-License-Identifier: MIT
 *
 * Blocks of int8 whose outputs are hashed: both types, every rounding, way to add and table.
 */
#ifndef MBCONV_DRIFT_I8_H
#define MBCONV_DRIFT_I8_H

#include <stdbool.h>

#include "mbconv.h"

enum { DRIFT_I8_BLOCKS = 16 };

const char *drift_i8_name(size_t index);

/* Like mbconv_usable_isas_i8(); 0 in a build without int8. */
size_t drift_i8_rows(mbconv_isa *rows, size_t capacity);

/* FNV-1a of the output of a block on an image of side x side, for fixed parameters and inputs. *ran is the row that has
 * run: avx2 may mean avx2_vnni. False and a message if it fails. */
bool drift_i8_run(size_t index, size_t side, mbconv_isa row, mbconv_isa *ran, uint64_t *hash, mbconv_error *error);

#endif
