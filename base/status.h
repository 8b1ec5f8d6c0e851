/* SPDX-License-Identifier: MIT
 *
 * How every function reports success and failure.
 */
#ifndef MBCONV_STATUS_H
#define MBCONV_STATUS_H

#include "format.h"
#include "mbconv.h"

/* Fills *error, which may be NULL, with `status` and a message in the format of format.h, cut to fit; returns `status`.
 */
MBCONV_PRINTF(3, 4) mbconv_status mbconv_fail(mbconv_error *error, mbconv_status status, const char *format, ...);

/* Checks `struct_size`, the first field of the struct called `name`, whose sizeof is `known` here. */
mbconv_status mbconv_struct_check(const size_t *struct_size, size_t known, const char *name, mbconv_error *error);

/* Clears *error, which may be NULL; returns MBCONV_OK. */
mbconv_status mbconv_succeed(mbconv_error *error);

#endif
