/* SPDX-License-Identifier: MIT
 *
 * The operators beside the block (pointwise, depthwise, convolution, global pooling, activation), of any shape, strides
 * and data: on every set, on any number of threads, made for the image's size or told it by the call, with SAME for the
 * pads that it stands for, the scalar set's floats, with tensors and scratch flush against guard pages.
 */
#include "block_case.h"
#include "input.h"
#include "mbconv.h"
#include "oracle.h"

enum { MOST_SETS = MBCONV_ISA_COUNT, ROOM = 2 /* floats */ };

struct size {
  size_t height, width;
};

/* One case: its description, its arrays, and how it is run. Sizes are in floats, and of what is really given. */
struct operator_case {
  size_t weights, biases, x_size, y_size;
  size_t rows, row, y_stride;    /* of y: between its rows nothing may be written */
  bool bias, residual, in_place; /* in place: y itself is the residual, or the activation's x */
  size_t batch;
  mbconv_threads threads;
  enum test_guard guard;
  mbconv_pointwise_desc pointwise;
  size_t x_stride, r_stride;
  mbconv_depthwise_desc depthwise;
  mbconv_convolution_desc convolution;
  mbconv_global_pool_desc pool;
  mbconv_activation_kind activation;
  bool same;        /* SAME instead of the pads, which are those that it stands for */
  bool at;          /* calls name the image's size: the object is made for another, or for any (0) */
  struct size made; /* that other size */
};

struct tensors {
  struct test_buffer weight, bias, x, residual, y;
};

/* Creates, runs and destroys; false if a status is not MBCONV_OK. */
typedef bool run_fn(const struct operator_case *c, const mbconv_options *options, const struct tensors *tensors);

/* As much scratch as is asked for, flush against a guard page to the byte. */
static char *scratch_new(const struct operator_case *c, struct test_buffer *scratch, size_t size) {
  test_buffer_new(scratch, size / sizeof(float) + ROOM, c->guard);
  char *memory = c->guard == TEST_GUARD_BEFORE ? (char *)scratch->data : (char *)(scratch->data + scratch->n) - size;
  test_forget(memory, size);
  return memory;
}

static mbconv_conv conv_of(const struct operator_case *c, const struct tensors *tensors) {
  return (mbconv_conv){.weight = tensors->weight.data, .bias = c->bias ? tensors->bias.data : NULL};
}

static const float *residual_of(const struct operator_case *c, const struct tensors *tensors) {
  if (!c->residual) return NULL;
  return c->in_place ? tensors->y.data : tensors->residual.data;
}

/* ---- Pointwise --------------------------------------------------------------------------------------------------- */

static bool run_pointwise(const struct operator_case *c, const mbconv_options *options, const struct tensors *t) {
  mbconv_pointwise_desc desc = c->pointwise;
  const mbconv_conv conv = conv_of(c, t);
  desc.conv = &conv;
  mbconv_pointwise *pointwise;
  if (mbconv_pointwise_create(&desc, options, &pointwise, NULL) != MBCONV_OK) return false;
  const mbconv_status status =
      mbconv_pointwise_run(pointwise, c->rows, t->x.data, c->x_stride, t->y.data, c->y_stride, residual_of(c, t),
                           c->in_place ? c->y_stride : c->r_stride, &c->threads, NULL);
  mbconv_pointwise_destroy(pointwise);
  return status == MBCONV_OK;
}

static run_fn *pointwise_case(struct fuzz_input *in, struct operator_case *c) {
  const size_t channels = fuzz_between(in, 1, 130), outputs = fuzz_between(in, 1, 130);
  c->pointwise = (mbconv_pointwise_desc){.in_channels = channels, .out_channels = outputs, .activation = c->activation};
  c->rows = fuzz_between(in, 1, 80);
  c->row = outputs;
  c->x_stride = channels + fuzz_between(in, 0, 9);
  c->y_stride = outputs + fuzz_between(in, 0, 9);
  c->r_stride = outputs + fuzz_between(in, 0, 9);
  c->weights = channels * outputs;
  c->biases = outputs;
  c->x_size = (c->rows - 1) * c->x_stride + channels;
  c->y_size = (c->rows - 1) * (c->y_stride > c->r_stride ? c->y_stride : c->r_stride) + outputs;
  return run_pointwise;
}

/* ---- Images ------------------------------------------------------------------------------------------------------ */

/* How the size is said. */
static void choose_size(struct fuzz_input *in, struct operator_case *c, size_t least) {
  c->at = fuzz_flag(in);
  if (!fuzz_flag(in)) return;
  c->made.height = least + fuzz_between(in, 0, 30);
  c->made.width = least + fuzz_between(in, 0, 30);
}

/* An image that holds the taps; returns the size of the output in pixels. */
static size_t image_case(struct fuzz_input *in, struct operator_case *c, size_t span, size_t stride, size_t *height,
                         size_t *width, mbconv_pad *pad) {
  size_t *pads[] = {&pad->top, &pad->left, &pad->bottom, &pad->right};
  for (size_t i = 0; i < 4; i++) *pads[i] = fuzz_between(in, 0, span - 1);
  *height = fuzz_between(in, 1, 20);
  *width = fuzz_between(in, 1, 40);
  if (*height + pad->top + pad->bottom < span) *height = span;
  if (*width + pad->left + pad->right < span) *width = span;
  choose_size(in, c, span);
  c->same = fuzz_flag(in);
  if (c->same) {
    fuzz_same(*height, span, stride, &pad->top, &pad->bottom);
    fuzz_same(*width, span, stride, &pad->left, &pad->right);
  }
  return ((*height + pad->top + pad->bottom - span) / stride + 1) *
         ((*width + pad->left + pad->right - span) / stride + 1);
}

static bool run_depthwise(const struct operator_case *c, const mbconv_options *options, const struct tensors *t) {
  mbconv_depthwise_desc desc = c->depthwise;
  const mbconv_conv conv = conv_of(c, t);
  desc.conv = &conv;
  if (c->same) desc.pad = (mbconv_pad){0}, desc.pad_kind = MBCONV_PAD_SAME;
  if (c->at) desc.height = c->made.height, desc.width = c->made.width;
  const size_t height = c->depthwise.height, width = c->depthwise.width;
  mbconv_depthwise *depthwise;
  if (mbconv_depthwise_create(&desc, options, &depthwise, NULL) != MBCONV_OK) return false;
  size_t size = c->at ? 0 : mbconv_depthwise_scratch_size(depthwise, c->threads.count);
  if (c->at) mbconv_depthwise_scratch_size_at(depthwise, height, width, c->threads.count, &size, NULL);
  struct test_buffer scratch;
  char *memory = scratch_new(c, &scratch, size);
  const mbconv_status status =
      c->at ? mbconv_depthwise_run_at(depthwise, c->batch, height, width, t->x.data, t->y.data, memory, size,
                                      &c->threads, NULL)
            : mbconv_depthwise_run(depthwise, c->batch, t->x.data, t->y.data, memory, size, &c->threads, NULL);
  test_buffer_free(&scratch);
  mbconv_depthwise_destroy(depthwise);
  return status == MBCONV_OK;
}

static run_fn *depthwise_case(struct fuzz_input *in, struct operator_case *c) {
  mbconv_depthwise_desc *desc = &c->depthwise;
  *desc = (mbconv_depthwise_desc){.channels = fuzz_between(in, 1, 70),
                                  .kernel = 3 + 2 * fuzz_between(in, 0, 2),
                                  .stride = fuzz_bytes(in, 1),
                                  .activation = c->activation};
  fuzz_stride(&desc->stride, &desc->dilation);
  const size_t span = oracle_span(desc->kernel, desc->dilation);
  const size_t pixels = image_case(in, c, span, desc->stride, &desc->height, &desc->width, &desc->pad);
  c->row = c->y_stride = desc->channels;
  c->rows = c->batch * pixels;
  c->weights = desc->channels * desc->kernel * desc->kernel;
  c->biases = desc->channels;
  c->x_size = c->batch * desc->height * desc->width * desc->channels;
  c->y_size = c->rows * c->row;
  c->residual = c->in_place = false;
  return run_depthwise;
}

static bool run_convolution(const struct operator_case *c, const mbconv_options *options, const struct tensors *t) {
  mbconv_convolution_desc desc = c->convolution;
  const mbconv_conv conv = conv_of(c, t);
  desc.conv = &conv;
  if (c->same) desc.pad = (mbconv_pad){0}, desc.pad_kind = MBCONV_PAD_SAME;
  if (c->at) desc.height = c->made.height, desc.width = c->made.width;
  const size_t height = c->convolution.height, width = c->convolution.width;
  mbconv_convolution *convolution;
  if (mbconv_convolution_create(&desc, options, &convolution, NULL) != MBCONV_OK) return false;
  size_t size = c->at ? 0 : mbconv_convolution_scratch_size(convolution, c->threads.count);
  if (c->at) mbconv_convolution_scratch_size_at(convolution, height, width, c->threads.count, &size, NULL);
  struct test_buffer scratch;
  char *memory = scratch_new(c, &scratch, size);
  const mbconv_status status =
      c->at ? mbconv_convolution_run_at(convolution, c->batch, height, width, t->x.data, t->y.data, residual_of(c, t),
                                        memory, size, &c->threads, NULL)
            : mbconv_convolution_run(convolution, c->batch, t->x.data, t->y.data, residual_of(c, t), memory, size,
                                     &c->threads, NULL);
  test_buffer_free(&scratch);
  mbconv_convolution_destroy(convolution);
  return status == MBCONV_OK;
}

static run_fn *convolution_case(struct fuzz_input *in, struct operator_case *c) {
  mbconv_convolution_desc *desc = &c->convolution;
  *desc = (mbconv_convolution_desc){.in_channels = fuzz_between(in, 1, 20),
                                    .out_channels = fuzz_between(in, 1, 70),
                                    .kernel = fuzz_between(in, 1, 7),
                                    .stride = fuzz_between(in, 1, 2),
                                    .layout = (mbconv_layout)fuzz_between(in, MBCONV_NHWC, MBCONV_NCHW),
                                    .activation = c->activation};
  const size_t pixels = image_case(in, c, desc->kernel, desc->stride, &desc->height, &desc->width, &desc->pad);
  c->row = c->y_stride = desc->out_channels;
  c->rows = c->batch * pixels;
  c->weights = desc->in_channels * desc->out_channels * desc->kernel * desc->kernel;
  c->biases = desc->out_channels;
  c->x_size = c->batch * desc->height * desc->width * desc->in_channels;
  c->y_size = c->rows * c->row;
  return run_convolution;
}

static bool run_pool(const struct operator_case *c, const mbconv_options *options, const struct tensors *t) {
  mbconv_global_pool_desc desc = c->pool;
  if (c->at) desc.height = c->made.height, desc.width = c->made.width;
  mbconv_global_pool *pool;
  if (mbconv_global_pool_create(&desc, options, &pool, NULL) != MBCONV_OK) return false;
  const mbconv_status status = c->at ? mbconv_global_pool_run_at(pool, c->batch, c->pool.height, c->pool.width,
                                                                 t->x.data, t->y.data, &c->threads, NULL)
                                     : mbconv_global_pool_run(pool, c->batch, t->x.data, t->y.data, &c->threads, NULL);
  mbconv_global_pool_destroy(pool);
  return status == MBCONV_OK;
}

static run_fn *pool_case(struct fuzz_input *in, struct operator_case *c) {
  c->pool.height = fuzz_between(in, 1, 12);
  c->pool.width = fuzz_between(in, 1, 12);
  c->pool.channels = fuzz_between(in, 0, 2) * 250 + fuzz_between(in, 1, 100);
  choose_size(in, c, 1);
  c->row = c->y_stride = c->pool.channels;
  c->rows = c->batch;
  c->x_size = c->batch * c->pool.height * c->pool.width * c->pool.channels;
  c->y_size = c->batch * c->pool.channels;
  c->residual = c->in_place = false;
  return run_pool;
}

/* ---- Activation -------------------------------------------------------------------------------------------------- */

static bool run_activation(const struct operator_case *c, const mbconv_options *options, const struct tensors *t) {
  const mbconv_activation_desc desc = {.kind = c->activation};
  mbconv_activation *activation;
  if (mbconv_activation_create(&desc, options, &activation, NULL) != MBCONV_OK) return false;
  if (c->in_place) memcpy(t->y.data, t->x.data, c->row * sizeof(float));
  const mbconv_status status =
      mbconv_activation_run(activation, c->row, c->in_place ? t->y.data : t->x.data, t->y.data, NULL);
  mbconv_activation_destroy(activation);
  return status == MBCONV_OK;
}

static run_fn *activation_case(struct fuzz_input *in, struct operator_case *c) {
  c->rows = 1;
  c->row = c->x_size = c->y_size = fuzz_between(in, 0, 200);
  c->residual = false;
  return run_activation;
}

/* ---- Data -------------------------------------------------------------------------------------------------------- */

/* Random floats, but for those that the input puts there. */
static void fill(struct fuzz_input *in, struct tensors *t, uint64_t *state) {
  struct test_buffer *arrays[] = {&t->weight, &t->bias, &t->x, &t->residual};
  for (size_t i = 0; i < 4; i++) test_fill(state, arrays[i]->data, arrays[i]->n);
  size_t array, index;
  float value;
  while (fuzz_poke(in, 4, &array, &index, &value))
    if (arrays[array]->n > 0) arrays[array]->data[index % arrays[array]->n] = value;
  for (size_t i = 0; i < 4; i++) test_buffer_protect(arrays[i]);
}

/* y in, as far as it is read, and y out, rows without what is between them. */
static void check(const struct operator_case *c, run_fn *run, const mbconv_options *options, struct tensors *t,
                  float *rows) {
  test_buffer_reuse(&t->y, t->y.n);
  for (size_t r = 0; r < c->rows; r++) {
    float *row = t->y.data + r * c->y_stride;
    test_forget(row, c->row * sizeof(float));
    if (c->residual && c->in_place) memcpy(row, t->residual.data + r * c->row, c->row * sizeof(float));
  }
  fuzz_require(run(c, options, t), "a create or a run failed");
  fuzz_require(test_buffer_intact(&t->y) && (c->rows == 0 || test_gaps_intact(t->y.data, c->rows, c->row, c->y_stride)),
               "floats outside the outputs were written");
  for (size_t r = 0; r < c->rows; r++) memcpy(rows + r * c->row, t->y.data + r * c->y_stride, c->row * sizeof(float));
}

int LLVMFuzzerTestOneInput(const unsigned char *input, size_t size) {
  static run_fn *(*const cases[])(struct fuzz_input *, struct operator_case *) = {
      pointwise_case, pointwise_case, depthwise_case, convolution_case, convolution_case, pool_case, activation_case};
  struct fuzz_input in = {input, size};
  const size_t kind = fuzz_between(&in, 0, sizeof cases / sizeof *cases - 1);
  struct operator_case c = {.bias = fuzz_flag(&in), .residual = fuzz_flag(&in), .in_place = fuzz_flag(&in)};
  c.batch = fuzz_between(&in, 0, 2);
  c.guard = fuzz_flag(&in) ? TEST_GUARD_BEFORE : TEST_GUARD_AFTER;
  c.threads = (mbconv_threads){.parallel_for = parallel_reversed, .count = fuzz_between(&in, 0, 9)};
  c.activation = (mbconv_activation_kind)fuzz_between(&in, MBCONV_ACTIVATION_NONE, MBCONV_ACTIVATION_HARD_SWISH);
  const bool sleef = fuzz_flag(&in);
  uint64_t state = fuzz_bytes(&in, 2);
  run_fn *run = cases[kind](&in, &c);

  struct tensors t;
  test_buffer_new(&t.weight, c.weights, c.guard);
  test_buffer_new(&t.bias, c.biases, c.guard);
  test_buffer_new(&t.x, c.x_size, c.guard);
  test_buffer_new(&t.residual, c.y_size, c.guard);
  test_buffer_new(&t.y, c.rows ? (c.rows - 1) * c.y_stride + c.row : 0, c.guard);
  fill(&in, &t, &state);
  float *expected = fuzz_allocate(c.rows * c.row * sizeof(float)), *y = fuzz_allocate(c.rows * c.row * sizeof(float));
  struct operator_case plain = c; /* made for the size, with pads: what is expected */
  plain.at = plain.same = false;
  check(&plain, run, &(mbconv_options){.isa = MBCONV_ISA_SCALAR, .exp = MBCONV_EXP_INLINE}, &t, expected);
  mbconv_isa sets[MOST_SETS];
  const size_t count = mbconv_usable_isas(sets, MOST_SETS);
  for (size_t i = 0; i < count; i++) {
    mbconv_options options = {.isa = sets[i], .exp = MBCONV_EXP_INLINE};
    if (sleef && mbconv_exp_usable(sets[i], MBCONV_EXP_SLEEF)) options.exp = MBCONV_EXP_SLEEF;
    check(&c, run, &options, &t, y);
    fuzz_require(test_equal(expected, y, c.rows * c.row, NULL), "a set differs from the scalar one");
  }
  free(expected), free(y);
  struct test_buffer *all[] = {&t.weight, &t.bias, &t.x, &t.residual, &t.y};
  for (size_t i = 0; i < 5; i++) test_buffer_free(all[i]);
  return 0;
}
