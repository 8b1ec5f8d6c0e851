/* SPDX-License-Identifier: MIT
 *
 * What the rows of int8 do to bytes: shortcuts on all pairs (with the small budget on a third of them), in all three
 * ways, with ratios of scales at the limits, too; tables and turned signs of all bytes in all tails; three planes.
 * Against the oracle.
 */
#include <float.h>

#include "i8.h"
#include "i8_bytes.h"
#include "i8_case.h"
#include "i8_row.h"
#include "i8_sets.h"

enum { BYTES = 256, MOST_CHANNELS = 150 };

static float random_scale(uint64_t *state) { return 0.1f * (1.0f + 0.95f * test_random_float(state)); }

/* The quantizations of what is added and of the sum. */
struct adding {
  mbconv_quantization a, b, y;
};

/* All pairs by a row. */
static void check_add(struct test *t, const struct mbconv_kernels *kernels, mbconv_type type, mbconv_i8_add_kind kind,
                      const struct adding *adding, mbconv_activation_kind activation) {
  static uint8_t a[BYTES * BYTES], b[BYTES * BYTES];
  const int32_t least = type == MBCONV_S8 ? -128 : 0;
  const uint8_t flip = type == MBCONV_S8 ? 0x80 : 0;
  const mbconv_i8_desc desc = {.type = type, .add = kind, .sum = adding->y, .sum_activation = activation};
  struct mbconv_i8_add add = {0};
  mbconv_error error = {.message = ""};
  test_at(t, "%s: all sums, type %d, way %d, activation %d, scales %a + %a to %a", mbconv_isa_name(kernels->isa),
          (int)type, (int)kind, (int)activation, (double)adding->a.scale, (double)adding->b.scale,
          (double)adding->y.scale);
  mbconv_status status = mbconv_i8_add_of(kind, type, &adding->a, &adding->b, &adding->y, &add, &error);
  if (status == MBCONV_OK) status = mbconv_i8_bounds(activation, &adding->y, type, "sum", &add.lo, &add.hi, &error);
  if (!test_check(t, status == MBCONV_OK, "%s", error.message)) return;
  add.a_flip = kernels->i8->turned, add.b_flip = add.flip = flip;
  for (size_t i = 0; i < BYTES * BYTES; i++)
    a[i] = (uint8_t)(i / BYTES) ^ add.a_flip, b[i] = (uint8_t)(i % BYTES) ^ flip;
  kernels->i8->add(&add, BYTES, BYTES, a, BYTES, b, BYTES);
  size_t wrong = 0;
  for (int32_t i = 0; i < BYTES * BYTES; i += t->small ? 3 : 1) {
    const int32_t want = i8_oracle_add(&desc, &adding->a, &adding->b, i / BYTES + least, i % BYTES + least);
    wrong += a[i] != (uint8_t)want;
  }
  test_check(t, wrong == 0, "%zu are wrong", wrong);
}

static void check_adds(struct test *t, const struct mbconv_kernels *kernels, uint64_t *state) {
  /* The largest and smallest ratios that each way takes: of a, and of b. */
  static const float most[] = {0x1.fffffep7f, 0x1.fffffep18f, 0x1p64f}, few[] = {0x1p-10f, FLT_MIN, 0x1p-64f};
  static const mbconv_activation_kind activations[] = {MBCONV_ACTIVATION_NONE, MBCONV_ACTIVATION_RELU,
                                                       MBCONV_ACTIVATION_RELU6};
  for (int kind = MBCONV_I8_ADD_XNNPACK; kind <= MBCONV_I8_ADD_FLOAT; kind++) {
    for (size_t n = 0; n < (t->small ? 4 : 16); n++) {
      const mbconv_type type = n % 2 ? MBCONV_S8 : MBCONV_U8;
      const int32_t least = type == MBCONV_S8 ? -128 : 0;
      struct adding adding;
      mbconv_quantization *const all[] = {&adding.a, &adding.b, &adding.y};
      for (size_t i = 0; i < 3; i++)
        *all[i] = (mbconv_quantization){random_scale(state), least + (int32_t)test_random_size(state, 0, 255)};
      if (n % 4 == 0) adding.a.scale = most[kind], adding.b.scale = few[kind], adding.y.scale = 1.0f;
      if (n % 4 == 1) adding.a.scale = 1.0f, adding.b.scale = 1.0f, adding.y.scale = 2.0f; /* ties */
      /* A large number is taken away from another: the order of the additions shows. */
      if (n % 4 == 2 && kind == MBCONV_I8_ADD_FLOAT)
        adding = (struct adding){{0.0371f, least + 3}, {400.0f, least + 201}, {0.1f, least + 20}};
      check_add(t, kernels, type, (mbconv_i8_add_kind)kind, &adding, activations[n / 2 % 3]);
    }
  }
}

/* Every byte, in every tail, in place and not. */
static void check_table(struct test *t, const struct mbconv_kernels *kernels, uint64_t *state) {
  uint8_t table[BYTES], x[2 * BYTES + MOST_CHANNELS], y[2 * BYTES + MOST_CHANNELS];
  for (size_t i = 0; i < BYTES; i++) table[i] = (uint8_t)test_random_size(state, 0, 255);
  size_t wrong = 0;
  test_at(t, "%s: a table", mbconv_isa_name(kernels->isa));
  for (size_t channels = 1; channels <= MOST_CHANNELS; channels++) {
    const size_t stride = channels + channels % 3, pixels = BYTES / channels + 1, n = (pixels - 1) * stride + channels;
    for (size_t i = 0; i < n; i++) x[i] = (uint8_t)(i + channels);
    memset(y, 0xa5, sizeof y);
    uint8_t *const to = channels % 2 ? y : x;
    kernels->i8->table(pixels, channels, x, stride, table, to, stride);
    for (size_t i = 0; i < n; i++) {
      const uint8_t from = (uint8_t)(i + channels), between = channels % 2 ? 0xa5 : from;
      wrong += to[i] != (i % stride < channels ? table[from] : between);
    }
  }
  test_check(t, wrong == 0, "%zu bytes are wrong", wrong);
}

static void check_flip(struct test *t, const struct mbconv_kernels *kernels) {
  uint8_t x[2 * BYTES], y[2 * BYTES];
  size_t wrong = 0;
  test_at(t, "%s: signs", mbconv_isa_name(kernels->isa));
  for (size_t n = 1; n < 2 * BYTES; n++) {
    for (size_t i = 0; i < n; i++) x[i] = (uint8_t)(i + n);
    memset(y, 0xa5, sizeof y);
    kernels->i8->flip(n, x, y);
    for (size_t i = 0; i < 2 * BYTES; i++) wrong += y[i] != (i < n ? (uint8_t)(i + n) ^ 0x80 : 0xa5);
  }
  test_check(t, wrong == 0, "%zu bytes are wrong", wrong);
}

/* Three planes of any length, between guard pages. */
static void check_planes(struct test *t, const struct mbconv_kernels *kernels, size_t pixels, size_t stride,
                         enum test_guard guard) {
  struct bytes x, y;
  bytes_new(&x, 2 * stride + pixels, guard);
  bytes_new(&y, 3 * pixels, guard);
  for (size_t i = 0; i < x.n; i++) x.data[i] = (uint8_t)(i * 7 + pixels);
  test_buffer_protect(&x.buffer);
  kernels->interleave3(pixels, x.data, stride, y.data);
  size_t wrong = 0;
  for (size_t i = 0; i < y.n; i++) wrong += y.data[i] != (uint8_t)((i % 3 * stride + i / 3) * 7 + pixels);
  test_at(t, "%s: three planes of %zu bytes, %zu apart", mbconv_isa_name(kernels->isa), pixels, stride);
  test_check(t, wrong == 0 && bytes_intact(&y), "%zu bytes are wrong, or written outside", wrong);
  test_buffer_free(&x.buffer);
  test_buffer_free(&y.buffer);
}

void test_i8_elementwise(struct test *t) {
  uint64_t state = t->seed;
  test_check(t, mbconv_i8_sets.count > 0, "no row of int8");
  for (size_t i = 0; i < mbconv_i8_sets.count; i++) {
    const struct mbconv_row *row = &mbconv_i8_sets.rows[i];
    if (!i8_row_runs(row, t->isa)) continue;
    check_adds(t, row->kernels, &state);
    check_table(t, row->kernels, &state);
    check_flip(t, row->kernels);
    for (size_t pixels = 1; pixels < 100; pixels++) {
      check_planes(t, row->kernels, pixels, pixels, TEST_GUARD_AFTER);
      check_planes(t, row->kernels, pixels, pixels + 5, TEST_GUARD_BEFORE);
    }
  }
}
