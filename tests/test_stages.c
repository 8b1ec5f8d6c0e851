/* SPDX-License-Identifier: MIT
 *
 * Blocks as lists of stages: however they are cut, on any number of threads, in both layouts and for images of any
 * size, the floats of the scalar set's operators run one after the other.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block_case.h"
#include "oracle_stages.h"
#include "stages_case.h"

enum { BATCH = 2 };

/* ---- Cases ------------------------------------------------------------------------------------------------------- */

static void random_window(uint64_t *state, char kind, bool keeps_size, mbconv_stage_desc *stage) {
  *stage = (mbconv_stage_desc){.kernel = test_random_size(state, 0, 1),
                               .stride = test_random_size(state, 0, 1),
                               .dilation = test_random_size(state, 0, 1)};
  if (kind == 'P' || kind == 'E') return;
  const size_t kernel = kind == 'D' ? 3 + 2 * test_random_size(state, 0, 2) : test_random_size(state, 1, 7);
  if (kind == 'D' && test_random_size(state, 0, 2) == 0) stage->dilation = test_random_size(state, 2, 5);
  const size_t most = (kernel - 1) * (stage->dilation ? stage->dilation : 1), half = most / 2;
  const size_t before = test_random_size(state, 0, most), choice = test_random_size(state, 0, 3);
  stage->kernel = kernel;
  stage->stride = keeps_size || test_random_size(state, 0, 2) ? 1 : 2;
  if (choice == 0) {
    stage->pad_kind = MBCONV_PAD_SAME;
    return;
  }
  stage->pad = (mbconv_pad){half, half, half, half};
  if (keeps_size)
    stage->pad = (mbconv_pad){before, most - before, most - before, before};
  else if (choice == 1)
    stage->pad = (mbconv_pad){before, test_random_size(state, 0, most), test_random_size(state, 0, most),
                              test_random_size(state, 0, most)};
}

static mbconv_activation_kind random_activation(uint64_t *state, char kind) {
  return (mbconv_activation_kind)test_random_size(state, MBCONV_ACTIVATION_NONE,
                                                  kind == 'E' ? MBCONV_ACTIVATION_GELU_TANH : MBCONV_ACTIVATION_PRELU);
}

/* A shortcut, of all channels or of the first ones. `keeps`: the input may be it. */
static void random_residual(uint64_t *state, bool keeps, struct stages_case *c) {
  size_t *out = &c->channels[strlen(c->kinds)];
  const bool some = test_random_size(state, 0, 2) == 0;
  c->place = (mbconv_residual_place)test_random_size(state, 0, 1);
  c->residual = keeps ? MBCONV_RESIDUAL_ON : MBCONV_RESIDUAL_GIVEN;
  if (keeps) {
    *out = c->channels[0] + (some ? test_random_size(state, 1, 9) : 0);
    c->residual_channels = some ? c->channels[0] : 0;
  } else {
    c->residual_channels = some ? test_random_size(state, 1, *out) : 0;
  }
}

/* Channels in one tile, or now and then in several; the depthwise and squeeze-excite keep theirs. */
static void random_case(uint64_t *state, const char *kinds, mbconv_residual residual, size_t most,
                        struct stages_case *c) {
  const bool keeps_size = residual == MBCONV_RESIDUAL_ON;
  *c = (struct stages_case){.kinds = kinds, .residual = MBCONV_RESIDUAL_OFF};
  c->channels[0] = test_random_size(state, 1, 12);
  for (size_t i = 0; kinds[i]; i++) {
    const bool keeps = kinds[i] == 'D' || kinds[i] == 'E';
    c->channels[i + 1] = keeps ? c->channels[i] : test_random_size(state, 1, test_random_size(state, 0, 2) ? 12 : most);
    random_window(state, kinds[i], keeps_size, &c->stage[i]);
    c->stage[i].activation = random_activation(state, kinds[i]);
  }
  if (residual != MBCONV_RESIDUAL_OFF) random_residual(state, keeps_size, c);
  c->squeeze_excite = (mbconv_squeeze_excite){
      .width = test_random_size(state, 1, 5), .inner = MBCONV_ACTIVATION_SILU, .gate = MBCONV_ACTIVATION_SIGMOID};
  stages_case_fill(c, state);
}

/* ---- A run ------------------------------------------------------------------------------------------------------- */

/* BATCH images of one size: the input and the output in NHWC, and the residual that is given. */
struct images {
  struct stages_image x[BATCH], y[BATCH], added[BATCH]; /* pixels NULL: none is given */
};

static void pack(bool planes, const struct stages_image *images, float *to) {
  for (size_t b = 0; b < BATCH; b++) {
    const size_t n = images[b].height * images[b].width, channels = images[b].channels;
    if (planes)
      stages_transpose(n, channels, images[b].pixels, to + b * n * channels);
    else
      memcpy(to + b * n * channels, images[b].pixels, n * channels * sizeof(float));
  }
}

static size_t floats_of(const struct stages_image *images) {
  return images->pixels ? BATCH * images->height * images->width * images->channels : 0;
}

/* A run at a size, or at that of the description: `at` is NULL. */
struct size {
  size_t height, width;
};

static mbconv_status run(const mbconv_block *block, const struct size *at, const float *x, const float *added, float *y,
                         void *scratch, size_t bytes, const mbconv_threads *threads, mbconv_error *error) {
  if (added && at)
    return mbconv_block_run_residual_at(block, BATCH, at->height, at->width, x, added, y, scratch, bytes, threads,
                                        error);
  if (added) return mbconv_block_run_residual(block, BATCH, x, added, y, scratch, bytes, threads, error);
  if (at) return mbconv_block_run_at(block, BATCH, at->height, at->width, x, y, scratch, bytes, threads, error);
  return mbconv_block_run(block, BATCH, x, y, scratch, bytes, threads, error);
}

static size_t scratch_of(struct test *t, const mbconv_block *block, const struct size *at, size_t threads) {
  size_t bytes = 0;
  mbconv_error error = {.message = ""};
  if (!at) return mbconv_block_scratch_size(block, threads);
  test_check(t, mbconv_block_scratch_size_at(block, at->height, at->width, threads, &bytes, &error) == MBCONV_OK,
             "scratch: %s", error.message);
  return bytes;
}

static void check_size(struct test *t, const mbconv_block *block, const struct size *at,
                       const struct stages_image *out) {
  size_t height = 0, width = 0;
  if (at)
    mbconv_block_output_size_at(block, at->height, at->width, &height, &width, NULL);
  else
    mbconv_block_output_size(block, &height, &width);
  test_check(t, height == out->height && width == out->width, "output %zux%zu, not %zux%zu", height, width, out->height,
             out->width);
}

/* The list on the images, with as much scratch as it asks for, framed, as are x, y and the residual. */
static void check_run(struct test *t, const struct stages_case *c, const mbconv_block *block,
                      const struct images *images, const struct size *at, size_t threads, enum test_guard guard) {
  const bool planes = c->layout == MBCONV_NCHW;
  const size_t bytes = scratch_of(t, block, at, threads);
  mbconv_error error = {.message = ""};
  struct test_buffer x, y, want, added, scratch;
  check_size(t, block, at, &images->y[0]);
  test_buffer_new(&x, floats_of(images->x), guard);
  test_buffer_new(&y, floats_of(images->y), guard);
  test_buffer_new(&want, y.n, guard);
  test_buffer_new(&added, floats_of(images->added), guard);
  test_scratch_new(&scratch, bytes);
  pack(planes, images->x, x.data);
  pack(planes, images->y, want.data);
  if (added.n > 0) pack(planes, images->added, added.data);
  test_buffer_protect(&x);
  test_buffer_protect(&added);
  test_forget(y.data, y.n * sizeof(float));
  const mbconv_threads parallel = {.parallel_for = threads == 3 ? parallel_pthreads : parallel_reversed,
                                   .count = threads};
  const float *given = added.n > 0 ? added.data : NULL;
  const mbconv_status status = run(block, at, x.data, given, y.data, scratch.data, bytes, &parallel, &error);
  test_check(t, status == MBCONV_OK, "run: %s", error.message);
  test_check(t, test_scratch_intact(&scratch, bytes), "wrote outside the scratch");
  test_check(t, test_buffer_intact(&y), "wrote outside its outputs");
  test_check(t, test_equal(y.data, want.data, y.n, NULL), "%zu threads: other floats than the operators", threads);
  struct test_buffer *const all[] = {&x, &y, &want, &added, &scratch};
  for (size_t i = 0; i < 5; i++) test_buffer_free(all[i]);
}

/* ---- All ways of a list ------------------------------------------------------------------------------------------ */

static void describe(struct test *t, const struct stages_case *c, const struct images *images) {
  static const char *const residuals[] = {"auto", "none", "the input", "given"};
  char text[320] = "";
  size_t length = 0;
  for (size_t i = 0; c->kinds[i] && length < sizeof text; i++) {
    const mbconv_stage_desc *s = &c->stage[i];
    length += (size_t)snprintf(text + length, sizeof text - length, " %c%zu act %d", c->kinds[i], c->channels[i + 1],
                               (int)s->activation);
    if (s->kernel > 1 && length < sizeof text)
      length += (size_t)snprintf(text + length, sizeof text - length, "(%zu/%zu dilation %zu pads %zu %zu %zu %zu%s)",
                                 s->kernel, s->stride, s->dilation, s->pad.top, s->pad.left, s->pad.bottom,
                                 s->pad.right, s->pad_kind == MBCONV_PAD_SAME ? " SAME" : "");
  }
  test_at(t, "%zux%zux%zu%s, %s, residual %s of %zu%s, strips %zu, groups %zu", images->x[0].height, images->x[0].width,
          c->channels[0], text, c->layout == MBCONV_NCHW ? "NCHW" : "NHWC", residuals[c->residual],
          c->residual_channels, c->place ? " after the activation" : "", c->strip_rows, c->group_channels);
}

/* Made for the images' size, for another and for none. */
static void check_plan(struct test *t, const struct stages_case *c, const struct images *images, size_t turn) {
  static const size_t counts[] = {1, 2, 3};
  const mbconv_options options = {.isa = t->isa};
  const struct size at = {images->x[0].height, images->x[0].width};
  const struct size sizes[] = {at, {0, 0}, {at.height + 9, at.width + 40}};
  describe(t, c, images);
  for (size_t s = 0; s < 3; s++) {
    if (t->small && s > 0 && (s + turn) % 2) continue;
    const mbconv_stages_desc desc = stages_case_desc(c, sizes[s].height, sizes[s].width);
    mbconv_block *block = NULL;
    mbconv_error error = {.message = ""};
    const mbconv_status status = mbconv_block_create_stages(&desc, &options, &block, &error);
    if (!test_check(t, status == MBCONV_OK && block, "create: %s", error.message)) continue;
    for (size_t i = 0; i < 3; i++) {
      if (s > 0 && (i + turn) % 3 && t->small) continue;
      const enum test_guard guard = (i + turn) % 2 ? TEST_GUARD_BEFORE : TEST_GUARD_AFTER;
      check_run(t, c, block, images, s == 0 ? NULL : &at, counts[i], guard);
    }
    mbconv_block_destroy(block);
  }
}

/* Forced strips and groups in both layouts. */
static void check_plans(struct test *t, struct stages_case *c, const struct images *images, size_t turn) {
  static const size_t plans[][2] = {{0, 0}, {1, 0}, {2, 1}, {3, 0}, {1000, 1}, {1000, 1000}, {1, 1000}};
  enum { PLANS = sizeof plans / sizeof *plans };
  for (size_t i = 0; i < PLANS; i++) {
    for (int layout = MBCONV_NHWC; layout <= MBCONV_NCHW; layout++) {
      if (t->small && (i + turn) % PLANS > 1) continue;
      c->strip_rows = plans[i][0];
      c->group_channels = plans[i][1];
      c->layout = (mbconv_layout)layout;
      check_plan(t, c, images, i + turn + (size_t)layout);
    }
  }
}

/* A list that cannot run images of this size says what the operator says that refuses it. */
static void check_refused(struct test *t, const struct stages_case *c, const struct stages_image *x,
                          const mbconv_error *want) {
  const mbconv_options options = {.isa = t->isa};
  mbconv_stages_desc desc = stages_case_desc(c, x->height, x->width);
  mbconv_block *block = NULL;
  mbconv_error error = {.message = ""};
  size_t height, width;
  test_at(t, "%s on %zux%zu", c->kinds, x->height, x->width);
  test_check(t, mbconv_block_create_stages(&desc, &options, &block, &error) == want->status && !block,
             "create does not refuse the size");
  test_check(t, strcmp(error.message, want->message) == 0, "\"%s\", not \"%s\"", error.message, want->message);
  desc.height = desc.width = 0;
  test_check(t, mbconv_block_create_stages(&desc, &options, &block, &error) == MBCONV_OK, "create: %s", error.message);
  test_check(t,
             block && mbconv_block_output_size_at(block, x->height, x->width, &height, &width, &error) == want->status,
             "a size that is too small is not refused");
  mbconv_block_destroy(block);
}

static struct stages_image image_new(uint64_t *state, size_t height, size_t width, size_t channels) {
  return (struct stages_image){height, width, channels, test_new_floats(state, height * width * channels)};
}

/* About how many multiply-adds an image takes. */
static size_t work_of(const struct stages_case *c, const struct images *images) {
  size_t pixel = 0;
  for (size_t i = 0; c->kinds[i]; i++) {
    const size_t kernel = c->stage[i].kernel > 1 ? c->stage[i].kernel : 1;
    pixel += c->channels[i + 1] * kernel * kernel * (c->kinds[i] == 'D' ? 1 : c->channels[i]);
  }
  return pixel * images->x[0].height * images->x[0].width;
}

/* What the operators give, which is what all sets give, within the bound of the list in double; small images alone. */
static void check_oracle(struct test *t, const struct stages_case *c, const struct images *images) {
  enum { MOST = 1000000 };
  if (work_of(c, images) > MOST) return;
  describe(t, c, images);
  for (size_t b = 0; b < BATCH; b++) {
    const struct stages_image *y = &images->y[b];
    struct oracle_bounded *want = oracle_stages(c, &images->x[b], images->added[b].pixels);
    size_t worst = 0, wrong = 0;
    for (size_t i = 0; i < y->height * y->width * y->channels; i++) {
      const double off = fabs((double)y->pixels[i] - want[i].value);
      if (!(off <= want[i].error)) wrong++, worst = i;
    }
    test_check(t, wrong == 0, "%zu outputs are out of bounds: y[%zu] is %g, not %g +- %g", wrong, worst,
               (double)y->pixels[worst], want[worst].value, want[worst].error);
    free(want);
  }
}

/* The list on images of one size; frees it. */
static void check_case(struct test *t, uint64_t *state, struct stages_case *c, size_t height, size_t width,
                       size_t turn) {
  struct images images = {0};
  mbconv_error error = {.message = ""};
  bool fits = true;
  for (size_t b = 0; b < BATCH; b++) {
    images.x[b] = image_new(state, height, width, c->channels[0]);
    fits = fits && stages_case_compose(c, &images.x[b], NULL, &images.y[b], &error);
    if (!fits || c->residual != MBCONV_RESIDUAL_GIVEN) continue;
    struct stages_image *y = &images.y[b];
    images.added[b] = image_new(state, y->height, y->width, stages_case_residual_channels(c));
    free(y->pixels);
    fits = stages_case_compose(c, &images.x[b], images.added[b].pixels, y, &error);
  }
  if (fits && t->isa == MBCONV_ISA_SCALAR) check_oracle(t, c, &images);
  if (fits)
    check_plans(t, c, &images, turn);
  else
    check_refused(t, c, &images.x[0], &error);
  for (size_t b = 0; b < BATCH; b++) free(images.x[b].pixels), free(images.y[b].pixels), free(images.added[b].pixels);
  stages_case_free(c);
}

static void check_list(struct test *t, uint64_t *state, const char *kinds, mbconv_residual residual, size_t turn) {
  struct stages_case c;
  /* Only PDPP can share out groups: it needs several tiles of channels. */
  const bool wide = !t->small || strcmp(kinds, "PDPP") == 0;
  random_case(state, kinds, residual, wide ? 110 : 16, &c);
  const size_t most = !t->small ? 20 : wide ? 3 : 5;
  const size_t height = test_random_size(state, 1, most), width = test_random_size(state, 1, most);
  check_case(t, state, &c, height, width, turn);
}

/* Slopes of several groups of channels: each group has its own. */
static void check_groups_with_slopes(struct test *t, uint64_t *state) {
  enum { GROUPS_BY_STRIPS = 5, GROUPS_ONE_BY_ONE = 3 }; /* turns of check_plans() */
  static const size_t turns[] = {GROUPS_BY_STRIPS, GROUPS_ONE_BY_ONE};
  for (size_t i = 0; i < 2; i++) {
    struct stages_case c = {.kinds = "PDP", .residual = MBCONV_RESIDUAL_OFF, .channels = {4, 110, 110, 3}};
    c.stage[0].activation = c.stage[1].activation = MBCONV_ACTIVATION_PRELU;
    c.stage[1].kernel = 3;
    c.stage[1].stride = 1;
    c.stage[1].pad = (mbconv_pad){1, 1, 1, 1};
    stages_case_fill(&c, state);
    check_case(t, state, &c, 3, 4, turns[i]);
  }
}

void test_stages(struct test *t) {
  /* First those of the public operators; then chains of two and three segments, and squeeze-excite after each kind. */
  static const char *const lists[] = {"P",    "D",   "C",   "DP",  "PDP",  "DEP",  "PDEP",   "PP",     "DPP",
                                      "CP",   "CEP", "PEP", "CDP", "CPDP", "DPDP", "PDPDP",  "DPDEP",  "CPDEP",
                                      "CDEP", "DDP", "PD",  "CD",  "DPEP", "PPP",  "PDPDEP", "DPDPDP", "PDPP"};
  static const mbconv_residual residuals[] = {MBCONV_RESIDUAL_OFF, MBCONV_RESIDUAL_ON, MBCONV_RESIDUAL_GIVEN};
  uint64_t state = t->seed;
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    const bool adds = lists[i][strlen(lists[i]) - 1] != 'D';
    for (size_t turn = 0; turn < (t->small ? 3 : 9); turn++)
      check_list(t, &state, lists[i], adds ? residuals[turn % 3] : MBCONV_RESIDUAL_OFF, i + 3 * turn);
  }
  check_groups_with_slopes(t, &state);
}
