/* SPDX-License-Identifier: MIT
 *
 * Lists of stages: see lists.h.
 */
#include "lists.h"

#include <stdlib.h>
#include <string.h>

#include "stages_case.h"
#include "test.h"

#define NONE MBCONV_ACTIVATION_NONE
#define RELU MBCONV_ACTIVATION_RELU
#define RELU6 MBCONV_ACTIVATION_RELU6
#define SILU MBCONV_ACTIVATION_SILU
#define HARD_SWISH MBCONV_ACTIVATION_HARD_SWISH
#define GELU MBCONV_ACTIVATION_GELU
#define PRELU MBCONV_ACTIVATION_PRELU

struct list {
  const char *name, *kinds;
  size_t channels[MBCONV_MOST_STAGES + 1];
  mbconv_activation_kind activation[MBCONV_MOST_STAGES];
  size_t kernel[MBCONV_MOST_STAGES], stride[MBCONV_MOST_STAGES], dilation[MBCONV_MOST_STAGES];
  mbconv_residual residual;
  mbconv_residual_place place;
  size_t residual_channels;
};

static const struct list lists[DRIFT_LISTS] = {
    {"fused", "CP", {24, 96, 48}, {SILU}, {3}, {2}, .residual = MBCONV_RESIDUAL_AUTO},
    {"fused-without-project",
     "C",
     {24, 24},
     {SILU},
     {3},
     {1},
     .residual = MBCONV_RESIDUAL_ON,
     .place = MBCONV_RESIDUAL_AFTER_ACTIVATION},
    {"fused-squeeze-excite", "CEP", {24, 96, 96, 24}, {SILU}, {3}, {1}, .residual = MBCONV_RESIDUAL_ON},
    {"extra-depthwise",
     "DPDP",
     {32, 32, 128, 128, 32},
     {NONE, RELU, RELU},
     {5, 0, 3},
     {1, 0, 1},
     .residual = MBCONV_RESIDUAL_ON},
    {"feed-forward", "PP", {32, 128, 32}, {GELU}, .residual = MBCONV_RESIDUAL_ON},
    {"convnext-like", "DPP", {32, 32, 128, 32}, {NONE, GELU}, {7}, {1}, .residual = MBCONV_RESIDUAL_ON},
    {"lcnet", "DEP", {64, 64, 64, 128}, {HARD_SWISH, NONE, HARD_SWISH}, {5}, {2}, .residual = MBCONV_RESIDUAL_OFF},
    {"blazeface",
     "DP",
     {24, 24, 48},
     {NONE, PRELU},
     {5},
     {2},
     .residual = MBCONV_RESIDUAL_GIVEN,
     .residual_channels = 24},
    {"rexnet",
     "PDEP",
     {27, 162, 162, 162, 38},
     {SILU, NONE, RELU6},
     {0, 3},
     {0, 1},
     .residual = MBCONV_RESIDUAL_ON,
     .residual_channels = 27},
    {"dilated", "PDP", {16, 96, 96, 16}, {HARD_SWISH, RELU}, {0, 3}, {0, 1}, {0, 2}, .residual = MBCONV_RESIDUAL_ON},
};

#undef NONE
#undef RELU
#undef RELU6
#undef SILU
#undef HARD_SWISH
#undef GELU
#undef PRELU

const char *drift_list_name(size_t index) { return lists[index].name; }

/* Padded so that a stride of 1 keeps the image's size. */
static void case_of(const struct list *list, struct stages_case *c, uint64_t *state) {
  *c = (struct stages_case){.kinds = list->kinds,
                            .residual = list->residual,
                            .place = list->place,
                            .residual_channels = list->residual_channels,
                            .squeeze_excite = {.width = 8, .inner = MBCONV_ACTIVATION_RELU}};
  c->squeeze_excite.gate = MBCONV_ACTIVATION_HARD_SIGMOID;
  memcpy(c->channels, list->channels, sizeof c->channels);
  for (size_t i = 0; list->kinds[i]; i++) {
    mbconv_stage_desc *stage = &c->stage[i];
    stage->activation = list->activation[i];
    stage->kernel = list->kernel[i];
    stage->stride = list->stride[i];
    stage->dilation = list->dilation[i];
    const size_t half = list->kernel[i] / 2 * (list->dilation[i] ? list->dilation[i] : 1);
    stage->pad = (mbconv_pad){half, half, half, half};
  }
  stages_case_fill(c, state);
}

/* With the block, whose residual, if it is given one, is made here. */
static mbconv_status run(const struct stages_case *c, const mbconv_block *block, const float *x, size_t pixels,
                         float *y, uint64_t *state, mbconv_error *error) {
  const size_t bytes = mbconv_block_scratch_size(block, 1);
  float *added = test_new_floats(state, pixels * stages_case_residual_channels(c));
  void *scratch = malloc(bytes);
  if (!scratch) abort();
  const mbconv_status status = c->residual == MBCONV_RESIDUAL_GIVEN
                                   ? mbconv_block_run_residual(block, 1, x, added, y, scratch, bytes, NULL, error)
                                   : mbconv_block_run(block, 1, x, y, scratch, bytes, NULL, error);
  free(added);
  free(scratch);
  return status;
}

float *drift_list_run(size_t index, size_t side, mbconv_isa isa, mbconv_exp variant, uint64_t seed, size_t *size,
                      mbconv_error *error) {
  uint64_t state = seed;
  struct stages_case c;
  case_of(&lists[index], &c, &state);
  const mbconv_stages_desc desc = stages_case_desc(&c, side, side);
  const mbconv_options options = {.isa = isa, .exp = variant};
  mbconv_block *block;
  float *y = NULL;
  if (mbconv_block_create_stages(&desc, &options, &block, error) == MBCONV_OK) {
    size_t height, width;
    mbconv_block_output_size(block, &height, &width);
    *size = height * width * c.channels[desc.count];
    float *x = test_new_floats(&state, side * side * c.channels[0]);
    y = test_new_floats(&state, *size);
    if (run(&c, block, x, height * width, y, &state, error) != MBCONV_OK) free(y), y = NULL;
    free(x);
    mbconv_block_destroy(block);
  }
  stages_case_free(&c);
  return y;
}
