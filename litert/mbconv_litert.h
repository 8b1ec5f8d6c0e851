/* SPDX-License-Identifier: MIT
 *
 * mbconv under LiteRT (TensorFlow Lite), for programs that link libmbconv_litert. It needs no header of LiteRT:
 *
 *     mbconv_litert_options options = {.kernels = MBCONV_LITERT_XNNPACK};
 *     TfLiteDelegate *delegate = mbconv_litert_create(&options);
 *     TfLiteInterpreterOptionsAddDelegate(interpreter_options, delegate); // or, in C++,
 *     interpreter->ModifyGraphWithDelegate(delegate);
 *     ...
 *     mbconv_litert_destroy(delegate); // after the interpreters
 *
 * What it takes of a model, and in which hosts: litert/README.md. Programs that load the library as an external
 * delegate need no header at all.
 */
#ifndef MBCONV_LITERT_H
#define MBCONV_LITERT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MBCONV_LITERT_API __attribute__((visibility("default")))

struct TfLiteDelegate; /* LiteRT's */

/* Whose bytes int8 has: those of the kernels with which the interpreter alone would compute it. */
typedef enum mbconv_litert_kernels {
  MBCONV_LITERT_UNKNOWN = 0, /* int8 stays with LiteRT, which stderr says */
  MBCONV_LITERT_XNNPACK,     /* LiteRT's default */
  MBCONV_LITERT_REFERENCE    /* BuiltinRefOpResolver */
} mbconv_litert_kernels;

/* Zeros are the defaults. */
typedef struct mbconv_litert_options {
  size_t struct_size; /* sizeof this struct, or 0 for its size in version 0.2 */
  const char *isa;    /* the instruction set, by mbconv_isa_name(); NULL for the best */
  mbconv_litert_kernels kernels;
  size_t threads; /* of a run, up to 256; 0: as many as the interpreter has when the delegate is applied */
  uint64_t least; /* multiply-adds that a chain of operators needs to be taken; 0 for the delegate's choice */
  int verbose;    /* not 0: stderr is told what is taken, and why what is not */
  void (*report)(const char *message); /* is told why there is no delegate; may be NULL */
  size_t host_threads; /* of LiteRT's kernels, for the rest; 0: the interpreter's, or 1 if more could only harm */
} mbconv_litert_options;

/* A delegate, or NULL: an option that is not known, an instruction set that the CPU lacks, no memory. `options` may be
 * NULL. One delegate may serve several interpreters, at once, too, and must outlive them. */
MBCONV_LITERT_API struct TfLiteDelegate *mbconv_litert_create(const mbconv_litert_options *options);

/* NULL is allowed. */
MBCONV_LITERT_API void mbconv_litert_destroy(struct TfLiteDelegate *delegate);

#ifdef __cplusplus
}
#endif

#endif
