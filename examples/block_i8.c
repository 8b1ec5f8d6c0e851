/* SPDX-License-Identifier: MIT
 *
 * A block of MobileNetV2 in int8 within a program of floats: x is quantized at the block's door, as LiteRT does it, and
 * y comes out as floats. SiLU is a table. The same bytes on every instruction set: it runs on all that are there.
 */
#include <mbconv_i8.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 28, CHANNELS = 32, EXPANDED = 192, N = SIDE * SIDE * CHANNELS };

static int8_t expand[EXPANDED * CHANNELS], depthwise[EXPANDED * 3 * 3], project[CHANNELS * EXPANDED];
static float scales[EXPANDED]; /* of weights, by channel; here the same for all three */
static int32_t bias[EXPANDED];
static uint8_t table[256];
static float x[N], y[N], first[N];

/* A network's own parameters would be here. */
static void fill_parameters(void) {
  unsigned state = 1;
  for (size_t i = 0; i < sizeof expand; i++) expand[i] = (int8_t)((state = state * 1664525u + 1013904223u) >> 24);
  for (size_t i = 0; i < sizeof depthwise; i++) depthwise[i] = (int8_t)((state = state * 1664525u + 1013904223u) >> 24);
  for (size_t i = 0; i < sizeof project; i++) project[i] = (int8_t)((state = state * 1664525u + 1013904223u) >> 24);
  for (size_t c = 0; c < EXPANDED; c++) scales[c] = 0.001f + 0.00001f * (float)c, bias[c] = 100 * (int32_t)(c % 7);
  for (size_t i = 0; i < N; i++) x[i] = (float)(i * 7919 % 2001) / 500.0f - 2.0f;
}

static int run(const mbconv_i8_desc *desc, mbconv_isa isa) {
  const mbconv_options options = {.isa = isa};
  mbconv_block *block;
  mbconv_error error;
  char text[400];
  if (mbconv_block_create_i8(desc, &options, &block, &error) != MBCONV_OK) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  mbconv_block_describe(block, 1, text, sizeof text);
  const size_t size = mbconv_block_scratch_size(block, 1);
  void *scratch = malloc(size);
  if (scratch && mbconv_block_run(block, 1, x, y, scratch, size, NULL, &error) == MBCONV_OK)
    printf("%s\n  y begins with %g %g %g\n", text, (double)y[0], (double)y[1], (double)y[2]);
  else
    fprintf(stderr, "%s\n", scratch ? error.message : "no memory");
  const int failed = !scratch || error.status != MBCONV_OK;
  free(scratch);
  mbconv_block_destroy(block);
  return failed;
}

int main(void) {
  const mbconv_quantization input = {0.016f, 0}, sums = {0.02f, -20}, silu = {0.01f, -100}, output = {0.02f, 0};
  mbconv_error error;
  fill_parameters();
  if (mbconv_i8_make_table(MBCONV_I8_SILU, 0.0f, MBCONV_S8, MBCONV_I8_FP32, &sums, &silu, table, &error) != MBCONV_OK) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  const mbconv_i8_stage_desc stages[3] = {{.kind = MBCONV_STAGE_POINTWISE,
                                           .out_channels = EXPANDED,
                                           .weight = expand,
                                           .bias = bias,
                                           .weight_scale = scales,
                                           .weight_scales = EXPANDED,
                                           .output = sums,
                                           .table = table,
                                           .table_output = silu},
                                          {.kind = MBCONV_STAGE_DEPTHWISE,
                                           .kernel = 3,
                                           .stride = 1,
                                           .pad = {1, 1, 1, 1},
                                           .weight = depthwise,
                                           .bias = bias,
                                           .weight_scale = scales,
                                           .weight_scales = EXPANDED,
                                           .output = sums,
                                           .table = table,
                                           .table_output = silu},
                                          {.kind = MBCONV_STAGE_POINTWISE,
                                           .out_channels = CHANNELS,
                                           .weight = project,
                                           .weight_scale = scales,
                                           .weight_scales = 1,
                                           .output = output}};
  const mbconv_i8_desc desc = {.type = MBCONV_S8,
                               .height = SIDE,
                               .width = SIDE,
                               .in_channels = CHANNELS,
                               .input = input,
                               .count = 3,
                               .stages = stages,
                               .sum = {0.03f, 5}, /* x is added */
                               .x_door = MBCONV_I8_DOOR_XNNPACK,
                               .y_door = MBCONV_I8_DOOR_XNNPACK};
  mbconv_isa isas[MBCONV_ISA_COUNT];
  const size_t count = mbconv_usable_isas_i8(isas, MBCONV_ISA_COUNT);
  for (size_t i = 0; i < count; i++) {
    if (run(&desc, isas[i])) return 1;
    if (i == 0) memcpy(first, y, sizeof y);
    for (size_t n = 0; n < N; n++) {
      if (y[n] == first[n]) continue;
      fprintf(stderr, "%s gives other floats\n", mbconv_isa_name(isas[i]));
      return 1;
    }
  }
  return 0;
}
