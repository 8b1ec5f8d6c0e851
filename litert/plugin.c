/* SPDX-License-Identifier: MIT
 *
 * The two functions by which the host makes an external delegate and ends it, and its options, which are texts.
 */
#include "plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delegate.h"

typedef void reporter(const char *message);

static bool fail(reporter *report, const char *message) {
  char text[300];
  snprintf(text, sizeof text, "mbconv: %s", message);
  if (report) report(text);
  return false;
}

static bool fail_option(reporter *report, const char *key, const char *value) {
  char text[200];
  snprintf(text, sizeof text, "the option %s cannot be %s", key, value);
  return fail(report, text);
}

static bool read_isa(const char *value, mbconv_isa *isa) {
  for (int i = 0; i < MBCONV_ISA_COUNT; i++) {
    if (strcmp(value, mbconv_isa_name((mbconv_isa)i)) != 0) continue;
    *isa = (mbconv_isa)i;
    return true;
  }
  return false;
}

/* A whole number from 0 to `most`. */
static bool read_number(const char *value, double most, double *number) {
  char *end;
  if (*value < '0' || *value > '9') return false;
  *number = strtod(value, &end);
  return *end == '\0' && *number <= most && *number == (double)(uint64_t)*number;
}

static bool read_kernels(const char *value, litert_kernels *kernels) {
  static const char *const NAMES[] = {[LITERT_KERNELS_UNKNOWN] = "unknown",
                                      [LITERT_KERNELS_XNNPACK] = "xnnpack",
                                      [LITERT_KERNELS_REFERENCE] = "reference"};
  for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
    if (strcmp(value, NAMES[i]) != 0) continue;
    *kernels = (litert_kernels)i;
    return true;
  }
  return false;
}

static bool read_option(const char *key, const char *value, litert_options *options) {
  double number;
  if (strcmp(key, "isa") == 0) return read_isa(value, &options->isa);
  if (strcmp(key, "least") == 0) return read_number(value, 1e18, &options->least);
  if (strcmp(key, "threads") == 0) {
    const bool read = read_number(value, LITERT_MOST_THREADS, &number);
    options->threads = read ? (size_t)number : 0;
    return read;
  }
  if (strcmp(key, "verbose") == 0) {
    const bool read = read_number(value, 1, &number);
    options->verbose = read && number == 1;
    return read;
  }
  return strcmp(key, "kernels") == 0 && read_kernels(value, &options->kernels);
}

/* A set that the CPU lacks would refuse every block, one after the other: the smallest object says it once. */
static bool can_run(mbconv_isa isa, reporter *report) {
  const mbconv_activation_desc desc = {.kind = MBCONV_ACTIVATION_RELU};
  const mbconv_options options = {.isa = isa};
  mbconv_activation *activation = NULL;
  mbconv_error error = {0};
  if (mbconv_activation_create(&desc, &options, &activation, &error) != MBCONV_OK) return fail(report, error.message);
  mbconv_activation_destroy(activation);
  return true;
}

host_delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count, reporter *report) {
  litert_options options = {.least = LEAST_MULTIPLY_ADDS};
  for (size_t i = 0; i < count; i++) {
    if (!keys || !values || !keys[i] || !values[i]) return fail(report, "an option is missing"), NULL;
    if (!read_option(keys[i], values[i], &options)) return fail_option(report, keys[i], values[i]), NULL;
  }
  if (!can_run(options.isa, report)) return NULL;
  host_delegate *delegate = litert_create(&options);
  if (!delegate) fail(report, "out of memory");
  return delegate;
}

void tflite_plugin_destroy_delegate(host_delegate *delegate) { litert_destroy(delegate); }
