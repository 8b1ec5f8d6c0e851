/* SPDX-License-Identifier: MIT
 *
 * The harness: see test.h.
 */
#include "test.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "system.h"

/* A set that is wrong fails everywhere; more messages than this per suite and set tell nothing new. */
enum { MESSAGES = 20, CRASH_STATUS = 3 };

/* What a crash report needs, kept ready because a signal handler may not format. */
static char description[256];
static size_t part[2]; /* of test_at_size; 0 before it is called */
static char crash_prefix[128];

/* ---- Checks ------------------------------------------------------------------------------------------------------ */

void test_begin(struct test *t, const char *suite) {
  t->suite = suite;
  t->printed = 0;
  description[0] = '\0';
  part[0] = part[1] = 0;
  snprintf(crash_prefix, sizeof crash_prefix, "CRASH %s/%s seed %llu: ", suite, mbconv_isa_name(t->isa),
           (unsigned long long)t->seed);
}

void test_at(struct test *t, const char *format, ...) {
  (void)t;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(description, sizeof description, format, arguments);
  va_end(arguments);
  part[0] = part[1] = 0;
}

void test_at_size(struct test *t, size_t rows, size_t columns) {
  (void)t;
  part[0] = rows;
  part[1] = columns;
}

bool test_check(struct test *t, bool ok, const char *format, ...) {
  t->cases++;
  if (ok) return true;
  t->failed++;
  if (++t->printed > MESSAGES) return false;
  va_list arguments;
  va_start(arguments, format);
  printf("FAIL %s/%s seed %llu: %s: ", t->suite, mbconv_isa_name(t->isa), (unsigned long long)t->seed, description);
  if (part[0] > 0) printf("%zux%zu: ", part[0], part[1]);
  vprintf(format, arguments);
  printf(t->printed == MESSAGES ? "\n  (further failures are only counted)\n" : "\n");
  fflush(stdout);
  va_end(arguments);
  if (t->stop) exit(EXIT_FAILURE);
  return false;
}

void test_skip(struct test *t, const char *format, ...) {
  t->skipped++;
  va_list arguments;
  va_start(arguments, format);
  printf("SKIP %s/%s: ", t->suite, mbconv_isa_name(t->isa));
  vprintf(format, arguments);
  printf("\n");
  fflush(stdout);
  va_end(arguments);
}

void test_progress(const struct test *t, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  printf("  %s/%s: ", t->suite, mbconv_isa_name(t->isa));
  vprintf(format, arguments);
  printf("\n");
  fflush(stdout);
  va_end(arguments);
}

double test_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- Crashes ----------------------------------------------------------------------------------------------------- */

/* Decimal, by hand: printf is not for signal handlers. */
static void write_number(size_t number) {
  char text[24] = {0};
  size_t at = sizeof text - 1;
  do {
    text[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  system_write_error(text + at);
}

static void report_crash(const char *what) {
  system_write_error("\n");
  system_write_error(crash_prefix);
  system_write_error(description);
  system_write_error(": ");
  if (part[0] > 0) {
    write_number(part[0]);
    system_write_error("x");
    write_number(part[1]);
    system_write_error(": ");
  }
  system_write_error(what);
  system_write_error("\n");
}

void test_catch_crashes(void) { system_catch_crashes(report_crash, CRASH_STATUS); }

/* ---- Floats ------------------------------------------------------------------------------------------------------ */

bool test_equal(const float *a, const float *b, size_t n, size_t *where) {
  for (size_t i = 0; i < n; i++) {
    if (a[i] == b[i] || (a[i] != a[i] && b[i] != b[i])) continue;
    if (where) *where = i;
    return false;
  }
  return true;
}

bool test_check_equal(struct test *t, const float *got, const float *want, size_t n, const char *what) {
  size_t i = 0;
  const bool equal = test_equal(got, want, n, &i);
  if (equal) return test_check(t, true, "%s", what);
  return test_check(t, false, "%s: float %zu of %zu is %.9g, not %.9g", what, i, n, (double)got[i], (double)want[i]);
}

/* Steele, Lea and Flood's SplitMix64 (2014): one 64-bit state, any seed is good. */
uint64_t test_random(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

size_t test_random_size(uint64_t *state, size_t low, size_t high) {
  return low + (size_t)(test_random(state) % (high - low + 1));
}

float test_random_float(uint64_t *state) { return (float)(int32_t)(test_random(state) >> 40) * 0x1p-23f - 1.0f; }

void test_fill(uint64_t *state, float *x, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = test_random_float(state);
}

static void out_of_memory(size_t n) {
  fprintf(stderr, "no memory for %zu floats\n", n);
  exit(EXIT_FAILURE);
}

float *test_new_floats(uint64_t *state, size_t n) {
  float *x = malloc(n * sizeof *x);
  if (x == NULL) out_of_memory(n);
  test_fill(state, x, n);
  return x;
}

/* ---- Guarded buffers --------------------------------------------------------------------------------------------- */

/* A quiet NaN with a payload that no arithmetic makes. */
static const uint32_t poison_bits = 0x7fc5a5a5;

float test_poison(void) { return test_float(poison_bits); }

bool test_is_poison(float x) { return test_bits(x) == poison_bits; }

void test_buffer_new(struct test_buffer *b, size_t n, enum test_guard guard) {
  const size_t page = system_page();
  const size_t size = (n * sizeof(float) + page - 1) / page * page + (n == 0 ? page : 0);
  b->map_size = size + 2 * page;
  b->map = system_reserve(b->map_size);
  if (!b->map) out_of_memory(n);
  b->first = (float *)((char *)b->map + page);
  if (!system_allow(b->first, size, true)) out_of_memory(n);
  b->capacity = size / sizeof(float);
  b->guard = guard;
  test_buffer_reuse(b, n);
}

void test_buffer_new_rows(uint64_t *state, struct test_buffer *b, size_t rows, size_t row, size_t stride,
                          enum test_guard guard) {
  test_buffer_new(b, (rows - 1) * stride + row, guard);
  for (size_t i = 0; i < rows; i++) test_fill(state, b->data + i * stride, row);
}

/* Floats behind the scratch: its end would be flush with the guard page if it began at an aligned address. */
enum { BEHIND_SCRATCH = MBCONV_ALIGNMENT / sizeof(float) - 1 };

void test_scratch_new(struct test_buffer *b, size_t bytes) {
  const size_t whole = (bytes + MBCONV_ALIGNMENT - 1) / MBCONV_ALIGNMENT * MBCONV_ALIGNMENT;
  test_buffer_new(b, whole / sizeof(float) + BEHIND_SCRATCH, TEST_GUARD_AFTER);
  test_forget(b->data, bytes);
}

bool test_scratch_intact(const struct test_buffer *b, size_t bytes) {
  for (size_t i = (bytes + sizeof(float) - 1) / sizeof(float); i < b->n; i++)
    if (!test_is_poison(b->data[i])) return false;
  return test_buffer_intact(b);
}

void test_buffer_free(struct test_buffer *b) {
  system_release(b->map, b->map_size);
  *b = (struct test_buffer){0};
}

void test_buffer_protect(struct test_buffer *b) {
  if (!system_allow(b->first, b->capacity * sizeof(float), false)) out_of_memory(b->n);
}

void test_buffer_reuse(struct test_buffer *b, size_t n) {
  if (n > b->capacity) out_of_memory(n);
  const float poison = test_poison();
  for (size_t i = 0; i < b->capacity; i++) b->first[i] = poison;
  b->n = n;
  b->data = b->guard == TEST_GUARD_AFTER ? b->first + (b->capacity - n) : b->first;
}

const float *test_buffer_part(const struct test_buffer *b, size_t n) {
  if (n > b->n) out_of_memory(n);
  return b->guard == TEST_GUARD_AFTER ? b->data + (b->n - n) : b->data;
}

#ifdef MBCONV_MEMORY_SANITIZED
void __msan_poison(const volatile void *memory, size_t bytes); /* of the sanitizer's run-time library */
void __msan_unpoison(const volatile void *memory, size_t bytes);
void test_forget(void *memory, size_t bytes) { __msan_poison(memory, bytes); }
void test_know(const void *memory, size_t bytes) { __msan_unpoison(memory, bytes); }
#else
void test_forget(void *memory, size_t bytes) { (void)memory, (void)bytes; }
void test_know(const void *memory, size_t bytes) { (void)memory, (void)bytes; }
#endif

static bool all_poison(const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (!test_is_poison(x[i])) return false;
  }
  return true;
}

bool test_buffer_intact(const struct test_buffer *b) {
  const size_t before = (size_t)(b->data - b->first);
  return all_poison(b->first, before) && all_poison(b->data + b->n, b->capacity - before - b->n);
}

bool test_gaps_intact(const float *y, size_t rows, size_t row, size_t stride) {
  for (size_t i = 0; i + 1 < rows; i++) {
    if (!all_poison(y + i * stride + row, stride - row)) return false;
  }
  return true;
}
