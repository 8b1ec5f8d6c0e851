/* SPDX-License-Identifier: MIT
 *
 * The tables of PReLU, which the library makes, against the oracle's arithmetic; and what is refused about them.
 */
#include <float.h>
#include <stdio.h>
#include <string.h>

#include "i8_case.h"

enum { CHANNELS = 7 };

static mbconv_quantization random_quantization(mbconv_type type, float scale, uint64_t *state) {
  const int32_t least = type == MBCONV_S8 ? -128 : 0;
  return (mbconv_quantization){scale * (1.0f + 0.95f * test_random_float(state)),
                               least + (int32_t)test_random_size(state, 0, 255)};
}

static int32_t byte_of(mbconv_type type, uint8_t stored) { return type == MBCONV_S8 ? (int8_t)stored : stored; }

static void check_tables(struct test *t, mbconv_type type, float scale, uint64_t *state) {
  const int32_t least = type == MBCONV_S8 ? -128 : 0;
  const mbconv_quantization x = random_quantization(type, 0.1f, state), y = random_quantization(type, 0.1f, state);
  const mbconv_quantization slopes = random_quantization(type, scale, state);
  uint8_t slope[CHANNELS], tables[(CHANNELS + 1) * 256];
  mbconv_error error = {.message = ""};
  for (size_t c = 0; c < CHANNELS; c++) slope[c] = (uint8_t)test_random_size(state, 0, 255);
  memset(tables, 0xa5, sizeof tables);
  test_at(t, "PReLU, type %d, scales %a, %a, %a", (int)type, (double)x.scale, (double)slopes.scale, (double)y.scale);
  const mbconv_status status = mbconv_i8_make_prelu(CHANNELS, slope, &slopes, type, &x, &y, tables, &error);
  if (!test_check(t, status == MBCONV_OK, "%s", error.message)) return;
  const float product = x.scale * slopes.scale, above = x.scale / y.scale, below = product / y.scale;
  size_t wrong = 0;
  for (size_t i = 0; i < CHANNELS * 256; i++) {
    const int64_t v = byte_of(type, (uint8_t)i) - x.zero_point, of = byte_of(type, slope[i / 256]) - slopes.zero_point;
    const int64_t r = v >= 0 ? i8_oracle_scaled(v, (double)above) : i8_oracle_scaled(v * of, (double)below);
    const int64_t q = r + y.zero_point, want = q < least ? least : q > least + 255 ? least + 255 : q;
    wrong += byte_of(type, tables[i]) != want;
  }
  for (size_t i = CHANNELS * 256; i < sizeof tables; i++) wrong += tables[i] != 0xa5;
  test_check(t, wrong == 0, "%zu of %d bytes are wrong", wrong, CHANNELS * 256);
}

static void refuse(struct test *t, const mbconv_quantization q[3], mbconv_type type, const char *message) {
  static const uint8_t slope[CHANNELS] = {1};
  uint8_t tables[CHANNELS * 256];
  mbconv_error error = {.message = ""};
  memset(tables, 0xa5, sizeof tables);
  test_at(t, "PReLU refused: %s", message);
  const mbconv_status status = mbconv_i8_make_prelu(CHANNELS, slope, &q[1], type, &q[0], &q[2], tables, &error);
  test_check(t, status == MBCONV_INVALID_ARGUMENT && strcmp(error.message, message) == 0, "\"%s\"", error.message);
  for (size_t i = 0; i < sizeof tables; i++) test_check(t, tables[i] == 0xa5, "a refused call has written");
}

static void check_refusals(struct test *t) {
  const mbconv_quantization good[3] = {{1.0f, 0}, {1.0f, 0}, {1.0f, 0}};
  const uint8_t slope[1] = {0};
  uint8_t tables[256];
  mbconv_quantization q[3];
  mbconv_error error = {.message = ""};
  refuse(t, good, MBCONV_F32, "type is 0: tables are of MBCONV_S8 or MBCONV_U8");
  static const char *const zero[] = {"prelu: input: the scale is not a normal number above 0",
                                     "prelu: slopes: the scale is not a normal number above 0",
                                     "prelu: output: the scale is not a normal number above 0"};
  for (size_t i = 0; i < 3; i++) {
    memcpy(q, good, sizeof q);
    q[i].scale = 0.0f;
    refuse(t, q, MBCONV_S8, zero[i]);
  }
  static const char beyond[] = "prelu: input scale (* the slopes' scale) / output scale is 2^15 or more";
  memcpy(q, good, sizeof q);
  q[0].scale = 32768.0f;
  refuse(t, q, MBCONV_S8, beyond);
  q[0].scale = 1.0f, q[1].scale = 32768.0f;
  refuse(t, q, MBCONV_U8, beyond);
  q[0].scale = q[1].scale = FLT_MAX, q[2].scale = FLT_MAX;
  refuse(t, q, MBCONV_U8, beyond);
  static const char *const names[] = {"slope", "slopes", "input", "output", "tables"};
  for (size_t i = 0; i < 5; i++) {
    char want[32];
    snprintf(want, sizeof want, "%s is NULL", names[i]);
    const mbconv_status status =
        mbconv_i8_make_prelu(1, i == 0 ? NULL : slope, i == 1 ? NULL : good, MBCONV_S8, i == 2 ? NULL : good,
                             i == 3 ? NULL : good, i == 4 ? NULL : tables, &error);
    test_check(t, status == MBCONV_INVALID_ARGUMENT && strcmp(error.message, want) == 0, "\"%s\"", error.message);
  }
}

void test_i8_prelu(struct test *t) {
  uint64_t state = t->seed;
  for (size_t i = 0; i < (t->small ? 40 : 400); i++)
    check_tables(t, i % 2 ? MBCONV_S8 : MBCONV_U8, i % 5 ? 0.01f : i % 3 ? 100.0f : FLT_MIN * 30.0f, &state);
  check_refusals(t);
}
