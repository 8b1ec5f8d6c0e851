/* SPDX-License-Identifier: MIT
 *
 * What the files of the API suite share: objects of all kinds made through a counting allocator, and what a failure has
 * to look like. test_api.c is the suite, api_*.c are parts of it.
 */
#ifndef MBCONV_API_H
#define MBCONV_API_H

#include <stddef.h>

#include "block_case.h"
#include "mbconv.h"
#include "test.h"

/* Counts allocations, and fails when told. */
struct api_ledger {
  size_t calls, live, fail_at; /* the call that fails, counted from 1; 0: none */
  size_t last_size;            /* of the last request */
  bool bad_request;
};

enum api_kind { POINTWISE, DEPTHWISE, ACTIVATION, BLOCK, CONVOLUTION, GLOBAL_POOL, STAGES, KINDS };
extern const char *const api_kind_names[KINDS];

/* Valid descriptions of a small block and its parts, and options with the set under test and the ledger. */
struct api_fixture {
  struct block_case c;
  mbconv_pointwise_desc pointwise;
  mbconv_depthwise_desc depthwise;
  mbconv_activation_desc activation;
  mbconv_convolution_desc convolution;
  mbconv_conv convolution_conv;
  float convolution_weights[18 * 6 * 3 * 3];
  mbconv_global_pool_desc global_pool;
  mbconv_stages_desc stages; /* C P D E P with a residual of 5 of the 7 channels, given */
  mbconv_stage_desc stage[5];
  mbconv_conv stage_convs[5];
  float slopes[18], scales[18];
  struct api_ledger ledger;
  mbconv_allocator allocator;
  mbconv_options options;
};

void api_fixture_new(struct test *t, struct api_fixture *f);
void api_fixture_free(struct api_fixture *f);

/* The create of `kind`, from the fixture's description. *out is what the library makes of it, whatever it was. */
mbconv_status api_create(const struct api_fixture *f, enum api_kind kind, const mbconv_options *options, void **out,
                         mbconv_error *error);
void api_destroy(enum api_kind kind, void *object);
mbconv_status api_get_info(enum api_kind kind, const void *object, mbconv_info *info, mbconv_error *error);
mbconv_info api_info(enum api_kind kind, const void *object);

/* An error struct full of old news. */
mbconv_error api_stale_error(void);

/* Status as expected, the same in *error, and a terminated message that is empty exactly for MBCONV_OK. */
bool api_check_error(struct test *t, const char *what, mbconv_status status, mbconv_status expected,
                     const mbconv_error *error);

/* The object must not be made: status, message, *out and the allocator's balance, with an error struct and without. */
void api_expect_no_object(struct test *t, struct api_fixture *f, enum api_kind kind, const mbconv_options *options,
                          mbconv_status expected, const char *what);

/* a * b, or SIZE_MAX if that is more. */
size_t api_times(size_t a, size_t b);

/* Calls `call` with numbers around and beyond `last`, the last good one: up to it the call must end as an invalid
 * argument, from the next on as an overflow. `unit` is what a number stands for in bytes, so that multiples of 2^64 /
 * unit wrap around. */
typedef mbconv_status api_limited_call(const void *context, size_t number, mbconv_error *error);
void api_check_limit(struct test *t, const char *what, api_limited_call *call, const void *context, size_t last,
                     size_t unit);

/* The parts of the suite. */
void api_bad_descriptions(struct test *t, struct api_fixture *f);
void api_bad_runs(struct test *t, const struct api_fixture *f);
void api_messages(struct test *t, struct api_fixture *f);
void api_dilation(struct test *t, struct api_fixture *f);
void api_overlaps(struct test *t, const struct api_fixture *f);
void api_null(struct test *t, const struct api_fixture *f);
void api_limits(struct test *t, const struct api_fixture *f);
void api_description_limits(struct test *t);
void api_counts(struct test *t, const struct api_fixture *f);
void api_struct_sizes(struct test *t, const struct api_fixture *f);
void api_weight_bytes(struct test *t, const struct api_fixture *f);
void api_stages(struct test *t, struct api_fixture *f);

#endif
