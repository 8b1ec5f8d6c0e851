/* SPDX-License-Identifier: MIT
 *
 * Squeeze-excite in int8: the oracle, and each row's kernels against it: sums of all numbers of pixels around those
 * that words hold, means, and the products of all pairs of bytes; in every tail, between guard pages.
 */
#include <math.h>
#include <stdlib.h>

#include "i8.h"
#include "i8_bytes.h"
#include "i8_case.h"

/* ---- Oracle ------------------------------------------------------------------------------------------------------ */

/* A real number of steps, rounded to nearest, halves to even; those beyond every byte are cut off. */
static int64_t rounded(float steps) { return (int64_t)rint(fmax(fmin((double)steps, 100000.0), -100000.0)); }

int32_t i8_oracle_mean(mbconv_i8_rounding rounding, mbconv_type type, int64_t sum, size_t pixels, float input_scale,
                       const mbconv_quantization *mean) {
  const int32_t least = type == MBCONV_S8 ? -128 : 0;
  const float ratio = input_scale / mean->scale, share = ratio / (float)pixels, steps = (float)sum * share;
  const double exact = (double)input_scale / (double)mean->scale;
  const int64_t r = rounding == MBCONV_I8_FP32 ? rounded(steps) : i8_oracle_share(sum, pixels, exact);
  const int64_t v = r + mean->zero_point;
  return (int32_t)(v < least ? least : v > least + 255 ? least + 255 : v);
}

struct i8_image i8_oracle_excite(const struct i8_case *c, const mbconv_i8_stage_desc *stage, const struct i8_image *x,
                                 const mbconv_quantization *input) {
  const mbconv_i8_squeeze_excite *excite = stage->squeeze_excite;
  const mbconv_quantization inner = i8_case_output(excite->reduce), outer = i8_case_output(excite->expand);
  const size_t pixels = x->height * x->width, channels = x->channels;
  struct i8_image mean = i8_image_new(1, 1, channels), y = i8_image_new(x->height, x->width, channels);
  for (size_t i = 0; i < channels; i++) {
    int64_t sum = 0;
    for (size_t p = 0; p < pixels; p++) sum += x->values[p * channels + i] - input->zero_point;
    mean.values[i] = i8_oracle_mean(c->desc.rounding, c->desc.type, sum, pixels, input->scale, &excite->mean);
  }
  struct i8_image narrow = i8_oracle_stage(c, excite->reduce, &mean, &excite->mean);
  struct i8_image gate = i8_oracle_stage(c, excite->expand, &narrow, &inner);
  const float product = input->scale * outer.scale, scale = product / stage->output.scale;
  for (size_t i = 0; i < pixels * channels; i++) {
    const int32_t of_gate = gate.values[i % channels] - outer.zero_point, v = x->values[i] - input->zero_point;
    const int64_t r = c->desc.rounding == MBCONV_I8_FP32 ? rounded((float)(v * of_gate) * scale)
                                                         : i8_oracle_scaled(v * of_gate, (double)scale);
    y.values[i] = i8_oracle_end(&c->desc, stage, i % channels, r);
  }
  i8_image_free(&mean);
  i8_image_free(&narrow);
  i8_image_free(&gate);
  return y;
}

/* ---- Kernels ----------------------------------------------------------------------------------------------------- */

enum { BYTES = 256, MOST_CHANNELS = 70, MANY = 9 };

/* Of the largest byte, if `ends`: sums that words do not hold. */
static void check_sum(struct test *t, const struct mbconv_kernels *kernels, size_t pixels, size_t channels, bool ends,
                      enum test_guard guard, uint64_t *state) {
  const size_t stride = channels + pixels % 3, n = (pixels - 1) * stride + channels;
  struct bytes x, sum;
  bytes_new(&x, n, guard);
  bytes_new(&sum, channels * sizeof(int32_t), guard);
  int32_t want[MOST_CHANNELS];
  for (size_t i = 0; i < n; i++) x.data[i] = ends ? 255 : (uint8_t)test_random_size(state, 0, 255);
  for (size_t c = 0; c < channels; c++) {
    want[c] = 70000 * (int32_t)c - 3;
    memcpy(sum.data + c * sizeof want[0], &want[c], sizeof want[0]);
    for (size_t p = 0; p < pixels; p++) want[c] += x.data[p * stride + c];
  }
  test_buffer_protect(&x.buffer);
  test_at(t, "%s: sums of %zu pixels, %zu channels", mbconv_isa_name(kernels->isa), pixels, channels);
  kernels->channel_sum(pixels, channels, x.data, stride, sum.data);
  test_check(t, memcmp(sum.data, want, sum.n) == 0, "other sums");
  test_check(t, bytes_intact(&sum), "wrote outside its sums");
  test_buffer_free(&x.buffer);
  test_buffer_free(&sum.buffer);
}

/* Of sums that are added up from several rows, where they are: ties, the ends of the range and beyond. */
static void check_mean(struct test *t, const struct mbconv_kernels *kernels, size_t rows, uint64_t *state) {
  const size_t channels = test_random_size(state, 1, MOST_CHANNELS), pixels = test_random_size(state, 1, 5000);
  const int32_t x_zero = (int32_t)test_random_size(state, 0, 255);
  const mbconv_quantization mean = {test_random_size(state, 0, 1) ? 2.0f : 0.1f * (1.5f + test_random_float(state)),
                                    (int32_t)test_random_size(state, 0, 255)};
  const mbconv_i8_rounding rounding = test_random_size(state, 0, 1) ? MBCONV_I8_TFLITE_DOUBLE : MBCONV_I8_FP32;
  struct mbconv_i8_mean by = {
      .x_zero = x_zero, .zero = mean.zero_point, .ratio = 1.0f / mean.scale, .rounding = rounding};
  mbconv_i8_quantize_multiplier(1.0 / (double)mean.scale, &by.multiplier, &by.shift);
  int32_t sum[MANY * MOST_CHANNELS];
  int64_t total[MOST_CHANNELS] = {0};
  for (size_t i = 0; i < rows * channels; i++) {
    sum[i] = (int32_t)(test_random_size(state, 0, 255) * pixels / rows + test_random_size(state, 0, 3));
    total[i % channels] += sum[i];
  }
  kernels->i8->mean(&by, channels, rows, sum, channels, pixels, sum);
  size_t wrong = 0;
  for (size_t c = 0; c < channels; c++) {
    const int32_t want = i8_oracle_mean(rounding, MBCONV_U8, total[c] - (int64_t)pixels * x_zero, pixels, 1.0f, &mean);
    wrong += ((const uint8_t *)sum)[c] != want;
  }
  test_at(t, "%s: means of %zu rows, %zu pixels", mbconv_isa_name(kernels->isa), rows, pixels);
  test_check(t, wrong == 0, "%zu of %zu are wrong", wrong, channels);
}

/* Sums whose mean would be another byte if they were multiplied by 1 / pixels: near a tie the last bit decides. */
static void check_division(struct test *t, const struct mbconv_kernels *kernels, uint64_t *state) {
  enum { WANTED = 20, TRIES = 2000 };
  size_t found = 0, wrong = 0;
  for (size_t i = 0; i < TRIES && found < WANTED; i++) {
    const size_t pixels = test_random_size(state, 2000, 5000);
    const mbconv_quantization mean = {1.0f + 0.5f * test_random_float(state), 0};
    const float ratio = 1.0f / mean.scale, share = ratio / (float)pixels, other = ratio * (1.0f / (float)pixels);
    for (int32_t tie = 0; tie < 100; tie++) {
      const int32_t sum = (int32_t)rint(((double)tie + 0.5) / (double)share);
      if (rounded((float)sum * share) == rounded((float)sum * other)) continue;
      const struct mbconv_i8_mean by = {.ratio = ratio};
      int32_t got = sum;
      kernels->i8->mean(&by, 1, 1, &got, 1, pixels, &got);
      wrong += *(const uint8_t *)&got != i8_oracle_mean(MBCONV_I8_FP32, MBCONV_U8, sum, pixels, 1.0f, &mean);
      found++;
    }
  }
  test_at(t, "%s: means near a tie", mbconv_isa_name(kernels->isa));
  test_check(t, found >= WANTED && wrong == 0, "%zu of %zu are wrong", wrong, found);
}

/* Ties, which TFLite's reference rounds up: it rounds twice, so that nothing is left of what its multiplier, cut to a
 * whole number, lacks. */
static void check_ties(struct test *t, const struct mbconv_kernels *kernels, uint64_t *state) {
  const mbconv_quantization mean = {2.0f, 0};
  struct mbconv_i8_mean by = {.ratio = 0.5f, .rounding = MBCONV_I8_TFLITE_DOUBLE};
  mbconv_i8_quantize_multiplier(0.5, &by.multiplier, &by.shift);
  size_t wrong = 0;
  for (size_t i = 0; i < 40; i++) {
    const size_t pixels = test_random_size(state, 1, 5000);
    const int32_t sum = (int32_t)(pixels * (2 * test_random_size(state, 0, 126) + 1));
    int32_t got = sum;
    kernels->i8->mean(&by, 1, 1, &got, 1, pixels, &got);
    wrong += *(const uint8_t *)&got != i8_oracle_mean(MBCONV_I8_TFLITE_DOUBLE, MBCONV_U8, sum, pixels, 1.0f, &mean);
  }
  test_at(t, "%s: means that are ties", mbconv_isa_name(kernels->isa));
  test_check(t, wrong == 0, "%zu of 40 are wrong", wrong);
}

/* All bytes by `channels` gates, from the gate `first` on; in place or not. */
static void check_gate(struct test *t, const struct mbconv_kernels *kernels, const struct mbconv_i8_gate *gate,
                       float scale, size_t channels, size_t first, enum test_guard guard) {
  const size_t stride = channels + channels % 2 * 5, n = (BYTES - 1) * stride + channels;
  const bool in_place = first % 2;
  struct bytes x, y, gates;
  bytes_new(&x, n, guard);
  bytes_new(&y, n, guard);
  bytes_new(&gates, channels, guard);
  for (size_t c = 0; c < channels; c++) gates.data[c] = (uint8_t)(first + c);
  for (size_t i = 0; i < n; i++) x.data[i] = (uint8_t)(i / stride + 7 * (i % stride));
  memset(y.data, 0xa5, n);
  test_buffer_protect(&gates.buffer);
  if (!in_place) test_buffer_protect(&x.buffer);
  uint8_t *const to = in_place ? x.data : y.data;
  kernels->i8->gate(gate, BYTES, channels, x.data, stride, gates.data, to, stride);
  size_t wrong = 0;
  for (size_t i = 0; i < n; i++) {
    const uint8_t from = (uint8_t)(i / stride + 7 * (i % stride));
    const int32_t factor = (int32_t)((first + i % stride) % BYTES) - gate->gate_zero;
    const int32_t product = (from - gate->x_zero) * factor;
    const int64_t r = gate->ending.rounding == MBCONV_I8_FP32 ? rounded((float)product * scale)
                                                              : i8_oracle_scaled(product, (double)scale);
    const int64_t v = r + gate->ending.zero;
    const int64_t want = v < gate->ending.lo ? gate->ending.lo : v > gate->ending.hi ? gate->ending.hi : v;
    wrong += to[i] != (i % stride < channels ? want : in_place ? from : 0xa5);
  }
  test_check(t, wrong == 0, "%zu of %zu bytes are wrong", wrong, n);
  test_check(t, bytes_intact(&y), "wrote outside its bytes");
  test_buffer_free(&x.buffer);
  test_buffer_free(&y.buffer);
  test_buffer_free(&gates.buffer);
}

/* All of it for a scale. */
static void check_scale(struct test *t, const struct mbconv_kernels *kernels, mbconv_i8_rounding rounding, float scale,
                        size_t turn, uint64_t *state) {
  const bool large = scale > 1.0f;
  const uint8_t lo = (uint8_t)test_random_size(state, 0, turn % 2 ? 100 : 0);
  struct mbconv_i8_gate gate = {
      .ending = {.rounding = rounding,
                 .zero = (int32_t)test_random_size(state, 0, 255),
                 .lo = lo,
                 .hi = turn % 3 ? 255 : 200},
      .x_zero = (int32_t)(large ? 0 : test_random_size(state, 0, 255)),
      .gate_zero = (int32_t)(turn % 2 ? test_random_size(state, 0, 255) : 0),
      .scale = {.scale = scale},
  };
  if (rounding == MBCONV_I8_TFLITE_DOUBLE)
    mbconv_i8_quantize_multiplier((double)scale, &gate.scale.multiplier, &gate.shift);
  test_at(t, "%s: gates, rounding %d, scale %a, zero points %d, %d and %d", mbconv_isa_name(kernels->isa),
          (int)rounding, (double)scale, (int)gate.x_zero, (int)gate.gate_zero, (int)gate.ending.zero);
  for (size_t first = 0, channels = 1; first < BYTES; first += channels, channels = channels % MOST_CHANNELS + 1)
    check_gate(t, kernels, &gate, scale, channels, first, first % 4 < 2 ? TEST_GUARD_AFTER : TEST_GUARD_BEFORE);
  check_gate(t, kernels, &gate, scale, MOST_CHANNELS, 0, TEST_GUARD_AFTER);
}

static void check_gates(struct test *t, const struct mbconv_kernels *kernels, uint64_t *state) {
  /* Ties, ordinary ones, and the largest that there are: 2147483392 / 65025, and below 2^15. */
  static const float scales[] = {0.5f, 0x1p-8f, 0.004f, 33025.0f, 1e-6f}, doubles[] = {0.5f, 0.004f, 32767.99f};
  for (size_t s = 0; s < sizeof scales / sizeof *scales; s++)
    check_scale(t, kernels, MBCONV_I8_FP32, scales[s], s, state);
  for (size_t s = 0; s < sizeof doubles / sizeof *doubles; s++)
    check_scale(t, kernels, MBCONV_I8_TFLITE_DOUBLE, doubles[s], s, state);
}

void test_i8_excite(struct test *t, const struct mbconv_kernels *kernels) {
  static const size_t many[] = {256, 257, 258, 515, 1000};
  uint64_t state = t->seed;
  for (size_t channels = 1; channels <= MOST_CHANNELS; channels += 1 + 2 * t->small) {
    const size_t pixels = test_random_size(&state, 1, 30);
    check_sum(t, kernels, pixels, channels, false, TEST_GUARD_AFTER, &state);
    check_sum(t, kernels, pixels + 1, channels, false, TEST_GUARD_BEFORE, &state);
  }
  for (size_t i = 0; i < sizeof many / sizeof *many; i++)
    check_sum(t, kernels, many[i], 16 + i * 11, i % 4 < 3, TEST_GUARD_AFTER, &state);
  for (size_t i = 0; i < (t->small ? 20 : 200); i++) check_mean(t, kernels, i % MANY + 1, &state);
  check_division(t, kernels, &state);
  check_ties(t, kernels, &state);
  check_gates(t, kernels, &state);
}
