/* SPDX-License-Identifier: MIT
 *
 * Tensors of each type that becomes F32, at any address; and whole files of them, behind a prefix too.
 */
#include <math.h>
#include <stdlib.h>

#include "file_case.h"
#include "networks_suites.h"
#include "tensors.h"

/* A tensor of this type with `size` bytes at `data` alone. */
static bool place(const char *type, const void *data, size_t size, struct mbconv_tensors *tensors,
                  struct mbconv_tensor *tensor) {
  *tensor = (struct mbconv_tensor){.rank = 1, .shape = {size / mbconv_type_size(type)}, .end = size};
  strcpy(tensor->type, type);
  tensor->name = (char[]){"a"};
  *tensors = (struct mbconv_tensors){.count = 1, .tensor = tensor};
  return mbconv_tensors_place(data, tensors, NULL) == MBCONV_OK;
}

/* Every F16 and every BF16 is the float that the format's definition says. */
static void check_halves(struct test *t) {
  enum { COUNT = 1 << 16 };
  uint16_t *halves = malloc(COUNT * sizeof *halves);
  if (!halves) abort();
  for (size_t i = 0; i < COUNT; i++) halves[i] = (uint16_t)i;
  for (int bf16 = 0; bf16 <= 1; bf16++) {
    const int mantissa_bits = bf16 ? 7 : 10, most = bf16 ? 255 : 31, bias = bf16 ? 127 : 15;
    struct mbconv_tensors tensors;
    struct mbconv_tensor tensor;
    test_at(t, bf16 ? "all of BF16" : "all of F16");
    if (!test_check(t, place(bf16 ? "BF16" : "F16", halves, COUNT * sizeof *halves, &tensors, &tensor), "place")) break;
    size_t wrong = 0;
    for (int i = 0; i < COUNT; i++) {
      const int exponent = i >> mantissa_bits & most, mantissa = i & ((1 << mantissa_bits) - 1);
      const double whole = 1 << mantissa_bits;
      double want = exponent > 0 ? ldexp(1 + mantissa / whole, exponent - bias) : ldexp(mantissa / whole, 1 - bias);
      if (exponent == most) want = mantissa ? NAN : INFINITY;
      if (i >> 15) want = -want;
      const double got = (double)tensor.data[i];
      const bool same = isnan(want) ? isnan(got) : got == want && (signbit(got) != 0) == (i >> 15);
      wrong += !same;
    }
    test_check(t, wrong == 0, "%zu of %d are wrong", wrong, COUNT);
    free(tensors.owned);
  }
  free(halves);
}

static void check_doubles(struct test *t) {
  static const struct {
    double value;
    bool exact;
  } doubles[] = {{0.25, true},        {-0.0, true}, {0x1.fffffep127, true}, {INFINITY, true},        {NAN, true},
                 {0x1p-149, true},    {0.1, false}, {1e300, false},         {0x1.ffffffp127, false}, {0x1p-150, false},
                 {1 + 0x1p-24, false}};
  for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++) {
    const double values[2] = {1, doubles[i].value};
    struct mbconv_tensors tensors;
    struct mbconv_tensor tensor;
    test_at(t, "F64 %g", doubles[i].value);
    const bool placed = place("F64", values, sizeof values, &tensors, &tensor);
    test_check(t, placed == doubles[i].exact, "taken: %d", placed);
    if (placed) {
      const double got = (double)tensor.data[1];
      test_check(t, isnan(values[1]) ? isnan(got) : got == values[1], "became %g", got);
    }
    free(tensors.owned);
  }
}

/* F32 anywhere in memory is read, and handed on aligned: some CPUs read no other. */
static void check_aligned(struct test *t) {
  _Alignas(16) char room[32] = {0};
  for (size_t residue = 0; residue < 8; residue++) {
    const float values[2] = {0.1f, -3};
    struct mbconv_tensors tensors;
    struct mbconv_tensor tensor;
    test_at(t, "F32 at residue %zu", residue);
    memcpy(room + residue, values, sizeof values);
    test_check(t, place("F32", room + residue, sizeof values, &tensors, &tensor), "place");
    test_check(t, (uintptr_t)tensor.data % sizeof(float) == 0, "misaligned");
    test_check(t, memcmp(tensor.data, values, sizeof values) == 0, "other values");
    test_check(t, (tensors.owned == NULL) == (residue % sizeof(float) == 0), "copied: %d", tensors.owned != NULL);
    free(tensors.owned);
  }
}

/* A whole file in each type: the logits are those of the same floats as F32. And all names behind a prefix. */
static void check_types(struct test *t) {
  static const struct file_changes changes[] = {
      {.coarse = "F32"},
      {.coarse = "BF16"},
      {.coarse = "F16"},
      {.coarse = "F64"},
      {.coarse = "BF16", .spaces = 1},
      {.coarse = "F64", .spaces = 5},
      {.coarse = "F32", .prefix = "module."},
      {.coarse = "F32", .prefix = "_orig_mod.module."},
  };
  const struct mbconv_description d = file_case_describe("mobilenet_v2_0.1", MBCONV_TORCHVISION, 7);
  float y[2][7];
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    test_at(t, "all tensors %s, prefix \"%s\", %zu spaces", changes[i].coarse,
            changes[i].prefix ? changes[i].prefix : "", changes[i].spaces);
    struct file_case file;
    file_case_of_network(&file, &d, 3, &changes[i]);
    mbconv_network *network = file_case_load(t, &file, &(mbconv_network_options){.height = 32, .width = 32});
    file_case_free(&file);
    if (network) file_case_run(t, network, 1, y[i > 0]);
    if (network && i > 0) test_check_equal(t, y[1], y[0], 7, "logits");
    mbconv_network_destroy(network);
  }
}

void test_floats(struct test *t) {
  check_halves(t);
  check_doubles(t);
  check_aligned(t);
  check_types(t);
}
