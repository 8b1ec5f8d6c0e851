/* SPDX-License-Identifier: MIT */
#include "quantized_oracle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const mbconv_options scalar = {.isa = MBCONV_ISA_SCALAR};

struct oracle {
  struct test *t;
  const struct mbconv_description *d;
  const struct mbconv_tensors *tensors;
  mbconv_padding padding;
};

/* ---- Tensors ----------------------------------------------------------------------------------------------------- */

static const struct mbconv_tensor *find(const struct oracle *o, const char *part, const char *suffix) {
  char name[160];
  snprintf(name, sizeof name, "%s.%s", part, suffix);
  const struct mbconv_tensor *tensor = mbconv_tensors_find(o->tensors, name);
  if (!test_check(o->t, tensor, "no tensor %s", name)) abort();
  return tensor;
}

static mbconv_quantization value(const struct oracle *o, const char *part, const char *suffix) {
  char name[128];
  mbconv_quantization q;
  snprintf(name, sizeof name, "%s%s%s", part, *suffix ? "." : "", suffix);
  memcpy(&q.scale, find(o, name, "scale")->bytes, sizeof q.scale);
  memcpy(&q.zero_point, find(o, name, "zero_point")->bytes, sizeof q.zero_point);
  return q;
}

/* ---- Bytes ------------------------------------------------------------------------------------------------------- */

static size_t size_of(const struct oracle_image *x) { return x->height * x->width * x->channels; }

static int read_byte(const struct oracle *o, const struct oracle_image *x, size_t i) {
  return (o->d->type == MBCONV_S8 ? (int)(int8_t)x->bytes[i] : (int)x->bytes[i]) - x->q.zero_point;
}

static uint8_t byte_of(const struct oracle *o, double rounded, mbconv_quantization q) {
  const double lowest = o->d->type == MBCONV_S8 ? -128 : 0, v = rounded + q.zero_point;
  return (uint8_t)(int)fmin(fmax(v, lowest), lowest + 255);
}

static struct oracle_image new_image(size_t height, size_t width, size_t channels, mbconv_quantization q) {
  struct oracle_image image = {height, width, channels, malloc(height * width * channels + 1), q};
  if (!image.bytes) abort();
  return image;
}

static void replace(struct oracle_image *x, struct oracle_image y) {
  free(x->bytes);
  *x = y;
}

/* ---- Operators --------------------------------------------------------------------------------------------------- */

/* As MBCONV_I8_ADD_XNNPACK. */
static void add(const struct oracle *o, const struct oracle_image *a, const struct oracle_image *b,
                struct oracle_image *y) {
  const float ra = a->q.scale / y->q.scale, rb = b->q.scale / y->q.scale;
  int exponent;
  frexp((double)fmaxf(ra, rb), &exponent);
  const int n = 20 - (exponent - 1);
  const double fa = rint(ldexp((double)ra, n)), fb = rint(ldexp((double)rb, n));
  for (size_t i = 0; i < size_of(a); i++) {
    const double sum = fa * read_byte(o, a, i) + fb * read_byte(o, b, i) + ldexp(1, n - 1);
    y->bytes[i] = byte_of(o, floor(ldexp(sum, -n)), y->q);
  }
}

/* relu6(x + 3) / 6 by two operators: y = RNE(fl(fl(sum * constant) * s)) + Zy, both without their zero points. */
static void hard_sigmoid(const struct oracle *o, const char *part, struct oracle_image *x) {
  int32_t constants[2];
  memcpy(constants, find(o, part, "constants")->bytes, sizeof constants);
  const mbconv_quantization sixth = value(o, part, "sixth");
  struct oracle_image three = new_image(x->height, x->width, x->channels, value(o, part, "three"));
  struct oracle_image sum = new_image(x->height, x->width, x->channels, value(o, part, "shifted"));
  memset(three.bytes, constants[0], size_of(x));
  add(o, x, &three, &sum);
  struct oracle_image y = new_image(x->height, x->width, x->channels, value(o, part, "activation"));
  const float scales = sum.q.scale * sixth.scale, factor = scales / y.q.scale;
  const int six = (int)round((double)(6 / sum.q.scale));
  for (size_t i = 0; i < size_of(x); i++) {
    const int clamped = (int)fmin(fmax(read_byte(o, &sum, i), 0), six);
    const float product = (float)(clamped * (constants[1] - sixth.zero_point)) * factor;
    y.bytes[i] = byte_of(o, rint((double)product), y.q);
  }
  free(three.bytes);
  free(sum.bytes);
  replace(x, y);
}

static void apply_table(const struct oracle *o, const char *part, mbconv_activation_kind activation,
                        struct oracle_image *x) {
  if (activation == MBCONV_ACTIVATION_HARD_SIGMOID) {
    hard_sigmoid(o, part, x);
    return;
  }
  const mbconv_quantization q = value(o, part, "activation");
  const mbconv_i8_function function = activation == MBCONV_ACTIVATION_SILU      ? MBCONV_I8_SILU
                                      : activation == MBCONV_ACTIVATION_SIGMOID ? MBCONV_I8_LOGISTIC
                                                                                : MBCONV_I8_HARD_SWISH;
  uint8_t table[256];
  mbconv_error error = {.message = ""};
  mbconv_activation *made = NULL;
  mbconv_status status = mbconv_i8_make_table(function, 0, o->d->type, MBCONV_I8_FP32, &x->q, &q, table, &error);
  const mbconv_i8_activation_desc desc = {.type = o->d->type, .table = table};
  if (status == MBCONV_OK) status = mbconv_activation_create_i8(&desc, &scalar, &made, &error);
  if (status == MBCONV_OK) status = mbconv_activation_run(made, size_of(x), x->bytes, x->bytes, &error);
  if (!test_check(o->t, status == MBCONV_OK, "%s: %s", part, error.message)) abort();
  mbconv_activation_destroy(made);
  x->q = q;
}

/* A convolution of a kernel, its taps over all channels or depthwise. */
static void convolve(const struct oracle *o, const struct mbconv_part *part, bool depthwise, size_t stride,
                     mbconv_activation_kind activation, struct oracle_image *x) {
  const struct mbconv_tensor *scale = find(o, part->name, "weight_scale");
  const bool same = o->padding == MBCONV_PADDING_SAME, table = activation > MBCONV_ACTIVATION_RELU6;
  const size_t half = same || part->kernel == 1 ? 0 : part->kernel / 2;
  mbconv_i8_stage_desc stage = {.kind = depthwise          ? MBCONV_STAGE_DEPTHWISE
                                        : part->kernel > 1 ? MBCONV_STAGE_DENSE
                                                           : MBCONV_STAGE_POINTWISE,
                                .out_channels = depthwise ? 0 : part->out,
                                .weight = find(o, part->name, "weight")->bytes,
                                .bias = find(o, part->name, "bias")->bytes,
                                .weight_scale = scale->bytes,
                                .weight_scales = scale->shape[0],
                                .output = value(o, part->name, "output"),
                                .activation = table ? MBCONV_ACTIVATION_NONE : activation};
  if (part->kernel > 1) {
    stage.kernel = part->kernel;
    stage.stride = stride;
    stage.pad = (mbconv_pad){half, half, half, half};
    stage.pad_kind = same ? MBCONV_PAD_SAME : MBCONV_PAD_GIVEN;
  }
  const mbconv_i8_desc desc = {.type = o->d->type,
                               .height = x->height,
                               .width = x->width,
                               .in_channels = x->channels,
                               .input = x->q,
                               .count = 1,
                               .stages = &stage};
  mbconv_block *block = NULL;
  mbconv_error error = {.message = ""};
  mbconv_status status = mbconv_block_create_i8(&desc, &scalar, &block, &error);
  if (!test_check(o->t, status == MBCONV_OK, "%s: %s", part->name, error.message)) abort();
  struct oracle_image y = new_image(0, 0, part->out, stage.output);
  mbconv_block_output_size(block, &y.height, &y.width);
  const size_t bytes = mbconv_block_scratch_size(block, 1);
  void *scratch = malloc(bytes + 1);
  y.bytes = realloc(y.bytes, size_of(&y));
  if (!scratch || !y.bytes) abort();
  status = mbconv_block_run(block, 1, x->bytes, y.bytes, scratch, bytes, NULL, &error);
  test_check(o->t, status == MBCONV_OK, "%s: %s", part->name, error.message);
  free(scratch);
  mbconv_block_destroy(block);
  replace(x, y);
  if (table) apply_table(o, part->name, activation, x);
}

/* mean = RNE(fl(fl(sum of (x - Z)) * fl(fl(S / Sm) / n))) + Zm */
static struct oracle_image means(const struct oracle *o, const struct oracle_image *x, mbconv_quantization q) {
  struct oracle_image y = new_image(1, 1, x->channels, q);
  const size_t pixels = x->height * x->width;
  for (size_t c = 0; c < x->channels; c++) {
    long sum = 0;
    for (size_t p = 0; p < pixels; p++) sum += read_byte(o, x, p * x->channels + c);
    const float ratio = x->q.scale / q.scale, factor = ratio / (float)pixels, mean = (float)sum * factor;
    y.bytes[c] = byte_of(o, rint((double)mean), q);
  }
  return y;
}

static void excite(const struct oracle *o, const struct mbconv_layer *layer, const struct mbconv_part *parts,
                   struct oracle_image *x) {
  const char *reduce = parts[MBCONV_REDUCE].name, *expand = parts[MBCONV_EXCITE].name;
  struct oracle_image gate = means(o, x, value(o, reduce, "mean"));
  convolve(o, &parts[MBCONV_REDUCE], false, 1, layer->inner, &gate);
  convolve(o, &parts[MBCONV_EXCITE], false, 1, layer->gate, &gate);
  struct oracle_image y = new_image(x->height, x->width, x->channels, value(o, expand, "product"));
  const float scales = x->q.scale * gate.q.scale, factor = scales / y.q.scale;
  for (size_t i = 0; i < size_of(x); i++) {
    const float product = (float)(read_byte(o, x, i) * read_byte(o, &gate, i % x->channels)) * factor;
    y.bytes[i] = byte_of(o, rint((double)product), y.q);
  }
  free(gate.bytes);
  replace(x, y);
}

/* ---- Layers ------------------------------------------------------------------------------------------------------ */

static void run_block(const struct oracle *o, const struct mbconv_layer *layer, const struct mbconv_part *parts,
                      struct oracle_image *x) {
  const mbconv_activation_kind activation = layer->activation, none = MBCONV_ACTIVATION_NONE;
  struct oracle_image input = new_image(x->height, x->width, x->channels, x->q);
  memcpy(input.bytes, x->bytes, size_of(x));
  const bool strides = layer->stride > 1 || (layer->start > 0 && layer->start_stride > 1);
  const bool adds = !layer->alone && layer->in == layer->out && !strides;
  if (parts[MBCONV_START].out > 0) convolve(o, &parts[MBCONV_START], true, layer->start_stride, none, x);
  if (parts[MBCONV_EXPAND].out > 0) convolve(o, &parts[MBCONV_EXPAND], false, layer->stride, activation, x);
  if (parts[MBCONV_DEPTHWISE].out > 0) convolve(o, &parts[MBCONV_DEPTHWISE], true, layer->stride, activation, x);
  if (parts[MBCONV_REDUCE].out > 0) excite(o, layer, parts, x);
  if (parts[MBCONV_PROJECT].out > 0)
    convolve(o, &parts[MBCONV_PROJECT], false, 1, layer->activated ? activation : none, x);
  if (adds) {
    const char *last = parts[parts[MBCONV_PROJECT].out > 0 ? MBCONV_PROJECT : MBCONV_EXPAND].name;
    struct oracle_image y = new_image(x->height, x->width, x->channels, value(o, last, "sum"));
    add(o, x, &input, &y);
    replace(x, y);
  }
  free(input.bytes);
}

struct oracle_image quantized_oracle(struct test *t, const struct mbconv_description *d,
                                     const struct mbconv_tensors *tensors, mbconv_padding padding,
                                     const struct oracle_image *image) {
  const struct oracle o = {t, d, tensors, padding};
  struct oracle_image x = new_image(image->height, image->width, image->channels, value(&o, "input", ""));
  memcpy(x.bytes, image->bytes, size_of(&x));
  for (size_t i = 0; i < d->layers; i++) {
    const struct mbconv_layer *layer = &d->layer[i];
    struct mbconv_part parts[MBCONV_ROLES];
    mbconv_parts_of(d, i, parts);
    if (layer->kind == MBCONV_LAYER_BLOCK)
      run_block(&o, layer, parts, &x);
    else if (layer->kind == MBCONV_LAYER_POOL)
      replace(&x, means(&o, &x, value(&o, "pool", "output")));
    else
      convolve(&o, &parts[0], false, layer->stride, layer->activation, &x);
  }
  return x;
}
