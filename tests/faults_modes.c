/* SPDX-License-Identifier: MIT
 *
 * Floating-point modes that the caller has set: the library runs in them and leaves them as they are. With
 * flush-to-zero and denormals-are-zero, data without denormals give the same floats and denormal inputs are zeros; in
 * another rounding mode results are near.
 */
#include <fenv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"

/* ---- The modes --------------------------------------------------------------------------------------------------- */

/* The control register without its sticky flags, and the bits that flush denormals, both ways. */
#if defined(__SSE2__)
#include <immintrin.h>
enum { FLUSH = 0x8040 };
static unsigned long mode(void) { return _mm_getcsr() & ~0x3fu; }
static void set_mode(unsigned long m) { _mm_setcsr((unsigned)m); }
#elif defined(__aarch64__)
enum { FLUSH = 1 << 24 };
static unsigned long mode(void) {
  uint64_t m; /* as wide as the register, also on Windows */
  __asm__ volatile("mrs %0, fpcr" : "=r"(m));
  return (unsigned long)m;
}
static void set_mode(unsigned long m) { __asm__ volatile("msr fpcr, %0" ::"r"((uint64_t)m)); }
#elif defined(__arm__) && defined(__ARM_FP)
enum { FLUSH = 1 << 24 };
static unsigned long mode(void) {
  unsigned long m;
  __asm__ volatile("vmrs %0, fpscr" : "=r"(m));
  return m & ~0xf800009ful; /* the last comparison, and what is sticky */
}
static void set_mode(unsigned long m) { __asm__ volatile("vmsr fpscr, %0" ::"r"(m)); }
#else
enum { FLUSH = 0 };
static unsigned long mode(void) { return (unsigned long)fegetround(); }
static void set_mode(unsigned long m) { (void)m; }
#endif

#if defined(__riscv) || defined(__s390x__)
enum { CANNOT_FLUSH = 1 };
#else
enum { CANNOT_FLUSH = 0 };
#endif

/* A create, run and destroy with a rounding mode and the bits `flush`, which must still be set after each. */
static void in_mode(struct test *t, struct faults *s, enum api_kind kind, int rounding, unsigned long flush,
                    const float *x, float *y) {
  char *scratch = malloc(FAULTS_SCRATCH);
  if (!scratch) abort();
  memset(scratch, 0xff, FAULTS_SCRATCH);
  for (size_t i = 0; i < s->y_sizes[kind]; i++) y[i] = test_poison();
  const unsigned long callers = mode();
  void *object = NULL;
  fesetround(rounding);
  set_mode(mode() | flush);
  const unsigned long m = mode();
  mbconv_status status = api_create(&s->f, kind, &s->f.options, &object, NULL);
  const unsigned long after_create = mode();
  if (status == MBCONV_OK) status = faults_run_with(s, kind, object, x, y, scratch, FAULTS_SCRATCH, NULL, NULL);
  const unsigned long after_run = mode();
  api_destroy(kind, object);
  const unsigned long after_destroy = mode();
  fesetround(FE_TONEAREST);
  set_mode(callers);
  test_check(t, status == MBCONV_OK, "create or run: %s", mbconv_status_string(status));
  test_check(t, m != callers && after_create == m && after_run == m && after_destroy == m,
             "mode %lx, set to %lx, became %lx, %lx, %lx", callers, m, after_create, after_run, after_destroy);
  free(scratch);
}

/* ---- The cases --------------------------------------------------------------------------------------------------- */

static void flush_to_zero(struct test *t, struct faults *s, enum api_kind kind, float *y) {
  const size_t x_size = s->x_sizes[kind], y_size = s->y_sizes[kind];
  test_at(t, "%s, flush-to-zero", api_kind_names[kind]);
  if (FLUSH == 0) {
    if (!CANNOT_FLUSH) test_skip(t, "how to flush denormals on this CPU is not known here");
    return;
  }
  in_mode(t, s, kind, FE_TONEAREST, FLUSH, s->x, y);
  test_check_equal(t, y, s->expected[kind], y_size, "normal data");

  float *x = malloc(x_size * sizeof *x), *of_zeros = malloc(y_size * sizeof *of_zeros);
  if (!x || !of_zeros) abort();
  for (size_t i = 0; i < x_size; i++) x[i] = 0.0f;
  in_mode(t, s, kind, FE_TONEAREST, FLUSH, x, of_zeros);
  for (size_t i = 0; i < x_size; i++) x[i] = test_float((uint32_t)(i * 2654435761u) & 0x807fffffu);
  in_mode(t, s, kind, FE_TONEAREST, FLUSH, x, y);
  test_check_equal(t, y, of_zeros, y_size, "denormal inputs against zeros");
  free(x);
  free(of_zeros);
}

/* Nearest is what the library promises its floats for. */
static const struct {
  const char *name;
  int mode;
} directions[] = {{"upward", FE_UPWARD}, {"downward", FE_DOWNWARD}, {"towards zero", FE_TOWARDZERO}};
enum { DIRECTIONS = 3 };

static void rounding(struct test *t, struct faults *s, enum api_kind kind, float *y) {
  const float tolerance = 2e-5f;
  for (size_t i = 0; i < DIRECTIONS; i++) {
    test_at(t, "%s, rounding %s", api_kind_names[kind], directions[i].name);
    in_mode(t, s, kind, directions[i].mode, 0, s->x, y);
    float largest = 0, worst = 0;
    bool numbers = true;
    for (size_t j = 0; j < s->y_sizes[kind]; j++) {
      largest = fmaxf(largest, fabsf(s->expected[kind][j]));
      worst = fmaxf(worst, fabsf(y[j] - s->expected[kind][j]));
      numbers = numbers && isfinite(y[j]);
    }
    test_check(t, numbers && worst <= tolerance * largest, "off by %g, the largest output being %g", (double)worst,
               (double)largest);
  }
}

/* SiLU's range reduction, which rounds to an integer, leaves up to twice the range to the same polynomial. */
static void silu_far_out(struct test *t, struct faults *s, float *y) {
  const size_t n = s->x_sizes[ACTIVATION];
  float *x = malloc(n * sizeof *x);
  if (!x) abort();
  for (size_t i = 0; i < n; i++) x[i] = -80 + 160 * (float)i / (float)n;
  for (size_t i = 0; i < DIRECTIONS; i++) {
    test_at(t, "SiLU over -80 .. 80, rounding %s", directions[i].name);
    in_mode(t, s, ACTIVATION, directions[i].mode, 0, x, y);
    size_t right = 0;
    for (size_t j = 0; j < n; j++) {
      const double exact = x[j] / (1 + exp(-(double)x[j]));
      right += fabs(y[j] - exact) <= 4e-6 * fabs(exact);
    }
    test_check(t, right == n, "%zu of %zu values are off by more than 4e-6 of their size", n - right, n);
  }
  free(x);
}

void faults_of_modes(struct test *t, struct faults *s) {
  for (enum api_kind kind = 0; kind < KINDS; kind++) {
    float *y = malloc(s->y_sizes[kind] * sizeof *y);
    if (!y) abort();
    flush_to_zero(t, s, kind, y);
    rounding(t, s, kind, y);
    if (kind == ACTIVATION) silu_far_out(t, s, y);
    free(y);
  }
}
