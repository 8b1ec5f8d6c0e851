/* SPDX-License-Identifier: MIT
 *
 * Blocks of images with special values.
 */
#include "block_values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "block_case.h"
#include "block_subject.h"
#include "oracle.h"

/* Images of NaN, infinities, zeros of both signs, denormals and huge numbers: equal to the scalar set in both layouts.
 */
static void special_values(struct test *t) {
  const float specials[] = {NAN, INFINITY, -INFINITY, -0.0f, 0x1p-140f, -0x1p-149f, 3e38f, -3e38f, 1e20f, -1e20f};
  const size_t count = sizeof specials / sizeof *specials;
  for (int kind = MBCONV_ACTIVATION_NONE; kind <= MBCONV_ACTIVATION_HARD_SWISH; kind++) {
    for (size_t squeeze = 0; squeeze < 2; squeeze++) {
      if (t->small && squeeze == (size_t)kind % 2) continue;
      mbconv_block_desc shape = {.height = 5,
                                 .width = 6,
                                 .in_channels = 5,
                                 .expanded_channels = 19,
                                 .out_channels = 5,
                                 .kernel = 3,
                                 .stride = 1,
                                 .pad = {1, 1, 1, 1}};
      shape.activation = (mbconv_activation_kind)kind;
      const struct block_parts parts = {.expand = true,
                                        .squeeze_excite = squeeze ? 2 : 0,
                                        .inner = MBCONV_ACTIVATION_SILU,
                                        .gate = MBCONV_ACTIVATION_HARD_SIGMOID};
      uint64_t state = t->seed;
      struct block_subject s;
      block_subject_new(t, &s, &shape, &parts, 1, &state);
      for (size_t i = 0; i < count; i++) {
        test_at(t, "special value %g, activation %d, squeeze-excite %zu", (double)specials[i], kind, squeeze);
        test_fill(&state, s.x, block_case_x_size(&shape));
        for (size_t n = 0; n < i % 3 + 1; n++)
          s.x[test_random_size(&state, 0, block_case_x_size(&shape) - 1)] = specials[(i + n) % count];
        block_subject_expect(t, &s);
        struct block_run run = block_run_on(t->isa);
        run.layout = i % 2 ? MBCONV_NCHW : MBCONV_NHWC;
        block_subject_check(t, &s, &run);
        block_subject_check_oracle(t, &s, false);
      }
      test_at(t, "all denormal, activation %d, squeeze-excite %zu", kind, squeeze);
      for (size_t i = 0; i < block_case_x_size(&shape); i++) s.x[i] = 0x1p-130f * test_random_float(&state);
      block_subject_expect(t, &s);
      const struct block_run run = block_run_on(t->isa);
      block_subject_check(t, &s, &run);
      block_subject_check_oracle(t, &s, false);
      block_subject_free(&s);
    }
  }
}

/* Whether a window of kernel 3 around pixel `middle` has a tap at `pixel`. */
static bool taps(size_t middle, size_t pixel, size_t dilation) {
  return middle == pixel || middle + dilation == pixel || middle == pixel + dilation;
}

/* A NaN in one input pixel comes out in exactly the pixels whose windows hold it, whatever the activation. */
static void nan_spreads(struct test *t) {
  for (int kind = MBCONV_ACTIVATION_NONE; kind <= MBCONV_ACTIVATION_HARD_SWISH; kind++) {
    const size_t dilation = 1 + (size_t)kind % 3;
    mbconv_block_desc shape = {.height = 7,
                               .width = 8,
                               .in_channels = 3,
                               .expanded_channels = 18,
                               .out_channels = 4,
                               .kernel = 3,
                               .stride = 1,
                               .pad = {dilation, dilation, dilation, dilation},
                               .dilation = dilation};
    shape.activation = (mbconv_activation_kind)kind;
    const struct block_parts parts = {.expand = true, .bias = true};
    uint64_t state = t->seed;
    test_at(t, "NaN in one pixel, activation %d", kind);
    struct block_subject s;
    block_subject_new(t, &s, &shape, &parts, 1, &state);
    const size_t row = 2, column = 7;
    s.x[(row * shape.width + column) * shape.in_channels + 1] = NAN;
    const struct block_run run = block_run_on(t->isa);
    block_subject_run(t, &s, &run);
    bool ok = true;
    for (size_t i = 0; i < s.y_size; i++) {
      const size_t h = i / shape.out_channels / shape.width, w = i / shape.out_channels % shape.width;
      const bool in_window = taps(h, row, dilation) && taps(w, column, dilation);
      if ((s.y[i] != s.y[i]) != in_window) ok = false;
    }
    test_check(t, ok, "NaN did not come out where it had to");
    block_subject_free(&s);
  }
}

void block_values(struct test *t) {
  nan_spreads(t);
  special_values(t);
}
