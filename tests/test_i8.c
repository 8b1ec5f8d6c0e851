/* SPDX-License-Identifier: MIT
 *
 * Blocks of int8: lists of stages of random shapes on every row of kernels, byte for byte what the oracle says: both
 * types, roundings and layouts, tables, shortcuts, any size of image, plans, 1, 2, 3 and 7 threads.
 *
 * A suite runs once for each set of f32; this one then runs the rows of int8 that are of that set's instruction set.
 */
#include <stdlib.h>

#include "block_case.h"
#include "i8.h"
#include "i8_bytes.h"
#include "i8_case.h"
#include "i8_row.h"
#include "i8_sets.h"
#include "run.h"

enum { BATCH = 2 };

/* ---- A case ------------------------------------------------------------------------------------------------------ */

/* BATCH images of one size. */
struct images {
  struct i8_image x[BATCH], y[BATCH], added[BATCH]; /* values NULL: none is given */
};

static size_t bytes_of(const struct i8_image *images) {
  return images->values ? images->height * images->width * images->channels * i8_image_element(images) : 0;
}

static void store(const struct i8_image *images, bool planes, struct bytes *to) {
  for (size_t b = 0; b < BATCH && to->n > 0; b++) i8_image_store(&images[b], planes, to->data + b * bytes_of(images));
}

/* The list on the images with as much scratch as it asks for, all of it framed. */
static void check_run(struct test *t, const struct mbconv_stages *stages, const struct images *images, bool at,
                      size_t threads, enum test_guard guard) {
  const bool planes = stages->layout == MBCONV_NCHW;
  const struct mbconv_size size = {images->x->height, images->x->width};
  mbconv_error error = {.message = ""};
  struct bytes x, y, want, added;
  struct test_buffer scratch;
  size_t bytes = 0;
  test_check(t, mbconv_stages_scratch_size(stages, at ? &size : NULL, threads, &bytes, &error) == MBCONV_OK, "%s",
             error.message);
  bytes_new(&x, BATCH * bytes_of(images->x), guard);
  bytes_new(&y, BATCH * bytes_of(images->y), guard);
  bytes_new(&want, y.n, guard);
  bytes_new(&added, BATCH * bytes_of(images->added), guard);
  test_scratch_new(&scratch, bytes);
  store(images->x, planes, &x);
  store(images->y, planes, &want);
  store(images->added, planes, &added);
  test_buffer_protect(&x.buffer);
  test_buffer_protect(&added.buffer);
  test_forget(y.data, y.n);
  const mbconv_threads parallel = {.parallel_for = threads == 3 ? parallel_pthreads : parallel_reversed,
                                   .count = threads};
  const struct mbconv_operands operands = {
      .batch = BATCH, .x = (const char *)x.data, .y = (char *)y.data, .scratch = scratch.data, .scratch_size = bytes};
  const mbconv_status status =
      mbconv_stages_run(stages, at ? &size : NULL, &operands, added.n > 0 ? added.data : NULL, &parallel, &error);
  test_check(t, status == MBCONV_OK, "run: %s", error.message);
  size_t differ = 0, first = 0;
  for (size_t i = y.n; i-- > 0;)
    if (y.data[i] != want.data[i]) differ++, first = i;
  test_check(t, differ == 0, "%zu of %zu bytes differ with %zu threads, the first at %zu: %d, not %d", differ, y.n,
             threads, first, y.data[first], want.data[first]);
  test_check(t, bytes_intact(&y), "wrote outside its outputs");
  test_check(t, test_scratch_intact(&scratch, bytes), "wrote outside the scratch");
  test_buffer_free(&x.buffer);
  test_buffer_free(&y.buffer);
  test_buffer_free(&want.buffer);
  test_buffer_free(&added.buffer);
  test_buffer_free(&scratch);
}

/* The list on kernels of one row; NULL if it is refused. */
static struct mbconv_stages *create(struct test *t, const struct i8_case *c, const struct mbconv_row *row) {
  mbconv_block *block = NULL;
  mbconv_error error = {.message = ""};
  const mbconv_status status = i8_row_create(&c->desc, row, &block, &error);
  struct mbconv_stages *stages = (struct mbconv_stages *)block;
  test_check(t, status == MBCONV_OK && stages->base.kernels == row->kernels, "create: %s", error.message);
  return stages;
}

#ifdef MBCONV_TWINS
static const char rows_run[] = "runs, its instructions written out by twins/vnni.h, on";
#else
static const char rows_run[] = "runs by its own instructions on";
#endif

/* Says which rows run, and whether by their own instructions or by their twins'; and which this CPU cannot run. */
static void print_rows(const struct test *t) {
  struct mbconv_cpu cpu;
  mbconv_cpu_detect(&cpu);
  for (size_t i = 0; i < mbconv_i8_sets.count; i++) {
    const struct mbconv_row *row = &mbconv_i8_sets.rows[i];
    if (!i8_row_belongs(row, t->isa)) continue;
    const bool offered = mbconv_row_offered(row, &cpu);
    test_progress(t, "%s%s %s %s", mbconv_isa_name(row->isa), row->needs & MBCONV_CPU_AVX512_VBMI ? " with VBMI" : "",
                  offered ? rows_run : "cannot run on", cpu.name);
  }
}

/* The rows of this run on one case: at its size or at any, with a plan or the library's. */
static void check_rows(struct test *t, struct i8_case *c, const struct images *images, size_t turn) {
  static const size_t plans[][2] = {{0, 0}, {1, 1}, {2, 1}, {3, 1000}, {1000, 1}, {0, 1}};
  static const size_t threads[] = {1, 2, 3, 7};
  for (size_t i = 0; i < mbconv_i8_sets.count; i++) {
    const struct mbconv_row *row = &mbconv_i8_sets.rows[i];
    if (!i8_row_runs(row, t->isa)) continue;
    for (size_t p = 0; p < 2; p++) {
      const size_t *plan = plans[p == 0 ? 0 : 1 + turn % 5];
      const bool any = (turn + p) % 3 == 0;
      c->desc.strip_rows = plan[0], c->desc.group_channels = plan[1];
      c->desc.height = any ? 0 : images->x->height, c->desc.width = any ? 0 : images->x->width;
      i8_case_describe(t, c, images->x->height, images->x->width);
      struct mbconv_stages *stages = create(t, c, row);
      if (!stages) continue;
      for (size_t n = 0; n < 4; n++)
        if (n == 0 || (turn + n) % 3 == 0)
          check_run(t, stages, images, any, threads[n], turn % 2 ? TEST_GUARD_AFTER : TEST_GUARD_BEFORE);
      mbconv_operator_destroy(stages);
    }
  }
}

/* Of bytes or of floats, as the door says. */
static void fill(const struct i8_case *c, struct i8_image *image, const mbconv_quantization *q, uint64_t *state) {
  if (c->desc.x_door == MBCONV_I8_DOOR_BYTES)
    i8_image_fill(image, c->desc.type, state);
  else
    i8_image_fill_floats(image, c->desc.x_door, c->desc.type, q, state);
}

static void check_case(struct test *t, struct i8_case *c, size_t height, size_t width, uint64_t *state, size_t turn) {
  struct images images = {0};
  bool fits = true;
  for (size_t b = 0; b < BATCH; b++) {
    images.x[b] = i8_image_new(height, width, c->desc.in_channels);
    fill(c, &images.x[b], &c->desc.input, state);
    struct i8_image *added = NULL;
    if (c->desc.residual == MBCONV_RESIDUAL_GIVEN) {
      const mbconv_residual residual = c->desc.residual; /* first without it, to learn the size */
      c->desc.residual = MBCONV_RESIDUAL_OFF;
      struct i8_image size = i8_oracle(c, &images.x[b], NULL);
      c->desc.residual = residual;
      fits = size.values != NULL;
      if (!fits) break;
      added = &images.added[b];
      *added = i8_image_new(size.height, size.width, size.channels);
      i8_image_free(&size);
      fill(c, added, &c->desc.residual_input, state);
    }
    images.y[b] = i8_oracle(c, &images.x[b], added);
    fits = images.y[b].values != NULL;
    if (!fits) break;
  }
  if (fits) check_rows(t, c, &images, turn);
  for (size_t b = 0; b < BATCH; b++) {
    i8_image_free(&images.x[b]);
    i8_image_free(&images.y[b]);
    i8_image_free(&images.added[b]);
  }
}

/* Whose kernels the name means here: the first row of that instruction set that this CPU has. */
static mbconv_isa meant_here(mbconv_isa isa) {
  struct mbconv_cpu cpu;
  mbconv_cpu_detect(&cpu);
  for (size_t i = 0; i < mbconv_i8_sets.count; i++) {
    const struct mbconv_row *row = &mbconv_i8_sets.rows[i];
    if ((row->isa == isa || i8_row_belongs(row, isa)) && mbconv_row_offered(row, &cpu)) return row->kernels->isa;
  }
  return MBCONV_ISA_AUTO;
}

/* The public door, by the name of the set: the best row that the name means, or a refusal that says why. */
static void check_door(struct test *t) {
  static const float scale = 0.01f;
  static const int8_t weight = -128;
  const uint8_t x[3] = {0, 128, 255};
  uint8_t y[3] = {1, 1, 1};
  char scratch[4096];
  const mbconv_i8_stage_desc stage = {.kind = MBCONV_STAGE_POINTWISE,
                                      .out_channels = 1,
                                      .weight = &weight,
                                      .weight_scale = &scale,
                                      .weight_scales = 1,
                                      .output = {0.02f, 255}};
  const mbconv_i8_desc desc = {
      .type = MBCONV_U8, .height = 1, .width = 3, .in_channels = 1, .input = {0.01f, 0}, .count = 1, .stages = &stage};
  const mbconv_options options = {.isa = t->isa};
  mbconv_block *block = NULL;
  mbconv_error error = {.message = ""};
  test_at(t, "the public door");
  const mbconv_status status = mbconv_block_create_i8(&desc, &options, &block, &error);
  if (!mbconv_kernels_of(&mbconv_i8_sets, t->isa)) {
    test_check(t, status == MBCONV_UNSUPPORTED_ISA && !block && strstr(error.message, "is not in this build"), "%s",
               error.message);
    return;
  }
  if (!test_check(t, status == MBCONV_OK, "%s", error.message)) return;
  const mbconv_isa meant = meant_here(t->isa);
  mbconv_info info = {0};
  test_check(t, mbconv_block_info(block, &info, &error) == MBCONV_OK && info.type == MBCONV_U8 && info.isa == meant,
             "info: %s, not %s, type %d", mbconv_isa_name(info.isa), mbconv_isa_name(meant), (int)info.type);
  test_check(t, mbconv_block_run(block, 1, x, y, scratch, sizeof scratch, NULL, &error) == MBCONV_OK, "%s",
             error.message);
  /* -128 * 128 * 0.005 = -81.92, and the clamp */
  test_check(t, y[0] == 255 && y[1] == 255 - 82 && y[2] == 255 - 163, "%d %d %d", y[0], y[1], y[2]);
  mbconv_block_destroy(block);
}

/* A stem on bytes of that type and layout, with 3 channels in planes, which few random lists have. */
static void check_stem(struct test *t, mbconv_type type, bool planes, uint64_t *state, size_t turn) {
  struct i8_case c;
  i8_case_new(&c, "C", MBCONV_RESIDUAL_OFF, 20, state);
  while (c.desc.type != type || c.desc.x_door != MBCONV_I8_DOOR_BYTES || (planes && c.desc.in_channels != 3)) {
    i8_case_free(&c);
    i8_case_new(&c, "C", MBCONV_RESIDUAL_OFF, 20, state);
  }
  c.desc.layout = planes ? MBCONV_NCHW : MBCONV_NHWC;
  check_case(t, &c, 13, 9, state, turn);
  i8_case_free(&c);
}

void test_i8(struct test *t) {
  static const char *const lists[] = {"P",    "D",   "PDP", "DP",     "PD", "PP", "PDPDP", "DPP", "DPDP", "PPD",
                                      "PDEP", "DEP", "PEP", "PDPDEP", "C",  "CP", "CDP",   "CEP", "CPDP"};
  static const mbconv_residual residuals[] = {MBCONV_RESIDUAL_OFF, MBCONV_RESIDUAL_ON, MBCONV_RESIDUAL_GIVEN};
  print_rows(t);
  check_door(t);
  for (size_t i = 0; i < mbconv_i8_sets.count; i++) {
    const struct mbconv_row *row = &mbconv_i8_sets.rows[i];
    if (!i8_row_runs(row, t->isa)) continue;
    test_i8_doors(t, row->kernels);
    test_i8_excite(t, row->kernels);
  }
  if (!t->small && mbconv_kernels_of(&mbconv_i8_sets, t->isa)) test_i8_scratch(t);
  if (mbconv_kernels_of(&mbconv_i8_sets, t->isa)) test_i8_pool(t), test_i8_addition(t);
  if (t->isa == MBCONV_ISA_SCALAR) {
    test_i8_arithmetic(t);
    test_i8_tables(t);
    test_i8_prelu(t);
    test_i8_refusals(t);
  }
  uint64_t state = t->seed;
  const size_t rounds = t->small ? 4 : 40;
  size_t turn = 0;
  for (size_t i = 0; i < 4; i++) check_stem(t, i % 2 ? MBCONV_S8 : MBCONV_U8, i < 2, &state, turn++);
  for (size_t round = 0; round < rounds; round++) {
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++, turn++) {
      const char *kinds = lists[l];
      const bool depthwise_last = kinds[strlen(kinds) - 1] == 'D';
      const mbconv_residual residual = depthwise_last ? MBCONV_RESIDUAL_OFF : residuals[(round + l) % 3];
      struct i8_case c;
      /* A dense stage takes the oracle long. */
      i8_case_new(&c, kinds, residual, round % 4 < 3 ? 40 : kinds[0] == 'C' ? 70 : 150, &state);
      const size_t height = test_random_size(&state, 1, 17), width = test_random_size(&state, 1, 17);
      check_case(t, &c, height, width, &state, turn);
      i8_case_free(&c);
    }
  }
  /* Sums that are longer than any part of k that a tile takes at once. */
  for (size_t i = 0; i < (t->small ? 2 : 8); i++, turn++) {
    struct i8_case c;
    i8_case_new(&c, "P", MBCONV_RESIDUAL_OFF, 2000, &state);
    check_case(t, &c, 1, test_random_size(&state, 1, 5), &state, turn);
    i8_case_free(&c);
  }
}
