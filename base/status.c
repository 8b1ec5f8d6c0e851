/* SPDX-License-Identifier: MIT */
#include "status.h"

#include <stdarg.h>

#include "format.h"

#include "struct_size.h"

const char *mbconv_status_string(mbconv_status status) {
  switch (status) {
    case MBCONV_OK: return "ok";
    case MBCONV_INVALID_ARGUMENT: return "invalid argument";
    case MBCONV_SIZE_OVERFLOW: return "size overflow";
    case MBCONV_UNSUPPORTED_ISA: return "unsupported instruction set";
    case MBCONV_OUT_OF_MEMORY: return "out of memory";
    case MBCONV_SCRATCH_TOO_SMALL: return "scratch too small";
    case MBCONV_BAD_FILE: return "bad file";
  }
  return "unknown status";
}

const char *mbconv_version(void) { return MBCONV_VERSION_STRING; }

mbconv_status mbconv_fail(mbconv_error *error, mbconv_status status, const char *format, ...) {
  if (error) {
    va_list arguments;
    va_start(arguments, format);
    mbconv_format_list(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    error->status = status;
  }
  return status;
}

mbconv_status mbconv_struct_check(const size_t *struct_size, size_t known, const char *name, mbconv_error *error) {
  if (mbconv_struct_fits(struct_size, known)) return MBCONV_OK;
  return mbconv_fail(error, MBCONV_INVALID_ARGUMENT,
                     "%s: struct_size is %zu, neither 0 nor %zu, or fields that this library does not know are set",
                     name, *struct_size, known);
}

mbconv_status mbconv_succeed(mbconv_error *error) {
  if (error) {
    error->status = MBCONV_OK;
    error->message[0] = '\0';
  }
  return MBCONV_OK;
}
