/* SPDX-License-Identifier: MIT
 *
 * What an object that could be made keeps: it runs in the scratch it asks for, writes its outputs and nothing else, and
 * refuses what no memory holds; for the size of its description, and for any that a call names.
 */
#ifndef MBCONV_FUZZ_PROMISES_H
#define MBCONV_FUZZ_PROMISES_H

#include "input.h"
#include "mbconv.h"

/* Floats of the largest tensors that are run. */
enum { MOST_RUN = 1 << 16 };

__extension__ typedef unsigned __int128 wide; /* products of three sizes, saturated: no description fits into more */

static inline wide times(wide a, wide b) {
  const wide most = ~(wide)0;
  return b != 0 && a > most / b ? most : a * b;
}

/* The size of an image that a call names; 0 for functions that name none. */
struct size {
  size_t height, width;
};

/* A run over `batch` images of x_size to y_size floats, as each kind of object takes it. */
typedef mbconv_status run_fn(const void *object, const struct size *at, size_t batch, const float *x, float *y,
                             void *scratch, size_t size, mbconv_error *error);

/* Runs on buffers that are exact, if they are not too large; and with scratch that is short of a byte and batches that
 * no memory has, which must be refused. */
static inline void check_runs(const void *object, run_fn *run, const struct size *at, wide x_size, wide y_size,
                              size_t scratch_size, size_t batch) {
  mbconv_error error;
  float unused[2];
  const wide larger = x_size > y_size ? x_size : y_size;
  fuzz_require(larger <= PTRDIFF_MAX / sizeof(float), "an image was accepted that no memory holds");
  if (times(batch, larger) > PTRDIFF_MAX / sizeof(float))
    fuzz_require(run(object, at, batch, unused, unused + 1, unused, SIZE_MAX, &error) == MBCONV_SIZE_OVERFLOW,
                 "a batch was accepted that no memory holds");
  if (x_size > MOST_RUN || y_size > MOST_RUN || scratch_size > 16 * MOST_RUN) return;
  struct test_buffer x, y, scratch;
  test_buffer_new(&x, (size_t)x_size, TEST_GUARD_AFTER);
  test_buffer_new(&y, (size_t)y_size, TEST_GUARD_AFTER);
  test_buffer_new(&scratch, scratch_size / sizeof(float) + 1, TEST_GUARD_AFTER);
  for (size_t i = 0; i < x.n; i++) x.data[i] = (float)(i % 7) - 3;
  test_buffer_protect(&x);
  char *last = (char *)(scratch.data + scratch.n);
  if (scratch_size > 0) {
    fuzz_require(
        run(object, at, 1, x.data, y.data, last - scratch_size, scratch_size - 1, &error) == MBCONV_SCRATCH_TOO_SMALL,
        "short scratch was taken");
  }
  fuzz_require(run(object, at, 1, x.data, y.data, last - scratch_size, scratch_size, &error) == MBCONV_OK,
               "a run failed");
  fuzz_require(error.status == MBCONV_OK && error.message[0] == '\0', "a success with a message");
  fuzz_require(test_buffer_intact(&y) && !test_is_poison(y.data[0]) && !test_is_poison(y.data[y.n - 1]),
               "outputs missing, or too many");
  test_buffer_free(&x);
  test_buffer_free(&y);
  test_buffer_free(&scratch);
}

/* What the sizes of an object's image are asked by. */
typedef mbconv_status output_size_fn(const void *object, size_t height, size_t width, size_t *out_height,
                                     size_t *out_width, mbconv_error *error);
typedef mbconv_status scratch_size_fn(const void *object, size_t height, size_t width, size_t threads, size_t *bytes,
                                      mbconv_error *error);

/* An operator with an output size and a scratch, and what its description says. */
struct image_operator {
  const void *object;
  run_fn *run;
  output_size_fn *output_size;
  scratch_size_fn *scratch_size;
  struct size made, made_out; /* the description's size, and its output */
  size_t made_scratch, in, out;
};

/* At the description's own size both forms of a query agree; at any other, a call refuses it and says why, or the
 * object runs in what it asks for. */
static inline void check_sizes(struct fuzz_input *in, const struct image_operator *o, size_t threads, size_t batch) {
  const bool any = o->made.height == 0;
  struct size at = o->made, out = {7, 7};
  size_t one = 7, more;
  mbconv_error error;
  if (any || fuzz_flag(in)) at.height = fuzz_hostile(in), at.width = fuzz_hostile(in);
  const mbconv_status status = o->output_size(o->object, at.height, at.width, &out.height, &out.width, &error);
  fuzz_require(status == o->scratch_size(o->object, at.height, at.width, 1, &one, NULL), "two verdicts on a size");
  if (status != MBCONV_OK) {
    fuzz_require(error.status == status && error.message[0] != '\0', "a size refused without a word");
    fuzz_require(out.height == 7 && out.width == 7 && one == 7, "a query that failed wrote");
    float unused[2];
    fuzz_require(o->run(o->object, &at, 1, unused, unused + 1, unused, SIZE_MAX, NULL) == status,
                 "it runs nevertheless");
    return;
  }
  o->scratch_size(o->object, at.height, at.width, threads, &more, NULL);
  fuzz_require(more >= one, "less for more threads");
  if (!any && at.height == o->made.height && at.width == o->made.width)
    fuzz_require(out.height == o->made_out.height && out.width == o->made_out.width && one == o->made_scratch,
                 "other sizes than without a name");
  const wide x_size = times(times(at.height, at.width), o->in), y_size = times(times(out.height, out.width), o->out);
  check_runs(o->object, o->run, &at, x_size, y_size, one, batch);
}

/* By the functions that name no size, and by those that do. */
static inline void check_operator(struct fuzz_input *in, const struct image_operator *o, size_t threads, size_t batch) {
  const wide x_size = times(times(o->made.height, o->made.width), o->in);
  const wide y_size = times(times(o->made_out.height, o->made_out.width), o->out);
  float unused[2];
  if (o->made.height > 0)
    check_runs(o->object, o->run, NULL, x_size, y_size, o->made_scratch, batch);
  else
    fuzz_require(o->made_out.height == 0 && o->made_out.width == 0 && o->made_scratch == SIZE_MAX &&
                     o->run(o->object, NULL, 1, unused, unused + 1, unused, SIZE_MAX, NULL) == MBCONV_INVALID_ARGUMENT,
                 "sizes of an object that has none");
  check_sizes(in, o, threads, batch);
}

#endif
