/* SPDX-License-Identifier: MIT
 *
 * Blocks as lists of stages, of any shape and data: on every set, in both layouts, by any plan, on any number of
 * threads, made for the image's size or told it by the call, what the scalar set's operators give one after the other,
 * with tensors and scratch flush against guard pages.
 */
#include <stdlib.h>

#include "block_case.h"
#include "input.h"
#include "stages_case.h"

enum { MOST_MULTIPLY_ADDS = 30000, ROOM = 2 /* floats */ };

/* ---- The list ---------------------------------------------------------------------------------------------------- */

/* A list that can be: dense first if at all, squeeze-excite before a last pointwise. */
static void choose_kinds(struct fuzz_input *in, char kinds[MBCONV_MOST_STAGES + 1]) {
  const size_t count = fuzz_between(in, 1, MBCONV_MOST_STAGES);
  for (size_t i = 0; i < count; i++) kinds[i] = "PDC"[fuzz_between(in, 0, i == 0 ? 2 : 1)];
  if (count > 2 && fuzz_flag(in)) kinds[count - 2] = 'E', kinds[count - 1] = 'P';
}

static size_t span_of(const mbconv_stage_desc *stage) {
  return (stage->kernel - 1) * (stage->dilation ? stage->dilation : 1) + 1;
}

/* `keeps`: the output has the input's size. */
static void choose_window(struct fuzz_input *in, char kind, bool keeps, mbconv_stage_desc *stage) {
  if (kind == 'P' || kind == 'E') return;
  stage->kernel = kind == 'D' ? 3 + 2 * fuzz_between(in, 0, 2) : fuzz_between(in, 1, 7);
  stage->stride = keeps ? 1 : fuzz_between(in, 1, 2);
  if (kind == 'D') stage->dilation = fuzz_between(in, 0, 3);
  const size_t most = span_of(stage) - 1, top = fuzz_between(in, 0, most), left = fuzz_between(in, 0, most);
  if (fuzz_flag(in))
    stage->pad_kind = MBCONV_PAD_SAME;
  else if (keeps)
    stage->pad = (mbconv_pad){top, left, most - top, most - left};
  else
    stage->pad = (mbconv_pad){top, left, fuzz_between(in, 0, most), fuzz_between(in, 0, most)};
}

static void choose_residual(struct fuzz_input *in, bool keeps, struct stages_case *c) {
  const size_t last = strlen(c->kinds) - 1;
  size_t *out = &c->channels[last + 1];
  c->residual = MBCONV_RESIDUAL_OFF;
  if (c->kinds[last] == 'D') return;
  c->place = (mbconv_residual_place)fuzz_between(in, 0, 1);
  if (keeps && c->kinds[last] != 'D') {
    const size_t more = fuzz_between(in, 0, 9);
    c->residual = MBCONV_RESIDUAL_ON;
    *out = c->channels[0] + more;
    c->residual_channels = more ? c->channels[0] : 0;
  } else if (fuzz_flag(in)) {
    c->residual = MBCONV_RESIDUAL_GIVEN;
    c->residual_channels = fuzz_between(in, 0, *out);
  }
}

static void choose_list(struct fuzz_input *in, const char *kinds, struct stages_case *c) {
  const bool keeps = fuzz_flag(in);
  *c = (struct stages_case){.kinds = kinds};
  c->channels[0] = fuzz_between(in, 1, 40);
  for (size_t i = 0; kinds[i]; i++) {
    const bool same = kinds[i] == 'D' || kinds[i] == 'E';
    c->channels[i + 1] = same ? c->channels[i] : fuzz_between(in, 1, 70);
    choose_window(in, kinds[i], keeps, &c->stage[i]);
    const mbconv_activation_kind last = kinds[i] == 'E' ? MBCONV_ACTIVATION_GELU_TANH : MBCONV_ACTIVATION_PRELU;
    c->stage[i].activation = (mbconv_activation_kind)fuzz_between(in, MBCONV_ACTIVATION_NONE, last);
  }
  choose_residual(in, keeps, c);
  c->squeeze_excite.width = fuzz_between(in, 1, 9);
  c->squeeze_excite.inner = (mbconv_activation_kind)fuzz_between(in, MBCONV_ACTIVATION_NONE, MBCONV_ACTIVATION_GELU);
  c->squeeze_excite.gate = (mbconv_activation_kind)fuzz_between(in, MBCONV_ACTIVATION_NONE, MBCONV_ACTIVATION_GELU);
}

/* An image on which nothing takes long. */
static void choose_size(struct fuzz_input *in, const struct stages_case *c, struct stages_image *x) {
  size_t pixel = 1;
  for (size_t i = 0; c->kinds[i]; i++) {
    const mbconv_stage_desc *s = &c->stage[i];
    pixel += c->channels[i + 1] * (s->kernel ? s->kernel * s->kernel : 1) * (c->kinds[i] == 'D' ? 1 : c->channels[i]);
  }
  const size_t most = MOST_MULTIPLY_ADDS / pixel + 1;
  *x = (struct stages_image){fuzz_between(in, 1, 24), fuzz_between(in, 1, 24), c->channels[0], NULL};
  if (x->height * x->width > most) x->height = most / x->width + 1;
  if (x->height * x->width > 2 * most) x->width = most / x->height + 1;
}

/* ---- Runs -------------------------------------------------------------------------------------------------------- */

/* The images of a case, NHWC, and how they are run. */
struct images {
  struct stages_image x, y, added; /* added.pixels NULL: no residual is given */
  size_t threads, strip_rows, group_channels;
  mbconv_parallel_for parallel_for;
  enum test_guard guard;
  size_t made_height, made_width; /* of objects that calls tell the size */
};

static size_t size_of(const struct stages_image *image) { return image->height * image->width * image->channels; }

static void buffer_of(struct test_buffer *buffer, const struct stages_image *image, bool planes,
                      enum test_guard guard) {
  test_buffer_new(buffer, image->pixels ? size_of(image) : 0, guard);
  if (buffer->n == 0) return;
  if (planes)
    stages_transpose(image->height * image->width, image->channels, image->pixels, buffer->data);
  else
    memcpy(buffer->data, image->pixels, buffer->n * sizeof(float));
}

static void run(const struct images *i, const mbconv_block *block, bool planes, bool at,
                const mbconv_threads *threads) {
  struct test_buffer x, want, added, y, scratch;
  const size_t count = threads ? threads->count : 1, height = i->x.height, width = i->x.width;
  size_t bytes = 0;
  fuzz_require(mbconv_block_scratch_size_at(block, height, width, count, &bytes, NULL) == MBCONV_OK, "no scratch size");
  buffer_of(&x, &i->x, planes, i->guard);
  buffer_of(&want, &i->y, planes, i->guard);
  buffer_of(&added, &i->added, planes, i->guard);
  test_buffer_new(&y, size_of(&i->y), i->guard);
  test_buffer_new(&scratch, bytes / sizeof(float) + ROOM, i->guard);
  test_buffer_protect(&x);
  test_buffer_protect(&added);
  char *const end = (char *)(scratch.data + scratch.n);
  char *const memory = i->guard == TEST_GUARD_BEFORE ? (char *)scratch.data : end - bytes;
  test_forget(memory, bytes);
  mbconv_status status;
  if (i->added.pixels && at)
    status =
        mbconv_block_run_residual_at(block, 1, height, width, x.data, added.data, y.data, memory, bytes, threads, NULL);
  else if (i->added.pixels)
    status = mbconv_block_run_residual(block, 1, x.data, added.data, y.data, memory, bytes, threads, NULL);
  else if (at)
    status = mbconv_block_run_at(block, 1, height, width, x.data, y.data, memory, bytes, threads, NULL);
  else
    status = mbconv_block_run(block, 1, x.data, y.data, memory, bytes, threads, NULL);
  fuzz_require(status == MBCONV_OK, "a run failed");
  fuzz_require(test_buffer_intact(&y) && test_buffer_intact(&scratch), "outputs beyond y or scratch");
  fuzz_require(test_equal(y.data, want.data, y.n, NULL), "other floats than the operators");
  struct test_buffer *const all[] = {&x, &want, &added, &y, &scratch};
  for (size_t b = 0; b < 5; b++) test_buffer_free(all[b]);
}

/* By several plans, in both layouts. */
static void check_set(struct stages_case *c, const struct images *i, mbconv_isa isa) {
  const mbconv_options options = {.isa = isa};
  const mbconv_threads threads = {.parallel_for = i->parallel_for, .count = i->threads};
  const size_t plans[][2] = {{0, 0}, {1, 1}, {1000, 1}, {i->strip_rows, i->group_channels}};
  for (size_t p = 0; p < sizeof plans / sizeof *plans; p++) {
    const bool at = p % 2;
    c->layout = (mbconv_layout)((p + i->threads) % 2);
    c->strip_rows = plans[p][0];
    c->group_channels = plans[p][1];
    const mbconv_stages_desc desc =
        stages_case_desc(c, at ? i->made_height : i->x.height, at ? i->made_width : i->x.width);
    mbconv_block *block = NULL;
    mbconv_error error;
    fuzz_require(mbconv_block_create_stages(&desc, &options, &block, &error) == MBCONV_OK, error.message);
    run(i, block, c->layout == MBCONV_NCHW, at, p < 2 ? &threads : NULL);
    mbconv_block_destroy(block);
  }
}

/* An image that is too small for a window of the list. */
static void check_refused(struct stages_case *c, const struct images *i, const mbconv_error *want) {
  const mbconv_stages_desc desc = stages_case_desc(c, i->x.height, i->x.width);
  mbconv_block *block = NULL;
  mbconv_error error;
  const mbconv_status status = mbconv_block_create_stages(&desc, NULL, &block, &error);
  fuzz_require(status == want->status && strcmp(error.message, want->message) == 0, "another refusal");
  fuzz_require(block == NULL, "a refused create left something behind");
}

/* What is left of the input goes into the two images. */
static void poke(struct fuzz_input *in, struct images *i) {
  struct stages_image *const images[] = {&i->x, &i->added};
  size_t array, index;
  float value;
  while (fuzz_poke(in, i->added.pixels ? 2 : 1, &array, &index, &value))
    images[array]->pixels[index % size_of(images[array])] = value;
}

int LLVMFuzzerTestOneInput(const unsigned char *input, size_t size) {
  struct fuzz_input in = {input, size};
  char kinds[MBCONV_MOST_STAGES + 1] = "";
  struct stages_case c;
  struct images i = {.threads = fuzz_between(&in, 1, 5), .strip_rows = fuzz_bytes(&in, 1)};
  i.group_channels = fuzz_bytes(&in, 1);
  i.parallel_for = fuzz_flag(&in) ? parallel_reversed : parallel_forward;
  i.guard = fuzz_flag(&in) ? TEST_GUARD_BEFORE : TEST_GUARD_AFTER;
  const bool any = fuzz_flag(&in);
  uint64_t state = fuzz_bytes(&in, 2);
  choose_kinds(&in, kinds);
  choose_list(&in, kinds, &c);
  choose_size(&in, &c, &i.x);
  stages_case_fill(&c, &state);
  i.x.pixels = test_new_floats(&state, size_of(&i.x));
  i.made_height = any ? 0 : i.x.height + 7;
  i.made_width = any ? 0 : i.x.width + 40;

  mbconv_error error = {.message = ""};
  bool fits = stages_case_compose(&c, &i.x, NULL, &i.y, &error);
  if (fits && c.residual == MBCONV_RESIDUAL_GIVEN) {
    i.added = (struct stages_image){i.y.height, i.y.width, stages_case_residual_channels(&c), NULL};
    i.added.pixels = test_new_floats(&state, size_of(&i.added));
  }
  if (fits) {
    poke(&in, &i);
    free(i.y.pixels);
    fits = stages_case_compose(&c, &i.x, i.added.pixels, &i.y, &error);
    mbconv_isa sets[MBCONV_ISA_COUNT];
    const size_t count = mbconv_usable_isas(sets, MBCONV_ISA_COUNT);
    for (size_t s = 0; s < count; s++) check_set(&c, &i, sets[s]);
    free(i.y.pixels), free(i.added.pixels);
  } else {
    check_refused(&c, &i, &error);
  }
  free(i.x.pixels);
  stages_case_free(&c);
  return 0;
}
