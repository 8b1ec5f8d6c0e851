/* SPDX-License-Identifier: MIT
 *
 * mbconv_litert.h: what it makes, and what it refuses with a message.
 */
#include "../../litert/mbconv_litert.h"

#include <string.h>

#include "host.h"

static char reason[300];

static void keep(const char *message) { strncpy(reason, message, sizeof reason - 1); }

/* Whether there is a delegate with these options; without one there is a message with that text. */
static bool is_made(mbconv_litert_options options, const char *text) {
  options.report = keep;
  reason[0] = 0;
  struct TfLiteDelegate *delegate = mbconv_litert_create(&options);
  const bool made = delegate && ((const host_delegate *)(const void *)delegate)->prepare;
  mbconv_litert_destroy(delegate);
  return text ? !delegate && strstr(reason, text) : made && !reason[0];
}

int test_api(void) {
  const size_t size = sizeof(mbconv_litert_options);
  struct TfLiteDelegate *plain = mbconv_litert_create(NULL);
  int findings = !plain;
  mbconv_litert_destroy(plain);
  mbconv_litert_destroy(NULL);
  findings += !is_made((mbconv_litert_options){0}, NULL);
  findings += !is_made((mbconv_litert_options){.struct_size = size, .isa = "scalar", .threads = 2, .least = 1}, NULL);
  findings += !is_made((mbconv_litert_options){.kernels = MBCONV_LITERT_REFERENCE, .threads = 256}, NULL);
  findings += !is_made((mbconv_litert_options){.struct_size = size - 8}, "another size");
  findings += !is_made((mbconv_litert_options){.kernels = (mbconv_litert_kernels)3}, "kernels that are not known");
  findings += !is_made((mbconv_litert_options){.threads = 257}, "too many threads");
  findings += !is_made((mbconv_litert_options){.host_threads = 257}, "too many threads");
  findings += !is_made((mbconv_litert_options){.isa = "best"}, "isa cannot be best: use auto, or a set such as avx2");
  return findings;
}
