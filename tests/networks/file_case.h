/* SPDX-License-Identifier: MIT
 *
 * Safetensors files made by the tests, in memory.
 */
#ifndef MBCONV_FILE_CASE_H
#define MBCONV_FILE_CASE_H

#include "description.h"
#include "test.h"

struct file_case {
  unsigned char *data; /* exactly `size` bytes, from malloc */
  size_t size;
};

/* What is done to a network's file; zeroed: nothing. */
struct file_changes {
  const char *without;        /* a tensor left out */
  const char *without_all;    /* all tensors whose names begin so left out */
  const char *prefix;         /* put before all names */
  const char *coarse;         /* all floats are cut to 8 bits of mantissa and written as this type: "BF16" */
  const char *retyped, *type; /* a tensor, and the type it gets: "U16" or "I32" */
  const char *reshaped;       /* a tensor that gets a dimension of 1 more */
  const char *negative;       /* a tensor whose last float becomes -1 */
  const char *extra;          /* a tensor of two floats more */
  const char *metadata;       /* JSON of __metadata__ */
  bool counters;              /* num_batches_tracked beside every running_var */
  size_t spaces;              /* behind the header, which moves the data */
};

/* A header and so many zero bytes of data. */
void file_case_of_header(struct file_case *file, const char *header, size_t data_bytes);

/* The file of a network with the weights that mbconv_network_random() makes from the seed. */
void file_case_of_network(struct file_case *file, const struct mbconv_description *description, uint64_t seed,
                          const struct file_changes *changes);

void file_case_free(struct file_case *file);

/* Must be refused as MBCONV_BAD_FILE with a message that contains `part`, and give no network. */
void file_case_refused(struct test *t, const struct file_case *file, const char *part);

/* Loads the file on the test's set; NULL, and a failed case, if that fails. */
mbconv_network *file_case_load(struct test *t, const struct file_case *file, const mbconv_network_options *options);

/* The description of a network of this naming; ends the program if there is none. */
struct mbconv_description file_case_describe(const char *name, enum mbconv_naming naming, size_t classes);

/* Runs one image, the same for the same seed, on a network: outputs to y. Ends the program if there is no memory. */
void file_case_run(struct test *t, const mbconv_network *network, uint64_t seed, float *y);

#endif
