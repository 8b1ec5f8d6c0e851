/* SPDX-License-Identifier: MIT
 *
 * A block under test with its input and what the scalar set makes of it, and the ways to run it that must not matter.
 *
 * Every run is made with x read-only, x and y flush against guard pages, y framed by canaries, and scratch that is
 * exactly as large as the query says, NaN at first and flush against a guard page too.
 */
#ifndef MBCONV_BLOCK_SUBJECT_H
#define MBCONV_BLOCK_SUBJECT_H

#include "block_case.h"
#include "mbconv.h"
#include "test.h"

struct block_run {
  mbconv_options options;
  mbconv_layout layout;
  size_t strip_rows, group_channels;
  mbconv_parallel_for parallel_for; /* NULL: no threads given */
  size_t threads;
  enum test_guard guard;
  size_t misalign; /* bytes, 0 .. 63, by which the scratch is moved away from its guard page */
  bool same;       /* SAME instead of the case's pads, which must be those that it stands for */
  bool at;         /* calls name the case's size: the block is made for another, or for any (0) */
  size_t made_height, made_width;
};

/* All defaults, on the set `isa`. */
struct block_run block_run_on(mbconv_isa isa);

/* Makes the block of c as `run` says; NULL (and a failed case) if that fails, the output size is wrong or another set
 * was made. */
mbconv_block *block_create(struct test *t, const struct block_case *c, const struct block_run *run);

/* Runs a block that block_create() made of c from x to y, both of the block's layout. */
bool block_run_images(struct test *t, const struct block_case *c, const mbconv_block *block,
                      const struct block_run *run, size_t batch, const float *x, float *y);

struct block_subject {
  struct block_case block;
  size_t batch, y_size;    /* floats of all images */
  float *x, *expected, *y; /* NHWC, whatever the layout of a run; expected is by the scalar set, y of the last run */
};

/* A random block, and x random in [-2, 2). */
void block_subject_new(struct test *t, struct block_subject *s, const mbconv_block_desc *shape,
                       const struct block_parts *parts, size_t batch, uint64_t *state);
void block_subject_free(struct block_subject *s);

/* Sets `expected` anew, for another x. */
void block_subject_expect(struct test *t, struct block_subject *s);

/* Creates, runs and destroys the block as `run` says, into s->y, which is NaN where nothing was written. */
void block_subject_run(struct test *t, struct block_subject *s, const struct block_run *run);

/* The same, and compares with `expected`. */
void block_subject_check(struct test *t, struct block_subject *s, const struct block_run *run);

/* Compares the output of the last run with the reference: equal to its f32 form and, if check_bound, within the bound
 * of its double form; f32 must not overflow on the way then. */
void block_subject_check_oracle(struct test *t, const struct block_subject *s, bool check_bound);

#endif
