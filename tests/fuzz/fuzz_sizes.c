/* SPDX-License-Identifier: MIT
 *
 * Hostile descriptions: any size, any enum value, with an allocator that has little. A create refuses
 * and says why, or makes an object that keeps its promises: what it asks for in scratch it can run in. So does each
 * call that names a size, whatever the object was made for.
 *
 * Weights are flush against guard pages where an object could be made of them; where they would be larger than what
 * the allocator has, reading the first of them ends the run.
 */
#include <sys/mman.h>

#include "hostile.h"
#include "input.h"
#include "mbconv.h"
#include "promises.h"

/* ---- The objects ------------------------------------------------------------------------------------------------- */

/* A block is run with a residual if it was made for one: this has as many floats as any that is run. */
static const float added[MOST_RUN];
static bool residual_given;

static mbconv_status run_block(const void *object, const struct size *at, size_t batch, const float *x, float *y,
                               void *scratch, size_t size, mbconv_error *error) {
  if (residual_given && at)
    return mbconv_block_run_residual_at(object, batch, at->height, at->width, x, added, y, scratch, size, NULL, error);
  if (residual_given) return mbconv_block_run_residual(object, batch, x, added, y, scratch, size, NULL, error);
  if (at) return mbconv_block_run_at(object, batch, at->height, at->width, x, y, scratch, size, NULL, error);
  return mbconv_block_run(object, batch, x, y, scratch, size, NULL, error);
}

static mbconv_status block_output_size(const void *object, size_t height, size_t width, size_t *out_height,
                                       size_t *out_width, mbconv_error *error) {
  return mbconv_block_output_size_at(object, height, width, out_height, out_width, error);
}

static mbconv_status block_scratch_size(const void *object, size_t height, size_t width, size_t threads, size_t *bytes,
                                        mbconv_error *error) {
  return mbconv_block_scratch_size_at(object, height, width, threads, bytes, error);
}

static void check_block(struct fuzz_input *in, struct weights *w) {
  mbconv_batch_norm norms[5];
  mbconv_conv convs[5];
  mbconv_block_desc desc = {.height = fuzz_hostile(in),
                            .width = fuzz_hostile(in),
                            .in_channels = fuzz_hostile(in),
                            .expanded_channels = fuzz_hostile(in),
                            .out_channels = fuzz_hostile(in),
                            .kernel = small(in, 3, 7),
                            .stride = small(in, 1, 2),
                            .pad = pad_of(in),
                            .activation = (mbconv_activation_kind)choice(in),
                            .residual = (mbconv_residual)choice(in),
                            .layout = (mbconv_layout)choice(in),
                            .strip_rows = small(in, 0, 4),
                            .group_channels = small(in, 0, 40)};
  desc.pad_kind = pad_kind_of(in, &desc.pad);
  mbconv_squeeze_excite excite = {.width = small(in, 1, 20)};
  const uint64_t parts = fuzz_bytes(in, 1);
  const wide expanded = desc.expanded_channels;
  convs[0] = conv_new(in, w, expanded, desc.in_channels, &norms[0]);
  convs[1] = conv_new(in, w, expanded, times(desc.kernel, desc.kernel), &norms[1]);
  convs[2] = conv_new(in, w, desc.out_channels, expanded, &norms[2]);
  if (parts & 1) desc.expand = &convs[0];
  if (parts & 126) desc.depthwise = &convs[1];
  if (parts & 124) desc.project = &convs[2];
  if (parts & 128) {
    convs[3] = conv_new(in, w, excite.width, expanded, &norms[3]);
    convs[4] = conv_new(in, w, expanded, excite.width, &norms[4]);
    excite.reduce = &convs[3];
    excite.expand = &convs[4];
    excite.inner = (mbconv_activation_kind)choice(in);
    excite.gate = (mbconv_activation_kind)choice(in);
    desc.squeeze_excite = &excite;
  }
  const mbconv_options options = options_of(in);
  const size_t threads = fuzz_hostile(in), batch = fuzz_hostile(in);
  desc.dilation = fuzz_hostile(in);
  mbconv_block *block = NULL;
  mbconv_error error;
  mbconv_counts counts;
  residual_given = desc.residual == MBCONV_RESIDUAL_GIVEN;
  const mbconv_status counted = mbconv_block_count(&desc, &counts, NULL);
  const mbconv_status status = mbconv_block_create(&desc, &options, &block, &error);
  if (status != MBCONV_OK) {
    refused(&error, status, block);
    return;
  }
  const bool any = desc.height == 0;
  fuzz_require(any ? counted == MBCONV_INVALID_ARGUMENT : counted == MBCONV_OK || counted == MBCONV_SIZE_OVERFLOW,
               "a block that cannot be counted");
  char text[512];
  fuzz_require(mbconv_block_describe(block, threads, text, sizeof text) == strlen(text), "a description cut off");
  fuzz_require(mbconv_block_scratch_size(block, threads) >= mbconv_block_scratch_size(block, 1),
               "less for more threads");
  struct image_operator o = {.object = block,
                             .run = run_block,
                             .output_size = block_output_size,
                             .scratch_size = block_scratch_size,
                             .made = {desc.height, desc.width},
                             .made_scratch = mbconv_block_scratch_size(block, 1),
                             .in = desc.in_channels,
                             .out = desc.out_channels};
  mbconv_block_output_size(block, &o.made_out.height, &o.made_out.width);
  check_operator(in, &o, threads, batch);
  mbconv_block_destroy(block);
}

struct stages_parameters {
  mbconv_batch_norm norms[MBCONV_MOST_STAGES + 2];
  mbconv_conv convs[MBCONV_MOST_STAGES + 2];
  mbconv_squeeze_excite excite;
};

/* A stage that reads `in_channels`, mostly sound by itself; returns its output channels. */
static size_t stage_new(struct fuzz_input *in, struct weights *w, size_t index, size_t in_channels,
                        struct stages_parameters *p, mbconv_stage_desc *stage) {
  const int kind = choice(in);
  stage->kind = (mbconv_stage_kind)kind;
  const bool keeps = kind == MBCONV_STAGE_DEPTHWISE || kind == MBCONV_STAGE_SQUEEZE_EXCITE;
  const bool windowed = kind == MBCONV_STAGE_DEPTHWISE || kind == MBCONV_STAGE_DENSE;
  stage->activation = (mbconv_activation_kind)(fuzz_bytes(in, 1) % 13);
  if (!keeps || fuzz_bytes(in, 1) > 200) stage->out_channels = small(in, 1, 20);
  if (windowed || fuzz_bytes(in, 1) > 240) {
    stage->kernel = small(in, 3, 5);
    stage->stride = small(in, 1, 2);
    if (fuzz_bytes(in, 1) > 200) stage->dilation = fuzz_hostile(in);
    stage->pad = pad_of(in);
    stage->pad_kind = pad_kind_of(in, &stage->pad);
  }
  const wide out = keeps ? in_channels : stage->out_channels, taps = times(stage->kernel, stage->kernel);
  const wide inputs = kind == MBCONV_STAGE_DEPTHWISE ? 1 : in_channels;
  if (kind == MBCONV_STAGE_SQUEEZE_EXCITE) {
    mbconv_conv *const pair = &p->convs[MBCONV_MOST_STAGES];
    p->excite.width = small(in, 1, 20);
    pair[0] = conv_new(in, w, p->excite.width, in_channels, &p->norms[MBCONV_MOST_STAGES]);
    pair[1] = conv_new(in, w, in_channels, p->excite.width, &p->norms[MBCONV_MOST_STAGES + 1]);
    p->excite.reduce = &pair[0];
    p->excite.expand = &pair[1];
    p->excite.inner = p->excite.gate = (mbconv_activation_kind)(fuzz_bytes(in, 1) % 12);
    stage->squeeze_excite = &p->excite;
    return in_channels;
  }
  p->convs[index] = conv_new(in, w, out, times(inputs, windowed ? taps : 1), &p->norms[index]);
  if (fuzz_flag(in)) p->convs[index].slope = p->convs[index].scale = weights_new(w, out);
  stage->conv = &p->convs[index];
  return (size_t)out;
}

static void check_stages(struct fuzz_input *in, struct weights *w) {
  struct stages_parameters parameters = {0};
  mbconv_stage_desc stages[MBCONV_MOST_STAGES] = {0};
  mbconv_stages_desc desc = {.height = fuzz_hostile(in),
                             .width = fuzz_hostile(in),
                             .in_channels = small(in, 1, 20),
                             .count = small(in, 1, 4),
                             .stages = stages,
                             .residual = (mbconv_residual)choice(in),
                             .residual_place = (mbconv_residual_place)(fuzz_bytes(in, 1) % 3),
                             .layout = (mbconv_layout)(fuzz_bytes(in, 1) % 3),
                             .strip_rows = small(in, 0, 4),
                             .group_channels = small(in, 0, 40)};
  const mbconv_options options = options_of(in);
  const size_t threads = fuzz_hostile(in), batch = fuzz_hostile(in);
  size_t channels = desc.in_channels;
  for (size_t i = 0; i < desc.count && i < MBCONV_MOST_STAGES; i++)
    channels = stage_new(in, w, i, channels, &parameters, &stages[i]);
  if (fuzz_flag(in)) desc.residual_channels = small(in, 0, 20);
  residual_given = desc.residual == MBCONV_RESIDUAL_GIVEN;
  mbconv_block *block = NULL;
  mbconv_error error;
  mbconv_counts counts;
  const mbconv_status counted = mbconv_stages_count(&desc, &counts, NULL);
  const mbconv_status status = mbconv_block_create_stages(&desc, &options, &block, &error);
  if (status != MBCONV_OK) {
    refused(&error, status, block);
    return;
  }
  const bool any = desc.height == 0;
  fuzz_require(any ? counted == MBCONV_INVALID_ARGUMENT : counted == MBCONV_OK || counted == MBCONV_SIZE_OVERFLOW,
               "a list that cannot be counted");
  char text[512];
  fuzz_require(mbconv_block_describe(block, threads, text, sizeof text) == strlen(text), "a description cut off");
  struct image_operator o = {.object = block,
                             .run = run_block,
                             .output_size = block_output_size,
                             .scratch_size = block_scratch_size,
                             .made = {desc.height, desc.width},
                             .made_scratch = mbconv_block_scratch_size(block, 1),
                             .in = desc.in_channels,
                             .out = channels};
  mbconv_block_output_size(block, &o.made_out.height, &o.made_out.width);
  check_operator(in, &o, threads, batch);
  mbconv_block_destroy(block);
}

static mbconv_status run_depthwise(const void *object, const struct size *at, size_t batch, const float *x, float *y,
                                   void *scratch, size_t size, mbconv_error *error) {
  if (at) return mbconv_depthwise_run_at(object, batch, at->height, at->width, x, y, scratch, size, NULL, error);
  return mbconv_depthwise_run(object, batch, x, y, scratch, size, NULL, error);
}

static mbconv_status depthwise_output_size(const void *object, size_t height, size_t width, size_t *out_height,
                                           size_t *out_width, mbconv_error *error) {
  return mbconv_depthwise_output_size_at(object, height, width, out_height, out_width, error);
}

static mbconv_status depthwise_scratch_size(const void *object, size_t height, size_t width, size_t threads,
                                            size_t *bytes, mbconv_error *error) {
  return mbconv_depthwise_scratch_size_at(object, height, width, threads, bytes, error);
}

static void check_depthwise(struct fuzz_input *in, struct weights *w) {
  mbconv_batch_norm norm;
  mbconv_depthwise_desc desc = {.height = fuzz_hostile(in),
                                .width = fuzz_hostile(in),
                                .channels = fuzz_hostile(in),
                                .kernel = small(in, 3, 7),
                                .stride = small(in, 1, 2),
                                .pad = pad_of(in),
                                .activation = (mbconv_activation_kind)choice(in)};
  desc.pad_kind = pad_kind_of(in, &desc.pad);
  const mbconv_conv conv = conv_new(in, w, desc.channels, times(desc.kernel, desc.kernel), &norm);
  desc.conv = &conv;
  const mbconv_options options = options_of(in);
  const size_t threads = fuzz_hostile(in), batch = fuzz_hostile(in);
  desc.dilation = fuzz_hostile(in);
  mbconv_depthwise *depthwise = NULL;
  mbconv_error error;
  const mbconv_status status = mbconv_depthwise_create(&desc, &options, &depthwise, &error);
  if (status != MBCONV_OK) {
    refused(&error, status, depthwise);
    return;
  }
  struct image_operator o = {.object = depthwise,
                             .run = run_depthwise,
                             .output_size = depthwise_output_size,
                             .scratch_size = depthwise_scratch_size,
                             .made = {desc.height, desc.width},
                             .made_scratch = mbconv_depthwise_scratch_size(depthwise, 1),
                             .in = desc.channels,
                             .out = desc.channels};
  fuzz_require(mbconv_depthwise_scratch_size(depthwise, threads) >= o.made_scratch, "less for more threads");
  mbconv_depthwise_output_size(depthwise, &o.made_out.height, &o.made_out.width);
  check_operator(in, &o, threads, batch);
  mbconv_depthwise_destroy(depthwise);
}

static mbconv_status run_convolution(const void *object, const struct size *at, size_t batch, const float *x, float *y,
                                     void *scratch, size_t size, mbconv_error *error) {
  if (at)
    return mbconv_convolution_run_at(object, batch, at->height, at->width, x, y, NULL, scratch, size, NULL, error);
  return mbconv_convolution_run(object, batch, x, y, NULL, scratch, size, NULL, error);
}

static mbconv_status convolution_output_size(const void *object, size_t height, size_t width, size_t *out_height,
                                             size_t *out_width, mbconv_error *error) {
  return mbconv_convolution_output_size_at(object, height, width, out_height, out_width, error);
}

static mbconv_status convolution_scratch_size(const void *object, size_t height, size_t width, size_t threads,
                                              size_t *bytes, mbconv_error *error) {
  return mbconv_convolution_scratch_size_at(object, height, width, threads, bytes, error);
}

static void check_convolution(struct fuzz_input *in, struct weights *w) {
  mbconv_batch_norm norm;
  mbconv_convolution_desc desc = {.height = fuzz_hostile(in),
                                  .width = fuzz_hostile(in),
                                  .in_channels = fuzz_hostile(in),
                                  .out_channels = fuzz_hostile(in),
                                  .kernel = small(in, 1, 7),
                                  .stride = small(in, 1, 2),
                                  .pad = pad_of(in),
                                  .activation = (mbconv_activation_kind)choice(in),
                                  .layout = (mbconv_layout)choice(in)};
  desc.pad_kind = pad_kind_of(in, &desc.pad);
  const mbconv_conv conv =
      conv_new(in, w, desc.out_channels, volume(desc.kernel, desc.kernel, desc.in_channels), &norm);
  desc.conv = &conv;
  const mbconv_options options = options_of(in);
  const size_t threads = fuzz_hostile(in), batch = fuzz_hostile(in);
  mbconv_convolution *convolution = NULL;
  mbconv_error error;
  mbconv_counts counts;
  const mbconv_status counted = mbconv_convolution_count(&desc, &counts, NULL);
  const mbconv_status status = mbconv_convolution_create(&desc, &options, &convolution, &error);
  if (status != MBCONV_OK) {
    refused(&error, status, convolution);
    return;
  }
  const bool any = desc.height == 0;
  fuzz_require(any ? counted == MBCONV_INVALID_ARGUMENT : counted == MBCONV_OK || counted == MBCONV_SIZE_OVERFLOW,
               "a convolution that cannot be counted");
  struct image_operator o = {.object = convolution,
                             .run = run_convolution,
                             .output_size = convolution_output_size,
                             .scratch_size = convolution_scratch_size,
                             .made = {desc.height, desc.width},
                             .made_scratch = mbconv_convolution_scratch_size(convolution, 1),
                             .in = desc.in_channels,
                             .out = desc.out_channels};
  fuzz_require(mbconv_convolution_scratch_size(convolution, threads) >= o.made_scratch, "less for more threads");
  mbconv_convolution_output_size(convolution, &o.made_out.height, &o.made_out.width);
  check_operator(in, &o, threads, batch);
  mbconv_convolution_destroy(convolution);
}

static mbconv_status run_pointwise(const void *object, const struct size *at, size_t batch, const float *x, float *y,
                                   void *scratch, size_t size, mbconv_error *error) {
  (void)at, (void)scratch, (void)size;
  return mbconv_pointwise_run(object, batch, x, 0, y, 0, NULL, 0, NULL, error);
}

static void check_pointwise(struct fuzz_input *in, struct weights *w) {
  mbconv_batch_norm norm;
  mbconv_pointwise_desc desc = {.in_channels = fuzz_hostile(in),
                                .out_channels = fuzz_hostile(in),
                                .activation = (mbconv_activation_kind)choice(in)};
  const mbconv_conv conv = conv_new(in, w, desc.out_channels, desc.in_channels, &norm);
  desc.conv = &conv;
  const mbconv_options options = options_of(in);
  const size_t pixels = fuzz_hostile(in), x_stride = fuzz_hostile(in), y_stride = fuzz_hostile(in);
  mbconv_pointwise *pointwise = NULL;
  mbconv_error error;
  const mbconv_status status = mbconv_pointwise_create(&desc, &options, &pointwise, &error);
  if (status != MBCONV_OK) {
    refused(&error, status, pointwise);
    return;
  }
  check_runs(pointwise, run_pointwise, NULL, desc.in_channels, desc.out_channels, 0, pixels);
  /* Strides below a pixel's channels, or that span more than there is memory. */
  float unused[2];
  const wide x_bytes = times(pixels, x_stride) * sizeof(float), y_bytes = times(pixels, y_stride) * sizeof(float);
  const bool narrow = (x_stride && x_stride < desc.in_channels) || (y_stride && y_stride < desc.out_channels);
  if (pixels > 1 && (narrow || x_bytes / 2 > PTRDIFF_MAX || y_bytes / 2 > PTRDIFF_MAX))
    fuzz_require(mbconv_pointwise_run(pointwise, pixels, unused, x_stride, unused + 1, y_stride, NULL, 0, NULL,
                                      &error) != MBCONV_OK,
                 "strides that cannot be were taken");
  mbconv_pointwise_destroy(pointwise);
}

static mbconv_status run_global_pool(const void *object, const struct size *at, size_t batch, const float *x, float *y,
                                     void *scratch, size_t size, mbconv_error *error) {
  (void)scratch, (void)size;
  if (at) return mbconv_global_pool_run_at(object, batch, at->height, at->width, x, y, NULL, error);
  return mbconv_global_pool_run(object, batch, x, y, NULL, error);
}

static void check_global_pool(struct fuzz_input *in) {
  const mbconv_global_pool_desc desc = {
      .height = fuzz_hostile(in), .width = fuzz_hostile(in), .channels = fuzz_hostile(in)};
  const mbconv_options options = options_of(in);
  const size_t batch = fuzz_hostile(in);
  mbconv_global_pool *pool = NULL;
  mbconv_error error;
  const mbconv_status status = mbconv_global_pool_create(&desc, &options, &pool, &error);
  if (status != MBCONV_OK) {
    refused(&error, status, pool);
    return;
  }
  if (desc.height > 0)
    check_runs(pool, run_global_pool, NULL, volume(desc.height, desc.width, desc.channels), desc.channels, 0, batch);
  const struct size at = {fuzz_hostile(in), fuzz_hostile(in)};
  const wide x_size = volume(at.height, at.width, desc.channels);
  float unused[2];
  if (x_size > 0 && x_size <= PTRDIFF_MAX / sizeof(float))
    check_runs(pool, run_global_pool, &at, x_size, desc.channels, 0, batch);
  else
    fuzz_require(mbconv_global_pool_run_at(pool, 1, at.height, at.width, unused, unused + 1, NULL, NULL) != MBCONV_OK,
                 "a size that no image has was taken");
  mbconv_global_pool_destroy(pool);
}

int LLVMFuzzerTestOneInput(const unsigned char *input, size_t size) {
  struct fuzz_input in = {input, size};
  static float *unreadable;
  if (!unreadable) unreadable = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  fuzz_require(unreadable != MAP_FAILED, "out of memory");
  struct weights w = {.unreadable = unreadable};
  switch (fuzz_between(&in, 0, 6)) {
    case 0: check_depthwise(&in, &w); break;
    case 1: check_convolution(&in, &w); break;
    case 2: check_pointwise(&in, &w); break;
    case 3: check_global_pool(&in); break;
    case 6: check_stages(&in, &w); break;
    default: check_block(&in, &w); break;
  }
  for (size_t i = 0; i < w.count; i++) test_buffer_free(&w.buffers[i]);
  fuzz_require(live == 0, "a destroyed object left something behind");
  return 0;
}
