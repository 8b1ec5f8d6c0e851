/* SPDX-License-Identifier: MIT
 *
 * The harness of the tests: counted checks, seeded random numbers and guarded buffers.
 *
 * A suite is a function that main.c calls once per instruction set. It says what it is about to do by test_at(), calls
 * the library, and judges by test_check(). A crash is reported with the same description, the set and the seed. Checks
 * count on one thread only: threads that a suite starts hand their results back to it.
 */
#ifndef MBCONV_TEST_H
#define MBCONV_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"
#include "mbconv.h"
#include "size.h"

struct test {
  mbconv_isa isa;
  const struct mbconv_kernels *kernels; /* those of isa */
  bool small;                           /* emulated: fewer and smaller cases */
  bool stop;                            /* the first failure ends the program */
  uint64_t seed;                        /* the same for every set, so that all sets see the same shapes */
  const char *suite;
  size_t cases, failed, skipped;
  size_t printed; /* messages of this suite and set so far; after some the rest is only counted */
};

#if defined(__MINGW32__) && !defined(__clang__)
#define TEST_PRINTF(text, first) __attribute__((format(gnu_printf, text, first)))
#else
#define TEST_PRINTF(text, first) __attribute__((format(printf, text, first)))
#endif

/* ---- Checks ------------------------------------------------------------------------------------------------------ */

/* Describes what runs from now on; printed with failures and crashes, empty at the start of a suite. */
void test_at(struct test *t, const char *format, ...) TEST_PRINTF(2, 3);

/* The size that is next, for loops over many sizes: cheaper than test_at, whose description it follows. */
void test_at_size(struct test *t, size_t rows, size_t columns);

/* Counts one case; prints the message with suite, set, description and seed if !ok. Returns ok. */
bool test_check(struct test *t, bool ok, const char *format, ...) TEST_PRINTF(3, 4);

/* Counts one skipped case and says why. */
void test_skip(struct test *t, const char *format, ...) TEST_PRINTF(2, 3);

/* Prints one line of progress at once, for suites that take long. */
void test_progress(const struct test *t, const char *format, ...) TEST_PRINTF(2, 3);

/* From now on a signal such as SIGSEGV prints where it happened and ends the process with status 3. */
void test_catch_crashes(void);

/* Makes test_at's description empty and the struct known to the crash report. */
void test_begin(struct test *t, const char *suite);

/* Seconds on a monotonic clock. */
double test_seconds(void);

/* ---- Floats ------------------------------------------------------------------------------------------------------ */

static inline uint32_t test_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static inline float test_float(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* a == b or both NaN, for each of n floats; otherwise *where (if not NULL) is the first index that differs. */
bool test_equal(const float *a, const float *b, size_t n, size_t *where);

/* Counts one case, test_equal(got, want), and prints the first difference. */
bool test_check_equal(struct test *t, const float *got, const float *want, size_t n, const char *what);

/* The same seed gives the same sequence; sizes are low .. high inclusive, floats are in [-1, 1). */
uint64_t test_random(uint64_t *state);
size_t test_random_size(uint64_t *state, size_t low, size_t high);
float test_random_float(uint64_t *state);
void test_fill(uint64_t *state, float *x, size_t n);

/* n filled floats from malloc; ends the program if there is no memory. */
float *test_new_floats(uint64_t *state, size_t n);

/* ---- Guarded buffers --------------------------------------------------------------------------------------------- */

/* On which side of the data the unmapped page is flush. */
enum test_guard { TEST_GUARD_AFTER, TEST_GUARD_BEFORE };

/* n floats flush against an inaccessible page on the guarded side. What remains of the pages on the other side is
 * filled with canaries, and an inaccessible page follows there too. AFTER, data is aligned as a float only. */
struct test_buffer {
  float *data;
  size_t n;
  enum test_guard guard;
  float *first;    /* of all accessible floats, */
  size_t capacity; /* of which there are so many */
  void *map;
  size_t map_size;
};

/* Every float, data and canaries, starts as test_poison(), a NaN. Ends the program if there is no memory. */
void test_buffer_new(struct test_buffer *b, size_t n, enum test_guard guard);
void test_buffer_free(struct test_buffer *b);

/* A buffer of `rows` rows, `stride` floats apart, filled; the gaps between them stay NaN, so that using them shows.
 */
void test_buffer_new_rows(uint64_t *state, struct test_buffer *b, size_t rows, size_t row, size_t stride,
                          enum test_guard guard);

/* Read-only from now on. */
void test_buffer_protect(struct test_buffer *b);

/* True if all canaries are still there; they are all accessible floats outside data[0 .. n). */
bool test_buffer_intact(const struct test_buffer *b);

/* Scratch of `bytes` bytes that begins a float behind an aligned address, so that a run needs all that it asked for to
 * align it; what follows it, up to the guard page, are canaries. data is its first byte. */
void test_scratch_new(struct test_buffer *b, size_t bytes);
bool test_scratch_intact(const struct test_buffer *b, size_t bytes);

/* Poisons everything again and makes data n floats (n <= capacity) flush against the guarded side: a new buffer
 * without the system calls. */
void test_buffer_reuse(struct test_buffer *b, size_t n);

/* Tells the memory sanitizer, where it watches, that these bytes were never written; they keep their values. */
void test_forget(void *memory, size_t bytes);

/* The opposite, for a test that compares memory whether or not it was written. */
void test_know(const void *memory, size_t bytes);

/* The n floats of a filled buffer that are flush against the guarded side; n <= b->n. */
const float *test_buffer_part(const struct test_buffer *b, size_t n);

/* The NaN of canaries and unwritten outputs, and whether x still holds exactly its bits. */
float test_poison(void);
bool test_is_poison(float x);

/* True if in `rows` rows at y, `stride` apart, nothing was written between the ends of rows (`row` floats each). */
bool test_gaps_intact(const float *y, size_t rows, size_t row, size_t stride);

/* A program's suites, in the order in which they run; 32 at most. */
struct test_suite {
  const char *name;
  void (*run)(struct test *t);
};
extern const struct test_suite test_suites[];
extern const size_t test_suite_count;

/* ---- Suites, one file each --------------------------------------------------------------------------------------- */

void test_format(struct test *t);
void test_arithmetic(struct test *t);
void test_dispatch(struct test *t);
void test_pointwise(struct test *t);
void test_gemv(struct test *t);
void test_depthwise(struct test *t);
void test_convolution(struct test *t);
void test_global_pool(struct test *t);
void test_channel(struct test *t);
void test_transpose(struct test *t);
void test_activation(struct test *t);
void test_more(struct test *t);
void test_gelu(struct test *t);
void test_silu(struct test *t);
void test_api(struct test *t);
void test_block(struct test *t);
void test_golden(struct test *t);
void test_plan(struct test *t);
void test_plan_table(struct test *t);
void test_strategies(struct test *t);
void test_sizes(struct test *t);
void test_stages(struct test *t);
void test_threads(struct test *t);
void test_combinations(struct test *t);
void test_i8(struct test *t);
void test_i8_elementwise(struct test *t);
void test_i8_limits(struct test *t);
void test_i8_strategies(struct test *t);
void test_i8_sums(struct test *t);
void test_faults(struct test *t);
void test_signals(struct test *t);
void test_adapters(struct test *t);

void test_pointwise_tiles(struct test *t); /* the first part of pointwise, a file of its own */

#endif
