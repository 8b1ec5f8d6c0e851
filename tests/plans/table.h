/* SPDX-License-Identifier: MIT
 *
 * The lines of plans.txt: how each block and operator is cut for a set, and which kernels a run calls how often.
 */
#ifndef MBCONV_PLAN_TABLE_H
#define MBCONV_PLAN_TABLE_H

#include "counting_set.h"

enum { TABLE_LINE = 512 };

/* Takes one line, without its end. */
typedef void table_line_fn(void *context, const char *line);

/* Calls line() for each line of the table that is of this shape of a set, in order. Their number never depends on what
 * the library does. */
void table_of(const struct set_shape *shape, table_line_fn *line, void *context);

#endif
