/* SPDX-License-Identifier: MIT
 *
 * The sum of two buffers as an operator, by the set that the name means: all pairs of bytes against the oracle, in all
 * three ways, bounds, tails, places where buffers are the same; and what it refuses.
 */
#include "i8_bytes.h"
#include "i8_case.h"

enum { PAIRS = 256 * 256, PLACES = 4 };

/* Which buffers are the same. */
enum place { APART, Y_IS_A, Y_IS_B, ALL_ONE };

static mbconv_i8_addition_desc random_desc(mbconv_i8_add_kind kind, size_t turn, uint64_t *state) {
  const mbconv_type type = turn % 2 ? MBCONV_S8 : MBCONV_U8;
  const int32_t least = type == MBCONV_S8 ? -128 : 0;
  mbconv_i8_addition_desc desc = {.type = type, .kind = kind, .activation = (mbconv_activation_kind)(turn / 2 % 3)};
  mbconv_quantization *const all[] = {&desc.a, &desc.b, &desc.output};
  for (size_t i = 0; i < 3; i++)
    *all[i] = (mbconv_quantization){0.1f * (1.0f + 0.95f * test_random_float(state)),
                                    least + (int32_t)test_random_size(state, 0, 255)};
  /* What the activation leaves, and half of it away from its other end. */
  if (turn % 3 == 0) desc.clamp_lo = desc.output.zero_point, desc.clamp_hi = (desc.output.zero_point + least + 255) / 2;
  return desc;
}

static int32_t byte_of(mbconv_type type, uint8_t stored) { return type == MBCONV_S8 ? (int8_t)stored : stored; }

static int32_t wanted(const mbconv_i8_addition_desc *desc, uint8_t a, uint8_t b) {
  const mbconv_i8_desc block = {
      .type = desc->type, .add = desc->kind, .sum = desc->output, .sum_activation = desc->activation};
  const int32_t y = i8_oracle_add(&block, &desc->a, &desc->b, byte_of(desc->type, a), byte_of(desc->type, b));
  if (desc->clamp_lo == 0 && desc->clamp_hi == 0) return y;
  return y < desc->clamp_lo ? desc->clamp_lo : y > desc->clamp_hi ? desc->clamp_hi : y;
}

/* n of the pairs from pair `first` on. */
static void check_run(struct test *t, const mbconv_addition *add, const mbconv_i8_addition_desc *desc, size_t n,
                      size_t first, enum place place) {
  struct bytes a, b, y;
  mbconv_error error = {.message = ""};
  test_at(t, "addition, way %d, type %d, %zu bytes, place %d", (int)desc->kind, (int)desc->type, n, (int)place);
  bytes_new(&a, n, n % 2 ? TEST_GUARD_AFTER : TEST_GUARD_BEFORE);
  bytes_new(&b, n, TEST_GUARD_AFTER);
  bytes_new(&y, n, TEST_GUARD_AFTER);
  for (size_t i = 0; i < n; i++) a.data[i] = (uint8_t)((first + i) >> 8), b.data[i] = (uint8_t)(first + i);
  const struct bytes *from = place == ALL_ONE ? &a : &b;
  struct bytes *to = place == APART ? &y : place == Y_IS_B ? &b : &a;
  const mbconv_status status = mbconv_addition_run(add, n, a.data, from->data, to->data, &error);
  size_t wrong = 0;
  for (size_t i = 0; i < n; i++) {
    const uint8_t first_byte = (uint8_t)((first + i) >> 8);
    const uint8_t second = place == ALL_ONE ? first_byte : (uint8_t)(first + i);
    wrong += byte_of(desc->type, to->data[i]) != wanted(desc, first_byte, second);
    if (place == APART) wrong += a.data[i] != first_byte || b.data[i] != second;
  }
  test_check(t, status == MBCONV_OK && wrong == 0, "%zu are wrong: \"%s\"", wrong, error.message);
  test_check(t, bytes_intact(&a) && bytes_intact(&b) && bytes_intact(&y), "wrote outside its bytes");
  test_buffer_free(&a.buffer);
  test_buffer_free(&b.buffer);
  test_buffer_free(&y.buffer);
}

static void check_sums(struct test *t, const mbconv_i8_addition_desc *desc, size_t turn) {
  static const size_t sizes[] = {1, 15, 16, 17, 63, 200, 4095, 4096, 4097, 9000};
  const mbconv_options options = {.isa = t->isa};
  mbconv_addition *add = NULL;
  mbconv_error error = {.message = ""};
  mbconv_info info = {0};
  test_at(t, "addition, way %d", (int)desc->kind);
  if (!test_check(t, mbconv_addition_create_i8(desc, &options, &add, &error) == MBCONV_OK, "%s", error.message)) return;
  test_check(t, mbconv_addition_info(add, &info, &error) == MBCONV_OK && info.type == desc->type, "another type");
  if (turn % 6 < 2) check_run(t, add, desc, PAIRS, 0, (enum place)(turn % PLACES));
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    check_run(t, add, desc, sizes[i], turn * 7919 % PAIRS, (enum place)((turn + i) % PLACES));
  mbconv_addition_destroy(add);
}

/* ---- Refusals ---------------------------------------------------------------------------------------------------- */

static void refuse(struct test *t, const mbconv_i8_addition_desc *desc, const char *message) {
  mbconv_addition *add = (mbconv_addition *)(void *)t;
  mbconv_error error = {.message = ""};
  test_at(t, "addition refused: %s", message);
  test_check(t, mbconv_addition_create_i8(desc, NULL, &add, &error) == MBCONV_INVALID_ARGUMENT && !add,
             "another status");
  test_check(t, strcmp(error.message, message) == 0, "\"%s\"", error.message);
}

static void refuse_run(struct test *t, const mbconv_addition *add, size_t n, const void *a, const void *b, void *y,
                       const char *message) {
  mbconv_error error = {.message = ""};
  test_at(t, "a run refused: %s", message);
  test_check(t, mbconv_addition_run(add, n, a, b, y, &error) != MBCONV_OK && strcmp(error.message, message) == 0,
             "\"%s\"", error.message);
}

static void check_runs_refused(struct test *t, const mbconv_i8_addition_desc *desc) {
  uint8_t bytes[64] = {0};
  mbconv_addition *add = NULL;
  mbconv_error error = {.message = ""};
  if (!test_check(t, mbconv_addition_create_i8(desc, NULL, &add, &error) == MBCONV_OK, "%s", error.message)) return;
  refuse_run(t, NULL, 1, bytes, bytes, bytes, "addition is NULL");
  refuse_run(t, add, 1, NULL, bytes, bytes, "a is NULL");
  refuse_run(t, add, 1, bytes, NULL, bytes, "b is NULL");
  refuse_run(t, add, 1, bytes, bytes, NULL, "y is NULL");
  refuse_run(t, add, 16, bytes, bytes + 16, bytes + 1, "a and y overlap without being the same");
  refuse_run(t, add, 16, bytes, bytes + 16, bytes + 31, "b and y overlap without being the same");
  test_check(t, mbconv_addition_run(add, 0, NULL, NULL, NULL, &error) == MBCONV_OK, "no bytes");
  for (size_t i = 0; i < sizeof bytes; i++) test_check(t, bytes[i] == 0, "a refused run has written");
  mbconv_addition_destroy(add);
  mbconv_addition_destroy(NULL);
}

static void check_refusals(struct test *t) {
  const mbconv_i8_addition_desc good = {.type = MBCONV_S8, .a = {1.0f, 0}, .b = {1.0f, 0}, .output = {1.0f, 0}};
  mbconv_i8_addition_desc desc = good;
  mbconv_error error;
  test_check(t, mbconv_addition_create_i8(&good, NULL, NULL, &error) == MBCONV_INVALID_ARGUMENT, "out is NULL");
  refuse(t, NULL, "desc is NULL");
  desc.type = MBCONV_F32;
  refuse(t, &desc, "type is 0, neither MBCONV_S8 nor MBCONV_U8");
  desc = good, desc.a.zero_point = 128;
  refuse(t, &desc, "a: the zero point is 128, not -128 to 127");
  desc = good, desc.b.scale = 0.0f;
  refuse(t, &desc, "b: the scale is not a normal number above 0");
  desc = good, desc.output.zero_point = -129;
  refuse(t, &desc, "output: the zero point is -129, not -128 to 127");
  desc = good, desc.kind = (mbconv_i8_add_kind)3;
  refuse(t, &desc, "add is 3, which is no way to add");
  desc = good, desc.b.scale = 256.0f;
  refuse(t, &desc, "sum: a scale that is added is not 2^-10 to below 2^8 times the sum's, as XNNPACK needs it");
  desc = good, desc.activation = MBCONV_ACTIVATION_SILU;
  refuse(t, &desc, "output: activation is 3: in int8 it is NONE, RELU or RELU6, and all others are tables");
  desc = good, desc.clamp_hi = 128;
  refuse(t, &desc, "output: the clamp is 0 to 128, not within -128 to 127");
  desc = good, desc.activation = MBCONV_ACTIVATION_RELU, desc.clamp_lo = -7, desc.clamp_hi = -1;
  refuse(t, &desc, "output: the clamp and the activation have no byte in common");
  check_runs_refused(t, &good);
}

void test_i8_addition(struct test *t) {
  uint64_t state = t->seed;
  for (size_t turn = 0; turn < (t->small ? 12 : 60); turn++) {
    const mbconv_i8_addition_desc desc = random_desc((mbconv_i8_add_kind)(turn % 3), turn / 3, &state);
    check_sums(t, &desc, turn / 3);
  }
  if (t->isa == MBCONV_ISA_SCALAR) check_refusals(t);
}
