/* SPDX-License-Identifier: MIT
 *
 * A block of EfficientNet-B0 from start to end: 24 channels expanded to 144, a 5x5 depthwise of stride 2,
 * squeeze-excite, 40 channels out. Two images of 56x56. The weights are arbitrary numbers where a program would load
 * trained ones.
 */
#include <mbconv.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 2, SIZE = 56, IN = 24, EXPANDED = 144, OUT = 40, SQUEEZED = 6, KERNEL = 5 };

/* n numbers between low and high, the same at every run. */
static void fill(float *numbers, size_t n, float low, float high) {
  static unsigned state = 1;
  for (size_t i = 0; i < n; i++) {
    state = state * 1664525u + 1013904223u;
    numbers[i] = low + (high - low) * (float)(state >> 8) / (float)(1u << 24);
  }
}

/* Parameters, in PyTorch's layouts. create copies them. */
static float expand_weight[EXPANDED * IN], depthwise_weight[EXPANDED * KERNEL * KERNEL];
static float project_weight[OUT * EXPANDED], squeeze_weight[SQUEEZED * EXPANDED], excite_weight[EXPANDED * SQUEEZED];
static float squeeze_bias[SQUEEZED], excite_bias[EXPANDED];
static float scale[EXPANDED], shift[EXPANDED], mean[EXPANDED], variance[EXPANDED];

static void set_parameters(void) {
  fill(expand_weight, EXPANDED * IN, -0.3f, 0.3f);
  fill(depthwise_weight, EXPANDED * KERNEL * KERNEL, -0.2f, 0.2f);
  fill(project_weight, OUT * EXPANDED, -0.1f, 0.1f);
  fill(squeeze_weight, SQUEEZED * EXPANDED, -0.1f, 0.1f);
  fill(excite_weight, EXPANDED * SQUEEZED, -0.5f, 0.5f);
  fill(scale, EXPANDED, 0.5f, 1.5f);
  fill(shift, EXPANDED, -0.5f, 0.5f);
  fill(mean, EXPANDED, -0.1f, 0.1f);
  fill(variance, EXPANDED, 0.5f, 1.5f);
}

/* x and y are NCHW. One scratch per thread that runs the block; this program has one. */
static int run(const mbconv_block *block) {
  size_t height, width;
  mbconv_block_output_size(block, &height, &width);
  const size_t x_size = (size_t)BATCH * IN * SIZE * SIZE, y_size = BATCH * OUT * height * width;
  const size_t scratch_size = mbconv_block_scratch_size(block, 1);
  float *x = malloc(x_size * sizeof *x), *y = malloc(y_size * sizeof *y);
  void *scratch = malloc(scratch_size);
  int status = EXIT_FAILURE;
  if (!x || !y || !scratch) {
    fprintf(stderr, "out of memory\n");
  } else {
    mbconv_error error;
    fill(x, x_size, -1.0f, 1.0f);
    if (mbconv_block_run(block, BATCH, x, y, scratch, scratch_size, NULL, &error) == MBCONV_OK) {
      printf("y [%d, %d, %zu, %zu]: %g %g %g ... %g\n", BATCH, OUT, height, width, (double)y[0], (double)y[1],
             (double)y[2], (double)y[y_size - 1]);
      status = EXIT_SUCCESS;
    } else {
      fprintf(stderr, "%s: %s\n", mbconv_status_string(error.status), error.message);
    }
  }
  free(scratch);
  free(y);
  free(x);
  return status;
}

int main(void) {
  set_parameters();
  const mbconv_batch_norm norm = {.gamma = scale,
                                  .beta = shift,
                                  .mean = mean,
                                  .variance = variance,
                                  .epsilon = 1e-3f}; /* one for all three, to keep this short */
  const mbconv_conv expand = {.weight = expand_weight, .batch_norm = &norm};
  const mbconv_conv depthwise = {.weight = depthwise_weight, .batch_norm = &norm};
  const mbconv_conv project = {.weight = project_weight, .batch_norm = &norm};
  const mbconv_conv reduce = {.weight = squeeze_weight, .bias = squeeze_bias};
  const mbconv_conv excite = {.weight = excite_weight, .bias = excite_bias};
  const mbconv_squeeze_excite squeeze_excite = {.width = SQUEEZED,
                                                .reduce = &reduce,
                                                .expand = &excite,
                                                .inner = MBCONV_ACTIVATION_SILU,
                                                .gate = MBCONV_ACTIVATION_SIGMOID};
  const mbconv_block_desc desc = {
      .height = SIZE,
      .width = SIZE,
      .in_channels = IN,
      .expanded_channels = EXPANDED,
      .out_channels = OUT,
      .expand = &expand,
      .depthwise = &depthwise,
      .project = &project,
      .squeeze_excite = &squeeze_excite,
      .kernel = KERNEL,
      .stride = 2,
      .pad = {2, 2, 2, 2}, /* PyTorch's padding=2; TensorFlow's SAME would be {1, 1, 2, 2} */
      .activation = MBCONV_ACTIVATION_SILU,
      .layout = MBCONV_NCHW, /* PyTorch's default; NHWC is the library's own */
  };

  mbconv_error error;
  mbconv_block *block;
  if (mbconv_block_create(&desc, NULL, &block, &error) != MBCONV_OK) {
    fprintf(stderr, "%s: %s\n", mbconv_status_string(error.status), error.message);
    return EXIT_FAILURE;
  }
  char plan[256];
  mbconv_block_describe(block, 1, plan, sizeof plan);
  printf("%s\n", plan);

  const int status = run(block);
  mbconv_block_destroy(block);
  return status;
}
