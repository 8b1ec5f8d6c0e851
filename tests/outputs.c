/* SPDX-License-Identifier: MIT
 *
 * Outputs of blocks in a file, to be compared on another machine: results are the same floats everywhere.
 *
 *     mbconv_outputs write FILE      computes the blocks below and writes their outputs
 *     mbconv_outputs compare FILE    computes them and compares, float by float (==, or both NaN)
 *
 * On the set that MBCONV_ISA names or that the library chooses, through the public API alone. The exit status is 1 if
 * something differs. Floats are written as they are in memory: all machines here are little-endian.
 */
#include <math.h>
#include <mbconv.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct shape {
  size_t height, width, in, expanded, out, kernel, stride, se_width;
  mbconv_activation_kind activation;
  mbconv_layout layout;
};

/* Of the networks and of none; every kernel, stride and activation. */
static const struct shape shapes[] = {
    {56, 56, 24, 144, 24, 3, 1, 0, MBCONV_ACTIVATION_RELU6, MBCONV_NHWC},
    {28, 28, 32, 192, 64, 3, 2, 0, MBCONV_ACTIVATION_RELU6, MBCONV_NHWC},
    {7, 7, 160, 960, 160, 3, 1, 0, MBCONV_ACTIVATION_RELU6, MBCONV_NHWC},
    {32, 32, 16, 96, 16, 3, 1, 0, MBCONV_ACTIVATION_SILU, MBCONV_NCHW},
    {28, 28, 40, 240, 40, 5, 1, 10, MBCONV_ACTIVATION_SILU, MBCONV_NHWC},
    {14, 14, 112, 672, 192, 5, 2, 28, MBCONV_ACTIVATION_SILU, MBCONV_NHWC},
    {14, 14, 80, 480, 112, 3, 1, 0, MBCONV_ACTIVATION_HARD_SWISH, MBCONV_NHWC},
    {19, 23, 13, 29, 11, 7, 1, 5, MBCONV_ACTIVATION_SIGMOID, MBCONV_NCHW},
    {17, 9, 7, 33, 7, 7, 2, 0, MBCONV_ACTIVATION_RELU, MBCONV_NHWC},
    {5, 31, 3, 21, 5, 5, 1, 0, MBCONV_ACTIVATION_HARD_SIGMOID, MBCONV_NHWC},
    {1, 1, 9, 18, 9, 3, 1, 0, MBCONV_ACTIVATION_NONE, MBCONV_NHWC},
};

enum { SHAPES = sizeof shapes / sizeof *shapes };

static void require(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "mbconv_outputs: %s\n", what);
  exit(2);
}

/* Uniform in [-scale, scale), all of them multiples of a power of two: conversions round nowhere. */
static float *random_floats(uint32_t *state, size_t count, float scale) {
  float *x = malloc(count * sizeof *x);
  require(x != NULL, "no memory");
  for (size_t i = 0; i < count; i++) {
    *state = *state * 1664525u + 1013904223u;
    x[i] = ((float)(*state >> 8) * 0x1p-23f - 1.0f) * scale;
  }
  return x;
}

static mbconv_conv random_conv(uint32_t *state, size_t out, size_t terms) {
  float scale = 2.0f;
  for (size_t n = terms; n > 1; n /= 4) scale /= 2.0f;
  const mbconv_conv conv = {.weight = random_floats(state, out * terms, scale),
                            .bias = random_floats(state, out, 0.5f)};
  return conv;
}

static void release_conv(const mbconv_conv *conv) {
  free((float *)conv->weight);
  free((float *)conv->bias);
}

/* The output of a block, to be freed, and its size. */
static float *output_of(const struct shape *s, size_t *count) {
  uint32_t state = 20261123;
  const mbconv_conv expand = random_conv(&state, s->expanded, s->in);
  const mbconv_conv depthwise = random_conv(&state, s->expanded, s->kernel * s->kernel);
  const mbconv_conv project = random_conv(&state, s->out, s->expanded);
  const size_t pad = s->kernel / 2, width = s->se_width ? s->se_width : 1;
  const mbconv_conv reduce = random_conv(&state, width, s->expanded);
  const mbconv_conv gate = random_conv(&state, s->expanded, width);
  const mbconv_squeeze_excite excite = {.width = width,
                                        .reduce = &reduce,
                                        .expand = &gate,
                                        .inner = MBCONV_ACTIVATION_SILU,
                                        .gate = MBCONV_ACTIVATION_SIGMOID};
  mbconv_block_desc desc = {.height = s->height,
                            .width = s->width,
                            .in_channels = s->in,
                            .expanded_channels = s->expanded,
                            .out_channels = s->out,
                            .expand = &expand,
                            .depthwise = &depthwise,
                            .project = &project,
                            .squeeze_excite = s->se_width ? &excite : NULL,
                            .kernel = s->kernel,
                            .stride = s->stride,
                            .pad = {pad, pad, pad, pad},
                            .activation = s->activation,
                            .layout = s->layout};
  mbconv_error error;
  mbconv_block *block;
  require(mbconv_block_create(&desc, NULL, &block, &error) == MBCONV_OK, error.message);
  size_t height, columns;
  mbconv_block_output_size(block, &height, &columns);
  *count = height * columns * s->out;
  const size_t scratch_size = mbconv_block_scratch_size(block, 1);
  void *scratch = malloc(scratch_size);
  float *x = random_floats(&state, s->height * s->width * s->in, 2.0f), *y = random_floats(&state, *count, 1.0f);
  require(scratch != NULL, "no memory");
  require(mbconv_block_run(block, 1, x, y, scratch, scratch_size, NULL, &error) == MBCONV_OK, error.message);
  mbconv_block_destroy(block);
  free(x), free(scratch);
  release_conv(&expand), release_conv(&depthwise), release_conv(&project);
  release_conv(&reduce), release_conv(&gate);
  return y;
}

/* Whether the file goes on with exactly these floats. */
static int compare(FILE *file, size_t shape, const float *y, size_t count) {
  float *want = malloc(count * sizeof *want);
  require(want != NULL, "no memory");
  require(fread(want, sizeof *want, count, file) == count, "the file is too short");
  size_t wrong = 0;
  for (size_t i = 0; i < count; i++) {
    if (y[i] == want[i] || (isnan(y[i]) && isnan(want[i]))) continue;
    if (wrong++ == 0) printf("block %zu: float %zu is %a instead of %a\n", shape, i, (double)y[i], (double)want[i]);
  }
  free(want);
  return wrong == 0;
}

int main(int argc, char **argv) {
  const int writes = argc == 3 && !strcmp(argv[1], "write");
  require(writes || (argc == 3 && !strcmp(argv[1], "compare")), "usage: mbconv_outputs write|compare FILE");
  FILE *file = fopen(argv[2], writes ? "wb" : "rb");
  require(file != NULL, "the file cannot be opened");
  size_t floats = 0, different = 0;
  for (size_t i = 0; i < SHAPES; i++) {
    size_t count;
    float *y = output_of(&shapes[i], &count);
    if (writes)
      require(fwrite(y, sizeof *y, count, file) == count, "the file cannot be written");
    else
      different += !compare(file, i, y, count);
    floats += count;
    free(y);
  }
  require(fclose(file) == 0, "the file cannot be written");
  mbconv_isa isa;
  mbconv_usable_isas(&isa, 1);
  printf("%d blocks, %zu floats, %zu blocks differ; best set here: %s\n", (int)SHAPES, floats, different,
         mbconv_isa_name(isa));
  return different > 0;
}
