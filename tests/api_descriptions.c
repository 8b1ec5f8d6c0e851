/* SPDX-License-Identifier: MIT
 *
 * Bad descriptions: one field of a valid one is changed at a time, and create must fail with the right status.
 */
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "api.h"

static const float zeros[64], minus_ones[64] = {-1}, nans[64] = {NAN}, infinities[64] = {INFINITY};

/* One field of the fixture, set to one value that makes create of `kind` fail. */
struct change {
  enum api_kind kind;
  const char *what;
  size_t offset;
  enum { SIZE, ENUM, POINTER, FLOAT } type;
  mbconv_status expected;
  size_t size; /* also the enum's value */
  const void *pointer;
  float number;
};

/* Kind, field and value in one line of the table below; undefined after it. */
#define FIELD(kind, field) kind, #field, offsetof(struct api_fixture, field)
static const struct change changes[] = {
    {FIELD(POINTWISE, pointwise.type), ENUM, MBCONV_INVALID_ARGUMENT, .size = 1},
    {FIELD(POINTWISE, pointwise.type), ENUM, MBCONV_INVALID_ARGUMENT, .size = UINT32_MAX},
    {FIELD(POINTWISE, pointwise.conv), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(POINTWISE, pointwise.in_channels), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(POINTWISE, pointwise.in_channels), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX},
    {FIELD(POINTWISE, pointwise.in_channels), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX / 18},
    {FIELD(POINTWISE, pointwise.out_channels), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(POINTWISE, pointwise.out_channels), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX},
    {FIELD(POINTWISE, pointwise.out_channels), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX / 4 - 1},
    {FIELD(POINTWISE, pointwise.activation), ENUM, MBCONV_INVALID_ARGUMENT, .size = MBCONV_ACTIVATION_PRELU + 1},
    {FIELD(POINTWISE, pointwise.activation), ENUM, MBCONV_INVALID_ARGUMENT, .size = UINT32_MAX},
    {FIELD(POINTWISE, c.expand.weight), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(POINTWISE, c.norms[0].mean), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(POINTWISE, c.norms[0].variance), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(POINTWISE, c.norms[0].variance), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = minus_ones},
    {FIELD(POINTWISE, c.norms[0].variance), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = nans},
    {FIELD(POINTWISE, c.norms[0].variance), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = infinities},
    {FIELD(POINTWISE, c.norms[0].epsilon), FLOAT, MBCONV_INVALID_ARGUMENT, .number = -1e-3f},
    {FIELD(POINTWISE, c.norms[0].epsilon), FLOAT, MBCONV_INVALID_ARGUMENT, .number = NAN},
    {FIELD(POINTWISE, c.norms[0].epsilon), FLOAT, MBCONV_INVALID_ARGUMENT, .number = INFINITY},

    {FIELD(DEPTHWISE, depthwise.type), ENUM, MBCONV_INVALID_ARGUMENT, .size = 1},
    {FIELD(DEPTHWISE, depthwise.type), ENUM, MBCONV_INVALID_ARGUMENT, .size = UINT32_MAX},
    {FIELD(DEPTHWISE, depthwise.conv), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(DEPTHWISE, depthwise.height), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(DEPTHWISE, depthwise.height), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX},
    {FIELD(DEPTHWISE, depthwise.height), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX / 4 - 8},
    {FIELD(DEPTHWISE, depthwise.width), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(DEPTHWISE, depthwise.width), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX},
    {FIELD(DEPTHWISE, depthwise.width), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX / 18},
    {FIELD(DEPTHWISE, depthwise.channels), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(DEPTHWISE, depthwise.channels), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX},
    {FIELD(DEPTHWISE, depthwise.channels), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX / 9},
    {FIELD(DEPTHWISE, depthwise.kernel), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(DEPTHWISE, depthwise.kernel), SIZE, MBCONV_INVALID_ARGUMENT, .size = 1},
    {FIELD(DEPTHWISE, depthwise.kernel), SIZE, MBCONV_INVALID_ARGUMENT, .size = 2},
    {FIELD(DEPTHWISE, depthwise.kernel), SIZE, MBCONV_INVALID_ARGUMENT, .size = 4},
    {FIELD(DEPTHWISE, depthwise.kernel), SIZE, MBCONV_INVALID_ARGUMENT, .size = 7}, /* the image has 6 padded rows */
    {FIELD(DEPTHWISE, depthwise.kernel), SIZE, MBCONV_INVALID_ARGUMENT, .size = 9},
    {FIELD(DEPTHWISE, depthwise.kernel), SIZE, MBCONV_INVALID_ARGUMENT, .size = SIZE_MAX},
    {FIELD(DEPTHWISE, depthwise.stride), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(DEPTHWISE, depthwise.stride), SIZE, MBCONV_INVALID_ARGUMENT, .size = 3},
    {FIELD(DEPTHWISE, depthwise.stride), SIZE, MBCONV_INVALID_ARGUMENT, .size = SIZE_MAX},
    {FIELD(DEPTHWISE, depthwise.pad.top), SIZE, MBCONV_INVALID_ARGUMENT, .size = 3},
    {FIELD(DEPTHWISE, depthwise.pad.left), SIZE, MBCONV_INVALID_ARGUMENT, .size = 3},
    {FIELD(DEPTHWISE, depthwise.pad.bottom), SIZE, MBCONV_INVALID_ARGUMENT, .size = SIZE_MAX},
    {FIELD(DEPTHWISE, depthwise.pad.right), SIZE, MBCONV_INVALID_ARGUMENT, .size = SIZE_MAX - 4},
    {FIELD(DEPTHWISE, depthwise.activation), ENUM, MBCONV_INVALID_ARGUMENT, .size = MBCONV_ACTIVATION_PRELU + 1},
    {FIELD(DEPTHWISE, c.depthwise.weight), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(DEPTHWISE, c.norms[1].mean), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(DEPTHWISE, c.norms[1].variance), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(DEPTHWISE, c.norms[1].variance), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = minus_ones},
    {FIELD(DEPTHWISE, c.norms[1].epsilon), FLOAT, MBCONV_INVALID_ARGUMENT, .number = -1},

    {FIELD(ACTIVATION, activation.type), ENUM, MBCONV_INVALID_ARGUMENT, .size = 1},
    {FIELD(ACTIVATION, activation.type), ENUM, MBCONV_INVALID_ARGUMENT, .size = UINT32_MAX},
    {FIELD(ACTIVATION, activation.kind), ENUM, MBCONV_INVALID_ARGUMENT, .size = MBCONV_ACTIVATION_LEAKY_RELU},
    {FIELD(ACTIVATION, activation.kind), ENUM, MBCONV_INVALID_ARGUMENT, .size = MBCONV_ACTIVATION_PRELU},
    {FIELD(ACTIVATION, activation.kind), ENUM, MBCONV_INVALID_ARGUMENT, .size = MBCONV_ACTIVATION_PRELU + 1},
    {FIELD(ACTIVATION, activation.kind), ENUM, MBCONV_INVALID_ARGUMENT, .size = UINT32_MAX},

    {FIELD(BLOCK, c.desc.type), ENUM, MBCONV_INVALID_ARGUMENT, .size = 1},
    {FIELD(BLOCK, c.desc.type), ENUM, MBCONV_INVALID_ARGUMENT, .size = UINT32_MAX},
    {FIELD(BLOCK, c.desc.height), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(BLOCK, c.desc.height), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX},
    {FIELD(BLOCK, c.desc.height), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX / 64},
    {FIELD(BLOCK, c.desc.width), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(BLOCK, c.desc.width), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX},
    {FIELD(BLOCK, c.desc.width), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX / 64},
    {FIELD(BLOCK, c.desc.in_channels), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(BLOCK, c.desc.in_channels), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX},
    {FIELD(BLOCK, c.desc.in_channels), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX / 20},
    {FIELD(BLOCK, c.desc.expanded_channels), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(BLOCK, c.desc.expanded_channels), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX},
    {FIELD(BLOCK, c.desc.expanded_channels), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX / 9},
    {FIELD(BLOCK, c.desc.out_channels), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(BLOCK, c.desc.out_channels), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX},
    {FIELD(BLOCK, c.desc.out_channels), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX / 20},
    {FIELD(BLOCK, c.desc.expand), POINTER, MBCONV_INVALID_ARGUMENT,
     .pointer = NULL}, /* none, but 6 channels in and 18 expanded */
    {FIELD(BLOCK, c.desc.depthwise), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(BLOCK, c.desc.project), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(BLOCK, c.desc.kernel), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(BLOCK, c.desc.kernel), SIZE, MBCONV_INVALID_ARGUMENT, .size = 4},
    {FIELD(BLOCK, c.desc.kernel), SIZE, MBCONV_INVALID_ARGUMENT, .size = 7},
    {FIELD(BLOCK, c.desc.kernel), SIZE, MBCONV_INVALID_ARGUMENT, .size = 9},
    {FIELD(BLOCK, c.desc.stride), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(BLOCK, c.desc.stride), SIZE, MBCONV_INVALID_ARGUMENT, .size = 3},
    {FIELD(BLOCK, c.desc.pad.top), SIZE, MBCONV_INVALID_ARGUMENT, .size = SIZE_MAX},
    {FIELD(BLOCK, c.desc.pad.left), SIZE, MBCONV_INVALID_ARGUMENT, .size = SIZE_MAX - 3},
    {FIELD(BLOCK, c.desc.pad.bottom), SIZE, MBCONV_INVALID_ARGUMENT, .size = 3},
    {FIELD(BLOCK, c.desc.pad.right), SIZE, MBCONV_INVALID_ARGUMENT, .size = 3},
    {FIELD(BLOCK, c.desc.activation), ENUM, MBCONV_INVALID_ARGUMENT, .size = MBCONV_ACTIVATION_PRELU + 1},
    {FIELD(BLOCK, c.desc.residual), ENUM, MBCONV_INVALID_ARGUMENT, .size = MBCONV_RESIDUAL_GIVEN + 1},
    {FIELD(BLOCK, c.desc.residual), ENUM, MBCONV_INVALID_ARGUMENT, .size = MBCONV_RESIDUAL_ON}, /* 6 in, 7 out */
    {FIELD(BLOCK, c.desc.layout), ENUM, MBCONV_INVALID_ARGUMENT, .size = MBCONV_NCHW + 1},
    {FIELD(BLOCK, c.squeeze_excite.width), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(BLOCK, c.squeeze_excite.width), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX},
    {FIELD(BLOCK, c.squeeze_excite.width), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX / 18},
    {FIELD(BLOCK, c.squeeze_excite.reduce), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(BLOCK, c.squeeze_excite.expand), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(BLOCK, c.squeeze_excite.inner), ENUM, MBCONV_INVALID_ARGUMENT, .size = MBCONV_ACTIVATION_PRELU + 1},
    {FIELD(BLOCK, c.squeeze_excite.gate), ENUM, MBCONV_INVALID_ARGUMENT, .size = UINT32_MAX},
    {FIELD(BLOCK, c.expand.weight), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(BLOCK, c.depthwise.weight), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(BLOCK, c.project.weight), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(BLOCK, c.reduce.weight), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(BLOCK, c.excite.weight), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(BLOCK, c.norms[0].mean), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(BLOCK, c.norms[1].variance), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(BLOCK, c.norms[2].variance), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = minus_ones},
    {FIELD(BLOCK, c.norms[3].epsilon), FLOAT, MBCONV_INVALID_ARGUMENT, .number = NAN},
    {FIELD(BLOCK, c.norms[4].mean), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},

    {FIELD(CONVOLUTION, convolution.type), ENUM, MBCONV_INVALID_ARGUMENT, .size = 1},
    {FIELD(CONVOLUTION, convolution.type), ENUM, MBCONV_INVALID_ARGUMENT, .size = UINT32_MAX},
    {FIELD(CONVOLUTION, convolution.conv), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(CONVOLUTION, convolution.height), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(CONVOLUTION, convolution.height), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX},
    {FIELD(CONVOLUTION, convolution.height), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX / 64 / 18},
    {FIELD(CONVOLUTION, convolution.width), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(CONVOLUTION, convolution.width), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX},
    {FIELD(CONVOLUTION, convolution.width), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX / 64 / 18},
    {FIELD(CONVOLUTION, convolution.in_channels), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(CONVOLUTION, convolution.in_channels), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX},
    {FIELD(CONVOLUTION, convolution.in_channels), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX / 4 / 54},
    {FIELD(CONVOLUTION, convolution.out_channels), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(CONVOLUTION, convolution.out_channels), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX},
    {FIELD(CONVOLUTION, convolution.out_channels), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX / 4 / 54},
    {FIELD(CONVOLUTION, convolution.kernel), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(CONVOLUTION, convolution.kernel), SIZE, MBCONV_INVALID_ARGUMENT, .size = 7},
    {FIELD(CONVOLUTION, convolution.kernel), SIZE, MBCONV_INVALID_ARGUMENT, .size = 8},
    {FIELD(CONVOLUTION, convolution.kernel), SIZE, MBCONV_INVALID_ARGUMENT, .size = SIZE_MAX},
    {FIELD(CONVOLUTION, convolution.stride), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(CONVOLUTION, convolution.stride), SIZE, MBCONV_INVALID_ARGUMENT, .size = 3},
    {FIELD(CONVOLUTION, convolution.stride), SIZE, MBCONV_INVALID_ARGUMENT, .size = SIZE_MAX},
    {FIELD(CONVOLUTION, convolution.pad.top), SIZE, MBCONV_INVALID_ARGUMENT, .size = 3},
    {FIELD(CONVOLUTION, convolution.pad.left), SIZE, MBCONV_INVALID_ARGUMENT, .size = SIZE_MAX},
    {FIELD(CONVOLUTION, convolution.pad.bottom), SIZE, MBCONV_INVALID_ARGUMENT, .size = SIZE_MAX - 4},
    {FIELD(CONVOLUTION, convolution.pad.right), SIZE, MBCONV_INVALID_ARGUMENT, .size = 3},
    {FIELD(CONVOLUTION, convolution.layout), ENUM, MBCONV_INVALID_ARGUMENT, .size = MBCONV_NCHW + 1},
    {FIELD(CONVOLUTION, convolution.activation), ENUM, MBCONV_INVALID_ARGUMENT, .size = MBCONV_ACTIVATION_PRELU + 1},
    {FIELD(CONVOLUTION, convolution_conv.weight), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},
    {FIELD(CONVOLUTION, c.norms[0].mean), POINTER, MBCONV_INVALID_ARGUMENT, .pointer = NULL},

    {FIELD(GLOBAL_POOL, global_pool.type), ENUM, MBCONV_INVALID_ARGUMENT, .size = 1},
    {FIELD(GLOBAL_POOL, global_pool.type), ENUM, MBCONV_INVALID_ARGUMENT, .size = UINT32_MAX},
    {FIELD(GLOBAL_POOL, global_pool.height), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(GLOBAL_POOL, global_pool.height), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX / 8},
    {FIELD(GLOBAL_POOL, global_pool.width), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(GLOBAL_POOL, global_pool.width), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX / 8},
    {FIELD(GLOBAL_POOL, global_pool.channels), SIZE, MBCONV_INVALID_ARGUMENT, .size = 0},
    {FIELD(GLOBAL_POOL, global_pool.channels), SIZE, MBCONV_SIZE_OVERFLOW, .size = SIZE_MAX / 8},
};
#undef FIELD

static size_t change_size(const struct change *change) {
  static const size_t sizes[] = {
      [SIZE] = sizeof(size_t), [ENUM] = sizeof(mbconv_layout), [POINTER] = sizeof(void *), [FLOAT] = sizeof(float)};
  return sizes[change->type];
}

static void apply(struct api_fixture *f, const struct change *change) {
  char *field = (char *)f + change->offset;
  const uint32_t enumeration = (uint32_t)change->size;
  if (change->type == SIZE) memcpy(field, &change->size, sizeof change->size);
  if (change->type == ENUM) memcpy(field, &enumeration, sizeof enumeration);
  if (change->type == POINTER) memcpy(field, &change->pointer, sizeof change->pointer);
  if (change->type == FLOAT) memcpy(field, &change->number, sizeof change->number);
}

/* A variance that is bad in one channel only, the first, one in the middle or the last, of each convolution of a block
 * and of each operator; and 0, which is good as long as epsilon is not. */
static void bad_variances(struct test *t, struct api_fixture *f) {
  enum { MOST = 18 };
  static const float values[] = {-1, -0x1p-149f, NAN, INFINITY, -INFINITY, FLT_MAX, 0};
  static const size_t channels[BLOCK_CONVS] = {18, 18, 7, 2, 18};
  static const enum api_kind kinds[] = {BLOCK, POINTWISE, DEPTHWISE, CONVOLUTION};
  static const size_t convs[] = {0, 0, 1, 0}; /* what the fixture's operators are made of */
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    for (size_t conv = convs[k]; conv < (k ? convs[k] + 1 : BLOCK_CONVS); conv++) {
      const size_t count = channels[conv], places[] = {0, count / 2, count - 1};
      for (size_t place = 0; place < 3; place++) {
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
          test_at(t, "%s, convolution %zu, variance %g in channel %zu of %zu", api_kind_names[kinds[k]], conv,
                  (double)values[v], places[place], count);
          float variance[MOST];
          for (size_t c = 0; c < count; c++) variance[c] = 1;
          variance[places[place]] = values[v];
          const float *const saved = f->c.norms[conv].variance;
          f->c.norms[conv].variance = variance;
          const bool good = values[v] >= 0 && values[v] <= FLT_MAX;
          if (good) {
            void *object = NULL;
            mbconv_error error = api_stale_error();
            api_check_error(t, "variance", api_create(f, kinds[k], &f->options, &object, &error), MBCONV_OK, &error);
            api_destroy(kinds[k], object);
          } else {
            api_expect_no_object(t, f, kinds[k], &f->options, MBCONV_INVALID_ARGUMENT, "variance");
          }
          const float epsilon = f->c.norms[conv].epsilon;
          f->c.norms[conv].epsilon = 0;
          if (values[v] == 0)
            api_expect_no_object(t, f, kinds[k], &f->options, MBCONV_INVALID_ARGUMENT, "epsilon 0, too");
          f->c.norms[conv].epsilon = epsilon;
          f->c.norms[conv].variance = saved;
        }
      }
    }
  }
}

void api_bad_descriptions(struct test *t, struct api_fixture *f) {
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    const struct change *change = &changes[i];
    char saved[sizeof(void *) + sizeof(size_t)];
    memcpy(saved, (char *)f + change->offset, change_size(change));
    apply(f, change);
    test_at(t, "%s, bad description %zu", api_kind_names[change->kind], i);
    api_expect_no_object(t, f, change->kind, &f->options, change->expected, change->what);
    memcpy((char *)f + change->offset, saved, change_size(change));
  }

  bad_variances(t, f);

  test_at(t, "a BN that would divide by zero");
  const mbconv_batch_norm saved = f->c.norms[0];
  f->c.norms[0].variance = zeros;
  f->c.norms[0].epsilon = 0;
  api_expect_no_object(t, f, POINTWISE, &f->options, MBCONV_INVALID_ARGUMENT, "variance and epsilon 0");
  f->c.norms[0] = saved;
}
