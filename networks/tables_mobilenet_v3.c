/* SPDX-License-Identifier: MIT
 *
 * MobileNetV3.
 */
#include <string.h>

#include "tables.h"

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
  mbconv_add_convolution(d, 16, 3, 2, MBCONV_ACTIVATION_HARD_SWISH);
  unsigned index = 0;
  for (size_t i = 0; i < count; i++) {
    const struct bneck *row = &rows[i];
    const size_t quarter = row->expanded / 4;
    const size_t in = mbconv_last_channels(d);
    index = i > 0 && rows[i - 1].stage == row->stage ? index + 1 : 0;
    mbconv_add(d, (struct mbconv_layer){.kind = MBCONV_LAYER_BLOCK,
                                        .in = in,
                                        .expanded = row->expanded,
                                        .out = row->out,
                                        .expand = row->expanded != in,
                                        .kernel = row->kernel,
                                        .stride = row->stride,
                                        .squeeze = row->squeeze_excite ? mbconv_divisible((double)quarter) : 0,
                                        .activation = row->activation,
                                        .inner = MBCONV_ACTIVATION_RELU,
                                        .gate = MBCONV_ACTIVATION_HARD_SIGMOID,
                                        .stage = row->stage,
                                        .index = index});
  }
  mbconv_add_convolution(d, 6 * mbconv_last_channels(d), 1, 1, MBCONV_ACTIVATION_HARD_SWISH)->stage =
      rows[count - 1].stage + 1;
  mbconv_add_pool(d);
  mbconv_add_connected(d, features, MBCONV_ACTIVATION_HARD_SWISH);
  mbconv_add_connected(d, classes, MBCONV_ACTIVATION_NONE);
}

bool mbconv_describe_mobilenet_v3(struct mbconv_description *d, size_t classes) {
  const bool small = strcmp(d->name, "mobilenet_v3_small") == 0;
  if (small)
    describe_mobilenet_v3(d, mobilenet_v3_small, sizeof mobilenet_v3_small / sizeof *mobilenet_v3_small, 1024, classes);
  else if (strcmp(d->name, "mobilenet_v3_large") == 0)
    describe_mobilenet_v3(d, mobilenet_v3_large, sizeof mobilenet_v3_large / sizeof *mobilenet_v3_large, 1280, classes);
  return d->layers > 0;
}
