/* SPDX-License-Identifier: MIT
 *
 * What all results rest on: a fused multiply-add that rounds once, as each set does it and as it is done where there is
 * no instruction, and the square root of the C library, against integers.
 */
#include <math.h>

#include "fma.h"
#include "oracle_arithmetic.h"
#include "test.h"

/* ---- Operands ---------------------------------------------------------------------------------------------------- */

struct operands {
  float a, b, c;
};

enum { SPECIAL = 15, KINDS = 7 };

/* Where formats end, on both sides. */
static const uint32_t special[SPECIAL] = {
    0x00000000u, 0x80000000u,                                        /* zeros */
    0x00000001u, 0x80000001u, 0x007fffffu, 0x00800000u, 0x80800001u, /* the denormals and what follows */
    0x3f800000u, 0xbf800000u, 0x3f7fffffu, 0x3f800001u,              /* 1 and what is beside it */
    0x7f7fffffu, 0x7f800000u, 0xff800000u, 0x7fc00000u,              /* the largest, infinities, NaN */
};

static float with_exponent(uint64_t random, int exponent) {
  const uint32_t field = exponent < -126 ? 0 : (uint32_t)(exponent + 127);
  return test_float((uint32_t)(random & 0x807fffffu) | field << 23);
}

static int exponent_between(uint64_t *state, int low, int high) {
  return low + (int)test_random_size(state, 0, (size_t)(high - low));
}

/* (1 + i 2^-23) (1 - i 2^-23) 2^scale: just below a power of two, by less than the last place of the sum in double, or
 * by one or two of them. */
static void just_below(uint64_t *state, int scale, struct operands *o) {
  const float i = (float)test_random_size(state, 1, test_random(state) & 1 ? 3 : 600) * 0x1p-23f;
  o->a = ldexpf(1 + i, scale / 2);
  o->b = ldexpf(1 - i, scale - scale / 2);
}

static struct operands random_operands(uint64_t *state, size_t kind) {
  struct operands o;
  const int e = exponent_between(state, -60, 60);
  o.a = with_exponent(test_random(state), e);
  o.b = with_exponent(test_random(state), exponent_between(state, -60, 60));
  switch (kind) {
    case 0: /* summands of like size */
      o.c = with_exponent(test_random(state), exponent_between(state, -2, 2));
      o.b = with_exponent(test_random(state), -e + exponent_between(state, -2, 2));
      break;
    case 1: /* any */ o.c = with_exponent(test_random(state), exponent_between(state, -126, 126)); break;
    case 2: { /* a product just beside half of c's last place */
      const int exponent = exponent_between(state, -60, 60);
      o.c = with_exponent(test_random(state), exponent);
      just_below(state, exponent - 24, &o);
      break;
    }
    case 3: { /* the same, the sum a denormal: all of these have the last place 2^-149 */
      o.c = with_exponent(test_random(state), exponent_between(state, -127, -126));
      just_below(state, -150, &o);
      break;
    }
    case 4: /* a product that is a tie, and c far behind it */
      o.a = (float)(test_random_size(state, 0x400000, 0x7fffff) * 2 + 1) * 0x1p-23f;
      o.b = 1.5f;
      o.c = with_exponent(test_random(state), exponent_between(state, -127, -30));
      break;
    case 5: /* cancellation of all but what the product's rounding loses */ o.c = -(o.a * o.b); break;
    default: /* at the ends: products about the least denormal, and about the largest float */
      if (test_random(state) & 1) {
        o.b = with_exponent(test_random(state), -150 - e < -126 ? -126 : -150 - e + exponent_between(state, 0, 3));
        o.c = test_float((uint32_t)test_random_size(state, 0, 3) | (uint32_t)(test_random(state) & 0x80000000u));
      } else {
        o.b = with_exponent(test_random(state), 127 - e > 127 ? 127 : 127 - e - exponent_between(state, 0, 1));
        o.c = with_exponent(test_random(state), exponent_between(state, 100, 127));
      }
  }
  if (test_random(state) & 1) o.a = -o.a;
  return o;
}

/* ---- Judging ----------------------------------------------------------------------------------------------------- */

enum { MOST = 15 * 15 * 15 };

/* The same bits, the sign of zero too; or both NaN. */
static bool same(float x, float y) { return (x != x && y != y) || test_bits(x) == test_bits(y); }

static void judge(struct test *t, const char *what, size_t n, const struct operands *o, const float *got,
                  const float *want) {
  size_t wrong = 0, first = 0;
  for (size_t i = n; i-- > 0;) {
    if (!same(got[i], want[i])) wrong++, first = i;
  }
  test_check(t, wrong == 0, "%s: %zu of %zu differ, the first %a * %a + %a is %a, not %a", what, wrong, n,
             (double)o[first].a, (double)o[first].b, (double)o[first].c, (double)got[first], (double)want[first]);
}

/* One step of a chain in the set's own tile: one pixel, the panel's first channel. */
static float by_tile(const struct mbconv_kernels *kernels, struct operands o) {
  enum { WIDEST = 48 };
  static _Alignas(MBCONV_ALIGNMENT) float weights[WIDEST], bias[WIDEST];
  const struct mbconv_pointwise_tile *tile = &kernels->pointwise[0];
  float y[WIDEST];
  void *rows[1] = {y};
  for (size_t i = 0; i < WIDEST; i++) weights[i] = o.a, bias[i] = o.c;
  const struct mbconv_pointwise_panel panel = {.k = 1,
                                               .segment = 1,
                                               .weights = weights,
                                               .bias = bias,
                                               .channels = tile->channels,
                                               .x_stride = 1,
                                               .ending = mbconv_ending_none()};
  tile->run(&panel, 1, 1, &o.b, rows, 0, NULL);
  return y[tile->channels - 1];
}

static void compare(struct test *t, size_t n, const struct operands *o) {
  static float want[MOST], got[MOST];
  for (size_t i = 0; i < n; i++) want[i] = oracle_fma_by_integers(o[i].a, o[i].b, o[i].c);
  for (size_t i = 0; i < n; i++) got[i] = fma_by_doubles(o[i].a, o[i].b, o[i].c);
  judge(t, "by doubles", n, o, got, want);
  for (size_t i = 0; i < n; i++) got[i] = fma_f32(o[i].a, o[i].b, o[i].c);
  judge(t, "the scalar set's", n, o, got, want);
  for (size_t i = 0; i < n; i++) got[i] = oracle_fma(o[i].a, o[i].b, o[i].c);
  judge(t, "the oracle's", n, o, got, want);
  for (size_t i = 0; i < n; i++) got[i] = by_tile(t->kernels, o[i]);
  judge(t, "a tile's", n, o, got, want);
}

static void roots(struct test *t, uint64_t *state) {
  size_t wrong = 0;
  double first = 0;
  const size_t n = t->small ? 2000 : 100000;
  test_at(t, "square roots");
  for (size_t i = 0; i < n; i++) {
    /* a variance plus an epsilon; every other one just beside a square, where the root is near a tie */
    volatile double x = (double)test_random_float(state) + 1 + 1e-5;
    if (i % 2) x = x * x * (1 + 0x1p-52 * (double)test_random_size(state, 0, 2));
    if (i % 3 == 0) x = ldexp(x, exponent_between(state, -140, 127));
    if (sqrt(x) != oracle_root_by_integers(x)) wrong++, first = x;
  }
  test_check(t, wrong == 0, "%zu of %zu are wrong, such as that of %a", wrong, n, first);
}

void test_arithmetic(struct test *t) {
  static struct operands o[MOST];
  uint64_t state = t->seed;
  test_at(t, "special values");
  for (size_t i = 0; i < MOST; i++)
    o[i] = (struct operands){test_float(special[i / SPECIAL / SPECIAL]), test_float(special[i / SPECIAL % SPECIAL]),
                             test_float(special[i % SPECIAL])};
  compare(t, MOST, o);
  const size_t rounds = t->small ? 1 : 30;
  for (size_t round = 0; round < rounds; round++) {
    for (size_t kind = 0; kind < KINDS; kind++) {
      test_at(t, "random operands of kind %zu", kind);
      for (size_t i = 0; i < MOST; i++) o[i] = random_operands(&state, kind);
      compare(t, MOST, o);
    }
  }
  roots(t, &state);
}
