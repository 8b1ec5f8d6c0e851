/* SPDX-License-Identifier: MIT
 *
 * EfficientNet, EfficientNet-Lite and EfficientNetV2.
 */
#include <math.h>
#include <string.h>

#include "tables.h"

/* ---- EfficientNet ------------------------------------------------------------------------------------------------ */

enum { ROWS = 7 };

/* Tan and Le 2019, table 1. */
static const struct mbconv_row efficientnet[ROWS] = {
    {1, 3, 1, 16, 1},  /* 112x112 */
    {6, 3, 2, 24, 2},  /* 56x56 */
    {6, 5, 2, 40, 2},  /* 28x28 */
    {6, 3, 2, 80, 3},  /* 14x14 */
    {6, 5, 1, 112, 3}, /* 14x14 */
    {6, 5, 2, 192, 4}, /* 7x7 */
    {6, 3, 1, 320, 1}, /* 7x7 */
};

/* How B0 is scaled to B8, and what torchvision's weights were trained with; of B8, which torchvision lacks, timm's. */
static const struct {
  double width, depth;
  size_t resize, size;
  float epsilon;
} efficientnets[] = {
    {1.0, 1.0, 256, 224, 1e-5f}, {1.0, 1.1, 256, 240, 1e-5f}, {1.1, 1.2, 288, 288, 1e-5f},
    {1.2, 1.4, 320, 300, 1e-5f}, {1.4, 1.8, 384, 380, 1e-5f}, {1.6, 2.2, 456, 456, 1e-3f},
    {1.8, 2.6, 528, 528, 1e-3f}, {2.0, 3.1, 600, 600, 1e-3f}, {2.2, 3.6, 704, 672, 1e-3f},
};
enum { EFFICIENTNETS = sizeof efficientnets / sizeof *efficientnets };

static size_t scaled(size_t blocks, double depth) { return (size_t)ceil((double)blocks * depth); }

static void describe_efficientnet(struct mbconv_description *d, size_t variant, size_t classes) {
  static const struct mbconv_block_kind kind = {.activation = MBCONV_ACTIVATION_SILU, .squeeze_excite = true};
  const double width = efficientnets[variant].width, depth = efficientnets[variant].depth;
  d->family = MBCONV_EFFICIENTNET;
  d->size = efficientnets[variant].size;
  d->resize = efficientnets[variant].resize;
  d->epsilon = efficientnets[variant].epsilon;
  d->bicubic = true;
  mbconv_add_convolution(d, mbconv_divisible(32 * width), 3, 2, MBCONV_ACTIVATION_SILU);
  for (unsigned s = 0; s < ROWS; s++) {
    const struct mbconv_row *row = &efficientnet[s];
    mbconv_add_row(d, row, s, mbconv_divisible((double)row->channels * width), scaled(row->blocks, depth), &kind);
  }
  mbconv_add_convolution(d, 4 * mbconv_last_channels(d), 1, 1, MBCONV_ACTIVATION_SILU);
  mbconv_add_pool(d);
  mbconv_add_connected(d, classes, MBCONV_ACTIVATION_NONE);
}

/* ---- EfficientNet-Lite ------------------------------------------------------------------------------------------- */

/* EfficientNet without squeeze-excite, with ReLU6, and with a stem, a first row, a last row and a head that are not
 * scaled. Its authors resize images to 32 pixels more than they cut out, and take colours of 0 to 255 less 127, divided
 * by 128. They were trained in TensorFlow. */
static const struct {
  double width, depth;
  size_t size;
} lites[] = {{1.0, 1.0, 224}, {1.0, 1.1, 240}, {1.1, 1.2, 260}, {1.2, 1.4, 280}, {1.4, 1.8, 300}};
enum { LITES = sizeof lites / sizeof *lites };

static void describe_lite(struct mbconv_description *d, size_t variant, size_t classes) {
  static const struct mbconv_block_kind kind = {.activation = MBCONV_ACTIVATION_RELU6};
  d->family = MBCONV_EFFICIENTNET_LITE;
  d->size = lites[variant].size;
  d->resize = d->size + 32;
  d->bicubic = true;
  d->epsilon = 1e-3f;
  d->padding = MBCONV_PADDING_SAME;
  for (size_t c = 0; c < 3; c++) d->mean[c] = 127.0f / 255, d->deviation[c] = 128.0f / 255;
  mbconv_add_convolution(d, 32, 3, 2, MBCONV_ACTIVATION_RELU6);
  for (unsigned s = 0; s < ROWS; s++) {
    const struct mbconv_row *row = &efficientnet[s];
    const size_t blocks = s == 0 || s == ROWS - 1 ? row->blocks : scaled(row->blocks, lites[variant].depth);
    mbconv_add_row(d, row, s, mbconv_divisible((double)row->channels * lites[variant].width), blocks, &kind);
  }
  mbconv_add_convolution(d, 1280, 1, 1, MBCONV_ACTIVATION_RELU6);
  mbconv_add_pool(d);
  mbconv_add_connected(d, classes, MBCONV_ACTIVATION_NONE);
}

/* ---- EfficientNetV2 ---------------------------------------------------------------------------------------------- */

enum { V2_ROWS = 7, V2_FUSED = 3 };

/* Tan and Le 2021, table 4: the first rows are fused, the others have squeeze-excite. With the sizes that torchvision's
 * weights were trained with, and how it prepares images. */
static const struct v2 {
  const char *name;
  size_t stem, size;
  bool bicubic, halves; /* mean and deviation are 0.5 */
  struct mbconv_row row[V2_ROWS];
} v2s[] = {
    {"efficientnet_v2_s",
     24,
     384,
     false,
     false,
     {{1, 3, 1, 24, 2}, {4, 3, 2, 48, 4}, {4, 3, 2, 64, 4}, {4, 3, 2, 128, 6}, {6, 3, 1, 160, 9}, {6, 3, 2, 256, 15}}},
    {"efficientnet_v2_m",
     24,
     480,
     false,
     false,
     {{1, 3, 1, 24, 3},
      {4, 3, 2, 48, 5},
      {4, 3, 2, 80, 5},
      {4, 3, 2, 160, 7},
      {6, 3, 1, 176, 14},
      {6, 3, 2, 304, 18},
      {6, 3, 1, 512, 5}}},
    {"efficientnet_v2_l",
     32,
     480,
     true,
     true,
     {{1, 3, 1, 32, 4},
      {4, 3, 2, 64, 7},
      {4, 3, 2, 96, 7},
      {4, 3, 2, 192, 10},
      {6, 3, 1, 224, 19},
      {6, 3, 2, 384, 25},
      {6, 3, 1, 640, 7}}},
};

/* What B0 to B3 are scaled from, as EfficientNet is; in timm alone, whose sizes for validation these are. */
static const struct mbconv_row v2_b[V2_ROWS] = {{1, 3, 1, 16, 1}, {4, 3, 2, 32, 2},  {4, 3, 2, 48, 2},
                                                {4, 3, 2, 96, 3}, {6, 3, 1, 112, 5}, {6, 3, 2, 192, 8}};

static const struct {
  double width, depth;
  size_t size, resize;
  bool halves;
} v2_bs[] = {
    {1.0, 1.0, 224, 256, false}, {1.0, 1.1, 240, 272, false}, {1.1, 1.2, 260, 292, false}, {1.2, 1.4, 300, 333, true}};
enum { V2_BS = sizeof v2_bs / sizeof *v2_bs };

/* The nearest multiple of 8. */
static size_t nearest(double channels) { return (size_t)(channels + 4) / 8 * 8; }

static void describe_v2(struct mbconv_description *d, size_t stem, size_t head, const struct mbconv_row *rows,
                        double width, double depth, bool halves, size_t classes) {
  static const struct mbconv_block_kind fused = {.activation = MBCONV_ACTIVATION_SILU, .fused = true},
                                        other = {.activation = MBCONV_ACTIVATION_SILU, .squeeze_excite = true};
  d->family = MBCONV_EFFICIENTNET_V2;
  d->epsilon = 1e-3f;
  for (size_t c = 0; halves && c < 3; c++) d->mean[c] = d->deviation[c] = 0.5f;
  mbconv_add_convolution(d, stem, 3, 2, MBCONV_ACTIVATION_SILU);
  for (unsigned s = 0; s < V2_ROWS && rows[s].blocks > 0; s++)
    mbconv_add_row(d, &rows[s], s, nearest((double)rows[s].channels * width), scaled(rows[s].blocks, depth),
                   s < V2_FUSED ? &fused : &other);
  mbconv_add_convolution(d, head, 1, 1, MBCONV_ACTIVATION_SILU);
  mbconv_add_pool(d);
  mbconv_add_connected(d, classes, MBCONV_ACTIVATION_NONE);
}

static void describe_v2_b(struct mbconv_description *d, size_t variant, size_t classes) {
  const double width = v2_bs[variant].width;
  d->size = v2_bs[variant].size;
  d->resize = v2_bs[variant].resize;
  d->bicubic = true;
  describe_v2(d, nearest(32 * width), nearest(1280 * width), v2_b, width, v2_bs[variant].depth, v2_bs[variant].halves,
              classes);
}

/* ---- By name ----------------------------------------------------------------------------------------------------- */

/* The number at the end of `prefix` and a digit, or `count` if the name is another or the number not below that. */
static size_t variant_of(const char *name, const char *prefix, size_t count) {
  const size_t length = strlen(prefix);
  if (strncmp(name, prefix, length) != 0 || strlen(name) != length + 1) return count;
  const size_t variant = (size_t)(name[length] - '0');
  return variant < count ? variant : count;
}

bool mbconv_describe_efficientnet(struct mbconv_description *d, size_t classes) {
  const size_t b = variant_of(d->name, "efficientnet_b", EFFICIENTNETS);
  const size_t lite = variant_of(d->name, "efficientnet_lite", LITES);
  const size_t v2 = variant_of(d->name, "efficientnet_v2_b", V2_BS);
  if (b < EFFICIENTNETS) describe_efficientnet(d, b, classes);
  if (lite < LITES) describe_lite(d, lite, classes);
  if (v2 < V2_BS) describe_v2_b(d, v2, classes);
  for (size_t i = 0; i < sizeof v2s / sizeof *v2s; i++) {
    const struct v2 *v = &v2s[i];
    if (strcmp(d->name, v->name) != 0) continue;
    d->size = d->resize = v->size;
    d->bicubic = v->bicubic;
    describe_v2(d, v->stem, 1280, v->row, 1, 1, v->halves, classes);
  }
  return d->layers > 0;
}
