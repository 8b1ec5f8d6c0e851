/* SPDX-License-Identifier: MIT
 *
 * A block of int8 with random parameters, and what it must give: an oracle in plain loops of 64-bit integers, which
 * shares nothing with the library but the formulas of mbconv_i8.h.
 */
#ifndef MBCONV_I8_CASE_H
#define MBCONV_I8_CASE_H

#include "kernels.h"
#include "mbconv_i8.h"
#include "test.h"

/* An image in NHWC. Values are those of the type: -128 .. 127 or 0 .. 255. */
struct i8_image {
  size_t height, width, channels;
  int32_t *values;
  float *floats; /* that it comes from, or that it becomes; NULL: it is bytes */
};

/* It points into itself: do not copy it. */
struct i8_case {
  mbconv_i8_desc desc;
  mbconv_i8_stage_desc stages[MBCONV_MOST_STAGES];
  mbconv_i8_squeeze_excite excite; /* of the E of the list */
  mbconv_i8_stage_desc reduce, expand;
  size_t out_channels;
  void *memory[4 * (MBCONV_MOST_STAGES + 2) + 1]; /* of weights, biases, scales and tables */
  size_t owned;
};

/* A list such as "PDP", of which no stage has more than `most` channels. With `residual` ON windows keep the size and
 * the last stage gives as many channels as the first takes. */
void i8_case_new(struct i8_case *c, const char *kinds, mbconv_residual residual, size_t most, uint64_t *state);
void i8_case_free(struct i8_case *c);

/* What is inside test_at(). */
void i8_case_describe(struct test *t, const struct i8_case *c, size_t height, size_t width);

struct i8_image i8_image_new(size_t height, size_t width, size_t channels);
void i8_image_free(struct i8_image *image);

/* Random values: of the whole range, or of its two ends. */
void i8_image_fill(struct i8_image *image, mbconv_type type, uint64_t *state);

/* Random floats of quantization q, ties and special ones among them, and their values; doors other than BYTES. */
void i8_image_fill_floats(struct i8_image *image, mbconv_i8_door door, mbconv_type type, const mbconv_quantization *q,
                          uint64_t *state);

/* The floats that its values stand for. */
void i8_image_dequantize(struct i8_image *image, const mbconv_quantization *q);

/* Bytes of an element. */
static inline size_t i8_image_element(const struct i8_image *image) { return image->floats ? sizeof(float) : 1; }

/* To bytes, of NHWC or of planes. */
void i8_image_store(const struct i8_image *image, bool planes, uint8_t *to);

/* What the block makes of x; `added` is the residual that is given, or NULL. values NULL if a stage's padded input is
 * smaller than its window. */
struct i8_image i8_oracle(const struct i8_case *c, const struct i8_image *x, const struct i8_image *added);

/* A stage of the list, or a layer of its squeeze-excite: of the image x of quantization `input`. */
struct i8_image i8_oracle_stage(const struct i8_case *c, const mbconv_i8_stage_desc *stage, const struct i8_image *x,
                                const mbconv_quantization *input);

/* Squeeze-excite: i8_excite.c. */
struct i8_image i8_oracle_excite(const struct i8_case *c, const mbconv_i8_stage_desc *stage, const struct i8_image *x,
                                 const mbconv_quantization *input);

/* The byte of a mean, from the sum over an image of what is above the zero point. */
int32_t i8_oracle_mean(mbconv_i8_rounding rounding, mbconv_type type, int64_t sum, size_t pixels, float input_scale,
                       const mbconv_quantization *mean);

/* What is stored of a real number of steps of `output`, rounded: the zero point, the clamps, the channel's table. */
int32_t i8_oracle_end(const mbconv_i8_desc *desc, const mbconv_i8_stage_desc *stage, size_t channel, int64_t r);

/* The terms of a sum of a stage that reads `in` channels: squeeze-excite has none of its own. */
static inline size_t i8_case_terms(const mbconv_i8_stage_desc *stage, size_t in) {
  if (stage->kind == MBCONV_STAGE_SQUEEZE_EXCITE) return 0;
  if (stage->kind == MBCONV_STAGE_POINTWISE) return in;
  return stage->kernel * stage->kernel * (stage->kind == MBCONV_STAGE_DENSE ? in : 1);
}

/* The channels that it writes. */
static inline size_t i8_case_channels(const mbconv_i8_stage_desc *stage, size_t in) {
  const bool keeps = stage->kind == MBCONV_STAGE_DEPTHWISE || stage->kind == MBCONV_STAGE_SQUEEZE_EXCITE;
  return keeps ? in : stage->out_channels;
}

/* What a stage's bytes stand for. */
static inline mbconv_quantization i8_case_output(const mbconv_i8_stage_desc *stage) {
  return stage->table ? stage->table_output : stage->output;
}

/* The sum of two values by the oracle, as the description says. */
int32_t i8_oracle_add(const mbconv_i8_desc *desc, const mbconv_quantization *a, const mbconv_quantization *b,
                      int32_t first, int32_t second);

/* v * m in the two roundings of TFLite. */
int64_t i8_oracle_scaled(int64_t v, double m);

/* The sum of so many pixels, as TFLite's MEAN multiplies it by m / pixels. */
int64_t i8_oracle_share(int64_t sum, size_t pixels, double m);

int32_t i8_oracle_quantize(mbconv_i8_door door, mbconv_type type, const mbconv_quantization *q, float x);

/* The scratch of a set's blocks beside that of f32: i8_scratch.c. */
void test_i8_scratch(struct test *t);

/* What create refuses: i8_refusals.c. */
void test_i8_refusals(struct test *t);

/* Floats to bytes and back by the kernels of a row: i8_doors.c. */
void test_i8_doors(struct test *t, const struct mbconv_kernels *kernels);

/* Squeeze-excite's kernels: i8_excite.c. */
void test_i8_excite(struct test *t, const struct mbconv_kernels *kernels);

/* Global pooling: i8_pool.c. */
void test_i8_pool(struct test *t);

/* Addition: i8_addition.c. */
void test_i8_addition(struct test *t);

/* The parts of the suite that need no image: i8_requantize.c, i8_tables.c, i8_prelu.c. */
void test_i8_arithmetic(struct test *t);
void test_i8_tables(struct test *t);
void test_i8_prelu(struct test *t);

/* A sum, requantized and cut off. */
int32_t i8_oracle_requantize(const mbconv_i8_desc *desc, const mbconv_i8_stage_desc *stage, float input_scale,
                             size_t channel, int64_t sum);

#endif
