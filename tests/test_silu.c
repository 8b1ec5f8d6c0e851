/* SPDX-License-Identifier: MIT
 *
 * SiLU and sigmoid on all floats: the `inline` variant against `sleef`, on every one of the 2^32 where the code runs
 * natively, on a dense sample where it is emulated. If a build or CPU offers no `sleef`, `inline` is compared with the
 * scalar set instead, or, for the scalar set itself, with double. The worst error against double is printed.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "sweep.h"

enum { SAMPLE_STEP = 40009, SIGMOID_STEP = 31, ULP_STEP = 1021, ULP_SAMPLE_STEP = 160001 };

static void check_ulp(struct test *t, mbconv_activation_kind kind, const char *name, mbconv_activation_fn *run) {
  const uint32_t step = t->small ? ULP_SAMPLE_STEP : ULP_STEP;
  float x = 0;
  test_at(t, "%s against double", name);
  const double worst = sweep_worst_ulp(kind, run, 0.0f, 80.0f, step, &x);
  test_progress(t, "%s: at most %.3f ULP from double where |x| < 80, at %a", name, worst, (double)x);
  test_check(t, worst < 2.5, "%.3f ULP at %a", worst, (double)x);
  /* Beyond, results are the clamp's, or 1, or x. */
  const double beyond = sweep_worst_ulp(kind, run, 80.0f, INFINITY, step, &x);
  test_check(t, beyond < 2.5, "%.3f ULP at %a", beyond, (double)x);
}

/* Around the clamp at -88 and the limit of the scaling at 87. */
static void check_edges(const struct sweep *s) {
  static const float edges[] = {-88, -87, 87, 88, 0, 1, -1, 80, -80, 127, -127};
  sweep_edges(s, edges, sizeof edges / sizeof *edges);
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
  check_edges(&s);
  sweep_all(&s);
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
  check_edges(&s);
  sweep_all(&s);
}

void test_silu(struct test *t) {
  check_kind(t, MBCONV_ACTIVATION_SIGMOID, "sigmoid", t->small ? SAMPLE_STEP : SIGMOID_STEP);
  check_kind(t, MBCONV_ACTIVATION_SILU, "silu", t->small ? SAMPLE_STEP : 1);
  if (t->kernels->tiles_silu) check_tiles(t);
}
