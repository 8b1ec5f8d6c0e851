/* SPDX-License-Identifier: MIT
 *
 * struct_size: what programs of other versions may hand to this library. Each struct that has one is given every size,
 * and the message of a refusal says whose struct it was.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "api.h"

enum { APPENDED = 16 }; /* bytes that a later version has more */

/* A struct as a later version may have it. */
union grown {
  size_t struct_size;
  mbconv_pointwise_desc pointwise;
  mbconv_depthwise_desc depthwise;
  mbconv_block_desc block;
  mbconv_stages_desc stages;
  mbconv_stage_desc stage;
  mbconv_convolution_desc convolution;
  mbconv_global_pool_desc pool;
  mbconv_activation_desc activation;
  mbconv_options options;
  mbconv_conv conv;
  mbconv_batch_norm norm;
  mbconv_squeeze_excite squeeze_excite;
  mbconv_threads threads;
  mbconv_info info;
  unsigned char bytes[512];
};

static mbconv_status create(enum api_kind kind, const union grown *desc, const mbconv_options *options, void **out,
                            mbconv_error *error) {
  switch (kind) {
    case POINTWISE: return mbconv_pointwise_create(&desc->pointwise, options, (mbconv_pointwise **)out, error);
    case DEPTHWISE: return mbconv_depthwise_create(&desc->depthwise, options, (mbconv_depthwise **)out, error);
    case BLOCK: return mbconv_block_create(&desc->block, options, (mbconv_block **)out, error);
    case STAGES: return mbconv_block_create_stages(&desc->stages, options, (mbconv_block **)out, error);
    case CONVOLUTION: return mbconv_convolution_create(&desc->convolution, options, (mbconv_convolution **)out, error);
    case GLOBAL_POOL: return mbconv_global_pool_create(&desc->pool, options, (mbconv_global_pool **)out, error);
    case ACTIVATION: return mbconv_activation_create(&desc->activation, options, (mbconv_activation **)out, error);
    case KINDS: break;
  }
  return MBCONV_INVALID_ARGUMENT;
}

/* ---- Structs that are read --------------------------------------------------------------------------------------- */

/* A call that reads a struct; what its status was, and *error. */
typedef mbconv_status call_fn(struct test *t, void *context, mbconv_status expected, mbconv_error *error);

/* Tries all sizes on `varied`, a struct of `known` bytes that `call` reads and messages call `name`. */
static void try_sizes(struct test *t, union grown *varied, size_t known, const char *name, call_fn *call,
                      void *context) {
  const struct {
    size_t size;
    int appended; /* the byte that the caller's own fields are full of */
    mbconv_status expected;
  } cases[] = {
      {0, 1, MBCONV_OK}, /* what lies beyond is not looked at */
      {known, 1, MBCONV_OK},
      {known + APPENDED, 0, MBCONV_OK},
      {known + APPENDED, 1, MBCONV_INVALID_ARGUMENT},
      {known - sizeof(size_t), 0, MBCONV_INVALID_ARGUMENT},
      {1, 0, MBCONV_INVALID_ARGUMENT},
      {SIZE_MAX, 0, MBCONV_INVALID_ARGUMENT},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char what[128], begin[128];
    snprintf(what, sizeof what, "%s: struct_size %zu of %zu, then bytes of %d", name, cases[i].size, known,
             cases[i].appended);
    snprintf(begin, sizeof begin, "%s: struct_size is %zu, neither 0 nor %zu,", name, cases[i].size, known);
    varied->struct_size = cases[i].size;
    memset(varied->bytes + known, cases[i].appended, APPENDED);
    mbconv_error error = api_stale_error();
    api_check_error(t, what, call(t, context, cases[i].expected, &error), cases[i].expected, &error);
    test_check(t, cases[i].expected == MBCONV_OK || strncmp(error.message, begin, strlen(begin)) == 0, "%s: \"%s\"",
               what, error.message);
  }
  varied->struct_size = 0;
}

/* ---- Descriptions, options and parameters ------------------------------------------------------------------------ */

struct creation {
  enum api_kind kind;
  const union grown *desc;
  const mbconv_options *options;
};

static mbconv_status call_create(struct test *t, void *context, mbconv_status expected, mbconv_error *error) {
  const struct creation *c = context;
  void *object = NULL;
  const mbconv_status status = create(c->kind, c->desc, c->options, &object, error);
  test_check(t, (object != NULL) == (expected == MBCONV_OK), "an object or none");
  api_destroy(c->kind, object);
  return status;
}

static mbconv_status call_count(struct test *t, void *context, mbconv_status expected, mbconv_error *error) {
  const struct creation *c = context;
  mbconv_counts counts = {5, 6};
  const mbconv_status status = c->kind == BLOCK    ? mbconv_block_count(&c->desc->block, &counts, error)
                               : c->kind == STAGES ? mbconv_stages_count(&c->desc->stages, &counts, error)
                                                   : mbconv_convolution_count(&c->desc->convolution, &counts, error);
  test_check(t, (counts.parameters == 5) == (expected != MBCONV_OK), "counts or none");
  return status;
}

/* A struct that the creation's description is, or points to. */
static void try_description(struct test *t, struct creation *c, union grown *varied, size_t known, const char *name) {
  test_at(t, "struct_size of %s of %s", name, api_kind_names[c->kind]);
  try_sizes(t, varied, known, name, call_create, c);
  if (c->kind == BLOCK || c->kind == STAGES || c->kind == CONVOLUTION) try_sizes(t, varied, known, name, call_count, c);
}

static void descriptions(struct test *t, const struct api_fixture *f) {
  const struct {
    enum api_kind kind;
    const void *desc;
    size_t known;
  } descs[] = {{POINTWISE, &f->pointwise, sizeof f->pointwise},
               {DEPTHWISE, &f->depthwise, sizeof f->depthwise},
               {BLOCK, &f->c.desc, sizeof f->c.desc},
               {STAGES, &f->stages, sizeof f->stages},
               {CONVOLUTION, &f->convolution, sizeof f->convolution},
               {GLOBAL_POOL, &f->global_pool, sizeof f->global_pool},
               {ACTIVATION, &f->activation, sizeof f->activation}};
  for (size_t i = 0; i < sizeof descs / sizeof *descs; i++) {
    union grown desc = {0}, options = {.options = f->options};
    struct creation c = {descs[i].kind, &desc, &options.options};
    memcpy(&desc, descs[i].desc, descs[i].known);
    try_description(t, &c, &desc, descs[i].known, "desc");
    test_at(t, "struct_size of the options of %s", api_kind_names[c.kind]);
    try_sizes(t, &options, sizeof options.options, "options", call_create, &c);
  }
}

static void convolutions_of_block(struct test *t, const struct api_fixture *f) {
  static const char *const names[BLOCK_CONVS] = {"expand", "depthwise", "project", "squeeze_excite->reduce",
                                                 "squeeze_excite->expand"};
  const mbconv_conv *const given[BLOCK_CONVS] = {&f->c.expand, &f->c.depthwise, &f->c.project, &f->c.reduce,
                                                 &f->c.excite};
  union grown desc = {.block = f->c.desc}, excite = {.squeeze_excite = f->c.squeeze_excite};
  union grown convs[BLOCK_CONVS] = {0}, norms[BLOCK_CONVS] = {0};
  struct creation c = {BLOCK, &desc, &f->options};
  for (size_t i = 0; i < BLOCK_CONVS; i++) {
    convs[i].conv = *given[i];
    norms[i].norm = f->c.norms[i];
    convs[i].conv.batch_norm = &norms[i].norm;
  }
  desc.block.expand = &convs[0].conv;
  desc.block.depthwise = &convs[1].conv;
  desc.block.project = &convs[2].conv;
  desc.block.squeeze_excite = &excite.squeeze_excite;
  excite.squeeze_excite.reduce = &convs[3].conv;
  excite.squeeze_excite.expand = &convs[4].conv;
  try_description(t, &c, &excite, sizeof excite.squeeze_excite, "squeeze_excite");
  for (size_t i = 0; i < BLOCK_CONVS; i++) {
    char norm_name[64];
    snprintf(norm_name, sizeof norm_name, "the BN of %s", names[i]);
    try_description(t, &c, &convs[i], sizeof(mbconv_conv), names[i]);
    try_description(t, &c, &norms[i], sizeof(mbconv_batch_norm), norm_name);
  }
}

static void convolutions_of_operators(struct test *t, const struct api_fixture *f) {
  union grown desc = {0}, conv = {0}, norm = {0};
  struct creation c = {POINTWISE, &desc, &f->options};
  const struct {
    enum api_kind kind;
    const mbconv_conv *conv;
  } operators[] = {{POINTWISE, f->pointwise.conv}, {DEPTHWISE, f->depthwise.conv}, {CONVOLUTION, f->convolution.conv}};
  for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
    c.kind = operators[i].kind;
    conv.conv = *operators[i].conv;
    norm.norm = *conv.conv.batch_norm;
    conv.conv.batch_norm = &norm.norm;
    if (c.kind == POINTWISE) desc.pointwise = f->pointwise, desc.pointwise.conv = &conv.conv;
    if (c.kind == DEPTHWISE) desc.depthwise = f->depthwise, desc.depthwise.conv = &conv.conv;
    if (c.kind == CONVOLUTION) desc.convolution = f->convolution, desc.convolution.conv = &conv.conv;
    try_description(t, &c, &conv, sizeof conv.conv, "conv");
    try_description(t, &c, &norm, sizeof norm.norm, "the BN of conv");
  }
}

/* A list of one stage, and its convolution. Arrays of several are in api_stages.c. */
static void stages_of_list(struct test *t, const struct api_fixture *f) {
  union grown desc = {.stages = f->stages}, stage = {.stage = f->stage[0]}, conv = {.conv = f->stage_convs[0]};
  struct creation c = {STAGES, &desc, &f->options};
  desc.stages.stages = &stage.stage;
  desc.stages.count = 1;
  stage.stage.conv = &conv.conv;
  try_description(t, &c, &stage, sizeof stage.stage, "stages[0]");
  try_description(t, &c, &conv, sizeof conv.conv, "stages[0].conv");
}

/* ---- Threads ----------------------------------------------------------------------------------------------------- */

enum { FLOATS = 360, SCRATCH = 1 << 16 };

struct one_run {
  enum api_kind kind;
  const void *object;
  const mbconv_threads *threads;
};

static mbconv_status call_run(struct test *t, void *context, mbconv_status expected, mbconv_error *error) {
  static float x[FLOATS], y[FLOATS];
  static char scratch[SCRATCH];
  const struct one_run *run = context;
  mbconv_status status = MBCONV_INVALID_ARGUMENT;
  y[0] = test_poison();
  switch (run->kind) {
    case POINTWISE: status = mbconv_pointwise_run(run->object, 2, x, 0, y, 0, NULL, 0, run->threads, error); break;
    case DEPTHWISE:
      status = mbconv_depthwise_run(run->object, 1, x, y, scratch, sizeof scratch, run->threads, error);
      break;
    case BLOCK: status = mbconv_block_run(run->object, 1, x, y, scratch, sizeof scratch, run->threads, error); break;
    case STAGES:
      status = mbconv_block_run_residual(run->object, 1, x, x, y, scratch, sizeof scratch, run->threads, error);
      break;
    case CONVOLUTION:
      status = mbconv_convolution_run(run->object, 1, x, y, NULL, scratch, sizeof scratch, run->threads, error);
      break;
    case GLOBAL_POOL: status = mbconv_global_pool_run(run->object, 1, x, y, run->threads, error); break;
    case ACTIVATION:
    case KINDS: break;
  }
  test_check(t, test_is_poison(y[0]) == (expected != MBCONV_OK), "an output or none");
  return status;
}

/* ---- Info, which is written -------------------------------------------------------------------------------------- */

static void info(struct test *t, const struct api_fixture *f, enum api_kind kind, const void *object) {
  const size_t known = sizeof(mbconv_info), sizes[] = {0, known, known + APPENDED, known - sizeof(size_t), 1, SIZE_MAX};
  test_at(t, "struct_size of the info of %s", api_kind_names[kind]);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    union grown got, before;
    memset(&got, 0x5a, sizeof got);
    got.struct_size = sizes[i];
    before = got;
    mbconv_error error = api_stale_error();
    const bool good = i < 2;
    const mbconv_status status = api_get_info(kind, object, &got.info, &error);
    api_check_error(t, "info", status, good ? MBCONV_OK : MBCONV_INVALID_ARGUMENT, &error);
    const size_t written = good ? known : 0;
    test_check(t, memcmp(got.bytes + written, before.bytes + written, sizeof got - written) == 0,
               "size %zu: written beyond the struct, or in spite of a failure", sizes[i]);
    test_check(t, got.struct_size == sizes[i], "struct_size was written");
    if (good) {
      test_check(t, got.info.isa == f->options.isa && got.info.type == MBCONV_F32 && got.info.exp != MBCONV_EXP_AUTO,
                 "what it says");
    } else {
      char expected[128];
      snprintf(expected, sizeof expected, "info: struct_size is %zu, neither 0 nor %zu", sizes[i], known);
      test_check(t, strcmp(error.message, expected) == 0, "\"%s\"", error.message);
    }
  }
}

static void info_of_nothing(struct test *t, enum api_kind kind, const void *object) {
  static const char *const names[KINDS] = {"pointwise",   "depthwise", "activation", "block",
                                           "convolution", "pool",      "block"};
  char expected[64];
  mbconv_info got = {0};
  mbconv_error error = api_stale_error();
  api_check_error(t, "no object", api_get_info(kind, NULL, &got, &error), MBCONV_INVALID_ARGUMENT, &error);
  snprintf(expected, sizeof expected, "%s is NULL", names[kind]);
  test_check(t, strcmp(error.message, expected) == 0, "\"%s\"", error.message);
  api_check_error(t, "no info", api_get_info(kind, object, NULL, &error), MBCONV_INVALID_ARGUMENT, &error);
  test_check(t, strcmp(error.message, "info is NULL") == 0, "\"%s\"", error.message);
}

void api_struct_sizes(struct test *t, const struct api_fixture *f) {
  descriptions(t, f);
  convolutions_of_block(t, f);
  convolutions_of_operators(t, f);
  stages_of_list(t, f);
  for (enum api_kind kind = 0; kind < KINDS; kind++) {
    void *object = NULL;
    if (!test_check(t, api_create(f, kind, &f->options, &object, NULL) == MBCONV_OK, "create")) continue;
    info(t, f, kind, object);
    info_of_nothing(t, kind, object);
    union grown threads = {0};
    struct one_run run = {kind, object, &threads.threads};
    test_at(t, "struct_size of the threads of %s", api_kind_names[kind]);
    if (kind != ACTIVATION) try_sizes(t, &threads, sizeof threads.threads, "threads", call_run, &run);
    api_destroy(kind, object);
  }
  test_check(t, f->ledger.live == 0 && !f->ledger.bad_request, "%zu allocations left", f->ledger.live);
}
