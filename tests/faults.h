/* SPDX-License-Identifier: MIT
 *
 * What the suites `faults` and `signals` share: an object of every kind, and what it computes when all is well.
 * test_faults.c is the former, faults_*.c are parts of it.
 */
#ifndef MBCONV_FAULTS_H
#define MBCONV_FAULTS_H

#include "api.h"

enum { FAULTS_BATCH = 3, FAULTS_SCRATCH = 1 << 17 };

/* The objects, an input that all of them read, and their outputs on one thread. */
struct faults {
  struct api_fixture f;
  void *objects[KINDS];
  float *x, *expected[KINDS];
  size_t x_sizes[KINDS], y_sizes[KINDS]; /* floats of all images */
};

void faults_new(struct test *t, struct faults *s);
void faults_free(struct faults *s);

/* Bytes of scratch; 0 for kinds that need none. */
size_t faults_scratch_size(const struct faults *s, enum api_kind kind, size_t threads);

/* The run of `object`, which is of `kind`, over the batch; activation has no threads. */
mbconv_status faults_run_with(const struct faults *s, enum api_kind kind, const void *object, const float *x, float *y,
                              void *scratch, size_t scratch_size, const mbconv_threads *threads, mbconv_error *error);

/* Runs the fixture's object with scratch of its own that is NaN at first, and says whether it succeeded and y is as
 * expected. Counts no case: any thread and a signal handler may call it. Needs threads->count <= 7. */
bool faults_run_equals(const struct faults *s, enum api_kind kind, const mbconv_threads *threads);

/* The parts of the suite `faults`. */
void faults_of_scratch(struct test *t, const struct faults *s);
void faults_of_threads(struct test *t, const struct faults *s);
void faults_of_modes(struct test *t, struct faults *s);
#ifdef _WIN32
static inline void faults_of_fork(struct test *t, const struct faults *s) { (void)t, (void)s; } /* none */
#else
void faults_of_fork(struct test *t, const struct faults *s);
#endif

#endif
