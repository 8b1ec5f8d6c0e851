/* SPDX-License-Identifier: MIT
 *
 * A part of the suite golden: lists of stages.
 */
#ifndef MBCONV_GOLDEN_LISTS_H
#define MBCONV_GOLDEN_LISTS_H

#include "test.h"

/* Checks the list in the bytes of the file `name`. */
void golden_list_check(struct test *t, const char *name, const unsigned char *bytes, size_t size);

#endif
