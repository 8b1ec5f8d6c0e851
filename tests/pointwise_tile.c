/* SPDX-License-Identifier: MIT
 *
 * The pointwise tiles of a set, each alone, with every pixel count and channel count up to its size, and several in one
 * call.
 *
 * All those parts are cut from one problem of three whole tiles, so that its results, from the scalar set and held to
 * the oracle, serve for all of them.
 */
#include <math.h>
#include <stdlib.h>

#include "oracle.h"
#include "test.h"

struct mode {
  const char *name;
  bool residual, in_place; /* in place: the residual is what y holds */
  bool wide;               /* strides wider than rows */
  bool special;            /* NaN, infinities, denormals among the inputs */
  bool silu;               /* of sets whose tiles apply it */
  bool cut;                /* k into segments with gaps between them, of sets whose tiles take them */
  float lo, hi;
};

static const struct mode modes[] = {
    {"bias", .lo = -INFINITY, .hi = INFINITY},
    {"wide rows", .wide = true, .lo = -INFINITY, .hi = INFINITY},
    {"residual, clamped", .residual = true, .wide = true, .lo = -0.25f, .hi = 0.5f},
    {"residual in place", .residual = true, .in_place = true, .lo = 0.0f, .hi = INFINITY},
    {"dense residual, clamped", .residual = true, .lo = -0.5f, .hi = 0.25f},
    {"special values, clamped", .wide = true, .special = true, .lo = 0.0f, .hi = 6.0f},
    {"segments", .cut = true, .lo = -INFINITY, .hi = INFINITY},
    {"segments, residual, clamped", .residual = true, .wide = true, .cut = true, .lo = -0.5f, .hi = 0.5f},
    {"residual, SiLU", .residual = true, .wide = true, .silu = true, .lo = -INFINITY, .hi = INFINITY},
    {"special values, SiLU", .special = true, .silu = true, .lo = -INFINITY, .hi = INFINITY},
};
enum { MODES = sizeof modes / sizeof *modes, GAP = 3, TILES = 3 };

/* Some whole tiles. Rows of the guarded tensors are x_stride and r_stride floats apart. */
struct problem {
  const struct mode *mode;
  size_t pixels, channels, k, x_stride, r_stride;
  size_t width;         /* of one panel */
  size_t segment, jump; /* of a row of x */
  struct test_buffer x, residual;
  float *weights, *bias; /* [channels][k], [channels] */
  float *want;           /* [pixels][channels] */
};

static void add_special_values(struct problem *p) {
  static const float values[] = {NAN, INFINITY, -INFINITY, -0.0f, 1e-40f, 0.0f, 3e38f};
  for (size_t i = 0; i < sizeof values / sizeof *values && 2 * i < p->pixels; i++) {
    p->x.data[2 * i * p->x_stride + i % p->segment] = values[i];
  }
}

/* Which part of the problem a case computes. Cut so that its rows end where the guarded tensors end, or start where
 * they start, depending on where the guard is. */
struct part {
  size_t pixel, pixels, channel, channels;
};

/* The panels of a part, packed as the contract says, in read-only memory. Packed data are aligned to 64 bytes, so the
 * guard page can be up to that far away. The biases of panels abreast are as far apart as their weights. */
static void pack(const struct problem *p, const struct part *part, size_t width, struct test_buffer *weights,
                 struct test_buffer *bias) {
  const size_t align = MBCONV_ALIGNMENT / sizeof(float), panels = (part->channels + width - 1) / width;
  const size_t next = p->k * width;
  test_buffer_new(weights, (panels * next + align - 1) / align * align, TEST_GUARD_AFTER);
  test_buffer_new(bias, ((panels - 1) * next + width + align - 1) / align * align, TEST_GUARD_AFTER);
  for (size_t c = 0; c < panels * width; c++) {
    const bool inside = c < part->channels;
    const size_t panel = c / width * next, lane = c % width;
    bias->data[panel + lane] = inside ? p->bias[part->channel + c] : 0.0f;
    for (size_t i = 0; i < p->k; i++) {
      weights->data[panel + i * width + lane] = inside ? p->weights[(part->channel + c) * p->k + i] : 0.0f;
    }
  }
  test_buffer_protect(weights);
  test_buffer_protect(bias);
}

static struct mbconv_pointwise_panel panel_of(const struct problem *p, const struct part *part, size_t width,
                                              const struct test_buffer *weights, const struct test_buffer *bias) {
  return (struct mbconv_pointwise_panel){.k = p->k,
                                         .segment = p->segment,
                                         .jump = p->jump,
                                         .weights = weights->data,
                                         .bias = bias->data,
                                         .next = p->k * width * sizeof(float),
                                         .channels = part->channels,
                                         .x_stride = p->x_stride,
                                         .r_stride = p->r_stride,
                                         .warm = part->channels % 2 == 0,
                                         .ending = {p->mode->lo, p->mode->hi, p->mode->silu}};
}

/* The scalar tiles over the whole problem: whole tiles, as its width is a multiple of theirs. */
static void compute_by_scalar(const struct problem *p) {
  const struct mbconv_pointwise_tile *tile = &mbconv_kernels_scalar.pointwise[0];
  struct part part = {.pixels = p->pixels, .channels = tile->channels};
  struct test_buffer weights, bias;
  for (; part.channel < p->channels; part.channel += tile->channels) {
    pack(p, &part, tile->channels, &weights, &bias);
    struct mbconv_pointwise_panel panel = panel_of(p, &part, tile->channels, &weights, &bias);
    panel.ending.silu = false;
    for (size_t i = 0; i < p->pixels; i++) {
      void *y = p->want + i * p->channels;
      const float *residual = p->mode->residual ? p->residual.data + i * p->r_stride + part.channel : NULL;
      tile->run(&panel, 1, 1, p->x.data + i * p->x_stride, &y, part.channel, residual);
    }
    test_buffer_free(&weights);
    test_buffer_free(&bias);
  }
}

/* The scalar results are the promised chain, and near the exact sum. */
static void check_scalar(struct test *t, const struct problem *p) {
  float *chain = malloc(p->pixels * p->channels * sizeof *chain), *x = malloc(p->k * sizeof *x);
  bool near = true;
  for (size_t i = 0; i < p->pixels; i++) {
    for (size_t k = 0; k < p->k; k++) x[k] = p->x.data[i * p->x_stride + k + k / p->segment * p->jump];
    for (size_t c = 0; c < p->channels; c++) {
      const size_t at = i * p->channels + c;
      const float *residual = p->mode->residual ? p->residual.data + i * p->r_stride + c : NULL;
      const struct oracle o =
          oracle_dot(p->bias[c], p->k, p->weights + c * p->k, x, residual, p->mode->lo, p->mode->hi);
      chain[at] = o.chain;
      near = near && oracle_allows(&o, MBCONV_ACTIVATION_NONE, p->want[at]);
    }
  }
  test_check_equal(t, p->want, chain, p->pixels * p->channels, "scalar against the chain");
  test_check(t, near, "scalar is farther from the exact sum than the bound");
  free(chain), free(x);
}

static void problem_new(struct problem *p, uint64_t *state, const struct mode *mode,
                        const struct mbconv_pointwise_tile *tile, size_t width, size_t k, enum test_guard guard) {
  const size_t pixels = TILES * tile->pixels, channels = tile->channels;
  *p = (struct problem){.mode = mode, .pixels = pixels, .channels = channels, .k = k, .width = width, .segment = k};
  if (mode->cut) p->jump = GAP, p->segment = k % 3 == 0 ? k / 3 : k % 5 == 0 ? k / 5 : k % 2 == 0 ? k / 2 : k;
  const size_t row = k + (k / p->segment - 1) * p->jump;
  p->x_stride = row + (mode->wide ? GAP : 0);
  p->r_stride = channels + (mode->wide ? GAP : 0);
  test_buffer_new_rows(state, &p->x, pixels, row, p->x_stride, guard);
  test_buffer_new_rows(state, &p->residual, pixels, channels, p->r_stride, guard);
  if (mode->special) add_special_values(p);
  test_buffer_protect(&p->x);
  test_buffer_protect(&p->residual);
  p->weights = test_new_floats(state, channels * k);
  p->bias = test_new_floats(state, channels);
  p->want = test_new_floats(state, pixels * channels);
}

static void problem_free(struct problem *p) {
  test_buffer_free(&p->x);
  test_buffer_free(&p->residual);
  free(p->weights);
  free(p->bias);
  free(p->want);
}

/* Where the rows of a part lie in y: behind `offset` floats each, the last row of memory flush against its end. */
struct placement {
  size_t offset, stride;
  void *rows[TILES * MBCONV_MAX_TILE_PIXELS];
};

/* Places and fills the rows: in reverse order where the residual does not forbid it. */
static void place(const struct problem *p, const struct part *part, struct test_buffer *y, struct placement *to) {
  const struct mode *mode = p->mode;
  const size_t last = part->pixels - 1;
  to->offset = y->guard == TEST_GUARD_AFTER && mode->wide ? GAP : 0;
  to->stride = to->offset + part->channels + (mode->wide ? GAP : 0);
  test_buffer_reuse(y, last * to->stride + to->offset + part->channels);
  for (size_t i = 0; i <= last; i++) {
    const size_t pixel = part->pixel + i, bytes = part->channels * sizeof(float);
    float *row = y->data + (mode->in_place ? i : last - i) * to->stride;
    to->rows[i] = row;
    if (mode->in_place) memcpy(row + to->offset, p->residual.data + pixel * p->r_stride + part->channel, bytes);
  }
}

/* The part in one call of so many tiles. */
static void check_part(struct test *t, const struct problem *p, const struct part *part, mbconv_pointwise_fn *run,
                       size_t tiles, const struct test_buffer *weights, const struct test_buffer *bias,
                       struct test_buffer *y) {
  test_at_size(t, part->pixels, part->channels);
  const struct mode *mode = p->mode;
  struct placement to;
  place(p, part, y, &to);
  struct mbconv_pointwise_panel panel = panel_of(p, part, p->width, weights, bias);
  if (mode->in_place) panel.r_stride = to.stride;
  const float *residual = NULL;
  if (mode->residual) residual = p->residual.data + part->pixel * p->r_stride + part->channel;
  if (mode->in_place) residual = y->data;
  run(&panel, part->pixels / tiles, tiles, p->x.data + part->pixel * p->x_stride, to.rows, to.offset, residual);

  bool intact = test_buffer_intact(y);
  intact = intact && test_gaps_intact(y->data + to.offset, part->pixels, part->channels, to.stride);
  for (size_t i = 0; i < to.offset; i++) intact = intact && test_is_poison(y->data[i]);
  test_check(t, intact, "wrote outside its outputs");
  bool equal = true;
  for (size_t i = 0; i < part->pixels && equal; i++) {
    const float *want = p->want + (part->pixel + i) * p->channels + part->channel;
    equal = test_equal((const float *)to.rows[i] + to.offset, want, part->channels, NULL);
  }
  test_check(t, equal, "differs from the scalar set");
}

/* All parts of one problem. Emulated: of the channel counts those around whole vectors, every other pixel count, and
 * two heights of three tiles. */
static void check_problem(struct test *t, const struct problem *p, const struct mbconv_pointwise_tile *tile) {
  const size_t least = tile->channels - p->width; /* channels of all panels but the last */
  const size_t lanes = t->kernels->lanes;
  const enum test_guard guard = p->x.guard;
  struct test_buffer y, weights, bias;
  test_buffer_new(&y, p->pixels * (p->channels + 2 * GAP), guard);
  for (size_t channels = least + 1; channels <= p->channels; channels++) {
    if (!tile->tails && channels < tile->channels) continue; /* not its job */
    if (t->small && channels > least + 1 && (channels + 1) % lanes > 2) continue;
    struct part part = {.channels = channels};
    part.channel = guard == TEST_GUARD_AFTER ? p->channels - channels : 0;
    pack(p, &part, p->width, &weights, &bias);
    for (part.pixels = 1; part.pixels <= tile->pixels; part.pixels++) {
      if (t->small && part.pixels > 4 && (part.pixels + channels) % 2 == 0) continue;
      part.pixel = guard == TEST_GUARD_AFTER ? p->pixels - part.pixels : 0;
      check_part(t, p, &part, tile->run, part.channels % 2 == 0 && part.pixels % 2 == 0 ? 2 : 1, &weights, &bias, &y);
    }
    for (size_t height = 1; height <= tile->pixels; height++) {
      if (t->small && height != p->k % tile->pixels + 1 && height != tile->pixels - p->k % tile->pixels) continue;
      part.pixels = TILES * height;
      part.pixel = guard == TEST_GUARD_AFTER ? p->pixels - part.pixels : 0;
      check_part(t, p, &part, tile->run, TILES, &weights, &bias, &y);
    }
    test_buffer_free(&weights);
    test_buffer_free(&bias);
  }
  test_buffer_free(&y);
}

/* A tile over panels of `width` channels: one, or some abreast. */
static void check_tile(struct test *t, const struct mbconv_pointwise_tile *tile, size_t width) {
  static const size_t ks[] = {1, 2, 5, 8, 17, 3, 4, 7, 9, 15, 16, 31, 33}; /* emulated: the first five */
  uint64_t state = t->seed;
  test_at(t, "tile %dx%d", tile->pixels, tile->channels);
  const size_t scalar_width = mbconv_kernels_scalar.pointwise[0].channels;
  const size_t bytes = tile->pixels * tile->channels * t->kernels->element;
  if (!test_check(t, tile->pixels <= MBCONV_MAX_TILE_PIXELS, "%d pixels", tile->pixels)) return;
  if (!test_check(t, bytes <= MBCONV_MAX_TILE_BYTES, "%d x %d elements", tile->pixels, tile->channels)) return;
  if (!test_check(t, t->kernels->element <= MBCONV_MAX_ELEMENT, "%zu bytes", t->kernels->element)) return;
  if (tile == &t->kernels->pointwise[0] &&
      !test_check(t, tile->channels % t->kernels->lanes == 0, "%d channels", tile->channels))
    return;
  if (!test_check(t, tile->channels % scalar_width == 0, "%d channels", tile->channels)) return;
  for (size_t i = 0; i < (t->small ? 5 : sizeof ks / sizeof *ks); i++) {
    for (size_t m = 0; m < MODES; m++) {
      if (modes[m].silu && !t->kernels->tiles_silu) continue;
      if (modes[m].cut && !t->kernels->tiles_segments) continue;
      for (int guard = TEST_GUARD_AFTER; guard <= TEST_GUARD_BEFORE; guard++) {
        if (t->small && (i + m) % 2 != (size_t)guard) continue;
        struct problem p;
        test_at(t, "tile %dx%d, k %zu, %s, guard %s", tile->pixels, tile->channels, ks[i], modes[m].name,
                guard == TEST_GUARD_AFTER ? "after" : "before");
        problem_new(&p, &state, &modes[m], tile, width, ks[i], (enum test_guard)guard);
        compute_by_scalar(&p);
        check_scalar(t, &p);
        if (modes[m].silu)
          mbconv_kernels_scalar.activation[MBCONV_EXP_INLINE - MBCONV_EXP_SLEEF][MBCONV_ACTIVATION_SILU](
              p.pixels * p.channels, p.want, p.want);
        check_problem(t, &p, tile);
        problem_free(&p);
      }
    }
  }
}

void test_pointwise_tiles(struct test *t) {
  const struct mbconv_kernels *kernels = t->kernels;
  const size_t width = kernels->pointwise[0].channels;
  for (size_t i = 0; i < MBCONV_POINTWISE_TILES; i++)
    if (kernels->pointwise[i].run) check_tile(t, &kernels->pointwise[i], kernels->pointwise[i].channels);
  for (size_t i = 0; i < MBCONV_POINTWISE_ABREAST; i++) {
    const struct mbconv_pointwise_tile *tile = &kernels->abreast[i];
    if (!tile->run) continue;
    test_at(t, "%zu panels abreast", i + 2);
    test_check(t, tile->channels == (i + 2) * width && tile->tails == kernels->pointwise[0].tails, "shape");
    check_tile(t, tile, width);
  }
}
