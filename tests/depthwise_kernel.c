/* SPDX-License-Identifier: MIT
 *
 * The depthwise kernels of a set, each alone, with every pixel count and channel count up to 17 and 33. As in
 * pointwise_tile.c all of them are parts of one problem, which the scalar set computes, held to the oracle.
 */
#include "depthwise_kernel.h"

#include <math.h>
#include <stdlib.h>

#include "block_case.h"
#include "oracle.h"

/* CHANNELS is a multiple of all lanes. GAP widens y's rows; x's are widened by a whole vector, as in scratch. */
enum { PIXELS = 17, CHANNELS = 48, MOST_CHANNELS = 33, MAX_KERNEL = 7, GAP = 3 };

struct problem {
  size_t kernel, stride, x_stride;
  bool wide, silu; /* SiLU of sets whose tiles apply it */
  float lo, hi;
  struct test_buffer rows[MAX_KERNEL];                               /* each with the pixels that PIXELS outputs need */
  float weights[CHANNELS * MAX_KERNEL * MAX_KERNEL], bias[CHANNELS]; /* [channels][k][k] */
  float want[PIXELS * CHANNELS];
};

/* The part of a problem that a case computes, cut so that it is flush against the guard pages, before or after. */
struct part {
  size_t pixel, pixels, channel, channels;
};

static mbconv_depthwise_fn *kernel_of(const struct mbconv_kernels *kernels, const struct problem *p) {
  return kernels->depthwise[(p->kernel - 3) / 2][p->stride - 1];
}

/* Per `lanes` channels: bias, then taps, zeros beyond the channels. Read-only; the end is up to 64 bytes off the guard
 * page, as packed weights are aligned to that. */
static void pack(const struct problem *p, const struct part *part, size_t lanes, struct test_buffer *packed) {
  const size_t align = MBCONV_ALIGNMENT / sizeof(float), taps = p->kernel * p->kernel;
  const size_t groups = (part->channels + lanes - 1) / lanes;
  test_buffer_new(packed, (groups * (1 + taps) * lanes + align - 1) / align * align, TEST_GUARD_AFTER);
  for (size_t c = 0; c < groups * lanes; c++) {
    const bool inside = c < part->channels;
    float *to = packed->data + c / lanes * (1 + taps) * lanes + c % lanes;
    to[0] = inside ? p->bias[part->channel + c] : 0.0f;
    for (size_t i = 0; i < taps; i++) {
      to[(1 + i) * lanes] = inside ? p->weights[(part->channel + c) * taps + i] : 0.0f;
    }
  }
  test_buffer_protect(packed);
}

static void rows_of(const struct problem *p, const struct part *part, const void **rows) {
  for (size_t i = 0; i < p->kernel; i++) {
    rows[i] = p->rows[i].data + part->pixel * p->stride * p->x_stride + part->channel;
  }
}

static void compute_by_scalar(struct problem *p) {
  const struct part all = {.pixels = PIXELS, .channels = CHANNELS};
  const void *rows[MAX_KERNEL];
  struct test_buffer packed;
  pack(p, &all, mbconv_kernels_scalar.lanes, &packed);
  rows_of(p, &all, rows);
  const struct mbconv_depthwise_group group = {
      CHANNELS, p->x_stride, CHANNELS, packed.data, {p->lo, p->hi, false, NULL}};
  kernel_of(&mbconv_kernels_scalar, p)(&group, PIXELS, rows, p->want);
  test_buffer_free(&packed);
}

/* The scalar results are the promised chain, and near the exact sum. */
static void check_scalar(struct test *t, const struct problem *p) {
  float chains[PIXELS * CHANNELS];
  bool near = true;
  for (size_t at = 0; at < PIXELS * CHANNELS; at++) {
    const size_t pixel = at / CHANNELS, c = at % CHANNELS;
    struct oracle_chain chain = oracle_start(p->bias[c]);
    for (size_t tap = 0; tap < p->kernel * p->kernel; tap++) {
      const size_t column = pixel * p->stride + tap % p->kernel;
      oracle_term(&chain, p->weights[c * p->kernel * p->kernel + tap],
                  p->rows[tap / p->kernel].data[column * p->x_stride + c]);
    }
    const struct oracle o = oracle_end(&chain, p->lo, p->hi);
    chains[at] = o.chain;
    near = near && oracle_allows(&o, MBCONV_ACTIVATION_NONE, p->want[at]);
  }
  test_check_equal(t, p->want, chains, PIXELS * CHANNELS, "scalar against the chain");
  test_check(t, near, "scalar is farther from the exact sum than the bound");
}

static void problem_new(struct problem *p, uint64_t *state, bool wide, size_t lanes, enum test_guard guard) {
  const size_t columns = (PIXELS - 1) * p->stride + p->kernel;
  p->wide = wide;
  p->x_stride = CHANNELS + (wide ? lanes : 0);
  p->lo = wide && !p->silu ? -0.5f : -INFINITY;
  p->hi = wide && !p->silu ? 0.75f : INFINITY;
  for (size_t i = 0; i < p->kernel; i++) {
    test_buffer_new_rows(state, &p->rows[i], columns, CHANNELS, p->x_stride, guard);
  }
  /* A NaN passes, an infinity is clamped. */
  if (wide) p->rows[0].data[2 * p->x_stride + CHANNELS - 2] = NAN;
  if (wide) p->rows[1].data[3 * p->x_stride + CHANNELS - 1] = -INFINITY;
  for (size_t i = 0; i < p->kernel; i++) test_buffer_protect(&p->rows[i]);
  test_fill(state, p->weights, CHANNELS * p->kernel * p->kernel);
  test_fill(state, p->bias, CHANNELS);
}

static void check_part(struct test *t, const struct problem *p, const struct part *part, const float *packed,
                       struct test_buffer *y) {
  test_at_size(t, part->pixels, part->channels);
  const size_t y_stride = part->channels + (p->wide ? GAP : 0);
  const void *rows[MAX_KERNEL];
  rows_of(p, part, rows);
  test_buffer_reuse(y, (part->pixels - 1) * y_stride + part->channels);
  const struct mbconv_depthwise_group group = {
      part->channels, p->x_stride, y_stride, packed, {p->lo, p->hi, p->silu, NULL}};
  kernel_of(t->kernels, p)(&group, part->pixels, rows, y->data);
  const bool intact = test_buffer_intact(y) && test_gaps_intact(y->data, part->pixels, part->channels, y_stride);
  test_check(t, intact, "wrote outside its outputs");
  bool equal = true;
  for (size_t i = 0; i < part->pixels && equal; i++) {
    const float *want = p->want + (part->pixel + i) * CHANNELS + part->channel;
    equal = test_equal(y->data + i * y_stride, want, part->channels, NULL);
  }
  test_check(t, equal, "differs from the scalar set");
}

/* Emulated: of the channel counts those around whole vectors, and every other pixel count. */
static void check_parts(struct test *t, const struct problem *p) {
  const size_t lanes = t->kernels->lanes;
  const enum test_guard guard = p->rows[0].guard;
  struct test_buffer y, packed;
  test_buffer_new(&y, PIXELS * (MOST_CHANNELS + GAP), guard);
  for (size_t channels = 1; channels <= MOST_CHANNELS; channels++) {
    if (t->small && channels > 1 && ((channels + 1) % lanes > 2 || (lanes == 1 && channels > 3))) continue;
    /* x is read up to a whole vector, so that is what must be flush. */
    const size_t read = (channels + lanes - 1) / lanes * lanes;
    struct part part = {.channels = channels};
    part.channel = guard == TEST_GUARD_AFTER ? CHANNELS - read : 0;
    pack(p, &part, lanes, &packed);
    for (part.pixels = 1; part.pixels <= PIXELS; part.pixels++) {
      if (t->small && (part.pixels + channels) % 2 == 0) continue;
      part.pixel = guard == TEST_GUARD_AFTER ? PIXELS - part.pixels : 0;
      check_part(t, p, &part, packed.data, &y);
    }
    test_buffer_free(&packed);
  }
  test_buffer_free(&y);
}

void depthwise_kernels(struct test *t, uint64_t *state) {
  const size_t kernels = 3 * 2 * 2 * 2; /* kernel, stride, whether wide, guard */
  for (size_t i = 0; i < (t->kernels->tiles_silu ? 2 : 1) * kernels; i++) {
    const enum test_guard guard = i & 1 ? TEST_GUARD_BEFORE : TEST_GUARD_AFTER;
    struct problem p = {.kernel = 3 + 2 * (i % kernels >> 3), .stride = 1 + (i >> 2 & 1), .silu = i >= kernels};
    problem_new(&p, state, i & 2, t->kernels->lanes, guard);
    test_at(t, "kernel %zu, stride %zu, %s%s, guard %s", p.kernel, p.stride, p.wide ? "wide rows" : "dense",
            p.silu   ? ", SiLU"
            : p.wide ? ", clamped"
                     : "",
            guard == TEST_GUARD_AFTER ? "after" : "before");
    compute_by_scalar(&p);
    check_scalar(t, &p);
    if (p.silu)
      mbconv_kernels_scalar.activation[MBCONV_EXP_INLINE - MBCONV_EXP_SLEEF][MBCONV_ACTIVATION_SILU](PIXELS * CHANNELS,
                                                                                                     p.want, p.want);
    check_parts(t, &p);
    for (size_t row = 0; row < p.kernel; row++) test_buffer_free(&p.rows[row]);
  }
}
