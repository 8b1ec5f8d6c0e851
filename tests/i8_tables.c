/* SPDX-License-Identifier: MIT
 *
 * The tables that the library makes, against bytes that hosts/tables.py has computed in NumPy.
 */
#include <string.h>

#include "i8_case.h"

struct table_case {
  mbconv_i8_function function;
  mbconv_type type;
  mbconv_i8_rounding rounding;
  float alpha;
  mbconv_quantization x, y;
  uint64_t hash; /* FNV-1a of the 256 bytes */
};

/* Printed by hosts/tables.py. */
static const struct table_case cases[] = {
    {MBCONV_I8_LOGISTIC,
     MBCONV_S8,
     MBCONV_I8_FP32,
     0.0f,
     {0.05472564697265625000f, -116},
     {0.01868915557861328125f, 1},
     UINT64_C(0x33ead7ea6d62f385)},
    {MBCONV_I8_LOGISTIC,
     MBCONV_S8,
     MBCONV_I8_TFLITE_DOUBLE,
     0.0f,
     {0.02784347534179687500f, 4},
     {0.02004051208496093750f, -61},
     UINT64_C(0xa313afd2a16f8feb)},
    {MBCONV_I8_LOGISTIC,
     MBCONV_U8,
     MBCONV_I8_FP32,
     0.0f,
     {0.04096794128417968750f, 33},
     {0.02687263488769531250f, 5},
     UINT64_C(0x5909148a49f0dfcf)},
    {MBCONV_I8_LOGISTIC,
     MBCONV_U8,
     MBCONV_I8_TFLITE_DOUBLE,
     0.0f,
     {0.03499889373779296875f, 100},
     {0.00539398193359375000f, 97},
     UINT64_C(0xad6bb515e59dd797)},
    {MBCONV_I8_TANH,
     MBCONV_S8,
     MBCONV_I8_FP32,
     0.0f,
     {0.04282379150390625000f, -122},
     {0.00392913818359375000f, -68},
     UINT64_C(0xdb12e08a35a51f51)},
    {MBCONV_I8_TANH,
     MBCONV_S8,
     MBCONV_I8_TFLITE_DOUBLE,
     0.0f,
     {0.02414512634277343750f, 73},
     {0.00676631927490234375f, 30},
     UINT64_C(0x3024999f0f70e432)},
    {MBCONV_I8_TANH,
     MBCONV_U8,
     MBCONV_I8_FP32,
     0.0f,
     {0.05025672912597656250f, 251},
     {0.00688743591308593750f, 220},
     UINT64_C(0x5535adaa607b8a35)},
    {MBCONV_I8_TANH,
     MBCONV_U8,
     MBCONV_I8_TFLITE_DOUBLE,
     0.0f,
     {0.05671310424804687500f, 161},
     {0.01293277740478515625f, 47},
     UINT64_C(0x06c68b523532f780)},
    {MBCONV_I8_GELU,
     MBCONV_S8,
     MBCONV_I8_FP32,
     0.0f,
     {0.02237701416015625000f, 87},
     {0.02280807495117187500f, -21},
     UINT64_C(0xeb4cb528eff610f5)},
    {MBCONV_I8_GELU,
     MBCONV_S8,
     MBCONV_I8_TFLITE_DOUBLE,
     0.0f,
     {0.03782272338867187500f, -121},
     {0.01439094543457031250f, 115},
     UINT64_C(0x31f6441d5726fda8)},
    {MBCONV_I8_GELU,
     MBCONV_U8,
     MBCONV_I8_FP32,
     0.0f,
     {0.03686141967773437500f, 241},
     {0.01327514648437500000f, 82},
     UINT64_C(0x5d379309580c6d0d)},
    {MBCONV_I8_GELU,
     MBCONV_U8,
     MBCONV_I8_TFLITE_DOUBLE,
     0.0f,
     {0.04727363586425781250f, 126},
     {0.01316356658935546875f, 69},
     UINT64_C(0x57fda5ad1f2667d2)},
    {MBCONV_I8_SILU,
     MBCONV_S8,
     MBCONV_I8_FP32,
     0.0f,
     {0.04341602325439453125f, 66},
     {0.02181148529052734375f, 120},
     UINT64_C(0x16c1043f433703d0)},
    {MBCONV_I8_SILU,
     MBCONV_S8,
     MBCONV_I8_TFLITE_DOUBLE,
     0.0f,
     {0.02938652038574218750f, 27},
     {0.00404453277587890625f, 29},
     UINT64_C(0x121fa800453877a5)},
    {MBCONV_I8_SILU,
     MBCONV_U8,
     MBCONV_I8_FP32,
     0.0f,
     {0.03895282745361328125f, 59},
     {0.00808525085449218750f, 68},
     UINT64_C(0x163eb411bbe613ee)},
    {MBCONV_I8_SILU,
     MBCONV_U8,
     MBCONV_I8_TFLITE_DOUBLE,
     0.0f,
     {0.05696868896484375000f, 97},
     {0.01449775695800781250f, 145},
     UINT64_C(0xffcda2244f364a4b)},
    {MBCONV_I8_HARD_SWISH,
     MBCONV_S8,
     MBCONV_I8_FP32,
     0.0f,
     {0.05639648437500000000f, 59},
     {0.01778793334960937500f, -116},
     UINT64_C(0xb2acaf5d06c1f38f)},
    {MBCONV_I8_HARD_SWISH,
     MBCONV_S8,
     MBCONV_I8_TFLITE_DOUBLE,
     0.0f,
     {0.03777313232421875000f, 15},
     {0.00619506835937500000f, 119},
     UINT64_C(0xf9123484e3dc18df)},
    {MBCONV_I8_HARD_SWISH,
     MBCONV_U8,
     MBCONV_I8_FP32,
     0.0f,
     {0.04438877105712890625f, 56},
     {0.00498294830322265625f, 106},
     UINT64_C(0x231cfe0f221c94c4)},
    {MBCONV_I8_HARD_SWISH,
     MBCONV_U8,
     MBCONV_I8_TFLITE_DOUBLE,
     0.0f,
     {0.02113246917724609375f, 11},
     {0.02073574066162109375f, 202},
     UINT64_C(0x1668e7f07ca875da)},
    {MBCONV_I8_LEAKY_RELU,
     MBCONV_S8,
     MBCONV_I8_FP32,
     0.25f,
     {0.04857826232910156250f, -87},
     {0.00408077239990234375f, 40},
     UINT64_C(0x3baf53867a0cdae1)},
    {MBCONV_I8_LEAKY_RELU,
     MBCONV_S8,
     MBCONV_I8_TFLITE_DOUBLE,
     0.25f,
     {0.02739810943603515625f, -68},
     {0.01506137847900390625f, 113},
     UINT64_C(0xb78d8bccb72db6b7)},
    {MBCONV_I8_LEAKY_RELU,
     MBCONV_U8,
     MBCONV_I8_FP32,
     0.25f,
     {0.05039691925048828125f, 223},
     {0.02137279510498046875f, 139},
     UINT64_C(0x76710b1b817ae9a9)},
    {MBCONV_I8_LEAKY_RELU,
     MBCONV_U8,
     MBCONV_I8_TFLITE_DOUBLE,
     0.25f,
     {0.04648494720458984375f, 164},
     {0.02853965759277343750f, 213},
     UINT64_C(0xedce979d0862f6e4)},
};

static uint64_t hash_of(const uint8_t table[256]) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < 256; i++) hash = (hash ^ table[i]) * UINT64_C(0x100000001b3);
  return hash;
}

/* What is refused, and why. */
static void check_refusals(struct test *t) {
  static const struct {
    struct table_case c;
    const char *why;
  } bad[] = {
      {{(mbconv_i8_function)6, MBCONV_S8, MBCONV_I8_FP32, 0.0f, {0.1f, 0}, {0.1f, 0}, 0}, "function is 6"},
      {{MBCONV_I8_TANH, MBCONV_F32, MBCONV_I8_FP32, 0.0f, {0.1f, 0}, {0.1f, 0}, 0}, "tables are of MBCONV_S8"},
      {{MBCONV_I8_TANH, MBCONV_S8, (mbconv_i8_rounding)2, 0.0f, {0.1f, 0}, {0.1f, 0}, 0}, "rounding is 2"},
      {{MBCONV_I8_TANH, MBCONV_S8, MBCONV_I8_FP32, 0.5f, {0.1f, 0}, {0.1f, 0}, 0}, "alpha is not 0"},
      {{MBCONV_I8_LEAKY_RELU, MBCONV_S8, MBCONV_I8_FP32, -1.0f, {0.1f, 0}, {0.1f, 0}, 0}, "alpha is not a finite"},
      {{MBCONV_I8_TANH, MBCONV_S8, MBCONV_I8_FP32, 0.0f, {0.0f, 0}, {0.1f, 0}, 0}, "table: input: the scale"},
      {{MBCONV_I8_TANH, MBCONV_U8, MBCONV_I8_FP32, 0.0f, {0.1f, 0}, {0.1f, -1}, 0}, "table: output: the zero point"},
      {{MBCONV_I8_HARD_SWISH, MBCONV_S8, MBCONV_I8_FP32, 0.0f, {1.0f, 0}, {0.0078125f, 0}, 0}, "kernels of this"},
      {{MBCONV_I8_LEAKY_RELU, MBCONV_S8, MBCONV_I8_FP32, 1.0f, {1.0f, 0}, {0.007f, 0}, 0}, "kernels of this"},
      {{MBCONV_I8_LEAKY_RELU, MBCONV_S8, MBCONV_I8_FP32, 0.0f, {1.0f, 0}, {1.0f, 0}, 0}, "kernels of this"},
      {{MBCONV_I8_SILU, MBCONV_S8, MBCONV_I8_TFLITE_DOUBLE, 0.0f, {1e9f, 0}, {1e-9f, 0}, 0}, "kernels of this"},
  };
  uint8_t table[256];
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const struct table_case *c = &bad[i].c;
    mbconv_error error = {.message = ""};
    test_at(t, "a table that is refused, %zu", i);
    const mbconv_status status =
        mbconv_i8_make_table(c->function, c->alpha, c->type, c->rounding, &c->x, &c->y, table, &error);
    test_check(t, status == MBCONV_INVALID_ARGUMENT && strstr(error.message, bad[i].why), "%s", error.message);
  }
  test_check(t,
             mbconv_i8_make_table(MBCONV_I8_TANH, 0.0f, MBCONV_S8, MBCONV_I8_FP32, NULL, NULL, table, NULL) ==
                 MBCONV_INVALID_ARGUMENT,
             "NULL is taken");
}

/* LOGISTIC of 0 is 0.5, and here 2.5 of the output's scale: to even with the zero point added before, or away from zero
 * without it. */
static void check_halves(struct test *t) {
  static const struct {
    mbconv_i8_rounding rounding;
    int32_t zero;
    uint8_t want;
  } halves[] = {
      {MBCONV_I8_FP32, 0, 2}, {MBCONV_I8_FP32, 1, 4}, {MBCONV_I8_TFLITE_DOUBLE, 0, 3}, {MBCONV_I8_TFLITE_DOUBLE, 1, 4}};
  for (size_t i = 0; i < 4; i++) {
    const mbconv_quantization x = {0.1f, 7}, y = {0.2f, halves[i].zero};
    uint8_t table[256];
    test_at(t, "half a step of a table, %zu", i);
    const mbconv_status status =
        mbconv_i8_make_table(MBCONV_I8_LOGISTIC, 0.0f, MBCONV_U8, halves[i].rounding, &x, &y, table, NULL);
    test_check(t, status == MBCONV_OK && table[7] == halves[i].want, "%d", table[7]);
  }
}

void test_i8_tables(struct test *t) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct table_case *c = &cases[i];
    uint8_t table[256] = {0};
    mbconv_error error = {.message = ""};
    test_at(t, "table %zu: function %d, type %d, rounding %d", i, (int)c->function, (int)c->type, (int)c->rounding);
    const mbconv_status status =
        mbconv_i8_make_table(c->function, c->alpha, c->type, c->rounding, &c->x, &c->y, table, &error);
    test_check(t, status == MBCONV_OK, "%s", error.message);
    test_check(t, hash_of(table) == c->hash, "other bytes: %#llx", (unsigned long long)hash_of(table));
  }
  check_halves(t);
  check_refusals(t);
}
