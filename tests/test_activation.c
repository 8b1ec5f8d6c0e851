/* SPDX-License-Identifier: MIT
 *
 * Activations: each kernel against the definitions and the scalar set, over all sizes and over special values; then
 * the operator through the public header. SiLU and sigmoid on all floats are
 * test_silu.c's, GELU test_gelu.c's, and what has slopes is test_more.c's.
 */
#include <float.h>
#include <math.h>

#include "more.h"
#include "oracle.h"
#include "test.h"

enum { KINDS = MBCONV_ACTIVATION_GELU_TANH + 1, VARIANTS = 2, LARGE = 1003 };

static const char *const kind_names[KINDS] = {"none",         "relu",       "relu6", "silu",     "sigmoid",
                                              "hard-sigmoid", "hard-swish", "gelu",  "gelu-tanh"};

static const mbconv_exp variants[VARIANTS] = {MBCONV_EXP_SLEEF, MBCONV_EXP_INLINE};

/* ---- Special values ---------------------------------------------------------------------------------------------- */

/* What each activation makes of x, as the operations that the public header names give it, each rounded once. Exact,
 * but for silu, sigmoid and gelu, which may differ by 4 units in the last place where they are not 0, and for
 * gelu-tanh, by 64 below 0. */
struct special {
  float x;
  double results[KINDS];
};

static const double sigmoid_least = 6.054601895401186e-39;    /* exp(-88), denormal in f32 */
static const double silu_least = -88 * 6.054601895401186e-39; /* not NaN, and not 0 */

enum { SPECIALS = 21 };

static void fill_specials(struct special *table) {
  const double least = sigmoid_least, silu = silu_least;
  const struct special rows[SPECIALS] = {
      /* x, none, relu, relu6, silu, sigmoid, hard-sigmoid, hard-swish, gelu, gelu-tanh */
      {INFINITY, {INFINITY, INFINITY, 6, INFINITY, 1, 1, INFINITY, INFINITY, INFINITY}},
      {-INFINITY, {-INFINITY, 0, 0, silu, least, 0, NAN, 0, 0}}, /* hard-swish: -inf * 0 */
      {FLT_MAX,
       {FLT_MAX, FLT_MAX, 6, FLT_MAX, 1, 1, INFINITY, FLT_MAX, FLT_MAX}}, /* hard-swish: x * 6 overflows before / 6 */
      {-FLT_MAX, {-FLT_MAX, 0, 0, silu, least, 0, 0, 0, 0}},
      {0x1p100f, {0x1p100, 0x1p100, 6, 0x1p100, 1, 1, 0x1p100, 0x1p100, 0x1p100}},
      {-0x1p100f, {-0x1p100, 0, 0, silu, least, 0, 0, 0, 0}},
      {0.0f, {0, 0, 0, 0, 0.5, 0.5, 0, 0, 0}},
      {-0.0f, {0, 0, 0, 0, 0.5, 0.5, 0, 0, 0}},
      {FLT_TRUE_MIN,
       {FLT_TRUE_MIN, FLT_TRUE_MIN, FLT_TRUE_MIN, 0, 0.5, 0.5, 0, 0, 0}}, /* its half is rounded to even */
      {-FLT_TRUE_MIN, {-FLT_TRUE_MIN, 0, 0, 0, 0.5, 0.5, 0, 0, 0}},
      {0x1p-140f, {0x1p-140, 0x1p-140, 0x1p-140, 0x1p-141, 0.5, 0.5, 0x1p-141, 0x1p-141, 0x1p-141}},
      {-0x1p-140f, {-0x1p-140, 0, 0, -0x1p-141, 0.5, 0.5, -0x1p-141, -0x1p-141, -0x1p-141}},
      {FLT_MIN, {FLT_MIN, FLT_MIN, FLT_MIN, 0x1p-127, 0.5, 0.5, 0x1p-127, 0x1p-127, 0x1p-127}},
      {-88.0f, {-88, 0, 0, silu, least, 0, 0, 0, 0}},
      {-0x1.600002p6f, {-0x1.600002p6, 0, 0, silu, least, 0, 0, 0, 0}}, /* the next float below */
      /* and above: exp(2^-17) times as large */
      {-0x1.5ffffep6f, {-0x1.5ffffep6, 0, 0, silu * 1.00000762942, least * 1.00000762942, 0, 0, 0, 0}},
      {88.0f, {88, 88, 6, 88, 1, 1, 88, 88, 88}},
      {-3.0f,
       {-3, 0, 0, -0.14227761953270035, 0.04742587317756678, 0, 0, -0.004049694094890287, -0.003637392081773019}},
      {3.0f, {3, 3, 3, 2.8577223804672998, 0.9525741268224334, 1, 3, 2.99595030590511, 2.9963626079182273}},
      {6.0f, {6, 6, 6, 5.985164261060192, 0.9975273768433653, 1, 6, 5.999999994080474, 5.9999999999156035}},
      {-6.0f, {-6, 0, 0, -0.014835738939808, 0.00247262315663477, 0, 0, -5.919525870226207e-09, -8.43964670076231e-11}},
  };
  memcpy(table, rows, sizeof rows);
}

/* Quiet, negative, signalling, with payloads. */
static const uint32_t nans[] = {0x7fc00000, 0xffc00000, 0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff};

static bool is_result(mbconv_activation_kind kind, float y, double want) {
  if (isnan(want)) return isnan(y);
  const bool rounded = kind == MBCONV_ACTIVATION_SILU || kind == MBCONV_ACTIVATION_SIGMOID ||
                       kind == MBCONV_ACTIVATION_GELU || kind == MBCONV_ACTIVATION_GELU_TANH;
  if (!rounded || want == 0 || isinf(want)) return y == want;
  return oracle_ulp(y, want) <= (kind == MBCONV_ACTIVATION_GELU_TANH && want < 0 ? 64 : 4);
}

/* A set's function for a kind. */
static mbconv_activation_fn *function_of(const struct mbconv_kernels *kernels, size_t variant,
                                         mbconv_activation_kind kind) {
  const struct mbconv_more_kernels *more = mbconv_more_of(kernels);
  if (kind == MBCONV_ACTIVATION_GELU) return more->gelu;
  if (kind == MBCONV_ACTIVATION_GELU_TANH) return more->gelu_tanh;
  return kernels->activation[variant][kind];
}

/* The value at every place of whole vectors and tails. */
static void check_special(struct test *t, mbconv_activation_fn *run, mbconv_activation_kind kind, float x,
                          double want) {
  float in[4 * MBCONV_MAX_LANES + 3], out[4 * MBCONV_MAX_LANES + 3];
  const size_t n = 4 * t->kernels->lanes + 3;
  for (size_t i = 0; i < n; i++) in[i] = x;
  run(n, in, out);
  size_t wrong = 0;
  while (wrong < n && is_result(kind, out[wrong], want)) wrong++;
  test_check(t, wrong == n, "%s(%g = %08x), float %zu of %zu: %g, not %g", kind_names[kind], (double)x, test_bits(x),
             wrong, n, (double)out[wrong % n], want);
}

static void check_specials(struct test *t, mbconv_activation_fn *run, mbconv_activation_kind kind) {
  struct special table[SPECIALS];
  fill_specials(table);
  for (size_t i = 0; i < SPECIALS; i++) check_special(t, run, kind, table[i].x, table[i].results[kind]);
  for (size_t i = 0; i < sizeof nans / sizeof *nans; i++) check_special(t, run, kind, test_float(nans[i]), NAN);
}

/* ---- Sizes ------------------------------------------------------------------------------------------------------- */

/* How a kernel or the operator is called: y may be x. */
typedef void run_fn(void *context, size_t n, const float *x, float *y);

struct kernel_context {
  mbconv_activation_fn *run;
};

static void run_kernel(void *context, size_t n, const float *x, float *y) {
  ((struct kernel_context *)context)->run(n, x, y);
}

struct operator_context {
  struct test *test;
  mbconv_activation *activation;
};

static void run_operator(void *context, size_t n, const float *x, float *y) {
  const struct operator_context *c = context;
  mbconv_error error = {.message = ""};
  const mbconv_status status = mbconv_activation_run(c->activation, n, x, y, &error);
  test_check(c->test, status == MBCONV_OK, "run: %s", error.message);
}

/* One size: against the scalar set and the double result, and in place against out of place. */
static void check_size(struct test *t, run_fn *run, void *context, mbconv_activation_kind kind, size_t n,
                       const struct test_buffer *all, struct test_buffer *y) {
  float want[LARGE];
  const float *x = test_buffer_part(all, n);
  test_at_size(t, n, 1);
  function_of(&mbconv_kernels_scalar, MBCONV_EXP_INLINE - MBCONV_EXP_SLEEF, kind)(n, x, want);
  test_buffer_reuse(y, n);
  run(context, n, x, y->data);
  test_check_equal(t, y->data, want, n, "against the scalar set");
  bool near = true, intact = test_buffer_intact(y);
  for (size_t i = 0; i < n; i++) {
    const struct oracle exact = {.exact = x[i]};
    near = near && oracle_allows(&exact, kind, y->data[i]);
  }
  test_check(t, near, "farther from the exact result than 4 roundings");
  test_buffer_reuse(y, n);
  memcpy(y->data, x, n * sizeof *x);
  run(context, n, y->data, y->data);
  test_check_equal(t, y->data, want, n, "in place");
  intact = intact && test_buffer_intact(y);
  test_check(t, intact, "wrote outside its output");
}

/* All sizes up to `most`, and a large one, of numbers on both sides of every bend. */
static void check_sizes(struct test *t, run_fn *run, void *context, mbconv_activation_kind kind, size_t most) {
  uint64_t state = t->seed;
  for (int guard = TEST_GUARD_AFTER; guard <= TEST_GUARD_BEFORE; guard++) {
    struct test_buffer x, y;
    test_buffer_new(&x, LARGE, (enum test_guard)guard);
    test_buffer_new(&y, LARGE, (enum test_guard)guard);
    for (size_t i = 0; i < LARGE; i++) x.data[i] = 12 * test_random_float(&state);
    test_buffer_protect(&x);
    for (size_t n = 0; n <= most; n++) check_size(t, run, context, kind, n, &x, &y);
    check_size(t, run, context, kind, LARGE, &x, &y);
    test_buffer_free(&x);
    test_buffer_free(&y);
  }
}

static void check_operator(struct test *t, mbconv_activation_kind kind, mbconv_exp variant) {
  const mbconv_options options = {.isa = t->isa, .exp = variant};
  const mbconv_activation_desc desc = {.kind = kind};
  struct operator_context context = {.test = t};
  mbconv_error error = {.message = ""};
  const mbconv_status status = mbconv_activation_create(&desc, &options, &context.activation, &error);
  if (!test_check(t, status == MBCONV_OK && context.activation, "create: %s", error.message)) return;
  mbconv_info info = {0};
  test_check(t, mbconv_activation_info(context.activation, &info, NULL) == MBCONV_OK, "info");
  test_check(t, info.isa == t->isa && info.exp == variant, "made for another set or variant of the exponential");
  check_sizes(t, run_operator, &context, kind, t->small ? 3 : t->kernels->lanes + 1);
  mbconv_activation_destroy(context.activation);
}

void test_activation(struct test *t) {
  for (size_t v = 0; v < VARIANTS; v++) {
    /* Without FMA the scalar set has no `sleef`, and builds without SLEEF have none at all. */
    if (!mbconv_exp_usable(t->isa, variants[v])) continue;
    for (int k = MBCONV_ACTIVATION_NONE; k < KINDS; k++) {
      const mbconv_activation_kind kind = (mbconv_activation_kind)k;
      struct kernel_context kernel = {function_of(t->kernels, v, kind)};
      test_at(t, "%s, %s", kind_names[kind], mbconv_exp_name(variants[v]));
      if (!test_check(t, kernel.run != NULL, "missing")) continue;
      check_specials(t, kernel.run, kind);
      check_sizes(t, run_kernel, &kernel, kind, 4 * t->kernels->lanes + 1);
      test_at(t, "%s, %s, operator", kind_names[kind], mbconv_exp_name(variants[v]));
      check_operator(t, kind, variants[v]);
    }
  }
}
