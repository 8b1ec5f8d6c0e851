/* SPDX-License-Identifier: MIT */
#include "preprocess.h"

#include <string.h>

#include "../networks/decimal.h"
#include "cli.h"

/* Three numbers between commas, at least `least` each. */
static void take_colours(const char *text, const char *option, double least, float colours[3]) {
  const char *next = text;
  for (size_t c = 0; c < 3; c++) {
    double number = 0;
    next = mbconv_decimal_read(next, &number);
    if (!next || *next != (c < 2 ? ',' : '\0') || !(number >= least && number <= 1000))
      cli_misused("%s is \"%s\", not three numbers such as 0.485,0.456,0.406", option, text);
    colours[c] = (float)number;
    next++;
  }
}

struct image_preprocessing preprocess_how(const struct preprocess_options *o, const mbconv_network_info *info) {
  const size_t larger = info->height > info->width ? info->height : info->width;
  struct image_preprocessing how = {
      .resize = o->resize ? o->resize : (larger * info->resize + info->crop / 2) / info->crop,
      .height = info->height,
      .width = info->width,
      .bicubic = info->bicubic,
      .mean = {info->mean[0], info->mean[1], info->mean[2]},
      .deviation = {info->deviation[0], info->deviation[1], info->deviation[2]},
      .layout = info->layout,
  };
  if (o->mean) take_colours(o->mean, "--mean", 0, how.mean);
  if (o->deviation) take_colours(o->deviation, "--std", 1e-6, how.deviation);
  if (o->interpolation) {
    how.bicubic = strcmp(o->interpolation, "bicubic") == 0;
    if (!how.bicubic && strcmp(o->interpolation, "bilinear") != 0)
      cli_misused("--interpolation is \"%s\", not bilinear or bicubic", o->interpolation);
  }
  return how;
}

void preprocess_tell(const char *model, const struct preprocess_options *o, const mbconv_network_info *info) {
  const bool padding = info->assumed & MBCONV_ASSUMED_PADDING, epsilon = info->assumed & MBCONV_ASSUMED_EPSILON;
  const bool images =
      o && info->assumed & MBCONV_ASSUMED_PREPROCESSING && !(o->resize && o->mean && o->deviation && o->interpolation);
  if (!padding && !epsilon && !images) return;
  char text[MBCONV_DECIMAL_SIZE];
  fprintf(stderr, "mbconv: %s does not say all; assumed:", model);
  if (padding) fprintf(stderr, " --padding %s", info->padding == MBCONV_PADDING_SAME ? "same" : "symmetric");
  if (epsilon) fprintf(stderr, " --epsilon %s", mbconv_decimal_write(text, "%g", (double)info->epsilon));
  if (padding || epsilon) fputs(" (timm's tf_* networks have same and 0.001)", stderr);
  if (images) {
    const struct image_preprocessing how = preprocess_how(o, info);
    fprintf(stderr, "%s --resize %zu --interpolation %s", padding || epsilon ? "," : "", how.resize,
            how.bicubic ? "bicubic" : "bilinear");
    const float *const colours[] = {how.mean, how.deviation};
    for (size_t i = 0; i < 2; i++) {
      fputs(i == 0 ? " --mean " : " --std ", stderr);
      for (size_t c = 0; c < 3; c++)
        fprintf(stderr, "%s%s", c > 0 ? "," : "", mbconv_decimal_write(text, "%g", (double)colours[i][c]));
    }
  }
  fputs("\n", stderr);
}
