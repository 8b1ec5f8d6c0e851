/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <stdio.h>
#include <string.h>

/* ---- Sizes ------------------------------------------------------------------------------------------------------- */

static struct mbconv_part convolution(size_t out, size_t in, size_t kernel) {
  return (struct mbconv_part){.out = out, .in = in, .kernel = kernel, .batch_norm = true};
}

static struct mbconv_part with_bias(size_t out, size_t in, bool flat) {
  return (struct mbconv_part){.out = out, .in = in, .kernel = 1, .bias = true, .flat = flat};
}

static void name(struct mbconv_part *part, const char *prefix, const char *conv, const char *norm) {
  snprintf(part->name, sizeof part->name, "%s%s", prefix, conv);
  snprintf(part->norm, sizeof part->norm, "%s%s", prefix, norm);
}

/* ---- Blocks ------------------------------------------------------------------------------------------------------ */

/* features.3.conv.{0.0, 0.1, 1.0, 1.1, 2, 3} */
static void name_mobilenet_v2_block(const struct mbconv_layer *layer, struct mbconv_part *parts) {
  char prefix[32], conv[8], norm[8];
  snprintf(prefix, sizeof prefix, "features.%u.conv.", layer->number);
  unsigned place = 0;
  if (layer->expand) name(&parts[MBCONV_EXPAND], prefix, "0.0", "0.1"), place++;
  snprintf(conv, sizeof conv, "%u.0", place);
  snprintf(norm, sizeof norm, "%u.1", place);
  name(&parts[MBCONV_DEPTHWISE], prefix, conv, norm);
  snprintf(conv, sizeof conv, "%u", place + 1);
  snprintf(norm, sizeof norm, "%u", place + 2);
  name(&parts[MBCONV_PROJECT], prefix, conv, norm);
}

/* EfficientNet's features are its stages. */
static bool has_stages(enum mbconv_family family) {
  return family == MBCONV_EFFICIENTNET || family == MBCONV_EFFICIENTNET_V2;
}

/* features.3.block.{0.0, 0.1, 1.0, 1.1, 2.fc1, 2.fc2, 3.0, 3.1}, features.2.1.block.* in EfficientNet. */
static void name_torchvision_block(const struct mbconv_description *d, const struct mbconv_layer *layer,
                                   struct mbconv_part *parts) {
  char prefix[40], conv[8], norm[8];
  if (has_stages(d->family))
    snprintf(prefix, sizeof prefix, "features.%u.%u.block.", layer->stage + 1, layer->index);
  else
    snprintf(prefix, sizeof prefix, "features.%u.block.", layer->number);
  unsigned place = 0;
  for (int role = 0; role < MBCONV_ROLES; role++) {
    if (parts[role].out == 0) continue;
    const bool excite = role == MBCONV_REDUCE || role == MBCONV_EXCITE;
    snprintf(conv, sizeof conv, excite ? "%u.fc%u" : "%u.%u", place, role == MBCONV_REDUCE ? 1 : excite ? 2 : 0);
    snprintf(norm, sizeof norm, "%u.1", place);
    name(&parts[role], prefix, conv, norm);
    if (role != MBCONV_REDUCE) place++;
  }
}

/* blocks.2.1.{conv_pw, bn1, conv_dw, bn2, se.conv_reduce, se.conv_expand, conv_pwl, bn3}; without an expand
 * blocks.0.0.{conv_dw, bn1, se.*, conv_pw, bn2}; fused blocks.0.0.{conv_exp, bn1, conv_pwl, bn2} or {conv, bn1}. */
static void name_timm_block(const struct mbconv_layer *layer, struct mbconv_part *parts) {
  char prefix[32];
  snprintf(prefix, sizeof prefix, "blocks.%u.%u.", layer->stage, layer->index);
  if (layer->fused) {
    name(&parts[MBCONV_EXPAND], prefix, layer->expand ? "conv_exp" : "conv", "bn1");
    name(&parts[MBCONV_PROJECT], prefix, "conv_pwl", "bn2");
    return;
  }
  name(&parts[MBCONV_EXPAND], prefix, "conv_pw", "bn1");
  name(&parts[MBCONV_DEPTHWISE], prefix, "conv_dw", layer->expand ? "bn2" : "bn1");
  name(&parts[MBCONV_REDUCE], prefix, "se.conv_reduce", "");
  name(&parts[MBCONV_EXCITE], prefix, "se.conv_expand", "");
  name(&parts[MBCONV_PROJECT], prefix, layer->expand ? "conv_pwl" : "conv_pw", layer->expand ? "bn3" : "bn2");
}

/* blocks.2.1.{dw_start, pw_exp, dw_mid, pw_proj}.{conv, bn} */
static void name_mobilenet_v4_block(const struct mbconv_layer *layer, struct mbconv_part *parts) {
  char prefix[32];
  snprintf(prefix, sizeof prefix, "blocks.%u.%u.", layer->stage, layer->index);
  name(&parts[MBCONV_START], prefix, "dw_start.conv", "dw_start.bn");
  name(&parts[MBCONV_EXPAND], prefix, "pw_exp.conv", "pw_exp.bn");
  name(&parts[MBCONV_DEPTHWISE], prefix, "dw_mid.conv", "dw_mid.bn");
  name(&parts[MBCONV_PROJECT], prefix, "pw_proj.conv", "pw_proj.bn");
}

/* layers.9.2.layers.{0, 1, 3, 4, 6, 7}; the first block has no expand, and lies among the network's own layers. */
static void name_mnasnet_block(const struct mbconv_layer *layer, struct mbconv_part *parts) {
  char prefix[32] = "layers.";
  if (layer->expand) snprintf(prefix, sizeof prefix, "layers.%u.%u.layers.", layer->stage + 7, layer->index);
  name(&parts[MBCONV_EXPAND], prefix, "0", "1");
  name(&parts[MBCONV_DEPTHWISE], prefix, "3", "4");
  name(&parts[MBCONV_PROJECT], prefix, "6", "7");
}

/* _blocks.5.{_expand_conv, _bn0, _depthwise_conv, _bn1, _se_reduce, _se_expand, _project_conv, _bn2} */
static void name_efficientnet_pytorch_block(const struct mbconv_layer *layer, struct mbconv_part *parts) {
  char prefix[32];
  snprintf(prefix, sizeof prefix, "_blocks.%u.", layer->number - 1);
  name(&parts[MBCONV_EXPAND], prefix, "_expand_conv", "_bn0");
  name(&parts[MBCONV_DEPTHWISE], prefix, "_depthwise_conv", "_bn1");
  name(&parts[MBCONV_REDUCE], prefix, "_se_reduce", "");
  name(&parts[MBCONV_EXCITE], prefix, "_se_expand", "");
  name(&parts[MBCONV_PROJECT], prefix, "_project_conv", "_bn2");
}

/* The notebook's class: {expand, depthwise, project}.{0, 1} */
static void name_single_block(struct mbconv_part *parts) {
  name(&parts[MBCONV_EXPAND], "expand.", "0", "1");
  name(&parts[MBCONV_DEPTHWISE], "depthwise.", "0", "1");
  name(&parts[MBCONV_PROJECT], "project.", "0", "1");
}

static void block_parts(const struct mbconv_description *d, const struct mbconv_layer *layer,
                        struct mbconv_part *parts) {
  if (layer->start > 0) parts[MBCONV_START] = convolution(layer->in, 1, layer->start);
  if (layer->fused)
    parts[MBCONV_EXPAND] = convolution(layer->expanded, layer->in, layer->kernel);
  else if (layer->expand)
    parts[MBCONV_EXPAND] = convolution(layer->expanded, layer->in, 1);
  if (!layer->fused && layer->kernel > 0) parts[MBCONV_DEPTHWISE] = convolution(layer->expanded, 1, layer->kernel);
  if (layer->squeeze > 0) {
    parts[MBCONV_REDUCE] = with_bias(layer->squeeze, layer->expanded, false);
    parts[MBCONV_EXCITE] = with_bias(layer->expanded, layer->squeeze, false);
  }
  if (!layer->fused || layer->expand) parts[MBCONV_PROJECT] = convolution(layer->out, layer->expanded, 1);
  if (d->family == MBCONV_SINGLE_BLOCK)
    name_single_block(parts);
  else if (d->family == MBCONV_MOBILENET_V4 && !layer->fused)
    name_mobilenet_v4_block(layer, parts);
  else if (d->naming == MBCONV_TIMM)
    name_timm_block(layer, parts);
  else if (d->naming == MBCONV_EFFICIENTNET_PYTORCH)
    name_efficientnet_pytorch_block(layer, parts);
  else if (d->family == MBCONV_MNASNET)
    name_mnasnet_block(layer, parts);
  else if (d->family == MBCONV_MOBILENET_V2)
    name_mobilenet_v2_block(layer, parts);
  else
    name_torchvision_block(d, layer, parts);
}

/* ---- Stem, head, classifier -------------------------------------------------------------------------------------- */

static void name_convolution(const struct mbconv_description *d, const struct mbconv_layer *layer,
                             struct mbconv_part *part) {
  char prefix[32];
  unsigned number = layer->number;
  if (d->family == MBCONV_PLAIN_BLOCK) { /* conv.{0, 1, 3, 4} */
    static const char *const places[] = {"0", "1", "3", "4"};
    name(part, "conv.", places[2 * number], places[2 * number + 1]);
  } else if (d->family == MBCONV_BOTTLENECK) { /* {conv, bn}{1, 2, 3}, as in torchvision's ResNet */
    snprintf(part->name, sizeof part->name, "conv%u", number + 1);
    snprintf(part->norm, sizeof part->norm, "bn%u", number + 1);
  } else if (d->naming == MBCONV_EFFICIENTNET_PYTORCH) {
    name(part, "", number > 0 ? "_conv_head" : "_conv_stem", number > 0 ? "_bn1" : "_bn0");
  } else if (d->naming == MBCONV_TORCHVISION && d->family == MBCONV_MNASNET) {
    name(part, "layers.", number > 0 ? "14" : "0", number > 0 ? "15" : "1");
  } else if (d->naming == MBCONV_TORCHVISION) {
    const struct mbconv_layer *before = layer - (number > 0);
    if (has_stages(d->family) && number > 0) number = before->stage + 2;
    snprintf(prefix, sizeof prefix, "features.%u.", number);
    name(part, prefix, "0", "1");
  } else if (number == 0) {
    name(part, "", "conv_stem", "bn1");
  } else if (d->family == MBCONV_MOBILENET_V3 || d->family == MBCONV_MOBILENET_V4) {
    snprintf(prefix, sizeof prefix, "blocks.%u.%u.", layer->stage, layer->index);
    name(part, prefix, "conv", "bn1");
  } else {
    name(part, "", "conv_head", "bn2");
  }
}

static void name_connected(const struct mbconv_description *d, const struct mbconv_layer *layer,
                           struct mbconv_part *part) {
  const bool last = layer->classifier;
  const char *conv = "classifier";
  if (d->naming == MBCONV_TIMM && !last) {
    conv = "conv_head"; /* a 1x1 convolution after the pooling */
    part->flat = false;
    part->batch_norm = d->family == MBCONV_MOBILENET_V4;
    part->bias = !part->batch_norm;
  }
  if (d->naming == MBCONV_EFFICIENTNET_PYTORCH)
    conv = "_fc";
  else if (d->naming == MBCONV_TORCHVISION && d->family == MBCONV_MOBILENET_V3)
    conv = last ? "classifier.3" : "classifier.0";
  else if (d->naming == MBCONV_TORCHVISION)
    conv = "classifier.1";
  name(part, "", conv, "norm_head");
}

void mbconv_parts_of(const struct mbconv_description *d, size_t index, struct mbconv_part *parts) {
  const struct mbconv_layer *layer = &d->layer[index];
  memset(parts, 0, MBCONV_ROLES * sizeof *parts);
  switch (layer->kind) {
    case MBCONV_LAYER_BLOCK: block_parts(d, layer, parts); break;
    case MBCONV_LAYER_CONVOLUTION:
      parts[0] = convolution(layer->out, layer->in, layer->kernel);
      name_convolution(d, layer, &parts[0]);
      break;
    case MBCONV_LAYER_CONNECTED:
      parts[0] = with_bias(layer->out, layer->in, true);
      name_connected(d, layer, &parts[0]);
      break;
    case MBCONV_LAYER_POOL: break;
  }
}

/* ---- Tensors ----------------------------------------------------------------------------------------------------- */

bool mbconv_tensor_of(const struct mbconv_part *part, int which, struct mbconv_tensor_name *tensor) {
  static const char *const suffixes[MBCONV_PART_TENSORS] = {"weight", "bias",         "weight",
                                                            "bias",   "running_mean", "running_var"};
  const bool norm = which >= MBCONV_GAMMA;
  if (part->out == 0 || (norm && !part->batch_norm) || (which == MBCONV_BIAS && !part->bias)) return false;
  snprintf(tensor->name, sizeof tensor->name, "%s.%s", norm ? part->norm : part->name, suffixes[which]);
  tensor->rank = which != MBCONV_WEIGHT ? 1 : part->flat ? 2 : 4;
  tensor->shape[0] = part->out;
  tensor->shape[1] = part->in;
  tensor->shape[2] = tensor->shape[3] = part->kernel;
  return true;
}
