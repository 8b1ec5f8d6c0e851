/* SPDX-License-Identifier: MIT
 *
 * The arithmetic of int8 apart from images: the constants that create makes of scales, bit for bit; sums to bytes for
 * sampled sums, ties among them; shortcuts on all pairs of bytes.
 */
#include <float.h>
#include <math.h>

#include "i8.h"
#include "i8/requantize.h"
#include "i8_case.h"

/* A float of any mantissa, its exponent from -`range` to `range`. */
static float random_scale(uint64_t *state, int range) {
  const int exponent = (int)test_random_size(state, 0, (size_t)(2 * range)) - range;
  return ldexpf(1.5f + 0.5f * test_random_float(state), exponent);
}

/* Whether TFLite's multiplier of m is this. */
static void check_multiplier(struct test *t, const char *name, double m, int32_t got, int32_t got_exponent) {
  int exponent;
  double multiplier = floor(ldexp(frexp(m, &exponent), 31) + 0.5);
  if (multiplier >= 2147483648.0) multiplier /= 2.0, exponent++;
  test_check(t, got == (int32_t)multiplier && got_exponent == exponent, "%s: %d << %d, not %.0f << %d", name, (int)got,
             (int)got_exponent, multiplier, exponent);
}

/* The constants of a channel whose weight is 1: they depend on nothing but the three scales. */
static void check_constants(struct test *t, uint64_t *state, mbconv_type type, mbconv_i8_rounding rounding) {
  static const int8_t weight = 1;
  const float in = random_scale(state, 6), of_weight = random_scale(state, 6), out = random_scale(state, 6);
  const mbconv_i8_stage_desc desc = {
      .weight = &weight, .weight_scale = &of_weight, .weight_scales = 1, .output = {out, 0}};
  const struct mbconv_i8_stage stage = {
      .desc = &desc, .type = type, .input = {in, 0}, .ending = {.rounding = rounding, .hi = 255}};
  struct mbconv_i8_channel channel;
  mbconv_error error = {.message = ""};
  test_at(t, "constants of %a * %a / %a, type %d, rounding %d", (double)in, (double)of_weight, (double)out, (int)type,
          (int)rounding);
  if (!test_check(t, mbconv_i8_channel_of(&stage, 0, 1, "stage", &channel, &error) == MBCONV_OK, "%s", error.message))
    return;
  const double product = (double)in * (double)of_weight; /* exact */
  if (rounding == MBCONV_I8_FP32) {
    /* A quotient of floats that is rounded to double first is the same float. */
    const float want = (float)((double)(float)product / (double)out);
    test_check(t, test_bits(channel.scale.scale) == test_bits(want), "%a, not %a", (double)channel.scale.scale,
               (double)want);
    return;
  }
  const double m = (type == MBCONV_U8 ? (double)(float)product : product) / (double)out;
  check_multiplier(t, "channel", m, channel.scale.multiplier, channel.shift);
}

/* Those of squeeze-excite's reference: MEAN's quotient is one of doubles, MUL's product and quotient are floats. */
static void check_excite_constants(struct test *t, uint64_t *state, mbconv_type type) {
  const float in = random_scale(state, 5), of_gate = random_scale(state, 3), out = random_scale(state, 5);
  const mbconv_i8_stage_desc desc = {.output = {out, 0}};
  const struct mbconv_i8_stage stage = {
      .desc = &desc, .type = type, .input = {in, 0}, .ending = {.rounding = MBCONV_I8_TFLITE_DOUBLE, .hi = 255}};
  const mbconv_quantization gate = {of_gate, 0};
  struct mbconv_i8_mean mean = {.shift = 99};
  struct mbconv_i8_gate by = {.shift = 99};
  mbconv_error error = {.message = ""};
  test_at(t, "squeeze-excite's constants of %a, %a, %a, type %d", (double)in, (double)of_gate, (double)out, (int)type);
  mbconv_status status =
      mbconv_i8_mean_of(MBCONV_I8_TFLITE_DOUBLE, type, &stage.input, &desc.output, "mean", &mean, &error);
  if (status == MBCONV_OK) status = mbconv_i8_gate_of(&stage, &gate, "stage", &by, &error);
  if (!test_check(t, status == MBCONV_OK, "%s", error.message)) return;
  check_multiplier(t, "mean", (double)in / (double)out, mean.multiplier, mean.shift);
  const float product = in * of_gate, quotient = product / out;
  check_multiplier(t, "gate", (double)quotient, by.scale.multiplier, by.shift);
}

/* Sums around a multiple of a half of the output's unit. With a scale that is a power of two it is a tie. */
static void check_sums(struct test *t, uint64_t *state, mbconv_type type, mbconv_i8_rounding rounding) {
  static const int8_t weight = 1;
  const int32_t least = type == MBCONV_S8 ? -128 : 0;
  const float one = 1.0f, in = test_random_size(state, 0, 1) ? 1.0f : random_scale(state, 0);
  const mbconv_i8_stage_desc desc = {
      .weight = &weight,
      .weight_scale = &one,
      .weight_scales = 1,
      .output = {ldexpf(1.0f, (int)test_random_size(state, 0, 9)), least + (int32_t)test_random_size(state, 0, 255)}};
  mbconv_i8_desc block = {.type = type, .rounding = rounding};
  const struct mbconv_i8_stage stage = {
      .desc = &desc,
      .type = type,
      .input = {in, 0},
      .ending = {.rounding = rounding, .zero = desc.output.zero_point - least, .hi = 255}};
  struct mbconv_i8_channel channel;
  test_at(t, "sums of %a / %a, type %d, rounding %d", (double)in, (double)desc.output.scale, (int)type, (int)rounding);
  if (!test_check(t, mbconv_i8_channel_of(&stage, 0, 1, "stage", &channel, NULL) == MBCONV_OK, "refused")) return;
  size_t bad = 0;
  int32_t example = 0;
  for (int32_t half = -600; half <= 600; half++) {
    for (int32_t near = -1; near <= 1; near++) {
      const int32_t sum = (int32_t)((float)half * 0.5f * desc.output.scale / in) + near;
      const int32_t got = mbconv_requantize(&stage.ending, sum, channel.scale, channel.shift) + least;
      if (got != i8_oracle_requantize(&block, &desc, in, 0, sum)) bad++, example = sum;
    }
  }
  test_check(t, bad == 0, "%zu sums are wrong, such as %d", bad, (int)example);
}

/* All pairs of bytes. */
static void check_add(struct test *t, uint64_t *state, mbconv_type type, mbconv_i8_add_kind kind) {
  const int32_t least = type == MBCONV_S8 ? -128 : 0;
  mbconv_quantization q[3];
  for (size_t i = 0; i < 3; i++)
    q[i] = (mbconv_quantization){random_scale(state, 2), least + (int32_t)test_random_size(state, 0, 255)};
  const mbconv_i8_desc desc = {.type = type, .add = kind, .sum = q[2]};
  const uint8_t flip = type == MBCONV_S8 ? 0x80 : 0;
  struct mbconv_i8_add add = {0};
  mbconv_error error = {.message = ""};
  test_at(t, "all sums, type %d, way %d, scales %a + %a to %a", (int)type, (int)kind, (double)q[0].scale,
          (double)q[1].scale, (double)q[2].scale);
  if (!test_check(t, mbconv_i8_add_of(kind, type, &q[0], &q[1], &q[2], &add, &error) == MBCONV_OK, "%s", error.message))
    return;
  add.hi = 255, add.a_flip = flip ^ 0x80, add.b_flip = add.flip = flip;
  size_t bad = 0;
  for (int32_t a = 0; a < 256; a++) {
    for (int32_t b = 0; b < 256; b++) {
      const uint8_t got = mbconv_i8_add_bytes(&add, (uint8_t)a ^ add.a_flip, (uint8_t)b ^ flip);
      bad += got != (uint8_t)i8_oracle_add(&desc, &q[0], &q[1], a + least, b + least);
    }
  }
  test_check(t, bad == 0, "%zu of 65536 are wrong", bad);
}

void test_i8_arithmetic(struct test *t) {
  static const mbconv_type types[] = {MBCONV_S8, MBCONV_U8};
  uint64_t state = t->seed;
  for (size_t i = 0; i < 2; i++) {
    for (size_t n = 0; n < 300; n++) check_excite_constants(t, &state, types[i]);
    for (int rounding = MBCONV_I8_FP32; rounding <= MBCONV_I8_TFLITE_DOUBLE; rounding++) {
      for (size_t n = 0; n < 300; n++) check_constants(t, &state, types[i], (mbconv_i8_rounding)rounding);
      for (size_t n = 0; n < 40; n++) check_sums(t, &state, types[i], (mbconv_i8_rounding)rounding);
    }
    for (int kind = MBCONV_I8_ADD_XNNPACK; kind <= MBCONV_I8_ADD_FLOAT; kind++)
      for (size_t n = 0; n < (t->small ? 3 : 30); n++) check_add(t, &state, types[i], (mbconv_i8_add_kind)kind);
  }
}
