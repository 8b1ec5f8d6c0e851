/* SPDX-License-Identifier: MIT
 *
 * MobileNetV4, those of convolutions alone. The stages are timm's, whose preprocessing is assumed.
 */
#include <string.h>

#include "tables.h"

/* Universal inverted bottlenecks in a row, all alike but for the first's stride. */
struct uib {
  unsigned stage;
  size_t start, kernel; /* of the depthwise before the expand, and of the one behind it; 0: none */
  size_t expanded, out, stride, blocks;
};

/* Qin et al. 2024, tables 11, 12 and 13. */
static const struct uib small[] = {
    {2, 5, 5, 192, 96, 2, 1},  {2, 0, 3, 192, 96, 1, 4},  {2, 3, 0, 384, 96, 1, 1},  {3, 3, 3, 576, 128, 2, 1},
    {3, 5, 5, 512, 128, 1, 1}, {3, 0, 5, 512, 128, 1, 1}, {3, 0, 5, 384, 128, 1, 1}, {3, 0, 3, 512, 128, 1, 2},
};

static const struct uib medium[] = {
    {1, 3, 5, 192, 80, 2, 1},   {1, 3, 3, 160, 80, 1, 1},   {2, 3, 5, 480, 160, 2, 1},  {2, 3, 3, 640, 160, 1, 2},
    {2, 3, 5, 640, 160, 1, 1},  {2, 3, 3, 640, 160, 1, 1},  {2, 3, 0, 640, 160, 1, 1},  {2, 0, 0, 320, 160, 1, 1},
    {2, 3, 0, 640, 160, 1, 1},  {3, 5, 5, 960, 256, 2, 1},  {3, 5, 5, 1024, 256, 1, 1}, {3, 3, 5, 1024, 256, 1, 2},
    {3, 0, 0, 1024, 256, 1, 1}, {3, 3, 0, 1024, 256, 1, 1}, {3, 3, 5, 512, 256, 1, 1},  {3, 5, 5, 1024, 256, 1, 1},
    {3, 0, 0, 1024, 256, 1, 2}, {3, 5, 0, 512, 256, 1, 1},
};

static const struct uib large[] = {
    {1, 3, 5, 192, 96, 2, 1},   {1, 3, 3, 384, 96, 1, 1},   {2, 3, 5, 384, 192, 2, 1},  {2, 3, 3, 768, 192, 1, 3},
    {2, 3, 5, 768, 192, 1, 1},  {2, 5, 3, 768, 192, 1, 5},  {2, 3, 0, 768, 192, 1, 1},  {3, 5, 5, 768, 512, 2, 1},
    {3, 5, 5, 2048, 512, 1, 3}, {3, 5, 0, 2048, 512, 1, 1}, {3, 5, 3, 2048, 512, 1, 1}, {3, 5, 0, 2048, 512, 1, 2},
    {3, 5, 3, 2048, 512, 1, 1}, {3, 5, 5, 2048, 512, 1, 1}, {3, 5, 0, 2048, 512, 1, 3},
};

static void add_uibs(struct mbconv_description *d, const struct uib *rows, size_t count) {
  unsigned index = 0;
  for (size_t r = 0; r < count; r++) {
    const struct uib *row = &rows[r];
    if (r == 0 || rows[r - 1].stage != row->stage) index = 0;
    for (size_t b = 0; b < row->blocks; b++) {
      const size_t stride = b == 0 ? row->stride : 1;
      mbconv_add(d, (struct mbconv_layer){.kind = MBCONV_LAYER_BLOCK,
                                          .in = mbconv_last_channels(d),
                                          .expanded = row->expanded,
                                          .out = row->out,
                                          .expand = true,
                                          .kernel = row->kernel,
                                          .stride = row->kernel > 0 ? stride : 1,
                                          .start = row->start,
                                          .start_stride = row->kernel > 0 ? 1 : stride,
                                          .activation = MBCONV_ACTIVATION_RELU,
                                          .stage = row->stage,
                                          .index = index});
      index++;
    }
  }
}

/* What comes before the first row: convolutions in the small one, a Fused-MBConv in the others. */
static void add_front(struct mbconv_description *d, bool fused_first) {
  static const struct mbconv_row fused = {4, 3, 2, 48, 1};
  static const struct mbconv_block_kind kind = {.activation = MBCONV_ACTIVATION_RELU, .fused = true};
  static const struct {
    unsigned stage, index;
    size_t kernel, stride, channels;
  } convolutions[] = {{0, 0, 3, 2, 32}, {0, 1, 1, 1, 32}, {1, 0, 3, 2, 96}, {1, 1, 1, 1, 64}};
  if (fused_first) {
    mbconv_add_row(d, &fused, 0, fused.channels, fused.blocks, &kind);
    return;
  }
  for (size_t i = 0; i < sizeof convolutions / sizeof *convolutions; i++) {
    struct mbconv_layer *layer = mbconv_add_convolution(d, convolutions[i].channels, convolutions[i].kernel,
                                                        convolutions[i].stride, MBCONV_ACTIVATION_RELU);
    layer->stage = convolutions[i].stage;
    layer->index = convolutions[i].index;
  }
}

bool mbconv_describe_mobilenet_v4(struct mbconv_description *d, size_t classes) {
  static const struct {
    const char *name;
    size_t stem, size, resize;
    bool fused;
    const struct uib *rows;
    size_t count;
  } variants[] = {
      {"mobilenet_v4_conv_small", 32, 224, 256, false, small, sizeof small / sizeof *small},
      {"mobilenet_v4_conv_medium", 32, 256, 269, true, medium, sizeof medium / sizeof *medium},
      {"mobilenet_v4_conv_large", 24, 384, 404, true, large, sizeof large / sizeof *large},
  };
  for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
    if (strcmp(d->name, variants[i].name) != 0) continue;
    d->family = MBCONV_MOBILENET_V4;
    d->naming = MBCONV_TIMM;
    d->size = variants[i].size;
    d->resize = variants[i].resize;
    d->bicubic = true;
    mbconv_add_convolution(d, variants[i].stem, 3, 2, MBCONV_ACTIVATION_RELU);
    add_front(d, variants[i].fused);
    add_uibs(d, variants[i].rows, variants[i].count);
    mbconv_add_convolution(d, 960, 1, 1, MBCONV_ACTIVATION_RELU)->stage = 4;
    mbconv_add_pool(d);
    mbconv_add_connected(d, 1280, MBCONV_ACTIVATION_RELU);
    mbconv_add_connected(d, classes, MBCONV_ACTIVATION_NONE);
    return true;
  }
  return false;
}
