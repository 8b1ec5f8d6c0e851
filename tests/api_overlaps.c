/* SPDX-License-Identifier: MIT
 *
 * What a run refuses because its tensors overlap: tensors are moved past each other, for several images and all kinds
 * of strides, and each position is judged by a map of the floats that they hold. Positions in which two tensors share a
 * float must be refused, those in which their spans are apart must run. Scratch moves by bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"

enum { ARENA = 1024, CENTRE = ARENA / 2, SCRATCH_BYTES = 1 << 16 };

/* The floats of all tensors lie in one arena, so that pointers into it can be compared. Scratch is apart unless a test
 * puts it there. */
struct arena {
  float floats[ARENA];
  float scratch[SCRATCH_BYTES / sizeof(float)];
};

/* Rows of floats in the arena. */
struct rows {
  size_t begin, count, floats, stride;
};

static size_t span(const struct rows *r) { return (r->count - 1) * r->stride + r->floats; }

static bool spans_meet(const struct rows *a, const struct rows *b) {
  return a->begin < b->begin + span(b) && b->begin < a->begin + span(a);
}

static bool share_a_float(const struct rows *a, const struct rows *b) {
  bool held[ARENA] = {false};
  for (size_t r = 0; r < a->count; r++)
    for (size_t i = 0; i < a->floats; i++) held[a->begin + r * a->stride + i] = true;
  for (size_t r = 0; r < b->count; r++)
    for (size_t i = 0; i < b->floats; i++)
      if (held[b->begin + r * b->stride + i]) return true;
  return false;
}

/* What the arena held before a run. */
static struct arena before;

/* Judges a run after which, if it was refused, the first `watched` bytes of the arena must be as before. */
static void judge(struct test *t, const struct arena *arena, size_t watched, mbconv_status status,
                  const mbconv_error *error, bool must_refuse, bool may_refuse) {
  const bool refused = status == MBCONV_INVALID_ARGUMENT;
  test_check(t, refused || status == MBCONV_OK, "status %d: %s", (int)status, error->message);
  test_check(t, refused || !must_refuse, "tensors that share memory are not refused");
  test_check(t, !refused || may_refuse, "tensors apart are refused: %s", error->message);
  test_check(t, !refused || strstr(error->message, "overlap"), "refused for another reason: %s", error->message);
  test_check(t, !refused || memcmp(arena, &before, watched) == 0, "refused, but something was written");
}

/* ---- Pointwise: strides ------------------------------------------------------------------------------------------ */

enum { PIXELS = 3, IN = 6, OUT = 18 }; /* of the fixture */

/* x and y at a distance; then the residual and y. A residual that is y, with y's stride, is allowed. */
static void pointwise_at(struct test *t, const mbconv_pointwise *pointwise, struct arena *arena, size_t x_stride,
                         size_t y_stride, size_t r_stride, size_t x_begin, size_t r_begin) {
  const struct rows x = {x_begin, PIXELS, IN, x_stride}, y = {CENTRE, PIXELS, OUT, y_stride};
  const struct rows r = {r_begin, PIXELS, OUT, r_stride};
  const bool in_place = r_begin == CENTRE && r_stride == y_stride;
  /* Slices of the same rows may interleave; with other strides a span in another is overlap enough. */
  const bool shared = share_a_float(&x, &y) || (!in_place && share_a_float(&r, &y));
  const bool meet = (spans_meet(&x, &y) && (shared || x_stride != y_stride)) ||
                    (!in_place && spans_meet(&r, &y) && (shared || r_stride != y_stride));
  memcpy(&before, arena, sizeof arena->floats);
  mbconv_error error = api_stale_error();
  float *const f = arena->floats;
  const mbconv_status status = mbconv_pointwise_run(pointwise, PIXELS, f + x.begin, x_stride, f + y.begin, y_stride,
                                                    f + r.begin, r_stride, NULL, &error);
  judge(t, arena, sizeof arena->floats, status, &error, shared, meet);
}

/* One pixel, whose stride is never walked: in bytes it may be more than a size holds. */
static void one_pixel_at(struct test *t, const mbconv_pointwise *pointwise, struct arena *arena) {
  static const size_t strides[] = {0, IN + OUT, SIZE_MAX / sizeof(float), SIZE_MAX / sizeof(float) + 1, SIZE_MAX};
  for (size_t i = 0; i < sizeof strides / sizeof *strides; i++) {
    for (size_t at = CENTRE - IN - 1; at <= CENTRE + OUT + 1; at++) {
      const struct rows x = {at, 1, IN, 0}, y = {CENTRE, 1, OUT, 0};
      const bool shared = share_a_float(&x, &y);
      test_at(t, "pointwise, one pixel at %zu, both of stride %zu", at, strides[i]);
      memcpy(&before, arena, sizeof arena->floats);
      mbconv_error error = api_stale_error();
      const size_t stride = strides[i];
      const mbconv_status status = mbconv_pointwise_run(pointwise, 1, arena->floats + at, stride,
                                                        arena->floats + CENTRE, stride, NULL, 0, NULL, &error);
      judge(t, arena, sizeof arena->floats, status, &error, shared, shared);
    }
  }
}

static void pointwise(struct test *t, const struct api_fixture *f, struct arena *arena) {
  static const size_t strides[] = {18, 19, 24, 31};
  void *object = NULL;
  if (!test_check(t, api_create(f, POINTWISE, &f->options, &object, NULL) == MBCONV_OK, "create")) return;
  for (size_t i = 0; i < 16; i++) {
    const size_t y_stride = strides[i % 4], other = i / 4 == 3 ? IN : strides[i / 4], reach = 3 * 31;
    for (size_t at = CENTRE - reach; at <= CENTRE + reach; at += t->small ? 1 + i % 3 : 1) {
      test_at(t, "pointwise, x at %zu of stride %zu, y of stride %zu", at, other, y_stride);
      pointwise_at(t, object, arena, other, y_stride, OUT, at, 0);
      if (other < OUT) continue;
      test_at(t, "pointwise, residual at %zu of stride %zu, y of stride %zu", at, other, y_stride);
      pointwise_at(t, object, arena, IN, y_stride, other, ARENA - PIXELS * IN, at);
    }
  }
  one_pixel_at(t, object, arena);
  api_destroy(POINTWISE, object);
}

/* ---- Images ------------------------------------------------------------------------------------------------------ */

/* An object of a few floats per image, so that several images have a place in the arena. */
struct subject {
  enum api_kind kind;
  const char *name;
  void *object;
  size_t x_size, y_size, r_size; /* of an image; r_size 0: runs take no residual */
};

/* A residual that overlaps nothing. */
static const float elsewhere[ARENA];

static mbconv_status run(const struct subject *s, size_t batch, const float *x, float *y, const float *residual,
                         void *scratch, size_t size, mbconv_error *error) {
  switch (s->kind) {
    case DEPTHWISE: return mbconv_depthwise_run(s->object, batch, x, y, scratch, size, NULL, error);
    case BLOCK: return mbconv_block_run(s->object, batch, x, y, scratch, size, NULL, error);
    case STAGES:
      return mbconv_block_run_residual(s->object, batch, x, residual ? residual : elsewhere, y, scratch, size, NULL,
                                       error);
    case CONVOLUTION: return mbconv_convolution_run(s->object, batch, x, y, residual, scratch, size, NULL, error);
    case GLOBAL_POOL: return mbconv_global_pool_run(s->object, batch, x, y, NULL, error);
    case ACTIVATION: return mbconv_activation_run(s->object, batch * s->x_size, x, y, error);
    default: return MBCONV_INVALID_ARGUMENT;
  }
}

static size_t scratch_size(const struct subject *s) {
  if (s->kind == DEPTHWISE) return mbconv_depthwise_scratch_size(s->object, 1);
  if (s->kind == CONVOLUTION) return mbconv_convolution_scratch_size(s->object, 1);
  return s->kind == BLOCK || s->kind == STAGES ? mbconv_block_scratch_size(s->object, 1) : 0;
}

/* x moves from before y to behind it. */
static void move_x(struct test *t, const struct subject *s, size_t batch, struct arena *arena) {
  const struct rows y = {CENTRE, 1, batch * s->y_size, 0};
  for (size_t at = CENTRE - batch * s->x_size - 2; at <= CENTRE + batch * s->y_size + 2; at++) {
    test_at(t, "%s, batch %zu, x %td floats behind y", s->name, batch, (ptrdiff_t)at - CENTRE);
    const struct rows x = {at, 1, batch * s->x_size, 0};
    const bool shared = spans_meet(&x, &y) && !(s->kind == ACTIVATION && at == CENTRE);
    memcpy(&before, arena, sizeof arena->floats);
    mbconv_error error = api_stale_error();
    const mbconv_status status =
        run(s, batch, arena->floats + at, arena->floats + CENTRE, NULL, arena->scratch, sizeof arena->scratch, &error);
    judge(t, arena, sizeof arena->floats, status, &error, shared, shared);
  }
}

/* The residual moves past y; x may be the residual's memory. A convolution's residual may be y itself. */
static void move_residual(struct test *t, const struct subject *s, size_t batch, struct arena *arena) {
  const size_t size = batch * s->r_size, y_size = batch * s->y_size;
  const struct rows y = {CENTRE, 1, y_size, 0};
  for (size_t at = CENTRE - size - 2; at <= CENTRE + y_size + 2; at++) {
    test_at(t, "%s, batch %zu, residual %td floats behind y", s->name, batch, (ptrdiff_t)at - CENTRE);
    const struct rows residual = {at, 1, size, 0};
    const bool shared = spans_meet(&residual, &y) && !(s->kind == CONVOLUTION && at == CENTRE);
    memcpy(&before, arena, sizeof arena->floats);
    mbconv_error error = api_stale_error();
    const mbconv_status status = run(s, batch, arena->floats, arena->floats + CENTRE, arena->floats + at,
                                     arena->scratch, sizeof arena->scratch, &error);
    judge(t, arena, sizeof arena->floats, status, &error, shared, shared);
  }
  test_at(t, "%s, batch %zu, x in the residual", s->name, batch);
  mbconv_error error = api_stale_error();
  const mbconv_status status = run(s, batch, arena->floats + 1, arena->floats + CENTRE, arena->floats, arena->scratch,
                                   sizeof arena->scratch, &error);
  api_check_error(t, "two inputs", status, MBCONV_OK, &error);
}

/* Scratch, as large as the query says and no larger, moves by bytes past one end of a tensor of `floats` floats. */
static void move_scratch(struct test *t, const struct subject *s, size_t batch, struct arena *arena, const float *x,
                         float *y, const float *residual, const float *tensor, size_t floats) {
  const size_t needed = scratch_size(s);
  const char *const begin = (const char *)tensor, *const end = (const char *)(tensor + floats);
  const size_t image = floats / batch * sizeof(float);
  for (int off = -2; off <= 2; off++) {
    /* Ends at the tensor's beginning; begins at its end, in it and at the end of its first image. */
    const char *const places[] = {begin - needed + off, end + off, begin + floats / 2 * sizeof(float) + off,
                                  begin + image + off};
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
      char *const scratch = (char *)arena + (places[p] - (const char *)arena);
      if (scratch < (char *)arena || scratch + needed > (char *)(arena + 1)) continue;
      const bool shared = scratch < end && begin < scratch + needed;
      test_at(t, "%s, batch %zu, scratch of %zu bytes, place %zu %+d", s->name, batch, needed, p, off);
      before = *arena;
      mbconv_error error = api_stale_error();
      const mbconv_status status = run(s, batch, x, y, residual, scratch, needed, &error);
      judge(t, arena, sizeof *arena, status, &error, shared, shared);
    }
  }
}

static void move_all(struct test *t, const struct subject *s, struct arena *arena) {
  for (size_t batch = 1; batch <= 3; batch++) {
    move_x(t, s, batch, arena);
    if (s->r_size > 0) move_residual(t, s, batch, arena);
    if (scratch_size(s) == 0) continue;
    /* One tensor in the middle of the scratch's memory, the others in the arena. */
    float *const a = arena->floats, *const middle = arena->scratch + SCRATCH_BYTES / sizeof(float) / 2;
    move_scratch(t, s, batch, arena, middle, a, NULL, middle, batch * s->x_size);
    move_scratch(t, s, batch, arena, a, middle, NULL, middle, batch * s->y_size);
    if (s->r_size > 0) move_scratch(t, s, batch, arena, a, a + CENTRE, middle, middle, batch * s->r_size);
  }
}

static void images(struct test *t, const struct api_fixture *f, struct arena *arena) {
  const mbconv_conv conv = {.weight = f->convolution_weights};
  mbconv_block *block = NULL, *stages = NULL;
  mbconv_depthwise *depthwise = NULL;
  mbconv_convolution *wider = NULL, *narrower = NULL;
  mbconv_global_pool *pool = NULL;
  mbconv_activation *activation = NULL;
  const mbconv_block_desc block_desc = {.height = 3,
                                        .width = 4,
                                        .in_channels = 2,
                                        .expanded_channels = 4,
                                        .out_channels = 3,
                                        .expand = &conv,
                                        .depthwise = &conv,
                                        .project = &conv,
                                        .kernel = 3,
                                        .stride = 1,
                                        .pad = {1, 1, 1, 1}};
  const mbconv_depthwise_desc depthwise_desc = {
      .height = 3, .width = 4, .channels = 3, .kernel = 3, .stride = 2, .pad = {1, 1, 1, 1}, .conv = &conv};
  mbconv_convolution_desc convolution_desc = {.height = 3,
                                              .width = 4,
                                              .in_channels = 2,
                                              .out_channels = 3,
                                              .kernel = 3,
                                              .stride = 1,
                                              .pad = {1, 1, 1, 1},
                                              .conv = &conv};
  const mbconv_global_pool_desc pool_desc = {.height = 3, .width = 4, .channels = 2};
  const mbconv_stage_desc list[] = {
      {.kind = MBCONV_STAGE_POINTWISE, .out_channels = 4, .conv = &conv},
      {.kind = MBCONV_STAGE_DEPTHWISE, .conv = &conv, .kernel = 3, .stride = 1, .pad = {1, 1, 1, 1}},
      {.kind = MBCONV_STAGE_POINTWISE, .out_channels = 3, .conv = &conv}};
  const mbconv_stages_desc stages_desc = {.height = 3,
                                          .width = 4,
                                          .in_channels = 2,
                                          .count = 3,
                                          .stages = list,
                                          .residual = MBCONV_RESIDUAL_GIVEN,
                                          .residual_channels = 2};
  bool ok = mbconv_block_create(&block_desc, &f->options, &block, NULL) == MBCONV_OK;
  ok = mbconv_block_create_stages(&stages_desc, &f->options, &stages, NULL) == MBCONV_OK && ok;
  ok = mbconv_depthwise_create(&depthwise_desc, &f->options, &depthwise, NULL) == MBCONV_OK && ok;
  ok = mbconv_convolution_create(&convolution_desc, &f->options, &wider, NULL) == MBCONV_OK && ok;
  convolution_desc.stride = 2;
  ok = mbconv_convolution_create(&convolution_desc, &f->options, &narrower, NULL) == MBCONV_OK && ok;
  ok = mbconv_global_pool_create(&pool_desc, &f->options, &pool, NULL) == MBCONV_OK && ok;
  const mbconv_activation_desc relu = {.kind = MBCONV_ACTIVATION_RELU};
  ok = mbconv_activation_create(&relu, &f->options, &activation, NULL) == MBCONV_OK && ok;
  const struct subject subjects[] = {{BLOCK, "block", block, 24, 36, 0},
                                     {STAGES, "list of stages", stages, 24, 36, 24},
                                     {DEPTHWISE, "depthwise", depthwise, 36, 12, 0},
                                     {CONVOLUTION, "convolution", wider, 24, 36, 36},
                                     {CONVOLUTION, "convolution of stride 2", narrower, 24, 12, 12},
                                     {GLOBAL_POOL, "global pool", pool, 24, 2, 0},
                                     {ACTIVATION, "activation", activation, 9, 9, 0}};
  if (test_check(t, ok, "create"))
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) move_all(t, &subjects[i], arena);
  mbconv_block_destroy(block);
  mbconv_block_destroy(stages);
  mbconv_depthwise_destroy(depthwise);
  mbconv_convolution_destroy(wider);
  mbconv_convolution_destroy(narrower);
  mbconv_global_pool_destroy(pool);
  mbconv_activation_destroy(activation);
}

void api_overlaps(struct test *t, const struct api_fixture *f) {
  struct arena *arena = calloc(1, sizeof *arena);
  if (!arena) abort();
  test_at(t, "overlaps");
  pointwise(t, f, arena);
  images(t, f, arena);
  free(arena);
}
