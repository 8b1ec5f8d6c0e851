/* SPDX-License-Identifier: MIT
 *
 * What makes a delegate and ends it: the two functions that the host calls for an external one, whose options are
 * texts, and those of mbconv_litert.h.
 */
#include "plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delegate.h"
#include "mbconv_litert.h"

typedef void reporter(const char *message);

static bool fail(reporter *report, const char *message) {
  char text[300];
  snprintf(text, sizeof text, "mbconv: %s", message);
  if (report) report(text);
  return false;
}

_Static_assert(LITERT_MOST_THREADS == 256, "the messages say it");
/* An option and what it may be, for messages. */
static const char *const OPTIONS[][2] = {
    {"isa", "auto, or a set such as avx2, by mbconv_isa_name()'s names"},
    {"kernels", "xnnpack, reference or unknown"},
    {"least", "a whole number of multiply-adds"},
    {"threads", "0 to 256"},
    {"host_threads", "0 to 256"},
    {"verbose", "0 or 1"},
};

static bool fail_option(reporter *report, const char *key, const char *value) {
  const size_t count = sizeof OPTIONS / sizeof *OPTIONS;
  char text[250];
  size_t size = (size_t)snprintf(text, sizeof text, "there is no option %.80s: use ", key);
  for (size_t i = 0; i < count; i++) {
    if (strcmp(key, OPTIONS[i][0]) == 0) {
      snprintf(text, sizeof text, "the option %s cannot be %.80s: use %s", key, value, OPTIONS[i][1]);
      break;
    }
    const char *joint = i + 2 < count ? ", " : i + 2 == count ? " or " : "";
    size += (size_t)snprintf(text + size, sizeof text - size, "%s%s", OPTIONS[i][0], joint);
  }
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

static bool read_threads(const char *value, size_t *threads) {
  double number;
  const bool read = read_number(value, LITERT_MOST_THREADS, &number);
  if (read) *threads = (size_t)number;
  return read;
}

static bool read_option(const char *key, const char *value, litert_options *options) {
  double number;
  if (strcmp(key, "isa") == 0) return read_isa(value, &options->isa);
  if (strcmp(key, "least") == 0) return read_number(value, 1e18, &options->least);
  if (strcmp(key, "threads") == 0) return read_threads(value, &options->threads);
  if (strcmp(key, "host_threads") == 0) return read_threads(value, &options->host_threads);
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

static host_delegate *make(const litert_options *options, reporter *report) {
  if (!can_run(options->isa, report)) return NULL;
  host_delegate *delegate = litert_create(options);
  if (!delegate) fail(report, "out of memory");
  return delegate;
}

host_delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count, reporter *report) {
  litert_options options = {.least = LEAST_MULTIPLY_ADDS};
  for (size_t i = 0; i < count; i++) {
    if (!keys || !values || !keys[i] || !values[i]) return fail(report, "an option is missing"), NULL;
    if (!read_option(keys[i], values[i], &options)) return fail_option(report, keys[i], values[i]), NULL;
  }
  return make(&options, report);
}

void tflite_plugin_destroy_delegate(host_delegate *delegate) { litert_destroy(delegate); }

/* ---- mbconv_litert.h --------------------------------------------------------------------------------------------- */

struct TfLiteDelegate *mbconv_litert_create(const mbconv_litert_options *given) {
  const mbconv_litert_options none = {0};
  if (!given) given = &none;
  reporter *report = given->report;
  litert_options options = {.verbose = given->verbose != 0,
                            .least = given->least ? (double)given->least : LEAST_MULTIPLY_ADDS,
                            .kernels = (litert_kernels)given->kernels,
                            .threads = given->threads,
                            .host_threads = given->host_threads};
  if (given->struct_size != 0 && given->struct_size != sizeof *given)
    return fail(report, "the options have another size than this version's"), NULL;
  if ((unsigned)given->kernels > MBCONV_LITERT_REFERENCE) return fail(report, "kernels that are not known"), NULL;
  if (given->threads > LITERT_MOST_THREADS || given->host_threads > LITERT_MOST_THREADS)
    return fail(report, "too many threads"), NULL;
  if (given->isa && !read_isa(given->isa, &options.isa)) return fail_option(report, "isa", given->isa), NULL;
  return (struct TfLiteDelegate *)make(&options, report);
}

void mbconv_litert_destroy(struct TfLiteDelegate *delegate) { litert_destroy((host_delegate *)delegate); }
