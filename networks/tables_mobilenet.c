/* SPDX-License-Identifier: MIT
 *
 * MobileNetV1, MobileNetV2 of any width, and MnasNet.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "decimal.h"
#include "tables.h"

enum { ROWS = 7 };

/* ---- MobileNetV2 ------------------------------------------------------------------------------------------------- */

/* Sandler et al. 2018, table 2. */
static const struct mbconv_row mobilenet_v2[ROWS] = {
    {1, 3, 1, 16, 1},  /* 112x112 */
    {6, 3, 2, 24, 2},  /* 56x56 */
    {6, 3, 2, 32, 3},  /* 28x28 */
    {6, 3, 2, 64, 4},  /* 14x14 */
    {6, 3, 1, 96, 3},  /* 14x14 */
    {6, 3, 2, 160, 3}, /* 7x7 */
    {6, 3, 1, 320, 1}, /* 7x7 */
};

static size_t stem_channels(double width) { return mbconv_divisible(32 * width); }
static size_t head_channels(double width) { return mbconv_divisible(1280 * fmax(1, width)); } /* of MobileNetV2 */

/* A stem, seven rows of blocks, a head and a classifier. */
static void describe_rows(struct mbconv_description *d, const struct mbconv_row *rows, double width, size_t head,
                          mbconv_activation_kind activation, size_t classes) {
  const struct mbconv_block_kind kind = {.activation = activation};
  mbconv_add_convolution(d, stem_channels(width), 3, 2, activation);
  for (unsigned s = 0; s < ROWS; s++)
    mbconv_add_row(d, &rows[s], s, mbconv_divisible((double)rows[s].channels * width), rows[s].blocks, &kind);
  mbconv_add_convolution(d, head, 1, 1, activation);
  mbconv_add_pool(d);
  mbconv_add_connected(d, classes, MBCONV_ACTIVATION_NONE);
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
  for (size_t s = 0; s < ROWS; s++)
    right += channels[1 + s] == mbconv_divisible((double)mobilenet_v2[s].channels * width);
  return right + (channels[1 + ROWS] == head_channels(width));
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

/* ---- MobileNetV1 ------------------------------------------------------------------------------------------------- */

/* Howard et al. 2017, table 1: a depthwise and a 1x1 convolution, each with its activation. The rows are timm's, which
 * alone has it. */
static const struct mbconv_row mobilenet_v1[] = {
    {1, 3, 1, 64, 1},   /* 112x112 */
    {1, 3, 2, 128, 2},  /* 56x56 */
    {1, 3, 2, 256, 2},  /* 28x28 */
    {1, 3, 2, 512, 6},  /* 14x14 */
    {1, 3, 2, 1024, 2}, /* 7x7 */
};

static void describe_mobilenet_v1(struct mbconv_description *d, double width, size_t classes) {
  static const struct mbconv_block_kind kind = {.activation = MBCONV_ACTIVATION_RELU6};
  d->family = MBCONV_MOBILENET_V1;
  d->naming = MBCONV_TIMM;
  d->bicubic = true;
  for (size_t c = 0; c < 3; c++) d->mean[c] = d->deviation[c] = 0.5f;
  mbconv_add_convolution(d, stem_channels(width), 3, 2, MBCONV_ACTIVATION_RELU6);
  for (unsigned s = 0; s < sizeof mobilenet_v1 / sizeof *mobilenet_v1; s++) {
    const struct mbconv_row *row = &mobilenet_v1[s];
    mbconv_add_row(d, row, s, mbconv_divisible((double)row->channels * width), row->blocks, &kind);
  }
  for (size_t i = 1; i < d->layers; i++) d->layer[i].activated = d->layer[i].alone = true;
  mbconv_add_pool(d);
  mbconv_add_connected(d, classes, MBCONV_ACTIVATION_NONE);
}

/* ---- MnasNet ----------------------------------------------------------------------------------------------------- */

/* Tan et al. 2019: MnasNet-B1. */
static const struct mbconv_row mnasnet[ROWS] = {
    {1, 3, 1, 16, 1},  /* 112x112 */
    {3, 3, 2, 24, 3},  /* 56x56 */
    {3, 5, 2, 40, 3},  /* 28x28 */
    {6, 5, 2, 80, 3},  /* 14x14 */
    {6, 3, 1, 96, 2},  /* 14x14 */
    {6, 5, 2, 192, 4}, /* 7x7 */
    {6, 3, 1, 320, 1}, /* 7x7 */
};

/* torchvision's, and what its weights were trained with. */
static const struct {
  const char *name;
  double width;
  size_t resize;
} mnasnets[] = {
    {"mnasnet0_5", 0.5, 256}, {"mnasnet0_75", 0.75, 232}, {"mnasnet1_0", 1.0, 256}, {"mnasnet1_3", 1.3, 232}};

bool mbconv_describe_mobilenet(struct mbconv_description *d, size_t classes) {
  const unsigned thousandths = thousandths_of(d->name);
  if (thousandths > 0) {
    const double width = width_of(thousandths);
    d->family = MBCONV_MOBILENET_V2;
    describe_rows(d, mobilenet_v2, width, head_channels(width), MBCONV_ACTIVATION_RELU6, classes);
    return true;
  }
  const bool wide = strcmp(d->name, "mobilenet_v1_1.25") == 0;
  if (wide || strcmp(d->name, "mobilenet_v1") == 0) {
    if (wide) d->resize = 248;
    describe_mobilenet_v1(d, wide ? 1.25 : 1, classes);
    return true;
  }
  for (size_t i = 0; i < sizeof mnasnets / sizeof *mnasnets; i++) {
    if (strcmp(d->name, mnasnets[i].name) != 0) continue;
    d->family = MBCONV_MNASNET;
    d->resize = mnasnets[i].resize;
    describe_rows(d, mnasnet, mnasnets[i].width, 1280, MBCONV_ACTIVATION_RELU, classes);
    return true;
  }
  return false;
}
