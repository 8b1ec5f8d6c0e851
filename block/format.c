/* SPDX-License-Identifier: MIT */
#include "format.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* ---- Where the text goes ----------------------------------------------------------------------------------------- */

struct text {
  char *bytes;
  size_t size, length; /* length: of the whole text, what is cut off among it */
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

/* ---- Floats ------------------------------------------------------------------------------------------------------ */

/* %g: so many significant digits; exponents outside [-4, SIGNIFICANT) are written as such. */
enum { SIGNIFICANT = 6 };

/* A decimal number: digits[0] is the last one, all of them times 10^exponent. A float is an integer of 24 bits times a
 * power of 2, from -149 on: at most 24 + 104 bits before the point, or 24 + 149 * log2(5) bits times a power of 10. */
struct decimal {
  unsigned char digits[128];
  int count, exponent;
};

static void multiply(struct decimal *number, unsigned factor) {
  unsigned carry = 0;
  for (int i = 0; i < number->count; i++) {
    carry += number->digits[i] * factor;
    number->digits[i] = (unsigned char)(carry % 10);
    carry /= 10;
  }
  for (; carry > 0; carry /= 10) number->digits[number->count++] = (unsigned char)(carry % 10);
}

/* |value|, which is finite and not 0, exactly. */
static struct decimal decimal_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint32_t fraction = bits & 0x7fffff, biased = bits >> 23 & 0xff;
  uint32_t integer = biased ? fraction | 0x800000 : fraction;
  int power = (int)(biased ? biased : 1) - 150;
  struct decimal number = {.count = 0, .exponent = 0};
  for (; integer > 0; integer /= 10) number.digits[number.count++] = (unsigned char)(integer % 10);
  for (; power > 0; power--) multiply(&number, 2);
  for (; power < 0; power++, number.exponent--) multiply(&number, 5);
  return number;
}

/* Rounds to SIGNIFICANT digits, ties to even, and drops the zeros at the end. */
static void round_decimal(struct decimal *number) {
  const int dropped = number->count - SIGNIFICANT;
  if (dropped > 0) {
    const int half = dropped - 1;
    bool above = false;
    for (int i = 0; i < half; i++) above = above || number->digits[i] > 0;
    const unsigned first = number->digits[half];
    const bool up = first > 5 || (first == 5 && (above || number->digits[dropped] % 2));
    for (int i = 0; i < SIGNIFICANT; i++) number->digits[i] = number->digits[i + dropped];
    number->count = SIGNIFICANT;
    number->exponent += dropped;
    int i = 0;
    if (up) {
      while (i < SIGNIFICANT && number->digits[i] == 9) number->digits[i++] = 0;
      if (i < SIGNIFICANT)
        number->digits[i]++;
      else
        number->digits[number->count++] = 1;
    }
  }
  int zeros = 0;
  while (zeros + 1 < number->count && number->digits[zeros] == 0) zeros++;
  for (int i = zeros; i < number->count; i++) number->digits[i - zeros] = number->digits[i];
  number->count -= zeros;
  number->exponent += zeros;
}

static void put_scientific(struct text *text, const struct decimal *number, int exponent) {
  for (int i = number->count - 1; i >= 0; i--) {
    put(text, (char)('0' + number->digits[i]));
    if (i == number->count - 1 && i > 0) put(text, '.');
  }
  put(text, 'e');
  put(text, exponent < 0 ? '-' : '+');
  if (exponent < 0) exponent = -exponent;
  if (exponent < 10) put(text, '0');
  put_integer(text, (uint64_t)exponent, 10);
}

static void put_fixed(struct text *text, const struct decimal *number, int exponent) {
  for (int place = exponent > 0 ? exponent : 0; place >= 0 || place >= number->exponent; place--) {
    const int i = place - number->exponent;
    if (place == -1) put(text, '.');
    put(text, (char)('0' + (i >= 0 && i < number->count ? number->digits[i] : 0)));
  }
}

static void put_float(struct text *text, float value) {
  if (signbit(value)) put(text, '-');
  if (!isfinite(value)) {
    put_string(text, isnan(value) ? "nan" : "inf", 3);
  } else if (value == 0.0f) {
    put(text, '0');
  } else {
    struct decimal number = decimal_of(value);
    round_decimal(&number);
    const int exponent = number.exponent + number.count - 1; /* of the first digit */
    (exponent < -4 || exponent >= SIGNIFICANT ? put_scientific : put_fixed)(text, &number, exponent);
  }
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
    if (*++format == '.')
      for (most = 0; *++format >= '0' && *format <= '9';) most = most * 10 + (size_t)(*format - '0');
    switch (*format) {
      case 's': put_string(&text, va_arg(arguments, const char *), most); break;
      case 'd': put_signed(&text, va_arg(arguments, int)); break;
      case 'x': put_integer(&text, va_arg(arguments, unsigned), 16); break;
      case 'g': put_float(&text, (float)va_arg(arguments, double)); break;
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
