/* SPDX-License-Identifier: MIT
 *
 * Numbers that int8 cannot compute with are refused, with a message that names them: scales, zero points, bounds,
 * biases; and limits: the last good value is taken, the first bad one is not.
 */
#include <float.h>
#include <math.h>
#include <stddef.h>

#include "mbconv_i8.h"
#include "test.h"

/* Two pointwise stages, a table between them, and a residual that is given. The sums of the first one's channels are at
 * most |bias| + 2 * 255 away from 0. */
struct fixture {
  mbconv_i8_desc desc;
  mbconv_i8_stage_desc stage[2];
  int8_t first[3][2], second[2][3];
  int32_t bias[3];
  float scale[3];
  uint8_t table[256];
};

static void fixture_new(struct fixture *f, mbconv_type type) {
  *f = (struct fixture){
      .first = {{1, -1}, {1, -1}, {1, -1}}, .second = {{1, 2, 3}, {4, 5, 6}}, .scale = {1.0f, 1.0f, 1.0f}};
  const mbconv_quantization one = {1.0f, 0};
  f->stage[0] = (mbconv_i8_stage_desc){.kind = MBCONV_STAGE_POINTWISE,
                                       .out_channels = 3,
                                       .weight = f->first[0],
                                       .bias = f->bias,
                                       .weight_scale = f->scale,
                                       .weight_scales = 3,
                                       .output = one,
                                       .table = f->table,
                                       .table_output = one};
  f->stage[1] = (mbconv_i8_stage_desc){.kind = MBCONV_STAGE_POINTWISE,
                                       .out_channels = 2,
                                       .weight = f->second[0],
                                       .weight_scale = f->scale,
                                       .weight_scales = 1,
                                       .output = one};
  f->desc = (mbconv_i8_desc){.type = type,
                             .height = 1,
                             .width = 1,
                             .in_channels = 2,
                             .input = one,
                             .count = 2,
                             .stages = f->stage,
                             .residual = MBCONV_RESIDUAL_GIVEN,
                             .residual_input = one,
                             .sum = one};
}

/* Creates it; `message` NULL: it must be taken. */
static void check(struct test *t, const struct fixture *f, const char *message) {
  const mbconv_options options = {.isa = MBCONV_ISA_SCALAR};
  mbconv_error error = {.message = ""};
  mbconv_block *block = NULL;
  const mbconv_status status = mbconv_block_create_i8(&f->desc, &options, &block, &error);
  if (message)
    test_check(t, status == MBCONV_INVALID_ARGUMENT && !block && strstr(error.message, message), "%s: \"%s\"",
               block ? "taken" : "another message", error.message);
  else
    test_check(t, status == MBCONV_OK && block, "refused: \"%s\"", error.message);
  mbconv_block_destroy(block);
}

/* ---- Scales and zero points -------------------------------------------------------------------------------------- */

struct field {
  size_t offset; /* in the fixture */
  const char *name;
};

static void check_scales(struct test *t, mbconv_type type) {
  static const struct field fields[] = {
      {offsetof(struct fixture, desc.input.scale), "input: the scale is not a normal number above 0"},
      {offsetof(struct fixture, desc.residual_input.scale), "residual_input: the scale is not a normal number above 0"},
      {offsetof(struct fixture, desc.sum.scale), "sum: the scale is not a normal number above 0"},
      {offsetof(struct fixture, stage[0].output.scale), "stages[0].output: the scale is not a normal number above 0"},
      {offsetof(struct fixture, stage[0].table_output.scale),
       "stages[0].table_output: the scale is not a normal number above 0"},
      {offsetof(struct fixture, stage[1].output.scale), "stages[1].output: the scale is not a normal number above 0"},
      {offsetof(struct fixture, scale[2]), "stages[0]: the weight_scale of channel 2 is not a normal number above 0"},
  };
  const float bad[] = {0.0f, -0.0f, -1.0f, NAN, INFINITY, -INFINITY, FLT_MIN / 2.0f, -FLT_MIN, 0x1p-149f};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
      struct fixture f;
      fixture_new(&f, type);
      memcpy((char *)&f + fields[i].offset, &bad[b], sizeof bad[b]);
      test_at(t, "type %d, a scale of %a", (int)type, (double)bad[b]);
      check(t, &f, fields[i].name);
    }
  }
}

static void check_zero_points(struct test *t, mbconv_type type) {
  static const struct field fields[] = {
      {offsetof(struct fixture, desc.input.zero_point), "input: the zero point is "},
      {offsetof(struct fixture, desc.residual_input.zero_point), "residual_input: the zero point is "},
      {offsetof(struct fixture, desc.sum.zero_point), "sum: the zero point is "},
      {offsetof(struct fixture, stage[0].output.zero_point), "stages[0].output: the zero point is "},
      {offsetof(struct fixture, stage[0].table_output.zero_point), "stages[0].table_output: the zero point is "},
      {offsetof(struct fixture, stage[1].output.zero_point), "stages[1].output: the zero point is "},
  };
  const int32_t least = type == MBCONV_S8 ? -128 : 0, ends[] = {least, least + 255};
  const int32_t bad[] = {least - 1, least + 256, INT32_MIN, INT32_MAX, INT32_MAX - 127, INT32_MIN + 128};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    struct fixture f;
    for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
      fixture_new(&f, type);
      memcpy((char *)&f + fields[i].offset, &bad[b], sizeof bad[b]);
      test_at(t, "type %d, a zero point of %d", (int)type, (int)bad[b]);
      check(t, &f, fields[i].name);
    }
    for (size_t e = 0; e < 2; e++) {
      fixture_new(&f, type);
      memcpy((char *)&f + fields[i].offset, &ends[e], sizeof ends[e]);
      test_at(t, "type %d, %s%d", (int)type, fields[i].name, (int)ends[e]);
      check(t, &f, NULL);
    }
  }
}

/* ---- Limits ------------------------------------------------------------------------------------------------------ */

/* A float at `offset`, the first that is refused if `bad`, else the last that is taken. */
struct limit {
  mbconv_i8_rounding rounding;
  mbconv_i8_add_kind add;
  size_t offset;
  float value;
  bool bad;
  const char *message;
};

static void check_ratios(struct test *t, mbconv_type type) {
  static const size_t weight = offsetof(struct fixture, scale[1]);
  static const size_t added = offsetof(struct fixture, desc.residual_input.scale);
  static const char round[] = "of channel 1 is beyond what floats can round", large[] = "is too large for its sums";
  static const char xnnpack[] = "as XNNPACK needs it", tflite[] = "which TFLite does not add", wide[] = "2^-64 to 2^64";
  const struct limit limits[] = {
      /* The sum of 510 becomes almost 2^31, or above it. */
      {MBCONV_I8_FP32, MBCONV_I8_ADD_FLOAT, weight, 4210751.5f, false, round},
      {MBCONV_I8_FP32, MBCONV_I8_ADD_FLOAT, weight, 4210752.0f, true, round},
      {MBCONV_I8_FP32, MBCONV_I8_ADD_FLOAT, weight, FLT_MAX, true, round},
      {MBCONV_I8_TFLITE_DOUBLE, MBCONV_I8_ADD_FLOAT, weight, 0x1.fffffep21f, false, large},
      {MBCONV_I8_TFLITE_DOUBLE, MBCONV_I8_ADD_FLOAT, weight, 0x1p22f, true, large},
      {MBCONV_I8_TFLITE_DOUBLE, MBCONV_I8_ADD_FLOAT, weight, FLT_MAX, true, large},
      {MBCONV_I8_TFLITE_DOUBLE, MBCONV_I8_ADD_FLOAT, weight, FLT_MIN, false, large}, /* all sums vanish */
      {MBCONV_I8_FP32, MBCONV_I8_ADD_XNNPACK, added, 0x1p-10f, false, xnnpack},
      {MBCONV_I8_FP32, MBCONV_I8_ADD_XNNPACK, added, 0x1.fffffep-11f, true, xnnpack},
      {MBCONV_I8_FP32, MBCONV_I8_ADD_XNNPACK, added, 0x1.fffffep7f, false, xnnpack},
      {MBCONV_I8_FP32, MBCONV_I8_ADD_XNNPACK, added, 0x1p8f, true, xnnpack},
      {MBCONV_I8_FP32, MBCONV_I8_ADD_TFLITE, added, 0x1.fffffep18f, false, tflite},
      {MBCONV_I8_FP32, MBCONV_I8_ADD_TFLITE, added, 0x1p19f, true, tflite},
      {MBCONV_I8_FP32, MBCONV_I8_ADD_TFLITE, added, FLT_MAX, true, tflite},
      {MBCONV_I8_FP32, MBCONV_I8_ADD_TFLITE, added, FLT_MIN, false, tflite},
      {MBCONV_I8_FP32, MBCONV_I8_ADD_FLOAT, added, 0x1p64f, false, wide},
      {MBCONV_I8_FP32, MBCONV_I8_ADD_FLOAT, added, 0x1.000002p64f, true, wide},
      {MBCONV_I8_FP32, MBCONV_I8_ADD_FLOAT, added, 0x1p-64f, false, wide},
      {MBCONV_I8_FP32, MBCONV_I8_ADD_FLOAT, added, 0x1.fffffep-65f, true, wide},
  };
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    const struct limit *limit = &limits[i];
    struct fixture f;
    fixture_new(&f, type);
    f.desc.rounding = limit->rounding;
    f.desc.add = limit->add;
    memcpy((char *)&f + limit->offset, &limit->value, sizeof limit->value);
    test_at(t, "type %d, limit %zu: %a", (int)type, i, (double)limit->value);
    check(t, &f, limit->bad ? limit->message : NULL);
  }
}

/* A product of scales that is no normal float: FP32, and the reference's uint8_t, round it to one. */
static void check_small_product(struct test *t, mbconv_type type, mbconv_i8_rounding rounding) {
  const bool in_float = rounding == MBCONV_I8_FP32 || type == MBCONV_U8;
  for (size_t bad = 0; bad < 2; bad++) {
    struct fixture f;
    fixture_new(&f, type);
    f.desc.rounding = rounding;
    f.desc.input.scale = 0.5f;
    f.scale[1] = bad ? 0x1.fffffcp-126f : 0x1p-125f;
    test_at(t, "type %d, rounding %d, a product of %a", (int)type, (int)rounding, 0.5 * (double)f.scale[1]);
    check(t, &f, bad && in_float ? "of channel 1 is beyond what floats can round" : NULL);
  }
}

static void check_biases(struct test *t, mbconv_type type) {
  const int32_t most = INT32_MAX - 510;
  const struct {
    int32_t bias;
    bool bad;
  } cases[] = {{most, false},     {most + 1, true},  {-most, false},
               {-most - 1, true}, {INT32_MIN, true}, {INT32_MAX, true}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fixture f;
    fixture_new(&f, type);
    f.scale[1] = 0.01f;
    f.bias[1] = cases[i].bias;
    test_at(t, "type %d, a bias of %d", (int)type, (int)cases[i].bias);
    check(t, &f, cases[i].bad ? "stages[0]: the sums of channel 1 might leave 32 bits" : NULL);
  }
}

/* 255 times the weights -128 and 127: uint8_t's zero point of 0 adds nothing to the bias. */
static void check_widest_weights(struct test *t) {
  for (int32_t bad = 0; bad < 2; bad++) {
    struct fixture f;
    fixture_new(&f, MBCONV_U8);
    f.scale[1] = 0.01f;
    f.first[1][0] = -128, f.first[1][1] = 127;
    f.bias[1] = INT32_MAX - 255 * 255 + bad;
    test_at(t, "a bias of %d and the widest weights", (int)f.bias[1]);
    check(t, &f, bad ? "stages[0]: the sums of channel 1 might leave 32 bits" : NULL);
  }
}

static void check_clamps(struct test *t, mbconv_type type) {
  const int32_t least = type == MBCONV_S8 ? -128 : 0, most = least + 255;
  const struct {
    int32_t lo, hi;
    const char *message;
  } cases[] = {{least, most, NULL},
               {most, most, NULL},
               {least - 1, most, "stages[1]: the clamp is "},
               {least, most + 1, "stages[1]: the clamp is "},
               {11, 10, "stages[1]: the clamp is 11 to 10, not within "},
               {INT32_MIN, INT32_MAX, "stages[1]: the clamp is "},
               {least + 5, least + 7, "stages[1]: the clamp and the activation have no byte in common"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fixture f;
    fixture_new(&f, type);
    f.stage[1].clamp_lo = cases[i].lo, f.stage[1].clamp_hi = cases[i].hi;
    if (i == 6) f.stage[1].activation = MBCONV_ACTIVATION_RELU, f.stage[1].output.zero_point = least + 8;
    test_at(t, "type %d, a clamp of %d to %d", (int)type, (int)cases[i].lo, (int)cases[i].hi);
    check(t, &f, cases[i].message);
  }
}

void test_i8_limits(struct test *t) {
  static const mbconv_type types[] = {MBCONV_S8, MBCONV_U8};
  check_widest_weights(t);
  for (size_t i = 0; i < 2; i++) {
    check_scales(t, types[i]);
    check_zero_points(t, types[i]);
    check_ratios(t, types[i]);
    check_small_product(t, types[i], MBCONV_I8_FP32);
    check_small_product(t, types[i], MBCONV_I8_TFLITE_DOUBLE);
    check_biases(t, types[i]);
    check_clamps(t, types[i]);
  }
}
