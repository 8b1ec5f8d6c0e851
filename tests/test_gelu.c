/* SPDX-License-Identifier: MIT
 *
 * Both GELUs on all floats: the sets against each other, and the worst errors against double, which are asserted.
 */
#include <math.h>

#include "dispatch.h"
#include "more.h"
#include "oracle.h"
#include "sweep.h"

enum { SAMPLE_STEP = 40009, SPARSE_STEP = 61, ULP_STEP = 1021, ULP_SAMPLE_STEP = 160001 };

/* GELU promises 2 ULP for all floats, of any sign and size. */
static void check_gelu(struct test *t, mbconv_activation_fn *run) {
  static const float bends[] = {0.0f, 0x1p-12f, 0.25f, 1.0f, 2.0f, 4.0f, 8.0f, 13.0f, 14.5f, 16.0f, INFINITY};
  test_at(t, "gelu against double");
  for (size_t i = 0; i + 1 < sizeof bends / sizeof *bends; i++) {
    float x = 0;
    const uint32_t step = (t->small ? ULP_SAMPLE_STEP : ULP_STEP) / (bends[i] < 0.25f || bends[i] >= 16.0f ? 1 : 5);
    const double worst = sweep_worst_ulp(MBCONV_ACTIVATION_GELU, run, bends[i], bends[i + 1], step, &x);
    test_progress(t, "gelu: at most %.3f ULP where %g <= |x| < %g, at %a", worst, (double)bends[i],
                  (double)bends[i + 1], (double)x);
    test_check(t, worst <= 2, "%.3f ULP at %a", worst, (double)x);
  }
}

/* That by tanh promises 2 ULP above 0 and 2.6 (1 + |2u|) below; from -10.05 down, or just above, it is 0. */
static void check_gelu_tanh(struct test *t, mbconv_activation_fn *run) {
  const uint32_t step = t->small ? ULP_SAMPLE_STEP : ULP_STEP;
  double most[2] = {0, 0};
  test_at(t, "gelu-tanh against double");
  for (uint32_t sign = 0; sign < 2; sign++) {
    bool near = true;
    float where = 0;
    for (uint32_t bits = 0; bits < test_bits(INFINITY); bits += step) {
      const float x = test_float(bits | sign << 31);
      float y;
      run(1, &x, &y);
      const double exponent = fabs(oracle_gelu_exponent(x));
      const double error = oracle_ulp(y, oracle_activation(MBCONV_ACTIVATION_GELU_TANH, x));
      const bool vanishes = x < -10.046f && y == 0;
      if (near && !vanishes && !(error <= (sign ? 2.6 * (1 + exponent) : 2))) near = false, where = x;
      if (!vanishes) most[sign] = fmax(most[sign], sign ? error / (1 + exponent) : error);
    }
    test_check(t, near, "first at %a", (double)where);
  }
  test_progress(t, "gelu-tanh: at most %.3f ULP above 0, %.3f (1 + |2u|) below", most[0], most[1]);
}

static void compare(struct test *t, const char *name, mbconv_activation_fn *got, mbconv_activation_fn *want,
                    uint64_t step) {
  static const float edges[] = {0, -0.0f, 1, -1, 14.5f, -14.5f, 13.1f, -13.1f, -14.3f, -10.0625f, -10.046f, 9.98f, 174};
  const struct sweep s = {.test = t, .name = name, .got = got, .want = want, .step = t->small ? SAMPLE_STEP : step};
  sweep_edges(&s, edges, sizeof edges / sizeof *edges);
  sweep_all(&s);
}

/* AVX-512 is compared with AVX2 on every float, and on some with the scalar set, with which AVX2 is compared on every
 * float: the scalar set has no FMA there, and takes minutes. */
void test_gelu(struct test *t) {
  const struct mbconv_more_kernels *more = mbconv_more_of(t->kernels), *scalar = &mbconv_more_scalar;
  check_gelu(t, more->gelu);
  check_gelu_tanh(t, more->gelu_tanh);
  if (t->isa == MBCONV_ISA_SCALAR) return;
  const bool reached = t->isa == MBCONV_ISA_AVX512 && mbconv_exp_usable(MBCONV_ISA_AVX2, MBCONV_EXP_AUTO);
  compare(t, "gelu against scalar", more->gelu, scalar->gelu, reached ? SPARSE_STEP : 1);
  compare(t, "gelu-tanh against scalar", more->gelu_tanh, scalar->gelu_tanh, reached ? SPARSE_STEP : 1);
  if (!reached) return;
  const struct mbconv_more_kernels *avx2 = mbconv_more_of(mbconv_kernels_of(&mbconv_f32_sets, MBCONV_ISA_AVX2));
  compare(t, "gelu against avx2", more->gelu, avx2->gelu, 1);
  compare(t, "gelu-tanh against avx2", more->gelu_tanh, avx2->gelu_tanh, 1);
}
