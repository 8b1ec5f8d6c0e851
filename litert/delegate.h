/* SPDX-License-Identifier: MIT */
#ifndef MBCONV_LITERT_DELEGATE_H
#define MBCONV_LITERT_DELEGATE_H

#include <mbconv_i8.h>
#include <stdbool.h>

#include "host.h"

typedef struct litert_options {
  mbconv_isa isa;
  bool verbose;                /* says on stderr what was taken, and why what was not */
  double least;                /* multiply-adds of a chain: those with fewer stay with the host */
  mbconv_i8_rounding rounding; /* whose bytes int8 has: the host's default or its reference kernels */
} litert_options;

/* NULL if memory is lacking. One delegate may serve several interpreters, as long as it lives longer than they do. */
host_delegate *litert_create(const litert_options *options);
void litert_destroy(host_delegate *delegate);

#endif
