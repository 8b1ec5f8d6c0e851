/* SPDX-License-Identifier: MIT
 *
 * The networks, as their papers tabulate them and torchvision builds them.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "description.h"

/* The nearest multiple of 8, but not below 90% of `channels`. */
static size_t divisible(double channels) {
  size_t rounded = (size_t)(channels + 4) / 8 * 8;
  if (rounded < 8) rounded = 8;
  return (double)rounded < 0.9 * channels ? rounded + 8 : rounded;
}

static struct mbconv_layer *add(struct mbconv_description *d, struct mbconv_layer layer) {
  layer.number = (unsigned)d->layers;
  d->layer[d->layers] = layer;
  return &d->layer[d->layers++];
}

static size_t last_channels(const struct mbconv_description *d) {
  return d->layers > 0 ? d->layer[d->layers - 1].out : d->channels;
}

static struct mbconv_layer *add_convolution(struct mbconv_description *d, size_t out, size_t kernel, size_t stride,
                                            mbconv_activation_kind activation) {
  return add(d, (struct mbconv_layer){.kind = MBCONV_LAYER_CONVOLUTION,
                                      .in = last_channels(d),
                                      .out = out,
                                      .kernel = kernel,
                                      .stride = stride,
                                      .activation = activation});
}

static void add_pool(struct mbconv_description *d) {
  add(d, (struct mbconv_layer){.kind = MBCONV_LAYER_POOL, .in = last_channels(d), .out = last_channels(d)});
}

static void add_connected(struct mbconv_description *d, size_t out, mbconv_activation_kind activation) {
  add(d, (struct mbconv_layer){.kind = MBCONV_LAYER_CONNECTED,
                               .in = last_channels(d),
                               .out = out,
                               .activation = activation,
                               .classifier = activation == MBCONV_ACTIVATION_NONE});
}

/* ---- MobileNetV2 and EfficientNet -------------------------------------------------------------------------------- */

/* Blocks in a row; the first has the stride. */
struct stage {
  size_t expansion, kernel, stride, channels, blocks;
};

enum { STAGES = 7 };

/* Sandler et al. 2018, table 2. */
static const struct stage mobilenet_v2[STAGES] = {
    {1, 3, 1, 16, 1},  /* 112x112 */
    {6, 3, 2, 24, 2},  /* 56x56 */
    {6, 3, 2, 32, 3},  /* 28x28 */
    {6, 3, 2, 64, 4},  /* 14x14 */
    {6, 3, 1, 96, 3},  /* 14x14 */
    {6, 3, 2, 160, 3}, /* 7x7 */
    {6, 3, 1, 320, 1}, /* 7x7 */
};

/* Tan and Le 2019, table 1. */
static const struct stage efficientnet[STAGES] = {
    {1, 3, 1, 16, 1},  /* 112x112 */
    {6, 3, 2, 24, 2},  /* 56x56 */
    {6, 5, 2, 40, 2},  /* 28x28 */
    {6, 3, 2, 80, 3},  /* 14x14 */
    {6, 5, 1, 112, 3}, /* 14x14 */
    {6, 5, 2, 192, 4}, /* 7x7 */
    {6, 3, 1, 320, 1}, /* 7x7 */
};

/* How B0 is scaled to B7, and what torchvision's weights were trained with. */
static const struct {
  double width, depth;
  size_t resize, size;
  float epsilon;
} efficientnets[] = {
    {1.0, 1.0, 256, 224, 1e-5f}, {1.0, 1.1, 256, 240, 1e-5f}, {1.1, 1.2, 288, 288, 1e-5f}, {1.2, 1.4, 320, 300, 1e-5f},
    {1.4, 1.8, 384, 380, 1e-5f}, {1.6, 2.2, 456, 456, 1e-3f}, {1.8, 2.6, 528, 528, 1e-3f}, {2.0, 3.1, 600, 600, 1e-3f},
};
enum { EFFICIENTNETS = sizeof efficientnets / sizeof *efficientnets };

static void add_stages(struct mbconv_description *d, const struct stage *stages, double width, double depth,
                       mbconv_activation_kind activation, bool squeeze_excite) {
  for (unsigned s = 0; s < STAGES; s++) {
    const struct stage *stage = &stages[s];
    const unsigned blocks = (unsigned)ceil((double)stage->blocks * depth);
    for (unsigned b = 0; b < blocks; b++) {
      const size_t in = last_channels(d);
      add(d, (struct mbconv_layer){.kind = MBCONV_LAYER_BLOCK,
                                   .in = in,
                                   .expanded = in * stage->expansion,
                                   .out = divisible((double)stage->channels * width),
                                   .expand = stage->expansion > 1,
                                   .kernel = stage->kernel,
                                   .stride = b == 0 ? stage->stride : 1,
                                   .squeeze = squeeze_excite ? in / 4 : 0,
                                   .activation = activation,
                                   .inner = MBCONV_ACTIVATION_SILU,
                                   .gate = MBCONV_ACTIVATION_SIGMOID,
                                   .stage = s,
                                   .index = b});
    }
  }
}

static size_t stem_channels(double width) { return divisible(32 * width); }
static size_t head_channels(double width) { return divisible(1280 * fmax(1, width)); } /* of MobileNetV2 */

static void describe_mobilenet_v2(struct mbconv_description *d, double width, size_t classes) {
  add_convolution(d, stem_channels(width), 3, 2, MBCONV_ACTIVATION_RELU6);
  add_stages(d, mobilenet_v2, width, 1, MBCONV_ACTIVATION_RELU6, false);
  add_convolution(d, head_channels(width), 1, 1, MBCONV_ACTIVATION_RELU6);
  add_pool(d);
  add_connected(d, classes, MBCONV_ACTIVATION_NONE);
}

static void describe_efficientnet(struct mbconv_description *d, size_t variant, size_t classes) {
  const double width = efficientnets[variant].width;
  d->family = MBCONV_EFFICIENTNET;
  d->size = efficientnets[variant].size;
  d->resize = efficientnets[variant].resize;
  d->epsilon = efficientnets[variant].epsilon;
  d->bicubic = true;
  add_convolution(d, stem_channels(width), 3, 2, MBCONV_ACTIVATION_SILU);
  add_stages(d, efficientnet, width, efficientnets[variant].depth, MBCONV_ACTIVATION_SILU, true);
  add_convolution(d, 4 * last_channels(d), 1, 1, MBCONV_ACTIVATION_SILU);
  add_pool(d);
  add_connected(d, classes, MBCONV_ACTIVATION_NONE);
}

/* ---- MobileNetV3 ------------------------------------------------------------------------------------------------- */

/* Howard et al. 2019, tables 1 and 2; the stages are timm's. */
struct bneck {
  unsigned stage;
  size_t kernel, expanded, out;
  bool squeeze_excite;
  mbconv_activation_kind activation;
  size_t stride;
};

static const struct bneck mobilenet_v3_large[] = {
    {0, 3, 16, 16, false, MBCONV_ACTIVATION_RELU, 1},        {1, 3, 64, 24, false, MBCONV_ACTIVATION_RELU, 2},
    {1, 3, 72, 24, false, MBCONV_ACTIVATION_RELU, 1},        {2, 5, 72, 40, true, MBCONV_ACTIVATION_RELU, 2},
    {2, 5, 120, 40, true, MBCONV_ACTIVATION_RELU, 1},        {2, 5, 120, 40, true, MBCONV_ACTIVATION_RELU, 1},
    {3, 3, 240, 80, false, MBCONV_ACTIVATION_HARD_SWISH, 2}, {3, 3, 200, 80, false, MBCONV_ACTIVATION_HARD_SWISH, 1},
    {3, 3, 184, 80, false, MBCONV_ACTIVATION_HARD_SWISH, 1}, {3, 3, 184, 80, false, MBCONV_ACTIVATION_HARD_SWISH, 1},
    {4, 3, 480, 112, true, MBCONV_ACTIVATION_HARD_SWISH, 1}, {4, 3, 672, 112, true, MBCONV_ACTIVATION_HARD_SWISH, 1},
    {5, 5, 672, 160, true, MBCONV_ACTIVATION_HARD_SWISH, 2}, {5, 5, 960, 160, true, MBCONV_ACTIVATION_HARD_SWISH, 1},
    {5, 5, 960, 160, true, MBCONV_ACTIVATION_HARD_SWISH, 1},
};

static const struct bneck mobilenet_v3_small[] = {
    {0, 3, 16, 16, true, MBCONV_ACTIVATION_RELU, 2},        {1, 3, 72, 24, false, MBCONV_ACTIVATION_RELU, 2},
    {1, 3, 88, 24, false, MBCONV_ACTIVATION_RELU, 1},       {2, 5, 96, 40, true, MBCONV_ACTIVATION_HARD_SWISH, 2},
    {2, 5, 240, 40, true, MBCONV_ACTIVATION_HARD_SWISH, 1}, {2, 5, 240, 40, true, MBCONV_ACTIVATION_HARD_SWISH, 1},
    {3, 5, 120, 48, true, MBCONV_ACTIVATION_HARD_SWISH, 1}, {3, 5, 144, 48, true, MBCONV_ACTIVATION_HARD_SWISH, 1},
    {4, 5, 288, 96, true, MBCONV_ACTIVATION_HARD_SWISH, 2}, {4, 5, 576, 96, true, MBCONV_ACTIVATION_HARD_SWISH, 1},
    {4, 5, 576, 96, true, MBCONV_ACTIVATION_HARD_SWISH, 1},
};

static void describe_mobilenet_v3(struct mbconv_description *d, const struct bneck *rows, size_t count, size_t features,
                                  size_t classes) {
  d->family = MBCONV_MOBILENET_V3;
  d->epsilon = 1e-3f;
  add_convolution(d, 16, 3, 2, MBCONV_ACTIVATION_HARD_SWISH);
  unsigned index = 0;
  for (size_t i = 0; i < count; i++) {
    const struct bneck *row = &rows[i];
    const size_t in = last_channels(d);
    index = i > 0 && rows[i - 1].stage == row->stage ? index + 1 : 0;
    add(d, (struct mbconv_layer){.kind = MBCONV_LAYER_BLOCK,
                                 .in = in,
                                 .expanded = row->expanded,
                                 .out = row->out,
                                 .expand = row->expanded != in,
                                 .kernel = row->kernel,
                                 .stride = row->stride,
                                 .squeeze = row->squeeze_excite ? divisible((double)(row->expanded / 4)) : 0,
                                 .activation = row->activation,
                                 .inner = MBCONV_ACTIVATION_RELU,
                                 .gate = MBCONV_ACTIVATION_HARD_SIGMOID,
                                 .stage = row->stage,
                                 .index = index});
  }
  add_convolution(d, 6 * last_channels(d), 1, 1, MBCONV_ACTIVATION_HARD_SWISH)->stage = rows[count - 1].stage + 1;
  add_pool(d);
  add_connected(d, features, MBCONV_ACTIVATION_HARD_SWISH);
  add_connected(d, classes, MBCONV_ACTIVATION_NONE);
}

/* ---- Single blocks ----------------------------------------------------------------------------------------------- */

/* The first of a family is the notebook's; the other has the other's activation, so that like is compared with like. */
static const struct {
  const char *name;
  enum mbconv_family family;
  mbconv_activation_kind activation;
} singles[] = {
    {"mbconv", MBCONV_SINGLE_BLOCK, MBCONV_ACTIVATION_SILU},
    {"mbconv_relu", MBCONV_SINGLE_BLOCK, MBCONV_ACTIVATION_RELU},
    {"plain", MBCONV_PLAIN_BLOCK, MBCONV_ACTIVATION_RELU},
    {"plain_silu", MBCONV_PLAIN_BLOCK, MBCONV_ACTIVATION_SILU},
    {"bottleneck", MBCONV_BOTTLENECK, MBCONV_ACTIVATION_RELU},
    {"bottleneck_silu", MBCONV_BOTTLENECK, MBCONV_ACTIVATION_SILU},
};
enum { SINGLES = sizeof singles / sizeof *singles };

/* 16 channels on 32x32 pixels, as in the notebook. */
static void describe_single(struct mbconv_description *d, enum mbconv_family family,
                            mbconv_activation_kind activation) {
  d->family = family;
  d->size = d->resize = 32;
  d->channels = 16;
  if (family == MBCONV_SINGLE_BLOCK)
    add(d, (struct mbconv_layer){.kind = MBCONV_LAYER_BLOCK,
                                 .in = 16,
                                 .expanded = 96,
                                 .out = 16,
                                 .expand = true,
                                 .kernel = 3,
                                 .stride = 1,
                                 .activation = activation});
  if (family == MBCONV_PLAIN_BLOCK)
    for (size_t i = 0; i < 2; i++) add_convolution(d, 16, 3, 1, activation);
  if (family == MBCONV_BOTTLENECK) {
    add_convolution(d, 4, 1, 1, activation);
    add_convolution(d, 4, 3, 1, activation);
    add_convolution(d, 16, 1, 1, activation)->residual_back = 2;
  }
}

/* ---- By name ----------------------------------------------------------------------------------------------------- */

static const char *const names[] = {
    "mobilenet_v2",       "efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3",
    "efficientnet_b4",    "efficientnet_b5", "efficientnet_b6", "efficientnet_b7", "mobilenet_v3_small",
    "mobilenet_v3_large", "mbconv",          "plain",           "bottleneck",
};
enum { NAMES = sizeof names / sizeof *names };

size_t mbconv_network_names(const char **out, size_t capacity) {
  for (size_t i = 0; i < NAMES && i < capacity; i++) out[i] = names[i];
  return NAMES;
}

/* Widths are counted in thousandths, so that a name and its width belong together whatever a locale does to points. */
enum { WHOLE = 1000, LEAST_WIDTH = WHOLE / 10, MOST_WIDTH = 4 * WHOLE };

static double width_of(unsigned thousandths) { return thousandths / (double)WHOLE; }

/* The width in a name such as mobilenet_v2_0.5: a digit, and up to three behind a point; 0 if it is none. */
static unsigned thousandths_of(const char *name) {
  static const char prefix[] = "mobilenet_v2";
  if (strncmp(name, prefix, sizeof prefix - 1) != 0) return 0;
  name += sizeof prefix - 1;
  if (*name == '\0') return WHOLE;
  if (name[0] != '_' || !mbconv_is_digit(name[1]) || (name[2] != '\0' && name[2] != '.')) return 0;
  unsigned thousandths = WHOLE * (unsigned)(name[1] - '0');
  if (name[2] == '.') {
    const char *digit = name + 3;
    unsigned unit = WHOLE / 10;
    for (; mbconv_is_digit(*digit) && unit > 0; digit++, unit /= 10) thousandths += unit * (unsigned)(*digit - '0');
    if (*digit != '\0' || digit == name + 3) return 0;
  }
  return thousandths >= LEAST_WIDTH && thousandths <= MOST_WIDTH ? thousandths : 0;
}

/* The other way round. */
static void name_thousandths(unsigned thousandths, char name[32]) {
  strcpy(name, "mobilenet_v2");
  if (thousandths == WHOLE) return;
  snprintf(name, 32, "mobilenet_v2_%u.%03u", thousandths / WHOLE, thousandths % WHOLE);
  for (size_t last = strlen(name) - 1; name[last] == '0' && name[last - 1] != '.'; last--) name[last] = '\0';
}

static size_t right_channels(unsigned thousandths, const size_t channels[MBCONV_WIDTH_MARKS]) {
  const double width = width_of(thousandths);
  size_t right = channels[0] == stem_channels(width);
  for (size_t s = 0; s < STAGES; s++) right += channels[1 + s] == divisible((double)mobilenet_v2[s].channels * width);
  return right + (channels[1 + STAGES] == head_channels(width));
}

void mbconv_name_width(const size_t channels[MBCONV_WIDTH_MARKS], char name[32]) {
  static const unsigned published[] = {1000, 500, 750, 350, 1400, 1300, 250};
  enum { PUBLISHED = sizeof published / sizeof *published };
  unsigned best = WHOLE;
  size_t most = 0;
  for (size_t i = 0; i < PUBLISHED; i++) {
    const size_t right = right_channels(published[i], channels);
    if (right > most) most = right, best = published[i];
  }
  for (unsigned step = 100; step > 0; step /= 10) {
    for (unsigned width = LEAST_WIDTH; width <= MOST_WIDTH && most < MBCONV_WIDTH_MARKS; width += step) {
      const size_t right = right_channels(width, channels);
      if (right > most) most = right, best = width;
    }
  }
  name_thousandths(best, name);
}

/* The 0 in efficientnet_b0, or EFFICIENTNETS. */
static size_t efficientnet_of(const char *name) {
  static const char prefix[] = "efficientnet_b";
  const size_t length = sizeof prefix - 1;
  if (strncmp(name, prefix, length) != 0 || strlen(name) != length + 1) return EFFICIENTNETS;
  const size_t variant = (size_t)(name[length] - '0');
  return variant < EFFICIENTNETS ? variant : EFFICIENTNETS;
}

bool mbconv_describe(const char *name, size_t classes, struct mbconv_description *d) {
  *d = (struct mbconv_description){.size = 224,
                                   .resize = 256,
                                   .mean = {0.485f, 0.456f, 0.406f}, /* of ImageNet, as everybody uses them */
                                   .deviation = {0.229f, 0.224f, 0.225f},
                                   .epsilon = 1e-5f,
                                   .channels = 3};
  if (strlen(name) >= sizeof d->name) return false;
  strcpy(d->name, name);
  const unsigned thousandths = thousandths_of(name);
  const size_t variant = efficientnet_of(name);
  if (thousandths > 0)
    describe_mobilenet_v2(d, width_of(thousandths), classes);
  else if (variant < EFFICIENTNETS)
    describe_efficientnet(d, variant, classes);
  else if (strcmp(name, "mobilenet_v3_small") == 0)
    describe_mobilenet_v3(d, mobilenet_v3_small, sizeof mobilenet_v3_small / sizeof *mobilenet_v3_small, 1024, classes);
  else if (strcmp(name, "mobilenet_v3_large") == 0)
    describe_mobilenet_v3(d, mobilenet_v3_large, sizeof mobilenet_v3_large / sizeof *mobilenet_v3_large, 1280, classes);
  for (size_t i = 0; i < SINGLES; i++)
    if (strcmp(name, singles[i].name) == 0) describe_single(d, singles[i].family, singles[i].activation);
  return d->layers > 0;
}

bool mbconv_candidate(enum mbconv_family family, size_t index, char name[32]) {
  for (size_t i = 0; i < NAMES; i++) {
    struct mbconv_description d;
    if (mbconv_describe(names[i], 1000, &d) && d.family == family && index-- == 0) {
      strcpy(name, names[i]);
      return true;
    }
  }
  return false;
}
