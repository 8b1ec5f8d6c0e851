/* SPDX-License-Identifier: MIT
 *
 * The API suite's fixture: see api.h.
 */
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "system.h"

/* ---- The ledger --------------------------------------------------------------- */

static void *ledger_allocate(void *context, size_t size, size_t alignment) {
  struct api_ledger *ledger = context;
  if (size == 0 || alignment == 0 || alignment > 64 || (alignment & (alignment - 1)) != 0) ledger->bad_request = true;
  ledger->last_size = size;
  if (++ledger->calls == ledger->fail_at) return NULL;
  void *memory = system_aligned_allocate(64, (size + 63) / 64 * 64);
  if (!memory) return NULL;
  memset(memory, 0xff, size);
  ledger->live++;
  return memory;
}

static void ledger_release(void *context, void *memory) {
  struct api_ledger *ledger = context;
  if (!memory || ledger->live == 0) ledger->bad_request = true;
  ledger->live--;
  system_aligned_release(memory);
}

/* ---- Objects of all kinds ---------------------------------------------------------------------------------------- */

const char *const api_kind_names[KINDS] = {"pointwise",   "depthwise",   "activation",    "block",
                                           "convolution", "global pool", "list of stages"};

/* All that a block cannot be: a dense stage first, activations with slopes, layer scale, a shortcut that is given. */
static void stages_new(struct api_fixture *f, uint64_t *state) {
  test_fill(state, f->slopes, sizeof f->slopes / sizeof(float));
  test_fill(state, f->scales, sizeof f->scales / sizeof(float));
  for (size_t i = 0; i < 5; i++)
    f->stage_convs[i] = (mbconv_conv){.weight = f->convolution_weights, .bias = f->scales, .slope = f->slopes};
  f->stage_convs[1].scale = f->scales;
  f->stage_convs[4].batch_norm = &f->c.norms[2];
  const mbconv_pad pad = {1, 1, 1, 1};
  f->stage[0] = (mbconv_stage_desc){.kind = MBCONV_STAGE_DENSE,
                                    .out_channels = 18,
                                    .activation = MBCONV_ACTIVATION_PRELU,
                                    .kernel = 3,
                                    .stride = 1,
                                    .pad = pad};
  f->stage[1] = (mbconv_stage_desc){
      .kind = MBCONV_STAGE_POINTWISE, .out_channels = 18, .activation = MBCONV_ACTIVATION_GELU, .kernel = 1};
  f->stage[2] = (mbconv_stage_desc){.kind = MBCONV_STAGE_DEPTHWISE,
                                    .activation = MBCONV_ACTIVATION_LEAKY_RELU,
                                    .kernel = 3,
                                    .stride = 1,
                                    .dilation = 1,
                                    .pad = pad};
  f->stage[3] = (mbconv_stage_desc){.kind = MBCONV_STAGE_SQUEEZE_EXCITE,
                                    .out_channels = 18,
                                    .squeeze_excite = &f->c.squeeze_excite,
                                    .activation = MBCONV_ACTIVATION_GELU_TANH};
  f->stage[4] = (mbconv_stage_desc){
      .kind = MBCONV_STAGE_POINTWISE, .out_channels = 7, .activation = MBCONV_ACTIVATION_HARD_SWISH, .stride = 1};
  for (size_t i = 0; i < 5; i++)
    if (i != 3) f->stage[i].conv = &f->stage_convs[i];
  f->stages = (mbconv_stages_desc){.height = 4,
                                   .width = 5,
                                   .in_channels = 6,
                                   .count = 5,
                                   .stages = f->stage,
                                   .residual = MBCONV_RESIDUAL_GIVEN,
                                   .residual_place = MBCONV_RESIDUAL_AFTER_ACTIVATION,
                                   .residual_channels = 5};
}

void api_fixture_new(struct test *t, struct api_fixture *f) {
  mbconv_block_desc shape = {.height = 4,
                             .width = 5,
                             .in_channels = 6,
                             .expanded_channels = 18,
                             .out_channels = 7,
                             .kernel = 3,
                             .stride = 1,
                             .pad = {1, 1, 1, 1}};
  shape.activation = MBCONV_ACTIVATION_SILU;
  const struct block_parts parts = {.expand = true,
                                    .bias = true,
                                    .batch_norm = true,
                                    .squeeze_excite = 2,
                                    .inner = MBCONV_ACTIVATION_SILU,
                                    .gate = MBCONV_ACTIVATION_SIGMOID};
  uint64_t state = t->seed;
  *f = (struct api_fixture){.activation.kind = MBCONV_ACTIVATION_SILU};
  block_case_new(&f->c, &shape, &parts, &state);
  f->pointwise = (mbconv_pointwise_desc){
      .in_channels = 6, .out_channels = 18, .conv = &f->c.expand, .activation = MBCONV_ACTIVATION_SILU};
  f->depthwise = (mbconv_depthwise_desc){.height = 4,
                                         .width = 5,
                                         .channels = 18,
                                         .kernel = 3,
                                         .stride = 1,
                                         .pad = {1, 1, 1, 1},
                                         .conv = &f->c.depthwise,
                                         .activation = MBCONV_ACTIVATION_SILU};
  test_fill(&state, f->convolution_weights, sizeof f->convolution_weights / sizeof(float));
  f->convolution = (mbconv_convolution_desc){.height = 4,
                                             .width = 5,
                                             .in_channels = 6,
                                             .out_channels = 18,
                                             .kernel = 3,
                                             .stride = 1,
                                             .pad = {1, 1, 1, 1},
                                             .conv = &f->convolution_conv,
                                             .activation = MBCONV_ACTIVATION_SILU};
  f->convolution_conv = f->c.expand;
  f->convolution_conv.weight = f->convolution_weights;
  f->global_pool = (mbconv_global_pool_desc){.height = 4, .width = 5, .channels = 18};
  stages_new(f, &state);
  f->allocator = (mbconv_allocator){ledger_allocate, ledger_release, &f->ledger};
  f->options = (mbconv_options){.isa = t->isa, .allocator = &f->allocator};
}

void api_fixture_free(struct api_fixture *f) { block_case_free(&f->c); }

mbconv_status api_create(const struct api_fixture *f, enum api_kind kind, const mbconv_options *options, void **out,
                         mbconv_error *error) {
  mbconv_pointwise *pointwise = *out;
  mbconv_depthwise *depthwise = *out;
  mbconv_activation *activation = *out;
  mbconv_block *block = *out;
  mbconv_convolution *convolution = *out;
  mbconv_global_pool *pool = *out;
  mbconv_status status = MBCONV_OK;
  switch (kind) {
    case POINTWISE:
      status = mbconv_pointwise_create(&f->pointwise, options, &pointwise, error);
      *out = pointwise;
      break;
    case DEPTHWISE:
      status = mbconv_depthwise_create(&f->depthwise, options, &depthwise, error);
      *out = depthwise;
      break;
    case ACTIVATION:
      status = mbconv_activation_create(&f->activation, options, &activation, error);
      *out = activation;
      break;
    case BLOCK:
      status = mbconv_block_create(&f->c.desc, options, &block, error);
      *out = block;
      break;
    case STAGES:
      status = mbconv_block_create_stages(&f->stages, options, &block, error);
      *out = block;
      break;
    case CONVOLUTION:
      status = mbconv_convolution_create(&f->convolution, options, &convolution, error);
      *out = convolution;
      break;
    case GLOBAL_POOL:
      status = mbconv_global_pool_create(&f->global_pool, options, &pool, error);
      *out = pool;
      break;
    case KINDS: break;
  }
  return status;
}

void api_destroy(enum api_kind kind, void *object) {
  if (kind == POINTWISE) mbconv_pointwise_destroy(object);
  if (kind == DEPTHWISE) mbconv_depthwise_destroy(object);
  if (kind == ACTIVATION) mbconv_activation_destroy(object);
  if (kind == BLOCK || kind == STAGES) mbconv_block_destroy(object);
  if (kind == CONVOLUTION) mbconv_convolution_destroy(object);
  if (kind == GLOBAL_POOL) mbconv_global_pool_destroy(object);
}

mbconv_status api_get_info(enum api_kind kind, const void *object, mbconv_info *info, mbconv_error *error) {
  if (kind == POINTWISE) return mbconv_pointwise_info(object, info, error);
  if (kind == DEPTHWISE) return mbconv_depthwise_info(object, info, error);
  if (kind == ACTIVATION) return mbconv_activation_info(object, info, error);
  if (kind == CONVOLUTION) return mbconv_convolution_info(object, info, error);
  if (kind == GLOBAL_POOL) return mbconv_global_pool_info(object, info, error);
  return mbconv_block_info(object, info, error);
}

mbconv_info api_info(enum api_kind kind, const void *object) {
  mbconv_info info = {0};
  if (api_get_info(kind, object, &info, NULL) != MBCONV_OK) abort();
  return info;
}

/* ---- What a failure looks like ----------------------------------------------------------------------------------- */

mbconv_error api_stale_error(void) {
  mbconv_error error = {.status = (mbconv_status)77};
  memset(error.message, 'x', sizeof error.message);
  return error;
}

bool api_check_error(struct test *t, const char *what, mbconv_status status, mbconv_status expected,
                     const mbconv_error *error) {
  const bool terminated = memchr(error->message, '\0', sizeof error->message) != NULL;
  return test_check(t,
                    status == expected && error->status == status && terminated &&
                        (error->message[0] == '\0') == (expected == MBCONV_OK),
                    "%s: status \"%s\" instead of \"%s\", message \"%s\"", what, mbconv_status_string(status),
                    mbconv_status_string(expected), terminated ? error->message : "not terminated");
}

void api_expect_no_object(struct test *t, struct api_fixture *f, enum api_kind kind, const mbconv_options *options,
                          mbconv_status expected, const char *what) {
  static int somewhere;
  mbconv_error error = api_stale_error();
  void *object = &somewhere;
  const mbconv_status status = api_create(f, kind, options, &object, &error);
  api_check_error(t, what, status, expected, &error);
  test_check(t, object == NULL, "%s: *out is not NULL", what);
  test_check(t, f->ledger.live == 0 && !f->ledger.bad_request, "%s: %zu allocations were left", what, f->ledger.live);
  object = &somewhere;
  test_check(t, api_create(f, kind, options, &object, NULL) == expected && object == NULL && f->ledger.live == 0,
             "%s: without an error struct", what);
}
