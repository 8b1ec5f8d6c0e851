/* SPDX-License-Identifier: MIT */
#ifndef MBCONV_LITERT_DELEGATE_H
#define MBCONV_LITERT_DELEGATE_H

#include <mbconv_i8.h>
#include <stdbool.h>

#include "host.h"

/* Whose bytes int8 has: those of the kernels with which the host alone would compute it. As in mbconv_litert.h. */
typedef enum litert_kernels {
  LITERT_KERNELS_UNKNOWN = 0, /* then int8 stays with the host */
  LITERT_KERNELS_XNNPACK,
  LITERT_KERNELS_REFERENCE
} litert_kernels;

typedef struct litert_options {
  mbconv_isa isa;
  bool verbose; /* says on stderr what was taken, and why what was not */
  double
      least; /* multiply-adds of a chain: those with fewer stay with the host, and if it is not 0, slower ones, too */
  litert_kernels kernels;
  size_t threads;      /* of a run; 0: as many as the host's interpreter has */
  size_t host_threads; /* of the host, for what stays; 0: by the rule of rest.h */
} litert_options;

enum { LITERT_MOST_THREADS = 256 };

/* NULL if memory is lacking. One delegate may serve several interpreters, as long as it lives longer than they do. */
host_delegate *litert_create(const litert_options *options);
void litert_destroy(host_delegate *delegate);

#endif
