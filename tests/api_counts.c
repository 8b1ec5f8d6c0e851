/* SPDX-License-Identifier: MIT
 *
 * Counts of parameters and multiply-adds, against known values and for bad arguments.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "api.h"
#include "block.h"

static void check_counts(struct test *t, const char *what, mbconv_status status, const mbconv_counts *counts,
                         uint64_t parameters, uint64_t multiply_adds, const mbconv_error *error) {
  api_check_error(t, what, status, MBCONV_OK, error);
  test_check(t, counts->parameters == parameters && counts->multiply_adds == multiply_adds,
             "%s: %llu parameters, %llu multiply-adds; %llu and %llu are right", what,
             (unsigned long long)counts->parameters, (unsigned long long)counts->multiply_adds,
             (unsigned long long)parameters, (unsigned long long)multiply_adds);
}

static void check_no_counts(struct test *t, const char *what, mbconv_status status, mbconv_status expected,
                            mbconv_counts *counts, mbconv_error *error) {
  api_check_error(t, what, status, expected, error);
  test_check(t, counts->parameters == 5 && counts->multiply_adds == 6, "%s: counts were written", what);
  *error = api_stale_error();
}

/* Every choice of a bias and a BN for each of a block's five convolutions, on an image that is not square with pads
 * that are not equal. */
static void unequal_layers(struct test *t) {
  static const mbconv_batch_norm norm;
  static const float bias;
  const uint64_t in = 3, wide = 11, narrow = 5, out = 7, taps = 9, in_pixels = 6 * 9, out_pixels = 3 * 6;
  const uint64_t outputs[] = {wide, wide, out, narrow, wide},
                 weights[] = {wide * in, wide * taps, out * wide, narrow * wide, wide * narrow};
  const uint64_t pixels[] = {in_pixels, out_pixels, out_pixels, 1, 1};
  for (size_t choice = 0; choice < 1024; choice++) {
    for (size_t left_out = 0; left_out < 4; left_out++) { /* bit 0: the expand; bit 1: squeeze-excite */
      mbconv_conv convs[5];
      uint64_t parameters = 0, multiply_adds = 0;
      for (size_t i = 0; i < 5; i++) {
        const bool biased = choice >> i & 1, normed = choice >> (5 + i) & 1;
        convs[i] = (mbconv_conv){.bias = biased ? &bias : NULL, .batch_norm = normed ? &norm : NULL};
        if ((i == 0 && left_out & 1) || (i >= 3 && left_out & 2)) continue;
        parameters += weights[i] + outputs[i] * ((biased ? 1 : 0) + (normed ? 2 : 0));
        multiply_adds += weights[i] * pixels[i];
      }
      const mbconv_squeeze_excite squeeze = {.width = narrow, .reduce = &convs[3], .expand = &convs[4]};
      const mbconv_block_desc desc = {.height = 6,
                                      .width = 9,
                                      .in_channels = left_out & 1 ? wide : in,
                                      .expanded_channels = wide,
                                      .out_channels = out,
                                      .expand = left_out & 1 ? NULL : &convs[0],
                                      .depthwise = &convs[1],
                                      .project = &convs[2],
                                      .squeeze_excite = left_out & 2 ? NULL : &squeeze,
                                      .kernel = 3,
                                      .stride = 2,
                                      .pad = {.top = 0, .bottom = 1, .left = 2, .right = 2}};
      mbconv_counts n = {0};
      mbconv_error e = api_stale_error();
      test_at(t, "counts, choice %zu, left out %zu", choice, left_out);
      check_counts(t, "block", mbconv_block_count(&desc, &n, &e), &n, parameters, multiply_adds, &e);
    }
    const mbconv_conv conv = {.bias = choice & 1 ? &bias : NULL, .batch_norm = choice & 2 ? &norm : NULL};
    const mbconv_convolution_desc desc = {.height = 6,
                                          .width = 9,
                                          .in_channels = in,
                                          .out_channels = out,
                                          .kernel = 1 + choice / 4 % 6,
                                          .stride = 1 + choice / 24 % 2,
                                          .pad = {0, 0, 0, 0},
                                          .conv = &conv};
    const uint64_t window = in * desc.kernel * desc.kernel;
    const uint64_t here = ((6 - desc.kernel) / desc.stride + 1) * ((9 - desc.kernel) / desc.stride + 1);
    mbconv_counts n = {0};
    mbconv_error e = api_stale_error();
    if (choice < 48)
      check_counts(t, "convolution", mbconv_convolution_count(&desc, &n, &e), &n,
                   out * (window + (choice & 1 ? 1 : 0) + (choice & 2 ? 2 : 0)), out * window * here, &e);
  }
}

/* Counts at the last number that fits into 64 bits and at the first that does not, where the products of the layers fit
 * and their sum alone does not. `each` is what a pixel, or a channel, adds. */
static void limits_of_sums(struct test *t, mbconv_counts *n) {
  const mbconv_status over = MBCONV_SIZE_OVERFLOW;
  mbconv_error e = api_stale_error();
  if (SIZE_MAX < UINT64_MAX) return; /* no size is large enough */
  const size_t most = SIZE_MAX;
  test_at(t, "limits of counts");
  for (size_t in = 1; in <= 9; in++) {
    for (size_t out = 1; out <= 9; out++) {
      const size_t plain = 9 * out * (in + out), bottleneck = in * 2 + 9 * 4 + 2 * out;
      check_counts(t, "plain", mbconv_plain_block_count(most / plain, 1, in, out, n, &e), n, plain + 4 * out,
                   most / plain * plain, &e);
      check_counts(t, "bottleneck", mbconv_bottleneck_count(1, most / bottleneck, in, 2, out, n, &e), n,
                   bottleneck + 8 + 2 * out, most / bottleneck * bottleneck, &e);
      *n = (mbconv_counts){5, 6};
      e = api_stale_error();
      check_no_counts(t, "plain", mbconv_plain_block_count(1, most / plain + 1, in, out, n, &e), over, n, &e);
      check_no_counts(t, "bottleneck", mbconv_bottleneck_count(most / bottleneck + 1, 1, in, 2, out, n, &e), over, n,
                      &e);
    }
  }
  /* Parameters: the BNs' come on top of the weights; 9 * in + 9 + 4 for one channel out. */
  const size_t last = (most - 9 - 4) / 9;
  check_counts(t, "plain, channels", mbconv_plain_block_count(1, 1, last, 1, n, &e), n, 9 * last + 13, 9 * last + 9,
               &e);
  *n = (mbconv_counts){5, 6};
  e = api_stale_error();
  check_no_counts(t, "plain, channels", mbconv_plain_block_count(1, 1, last + 1, 1, n, &e), over, n, &e);
  const size_t wide = (most - 1 - 9 - 2 - 2) / 3; /* 1 in, 1 in the bottleneck, `wide` out: wide + 2 * wide on top */
  check_counts(t, "bottleneck, channels", mbconv_bottleneck_count(1, 1, 1, 1, wide, n, &e), n, 3 * wide + 14, wide + 10,
               &e);
  *n = (mbconv_counts){5, 6};
  e = api_stale_error();
  check_no_counts(t, "bottleneck, channels", mbconv_bottleneck_count(1, 1, 1, 1, wide + 1, n, &e), over, n, &e);
  /* The weights fit, the BN's parameters fit, their sum is a small number. */
  check_no_counts(t, "bottleneck, channels", mbconv_bottleneck_count(1, 1, 1, 1, most / 2, n, &e), over, n, &e);
  /* The multiply-adds of each layer of a block fit, their sum does not. */
  static const mbconv_conv bare;
  mbconv_block_desc desc = {.height = (size_t)1 << 20,
                            .width = (size_t)1 << 20,
                            .in_channels = 2800,
                            .expanded_channels = 2800,
                            .out_channels = 2800,
                            .expand = &bare,
                            .depthwise = &bare,
                            .project = &bare,
                            .kernel = 3,
                            .stride = 1,
                            .pad = {1, 1, 1, 1}};
  const uint64_t pixels = (uint64_t)1 << 40, channels = 2800;
  check_counts(t, "block", mbconv_block_count(&desc, n, &e), n, channels * (2 * channels + 9),
               pixels * channels * (2 * channels + 9), &e);
  desc.in_channels = desc.expanded_channels = desc.out_channels = 3000;
  *n = (mbconv_counts){5, 6};
  e = api_stale_error();
  check_no_counts(t, "block", mbconv_block_count(&desc, n, &e), over, n, &e);
}

void api_counts(struct test *t, const struct api_fixture *f) {
  mbconv_counts scratch = {0};
  unequal_layers(t);
  limits_of_sums(t, &scratch);
  test_at(t, "counts");
  mbconv_error e = api_stale_error();
  mbconv_counts n = {0};
  check_counts(t, "plain 16", mbconv_plain_block_count(32, 32, 16, 16, &n, &e), &n, 4672, 1024 * 4608, &e);
  check_counts(t, "plain 3 to 8", mbconv_plain_block_count(2, 5, 3, 8, &n, &e), &n, 216 + 576 + 32, 10 * 792, &e);
  check_counts(t, "bottleneck", mbconv_bottleneck_count(7, 7, 256, 64, 256, &n, &e), &n, 16384 * 2 + 36864 + 768,
               49 * (16384 * 2 + 36864), &e);
  static const mbconv_batch_norm norm; /* its pointers do not matter, */
  static const float bias;             /* nor what biases are */
  const mbconv_conv bare = {.batch_norm = &norm}, biased = {.bias = &bias};
  for (size_t i = 0; i < BLOCK_LAYERS; i++) {
    mbconv_block_desc desc = block_layer_shape(&block_layers[i]);
    const bool expand = desc.in_channels != desc.expanded_channels;
    const uint64_t wide = desc.expanded_channels, taps = desc.kernel * desc.kernel;
    uint64_t parameters = wide * (taps + 2) + desc.out_channels * (wide + 2);
    if (expand) parameters += wide * (desc.in_channels + 2);
    desc.expand = expand ? &bare : NULL;
    desc.depthwise = desc.project = &bare;
    mbconv_counts with = {0};
    api_check_error(t, block_layers[i].name, mbconv_block_count(&desc, &n, &e), MBCONV_OK, &e);
    test_check(t,
               n.parameters == parameters &&
                   fabs((double)n.multiply_adds * 1e-6 - block_layers[i].million_multiply_adds) <= 0.005001,
               "%s: %llu parameters, %llu multiply-adds", block_layers[i].name, (unsigned long long)n.parameters,
               (unsigned long long)n.multiply_adds);
    const mbconv_squeeze_excite squeeze = {.width = 4, .reduce = &biased, .expand = &biased};
    desc.squeeze_excite = &squeeze;
    check_counts(t, "squeeze-excite", mbconv_block_count(&desc, &with, &e), &with, n.parameters + 8 * wide + 4 + wide,
                 n.multiply_adds + 8 * wide, &e);
    if (strcmp(block_layers[i].name, "s0") == 0) test_check(t, n.parameters == 4352, "the block of 16 channels");
  }

  const mbconv_status bad = MBCONV_INVALID_ARGUMENT, over = MBCONV_SIZE_OVERFLOW;
  n = (mbconv_counts){5, 6};
  e = api_stale_error();
  check_no_counts(t, "plain NULL", mbconv_plain_block_count(1, 1, 1, 1, NULL, &e), bad, &n, &e);
  check_no_counts(t, "bottleneck NULL", mbconv_bottleneck_count(1, 1, 1, 1, 1, NULL, &e), bad, &n, &e);
  check_no_counts(t, "block NULL", mbconv_block_count(&f->c.desc, NULL, &e), bad, &n, &e);
  check_no_counts(t, "desc NULL", mbconv_block_count(NULL, &n, &e), bad, &n, &e);
  const bool wide = SIZE_MAX > UINT32_MAX; /* with sizes of 32 bits no product of these is too large for 64 */
  for (size_t zero = 0; zero < 5; zero++) {
    size_t s[5] = {3, 3, 3, 3, 3};
    s[zero] = 0;
    check_no_counts(t, "bottleneck 0", mbconv_bottleneck_count(s[0], s[1], s[2], s[3], s[4], &n, &e), bad, &n, &e);
    if (zero < 4) check_no_counts(t, "plain 0", mbconv_plain_block_count(s[0], s[1], s[2], s[3], &n, &e), bad, &n, &e);
    if (!wide) continue;
    s[zero] = SIZE_MAX;
    check_no_counts(t, "bottleneck huge", mbconv_bottleneck_count(s[0], s[1], s[2], s[3], s[4], &n, &e), over, &n, &e);
    if (zero < 4)
      check_no_counts(t, "plain huge", mbconv_plain_block_count(s[0], s[1], s[2], s[3], &n, &e), over, &n, &e);
  }
  /* Products that wrap around to 0. */
  const size_t half = (size_t)1 << (wide ? 32 : 31);
  check_no_counts(t, "plain", mbconv_plain_block_count(half, half, 16, 16, &n, &e), over, &n, &e);
  check_no_counts(t, "plain", mbconv_plain_block_count(1, 1, half, half, &n, &e), over, &n, &e);
  check_no_counts(t, "bottleneck", mbconv_bottleneck_count(half, half, 4, 4, 4, &n, &e), over, &n, &e);
  check_no_counts(t, "bottleneck", mbconv_bottleneck_count(1, 1, half, half, 4, &n, &e), over, &n, &e);
  check_no_counts(t, "bottleneck", mbconv_bottleneck_count(half, 1, 4, half, 4, &n, &e), over, &n, &e);
  /* The two convolutions of the plain block count what it counts. */
  mbconv_counts one = {0}, two = {0}, both = {0};
  mbconv_convolution_desc convolution = {
      .height = 32, .width = 32, .in_channels = 12, .out_channels = 16, .kernel = 3, .stride = 1, .pad = {1, 1, 1, 1}};
  convolution.conv = &(mbconv_conv){.batch_norm = &(mbconv_batch_norm){0}};
  api_check_error(t, "convolution", mbconv_convolution_count(&convolution, &one, &e), MBCONV_OK, &e);
  convolution.in_channels = 16;
  api_check_error(t, "convolution", mbconv_convolution_count(&convolution, &two, &e), MBCONV_OK, &e);
  api_check_error(t, "plain", mbconv_plain_block_count(32, 32, 12, 16, &both, &e), MBCONV_OK, &e);
  test_check(t, one.parameters + two.parameters == both.parameters, "parameters of two convolutions");
  test_check(t, one.multiply_adds + two.multiply_adds == both.multiply_adds, "multiply-adds of two convolutions");
  e = api_stale_error();
  check_no_counts(t, "convolution NULL", mbconv_convolution_count(&convolution, NULL, &e), bad, &n, &e);
  check_no_counts(t, "desc NULL", mbconv_convolution_count(NULL, &n, &e), bad, &n, &e);
  convolution.type = (mbconv_type)5;
  check_no_counts(t, "convolution, type 5", mbconv_convolution_count(&convolution, &n, &e), bad, &n, &e);
  convolution.type = MBCONV_F32;
  convolution.kernel = 8;
  check_no_counts(t, "kernel 8", mbconv_convolution_count(&convolution, &n, &e), bad, &n, &e);
  /* Each tensor of the block fits, the multiply-adds do not; with sizes of 32 bits such a tensor does not fit either.
   */
  mbconv_block_desc desc = f->c.desc;
  desc.height = desc.width = (size_t)1 << 20;
  desc.in_channels = desc.expanded_channels = desc.out_channels = (size_t)1 << 15;
  const mbconv_status itself = wide ? MBCONV_OK : over;
  struct mbconv_described described;
  test_check(t, mbconv_block_check(&desc, false, &described, NULL) == itself, "the large block itself");
  check_no_counts(t, "multiply-adds", mbconv_block_count(&desc, &n, &e), over, &n, &e);
  desc = f->c.desc;
  desc.type = (mbconv_type)5;
  check_no_counts(t, "type 5", mbconv_block_count(&desc, &n, &e), bad, &n, &e);
  desc = f->c.desc;
  desc.kernel = 4;
  check_no_counts(t, "kernel 4", mbconv_block_count(&desc, &n, &e), bad, &n, &e);
  test_check(t, mbconv_block_count(&desc, &n, NULL) == bad, "without an error struct");
  desc.kernel = 3;
  test_check(t, mbconv_block_count(&desc, &n, NULL) == MBCONV_OK, "without an error struct");
}
