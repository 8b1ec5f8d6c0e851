/* SPDX-License-Identifier: MIT
 *
 * mbconv_instructions FILE|--print: how many instructions the kernels of each vector set execute for a typical call,
 * and blocks for a run, against the most that the file allows. README.md tells why.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block_case.h"
#include "dispatch.h"
#include "more.h"
#include "steps.h"
#include "test.h"

enum { LINE = 160, MOST_LINES = 256, FLOATS = 1 << 16 };

/* Compilers differ; the file has the most of gcc and clang, other versions may have a little more. */
static const double tolerance = 1.15;

struct report {
  bool print;
  size_t limits, cases, failed;
  char limit[MOST_LINES][LINE]; /* lines of the file */
};

_Noreturn static void stop(const char *problem, const char *word) {
  fprintf(stderr, "mbconv_instructions: %s: %s\n", problem, word);
  exit(EXIT_FAILURE);
}

/* The figure after `name: ` in the file; 0 if there is none. */
static size_t limit_of(const struct report *r, const char *name) {
  const size_t length = strlen(name);
  for (size_t i = 0; i < r->limits; i++)
    if (strncmp(r->limit[i], name, length) == 0 && r->limit[i][length] == ':')
      return (size_t)strtoull(r->limit[i] + length + 1, NULL, 10);
  return 0;
}

/* One case, whose name is given as to printf. */
__attribute__((format(printf, 4, 5))) static void count(struct report *r, void (*call)(void *argument), void *argument,
                                                        const char *format, ...) {
  char name[LINE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(name, sizeof name, format, arguments);
  va_end(arguments);
  const size_t steps = steps_of(call, argument), limit = limit_of(r, name);
  r->cases++;
  if (r->print) {
    printf("%s: %zu\n", name, steps);
  } else if (limit == 0 || (double)steps > tolerance * (double)limit) {
    r->failed++;
    printf("FAIL %s: %zu instructions, expected are at most %zu\n", name, steps, limit);
  }
}

/* ---- Kernels ----------------------------------------------------------------------------------------------------- */

/* Everything that a kernel may read or write, large enough for all cases; results are looked at by other tests. */
static _Alignas(64) float x[FLOATS], y[FLOATS], weights[FLOATS];
static void *pixels_of_y[FLOATS / 64];

struct kernel_call {
  const struct mbconv_kernels *kernels;
  size_t index, pixels, channels, kernel, stride;
  bool residual;
};

enum { K = 8, TILES = 2 };

static void pointwise(void *argument) {
  const struct kernel_call *c = argument;
  const struct mbconv_pointwise_tile *tile = &c->kernels->pointwise[c->index];
  const struct mbconv_pointwise_panel panel = {.k = K,
                                               .segment = K,
                                               .weights = weights + 64,
                                               .bias = weights,
                                               .channels = tile->channels,
                                               .x_stride = K,
                                               .r_stride = 64,
                                               .ending = {.lo = 0, .hi = 6}};
  tile->run(&panel, c->pixels, TILES, x, pixels_of_y, 0, c->residual ? x : NULL);
}

static void gemv(void *argument) {
  const struct kernel_call *c = argument;
  const struct mbconv_pointwise_panel panel = {.k = 3 * K,
                                               .segment = 3 * K,
                                               .weights = weights + 64,
                                               .bias = weights,
                                               .next = (3 * K + 1) * c->kernels->pointwise[0].channels * sizeof(float),
                                               .ending = {.lo = 0, .hi = 6}};
  c->kernels->gemv(&panel, c->channels, x, y, NULL);
}

static void depthwise(void *argument) {
  const struct kernel_call *c = argument;
  const struct mbconv_depthwise_group group = {.channels = c->channels,
                                               .x_stride = c->channels,
                                               .y_stride = c->channels,
                                               .weights = weights,
                                               .ending = {.lo = 0, .hi = 6}};
  const void *rows[7];
  for (size_t i = 0; i < c->kernel; i++) rows[i] = x + i * 4096;
  c->kernels->depthwise[(c->kernel - 3) / 2][c->stride - 1](&group, c->pixels, rows, y);
}

static void activation(void *argument) {
  const struct kernel_call *c = argument;
  c->kernels->activation[1][c->index](c->pixels, x, y);
}

static void gelu(void *argument) {
  const struct kernel_call *c = argument;
  mbconv_more_of(c->kernels)->gelu(c->pixels, x, y);
}

static void gelu_tanh(void *argument) {
  const struct kernel_call *c = argument;
  mbconv_more_of(c->kernels)->gelu_tanh(c->pixels, x, y);
}

static void prelu(void *argument) {
  const struct kernel_call *c = argument;
  mbconv_more_of(c->kernels)->prelu(c->pixels, c->channels, x, c->channels, weights, y, c->channels);
}

static void add(void *argument) {
  const struct kernel_call *c = argument;
  mbconv_more_of(c->kernels)->add(c->pixels, c->channels, x, c->channels, y, c->channels);
}

static void channel_sum(void *argument) {
  const struct kernel_call *c = argument;
  c->kernels->channel_sum(c->pixels, c->channels, x, c->channels, y);
}

static void channel_scale(void *argument) {
  const struct kernel_call *c = argument;
  c->kernels->channel_scale(c->pixels, c->channels, x, c->channels, weights, y, c->channels);
}

static void transpose(void *argument) {
  const struct kernel_call *c = argument;
  const struct mbconv_transpose_tile *tile = &c->kernels->transpose;
  tile->run(TILES, x, 256, tile->columns, y, 64, tile->columns * 64, c->residual ? x : NULL);
}

static void count_kernels(struct report *r, const struct mbconv_kernels *kernels) {
  static const char *const activations[] = {"none", "relu", "relu6", "silu", "sigmoid", "hard-sigmoid", "hard-swish"};
  const char *isa = mbconv_isa_name(kernels->isa);
  struct kernel_call c = {.kernels = kernels};
  for (c.index = 0; c.index < MBCONV_POINTWISE_TILES && kernels->pointwise[c.index].run; c.index++) {
    const struct mbconv_pointwise_tile *tile = &kernels->pointwise[c.index];
    for (int partial = 0; partial < 3; partial++) {
      c.residual = partial == 0;
      c.pixels = tile->pixels - tile->pixels * (size_t)partial / 4;
      count(r, pointwise, &c, "%s pointwise %dx%d, %zu pixels%s", isa, tile->pixels, tile->channels, c.pixels,
            c.residual ? ", residual" : "");
    }
  }
  for (c.channels = 1; c.channels <= 7; c.channels += 3) count(r, gemv, &c, "%s gemv, %zu panels", isa, c.channels);
  for (c.kernel = 3; c.kernel <= 7; c.kernel += 2)
    for (c.stride = 1; c.stride <= 2; c.stride++)
      for (c.channels = kernels->lanes; c.channels <= kernels->lanes + 5; c.channels += 5)
        for (c.pixels = 7; c.pixels <= 14; c.pixels += 7)
          if ((c.pixels == 14) == (c.channels == kernels->lanes))
            count(r, depthwise, &c, "%s depthwise %zux%zu stride %zu, %zu pixels, %zu channels", isa, c.kernel,
                  c.kernel, c.stride, c.pixels, c.channels);
  for (c.index = MBCONV_ACTIVATION_RELU; c.index <= MBCONV_ACTIVATION_HARD_SWISH; c.index++)
    for (c.pixels = 20; c.pixels <= 200; c.pixels += 180)
      count(r, activation, &c, "%s %s, %zu floats", isa, activations[c.index], c.pixels);
  for (c.pixels = 20; c.pixels <= 200; c.pixels += 180) {
    count(r, gelu, &c, "%s gelu, %zu floats", isa, c.pixels);
    count(r, gelu_tanh, &c, "%s gelu-tanh, %zu floats", isa, c.pixels);
  }
  for (c.channels = 24; c.channels <= 91; c.channels += 67) {
    c.pixels = 6;
    count(r, channel_sum, &c, "%s sum of %zu pixels, %zu channels", isa, c.pixels, c.channels);
    count(r, channel_scale, &c, "%s scale of %zu pixels, %zu channels", isa, c.pixels, c.channels);
    count(r, prelu, &c, "%s prelu of %zu pixels, %zu channels", isa, c.pixels, c.channels);
    count(r, add, &c, "%s add of %zu pixels, %zu channels", isa, c.pixels, c.channels);
  }
  for (int residual = 0; residual < 2; residual++) {
    c.residual = residual;
    count(r, transpose, &c, "%s transpose, %d tiles%s", isa, TILES, residual ? ", residual" : "");
  }
}

/* ---- Blocks: with all that is around the kernels ----------------------------------------------------------------- */

struct block_call {
  mbconv_block *block;
  void *scratch;
  size_t size;
};

static void run_block(void *argument) {
  const struct block_call *c = argument;
  if (mbconv_block_run(c->block, 1, x, y, c->scratch, c->size, NULL, NULL) != MBCONV_OK) abort();
}

static void count_block(struct report *r, mbconv_isa isa, const mbconv_block_desc *shape, size_t squeeze_excite,
                        mbconv_layout layout) {
  const bool expand = shape->expanded_channels != shape->in_channels;
  const struct block_parts parts = {.expand = expand,
                                    .bias = true,
                                    .squeeze_excite = squeeze_excite,
                                    .inner = MBCONV_ACTIVATION_SILU,
                                    .gate = MBCONV_ACTIVATION_SIGMOID};
  uint64_t state = 1;
  struct block_case c;
  block_case_new(&c, shape, &parts, &state);
  c.desc.layout = layout;
  const mbconv_options options = {.isa = isa, .exp = MBCONV_EXP_INLINE};
  struct block_call call;
  if (mbconv_block_create(&c.desc, &options, &call.block, NULL) != MBCONV_OK) abort();
  call.size = mbconv_block_scratch_size(call.block, 1);
  call.scratch = calloc(call.size, 1);
  if (!call.scratch) abort();
  count(r, run_block, &call, "%s block %zux%zux%zu, %zu, %zu, kernel %zu, stride %zu%s%s", mbconv_isa_name(isa),
        shape->height, shape->width, shape->in_channels, shape->expanded_channels, shape->out_channels, shape->kernel,
        shape->stride, squeeze_excite ? ", squeeze-excite" : "", layout == MBCONV_NCHW ? ", NCHW" : "");
  free(call.scratch);
  mbconv_block_destroy(call.block);
  block_case_free(&c);
}

static void count_blocks(struct report *r, mbconv_isa isa) {
  static const mbconv_block_desc shapes[] = {
      {.height = 5,
       .width = 4,
       .in_channels = 8,
       .expanded_channels = 24,
       .out_channels = 8,
       .kernel = 3,
       .strip_rows = 2},
      {.height = 4,
       .width = 7,
       .in_channels = 16,
       .expanded_channels = 16,
       .out_channels = 8,
       .kernel = 3,
       .strip_rows = 2},
  };
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    mbconv_block_desc shape = shapes[i];
    shape.stride = 1;
    shape.pad = (mbconv_pad){1, 1, 1, 1};
    shape.activation = MBCONV_ACTIVATION_RELU6;
    count_block(r, isa, &shape, 0, MBCONV_NHWC);
    shape.activation = MBCONV_ACTIVATION_SILU;
    count_block(r, isa, &shape, 4, MBCONV_NCHW);
  }
}

/* ---- The file ---------------------------------------------------------------------------------------------------- */

static void read_limits(struct report *r, const char *name) {
  FILE *file = fopen(name, "r");
  if (!file) stop("cannot be read", name);
  while (r->limits < MOST_LINES && fgets(r->limit[r->limits], LINE, file)) r->limits++;
  if (!feof(file)) stop("too long", name);
  fclose(file);
}

int main(int words, char **word) {
  if (words != 2) stop("usage", "mbconv_instructions FILE|--print");
  static struct report r;
  r.print = strcmp(word[1], "--print") == 0;
  if (!r.print) read_limits(&r, word[1]);
  uint64_t state = 1;
  test_fill(&state, x, FLOATS);
  test_fill(&state, weights, FLOATS);
  for (size_t i = 0; i < sizeof pixels_of_y / sizeof *pixels_of_y; i++) pixels_of_y[i] = y + i * 64;
  bool ok = true;
  mbconv_isa isas[MBCONV_ISA_COUNT];
  const size_t sets = mbconv_usable_isas(isas, sizeof isas / sizeof *isas);
  for (size_t i = 0; i < sets; i++) {
    if (isas[i] == MBCONV_ISA_SCALAR) continue; /* the reference: nobody runs it to be fast */
    r.cases = r.failed = 0;
    count_kernels(&r, mbconv_kernels_of(&mbconv_f32_sets, isas[i]));
    count_blocks(&r, isas[i]);
    if (!r.print) printf("set %s: %zu cases, %zu failed, 0 skipped\n", mbconv_isa_name(isas[i]), r.cases, r.failed);
    ok = ok && r.failed == 0;
  }
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
