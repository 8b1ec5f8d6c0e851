/* SPDX-License-Identifier: MIT
 *
 * Blocks of int8: see i8.h. Weights and images are of the whole range, and scales such that outputs are, too.
 */
#include "i8.h"

#include <stdlib.h>
#include <string.h>

#include "mbconv_i8.h"
#include "test.h"

enum { NO_TABLE = -1, MOST_CHANNELS = 162, MOST_BYTES = 162 * 162 };

struct block {
  const char *name, *kinds;
  size_t channels[MBCONV_MOST_STAGES + 1], kernel, stride;
  mbconv_type type;
  mbconv_i8_rounding rounding;
  mbconv_activation_kind activation; /* of all stages but the last */
  int table;                         /* mbconv_i8_function of all stages but the last, and of a list of one */
  mbconv_residual residual;
  mbconv_i8_add_kind add;
  mbconv_layout layout;
};

/* Undefined after the table. */
#define FP32 MBCONV_I8_FP32
#define DOUBLE MBCONV_I8_TFLITE_DOUBLE
#define RELU MBCONV_ACTIVATION_RELU
#define RELU6 MBCONV_ACTIVATION_RELU6
#define NONE MBCONV_ACTIVATION_NONE
#define OFF MBCONV_RESIDUAL_OFF
#define ON MBCONV_RESIDUAL_ON
#define GIVEN MBCONV_RESIDUAL_GIVEN
static const struct block blocks[DRIFT_I8_BLOCKS] = {
    {"s8-relu6",
     "PDP",
     {24, 96, 96, 24},
     3,
     1,
     MBCONV_S8,
     FP32,
     RELU6,
     NO_TABLE,
     ON,
     MBCONV_I8_ADD_XNNPACK,
     MBCONV_NHWC},
    {"s8-relu6-reference",
     "PDP",
     {24, 144, 144, 40},
     5,
     2,
     MBCONV_S8,
     DOUBLE,
     RELU6,
     NO_TABLE,
     OFF,
     MBCONV_I8_ADD_XNNPACK,
     MBCONV_NHWC},
    {"u8-relu", "PDP", {16, 64, 64, 16}, 5, 1, MBCONV_U8, FP32, RELU, NO_TABLE, ON, MBCONV_I8_ADD_FLOAT, MBCONV_NCHW},
    {"u8-relu-reference",
     "PDP",
     {33, 99, 99, 33},
     3,
     1,
     MBCONV_U8,
     DOUBLE,
     RELU,
     NO_TABLE,
     ON,
     MBCONV_I8_ADD_TFLITE,
     MBCONV_NHWC},
    {"s8-silu",
     "PDP",
     {40, 160, 160, 40},
     5,
     1,
     MBCONV_S8,
     FP32,
     NONE,
     MBCONV_I8_SILU,
     ON,
     MBCONV_I8_ADD_XNNPACK,
     MBCONV_NHWC},
    {"u8-silu-reference",
     "PDP",
     {24, 72, 72, 40},
     3,
     2,
     MBCONV_U8,
     DOUBLE,
     NONE,
     MBCONV_I8_SILU,
     OFF,
     MBCONV_I8_ADD_XNNPACK,
     MBCONV_NHWC},
    {"s8-hard-swish",
     "DPDP",
     {32, 32, 128, 128, 32},
     3,
     1,
     MBCONV_S8,
     FP32,
     NONE,
     MBCONV_I8_HARD_SWISH,
     GIVEN,
     MBCONV_I8_ADD_FLOAT,
     MBCONV_NHWC},
    {"u8-leaky-relu",
     "DP",
     {48, 48, 24},
     5,
     2,
     MBCONV_U8,
     FP32,
     NONE,
     MBCONV_I8_LEAKY_RELU,
     GIVEN,
     MBCONV_I8_ADD_XNNPACK,
     MBCONV_NHWC},
    {"s8-gelu",
     "DPP",
     {32, 32, 128, 32},
     7,
     1,
     MBCONV_S8,
     DOUBLE,
     NONE,
     MBCONV_I8_GELU,
     ON,
     MBCONV_I8_ADD_TFLITE,
     MBCONV_NHWC},
    {"s8-logistic",
     "P",
     {130, 17},
     0,
     0,
     MBCONV_S8,
     FP32,
     NONE,
     MBCONV_I8_LOGISTIC,
     OFF,
     MBCONV_I8_ADD_XNNPACK,
     MBCONV_NHWC},
    {"u8-tanh", "D", {50, 50}, 7, 2, MBCONV_U8, DOUBLE, NONE, MBCONV_I8_TANH, OFF, MBCONV_I8_ADD_XNNPACK, MBCONV_NHWC},
    {"s8-planes",
     "PDP",
     {27, 162, 162, 38},
     3,
     1,
     MBCONV_S8,
     FP32,
     NONE,
     NO_TABLE,
     OFF,
     MBCONV_I8_ADD_XNNPACK,
     MBCONV_NCHW},
    {"s8-excite",
     "PDEP",
     {24, 96, 96, 96, 24},
     5,
     1,
     MBCONV_S8,
     FP32,
     NONE,
     MBCONV_I8_SILU,
     ON,
     MBCONV_I8_ADD_XNNPACK,
     MBCONV_NHWC},
    {"u8-excite-planes",
     "DEP",
     {75, 75, 75, 40},
     3,
     2,
     MBCONV_U8,
     FP32,
     RELU,
     NO_TABLE,
     OFF,
     MBCONV_I8_ADD_XNNPACK,
     MBCONV_NCHW},
    {"s8-stem",
     "CDP",
     {3, 32, 32, 16},
     3,
     2,
     MBCONV_S8,
     FP32,
     RELU6,
     NO_TABLE,
     OFF,
     MBCONV_I8_ADD_XNNPACK,
     MBCONV_NCHW},
    {"u8-fused",
     "CP",
     {24, 96, 24},
     3,
     1,
     MBCONV_U8,
     DOUBLE,
     NONE,
     MBCONV_I8_SILU,
     ON,
     MBCONV_I8_ADD_TFLITE,
     MBCONV_NHWC},
};
#undef FP32
#undef DOUBLE
#undef RELU
#undef RELU6
#undef NONE
#undef OFF
#undef ON
#undef GIVEN

const char *drift_i8_name(size_t index) { return blocks[index].name; }

size_t drift_i8_rows(mbconv_isa *rows, size_t capacity) { return mbconv_usable_isas_i8(rows, capacity); }

/* ---- Parameters -------------------------------------------------------------------------------------------------- */

/* The last two of each are the layers of squeeze-excite. */
enum { PARAMETERS = MBCONV_MOST_STAGES + 2, REDUCE = MBCONV_MOST_STAGES, EXPAND };

struct parameters {
  int8_t weight[PARAMETERS][MOST_BYTES];
  int32_t bias[PARAMETERS][MOST_CHANNELS];
  float scale[PARAMETERS][MOST_CHANNELS];
  uint8_t table[PARAMETERS][256];
  mbconv_i8_stage_desc stage[PARAMETERS];
  mbconv_i8_squeeze_excite excite;
};

static void fill_bytes(uint64_t *state, void *bytes, size_t n) {
  for (size_t i = 0; i < n; i++) ((uint8_t *)bytes)[i] = (uint8_t)(test_random(state) >> 32);
}

/* What sums of k products become: their spread is that of about 200 bytes. */
static float output_scale(float input, size_t k) {
  size_t root = 1;
  while (root * root < k) root++;
  return input * 0.855f * (float)root;
}

static mbconv_status add_table(const struct block *b, mbconv_i8_stage_desc *s, uint8_t *table, mbconv_error *error) {
  const int32_t least = b->type == MBCONV_S8 ? -128 : 0;
  const float alpha = b->table == MBCONV_I8_LEAKY_RELU ? 0.125f : 0.0f;
  s->table = table;
  s->table_output = (mbconv_quantization){s->output.scale, least + 30};
  if (b->table == MBCONV_I8_LOGISTIC) s->table_output = (mbconv_quantization){0x1p-8f, least};
  if (b->table == MBCONV_I8_TANH) s->table_output = (mbconv_quantization){0x1p-7f, least + 128};
  return mbconv_i8_make_table((mbconv_i8_function)b->table, alpha, b->type, b->rounding, &s->output, &s->table_output,
                              table, error);
}

/* The sums of stage `i`: `out` channels of k terms; `size` of outputs is 1, or less where something is added. */
static void fill_sums(struct parameters *p, size_t i, size_t out, size_t k, float size, uint64_t *state,
                      const mbconv_quantization *q, int32_t least) {
  fill_bytes(state, p->weight[i], out * k);
  for (size_t c = 0; c < out; c++) {
    p->bias[i][c] = (int32_t)test_random_size(state, 0, 8000) - 4000;
    p->scale[i][c] = (float)test_random_size(state, 64, 192) * 0x1p-14f * size;
  }
  p->stage[i] = (mbconv_i8_stage_desc){.weight = p->weight[i],
                                       .bias = p->bias[i],
                                       .weight_scale = p->scale[i],
                                       .weight_scales = i == 1 ? 1 : out,
                                       .output = {output_scale(q->scale, k) * size, least + 100 + 7 * (int32_t)i}};
}

/* Squeeze-excite of a quarter of the channels, with ReLU, by a gate of bytes of LOGISTIC. */
static mbconv_status fill_excite(const struct block *b, size_t i, struct parameters *p, uint64_t *state,
                                 mbconv_quantization *q, mbconv_error *error) {
  const size_t channels = b->channels[i], width = channels / 4;
  const int32_t least = b->type == MBCONV_S8 ? -128 : 0;
  mbconv_i8_stage_desc *reduce = &p->stage[REDUCE], *expand = &p->stage[EXPAND];
  p->excite = (mbconv_i8_squeeze_excite){.mean = {q->scale * 0.4f, least + 110}, .reduce = reduce, .expand = expand};
  fill_sums(p, REDUCE, width, channels, 1.0f, state, &p->excite.mean, least);
  reduce->out_channels = width, reduce->activation = MBCONV_ACTIVATION_RELU, reduce->output.zero_point = least;
  fill_sums(p, EXPAND, channels, width, 1.0f, state, &reduce->output, least);
  reduce->kind = expand->kind = MBCONV_STAGE_POINTWISE;
  expand->out_channels = channels;
  expand->output.scale = 0.05f; /* so that the gates are no ends of the range alone */
  for (size_t c = 0; c < channels; c++) p->scale[EXPAND][c] *= 0.05f / output_scale(reduce->output.scale, width);
  expand->table = p->table[EXPAND];
  expand->table_output = (mbconv_quantization){0x1p-8f, least};
  p->stage[i] = (mbconv_i8_stage_desc){
      .kind = MBCONV_STAGE_SQUEEZE_EXCITE, .output = {q->scale * 0.6f, least + 105}, .squeeze_excite = &p->excite};
  *q = p->stage[i].output;
  return mbconv_i8_make_table(MBCONV_I8_LOGISTIC, 0.0f, b->type, b->rounding, &expand->output, &expand->table_output,
                              p->table[EXPAND], error);
}

/* Stage `i`, and what its output stands for. */
static mbconv_status fill_stage(const struct block *b, size_t i, struct parameters *p, uint64_t *state,
                                mbconv_quantization *q, mbconv_error *error) {
  const size_t in = b->channels[i], out = b->channels[i + 1], count = strlen(b->kinds);
  const bool pointwise = b->kinds[i] == 'P', dense = b->kinds[i] == 'C', last = i + 1 == count;
  const size_t taps = b->kernel * b->kernel, k = pointwise ? in : dense ? in * taps : taps, pad = b->kernel / 2;
  const int32_t least = b->type == MBCONV_S8 ? -128 : 0;
  const float size = last && b->residual == MBCONV_RESIDUAL_ON ? 0x1p-6f : 1.0f; /* of outputs: that of what is added */
  if (b->kinds[i] == 'E') return fill_excite(b, i, p, state, q, error);
  fill_sums(p, i, out, k, size, state, q, least);
  mbconv_i8_stage_desc *s = &p->stage[i];
  s->kind = pointwise ? MBCONV_STAGE_POINTWISE : dense ? MBCONV_STAGE_DENSE : MBCONV_STAGE_DEPTHWISE;
  s->out_channels = out;
  if (!pointwise) s->kernel = b->kernel, s->stride = b->stride, s->pad = (mbconv_pad){pad, pad, pad, pad};
  if (!last) s->activation = b->activation;
  if (s->activation != MBCONV_ACTIVATION_NONE) s->output.zero_point = least;
  *q = s->output;
  if (b->table == NO_TABLE || (last && count > 1)) return MBCONV_OK;
  const mbconv_status status = add_table(b, s, p->table[i], error);
  *q = s->table_output;
  return status;
}

/* ---- A run ------------------------------------------------------------------------------------------------------- */

static void *allocate(size_t bytes) {
  void *memory = malloc(bytes);
  if (!memory) abort();
  return memory;
}

/* The image and what is added to it are random, too. */
static mbconv_status run(const mbconv_block *block, const mbconv_i8_desc *desc, size_t out_channels, uint64_t *state,
                         uint64_t *hash, mbconv_error *error) {
  size_t height, width;
  mbconv_block_output_size(block, &height, &width);
  const size_t x_size = desc->height * desc->width * desc->in_channels, y_size = height * width * out_channels;
  const size_t size = mbconv_block_scratch_size(block, 1);
  uint8_t *x = allocate(x_size), *y = allocate(y_size), *added = allocate(y_size);
  void *scratch = allocate(size);
  fill_bytes(state, x, x_size);
  fill_bytes(state, added, y_size);
  const mbconv_status status = desc->residual == MBCONV_RESIDUAL_GIVEN
                                   ? mbconv_block_run_residual(block, 1, x, added, y, scratch, size, NULL, error)
                                   : mbconv_block_run(block, 1, x, y, scratch, size, NULL, error);
  *hash = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < y_size && status == MBCONV_OK; i++) *hash = (*hash ^ y[i]) * UINT64_C(0x100000001b3);
  free(x);
  free(y);
  free(added);
  free(scratch);
  return status;
}

bool drift_i8_run(size_t index, size_t side, mbconv_isa row, mbconv_isa *ran, uint64_t *hash, mbconv_error *error) {
  const struct block *b = &blocks[index];
  const int32_t least = b->type == MBCONV_S8 ? -128 : 0;
  const mbconv_options options = {.isa = row};
  uint64_t state = 20180113 + index;
  struct parameters *p = allocate(sizeof *p);
  mbconv_i8_desc desc = {.type = b->type,
                         .rounding = b->rounding,
                         .height = side,
                         .width = side,
                         .in_channels = b->channels[0],
                         .input = {0.008f, least + 120},
                         .count = strlen(b->kinds),
                         .stages = p->stage,
                         .residual = b->residual,
                         .add = b->add,
                         .layout = b->layout};
  mbconv_quantization q = desc.input;
  mbconv_status status = MBCONV_OK;
  for (size_t i = 0; i < desc.count && status == MBCONV_OK; i++) status = fill_stage(b, i, p, &state, &q, error);
  if (b->residual == MBCONV_RESIDUAL_GIVEN) desc.residual_input = (mbconv_quantization){q.scale * 0.7f, least + 90};
  if (b->residual != MBCONV_RESIDUAL_OFF) desc.sum = (mbconv_quantization){q.scale * 1.1f, least + 140};
  mbconv_block *block = NULL;
  mbconv_info info = {0};
  if (status == MBCONV_OK) status = mbconv_block_create_i8(&desc, &options, &block, error);
  if (status == MBCONV_OK) status = mbconv_block_info(block, &info, error);
  *ran = info.isa;
  if (status == MBCONV_OK) status = run(block, &desc, b->channels[desc.count], &state, hash, error);
  mbconv_block_destroy(block);
  free(p);
  return status == MBCONV_OK;
}
