/* SPDX-License-Identifier: MIT */
#include "format.h"

#include <stdint.h>

/* ---- Where the text goes ----------------------------------------------------------------------------------------- */

struct text {
  char *bytes;
  size_t size, length; /* length: of the whole text, including what is cut off */
};

static void put(struct text *text, char byte) {
  if (text->length + 1 < text->size) text->bytes[text->length] = byte;
  text->length++;
}

static void put_string(struct text *text, const char *string, size_t most) {
  for (; most > 0 && *string; most--) put(text, *string++);
}

static void put_integer(struct text *text, uint64_t value, unsigned base) {
  char digits[20]; /* of 2^64 - 1, in base 10 */
  size_t count = 0;
  do digits[count++] = "0123456789abcdef"[value % base];
  while (value /= base);
  while (count > 0) put(text, digits[--count]);
}

static void put_signed(struct text *text, int value) {
  if (value < 0) put(text, '-');
  put_integer(text, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10);
}

/* ---- The format -------------------------------------------------------------------------------------------------- */

size_t mbconv_format_list(char *bytes, size_t size, const char *format, va_list arguments) {
  struct text text = {.bytes = bytes, .size = size, .length = 0};
  for (; *format; format++) {
    if (*format != '%') {
      put(&text, *format);
      continue;
    }
    size_t most = SIZE_MAX;
    format++;
    if (*format == '.')
      for (most = 0, format++; *format >= '0' && *format <= '9'; format++) most = most * 10 + (size_t)(*format - '0');
    switch (*format) {
      case 's': put_string(&text, va_arg(arguments, const char *), most); break;
      case 'd': put_signed(&text, va_arg(arguments, int)); break;
      case 'x': put_integer(&text, va_arg(arguments, unsigned), 16); break;
      case 'z':
        format++;
        put_integer(&text, va_arg(arguments, size_t), 10);
        break;                             /* u follows */
      default: put(&text, *format); break; /* a second % */
    }
  }
  if (size > 0) bytes[text.length < size ? text.length : size - 1] = '\0';
  return text.length;
}

size_t mbconv_format(char *text, size_t size, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const size_t length = mbconv_format_list(text, size, format, arguments);
  va_end(arguments);
  return length;
}
