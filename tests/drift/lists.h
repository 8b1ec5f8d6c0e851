/* SPDX-License-Identifier: MIT
 *
 * Blocks as lists of stages whose outputs are hashed: one of each family.
 */
#ifndef MBCONV_DRIFT_LISTS_H
#define MBCONV_DRIFT_LISTS_H

#include "mbconv.h"

enum { DRIFT_LISTS = 10 };

const char *drift_list_name(size_t index);

/* The output of a list on an image of side x side, for fixed parameters and inputs; *size floats, to be freed. NULL and
 * a message if it fails. */
float *drift_list_run(size_t index, size_t side, mbconv_isa isa, mbconv_exp variant, uint64_t seed, size_t *size,
                      mbconv_error *error);

#endif
