/* SPDX-License-Identifier: MIT
 *
 * Lists of stages in double: see oracle_stages.h.
 */
#include "oracle_stages.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"

#define EPSILON ((double)FLT_EPSILON)
#define UNDERFLOW_BOUND 1e-36

typedef struct oracle_bounded number;

/* An image of numbers, NHWC. */
struct image {
  size_t height, width, channels;
  number *pixels;
};

static number *numbers(size_t n) {
  number *x = calloc(n + 1, sizeof *x);
  if (!x) abort();
  return x;
}

static size_t size_of(const struct image *image) { return image->height * image->width * image->channels; }

/* ---- Activations ------------------------------------------------------------------------------------------------- */

static double gelu(double x) { return x < -40 ? 0 : x * erfc(-x * sqrt(0.5)) / 2; }

/* x / (1 + e^-exponent) is GELU by tanh. */
static double tanh_exponent(double x) { return 2 * sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x); }

static number sloped(double slope, number x) {
  const double value = x.value < 0 ? slope * x.value : x.value;
  return (number){value, fmax(1, fabs(slope)) * x.error + EPSILON * fabs(value) + UNDERFLOW_BOUND};
}

/* `conv`: whose slopes they are, of output `channel`. */
static number activate(mbconv_activation_kind kind, const mbconv_conv *conv, size_t channel, number x) {
  if (kind == MBCONV_ACTIVATION_NONE) return x;
  if (kind == MBCONV_ACTIVATION_LEAKY_RELU) return sloped((double)conv->slope[0], x);
  if (kind == MBCONV_ACTIVATION_PRELU) return sloped((double)conv->slope[channel], x);
  double value, rounding = UNDERFLOW_BOUND;
  if (kind == MBCONV_ACTIVATION_GELU) {
    value = gelu(x.value);
  } else if (kind == MBCONV_ACTIVATION_GELU_TANH) {
    value = x.value < -40 ? 0 : x.value / (1 + exp(-tanh_exponent(x.value)));
    rounding += 4 * EPSILON * fabs(tanh_exponent(x.value) * value); /* those of the exponent become relative errors */
  } else {
    value = oracle_activation(kind, x.value);
  }
  /* None is steeper than hard-swish at 3. */
  return (number){value, 1.5 * x.error + 4 * EPSILON * fabs(value) + rounding};
}

/* ---- Chains ------------------------------------------------------------------------------------------------------ */

struct chain {
  double value, error, magnitude, scale;
  size_t terms;
};

/* Of one output: its bias and what its weights are multiplied by, layer scale included. */
static struct chain chain_start(const mbconv_conv *conv, size_t out) {
  const double scale = conv->scale ? (double)conv->scale[out] : 1;
  const double bias = scale * (conv->bias ? (double)conv->bias[out] : 0);
  return (struct chain){bias, 0, fabs(bias), scale, 0};
}

static void chain_step(struct chain *chain, float weight, number x) {
  const double w = chain->scale * (double)weight;
  chain->value += w * x.value;
  chain->error += fabs(w) * x.error;
  chain->magnitude += fabs(w) * (fabs(x.value) + x.error);
  chain->terms++;
}

static number chain_end(const struct chain *chain) {
  return (number){chain->value,
                  chain->error + (double)(chain->terms + 2) * EPSILON * chain->magnitude + UNDERFLOW_BOUND};
}

static number sum(number a, double b) {
  const double value = a.value + b;
  return (number){value, a.error + EPSILON * fabs(value)};
}

/* ---- Stages ------------------------------------------------------------------------------------------------------ */

/* What is added to the sums of a last stage: `channels` channels of NHWC, or none. */
struct shortcut {
  const float *pixels;
  size_t channels;
};

static void pointwise(const mbconv_conv *conv, const struct image *x, struct image *y) {
  for (size_t i = 0; i < size_of(y); i++) {
    const size_t out = i % y->channels, pixel = i / y->channels;
    struct chain chain = chain_start(conv, out);
    for (size_t k = 0; k < x->channels; k++)
      chain_step(&chain, conv->weight[out * x->channels + k], x->pixels[pixel * x->channels + k]);
    y->pixels[i] = chain_end(&chain);
  }
}

/* Outputs of an axis, and the padding before it. */
static size_t axis(size_t in, const mbconv_stage_desc *stage, size_t before, size_t after, size_t *padding) {
  const size_t span = oracle_span(stage->kernel, stage->dilation), stride = stage->stride;
  *padding = before;
  if (stage->pad_kind == MBCONV_PAD_GIVEN) return (in + before + after - span) / stride + 1;
  const size_t out = (in + stride - 1) / stride, reach = (out - 1) * stride + span;
  *padding = reach > in ? (reach - in) / 2 : 0;
  return out;
}

/* Depthwise, or dense. Taps outside the image are zeros; unsigned, what lies above or left of it wraps to huge. */
static void windowed(const mbconv_stage_desc *stage, const struct image *x, struct image *y) {
  const bool dense = stage->kind == MBCONV_STAGE_DENSE;
  const size_t k = stage->kernel, dilation = stage->dilation ? stage->dilation : 1, channels = dense ? x->channels : 1;
  size_t top, left;
  y->height = axis(x->height, stage, stage->pad.top, stage->pad.bottom, &top);
  y->width = axis(x->width, stage, stage->pad.left, stage->pad.right, &left);
  y->pixels = numbers(size_of(y));
  for (size_t i = 0; i < size_of(y); i++) {
    const size_t out = i % y->channels, column = i / y->channels % y->width, row = i / y->channels / y->width;
    struct chain chain = chain_start(stage->conv, out);
    for (size_t tap = 0; tap < k * k; tap++) {
      const size_t h = row * stage->stride + tap / k * dilation - top;
      const size_t w = column * stage->stride + tap % k * dilation - left;
      const bool inside = h < x->height && w < x->width;
      const number *pixel = inside ? x->pixels + (h * x->width + w) * x->channels : NULL;
      for (size_t c = 0; c < channels; c++)
        chain_step(&chain, stage->conv->weight[(out * channels + c) * k * k + tap],
                   pixel ? pixel[dense ? c : out] : (number){0, 0});
    }
    y->pixels[i] = chain_end(&chain);
  }
}

static void activate_all(mbconv_activation_kind kind, const mbconv_conv *conv, struct image *image) {
  for (size_t i = 0; i < size_of(image); i++)
    image->pixels[i] = activate(kind, conv, i % image->channels, image->pixels[i]);
}

/* x times the gate of each channel. */
static void excite(const mbconv_squeeze_excite *se, const struct image *x, struct image *y) {
  const size_t channels = x->channels, pixels = x->height * x->width;
  const float reciprocal = (float)(1 / (double)pixels);
  struct image mean = {1, 1, channels, numbers(channels)}, narrow = {1, 1, se->width, numbers(se->width)};
  struct image gate = {1, 1, channels, numbers(channels)};
  const mbconv_conv none = {0};
  for (size_t c = 0; c < channels; c++) {
    struct chain chain = chain_start(&none, c);
    for (size_t p = 0; p < pixels; p++) chain_step(&chain, reciprocal, x->pixels[p * channels + c]);
    mean.pixels[c] = chain_end(&chain);
  }
  pointwise(se->reduce, &mean, &narrow);
  activate_all(se->inner, se->reduce, &narrow);
  pointwise(se->expand, &narrow, &gate);
  activate_all(se->gate, se->expand, &gate);
  for (size_t i = 0; i < size_of(x); i++) {
    const number a = x->pixels[i], s = gate.pixels[i % channels];
    const double value = a.value * s.value;
    const double error = fabs(a.value) * s.error + fabs(s.value) * a.error + a.error * s.error;
    y->pixels[i] = (number){value, error + EPSILON * fabs(value) + UNDERFLOW_BOUND};
  }
  free(mean.pixels), free(narrow.pixels), free(gate.pixels);
}

static void add(const struct shortcut *shortcut, struct image *y) {
  for (size_t p = 0; shortcut->pixels && p < y->height * y->width; p++)
    for (size_t c = 0; c < shortcut->channels; c++) {
      number *to = &y->pixels[p * y->channels + c];
      *to = sum(*to, (double)shortcut->pixels[p * shortcut->channels + c]);
    }
}

static struct image run_stage(const mbconv_stage_desc *stage, const struct image *x, size_t channels) {
  struct image y = {x->height, x->width, channels, NULL};
  if (stage->kind == MBCONV_STAGE_DEPTHWISE || stage->kind == MBCONV_STAGE_DENSE) {
    windowed(stage, x, &y);
    return y;
  }
  y.pixels = numbers(size_of(&y));
  if (stage->kind == MBCONV_STAGE_SQUEEZE_EXCITE)
    excite(stage->squeeze_excite, x, &y);
  else
    pointwise(stage->conv, x, &y);
  return y;
}

struct oracle_bounded *oracle_stages(const struct stages_case *c, const struct stages_image *x, const float *added) {
  const size_t last = strlen(c->kinds) - 1;
  const struct shortcut shortcut = {c->residual == MBCONV_RESIDUAL_ON ? x->pixels : added,
                                    stages_case_residual_channels(c)};
  struct image image = {x->height, x->width, x->channels, NULL};
  image.pixels = numbers(size_of(&image));
  for (size_t i = 0; i < size_of(&image); i++) image.pixels[i].value = (double)x->pixels[i];
  for (size_t i = 0; i <= last; i++) {
    const mbconv_stage_desc *stage = &c->stage[i];
    struct image next = run_stage(stage, &image, c->channels[i + 1]);
    free(image.pixels);
    image = next;
    if (i == last && c->place == MBCONV_RESIDUAL_BEFORE_ACTIVATION) add(&shortcut, &image);
    activate_all(stage->activation, stage->conv, &image);
    if (i == last && c->place == MBCONV_RESIDUAL_AFTER_ACTIVATION) add(&shortcut, &image);
  }
  return image.pixels;
}
