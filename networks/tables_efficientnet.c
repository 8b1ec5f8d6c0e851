/* SPDX-License-Identifier: MIT
 *
 * EfficientNet and EfficientNet-Lite.
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
  if (b < EFFICIENTNETS) describe_efficientnet(d, b, classes);
  if (lite < LITES) describe_lite(d, lite, classes);
  return d->layers > 0;
}
