/* SPDX-License-Identifier: MIT
 *
 * How this library reports success and failure. The core's own functions, base/status.h, cannot be called from here:
 * the core's shared library does not show them, and a self-contained static one does not, either.
 */
#ifndef MBCONV_NETWORK_STATUS_H
#define MBCONV_NETWORK_STATUS_H

#include "mbconv_networks.h"

/* Fills *error, which may be NULL, with `status` and a message in printf's format, cut to fit; returns `status`.
 * Control characters become '?': names in a file are whatever its writer wanted a terminal to see. */
__attribute__((format(printf, 3, 4))) mbconv_status mbconv_network_fail(mbconv_error *error, mbconv_status status,
                                                                        const char *format, ...);

/* Clears *error, which may be NULL; returns MBCONV_OK. */
mbconv_status mbconv_network_succeed(mbconv_error *error);

#endif
