/* SPDX-License-Identifier: MIT
 *
 * The reference of the block: see oracle_block.h.
 */
#include "oracle_block.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels.h"
#include "oracle.h"
#include "oracle_arithmetic.h"

#define EPSILON ((double)FLT_EPSILON)
#define UNDERFLOW_BOUND 1e-36

typedef struct oracle_number number;

static void *allocate(size_t n, size_t size) {
  void *memory = calloc(n == 0 ? 1 : n, size);
  if (memory == NULL) {
    fprintf(stderr, "no memory for the block's reference\n");
    exit(EXIT_FAILURE);
  }
  return memory;
}

/* ---- Parts ------------------------------------------------------------------------------------------------------- */

/* A clamp that lets NaN pass. */
static float clamp(float x, float low, float high) {
  if (x < low) return low;
  return x > high ? high : x;
}

static float activate_float(mbconv_activation_kind kind, float x) {
  float y = x;
  switch (kind) {
    case MBCONV_ACTIVATION_NONE: break;
    case MBCONV_ACTIVATION_RELU: y = clamp(x, 0, INFINITY); break;
    case MBCONV_ACTIVATION_RELU6: y = clamp(x, 0, 6); break;
    case MBCONV_ACTIVATION_HARD_SIGMOID: y = clamp(x + 3, 0, 6) / 6; break;
    case MBCONV_ACTIVATION_HARD_SWISH: y = x * clamp(x + 3, 0, 6) / 6; break;
    case MBCONV_ACTIVATION_SILU:
    case MBCONV_ACTIVATION_SIGMOID:
      mbconv_kernels_scalar.activation[MBCONV_EXP_INLINE - MBCONV_EXP_SLEEF][kind](1, &x, &y);
      break;
    case MBCONV_ACTIVATION_GELU:
    case MBCONV_ACTIVATION_GELU_TANH:
    case MBCONV_ACTIVATION_LEAKY_RELU:
    case MBCONV_ACTIVATION_PRELU: y = NAN; /* those of lists of stages: oracle_stages.c */
  }
  return y;
}

static number activate(mbconv_activation_kind kind, number x) {
  const double value = oracle_activation(kind, x.value);
  const float exact = activate_float(kind, x.exact);
  if (kind == MBCONV_ACTIVATION_NONE || kind == MBCONV_ACTIVATION_RELU || kind == MBCONV_ACTIVATION_RELU6)
    return (number){value, x.error, exact};
  /* No activation is steeper than hard-swish at 3. */
  return (number){value, 1.5 * x.error + 4 * EPSILON * fabs(value) + UNDERFLOW_BOUND, exact};
}

/* A convolution with its BN folded, in double: weight [out][terms], bias [out]. */
struct layer {
  double *weight, *bias;
  size_t out, terms;
};

static struct layer layer_new(const mbconv_conv *conv, size_t out, size_t terms) {
  struct layer layer = {allocate(out * terms, sizeof(double)), allocate(out, sizeof(double)), out, terms};
  const mbconv_batch_norm *norm = conv->batch_norm;
  for (size_t o = 0; o < out; o++) {
    double scale = 1, bias = conv->bias ? (double)conv->bias[o] : 0;
    if (norm) {
      scale = (norm->gamma ? (double)norm->gamma[o] : 1) / sqrt((double)norm->variance[o] + (double)norm->epsilon);
      bias = (bias - (double)norm->mean[o]) * scale + (norm->beta ? (double)norm->beta[o] : 0);
    }
    layer.bias[o] = bias;
    for (size_t i = 0; i < terms; i++) layer.weight[o * terms + i] = (double)conv->weight[o * terms + i] * scale;
  }
  return layer;
}

static void layer_free(struct layer *layer) {
  free(layer->weight);
  free(layer->bias);
}

/* A running chain: its value, the sum of |w| e, the sum of the magnitudes, and the f32 chain. */
struct chain {
  double value, error, magnitude;
  float exact;
};

static struct chain chain_start(double bias) { return (struct chain){bias, 0, fabs(bias), (float)bias}; }

static void chain_step(struct chain *chain, double weight, number x) {
  chain->value += weight * x.value;
  chain->error += fabs(weight) * x.error;
  chain->magnitude += fabs(weight) * (fabs(x.value) + x.error);
  chain->exact = oracle_fma((float)weight, x.exact, chain->exact);
}

static number chain_end(const struct chain *chain, size_t terms) {
  const double error = chain->error + (double)(terms + 2) * EPSILON * chain->magnitude + UNDERFLOW_BOUND;
  return (number){chain->value, error, chain->exact};
}

static void pointwise(const struct layer *layer, mbconv_activation_kind kind, size_t pixels, const number *x,
                      number *y) {
  for (size_t p = 0; p < pixels; p++) {
    for (size_t o = 0; o < layer->out; o++) {
      struct chain chain = chain_start(layer->bias[o]);
      for (size_t i = 0; i < layer->terms; i++)
        chain_step(&chain, layer->weight[o * layer->terms + i], x[p * layer->terms + i]);
      y[p * layer->out + o] = activate(kind, chain_end(&chain, layer->terms));
    }
  }
}

/* Taps outside the image are multiplied as +0. Unsigned: what lies above or left of it wraps to huge. */
static void depthwise(const struct layer *layer, const mbconv_block_desc *desc, size_t out_height, size_t out_width,
                      const number *x, number *y) {
  const size_t channels = layer->out, k = desc->kernel, dilation = desc->dilation == 0 ? 1 : desc->dilation;
  for (size_t i = 0; i < out_height * out_width * channels; i++) {
    const size_t c = i % channels, column = i / channels % out_width, row = i / channels / out_width;
    struct chain chain = chain_start(layer->bias[c]);
    for (size_t tap = 0; tap < k * k; tap++) {
      const size_t h = row * desc->stride + tap / k * dilation - desc->pad.top;
      const size_t w = column * desc->stride + tap % k * dilation - desc->pad.left;
      const bool inside = h < desc->height && w < desc->width;
      chain_step(&chain, layer->weight[c * k * k + tap],
                 inside ? x[(h * desc->width + w) * channels + c] : (number){0});
    }
    y[i] = activate(desc->activation, chain_end(&chain, k * k));
  }
}

/* The mean of channel c: rows are summed left to right, the row sums top to bottom. */
static number channel_mean(size_t rows, size_t columns, size_t channels, size_t c, const number *x) {
  struct chain chain = chain_start(0);
  const double reciprocal = 1 / (double)(rows * columns);
  float sum = 0;
  for (size_t r = 0; r < rows; r++) {
    float row_sum = 0;
    for (size_t p = r * columns; p < (r + 1) * columns; p++) {
      chain_step(&chain, reciprocal, x[p * channels + c]);
      row_sum += x[p * channels + c].exact;
    }
    sum += row_sum;
  }
  chain.exact = sum * (float)reciprocal;
  return chain_end(&chain, rows + columns);
}

/* Replaces x [rows][columns][channels] by x * gate(w2 * inner(w1 * mean(x))). */
static void squeeze_excite(const mbconv_squeeze_excite *desc, size_t rows, size_t columns, size_t channels, number *x) {
  struct layer reduce = layer_new(desc->reduce, desc->width, channels);
  struct layer expand = layer_new(desc->expand, channels, desc->width);
  number *mean = allocate(channels, sizeof *mean), *inner = allocate(desc->width, sizeof *inner);
  number *scale = allocate(channels, sizeof *scale);
  for (size_t c = 0; c < channels; c++) mean[c] = channel_mean(rows, columns, channels, c, x);
  pointwise(&reduce, desc->inner, 1, mean, inner);
  pointwise(&expand, desc->gate, 1, inner, scale);
  for (size_t i = 0; i < rows * columns * channels; i++) {
    const number a = x[i], s = scale[i % channels];
    const double value = a.value * s.value;
    const double error = fabs(a.value) * s.error + fabs(s.value) * a.error + a.error * s.error;
    x[i] = (number){value, error + EPSILON * fabs(value) + UNDERFLOW_BOUND, a.exact * s.exact};
  }
  layer_free(&reduce);
  layer_free(&expand);
  free(mean);
  free(inner);
  free(scale);
}

/* ---- The block --------------------------------------------------------------------------------------------------- */

static void one_image(const mbconv_block_desc *desc, const struct layer layers[3], size_t out_height, size_t out_width,
                      const number *x, number *y) {
  const size_t channels = desc->expanded_channels, out_pixels = out_height * out_width;
  number *expanded = allocate(desc->height * desc->width * channels, sizeof *expanded);
  number *filtered = allocate(out_pixels * channels, sizeof *filtered);
  if (desc->expand) pointwise(&layers[0], desc->activation, desc->height * desc->width, x, expanded);
  depthwise(&layers[1], desc, out_height, out_width, desc->expand ? expanded : x, filtered);
  if (desc->squeeze_excite) squeeze_excite(desc->squeeze_excite, out_height, out_width, channels, filtered);
  pointwise(&layers[2], MBCONV_ACTIVATION_NONE, out_pixels, filtered, y);

  const bool same_shape = desc->stride == 1 && out_height == desc->height && out_width == desc->width &&
                          desc->in_channels == desc->out_channels;
  if (same_shape && desc->residual != MBCONV_RESIDUAL_OFF) {
    for (size_t i = 0; i < out_pixels * desc->out_channels; i++) {
      y[i].value += x[i].value;
      y[i].error += EPSILON * fabs(y[i].value);
      y[i].exact += x[i].exact;
    }
  }
  free(expanded);
  free(filtered);
}

void oracle_block(const mbconv_block_desc *desc, size_t batch, const float *x, struct oracle_number *y) {
  const size_t span = oracle_span(desc->kernel, desc->dilation);
  const size_t out_height = (desc->height + desc->pad.top + desc->pad.bottom - span) / desc->stride + 1;
  const size_t out_width = (desc->width + desc->pad.left + desc->pad.right - span) / desc->stride + 1;
  const size_t x_size = desc->height * desc->width * desc->in_channels;
  const size_t expanded = desc->expanded_channels;
  struct layer layers[3] = {{0},
                            layer_new(desc->depthwise, expanded, desc->kernel * desc->kernel),
                            layer_new(desc->project, desc->out_channels, expanded)};
  if (desc->expand) layers[0] = layer_new(desc->expand, expanded, desc->in_channels);
  number *image = allocate(x_size, sizeof *image);
  for (size_t b = 0; b < batch; b++) {
    for (size_t i = 0; i < x_size; i++) image[i] = (number){(double)x[b * x_size + i], 0, x[b * x_size + i]};
    one_image(desc, layers, out_height, out_width, image, y + b * out_height * out_width * desc->out_channels);
  }
  free(image);
  for (size_t i = 0; i < 3; i++) layer_free(&layers[i]);
}
