/* SPDX-License-Identifier: MIT
 *
 * Threads together with all else that a run can be given: residuals apart and in place, strides with gaps, activations
 * that tiles clamp and that are mapped, several images, fewer and more tasks than there is work for, in both orders and
 * at once. Expected is what the scalar set computes on one thread of dense tensors, which other suites hold against the
 * definition.
 */
#include <stdlib.h>

#include "any_operator.h"
#include "apart.h"
#include "block_subject.h"
#include "oracle.h"
#include "test.h"

enum residual { NO_RESIDUAL, APART, IN_PLACE, RESIDUALS };

/* ---- One run ----------------------------------------------------------------------------------------------------- */

struct subject {
  struct any_description d;
  void *object;
  size_t x_rows, y_rows;             /* of d.in and d.out channels */
  float *x, *residual, *expected[2]; /* dense; expected without and with the residual */
};

struct way {
  size_t threads;
  mbconv_parallel_for parallel_for;
  enum residual residual;
  size_t x_gap, y_gap, r_gap;
  enum test_guard guard;
};

/* Rows of `row` floats, `stride` apart, with the values of a dense tensor. */
static void lay_out(struct test_buffer *b, size_t rows, size_t row, size_t stride, const float *dense,
                    enum test_guard guard) {
  test_buffer_new(b, (rows - 1) * stride + row, guard);
  for (size_t r = 0; dense && r < rows; r++) memcpy(b->data + r * stride, dense + r * row, row * sizeof(float));
}

static void check_y(struct test *t, const struct subject *s, const struct way *w, const struct test_buffer *y,
                    size_t stride) {
  const float *expected = s->expected[w->residual != NO_RESIDUAL];
  size_t wrong = 0;
  for (size_t r = 0; r < s->y_rows; r++)
    if (!test_equal(y->data + r * stride, expected + r * s->d.out, s->d.out, NULL)) wrong++;
  test_check(t, wrong == 0, "%zu of %zu pixels are wrong", wrong, s->y_rows);
  test_check(t, test_buffer_intact(y) && test_gaps_intact(y->data, s->y_rows, s->d.out, stride),
             "wrote outside its outputs");
}

static void check_way(struct test *t, const struct subject *s, const struct way *w) {
  const size_t in = s->d.in, out = s->d.out, x_stride = in + w->x_gap, y_stride = out + w->y_gap;
  const size_t r_stride = w->residual == IN_PLACE ? y_stride : out + w->r_gap;
  struct test_buffer x, y, residual;
  lay_out(&x, s->x_rows, in, x_stride, s->x, w->guard);
  lay_out(&residual, s->y_rows, out, r_stride, s->residual, w->guard);
  lay_out(&y, s->y_rows, out, y_stride, w->residual == IN_PLACE ? s->residual : NULL, w->guard);
  test_buffer_protect(&x);
  test_buffer_protect(&residual);
  const struct any_tensors a = {.x = x.data,
                                .residual = w->residual == NO_RESIDUAL ? NULL
                                            : w->residual == APART     ? residual.data
                                                                       : y.data,
                                .y = y.data,
                                .x_stride = w->x_gap ? x_stride : 0,
                                .y_stride = w->y_gap ? y_stride : 0,
                                .r_stride = r_stride > out ? r_stride : 0};
  struct parallel_log log = {0};
  const mbconv_threads threads = {.parallel_for = w->parallel_for, .context = &log, .count = w->threads};
  mbconv_error error = {.message = ""};
  const mbconv_status status = any_run(s->d.kind, s->object, s->d.batch, &a, &threads, &error);
  if (test_check(t, status == MBCONV_OK, "run: %s", error.message)) check_y(t, s, w, &y, y_stride);
  test_check(t, log.largest <= w->threads, "%zu tasks for %zu threads", log.largest, w->threads);
  test_check(t, log.largest == w->threads || s->y_rows < 64 * w->threads, "%zu tasks keep not all of %zu threads busy",
             log.largest, w->threads);
  test_buffer_free(&x);
  test_buffer_free(&residual);
  test_buffer_free(&y);
}

/* The tasks of a run with 66 threads, of which the last two are the first after 64. */
static void check_tasks_apart(struct test *t, const struct subject *s) {
  const size_t size = any_scratch_size(s->d.kind, s->object, 66);
  if (size == 0) return;
  struct apart a;
  apart_new(&a, size);
  const mbconv_threads threads = {.parallel_for = parallel_apart, .context = &a, .count = 66};
  float *y = malloc(s->y_rows * s->d.out * sizeof *y), *scratch = a.memory.data;
  if (!y) abort();
  const mbconv_status status =
      s->d.kind == DEPTHWISE
          ? mbconv_depthwise_run(s->object, s->d.batch, s->x, y, scratch, size, &threads, NULL)
          : mbconv_convolution_run(s->object, s->d.batch, s->x, y, NULL, scratch, size, &threads, NULL);
  test_at(t, "kind %d, kernel %zu, layout %d, tasks apart", (int)s->d.kind, s->d.kernel, (int)s->d.layout);
  check_apart(t, &a, status);
  free(y);
  apart_free(&a);
}

/* ---- All ways of a subject --------------------------------------------------------------------------------------- */

/* What the scalar set makes of x on one thread. */
static bool expect(struct test *t, struct subject *s, const mbconv_conv *conv) {
  struct any_description plain = s->d;
  if (!mbconv_exp_usable(MBCONV_ISA_SCALAR, plain.exp)) plain.exp = MBCONV_EXP_INLINE;
  void *reference = NULL;
  mbconv_error error = {.message = ""};
  bool ok = any_create(&plain, conv, MBCONV_ISA_SCALAR, &reference, &error) == MBCONV_OK;
  for (size_t added = 0; added < 2 && ok; added++) {
    const struct any_tensors a = {.x = s->x, .residual = added ? s->residual : NULL, .y = s->expected[added]};
    ok = any_run(plain.kind, reference, plain.batch, &a, NULL, &error) == MBCONV_OK;
  }
  any_destroy(plain.kind, reference);
  return test_check(t, ok, "the scalar set: %s", error.message);
}

static void check_ways(struct test *t, const struct subject *s) {
  static const size_t counts[] = {2, 3, 7, 65, 100};
  const mbconv_parallel_for parallel_fors[] = {parallel_forward, parallel_reversed, parallel_pthreads};
  const bool adds = s->d.kind == POINTWISE || s->d.kind == CONVOLUTION, strided = s->d.kind == POINTWISE;
  size_t gaps = 0; /* a bit for each tensor */
  for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
    if (t->small && counts[c] == 100) continue;
    for (size_t p = 0; p < sizeof parallel_fors / sizeof *parallel_fors; p++) {
      const bool at_once = parallel_fors[p] == parallel_pthreads;
      if (at_once && t->small && counts[c] != 3) continue;
      for (int residual = NO_RESIDUAL; residual < (adds ? RESIDUALS : APART); residual++) {
        if (t->small && !at_once && (c + (size_t)residual + s->d.out + p) % 2) continue; /* one of the two orders */
        for (size_t repeat = 0; repeat < (t->small || !strided ? 1 : 3); repeat++, gaps++) {
          const struct way way = {.threads = counts[c],
                                  .parallel_for = parallel_fors[p],
                                  .residual = (enum residual)residual,
                                  .x_gap = strided ? 3 * (gaps & 1) : 0,
                                  .y_gap = strided ? 5 * (gaps >> 1 & 1) : 0,
                                  .r_gap = strided ? 2 * (gaps >> 2 & 1) : 0,
                                  .guard = gaps % 3 ? TEST_GUARD_AFTER : TEST_GUARD_BEFORE};
          test_at(t,
                  "kind %d: %zu images of %zux%zux%zu to %zu, kernel %zu, stride %zu, dilation %zu, layout %d, "
                  "activation %d, exp %s; "
                  "%zu threads, order %zu, residual %d, gaps %zu %zu %zu",
                  (int)s->d.kind, s->d.batch, s->d.height, s->d.width, s->d.in, s->d.out, s->d.kernel, s->d.stride,
                  s->d.dilation, (int)s->d.layout, (int)s->d.activation, mbconv_exp_name(s->d.exp), way.threads, p,
                  residual, way.x_gap, way.y_gap, way.r_gap);
          check_way(t, s, &way);
        }
      }
    }
  }
}

static void check_subject(struct test *t, uint64_t *state, const struct any_description *d) {
  struct subject s = {.d = *d};
  if (!mbconv_exp_usable(t->isa, d->exp)) s.d.exp = MBCONV_EXP_INLINE;
  const size_t out_pixels =
      d->kind == GLOBAL_POOL ? 1 : ((d->height - 1) / d->stride + 1) * ((d->width - 1) / d->stride + 1);
  s.x_rows = d->batch * d->height * d->width;
  s.y_rows = d->batch * out_pixels;
  s.x = test_new_floats(state, s.x_rows * d->in);
  s.residual = test_new_floats(state, s.y_rows * d->out);
  for (size_t added = 0; added < 2; added++) s.expected[added] = test_new_floats(state, s.y_rows * d->out);
  float *weights = test_new_floats(state, d->in * d->out * d->kernel * d->kernel);
  float *bias = test_new_floats(state, d->out);
  const mbconv_conv conv = {.weight = weights, .bias = bias};
  mbconv_error error = {.message = ""};
  test_at(t, "kind %d", (int)d->kind);
  if (test_check(t, any_create(&s.d, &conv, t->isa, &s.object, &error) == MBCONV_OK, "create: %s", error.message) &&
      expect(t, &s, &conv)) {
    check_ways(t, &s);
    if (!t->small || (d->kernel > 1 && d->layout == MBCONV_NCHW) || d->kernel == 5) check_tasks_apart(t, &s);
  }
  any_destroy(d->kind, s.object);
  free(weights);
  free(bias);
  free(s.x);
  free(s.residual);
  free(s.expected[0]);
  free(s.expected[1]);
}

/* ---- The subjects ------------------------------------------------------------------------------------------------ */

/* Pixels for more tiles than the most threads and for fewer, and for several of the chunks over which an activation is
 * mapped; channels in whole panels, with an end, and in an end alone. */
static void pointwises(struct test *t, uint64_t *state) {
  const struct mbconv_pointwise_tile *wide = &t->kernels->pointwise[0];
  const size_t many = 65 * wide->pixels + 3, few = 2 * wide->pixels + 1;
  const struct {
    size_t pixels, out;
    mbconv_activation_kind activation;
    mbconv_exp exp;
  } cases[] = {{many, wide->channels + 3, MBCONV_ACTIVATION_RELU6, MBCONV_EXP_AUTO},
               {many, wide->channels, MBCONV_ACTIVATION_HARD_SWISH, MBCONV_EXP_AUTO},
               {few, 2 * wide->channels + 1, MBCONV_ACTIVATION_SILU, MBCONV_EXP_INLINE},
               {few, 3, MBCONV_ACTIVATION_SILU, MBCONV_EXP_SLEEF},
               {1, 2 * wide->channels + 1, MBCONV_ACTIVATION_NONE, MBCONV_EXP_AUTO},
               {t->small ? 130 : 700, t->small ? 73 : 131, MBCONV_ACTIVATION_SIGMOID, MBCONV_EXP_AUTO}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct any_description d = {.kind = POINTWISE,
                                      .batch = cases[i].pixels,
                                      .height = 1,
                                      .width = 1,
                                      .in = t->small ? 2 : 5,
                                      .out = cases[i].out,
                                      .kernel = 1,
                                      .stride = 1,
                                      .activation = cases[i].activation,
                                      .exp = cases[i].exp};
    check_subject(t, state, &d);
  }
}

/* Images whose rows are more than 65 threads in all, so that a thread's share crosses from one image into the next. */
static void convolutions(struct test *t, uint64_t *state) {
  const struct {
    size_t kernel, stride, width;
    mbconv_layout layout;
    mbconv_activation_kind activation;
  } cases[] = {
      {1, 1, 5, MBCONV_NHWC, MBCONV_ACTIVATION_SILU},       {1, 2, 6, MBCONV_NHWC, MBCONV_ACTIVATION_RELU},
      {1, 2, 7, MBCONV_NHWC, MBCONV_ACTIVATION_HARD_SWISH}, {1, 2, 6, MBCONV_NCHW, MBCONV_ACTIVATION_NONE},
      {2, 1, 4, MBCONV_NHWC, MBCONV_ACTIVATION_RELU6},      {3, 1, 4, MBCONV_NCHW, MBCONV_ACTIVATION_HARD_SIGMOID},
      {3, 2, 5, MBCONV_NHWC, MBCONV_ACTIVATION_SILU},       {3, 2, 8, MBCONV_NCHW, MBCONV_ACTIVATION_SILU},
      {7, 1, 3, MBCONV_NCHW, MBCONV_ACTIVATION_NONE}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct any_description d = {.kind = CONVOLUTION,
                                      .batch = 3,
                                      .height = cases[i].kernel == 7 ? 10 : 24 * cases[i].stride - 1,
                                      .width = cases[i].width,
                                      .in = t->small ? 2 : 3 + i % 2,
                                      .out = t->small ? 3 : 2 + 5 * i,
                                      .kernel = cases[i].kernel,
                                      .stride = cases[i].stride,
                                      .activation = cases[i].activation,
                                      .layout = cases[i].layout};
    check_subject(t, state, &d);
  }
}

static void depthwises_and_pools(struct test *t, uint64_t *state) {
  static const size_t dilations[] = {0, 1, 0, 2, 2, 3, 4};
  for (size_t i = 0; i < sizeof dilations / sizeof *dilations; i++) {
    const struct any_description d = {.kind = DEPTHWISE,
                                      .batch = 3,
                                      .height = i == 3 ? 4 : 24 * (1 + i % 2),
                                      .width = 5 + 3 * i,
                                      .in = t->small ? 3 : 21,
                                      .out = t->small ? 3 : 21,
                                      .kernel = i == 1 ? 5 : 3,
                                      .stride = 1 + i % 2,
                                      .activation = i % 2 ? MBCONV_ACTIVATION_RELU6 : MBCONV_ACTIVATION_SILU,
                                      .dilation = dilations[i]};
    check_subject(t, state, &d);
  }
  for (size_t i = t->small ? 1 : 0; i < 3; i++) {
    const struct any_description d = {.kind = GLOBAL_POOL,
                                      .batch = i == 2 ? 33 : 3,
                                      .height = 2,
                                      .width = 3,
                                      .in = i ? 257 : 600,
                                      .out = i ? 257 : 600,
                                      .kernel = 1,
                                      .stride = 1};
    check_subject(t, state, &d);
  }
}

static void check_block_apart(struct test *t, const struct block_subject *s) {
  static const size_t counts[] = {3, 66};
  for (size_t c = 0; c < 2; c++) {
    for (int layout = MBCONV_NHWC; layout <= MBCONV_NCHW; layout++) {
      if (t->small && (c == 0) == (layout == MBCONV_NCHW)) continue;
      struct block_run run = block_run_on(t->isa);
      run.layout = (mbconv_layout)layout;
      mbconv_block *block = block_create(t, &s->block, &run);
      if (!block) return;
      struct apart a;
      const size_t size = mbconv_block_scratch_size(block, counts[c]);
      apart_new(&a, size);
      const mbconv_threads threads = {.parallel_for = parallel_apart, .context = &a, .count = counts[c]};
      test_at(t, "block of %zu x %zu, layout %d, %zu tasks apart", s->block.desc.height, s->block.desc.width, layout,
              counts[c]);
      check_apart(t, &a, mbconv_block_run(block, s->batch, s->x, s->y, a.memory.data, size, &threads, NULL));
      apart_free(&a);
      mbconv_block_destroy(block);
    }
  }
}

/* Blocks of more rows in all than 65 threads, and of fewer; by groups and by rows, with and without squeeze-excite. */
static void blocks(struct test *t, uint64_t *state) {
  static const size_t counts[] = {2, 3, 7, 9, 65, 100};
  const mbconv_parallel_for parallel_fors[] = {parallel_forward, parallel_reversed};
  const struct {
    size_t height, width, in, expanded, out, squeeze, kernel, dilation;
  } cases[] = {{24, 3, 2, 9, 2, 0, 3, 0},
               {23, 4, 3, 10, 3, 2, 5, 0},
               {3, 3, 4, t->small ? 70 : 400, 4, 0, 3, 0},
               {3, 2, 5, 90, 5, 3, 3, 0},
               {17, 3, 3, 7, 2, 0, 7, 0},
               {24, 5, 3, 40, 3, 0, 3, 2},
               {31, 4, 3, 9, 2, 2, 5, 2},
               {37, 3, 2, t->small ? 70 : 150, 2, 0, 3, 4}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const size_t pad = oracle_span(cases[i].kernel, cases[i].dilation) / 2;
    const mbconv_block_desc shape = {.height = cases[i].height,
                                     .width = cases[i].width,
                                     .in_channels = cases[i].in,
                                     .expanded_channels = cases[i].expanded,
                                     .out_channels = cases[i].out,
                                     .kernel = cases[i].kernel,
                                     .stride = 1,
                                     .pad = {pad, pad, pad, pad},
                                     .activation = i % 2 ? MBCONV_ACTIVATION_SILU : MBCONV_ACTIVATION_RELU6,
                                     .dilation = cases[i].dilation};
    const struct block_parts parts = {
        .expand = true, .bias = true, .squeeze_excite = cases[i].squeeze, .gate = MBCONV_ACTIVATION_SIGMOID};
    test_at(t, "block %zu", i);
    struct block_subject s;
    block_subject_new(t, &s, &shape, &parts, 3, state);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
      for (size_t p = 0; p < 2; p++) {
        struct block_run run = block_run_on(t->isa);
        run.threads = counts[c];
        run.parallel_for = parallel_fors[p];
        run.layout = (c + p + i) % 2 ? MBCONV_NCHW : MBCONV_NHWC;
        run.misalign = 60; /* all that aligns it is needed */
        test_at(t, "block %zu, %zu threads, order %zu, layout %d", i, run.threads, p, (int)run.layout);
        block_subject_check(t, &s, &run);
      }
    }
    check_block_apart(t, &s);
    block_subject_free(&s);
  }
}

void test_combinations(struct test *t) {
  uint64_t state = t->seed;
  pointwises(t, &state);
  convolutions(t, &state);
  depthwises_and_pools(t, &state);
  blocks(t, &state);
}
