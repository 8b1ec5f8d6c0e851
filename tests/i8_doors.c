/* SPDX-License-Identifier: MIT
 *
 * Floats to bytes and back: each row's kernels against an oracle in double, around all ties and ends of the range, on
 * special floats, for all numbers of floats, between guard pages.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "i8/i8.h"
#include "i8_bytes.h"
#include "i8_case.h"

static const mbconv_i8_door doors[] = {MBCONV_I8_DOOR_XNNPACK, MBCONV_I8_DOOR_TFLITE, MBCONV_I8_DOOR_ONNX};

static int32_t least_of(mbconv_type type) { return type == MBCONV_S8 ? -128 : 0; }

/* ---- Oracle ------------------------------------------------------------------------------------------------------ */

int32_t i8_oracle_quantize(mbconv_i8_door door, mbconv_type type, const mbconv_quantization *q, float x) {
  const int32_t lo = least_of(type), hi = lo + 255;
  if (isnan(x)) return lo;
  const float inverse = 1.0f / q->scale;
  const double v = door == MBCONV_I8_DOOR_XNNPACK ? (double)(x * inverse) : (double)(x / q->scale);
  if (v < -1000.0) return lo;
  if (v > 1000.0) return hi;
  const double r = door != MBCONV_I8_DOOR_TFLITE ? rint(v) : v < 0.0 ? ceil(v - 0.5) : floor(v + 0.5);
  const int32_t byte = (int32_t)r + q->zero_point;
  return byte < lo ? lo : byte > hi ? hi : byte;
}

/* Near a whole number of steps, or near the middle between two: up to 2 floats from it. */
static float near_step(uint64_t *state, float scale) {
  const float halves = (float)test_random_size(state, 0, 1200) - 600.0f;
  float x = 0.5f * halves * scale;
  for (size_t i = test_random_size(state, 0, 4), n = i % 3; n > 0; n--) x = nextafterf(x, i > 2 ? INFINITY : -INFINITY);
  return x;
}

static float random_input(uint64_t *state, float scale) {
  const float special[] = {NAN, -NAN, INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, FLT_MIN, -FLT_MIN, -0.0f, 0.0f, 1e-42f};
  switch (test_random_size(state, 0, 15)) {
    case 0: return special[test_random_size(state, 0, sizeof special / sizeof *special - 1)];
    case 1:
    case 2:
    case 3: return near_step(state, scale);
    default: return 300.0f * test_random_float(state) * scale;
  }
}

void i8_image_fill_floats(struct i8_image *image, mbconv_i8_door door, mbconv_type type, const mbconv_quantization *q,
                          uint64_t *state) {
  const size_t n = image->height * image->width * image->channels;
  image->floats = malloc((n + 1) * sizeof(float));
  if (!image->floats) abort();
  for (size_t i = 0; i < n; i++) {
    image->floats[i] = random_input(state, q->scale);
    image->values[i] = i8_oracle_quantize(door, type, q, image->floats[i]);
  }
}

void i8_image_dequantize(struct i8_image *image, const mbconv_quantization *q) {
  const size_t n = image->height * image->width * image->channels;
  image->floats = malloc((n + 1) * sizeof(float));
  if (!image->floats) abort();
  for (size_t i = 0; i < n; i++) image->floats[i] = (float)(image->values[i] - q->zero_point) * q->scale;
}

/* ---- Kernels ----------------------------------------------------------------------------------------------------- */

/* n floats, special ones or of those around a tie. */
static void check_quantize(struct test *t, const struct mbconv_i8_kernels *i8, mbconv_i8_door door, mbconv_type type,
                           const mbconv_quantization *q, size_t n, enum test_guard guard, uint64_t *state) {
  const int32_t least = least_of(type);
  const struct mbconv_i8_converter by = {door, q->zero_point - least, q->scale, 1.0f / q->scale};
  struct test_buffer x;
  struct bytes y;
  test_buffer_new(&x, n, guard);
  bytes_new(&y, n, guard);
  for (size_t i = 0; i < n; i++) x.data[i] = n > 100 ? near_step(state, q->scale) : random_input(state, q->scale);
  test_buffer_protect(&x);
  i8->quantize(&by, n, x.data, y.data);
  size_t bad = 0, example = 0;
  for (size_t i = 0; i < n; i++)
    if (y.data[i] + least != i8_oracle_quantize(door, type, q, x.data[i])) bad++, example = i;
  test_check(t, bad == 0, "%zu of %zu floats are other bytes, such as %a: %d", bad, n,
             n > 0 ? (double)x.data[example] : 0.0, n > 0 ? y.data[example] + least : 0);
  test_check(t, bytes_intact(&y), "wrote outside its bytes");
  test_buffer_free(&x);
  test_buffer_free(&y.buffer);
}

/* The last n of all bytes. */
static void check_dequantize(struct test *t, const struct mbconv_i8_kernels *i8, mbconv_type type,
                             const mbconv_quantization *q, size_t n, enum test_guard guard) {
  const int32_t least = least_of(type);
  const struct mbconv_i8_converter by = {MBCONV_I8_DOOR_ONNX, q->zero_point - least, q->scale, 1.0f / q->scale};
  struct bytes x;
  struct test_buffer y;
  bytes_new(&x, n, guard);
  test_buffer_new(&y, n, guard);
  for (size_t i = 0; i < n; i++) x.data[i] = (uint8_t)(256 - n + i);
  test_buffer_protect(&x.buffer);
  i8->dequantize(&by, n, x.data, y.data);
  size_t bad = 0;
  for (size_t i = 0; i < n; i++) {
    const float want = (float)((int32_t)(256 - n + i) + least - q->zero_point) * q->scale;
    bad += memcmp(&want, &y.data[i], sizeof want) != 0;
  }
  test_check(t, bad == 0, "%zu of %zu bytes are other floats", bad, n);
  test_check(t, test_buffer_intact(&y), "wrote outside its floats");
  test_buffer_free(&x.buffer);
  test_buffer_free(&y);
}

void test_i8_doors(struct test *t, const struct mbconv_kernels *kernels) {
  static const float scales[] = {1.0f, 1.0f / 128.0f, 0.0235f, 0.1f, 3.7e9f, 0x1p126f, FLT_MIN};
  const struct mbconv_i8_kernels *i8 = kernels->i8;
  uint64_t state = t->seed;
  for (size_t s = 0; s < 2 * sizeof scales / sizeof *scales; s++) {
    const mbconv_type type = s % 2 ? MBCONV_U8 : MBCONV_S8;
    const int32_t least = least_of(type), zeros[] = {least, least + 255, least + 128, least + 77};
    const mbconv_quantization q = {scales[s / 2], zeros[(s + s / 4) % 4]};
    for (size_t d = 0; d < sizeof doors / sizeof *doors; d++) {
      test_at(t, "door %d of %s, scale %a, zero point %d", (int)doors[d], mbconv_isa_name(kernels->isa),
              (double)q.scale, (int)q.zero_point);
      for (size_t n = 0; n <= 70; n += 1 + 5 * t->small)
        check_quantize(t, i8, doors[d], type, &q, n, n % 2 ? TEST_GUARD_AFTER : TEST_GUARD_BEFORE, &state);
      check_quantize(t, i8, doors[d], type, &q, t->small ? 500 : 20000, TEST_GUARD_AFTER, &state);
    }
    for (size_t n = 1; n <= 70; n += 1 + 5 * t->small) {
      check_dequantize(t, i8, type, &q, n, TEST_GUARD_AFTER);
      check_dequantize(t, i8, type, &q, n, TEST_GUARD_BEFORE);
    }
    check_dequantize(t, i8, type, &q, 256, TEST_GUARD_AFTER);
  }
}
