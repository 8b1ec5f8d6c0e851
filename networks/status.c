/* SPDX-License-Identifier: MIT */
#include "status.h"

#include <stdarg.h>
#include <stdio.h>

mbconv_status mbconv_network_fail(mbconv_error *error, mbconv_status status, const char *format, ...) {
  if (error) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    for (char *c = error->message; *c; c++)
      if ((unsigned char)*c < ' ' || (unsigned char)*c == 127) *c = '?';
    error->status = status;
  }
  return status;
}

mbconv_status mbconv_network_succeed(mbconv_error *error) {
  if (error) {
    error->status = MBCONV_OK;
    error->message[0] = '\0';
  }
  return MBCONV_OK;
}
