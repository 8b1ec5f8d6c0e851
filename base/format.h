/* SPDX-License-Identifier: MIT
 *
 * Messages without the C library's stdio, which drags locales, files and a buffer of several KB into an app.
 */
#ifndef MBCONV_FORMAT_H
#define MBCONV_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* For the compiler's warnings: our format is the standard's, even where the C library's is Microsoft's. */
#if defined(__MINGW32__) && !defined(__clang__)
#define MBCONV_PRINTF(text, first) __attribute__((format(gnu_printf, text, first)))
#else
#define MBCONV_PRINTF(text, first) __attribute__((format(printf, text, first)))
#endif

/* Like snprintf: writes at most `size` bytes, including the terminating zero, and returns the length that the whole
 * text would have. It knows the conversions that the library's messages use: %s, %.Ns, %d, %zu, %x and %%. Each gives
 * the same bytes as printf's. */
MBCONV_PRINTF(3, 4) size_t mbconv_format(char *text, size_t size, const char *format, ...);

/* Like mbconv_format(), but with the arguments in a list. */
MBCONV_PRINTF(3, 0) size_t mbconv_format_list(char *text, size_t size, const char *format, va_list arguments);

#endif
