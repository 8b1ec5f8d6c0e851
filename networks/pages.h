/* SPDX-License-Identifier: MIT
 *
 * The memory of a network whose caller has no allocator: a few large mappings, of huge pages where the system has them.
 */
#ifndef MBCONV_PAGES_H
#define MBCONV_PAGES_H

#include <stdbool.h>

#include "mbconv_networks.h"

struct mbconv_pages;

/* An allocator whose context is a new struct mbconv_pages; `expected` bytes are mapped at once. Its release does
 * nothing. False if there is no memory. */
bool mbconv_pages_new(size_t expected, mbconv_allocator *allocator);

/* Gives all that was allocated back; NULL is allowed. */
void mbconv_pages_free(struct mbconv_pages *pages);

#endif
