/* SPDX-License-Identifier: MIT
 *
 * Scratch of the networks' blocks in int8 beside f32's: a ring holds a quarter of the bytes. For caches of several
 * sizes, whatever this machine's is.
 */
#include "block.h"
#include "block_case.h"
#include "i8.h"
#include "i8_case.h"
#include "run.h"

enum { MOST_WEIGHTS = 1152 * 320 };

static size_t scratch_of(struct test *t, struct mbconv_stages *stages, size_t l2_bytes) {
  size_t bytes = 0;
  stages->target.l2_bytes = l2_bytes;
  mbconv_cut_plan(stages, &stages->cut);
  test_check(t, mbconv_stages_scratch_size(stages, NULL, 1, &bytes, NULL) == MBCONV_OK, "no scratch");
  return bytes;
}

static struct mbconv_stages *create(struct test *t, const struct block_layer *layer, const int8_t *weight,
                                    mbconv_type type) {
  static const float scale = 0.01f;
  const size_t half = layer->kernel / 2;
  mbconv_i8_stage_desc stages[3];
  for (size_t i = 0; i < 3; i++)
    stages[i] = (mbconv_i8_stage_desc){.kind = MBCONV_STAGE_POINTWISE,
                                       .out_channels = layer->expanded_channels,
                                       .weight = weight,
                                       .weight_scale = &scale,
                                       .weight_scales = 1,
                                       .output = {0.01f, 0}};
  stages[1].kind = MBCONV_STAGE_DEPTHWISE;
  stages[1].kernel = layer->kernel, stages[1].stride = layer->stride;
  stages[1].pad = (mbconv_pad){half, half, half, half};
  stages[2].out_channels = layer->out_channels;
  const bool expands = layer->expanded_channels != layer->in_channels;
  const mbconv_i8_desc desc = {.type = type,
                               .height = layer->side,
                               .width = layer->side,
                               .in_channels = layer->in_channels,
                               .input = {0.01f, 0},
                               .count = expands ? 3 : 2,
                               .stages = expands ? stages : stages + 1};
  struct mbconv_i8_described made;
  struct mbconv_stages *list = NULL;
  mbconv_error error = {.message = ""};
  const mbconv_options options = {.isa = t->isa};
  mbconv_status status = mbconv_i8_check(&desc, &made, &error);
  if (status == MBCONV_OK) status = mbconv_stages_create(&made.described, &options, &list, &error);
  test_check(t, status == MBCONV_OK, "int8: %s", error.message);
  return list;
}

static struct mbconv_stages *create_f32(struct test *t, const struct block_layer *layer, const float *weight) {
  const mbconv_conv conv = {.weight = weight};
  mbconv_block_desc desc = block_layer_shape(layer);
  if (layer->expanded_channels != layer->in_channels) desc.expand = &conv;
  desc.depthwise = desc.project = &conv;
  desc.residual = MBCONV_RESIDUAL_OFF;
  desc.activation = MBCONV_ACTIVATION_RELU6;
  struct mbconv_described made;
  struct mbconv_stages *list = NULL;
  mbconv_error error = {.message = ""};
  const mbconv_options options = {.isa = t->isa};
  mbconv_status status = mbconv_block_check(&desc, true, &made, &error);
  made.sets = &mbconv_f32_sets;
  if (status == MBCONV_OK) status = mbconv_stages_create(&made, &options, &list, &error);
  test_check(t, status == MBCONV_OK, "f32: %s", error.message);
  return list;
}

/* Where the bytes of x are turned, s8's or on some sets u8's, their copy counts, too: all of x where groups are run one
 * after the other. */
void test_i8_scratch(struct test *t) {
  static const size_t caches[] = {512 * 1024, 1024 * 1024, 2048 * 1024};
  static const mbconv_type types[] = {MBCONV_U8, MBCONV_S8};
  struct test_buffer weight;
  test_buffer_new(&weight, MOST_WEIGHTS, TEST_GUARD_AFTER);
  memset(weight.data, 0, MOST_WEIGHTS * sizeof(float));
  for (size_t l = 0; l < BLOCK_LAYERS; l++) {
    struct mbconv_stages *f32 = create_f32(t, &block_layers[l], weight.data);
    for (size_t i = 0; i < 2 && f32; i++) {
      struct mbconv_stages *list = create(t, &block_layers[l], (const int8_t *)weight.data, types[i]);
      const double most = list && mbconv_flips_input(list) ? 0.41 : 0.35;
      for (size_t c = 0; c < sizeof caches / sizeof *caches && list; c++) {
        const size_t of = scratch_of(t, f32, caches[c]), bytes = scratch_of(t, list, caches[c]);
        test_at(t, "scratch of %s in %s, %zu bytes of L2", block_layers[l].name, i == 0 ? "u8" : "s8", caches[c]);
        test_check(t, (double)bytes <= most * (double)of, "%zu bytes, f32 %zu: %.3f", bytes, of,
                   (double)bytes / (double)of);
      }
      mbconv_operator_destroy(list);
    }
    mbconv_operator_destroy(f32);
  }
  test_buffer_free(&weight);
}
