/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "block.h"
#include "block_case.h"

/* A line that is being written, and what all lines of one call of table_of() need. */
struct table {
  const struct set_shape *shape;
  table_line_fn *line;
  void *context;
  float *zeros, *x, *y; /* parameters that nobody computes with; images, as large as the largest */
  char text[TABLE_LINE];
  size_t length;
};

enum { MOST_WEIGHTS = 1280 * 1000, MOST_FLOATS = 3 * 224 * 224 * 8 };

__attribute__((format(printf, 2, 3))) static void add(struct table *t, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(t->text + t->length, TABLE_LINE - t->length, format, arguments);
  va_end(arguments);
  if (length < 0 || t->length + (size_t)length >= TABLE_LINE) abort();
  t->length += (size_t)length;
}

static void end_line(struct table *t) {
  t->line(t->context, t->text);
  t->text[0] = '\0';
  t->length = 0;
}

static void *zeroed(size_t count, size_t size) {
  void *memory = calloc(count + 1, size);
  if (!memory) abort();
  return memory;
}

/* ---- What is written of a run ------------------------------------------------------------------------------------ */

static void add_counts(struct table *t, const struct parallel_log *log) {
  const struct kernel_counts n = counting_set_take();
  for (size_t i = 0; i < COUNTED_TILES; i++)
    if (n.pointwise[i].calls > 0)
      add(t, " | %dx%d: %zu calls, %zu tiles, %zu terms", t->shape->tiles[i].pixels, t->shape->tiles[i].channels,
          n.pointwise[i].calls, n.pointwise[i].tiles, n.pointwise[i].terms);
  if (n.gemv.calls > 0) add(t, " | gemv: %zu calls, %zu panels", n.gemv.calls, n.gemv.panels);
  if (n.depthwise.calls > 0)
    add(t, " | depthwise: %zu calls, %zu pixels, %zu floats", n.depthwise.calls, n.depthwise.pixels,
        n.depthwise.floats);
  if (n.map.calls > 0) add(t, " | map: %zu calls, %zu floats", n.map.calls, n.map.floats);
  if (n.sum.calls > 0) add(t, " | sum: %zu calls, %zu floats", n.sum.calls, n.sum.floats);
  if (n.scale.calls > 0) add(t, " | scale: %zu calls, %zu floats", n.scale.calls, n.scale.floats);
  if (n.transpose.calls > 0) add(t, " | transpose: %zu calls, %zu tiles", n.transpose.calls, n.transpose.tiles);
  if (log->calls > 0) add(t, " | %zu phases of %zu tasks", log->calls, log->largest);
  end_line(t);
}

static void begin_line(struct table *t, const char *name, const char *variant, mbconv_layout layout, size_t threads) {
  add(t, "%s %s%s, %s, %s:", mbconv_isa_name(t->shape->isa), name, variant, layout == MBCONV_NCHW ? "NCHW" : "NHWC",
      threads == 1 ? "1 thread" : "2 threads");
}

/* A run whose tasks run one after the other, or a line that says how it fails. */
static mbconv_threads threads_of(struct parallel_log *log, size_t count) {
  *log = (struct parallel_log){0};
  counting_set_take();
  return (mbconv_threads){.parallel_for = parallel_forward, .context = log, .count = count};
}

static void end_run(struct table *t, mbconv_status status, const struct parallel_log *log) {
  if (status != MBCONV_OK) add(t, " %s", mbconv_status_string(status));
  add_counts(t, log);
}

/* ---- Blocks ------------------------------------------------------------------------------------------------------ */

static void add_plan(struct table *t, const mbconv_block *block, size_t threads) {
  const struct mbconv_stages *stages = mbconv_block_stages(block);
  const size_t planned = stages->planned;
  struct mbconv_cut cut = stages->cut;
  mbconv_cut_share(stages, &cut, threads);
  const struct mbconv_plan *plan = &cut.plan[planned];
  add(t, " strips of %zu, %zu groups of %zu, %zu rings of %zux%zu%s%s", plan->strip_rows, plan->groups,
      plan->group_channels, mbconv_plan_rings(plan, &cut.shape[planned]), plan->ring_rows, plan->ring_width,
      plan->ring_in_y ? " in y" : "", plan->by_groups ? ", by groups" : "");
}

static void run_block(struct table *t, const mbconv_block *block, size_t threads) {
  const size_t size = mbconv_block_scratch_size(block, threads);
  void *scratch = zeroed(size, 1);
  struct parallel_log log;
  const mbconv_threads pool = threads_of(&log, threads);
  const mbconv_status status = mbconv_block_run(block, 1, t->x, t->y, scratch, size, &pool, NULL);
  end_run(t, status, &log);
  free(scratch);
}

static void block_lines(struct table *t, const struct block_layer *layer, size_t squeeze_excite, mbconv_layout layout) {
  const mbconv_conv conv = {.weight = t->zeros};
  const mbconv_squeeze_excite excite = {.width = squeeze_excite,
                                        .reduce = &conv,
                                        .inner = MBCONV_ACTIVATION_SILU,
                                        .expand = &conv,
                                        .gate = MBCONV_ACTIVATION_SIGMOID};
  mbconv_block_desc desc = block_layer_shape(layer);
  desc.layout = layout;
  desc.expand = layer->expanded_channels != layer->in_channels ? &conv : NULL;
  desc.depthwise = desc.project = &conv;
  if (squeeze_excite) desc.squeeze_excite = &excite;
  mbconv_block *block;
  if (mbconv_block_create(&desc, NULL, &block, NULL) != MBCONV_OK) abort();
  for (size_t threads = 1; threads <= 2; threads++) {
    begin_line(t, layer->name, squeeze_excite ? " with squeeze-excite" : "", layout, threads);
    add_plan(t, block, threads);
    run_block(t, block, threads);
  }
  mbconv_block_destroy(block);
}

/* Beside the listed blocks those of MobileNetV3 whose channels no group divides, and sizes that are odd in every way.
 */
static const struct block_layer odd_layers[] = {
    {"v3-64", 112, 16, 64, 24, 3, 2, MBCONV_ACTIVATION_RELU, 0},
    {"v3-72", 56, 24, 72, 40, 5, 2, MBCONV_ACTIVATION_RELU, 0},
    {"v3-200", 14, 80, 200, 80, 3, 1, MBCONV_ACTIVATION_HARD_SWISH, 0},
    {"v3-184", 14, 80, 184, 80, 3, 1, MBCONV_ACTIVATION_HARD_SWISH, 0},
    {"odd-70", 33, 17, 70, 19, 7, 1, MBCONV_ACTIVATION_SILU, 0},
    {"odd-52", 95, 8, 52, 9, 3, 1, MBCONV_ACTIVATION_SILU, 0},
    {"odd-100", 9, 25, 100, 33, 5, 2, MBCONV_ACTIVATION_RELU6, 0},
    {"plain-30", 61, 30, 30, 10, 5, 1, MBCONV_ACTIVATION_SILU, 0},
};

/* ---- Operators --------------------------------------------------------------------------------------------------- */

struct convolution {
  const char *name;
  size_t side, in, out, kernel, stride;
  mbconv_activation_kind activation;
  mbconv_layout layout;
};

static const struct convolution convolutions[] = {
    {"stem", 224, 3, 32, 3, 2, MBCONV_ACTIVATION_RELU6, MBCONV_NHWC},
    {"stem", 224, 3, 32, 3, 2, MBCONV_ACTIVATION_SILU, MBCONV_NCHW},
    {"fused 3x3", 28, 48, 192, 3, 1, MBCONV_ACTIVATION_SILU, MBCONV_NHWC},
    {"fused 3x3", 28, 48, 192, 3, 1, MBCONV_ACTIVATION_RELU, MBCONV_NCHW},
    {"fused 3x3 s2", 56, 24, 96, 3, 2, MBCONV_ACTIVATION_RELU, MBCONV_NCHW},
    {"5x5", 14, 20, 40, 5, 1, MBCONV_ACTIVATION_NONE, MBCONV_NHWC},
    {"1x1 s2", 28, 64, 128, 1, 2, MBCONV_ACTIVATION_NONE, MBCONV_NHWC},
    {"1x1", 14, 64, 96, 1, 1, MBCONV_ACTIVATION_RELU, MBCONV_NCHW},
};

static void convolution_lines(struct table *t, const struct convolution *c) {
  const size_t half = c->kernel / 2;
  const mbconv_convolution_desc desc = {.height = c->side,
                                        .width = c->side,
                                        .in_channels = c->in,
                                        .out_channels = c->out,
                                        .kernel = c->kernel,
                                        .stride = c->stride,
                                        .pad = {half, half, half, half},
                                        .conv = &(mbconv_conv){.weight = t->zeros},
                                        .activation = c->activation,
                                        .layout = c->layout};
  mbconv_convolution *convolution;
  if (mbconv_convolution_create(&desc, NULL, &convolution, NULL) != MBCONV_OK) abort();
  for (size_t threads = 1; threads <= 2; threads++) {
    const size_t size = mbconv_convolution_scratch_size(convolution, threads);
    void *scratch = zeroed(size, 1);
    struct parallel_log log;
    begin_line(t, "convolution ", c->name, c->layout, threads);
    const mbconv_threads pool = threads_of(&log, threads);
    end_run(t, mbconv_convolution_run(convolution, 1, t->x, t->y, NULL, scratch, size, &pool, NULL), &log);
    free(scratch);
  }
  mbconv_convolution_destroy(convolution);
}

struct pointwise {
  const char *name;
  size_t pixels, in, out, y_stride;
  mbconv_activation_kind activation;
};

static const struct pointwise pointwises[] = {
    {"head", 49, 320, 1280, 0, MBCONV_ACTIVATION_SILU},
    {"classifier", 1, 1280, 1000, 0, MBCONV_ACTIVATION_NONE},
    {"wide", 784, 40, 240, 0, MBCONV_ACTIVATION_SILU},
    {"strided", 196, 80, 120, 128, MBCONV_ACTIVATION_HARD_SWISH},
    {"clamped", 3136, 24, 144, 0, MBCONV_ACTIVATION_RELU6},
};

static void pointwise_lines(struct table *t, const struct pointwise *p) {
  const mbconv_pointwise_desc desc = {.in_channels = p->in,
                                      .out_channels = p->out,
                                      .conv = &(mbconv_conv){.weight = t->zeros},
                                      .activation = p->activation};
  mbconv_pointwise *pointwise;
  if (mbconv_pointwise_create(&desc, NULL, &pointwise, NULL) != MBCONV_OK) abort();
  for (size_t threads = 1; threads <= 2; threads++) {
    struct parallel_log log;
    begin_line(t, "pointwise ", p->name, MBCONV_NHWC, threads);
    const mbconv_threads pool = threads_of(&log, threads);
    end_run(t, mbconv_pointwise_run(pointwise, p->pixels, t->x, 0, t->y, p->y_stride, NULL, 0, &pool, NULL), &log);
  }
  mbconv_pointwise_destroy(pointwise);
}

static void depthwise_lines(struct table *t, size_t side, size_t channels, size_t kernel, size_t stride) {
  const size_t half = kernel / 2;
  const mbconv_depthwise_desc desc = {.height = side,
                                      .width = side,
                                      .channels = channels,
                                      .kernel = kernel,
                                      .stride = stride,
                                      .pad = {half, half, half, half},
                                      .conv = &(mbconv_conv){.weight = t->zeros},
                                      .activation = kernel == 3 ? MBCONV_ACTIVATION_RELU6 : MBCONV_ACTIVATION_SILU};
  mbconv_depthwise *depthwise;
  if (mbconv_depthwise_create(&desc, NULL, &depthwise, NULL) != MBCONV_OK) abort();
  for (size_t threads = 1; threads <= 2; threads++) {
    const size_t size = mbconv_depthwise_scratch_size(depthwise, threads);
    void *scratch = zeroed(size, 1);
    struct parallel_log log;
    char name[64];
    snprintf(name, sizeof name, "%zux%zux%zu, kernel %zu, stride %zu", side, side, channels, kernel, stride);
    begin_line(t, "depthwise ", name, MBCONV_NHWC, threads);
    const mbconv_threads pool = threads_of(&log, threads);
    end_run(t, mbconv_depthwise_run(depthwise, 1, t->x, t->y, scratch, size, &pool, NULL), &log);
    free(scratch);
  }
  mbconv_depthwise_destroy(depthwise);
}

static void global_pool_lines(struct table *t, size_t side, size_t channels) {
  const mbconv_global_pool_desc desc = {.height = side, .width = side, .channels = channels};
  mbconv_global_pool *pool;
  if (mbconv_global_pool_create(&desc, NULL, &pool, NULL) != MBCONV_OK) abort();
  for (size_t threads = 1; threads <= 2; threads++) {
    struct parallel_log log;
    begin_line(t, "global-pool", "", MBCONV_NHWC, threads);
    const mbconv_threads workers = threads_of(&log, threads);
    end_run(t, mbconv_global_pool_run(pool, 1, t->x, t->y, &workers, NULL), &log);
  }
  mbconv_global_pool_destroy(pool);
}

/* ---- The table --------------------------------------------------------------------------------------------------- */

void table_of(const struct set_shape *shape, table_line_fn *line, void *context) {
  struct table t = {.shape = shape, .line = line, .context = context};
  t.zeros = zeroed(MOST_WEIGHTS, sizeof(float));
  t.x = zeroed(MOST_FLOATS, sizeof(float));
  t.y = zeroed(MOST_FLOATS, sizeof(float));
  counting_set_choose(shape);
  for (size_t i = 0; i < BLOCK_LAYERS; i++) {
    const struct block_layer *layer = &block_layers[i];
    for (int layout = MBCONV_NHWC; layout <= MBCONV_NCHW; layout++) {
      block_lines(&t, layer, 0, (mbconv_layout)layout);
      if (layer->name[0] == 'e') block_lines(&t, layer, layer->in_channels / 4, (mbconv_layout)layout);
    }
  }
  for (size_t i = 0; i < sizeof odd_layers / sizeof *odd_layers; i++) {
    block_lines(&t, &odd_layers[i], 0, MBCONV_NHWC);
    block_lines(&t, &odd_layers[i], 7, MBCONV_NCHW);
  }
  for (size_t i = 0; i < sizeof convolutions / sizeof *convolutions; i++) convolution_lines(&t, &convolutions[i]);
  for (size_t i = 0; i < sizeof pointwises / sizeof *pointwises; i++) pointwise_lines(&t, &pointwises[i]);
  depthwise_lines(&t, 56, 144, 3, 1);
  depthwise_lines(&t, 28, 240, 5, 2);
  depthwise_lines(&t, 14, 24, 7, 1);
  depthwise_lines(&t, 7, 100, 3, 1);
  depthwise_lines(&t, 14, 160, 3, 1);
  depthwise_lines(&t, 14, 512, 3, 2);
  depthwise_lines(&t, 14, 160, 5, 1);
  depthwise_lines(&t, 7, 256, 5, 1);
  global_pool_lines(&t, 7, 1280);
  counting_set_choose(NULL);
  free(t.zeros);
  free(t.x);
  free(t.y);
}
