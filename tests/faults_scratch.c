/* SPDX-License-Identifier: MIT
 *
 * Scratch at any address is taken, scratch that shares a byte with a tensor is refused (that it is too small is in
 * api_runs.c); and the pointwise takes slices of the same rows for x and y unless they share a float.
 */
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "system.h"

/* A cache line's worth of addresses, odd ones too; the bytes before and after stay as they are. */
static void misaligned(struct test *t, const struct faults *s, enum api_kind kind) {
  enum { LINE = 64, MARK = 0x5a };
  const size_t size = faults_scratch_size(s, kind, 1), y_size = s->y_sizes[kind];
  unsigned char *memory = system_aligned_allocate(LINE, (size + 4 * LINE) / LINE * LINE);
  float *y = malloc(y_size * sizeof *y);
  if (!memory || !y) abort();
  for (size_t offset = 0; offset < LINE; offset += t->small ? 13 : 1) {
    test_at(t, "%s, scratch at an address of 64 n + %zu", api_kind_names[kind], offset);
    memset(memory, MARK, size + 2 * LINE);
    memset(memory + offset, 0xff, size);
    for (size_t i = 0; i < y_size; i++) y[i] = test_poison();
    mbconv_error error = api_stale_error();
    const mbconv_status status =
        faults_run_with(s, kind, s->objects[kind], s->x, y, memory + offset, size, NULL, &error);
    api_check_error(t, "run", status, MBCONV_OK, &error);
    test_check_equal(t, y, s->expected[kind], y_size, "y");
    bool intact = true;
    for (size_t i = 0; i < offset; i++) intact = intact && memory[i] == MARK;
    for (size_t i = offset + size; i < size + 2 * LINE; i++) intact = intact && memory[i] == MARK;
    test_check(t, intact, "wrote outside the scratch");
  }
  system_aligned_release(memory);
  free(y);
}

/* x, scratch and y in one array, in two orders; moved towards each other by one byte, they overlap. */
static void overlapping(struct test *t, const struct faults *s, enum api_kind kind) {
  const size_t size = faults_scratch_size(s, kind, 1);
  const size_t x_bytes = s->x_sizes[kind] * sizeof(float), y_bytes = s->y_sizes[kind] * sizeof(float);
  char *memory = malloc(x_bytes + size + y_bytes);
  if (!memory) abort();
  test_check(t, size % sizeof(float) == 0, "a float behind %zu bytes of scratch is not aligned", size);
  for (int x_first = 0; x_first < 2; x_first++) {
    const size_t first_bytes = x_first ? x_bytes : y_bytes;
    for (int shift = -1; shift <= 1; shift++) {
      test_at(t, "%s, scratch between %s, %d bytes off", api_kind_names[kind], x_first ? "x and y" : "y and x", shift);
      char *last = memory + first_bytes + size, *scratch = memory + first_bytes + shift;
      float *x = (float *)(void *)(x_first ? memory : last), *y = (float *)(void *)(x_first ? last : memory);
      memcpy(x, s->x, x_bytes);
      for (size_t i = 0; i < s->y_sizes[kind]; i++) y[i] = 7;
      mbconv_error error = api_stale_error();
      const mbconv_status status = faults_run_with(s, kind, s->objects[kind], x, y, scratch, size, NULL, &error);
      api_check_error(t, "run", status, shift == 0 ? MBCONV_OK : MBCONV_INVALID_ARGUMENT, &error);
      if (shift == 0) {
        test_check_equal(t, y, s->expected[kind], s->y_sizes[kind], "y");
        continue;
      }
      bool untouched = memcmp(x, s->x, x_bytes) == 0;
      for (size_t i = 0; i < s->y_sizes[kind]; i++) untouched = untouched && y[i] == 7;
      test_check(t, untouched, "a run that was refused wrote to x or y");
    }
  }
  free(memory);
}

/* Rows of `stride` floats that hold a pixel of x, 6 floats, and one of y, 18, at these places. */
static void slices(struct test *t, const struct faults *s, size_t stride, size_t x_at, size_t y_at) {
  enum { IN = 6, OUT = 18, MOST = 64 };
  const size_t pixels = s->x_sizes[POINTWISE] / IN;
  const bool apart = x_at + IN <= y_at ? y_at + OUT <= x_at + stride : y_at + OUT <= x_at && x_at + IN <= y_at + stride;
  test_at(t, "slices of rows of %zu floats, x at %zu, y at %zu", stride, x_at, y_at);
  float *rows = malloc((pixels + 1) * MOST * sizeof *rows);
  if (!rows) abort();
  for (size_t i = 0; i < (pixels + 1) * MOST; i++) rows[i] = test_poison();
  for (size_t i = 0; i < pixels * IN; i++) rows[i / IN * stride + x_at + i % IN] = s->x[i];
  mbconv_error error = api_stale_error();
  const mbconv_status status = mbconv_pointwise_run(s->objects[POINTWISE], pixels, rows + x_at, stride, rows + y_at,
                                                    stride, NULL, 0, NULL, &error);
  api_check_error(t, "run", status, apart ? MBCONV_OK : MBCONV_INVALID_ARGUMENT, &error);
  for (size_t p = 0; apart && p < pixels; p++)
    test_check_equal(t, rows + p * stride + y_at, s->expected[POINTWISE] + p * OUT, OUT, "a pixel of y");
  free(rows);
}

void faults_of_scratch(struct test *t, const struct faults *s) {
  for (enum api_kind kind = 0; kind < KINDS; kind++) {
    if (faults_scratch_size(s, kind, 1) == 0) continue;
    misaligned(t, s, kind);
    overlapping(t, s, kind);
  }
  for (size_t stride = 24; stride <= (t->small ? 25 : 30); stride++) {
    for (size_t y_at = 0; y_at <= stride; y_at++) slices(t, s, stride, 0, y_at);
    for (size_t x_at = 1; x_at <= stride; x_at++) slices(t, s, stride, x_at, 0);
  }
}
