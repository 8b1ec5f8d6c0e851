/* SPDX-License-Identifier: MIT
 *
 * Decimal numbers as text, as in C whatever locale the program has set. What strtod() reads and printf() writes has a
 * comma in many places: bn_eps "0.001" would be 0 there, and a network be called mobilenet_v2_0,5.
 */
#ifndef MBCONV_DECIMAL_H
#define MBCONV_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* isdigit() is the locale's, too. */
static inline bool mbconv_is_digit(char c) { return c >= '0' && c <= '9'; }

/* value * 10^exponent. Powers up to 22 are exact in double: what has up to 15 digits is rounded once. */
static inline double mbconv_scale_by_ten(double value, int exponent) {
  static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  const int most = sizeof powers / sizeof *powers - 1;
  for (; exponent > most; exponent -= most) value *= powers[most];
  for (; exponent < -most; exponent += most) value /= powers[most];
  return exponent < 0 ? value / powers[-exponent] : value * powers[exponent];
}

/* Reads a number such as 224, 0.001 or 1e-05 at the start of `text`: no sign, no blank before it, no hexadecimal, no
 * "inf" or "nan". Returns what follows it, or NULL if there is none. */
static inline const char *mbconv_decimal_read(const char *text, double *value) {
  const uint64_t full = UINT64_MAX / 10 - 1; /* digits from here on are too small to matter */
  uint64_t digits = 0;
  int exponent = 0;
  bool any = false, fraction = false;
  for (; mbconv_is_digit(*text) || (*text == '.' && !fraction); text++) {
    if (*text == '.') {
      fraction = true;
      continue;
    }
    any = true;
    if (digits < full)
      digits = 10 * digits + (uint64_t)(*text - '0'), exponent -= fraction;
    else if (exponent < 1000)
      exponent += !fraction;
  }
  if (!any) return NULL;
  if (*text == 'e' || *text == 'E') {
    const bool negative = text[1] == '-';
    const char *power = text + 1 + (negative || text[1] == '+');
    if (!mbconv_is_digit(*power)) return NULL;
    int most = 0;
    for (; mbconv_is_digit(*power); power++)
      if (most < 1000) most = 10 * most + (*power - '0');
    exponent += negative ? -most : most;
    text = power;
  }
  *value = mbconv_scale_by_ten((double)digits, exponent);
  return text;
}

enum { MBCONV_DECIMAL_SIZE = 64 };

/* Like snprintf(text, MBCONV_DECIMAL_SIZE, format, value), with a point as the decimal point. `format` is a single
 * conversion, such as "%g". */
static inline const char *mbconv_decimal_write(char *text, const char *format, double value) {
  snprintf(text, MBCONV_DECIMAL_SIZE, format, value);
  /* What is no letter, digit or sign is the locale's decimal point, of one byte or several. */
  char *to = text;
  bool point = false;
  for (const char *from = text; *from; from++) {
    const char c = *from;
    const bool other =
        !mbconv_is_digit(c) && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && c != '-' && c != '+';
    if (other && point) continue;
    point = other;
    *to++ = other ? '.' : c;
  }
  *to = '\0';
  return text;
}

#endif
