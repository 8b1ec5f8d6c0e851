/* SPDX-License-Identifier: MIT
 *
 * SiLU and sigmoid on all floats: the `inline` variant against `sleef`, on every one of the 2^32 where the code runs
 * natively, on a dense sample where it is emulated. If a build or CPU offers no `sleef`, `inline` is compared with the
 * scalar set instead, or, for the scalar set itself, with double. The worst error against double is printed.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "oracle.h"
#include "system.h"
#include "test.h"

enum {
  CHUNKS = 256,
  BLOCK = 2048,
  WORKERS = 2,
  SAMPLE_STEP = 40009,
  SIGMOID_STEP = 31,
  ULP_STEP = 1021,
  ULP_SAMPLE_STEP = 160001
};

/* Written by the workers, in shared memory. */
struct chunk {
  bool done;
  uint64_t compared, different;
  uint32_t first; /* bits of the first input that differs */
  float got, want;
};

/* What is compared; each chunk is 2^24 neighbouring floats, one case. */
struct sweep {
  struct test *test;
  const char *name;
  mbconv_activation_fn *got, *want;
  uint64_t step; /* 1: every float */
  struct chunk *chunks;
};

static void compare_block(const struct sweep *s, const uint32_t *bits, size_t n, struct chunk *chunk) {
  float x[BLOCK], got[BLOCK], want[BLOCK];
  memcpy(x, bits, n * sizeof *x);
  s->got(n, x, got);
  s->want(n, x, want);
  chunk->compared += n;
  size_t where = 0;
  if (test_equal(got, want, n, &where)) return;
  if (chunk->different++ > 0) return;
  chunk->first = bits[where];
  chunk->got = got[where];
  chunk->want = want[where];
}

static void compare_chunk(const struct sweep *s, uint64_t index, struct chunk *chunk) {
  const uint64_t begin = index << 24, end = (index + 1) << 24;
  uint32_t bits[BLOCK];
  size_t n = 0;
  for (uint64_t i = (begin + s->step - 1) / s->step * s->step; i < end; i += s->step) {
    bits[n++] = (uint32_t)i;
    if (n == BLOCK) compare_block(s, bits, n, chunk);
    if (n == BLOCK) n = 0;
  }
  compare_block(s, bits, n, chunk);
  chunk->done = true;
}

/* Every WORKERS-th chunk; the first worker reports each tenth of the way. */
static void work(const void *argument, size_t worker, size_t workers) {
  const struct sweep *s = argument;
  size_t reported = 0;
  for (size_t i = worker; i < CHUNKS; i += workers) {
    compare_chunk(s, i, &s->chunks[i]);
    const size_t tenths = (i + workers) * 10 / CHUNKS;
    if (worker == 0 && tenths > reported && s->step == 1) {
      test_progress(s->test, "%s %zu%%", s->name, tenths * 10);
      reported = tenths;
    }
  }
}

/* One process per worker: a crash or a wrong result in any of them leaves chunks that are not done, or different. */
static void sweep(struct sweep s) {
  s.chunks = system_shared(CHUNKS * sizeof *s.chunks);
  test_at(s.test, "%s, every %llu", s.name, (unsigned long long)s.step);
  if (!test_check(s.test, s.chunks != NULL, "no memory")) return;
  test_check(s.test, system_processes(s.test->small ? 1 : WORKERS, work, &s), "a worker failed");
  for (size_t i = 0; i < CHUNKS; i++) {
    const struct chunk *c = &s.chunks[i];
    test_check(s.test, c->done && c->compared > 0 && c->different == 0,
               "chunk %02zx: %llu compared, blocks that differ: %llu, first at %08x: %.9g, not %.9g", i,
               (unsigned long long)c->compared, (unsigned long long)c->different, c->first, (double)c->got,
               (double)c->want);
  }
  system_shared_release(s.chunks, CHUNKS * sizeof *s.chunks);
}

/* The worst error over x and -x from `least` on and below `most`. */
static double worst_ulp(mbconv_activation_kind kind, mbconv_activation_fn *run, float least, float most, uint32_t step,
                        float *worst_x) {
  double worst = 0;
  for (uint32_t sign = 0; sign < 2; sign++) {
    for (uint32_t bits = test_bits(least); bits < test_bits(most); bits += step) {
      const float x = test_float(bits | sign << 31);
      float y;
      run(1, &x, &y);
      const double error = oracle_ulp(y, oracle_activation(kind, x));
      if (error <= worst) continue;
      /* Not `error > worst`: a NaN is the worst of all. */
      *worst_x = x;
      if (isnan(error)) return INFINITY;
      worst = error;
    }
  }
  return worst;
}

static void check_ulp(struct test *t, mbconv_activation_kind kind, const char *name, mbconv_activation_fn *run) {
  const uint32_t step = t->small ? ULP_SAMPLE_STEP : ULP_STEP;
  float x = 0;
  test_at(t, "%s against double", name);
  const double worst = worst_ulp(kind, run, 0.0f, 80.0f, step, &x);
  test_progress(t, "%s: at most %.3f ULP from double where |x| < 80, at %a", name, worst, (double)x);
  test_check(t, worst < 2.5, "%.3f ULP at %a", worst, (double)x);
  /* Beyond, results are the clamp's, or 1, or x. */
  const double beyond = worst_ulp(kind, run, 80.0f, INFINITY, step, &x);
  test_check(t, beyond < 2.5, "%.3f ULP at %a", beyond, (double)x);
}

/* In places where the sweep's sample is thin: around the clamp at -88 and the limit of the scaling at 87. */
static void check_edges(struct test *t, const struct sweep *s) {
  static const float edges[] = {-88, -87, 87, 88, 0, 1, -1, 80, -80, 127, -127};
  struct chunk chunk = {0};
  uint32_t bits[BLOCK];
  for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
    for (uint32_t j = 0; j < BLOCK; j++) bits[j] = test_bits(edges[i]) - BLOCK / 2 + j;
    compare_block(s, bits, BLOCK, &chunk);
  }
  test_at(t, "%s, edges", s->name);
  test_check(t, chunk.different == 0, "first at %08x: %.9g, not %.9g", chunk.first, (double)chunk.got,
             (double)chunk.want);
}

/* What `inline` is compared with: `sleef`, else the scalar set, else nothing but double. */
static mbconv_activation_fn *reference(const struct test *t, mbconv_activation_kind kind, const char **name) {
  const size_t sleef = 0, in_place = MBCONV_EXP_INLINE - MBCONV_EXP_SLEEF;
  *name = "sleef";
  if (mbconv_exp_usable(t->isa, MBCONV_EXP_SLEEF)) return t->kernels->activation[sleef][kind];
  *name = "scalar";
  if (t->isa != MBCONV_ISA_SCALAR) return mbconv_kernels_scalar.activation[in_place][kind];
  return NULL;
}

/* SiLU as a set's tiles apply it: x passes through a pixel's chain as it is, 1 * x + -0. */
static const struct mbconv_pointwise_tile *tile;

static void by_tiles(size_t n, const void *x_, void *y_) {
  const float *x = x_;
  float *y = y_;
  enum { MOST_CHANNELS = 32, MOST_PIXELS = 32 };
  _Alignas(MBCONV_ALIGNMENT) float weights[MOST_CHANNELS], bias[MOST_CHANNELS];
  float stored[MOST_PIXELS][MOST_CHANNELS];
  void *rows[MOST_PIXELS];
  for (size_t c = 0; c < tile->channels; c++) weights[c] = 1.0f, bias[c] = -0.0f;
  for (size_t p = 0; p < tile->pixels; p++) rows[p] = stored[p];
  const struct mbconv_pointwise_panel panel = {.k = 1,
                                               .segment = 1,
                                               .weights = weights,
                                               .bias = bias,
                                               .channels = tile->channels,
                                               .x_stride = 1,
                                               .ending = {.lo = -INFINITY, .hi = INFINITY, .silu = true}};
  for (size_t i = 0; i < n; i += tile->pixels) {
    const size_t pixels = n - i < tile->pixels ? n - i : tile->pixels;
    tile->run(&panel, pixels, 1, x + i, rows, 0, NULL);
    for (size_t p = 0; p < pixels; p++) y[i + p] = stored[p][(i + p) % tile->channels];
  }
}

static void check_tiles(struct test *t) {
  tile = &t->kernels->pointwise[0];
  const struct sweep s = {
      .test = t,
      .name = "silu of tiles against scalar",
      .got = by_tiles,
      .want = mbconv_kernels_scalar.activation[MBCONV_EXP_INLINE - MBCONV_EXP_SLEEF][MBCONV_ACTIVATION_SILU],
      .step = t->small ? SAMPLE_STEP : 1};
  check_edges(t, &s);
  sweep(s);
}

static void check_kind(struct test *t, mbconv_activation_kind kind, const char *name, uint64_t step) {
  char text[64];
  const char *other;
  mbconv_activation_fn *const run = t->kernels->activation[MBCONV_EXP_INLINE - MBCONV_EXP_SLEEF][kind];
  mbconv_activation_fn *const want = reference(t, kind, &other);
  snprintf(text, sizeof text, "%s inline", name);
  check_ulp(t, kind, text, run);
  if (want == NULL) return;
  snprintf(text, sizeof text, "%s %s", name, other);
  check_ulp(t, kind, text, want);
  snprintf(text, sizeof text, "%s inline against %s", name, other);
  const struct sweep s = {.test = t, .name = text, .got = run, .want = want, .step = step};
  check_edges(t, &s);
  sweep(s);
}

void test_silu(struct test *t) {
  check_kind(t, MBCONV_ACTIVATION_SIGMOID, "sigmoid", t->small ? SAMPLE_STEP : SIGMOID_STEP);
  check_kind(t, MBCONV_ACTIVATION_SILU, "silu", t->small ? SAMPLE_STEP : 1);
  if (t->kernels->tiles_silu) check_tiles(t);
}
