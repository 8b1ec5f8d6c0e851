/* SPDX-License-Identifier: MIT
 *
 * The engine on lists of stages, those of the public operators and those that none makes: however they are cut, on any
 * number of threads, in both layouts and for images of any size, the bytes of the public operators run one after the
 * other.
 */
#include <stdio.h>
#include <stdlib.h>

#include "block_case.h"
#include "run.h"
#include "stages_case.h"

enum { BATCH = 2 };

/* ---- Cases ------------------------------------------------------------------------------------------------------- */

static void random_window(uint64_t *state, char kind, bool keeps_size, struct mbconv_window *window) {
  *window = (struct mbconv_window){.kernel = 1, .stride = 1, .dilation = 1};
  if (kind == 'P' || kind == 'E') return;
  const size_t kernel = kind == 'D' ? 3 + 2 * test_random_size(state, 0, 2) : test_random_size(state, 1, 7);
  window->kernel = kernel;
  if (kind == 'D' && test_random_size(state, 0, 2) == 0) window->dilation = test_random_size(state, 2, 5);
  const size_t most = (kernel - 1) * window->dilation, half = most / 2;
  const size_t before = test_random_size(state, 0, most), choice = test_random_size(state, 0, 3);
  window->stride = keeps_size || test_random_size(state, 0, 2) ? 1 : 2;
  window->same = choice == 0;
  if (window->same) return;
  window->pad = (mbconv_pad){half, half, half, half};
  if (keeps_size)
    window->pad = (mbconv_pad){before, most - before, most - before, before};
  else if (choice == 1)
    window->pad = (mbconv_pad){before, test_random_size(state, 0, most), test_random_size(state, 0, most),
                               test_random_size(state, 0, most)};
}

/* Channels in one tile, or now and then in several; the depthwise and squeeze-excite keep theirs. */
static void random_case(uint64_t *state, const char *kinds, bool residual, size_t most, struct stages_case *c) {
  *c = (struct stages_case){.kinds = kinds, .residual = residual};
  c->channels[0] = test_random_size(state, 1, 12);
  for (size_t i = 0; kinds[i]; i++) {
    const bool keeps = kinds[i] == 'D' || kinds[i] == 'E', last = !kinds[i + 1];
    c->channels[i + 1] = keeps ? c->channels[i] : test_random_size(state, 1, test_random_size(state, 0, 2) ? 12 : most);
    if (last && residual) c->channels[i + 1] = c->channels[0];
    random_window(state, kinds[i], residual, &c->window[i]);
    c->activation[i] =
        (mbconv_activation_kind)test_random_size(state, MBCONV_ACTIVATION_NONE, MBCONV_ACTIVATION_HARD_SWISH);
  }
  c->squeeze_excite = (mbconv_squeeze_excite){
      .width = test_random_size(state, 1, 5), .inner = MBCONV_ACTIVATION_SILU, .gate = MBCONV_ACTIVATION_SIGMOID};
  stages_case_fill(c, state);
}

/* ---- A run ------------------------------------------------------------------------------------------------------- */

/* BATCH images of one size: the input and the output in NHWC, and what is added to the sums of the last stage. */
struct images {
  struct stages_image x[BATCH], y[BATCH];
  float *added[BATCH]; /* NULL: nothing but what the list says */
};

static void pack(bool planes, const struct stages_image *images, float *const *pixels, float *to) {
  for (size_t b = 0; b < BATCH; b++) {
    const size_t n = images[b].height * images[b].width, channels = images[b].channels;
    if (planes)
      stages_transpose(n, channels, pixels[b], to + b * n * channels);
    else
      memcpy(to + b * n * channels, pixels[b], n * channels * sizeof(float));
  }
}

/* The list on the images, with as much scratch as it asks for, framed, as are x and y. `at` NULL: the list was made for
 * their size. */
static void check_run(struct test *t, const struct stages_case *c, const struct mbconv_stages *stages,
                      const struct images *images, const struct mbconv_size *at, size_t threads,
                      enum test_guard guard) {
  const struct stages_image *in = &images->x[0], *out = &images->y[0];
  const bool planes = c->layout == MBCONV_NCHW, out_planes = planes && c->kinds[strlen(c->kinds) - 1] == 'P';
  size_t bytes = 0, height = 0, width = 0;
  mbconv_error error = {.message = ""};
  test_check(t, mbconv_stages_scratch_size(stages, at, threads, &bytes, &error) == MBCONV_OK, "scratch: %s",
             error.message);
  test_check(t,
             mbconv_stages_output_size(stages, at, &height, &width, &error) == MBCONV_OK && height == out->height &&
                 width == out->width,
             "output %zux%zu, not %zux%zu", height, width, out->height, out->width);
  struct test_buffer x, y, want, added, scratch;
  test_buffer_new(&x, BATCH * in->height * in->width * in->channels, guard);
  test_buffer_new(&y, BATCH * out->height * out->width * out->channels, guard);
  test_buffer_new(&want, y.n, guard);
  test_buffer_new(&added, y.n, guard);
  test_scratch_new(&scratch, bytes);
  pack(planes, images->x, (float *const[]){images->x[0].pixels, images->x[1].pixels}, x.data);
  pack(out_planes, images->y, (float *const[]){images->y[0].pixels, images->y[1].pixels}, want.data);
  if (images->added[0]) pack(out_planes, images->y, images->added, added.data);
  test_buffer_protect(&x);
  test_buffer_protect(&added);
  test_forget(y.data, y.n * sizeof(float));
  const struct mbconv_operands operands = {
      .batch = BATCH, .x = (const char *)x.data, .y = (char *)y.data, .scratch = scratch.data, .scratch_size = bytes};
  const mbconv_threads parallel = {.parallel_for = threads == 3 ? parallel_pthreads : parallel_reversed,
                                   .count = threads};
  const mbconv_status status =
      mbconv_stages_run(stages, at, &operands, images->added[0] ? added.data : NULL, &parallel, &error);
  test_check(t, status == MBCONV_OK, "run: %s", error.message);
  test_check(t, test_scratch_intact(&scratch, bytes), "wrote outside the scratch");
  test_check(t, test_buffer_intact(&y), "wrote outside its outputs");
  test_check(t, memcmp(y.data, want.data, y.n * sizeof(float)) == 0, "%zu threads: other floats than the operators",
             threads);
  struct test_buffer *const all[] = {&x, &y, &want, &added, &scratch};
  for (size_t i = 0; i < 5; i++) test_buffer_free(all[i]);
}

/* ---- All ways of a list ------------------------------------------------------------------------------------------ */

static void describe(struct test *t, const struct stages_case *c, const struct images *images) {
  char text[320] = "";
  size_t length = 0;
  for (size_t i = 0; c->kinds[i] && length < sizeof text; i++) {
    const struct mbconv_window *w = &c->window[i];
    length += (size_t)snprintf(text + length, sizeof text - length, " %c%zu", c->kinds[i], c->channels[i + 1]);
    if (w->kernel > 1 && length < sizeof text)
      length += (size_t)snprintf(text + length, sizeof text - length, "(%zu/%zu dilation %zu pads %zu %zu %zu %zu%s)",
                                 w->kernel, w->stride, w->dilation, w->pad.top, w->pad.left, w->pad.bottom,
                                 w->pad.right, w->same ? " SAME" : "");
  }
  test_at(t, "%zux%zux%zu%s, %s%s, strips %zu, groups %zu", images->x[0].height, images->x[0].width, c->channels[0],
          text, c->layout == MBCONV_NCHW ? "NCHW" : "NHWC", c->residual ? ", residual" : "", c->strip_rows,
          c->group_channels);
}

/* Made for the images' size, for another and for none. */
static void check_plan(struct test *t, const struct stages_case *c, const struct images *images, size_t turn) {
  static const size_t counts[] = {1, 2, 3};
  const mbconv_options options = {.isa = t->isa};
  const struct mbconv_size at = {images->x[0].height, images->x[0].width};
  const struct mbconv_size sizes[] = {at, {0, 0}, {at.height + 9, at.width + 40}};
  describe(t, c, images);
  for (size_t s = 0; s < 3; s++) {
    if (t->small && s > 0 && (s + turn) % 2) continue;
    struct mbconv_stages *stages = NULL;
    mbconv_error error = {.message = ""};
    const mbconv_status status = stages_case_create(c, sizes[s].height, sizes[s].width, &options, &stages, &error);
    if (!test_check(t, status == MBCONV_OK && stages, "create: %s", error.message)) continue;
    for (size_t i = 0; i < 3; i++) {
      if (s > 0 && (i + turn) % 3 && t->small) continue;
      const enum test_guard guard = (i + turn) % 2 ? TEST_GUARD_BEFORE : TEST_GUARD_AFTER;
      check_run(t, c, stages, images, s == 0 ? NULL : &at, counts[i], guard);
    }
    mbconv_operator_destroy(stages);
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
      if (images->added[0] && c->residual) continue;
      check_plan(t, c, images, i + turn + (size_t)layout);
    }
  }
}

/* A list that cannot run images of this size says what the operator says that refuses it. */
static void check_refused(struct test *t, const struct stages_case *c, const struct stages_image *x,
                          const mbconv_error *want) {
  const mbconv_options options = {.isa = t->isa};
  struct mbconv_stages *stages = NULL;
  mbconv_error error = {.message = ""};
  size_t height, width;
  test_at(t, "%s on %zux%zu", c->kinds, x->height, x->width);
  test_check(t, stages_case_create(c, x->height, x->width, &options, &stages, &error) == want->status && !stages,
             "create does not refuse the size");
  test_check(t, strcmp(error.message, want->message) == 0, "\"%s\", not \"%s\"", error.message, want->message);
  test_check(t, stages_case_create(c, 0, 0, &options, &stages, &error) == MBCONV_OK, "create: %s", error.message);
  const struct mbconv_size at = {x->height, x->width};
  test_check(t, stages && mbconv_stages_output_size(stages, &at, &height, &width, &error) == want->status,
             "a size that is too small is not refused");
  mbconv_operator_destroy(stages);
}

static void check_list(struct test *t, uint64_t *state, const char *kinds, bool residual, size_t turn) {
  struct stages_case c;
  /* Only PDPP can share out groups: it needs several tiles of channels. */
  const bool wide = !t->small || strcmp(kinds, "PDPP") == 0;
  random_case(state, kinds, residual, wide ? 110 : 16, &c);
  struct images images = {0};
  const size_t most = !t->small ? 20 : wide ? 3 : 5;
  const size_t height = test_random_size(state, 1, most), width = test_random_size(state, 1, most);
  const bool adds = !residual && kinds[strlen(kinds) - 1] == 'P' && test_random_size(state, 0, 3) == 0;
  mbconv_error error = {.message = ""};
  bool fits = true;
  for (size_t b = 0; b < BATCH; b++) {
    images.x[b] =
        (struct stages_image){height, width, c.channels[0], test_new_floats(state, height * width * c.channels[0])};
    fits = fits && stages_case_compose(&c, t->isa, &images.x[b], NULL, &images.y[b], &error);
    if (!fits || !adds) continue;
    struct stages_image *y = &images.y[b];
    images.added[b] = test_new_floats(state, y->height * y->width * y->channels);
    free(y->pixels);
    fits = stages_case_compose(&c, t->isa, &images.x[b], images.added[b], y, &error);
  }
  if (fits)
    check_plans(t, &c, &images, turn);
  else
    check_refused(t, &c, &images.x[0], &error);
  for (size_t b = 0; b < BATCH; b++) free(images.x[b].pixels), free(images.y[b].pixels), free(images.added[b]);
  stages_case_free(&c);
}

void test_stages(struct test *t) {
  /* First those of the public operators; then chains of two and three segments, and squeeze-excite after each kind. */
  static const char *const lists[] = {"P",    "D",   "C",   "DP",  "PDP",  "DEP",  "PDEP",   "PP",     "DPP",
                                      "CP",   "CEP", "PEP", "CDP", "CPDP", "DPDP", "PDPDP",  "DPDEP",  "CPDEP",
                                      "CDEP", "DDP", "PD",  "CD",  "DPEP", "PPP",  "PDPDEP", "DPDPDP", "PDPP"};
  uint64_t state = t->seed;
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    const bool pointwise = lists[i][strlen(lists[i]) - 1] == 'P';
    for (size_t turn = 0; turn < (t->small ? 2 : 8); turn++)
      check_list(t, &state, lists[i], pointwise && (t->small ? turn == 1 : turn % 3 == 1), i + 3 * turn);
  }
}
