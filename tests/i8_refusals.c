/* SPDX-License-Identifier: MIT
 *
 * What mbconv_block_create_i8() refuses, each message once and to the letter: a description that is right but for one
 * field, or two. i8_limits.c has the values at which it begins to.
 */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "i8_case.h"

enum { IN = 4, EXPANDED = 6 };

/* P D P, whose input is added. The first stage has a table. With squeeze-excite it is P D E P, and OFF. */
struct fixture {
  mbconv_i8_desc desc;
  mbconv_i8_stage_desc stages[4];
  mbconv_i8_squeeze_excite excite;
  mbconv_i8_stage_desc reduce, expand;
  float scales[EXPANDED];
  int32_t bias[EXPANDED];
  int8_t weight[EXPANDED * 9];
  uint8_t table[256];
};

static void fixture_new(struct fixture *f) {
  const mbconv_quantization q = {0.05f, 3};
  *f = (struct fixture){.desc = {.struct_size = sizeof f->desc,
                                 .type = MBCONV_S8,
                                 .height = 5,
                                 .width = 7,
                                 .in_channels = IN,
                                 .input = q,
                                 .count = 3,
                                 .sum = q}};
  memset(f->weight, 2, sizeof f->weight);
  for (size_t c = 0; c < EXPANDED; c++) f->scales[c] = 0.01f, f->bias[c] = 100;
  for (size_t i = 0; i < 3; i++) {
    f->stages[i] = (mbconv_i8_stage_desc){.struct_size = sizeof f->stages[0],
                                          .kind = i == 1 ? MBCONV_STAGE_DEPTHWISE : MBCONV_STAGE_POINTWISE,
                                          .out_channels = i == 2 ? IN : EXPANDED,
                                          .weight = f->weight,
                                          .bias = f->bias,
                                          .weight_scale = f->scales,
                                          .weight_scales = i == 2 ? 1 : EXPANDED,
                                          .output = q};
  }
  f->stages[0].table = f->table;
  f->stages[0].table_output = q;
  f->stages[1].kernel = 3, f->stages[1].stride = 1, f->stages[1].pad = (mbconv_pad){1, 1, 1, 1};
  f->desc.stages = f->stages;
}

/* With squeeze-excite of 2 channels within. */
static void fixture_excite(struct fixture *f) {
  const mbconv_i8_stage_desc *project = &f->stages[2];
  fixture_new(f);
  f->stages[3] = f->reduce = f->expand = *project;
  f->reduce.out_channels = 2, f->expand.out_channels = EXPANDED;
  f->excite = (mbconv_i8_squeeze_excite){
      .struct_size = sizeof f->excite, .mean = {0.05f, 3}, .reduce = &f->reduce, .expand = &f->expand};
  f->stages[2] = (mbconv_i8_stage_desc){.struct_size = sizeof f->stages[0],
                                        .kind = MBCONV_STAGE_SQUEEZE_EXCITE,
                                        .output = {0.05f, 3},
                                        .squeeze_excite = &f->excite};
  f->desc.count = 4;
}

/* One of these at `offset` of the fixture. NOTHING is at its end. */
enum form { NOTHING, WORD, INT, REAL };

struct change {
  enum form form;
  size_t offset;
  double value;
};

struct refusal {
  struct change changes[2];
  const char *message;
};

/* Undefined after the table. NONE: a pointer, NULL. */
#define FIELD(form, field, value) \
  { form, offsetof(struct fixture, field), value }
#define NONE(field) FIELD(WORD, field, 0)
static const struct refusal refusals[] = {
    {{FIELD(INT, desc.type, 0)}, "type is 0, neither MBCONV_S8 nor MBCONV_U8"},
    {{FIELD(INT, desc.rounding, 2)}, "rounding is 2, which is none"},
    {{FIELD(INT, desc.x_door, 4)}, "a door is 4, which is none"},
    {{FIELD(INT, desc.y_door, -1)}, "a door is -1, which is none"},
    {{FIELD(INT, desc.layout, 2)}, "layout is 2, which is none"},
    {{FIELD(WORD, desc.count, 0)}, "count is 0, not 1 to 6 stages"},
    {{FIELD(WORD, desc.count, 7)}, "count is 7, not 1 to 6 stages"},
    {{NONE(desc.stages)}, "stages is NULL"},
    {{FIELD(WORD, desc.in_channels, 0)}, "in_channels is 0"},
    {{FIELD(WORD, desc.height, 0)}, "the image is 0 x 7"},
    {{FIELD(REAL, desc.input.scale, 0)}, "input: the scale is not a normal number above 0"},
    {{FIELD(INT, desc.input.zero_point, 128)}, "input: the zero point is 128, not -128 to 127"},
    {{FIELD(INT, desc.type, MBCONV_U8), FIELD(INT, desc.input.zero_point, -1)},
     "input: the zero point is -1, not 0 to 255"},
    {{FIELD(INT, stages[1].kind, 0)}, "stages[1]: kind is 0, which is none"},
    {{FIELD(INT, stages[1].kind, 5)}, "stages[1]: kind is 5, which is none"},
    {{FIELD(INT, stages[1].kind, MBCONV_STAGE_DENSE)}, "stages[1] is dense: only the first stage can be"},
    {{FIELD(INT, stages[0].kind, MBCONV_STAGE_DENSE)}, "stages[0]: kernel is 0, not 1 to 7"},
    {{FIELD(INT, stages[0].kind, MBCONV_STAGE_DENSE), FIELD(WORD, stages[0].kernel, 8)},
     "stages[0]: kernel is 8, not 1 to 7"},
    {{FIELD(WORD, stages[1].kernel, 4)}, "stages[1]: kernel is 4, not 3, 5 or 7"},
    {{FIELD(WORD, stages[1].out_channels, 7)}, "stages[1]: out_channels is 7, but it keeps its 6 channels"},
    {{FIELD(WORD, stages[1].stride, 3)}, "stride is 3, not 1 or 2"},
    {{FIELD(WORD, stages[1].pad.left, 3)}, "pad.left is 3, not less than the kernel of 3"},
    {{FIELD(INT, stages[1].pad_kind, 2)}, "pad_kind is 2, which is none"},
    {{FIELD(WORD, stages[0].out_channels, 0)}, "stages[0]: out_channels is 0"},
    {{FIELD(WORD, stages[0].stride, 2)}, "stages[0] has a kernel, stride or padding, but looks at one pixel"},
    {{FIELD(WORD, stages[0].kernel, 3)}, "stages[0] has a kernel, stride or padding, but looks at one pixel"},
    {{FIELD(WORD, stages[0].dilation, 2)}, "stages[0] has a kernel, stride or padding, but looks at one pixel"},
    {{FIELD(WORD, stages[0].pad.right, 1)}, "stages[0] has a kernel, stride or padding, but looks at one pixel"},
    {{NONE(stages[2].weight)}, "stages[2] has no weights"},
    {{NONE(stages[2].weight_scale)}, "stages[2] has no weight_scale"},
    {{FIELD(WORD, stages[0].weight_scales, 5)}, "stages[0]: weight_scales is 5, not 1 or the 6 of its channels"},
    {{FIELD(REAL, stages[1].output.scale, 0)}, "stages[1].output: the scale is not a normal number above 0"},
    {{FIELD(INT, stages[2].output.zero_point, 200)}, "stages[2].output: the zero point is 200, not -128 to 127"},
    {{FIELD(INT, stages[1].activation, MBCONV_ACTIVATION_SILU)},
     "stages[1]: activation is 3: in int8 it is NONE, RELU or RELU6, and all others are tables"},
    {{FIELD(INT, stages[1].clamp_hi, 128)}, "stages[1]: the clamp is 0 to 128, not within -128 to 127"},
    {{FIELD(INT, stages[1].clamp_lo, 9), FIELD(INT, stages[1].clamp_hi, 8)},
     "stages[1]: the clamp is 9 to 8, not within -128 to 127"},
    {{FIELD(INT, stages[1].clamp_lo, -9), FIELD(INT, stages[1].activation, MBCONV_ACTIVATION_RELU)},
     "stages[1]: the clamp and the activation have no byte in common"},
    {{FIELD(REAL, stages[0].table_output.scale, 0)},
     "stages[0].table_output: the scale is not a normal number above 0"},
    {{NONE(stages[0].table)}, "stages[0].table_output is set, but there is no table"},
    {{FIELD(WORD, stages[0].tables, 2)}, "stages[0]: tables is 2, not 0, 1 or the 6 of its channels"},
    {{FIELD(WORD, stages[1].tables, 1)}, "stages[1]: tables is 1, but table is NULL"},
    {{FIELD(REAL, scales[5], 0)}, "stages[0]: the weight_scale of channel 5 is not a normal number above 0"},
    {{FIELD(REAL, scales[2], (double)FLT_MAX)},
     "stages[0]: input scale * weight_scale / output scale of channel 2 is beyond what floats can round"},
    {{FIELD(INT, bias[3], INT_MAX)}, "stages[0]: the sums of channel 3 might leave 32 bits"},
    {{FIELD(INT, desc.rounding, MBCONV_I8_TFLITE_DOUBLE), FIELD(REAL, scales[1], 1e9)},
     "stages[0]: input scale * weight_scale / output scale of channel 1 is too large for its sums"},
    {{FIELD(INT, desc.residual, 4)}, "residual is 4, which is no choice"},
    {{FIELD(INT, desc.residual, MBCONV_RESIDUAL_OFF)}, "sum is set, but nothing is added"},
    {{FIELD(WORD, stages[1].stride, 2)}, "residual is on, but the input is 5 x 7 x 4 and the output 3 x 4 x 4"},
    {{FIELD(WORD, desc.count, 2)}, "residual is on, but the last stage is depthwise"},
    {{FIELD(REAL, desc.residual_input.scale, 1)}, "residual_input is set, but the residual is not one that is given"},
    {{FIELD(INT, desc.residual, MBCONV_RESIDUAL_GIVEN)}, "residual_input: the scale is not a normal number above 0"},
    {{FIELD(INT, desc.residual, MBCONV_RESIDUAL_ON), FIELD(REAL, desc.sum.scale, 0)},
     "sum: the scale is not a normal number above 0"},
    {{FIELD(INT, desc.sum_activation, MBCONV_ACTIVATION_SILU)},
     "sum: activation is 3: in int8 it is NONE, RELU or RELU6, and all others are tables"},
    {{FIELD(INT, desc.add, 3)}, "add is 3, which is no way to add"},
    {{FIELD(REAL, desc.sum_table_output.scale, 1)}, "sum_table_output is set, but there is no table"},
    {{FIELD(REAL, desc.sum_table_output.scale, 1), FIELD(INT, desc.residual, MBCONV_RESIDUAL_OFF)},
     "sum is set, but nothing is added"},
    {{FIELD(REAL, desc.sum.scale, 100)},
     "sum: a scale that is added is not 2^-10 to below 2^8 times the sum's, as XNNPACK needs it"},
    {{FIELD(INT, desc.add, MBCONV_I8_ADD_TFLITE), FIELD(REAL, desc.sum.scale, 1e-8)},
     "sum: a scale that is added is 2^19 times the sum's or more, which TFLite does not add"},
    {{FIELD(INT, desc.add, MBCONV_I8_ADD_FLOAT), FIELD(REAL, desc.sum.scale, 1e-30)},
     "sum: a scale that is added is not 2^-64 to 2^64 times the sum's"},
};

/* Of squeeze-excite. */
static const struct refusal excite_refusals[] = {
    {{FIELD(INT, desc.rounding, MBCONV_I8_TFLITE_DOUBLE), FIELD(REAL, excite.mean.scale, 1e-9)},
     "stages[2]: the input's scale is 2^22 times the mean's or more"},
    {{FIELD(INT, desc.rounding, MBCONV_I8_TFLITE_DOUBLE), FIELD(REAL, stages[2].output.scale, 1e-9)},
     "stages[2]: input scale * the gate's / output scale is beyond what can be rounded"},
    {{FIELD(WORD, desc.count, 3)}, "stages[2] is squeeze-excite: it must be between a stage and the last, a pointwise"},
    {{FIELD(INT, stages[3].kind, MBCONV_STAGE_DEPTHWISE)},
     "stages[2] is squeeze-excite: it must be between a stage and the last, a pointwise"},
    {{NONE(stages[2].squeeze_excite)}, "stages[2]: squeeze_excite is NULL"},
    {{FIELD(WORD, stages[1].squeeze_excite, 8)}, "stages[1]: squeeze_excite is set"},
    {{FIELD(WORD, stages[2].out_channels, 4)}, "stages[2]: out_channels is 4, but it keeps its 6 channels"},
    {{FIELD(WORD, stages[2].kernel, 3)}, "stages[2] has a kernel, stride or padding, but looks at one pixel"},
    {{FIELD(WORD, stages[2].weight, 8)}, "stages[2] is squeeze-excite, but has weights, a bias or scales"},
    {{FIELD(WORD, stages[2].weight_scales, 1)}, "stages[2] is squeeze-excite, but has weights, a bias or scales"},
    {{FIELD(REAL, stages[2].output.scale, 0)}, "stages[2].output: the scale is not a normal number above 0"},
    {{FIELD(INT, excite.mean.zero_point, 128)}, "stages[2].mean: the zero point is 128, not -128 to 127"},
    {{NONE(excite.reduce)}, "stages[2].reduce is NULL"},
    {{NONE(excite.expand)}, "stages[2].expand is NULL"},
    {{FIELD(INT, reduce.kind, MBCONV_STAGE_DEPTHWISE)}, "stages[2].reduce is not pointwise"},
    {{FIELD(WORD, expand.squeeze_excite, 8)}, "stages[2].expand is not pointwise"},
    {{FIELD(WORD, reduce.out_channels, 0)}, "stages[2].reduce: out_channels is 0"},
    {{FIELD(WORD, expand.out_channels, 5)}, "stages[2].expand: out_channels is 5, not those of the image"},
    {{FIELD(WORD, reduce.stride, 2)}, "stages[2].reduce has a kernel, stride or padding, but looks at one pixel"},
    {{NONE(expand.weight)}, "stages[2].expand has no weights"},
    {{FIELD(WORD, reduce.weight_scales, 3)}, "stages[2].reduce: weight_scales is 3, not 1 or the 2 of its channels"},
    {{FIELD(REAL, expand.output.scale, -1)}, "stages[2].expand.output: the scale is not a normal number above 0"},
    {{FIELD(REAL, expand.table_output.scale, 1)}, "stages[2].expand.table_output is set, but there is no table"},
    {{FIELD(REAL, excite.mean.scale, 0x1p100)}, "stages[2]: the input's scale is not 2^-64 to 2^64 times the mean's"},
    {{FIELD(REAL, stages[2].output.scale, 1e-8)},
     "stages[2]: input scale * the gate's / output scale is beyond what can be rounded"},
    {{FIELD(REAL, expand.output.scale, 0x1p100)},
     "stages[2]: input scale * the gate's / output scale is beyond what can be rounded"},
};
#undef FIELD
#undef NONE

static void apply(const struct change *change, struct fixture *f) {
  char *at = (char *)f + change->offset;
  const size_t word = (size_t)change->value;
  const int32_t integer = (int32_t)(change->form == INT ? change->value : 0);
  const float real = (float)change->value;
  switch (change->form) {
    case NOTHING: break;
    case WORD: memcpy(at, &word, sizeof word); break;
    case INT: memcpy(at, &integer, sizeof integer); break;
    case REAL: memcpy(at, &real, sizeof real); break;
  }
}

static void expect(struct test *t, const mbconv_i8_desc *desc, const char *message) {
  mbconv_block *block = (mbconv_block *)(void *)t;
  mbconv_error error = {.message = ""};
  test_at(t, "refused: %s", message);
  const mbconv_status status = mbconv_block_create_i8(desc, NULL, &block, &error);
  test_check(t, status == MBCONV_INVALID_ARGUMENT && error.status == status && !block, "status %d", (int)status);
  test_check(t, strcmp(error.message, message) == 0, "\"%s\", not \"%s\"", error.message, message);
  if (status == MBCONV_OK) mbconv_block_destroy(block);
}

/* Sizes of structs, which are in their messages. */
static void refuse_sizes(struct test *t) {
  const size_t size = sizeof(mbconv_i8_stage_desc);
  struct fixture f;
  char message[200];
  fixture_new(&f);
  f.desc.struct_size = 3;
  snprintf(message, sizeof message,
           "desc: struct_size is 3, neither 0 nor %zu, or fields that this library does not know are set",
           sizeof f.desc);
  expect(t, &f.desc, message);
  fixture_new(&f);
  f.stages[0].struct_size = 3;
  snprintf(message, sizeof message,
           "stages[0]: struct_size is 3, neither 0 nor %zu, or fields that this library does not know are set", size);
  expect(t, &f.desc, message);
  fixture_new(&f);
  f.stages[1].struct_size = 0;
  snprintf(message, sizeof message, "stages[1]: struct_size is 0, but %zu in the first stage", size);
  expect(t, &f.desc, message);
  f.stages[0].struct_size = size + 1; /* of a later version, whose last byte is the zero behind it */
  snprintf(message, sizeof message, "stages[0]: struct_size is %zu, which no array's elements have", size + 1);
  expect(t, &f.desc, message);
}

/* Its layers' own sums, and images whose sums of pixels 32 bits do not hold: for one row of many, nothing is run. */
static void refuse_excite(struct test *t) {
  const mbconv_options options = {.isa = MBCONV_ISA_SCALAR};
  const size_t most = INT32_MAX / 255;
  static int32_t bias[EXPANDED] = {[4] = INT_MAX};
  struct fixture f;
  mbconv_block *block;
  mbconv_error error;
  size_t bytes;
  for (size_t i = 0; i < sizeof excite_refusals / sizeof *excite_refusals; i++) {
    fixture_excite(&f);
    apply(&excite_refusals[i].changes[0], &f);
    apply(&excite_refusals[i].changes[1], &f);
    expect(t, &f.desc, excite_refusals[i].message);
  }
  fixture_excite(&f);
  f.expand.bias = bias;
  expect(t, &f.desc, "stages[2].expand: the sums of channel 4 might leave 32 bits");
  fixture_excite(&f);
  f.reduce.bias = bias + 3;
  expect(t, &f.desc, "stages[2].reduce: the sums of channel 1 might leave 32 bits");
  fixture_excite(&f);
  f.desc.height = 1, f.desc.width = most + 1;
  test_at(t, "pixels whose sums leave 32 bits");
  const bool narrow = SIZE_MAX == UINT32_MAX; /* memory of so many bytes has no room for them */
  test_check(t,
             mbconv_block_create_i8(&f.desc, &options, &block, &error) == MBCONV_SIZE_OVERFLOW &&
                 strcmp(error.message, narrow ? "an image of 1 x 8421505 with 6 channels does not fit into memory"
                                              : "the sums of 1 x 8421505 pixels might leave 32 bits") == 0,
             "%s", error.message);
  if (narrow) return;
  f.desc.width = most;
  if (!test_check(t, mbconv_block_create_i8(&f.desc, &options, &block, &error) == MBCONV_OK, "%s", error.message))
    return;
  test_check(t, mbconv_block_scratch_size_at(block, 1, most, 1, &bytes, &error) == MBCONV_OK, "%s", error.message);
  test_check(t, mbconv_block_scratch_size_at(block, 2, most, 1, &bytes, &error) == MBCONV_SIZE_OVERFLOW, "taken");
  mbconv_block_destroy(block);
}

void test_i8_refusals(struct test *t) {
  struct fixture f;
  mbconv_block *block;
  mbconv_error error;
  fixture_new(&f);
  test_at(t, "what is changed below is taken as it is");
  if (test_check(t, mbconv_block_create_i8(&f.desc, NULL, &block, &error) == MBCONV_OK, "%s", error.message))
    mbconv_block_destroy(block);
  test_check(t,
             mbconv_block_create_i8(&f.desc, NULL, NULL, &error) == MBCONV_INVALID_ARGUMENT &&
                 strcmp(error.message, "out is NULL") == 0,
             "%s", error.message);
  expect(t, NULL, "desc is NULL");
  refuse_sizes(t);
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    fixture_new(&f);
    apply(&refusals[i].changes[0], &f);
    apply(&refusals[i].changes[1], &f);
    expect(t, &f.desc, refusals[i].message);
  }
  fixture_new(&f);
  f.desc.sum_table = f.table;
  expect(t, &f.desc, "sum_table_output: the scale is not a normal number above 0");
  refuse_excite(t);
  /* 1 / scale of floats must be a normal number; 2^127 is refused at the door alone. */
  fixture_new(&f);
  for (size_t i = 0; i < 3; i++) f.stages[i].output.scale = f.stages[i].table_output.scale = 0x1p127f;
  f.stages[0].table_output = f.stages[1].output = (mbconv_quantization){0x1p127f, 3};
  f.desc.input.scale = f.desc.sum.scale = 0x1p127f;
  f.stages[1].table_output = f.stages[2].table_output = (mbconv_quantization){0};
  test_at(t, "scales of 2^127");
  if (test_check(t, mbconv_block_create_i8(&f.desc, NULL, &block, &error) == MBCONV_OK, "%s", error.message))
    mbconv_block_destroy(block);
  f.desc.x_door = MBCONV_I8_DOOR_ONNX;
  expect(t, &f.desc, "input: the scale is above 2^126, of floats");
}
