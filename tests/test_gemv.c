/* SPDX-License-Identifier: MIT
 *
 * One pixel through several panels: equal to the scalar set's tile, panel by panel.
 */
#include <math.h>
#include <stdlib.h>

#include "test.h"

enum { MOST_PANELS = 20 };

struct shape {
  size_t k, panels;
  bool residual, in_place;
  float lo, hi;
  bool silu;
};

/* The scalar tile over the same packed weights, 4 channels at a time. */
static void compute_by_scalar(const struct shape *s, size_t width, const float *packed, const float *x,
                              const float *residual, float *want) {
  const struct mbconv_pointwise_tile *tile = &mbconv_kernels_scalar.pointwise[0];
  float *weights = malloc(s->k * tile->channels * sizeof *weights);
  void *rows = want;
  for (size_t c = 0; c < s->panels * width; c += tile->channels) {
    const float *panel = packed + c / width * (s->k + 1) * width + c % width;
    for (size_t i = 0; i < s->k; i++)
      memcpy(weights + i * tile->channels, panel + (i + 1) * width, tile->channels * sizeof *weights);
    const struct mbconv_pointwise_panel four = {.k = s->k,
                                                .segment = s->k,
                                                .weights = weights,
                                                .bias = panel,
                                                .channels = tile->channels,
                                                .ending = {s->lo, s->hi, false}};
    tile->run(&four, 1, 1, x, &rows, c, residual ? residual + c : NULL);
  }
  free(weights);
}

static void check(struct test *t, uint64_t *state, const struct shape *s, enum test_guard guard) {
  const size_t width = t->kernels->pointwise[0].channels, channels = s->panels * width;
  test_at(t, "k %zu, %zu panels, residual %d, in place %d, guard %d", s->k, s->panels, s->residual, s->in_place, guard);
  struct test_buffer x, packed, residual, y;
  test_buffer_new_rows(state, &x, 1, s->k, s->k, guard);
  test_buffer_new_rows(state, &residual, 1, channels, channels, guard);
  float *values = test_new_floats(state, channels * (s->k + 1));
  const size_t align = MBCONV_ALIGNMENT / sizeof(float);
  test_buffer_new(&packed, (channels * (s->k + 1) + align - 1) / align * align, TEST_GUARD_AFTER);
  memcpy(packed.data, values, channels * (s->k + 1) * sizeof *values);
  if (s->k > 4) x.data[s->k / 2] = s->panels % 5 == 4 ? NAN : -0.0f;
  test_buffer_protect(&x);
  test_buffer_protect(&packed);
  test_buffer_protect(&residual);
  test_buffer_new(&y, channels, guard);
  if (s->in_place) memcpy(y.data, residual.data, channels * sizeof *y.data);
  float *want = malloc(channels * sizeof *want);
  compute_by_scalar(s, width, packed.data, x.data, s->residual ? residual.data : NULL, want);
  if (s->silu)
    mbconv_kernels_scalar.activation[MBCONV_EXP_INLINE - MBCONV_EXP_SLEEF][MBCONV_ACTIVATION_SILU](channels, want,
                                                                                                   want);
  const struct mbconv_pointwise_panel first = {.k = s->k,
                                               .segment = s->k,
                                               .weights = packed.data + width,
                                               .bias = packed.data,
                                               .next = (s->k + 1) * width * sizeof(float),
                                               .channels = width,
                                               .ending = {s->lo, s->hi, s->silu}};
  t->kernels->gemv(&first, s->panels, x.data, y.data, !s->residual ? NULL : s->in_place ? y.data : residual.data);
  test_check_equal(t, y.data, want, channels, "gemv against the scalar tile");
  test_check(t, test_buffer_intact(&y), "gemv wrote outside its output");
  free(want);
  free(values);
  test_buffer_free(&x);
  test_buffer_free(&packed);
  test_buffer_free(&residual);
  test_buffer_free(&y);
}

void test_gemv(struct test *t) {
  static const size_t ks[] = {1, 2, 5, 17, 64};
  uint64_t state = t->seed;
  for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) {
    for (size_t panels = 1; panels <= MOST_PANELS; panels += t->small && panels > 3 ? 3 : 1) {
      /* By another k another choice, so that every number of panels has each. */
      const bool residual = (panels + i) % 2, clamped = (panels + i) % 3;
      const struct shape s = {.k = ks[i],
                              .panels = panels,
                              .residual = residual,
                              .in_place = residual && (panels + i) % 4 == 1,
                              .lo = clamped ? -0.5f : -INFINITY,
                              .hi = clamped ? 0.5f : INFINITY,
                              .silu = !clamped && t->kernels->tiles_silu};
      check(t, &state, &s, TEST_GUARD_AFTER);
      check(t, &state, &s, TEST_GUARD_BEFORE);
    }
  }
}
