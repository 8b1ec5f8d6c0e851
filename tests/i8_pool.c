/* SPDX-License-Identifier: MIT
 *
 * The operators of bytes that are no blocks, by the set that the name means: global average pooling against the oracle,
 * both types, slices and tails, batches, threads, any size; tables; and what their creates refuse.
 */
#include <stdlib.h>

#include "block_case.h"
#include "i8_bytes.h"
#include "i8_case.h"

struct shape {
  size_t batch, height, width, channels, threads;
  bool any_size;
};

static int32_t byte_of(mbconv_type type, uint8_t stored) { return type == MBCONV_S8 ? (int8_t)stored : stored; }

static void check_output(struct test *t, const struct shape *s, const mbconv_i8_global_pool_desc *desc,
                         const struct bytes *x, const struct bytes *y) {
  const size_t pixels = s->height * s->width, image = pixels * s->channels;
  size_t wrong = 0;
  for (size_t i = 0; i < y->n; i++) {
    const uint8_t *channel = x->data + i / s->channels * image + i % s->channels;
    int64_t sum = 0;
    for (size_t p = 0; p < pixels; p++) sum += byte_of(desc->type, channel[p * s->channels]) - desc->input.zero_point;
    wrong += byte_of(desc->type, y->data[i]) !=
             i8_oracle_mean(desc->rounding, desc->type, sum, pixels, desc->input.scale, &desc->output);
  }
  test_check(t, wrong == 0, "%zu of %zu bytes are wrong", wrong, y->n);
  test_check(t, bytes_intact(y), "wrote outside its bytes");
}

static void check_shape(struct test *t, const struct shape *s, mbconv_type type, enum test_guard guard,
                        uint64_t *state) {
  const int32_t least = type == MBCONV_S8 ? -128 : 0;
  const mbconv_options options = {.isa = t->isa};
  const mbconv_threads threads = {.parallel_for = parallel_reversed, .count = s->threads};
  const mbconv_i8_global_pool_desc desc = {
      .type = type,
      .height = s->any_size ? 0 : s->height,
      .width = s->any_size ? 0 : s->width,
      .channels = s->channels,
      .input = {0.05f, least + (int32_t)test_random_size(state, 0, 255)},
      .output = {0.05f * (1.0f + 0.9f * test_random_float(state)), least + (int32_t)test_random_size(state, 0, 255)},
      .rounding = test_random_size(state, 0, 1) ? MBCONV_I8_TFLITE_DOUBLE : MBCONV_I8_FP32,
  };
  struct bytes x, y;
  mbconv_global_pool *pool = NULL;
  mbconv_error error = {.message = ""};
  mbconv_info info = {0};
  test_at(t, "pooling, type %d, batch %zu, %zux%zux%zu, %zu threads", (int)type, s->batch, s->height, s->width,
          s->channels, s->threads);
  if (!test_check(t, mbconv_global_pool_create_i8(&desc, &options, &pool, &error) == MBCONV_OK, "%s", error.message))
    return;
  test_check(t, mbconv_global_pool_info(pool, &info, &error) == MBCONV_OK && info.type == type, "another type");
  bytes_new(&x, s->batch * s->height * s->width * s->channels, guard);
  bytes_new(&y, s->batch * s->channels, guard);
  const bool ends = test_random_size(state, 0, 3) == 0;
  for (size_t i = 0; i < x.n; i++) x.data[i] = ends ? 0xff : (uint8_t)test_random_size(state, 0, 255);
  test_buffer_protect(&x.buffer);
  const mbconv_status status =
      s->any_size ? mbconv_global_pool_run_at(pool, s->batch, s->height, s->width, x.data, y.data, &threads, &error)
                  : mbconv_global_pool_run(pool, s->batch, x.data, y.data, &threads, &error);
  if (test_check(t, status == MBCONV_OK, "%s", error.message)) check_output(t, s, &desc, &x, &y);
  mbconv_global_pool_destroy(pool);
  test_buffer_free(&x.buffer);
  test_buffer_free(&y.buffer);
}

static void refuse(struct test *t, const mbconv_i8_global_pool_desc *desc, mbconv_status status, const char *message) {
  mbconv_global_pool *pool = (mbconv_global_pool *)(void *)t;
  mbconv_error error = {.message = ""};
  test_at(t, "pooling refused: %s", message);
  test_check(t, mbconv_global_pool_create_i8(desc, NULL, &pool, &error) == status && !pool, "another status");
  test_check(t, strcmp(error.message, message) == 0, "\"%s\"", error.message);
}

static void check_refusals(struct test *t) {
  const mbconv_i8_global_pool_desc good = {
      .type = MBCONV_S8, .height = 1, .width = INT32_MAX / 255, .channels = 1, .input = {1.0f, 0}, .output = {1.0f, 0}};
  mbconv_i8_global_pool_desc desc = good;
  mbconv_global_pool *pool = NULL;
  mbconv_error error = {.message = ""};
  const int8_t x = 0;
  int8_t y = 0;
  test_check(t, mbconv_global_pool_create_i8(&good, NULL, NULL, &error) == MBCONV_INVALID_ARGUMENT, "out is NULL");
  refuse(t, NULL, MBCONV_INVALID_ARGUMENT, "desc is NULL");
  desc.width++;
  refuse(t, &desc, MBCONV_SIZE_OVERFLOW, "the sums of 1 x 8421505 pixels might leave 32 bits");
  desc = good, desc.type = MBCONV_F32;
  refuse(t, &desc, MBCONV_INVALID_ARGUMENT, "type is 0, neither MBCONV_S8 nor MBCONV_U8");
  desc = good, desc.channels = 0;
  refuse(t, &desc, MBCONV_INVALID_ARGUMENT, "the image is 1 x 8421504 x 0");
  desc = good, desc.height = 0;
  refuse(t, &desc, MBCONV_INVALID_ARGUMENT, "the image is 0 x 8421504 x 1");
  desc = good, desc.input.zero_point = 128;
  refuse(t, &desc, MBCONV_INVALID_ARGUMENT, "input: the zero point is 128, not -128 to 127");
  desc = good, desc.output.scale = 0.0f;
  refuse(t, &desc, MBCONV_INVALID_ARGUMENT, "output: the scale is not a normal number above 0");
  desc = good, desc.output.scale = 0x1.000002p64f;
  refuse(t, &desc, MBCONV_INVALID_ARGUMENT, "output: the input's scale is not 2^-64 to 2^64 times the mean's");
  desc = good, desc.rounding = (mbconv_i8_rounding)2;
  refuse(t, &desc, MBCONV_INVALID_ARGUMENT, "rounding is 2, which is none");
  desc = good, desc.rounding = MBCONV_I8_TFLITE_DOUBLE, desc.input.scale = 0x1p22f;
  refuse(t, &desc, MBCONV_INVALID_ARGUMENT, "output: the input's scale is 2^22 times the mean's or more");
  desc = good, desc.output.scale = 0x1p64f;
  test_at(t, "pooling to any size");
  if (!test_check(t, mbconv_global_pool_create_i8(&desc, NULL, &pool, &error) == MBCONV_OK, "%s", error.message))
    return;
  test_check(t, mbconv_global_pool_run_at(pool, 1, 2, good.width, &x, &y, NULL, &error) == MBCONV_SIZE_OVERFLOW, "%s",
             error.message);
  mbconv_global_pool_destroy(pool);
}

/* Every byte, in place and not, of n bytes. */
static void check_table(struct test *t, size_t n, const uint8_t table[256]) {
  const mbconv_i8_activation_desc desc = {.type = n % 2 ? MBCONV_S8 : MBCONV_U8, .table = table};
  const mbconv_options options = {.isa = t->isa};
  mbconv_activation *activation = NULL;
  mbconv_error error = {.message = ""};
  struct bytes x, y;
  test_at(t, "a table of %zu bytes", n);
  if (!test_check(t, mbconv_activation_create_i8(&desc, &options, &activation, &error) == MBCONV_OK, "%s",
                  error.message))
    return;
  bytes_new(&x, n, TEST_GUARD_AFTER);
  bytes_new(&y, n, TEST_GUARD_BEFORE);
  for (size_t i = 0; i < n; i++) x.data[i] = (uint8_t)(i * 5 + n);
  size_t wrong = 0;
  wrong += mbconv_activation_run(activation, n, x.data, y.data, &error) != MBCONV_OK;
  wrong += mbconv_activation_run(activation, n, x.data, x.data, &error) != MBCONV_OK;
  for (size_t i = 0; i < n; i++) wrong += y.data[i] != table[(uint8_t)(i * 5 + n)] || x.data[i] != y.data[i];
  test_check(t, wrong == 0 && bytes_intact(&x) && bytes_intact(&y), "%zu are wrong: \"%s\"", wrong, error.message);
  mbconv_activation_destroy(activation);
  test_buffer_free(&x.buffer);
  test_buffer_free(&y.buffer);
}

static void check_tables(struct test *t, uint64_t *state) {
  uint8_t table[256];
  mbconv_i8_activation_desc desc = {.type = MBCONV_F32, .table = table};
  mbconv_activation *activation = NULL;
  mbconv_error error;
  for (size_t i = 0; i < sizeof table; i++) table[i] = (uint8_t)test_random_size(state, 0, 255);
  for (size_t n = 1; n < 400; n += 1 + n / 70 * 13) check_table(t, n, table);
  test_at(t, "tables that are refused");
  test_check(t, mbconv_activation_create_i8(&desc, NULL, NULL, &error) == MBCONV_INVALID_ARGUMENT, "out NULL");
  test_check(t, mbconv_activation_create_i8(NULL, NULL, &activation, &error) == MBCONV_INVALID_ARGUMENT, "desc NULL");
  test_check(t,
             mbconv_activation_create_i8(&desc, NULL, &activation, &error) == MBCONV_INVALID_ARGUMENT &&
                 strcmp(error.message, "type is 0, neither MBCONV_S8 nor MBCONV_U8") == 0,
             "%s", error.message);
  desc = (mbconv_i8_activation_desc){.type = MBCONV_U8};
  test_check(t,
             mbconv_activation_create_i8(&desc, NULL, &activation, &error) == MBCONV_INVALID_ARGUMENT && !activation &&
                 strcmp(error.message, "table is NULL") == 0,
             "%s", error.message);
}

void test_i8_pool(struct test *t) {
  uint64_t state = t->seed;
  for (size_t i = 0; i < (t->small ? 24 : 200); i++) {
    const struct shape s = {.batch = test_random_size(&state, 1, 3),
                            .height = test_random_size(&state, 1, i % 5 ? 9 : 40),
                            .width = test_random_size(&state, 1, i % 5 ? 9 : 40),
                            .channels = test_random_size(&state, 1, i % 3 ? 70 : 600),
                            .threads = test_random_size(&state, 1, 7),
                            .any_size = i % 2};
    check_shape(t, &s, i % 4 < 2 ? MBCONV_S8 : MBCONV_U8, i % 3 ? TEST_GUARD_AFTER : TEST_GUARD_BEFORE, &state);
  }
  check_tables(t, &state);
  if (t->isa == MBCONV_ISA_SCALAR) check_refusals(t);
}
