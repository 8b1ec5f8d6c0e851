/* SPDX-License-Identifier: MIT
 *
 * Softmax and top-k.
 */
#include <math.h>

#include "networks_suites.h"

static void check_softmax(struct test *t, uint64_t *state) {
  enum { MOST = 1000 };
  static float x[MOST], y[MOST];
  for (size_t n = 1; n <= MOST; n += n < 40 ? 1 : 320) {
    test_at(t, "softmax of %zu", n);
    double sum = 0, exact = 0;
    const float spread = n % 2 ? 200 : 4; /* a few that count, or all of them */
    for (size_t i = 0; i < n; i++) x[i] = spread * test_random_float(state);
    for (size_t i = 0; i < n; i++) exact += exp((double)x[i]);
    mbconv_softmax(n, x, y);
    bool near = true;
    for (size_t i = 0; i < n; i++) {
      const double want = exp((double)x[i]) / exact;
      near = near && fabs(y[i] - want) <= 0x1.00001p-24 * want + 0x1p-150; /* the nearest float, or nearly */
      sum += (double)y[i];
    }
    test_check(t, near, "far from the definition");
    test_check(t, fabs(sum - 1) < 0x1p-23, "the sum is %g", sum);
    mbconv_softmax(n, x, x);
    test_check_equal(t, x, y, n, "in place");
  }
  test_at(t, "special values");
  x[0] = 1, x[1] = NAN, x[2] = 2;
  mbconv_softmax(3, x, y);
  test_check(t, isnan(y[0]) && isnan(y[1]) && isnan(y[2]), "NaN");
  x[1] = INFINITY;
  mbconv_softmax(3, x, y);
  test_check(t, isnan(y[0]) && isnan(y[1]) && isnan(y[2]), "infinity");
  x[1] = -INFINITY;
  mbconv_softmax(3, x, y);
  test_check(t, y[1] == 0 && y[0] > 0 && y[2] > y[0], "-infinity");
  mbconv_softmax(0, NULL, NULL);
}

/* Whether value i must come before value j. */
static bool before(const float *x, size_t i, size_t j) {
  const float a = isnan(x[i]) ? -INFINITY : x[i], b = isnan(x[j]) ? -INFINITY : x[j];
  if (isnan(x[i]) != isnan(x[j])) return isnan(x[j]);
  return a > b || (a == b && i < j);
}

static void check_top_k(struct test *t, uint64_t *state) {
  enum { MOST = 30 };
  for (size_t n = 0; n <= MOST; n++) {
    for (size_t k = 0; k <= MOST; k += 3) {
      test_at(t, "top %zu of %zu", k, n);
      float x[MOST + 1];
      size_t best[MOST + 1];
      for (size_t i = 0; i <= MOST; i++) {
        x[i] = (float)test_random_size(state, 0, 9); /* with equals */
        if (test_random_size(state, 0, 9) == 0) x[i] = NAN;
        best[i] = 999;
      }
      const size_t count = mbconv_top_k(n, x, k, best);
      bool right = count == (k < n ? k : n) && best[count] == 999;
      for (size_t i = 0; right && i < count; i++) {
        size_t place = 0;
        for (size_t j = 0; j < n; j++) place += before(x, j, best[i]);
        right = place == i;
      }
      test_check(t, right, "wrong order");
    }
  }
}

void test_logits(struct test *t) {
  uint64_t state = t->seed;
  check_softmax(t, &state);
  check_top_k(t, &state);
}
