/* SPDX-License-Identifier: MIT
 *
 * One block and its runs: see block_subject.h.
 */
#include "block_subject.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle_block.h"

/* ---- One run ----------------------------------------------------------------------------------------------------- */

struct block_run block_run_on(mbconv_isa isa) {
  return (struct block_run){.options = {.isa = isa}, .threads = 1};
}

/* NHWC to NCHW, or back if `back`. */
static void transpose(size_t batch, size_t pixels, size_t channels, const float *x, float *y, bool back) {
  for (size_t i = 0; i < batch * pixels * channels; i++) {
    const size_t c = i % channels, p = i / channels % pixels, b = i / channels / pixels;
    const size_t j = (b * channels + c) * pixels + p;
    if (back) {
      y[i] = x[j];
    } else {
      y[j] = x[i];
    }
  }
}

mbconv_block *block_create(struct test *t, const struct block_case *c, const struct block_run *run) {
  mbconv_block_desc desc = c->desc;
  desc.layout = run->layout;
  desc.strip_rows = run->strip_rows;
  desc.group_channels = run->group_channels;
  if (run->same) desc.pad = (mbconv_pad){0}, desc.pad_kind = MBCONV_PAD_SAME;
  if (run->at) desc.height = run->made_height, desc.width = run->made_width;
  mbconv_block *block = NULL;
  mbconv_error error;
  const mbconv_status status = mbconv_block_create(&desc, &run->options, &block, &error);
  if (!test_check(t, status == MBCONV_OK && block != NULL, "create: %s", error.message)) return NULL;
  size_t height = 0, width = 0;
  if (run->at)
    mbconv_block_output_size_at(block, c->desc.height, c->desc.width, &height, &width, NULL);
  else
    mbconv_block_output_size(block, &height, &width);
  test_check(t, height == block_case_out_height(&c->desc) && width == block_case_out_width(&c->desc),
             "output size %zu x %zu", height, width);
  mbconv_info info = {0};
  test_check(t, mbconv_block_info(block, &info, NULL) == MBCONV_OK, "info");
  const bool exp_ok = run->options.exp == MBCONV_EXP_AUTO ? info.exp != MBCONV_EXP_AUTO : info.exp == run->options.exp;
  if (test_check(t, info.isa == run->options.isa && exp_ok, "asked for %s, %s; got %s, %s",
                 mbconv_isa_name(run->options.isa), mbconv_exp_name(run->options.exp), mbconv_isa_name(info.isa),
                 mbconv_exp_name(info.exp)))
    return block;
  mbconv_block_destroy(block);
  return NULL;
}

/* Whether the byte at p is still that of the poisoned floats that begin at `first`. */
static bool is_poison_byte(const char *p, const char *first) {
  const float poison = test_poison();
  return *p == ((const char *)&poison)[(size_t)(p - first) % sizeof poison];
}

bool block_run_images(struct test *t, const struct block_case *c, const mbconv_block *block,
                      const struct block_run *run, size_t batch, const float *x, float *y) {
  const size_t image_height = c->desc.height, image_width = c->desc.width;
  size_t size = run->at ? 0 : mbconv_block_scratch_size(block, run->threads);
  if (run->at) mbconv_block_scratch_size_at(block, image_height, image_width, run->threads, &size, NULL);
  struct test_buffer scratch;
  test_buffer_new(&scratch, (size + MBCONV_ALIGNMENT) / sizeof(float) + 2, run->guard);
  /* Flush against the guard page to the byte, or off by `misalign` bytes. */
  char *memory = (char *)scratch.data + run->misalign;
  if (run->guard == TEST_GUARD_AFTER) memory = (char *)(scratch.data + scratch.n) - size - run->misalign;

  test_forget(memory, size);
  struct parallel_log log = {0};
  const mbconv_threads threads = {.parallel_for = run->parallel_for, .context = &log, .count = run->threads};
  mbconv_error error;
  const mbconv_threads *given = run->parallel_for ? &threads : NULL;
  const mbconv_status status =
      run->at ? mbconv_block_run_at(block, batch, image_height, image_width, x, y, memory, size, given, &error)
              : mbconv_block_run(block, batch, x, y, memory, size, given, &error);
  const bool ok = test_check(t, status == MBCONV_OK && error.message[0] == '\0', "run: %s", error.message);
  test_check(t, log.largest <= run->threads, "%zu tasks for %zu threads", log.largest, run->threads);
  const char *first = (const char *)scratch.data, *last = (const char *)(scratch.data + scratch.n);
  bool outside_intact = test_buffer_intact(&scratch);
  for (const char *p = first; p < memory; p++) outside_intact = outside_intact && is_poison_byte(p, first);
  for (const char *p = memory + size; p < last; p++) outside_intact = outside_intact && is_poison_byte(p, first);
  test_check(t, outside_intact, "bytes outside the scratch were written");
  test_buffer_free(&scratch);
  return ok;
}

/* Creates, runs and destroys. x and y are NHWC whatever the run's layout; y is NaN where nothing was written. */
static void run_case(struct test *t, const struct block_case *c, const struct block_run *run, size_t batch,
                     const float *x, float *y) {
  const mbconv_block_desc *desc = &c->desc;
  const size_t x_size = block_case_x_size(desc), y_size = block_case_y_size(desc);
  for (size_t i = 0; i < batch * y_size; i++) y[i] = test_poison();
  mbconv_block *block = block_create(t, c, run);
  if (!block) return;
  struct test_buffer in, out;
  test_buffer_new(&in, batch * x_size, run->guard);
  test_buffer_new(&out, batch * y_size, run->guard);
  if (run->layout == MBCONV_NCHW) {
    transpose(batch, desc->height * desc->width, desc->in_channels, x, in.data, false);
  } else {
    memcpy(in.data, x, batch * x_size * sizeof *x);
  }
  test_buffer_protect(&in);
  test_forget(out.data, out.n * sizeof(float));
  block_run_images(t, c, block, run, batch, in.data, out.data);
  test_check(t, test_buffer_intact(&out), "canaries around y were written");
  if (run->layout == MBCONV_NCHW) {
    transpose(batch, y_size / desc->out_channels, desc->out_channels, out.data, y, true);
  } else {
    memcpy(y, out.data, batch * y_size * sizeof *y);
  }
  test_buffer_free(&in);
  test_buffer_free(&out);
  mbconv_block_destroy(block);
}

/* ---- One block, its input and what the scalar set makes of it ---------------------------------------------------- */

static float *floats(size_t n) {
  float *x = calloc(n == 0 ? 1 : n, sizeof *x);
  if (!x) abort();
  return x;
}

void block_subject_expect(struct test *t, struct block_subject *s) {
  struct block_run run = block_run_on(MBCONV_ISA_SCALAR);
  run.options.exp = MBCONV_EXP_INLINE;
  run_case(t, &s->block, &run, s->batch, s->x, s->expected);
}

void block_subject_new(struct test *t, struct block_subject *s, const mbconv_block_desc *shape,
                       const struct block_parts *parts, size_t batch, uint64_t *state) {
  block_case_new(&s->block, shape, parts, state);
  s->batch = batch;
  s->y_size = batch * block_case_y_size(shape);
  const size_t x_size = batch * block_case_x_size(shape);
  s->x = floats(x_size);
  s->expected = floats(s->y_size);
  s->y = floats(s->y_size);
  for (size_t i = 0; i < x_size; i++) s->x[i] = 2 * test_random_float(state);
  block_subject_expect(t, s);
}

void block_subject_free(struct block_subject *s) {
  block_case_free(&s->block);
  free(s->x);
  free(s->expected);
  free(s->y);
}

void block_subject_run(struct test *t, struct block_subject *s, const struct block_run *run) {
  run_case(t, &s->block, run, s->batch, s->x, s->y);
}

void block_subject_check(struct test *t, struct block_subject *s, const struct block_run *run) {
  block_subject_run(t, s, run);
  size_t at = 0;
  const bool equal = test_equal(s->expected, s->y, s->y_size, &at);
  test_check(t, equal, "%s, strip %zu, group %zu, %zu threads: y[%zu] = %.9g, scalar %.9g",
             run->layout == MBCONV_NCHW ? "NCHW" : "NHWC", run->strip_rows, run->group_channels, run->threads, at,
             (double)s->y[at], (double)s->expected[at]);
}

void block_subject_check_oracle(struct test *t, const struct block_subject *s, bool check_bound) {
  struct oracle_number *reference = malloc(s->y_size * sizeof *reference);
  if (!reference) abort();
  oracle_block(&s->block.desc, s->batch, s->x, reference);
  size_t bad = 0, unequal = 0;
  while (bad < s->y_size && fabs((double)s->y[bad] - reference[bad].value) <= reference[bad].error) bad++;
  while (unequal < s->y_size && test_equal(&s->y[unequal], &reference[unequal].exact, 1, NULL)) unequal++;
  if (check_bound && !test_check(t, bad == s->y_size, "an output is beyond the bound of the double reference"))
    printf("  y[%zu] = %.9g, the reference %.9g +- %.3g\n", bad, (double)s->y[bad], reference[bad].value,
           reference[bad].error);
  if (!test_check(t, unequal == s->y_size, "an output differs from the f32 reference"))
    printf("  y[%zu] = %.9g, the reference %.9g\n", unequal, (double)s->y[unequal], (double)reference[unequal].exact);
  free(reference);
}
