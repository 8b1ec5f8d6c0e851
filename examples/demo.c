/* SPDX-License-Identifier: MIT
 *
 * The notebook's block on every instruction set of this machine: its printed lines, how far each set is from PyTorch,
 * whether the sets agree, and how long a run takes.
 *
 *     mbconv_demo [CASE.bin]       a case of golden data, by default the notebook's
 *
 * MBCONV_ISA=NAME restricts it to that set (and scalar, to compare with). Fails if a set cannot be had, differs from
 * PyTorch by more than 1e-5 of the largest |y|, or from the scalar set at all.
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "golden.h"

static const double tolerance = 1e-5;       /* relative to PyTorch's largest |y| */
static const double seconds_per_time = 0.3; /* spent on measuring one time */

enum { MOST_ISAS = MBCONV_ISA_COUNT, LAYOUTS = 2 };

_Noreturn static void stop(const char *what, const char *why) {
  fprintf(stderr, "mbconv_demo: %s: %s\n", what, why);
  exit(EXIT_FAILURE);
}

static float *floats(size_t n) {
  float *memory = malloc(n * sizeof(float));
  if (!memory) stop("data", "out of memory");
  return memory;
}

/* ---- One set ----------------------------------------------------------------------------------------------------- */

/* A block and all that a run needs. */
struct job {
  mbconv_block *block;
  size_t batch, scratch_size;
  float *x, *y; /* in the block's layout */
  void *scratch;
};

struct result {
  mbconv_info info;
  float *y; /* NCHW */
  double microseconds[LAYOUTS];
  bool layouts_equal;
  char plan[256];
};

static mbconv_block *create(const struct golden *g, mbconv_isa isa, mbconv_layout layout) {
  mbconv_block_desc desc = g->desc;
  desc.layout = layout;
  const mbconv_options options = {.isa = isa};
  mbconv_error error;
  mbconv_block *block;
  const mbconv_status status = mbconv_block_create(&desc, &options, &block, &error);
  if (status != MBCONV_OK) stop(mbconv_status_string(status), error.message);
  return block;
}

static void run(const struct job *job) {
  mbconv_error error;
  const mbconv_status status =
      mbconv_block_run(job->block, job->batch, job->x, job->y, job->scratch, job->scratch_size, NULL, &error);
  if (status != MBCONV_OK) stop(mbconv_status_string(status), error.message);
}

/* CPU time of this thread, so that other programs do not count. */
static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The least time of a run, in microseconds. Runs are timed in lots, since reading the clock takes time as well. */
static double measure(const struct job *job) {
  size_t lot = 1;
  double best = 0.0, spent = 0.0;
  while (spent < seconds_per_time) {
    const double start = seconds();
    for (size_t i = 0; i < lot; i++) run(job);
    const double took = seconds() - start;
    spent += took;
    if (best == 0.0 || took / (double)lot < best) best = took / (double)lot;
    if (took < 1e-3) lot *= 2;
  }
  return 1e6 * best;
}

/* Runs the case in one layout; y receives the output as NCHW. */
static double run_layout(const struct golden *g, mbconv_isa isa, mbconv_layout layout, float *y,
                         struct result *result) {
  const size_t pixels = g->desc.height * g->desc.width, out_pixels = g->out_height * g->out_width;
  struct job job = {.block = create(g, isa, layout), .batch = g->batch, .x = floats(g->x_size), .y = floats(g->y_size)};
  size_t height, width;
  mbconv_block_output_size(job.block, &height, &width);
  if (height != g->out_height || width != g->out_width) stop("output", "not of the shape that PyTorch's has");
  job.scratch_size = mbconv_block_scratch_size(job.block, 1);
  job.scratch = floats(job.scratch_size / sizeof(float) + 1);
  if (layout == MBCONV_NHWC) {
    golden_transpose(g->batch, g->desc.in_channels, pixels, g->x, job.x);
  } else {
    memcpy(job.x, g->x, g->x_size * sizeof(float));
  }
  run(&job);
  if (layout == MBCONV_NHWC) {
    golden_transpose(g->batch, out_pixels, g->desc.out_channels, job.y, y);
  } else {
    memcpy(y, job.y, g->y_size * sizeof(float));
  }
  const double microseconds = measure(&job);
  result->info = (mbconv_info){.struct_size = sizeof result->info};
  mbconv_block_info(job.block, &result->info, NULL);
  mbconv_block_describe(job.block, 1, result->plan, sizeof result->plan);
  mbconv_block_destroy(job.block);
  free(job.scratch);
  free(job.y);
  free(job.x);
  return microseconds;
}

static bool equal(const float *a, const float *b, size_t n) { return golden_difference(a, b, n, NULL) == 0.0f; }

static void run_isa(const struct golden *g, mbconv_isa isa, struct result *result) {
  float *nchw = floats(g->y_size);
  result->y = floats(g->y_size);
  result->microseconds[MBCONV_NCHW] = run_layout(g, isa, MBCONV_NCHW, nchw, result);
  result->microseconds[MBCONV_NHWC] = run_layout(g, isa, MBCONV_NHWC, result->y, result);
  result->layouts_equal = equal(nchw, result->y, g->y_size);
  free(nchw);
}

/* ---- What is printed --------------------------------------------------------------------------------------------- */

/* The notebook's lines in its words, which are Turkish, each with a translation. */
static void print_notebook_lines(const struct golden *g) {
  const mbconv_block_desc *desc = &g->desc;
  mbconv_counts block, plain;
  mbconv_error error;
  if (mbconv_block_count(desc, &block, &error) != MBCONV_OK ||
      mbconv_plain_block_count(desc->height, desc->width, desc->in_channels, desc->out_channels, &plain, &error) !=
          MBCONV_OK) {
    stop("counts", error.message);
  }
  printf("What the notebook prints of this block, in Turkish, and what that means:\n");
  printf("Girdi şekli : [%zu, %zu, %zu, %zu]   (input shape)\n", g->batch, desc->in_channels, desc->height,
         desc->width);
  printf("Çıktı şekli : [%zu, %zu, %zu, %zu]   (output shape)\n", g->batch, desc->out_channels, g->out_height,
         g->out_width);
  printf("SimpleConvBlock parametre sayısı: %" PRIu64 "   (parameters of the plain block)\n", plain.parameters);
  printf("MBConv parametre sayısı        : %" PRIu64 "   (parameters of the MBConv block)\n\n", block.parameters);
  if (block.parameters != g->parameters || plain.parameters != g->plain_parameters) {
    stop("counts", "not those of PyTorch");
  }
}

/* True if the set is as close to PyTorch as promised and equals the scalar one. */
static bool print_result(const struct golden *g, const struct result *result, const struct result *scalar) {
  float largest;
  const double difference = golden_difference(result->y, g->y, g->y_size, &largest);
  const double relative = difference / (double)largest;
  const bool same = result->layouts_equal && equal(result->y, scalar->y, g->y_size);
  printf("%-8s%-8s%11.2e%11.2e  %-8s%10.1f%10.1f\n", mbconv_isa_name(result->info.isa),
         mbconv_exp_name(result->info.exp), difference, relative, same ? "yes" : "NO",
         result->microseconds[MBCONV_NHWC], result->microseconds[MBCONV_NCHW]);
  return same && relative <= tolerance;
}

/* ---- Which sets -------------------------------------------------------------------------------------------------- */

/* The sets to run, scalar last. What MBCONV_ISA names is tried first: if it cannot be had, the library says why. */
static size_t choose_isas(const struct golden *g, mbconv_isa *isas) {
  mbconv_block *block = create(g, MBCONV_ISA_AUTO, MBCONV_NHWC);
  mbconv_info info = {.struct_size = sizeof info};
  mbconv_block_info(block, &info, NULL);
  const mbconv_isa chosen = info.isa;
  mbconv_block_destroy(block);
  const char *named = getenv("MBCONV_ISA");
  if (!named || !*named) {
    const size_t usable = mbconv_usable_isas(isas, MOST_ISAS);
    return usable < MOST_ISAS ? usable : MOST_ISAS;
  }
  isas[0] = chosen;
  if (chosen == MBCONV_ISA_SCALAR) return 1;
  isas[1] = MBCONV_ISA_SCALAR;
  return 2;
}

int main(int count, char **words) {
  const char *path = count > 1 ? words[1] : MBCONV_GOLDEN_DIR "/notebook.bin";
  struct golden g;
  char message[GOLDEN_MESSAGE];
  if (!golden_load(&g, path, message)) stop(path, message);
  mbconv_isa isas[MOST_ISAS];
  const size_t sets = choose_isas(&g, isas);
  print_notebook_lines(&g);

  struct result results[MOST_ISAS] = {0};
  for (size_t i = 0; i < sets; i++) run_isa(&g, isas[i], &results[i]);
  printf("                max |y - torch|     equal to   us per run, 1 thread\n");
  printf("set     exp      absolute   relative  scalar        NHWC      NCHW\n");
  bool ok = true;
  for (size_t i = 0; i < sets; i++) ok = print_result(&g, &results[i], &results[sets - 1]) && ok;
  printf("\n");
  for (size_t i = 0; i < sets; i++) printf("%s\n", results[i].plan);

  for (size_t i = 0; i < sets; i++) free(results[i].y);
  golden_free(&g);
  if (fflush(stdout) != 0 || ferror(stdout)) stop("standard output", "not all of it could be written");
  if (!ok) fprintf(stderr, "mbconv_demo: a set differs from PyTorch by more than %g, or from scalar\n", tolerance);
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
