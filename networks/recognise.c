/* SPDX-License-Identifier: MIT
 *
 * A network is recognised by its names, the width of a MobileNetV2 by the channels, any other variant by which one's
 * shapes fit most tensors. Then all tensors are held against it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "decimal.h"
#include "status.h"
#include "weights.h"

/* A tensor that a family has under this naming. Those that have the same follow each other: the shapes decide. */
static const struct {
  const char *tensor;
  enum mbconv_family family;
  enum mbconv_naming naming;
} marks[] = {
    {"features.1.conv.0.0.weight", MBCONV_MOBILENET_V2, MBCONV_TORCHVISION},
    {"features.1.0.block.0.0.weight", MBCONV_EFFICIENTNET, MBCONV_TORCHVISION},
    {"features.1.0.block.0.0.weight", MBCONV_EFFICIENTNET_V2, MBCONV_TORCHVISION},
    {"features.1.block.0.0.weight", MBCONV_MOBILENET_V3, MBCONV_TORCHVISION},
    {"layers.0.weight", MBCONV_MNASNET, MBCONV_TORCHVISION},
    {"_conv_stem.weight", MBCONV_EFFICIENTNET, MBCONV_EFFICIENTNET_PYTORCH},
    {"_conv_stem.weight", MBCONV_EFFICIENTNET_LITE, MBCONV_EFFICIENTNET_PYTORCH},
    {"norm_head.weight", MBCONV_MOBILENET_V4, MBCONV_TIMM},
    {"conv_head.bias", MBCONV_MOBILENET_V3, MBCONV_TIMM}, /* the others have a BN instead */
    {"blocks.0.0.se.conv_reduce.weight", MBCONV_EFFICIENTNET, MBCONV_TIMM},
    {"blocks.0.0.conv_dw.weight", MBCONV_MOBILENET_V2, MBCONV_TIMM},
    {"blocks.0.0.conv_dw.weight", MBCONV_EFFICIENTNET_LITE, MBCONV_TIMM},
    {"blocks.0.0.conv_dw.weight", MBCONV_MNASNET, MBCONV_TIMM},
    {"blocks.0.0.conv_dw.weight", MBCONV_MOBILENET_V1, MBCONV_TIMM},
    {"blocks.0.0.conv.weight", MBCONV_EFFICIENTNET_V2, MBCONV_TIMM},
    {"blocks.0.0.conv.weight", MBCONV_MOBILENET_V4, MBCONV_TIMM},
    {"blocks.0.0.conv_exp.weight", MBCONV_MOBILENET_V4, MBCONV_TIMM},
    {"expand.0.weight", MBCONV_SINGLE_BLOCK, MBCONV_TORCHVISION},
    {"conv.0.weight", MBCONV_PLAIN_BLOCK, MBCONV_TORCHVISION},
    {"bn3.weight", MBCONV_BOTTLENECK, MBCONV_TORCHVISION},
};
enum { MARKS = sizeof marks / sizeof *marks };

mbconv_status mbconv_tensor_check(const struct mbconv_tensor *tensor, const struct mbconv_tensor_name *wanted,
                                  const char *type, const char *network, mbconv_error *error) {
  if (!tensor)
    return mbconv_network_fail(error, MBCONV_BAD_FILE, "tensor \"%s\" of %s is missing", wanted->name, network);
  if (strcmp(type, "F32") == 0 ? !tensor->data : strcmp(type, tensor->type) != 0)
    return mbconv_network_fail(error, MBCONV_BAD_FILE, "tensor \"%s\" is %s, not %s", wanted->name, tensor->type, type);
  bool same = tensor->rank == wanted->rank;
  for (size_t i = 0; same && i < wanted->rank; i++) same = tensor->shape[i] == wanted->shape[i];
  if (same) return MBCONV_OK;
  char shapes[2][128] = {"", ""};
  const size_t *sides[] = {tensor->shape, wanted->shape}, ranks[] = {tensor->rank, wanted->rank};
  for (size_t s = 0; s < 2; s++) {
    size_t length = 0;
    for (size_t i = 0; i < ranks[s] && length < sizeof shapes[s]; i++)
      length += (size_t)snprintf(shapes[s] + length, sizeof shapes[s] - length, i ? ", %zu" : "%zu", sides[s][i]);
  }
  return mbconv_network_fail(error, MBCONV_BAD_FILE, "tensor \"%s\" has shape [%.60s], not [%s] as in %s", wanted->name,
                             shapes[0], shapes[1], network);
}

/* What a BN divides by the root of. */
static mbconv_status check_variance(const struct mbconv_tensor *tensor, mbconv_error *error) {
  for (size_t i = 0; i < tensor->shape[0]; i++) {
    const float variance = tensor->data[i];
    if (variance >= 0 && !isinf(variance)) continue;
    char text[MBCONV_DECIMAL_SIZE];
    return mbconv_network_fail(error, MBCONV_BAD_FILE, "tensor \"%.80s\": the variance of channel %zu is %s",
                               tensor->name, i, mbconv_decimal_write(text, "%g", (double)variance));
  }
  return MBCONV_OK;
}

struct fit {
  size_t right, wrong; /* tensors of the network */
};

/* Calls mbconv_tensor_check for each tensor of the network, and tells of the first that is not right. */
static struct fit compare(const struct mbconv_tensors *tensors, const struct mbconv_description *d,
                          mbconv_status *status, mbconv_error *error) {
  struct fit fit = {0};
  *status = MBCONV_OK;
  for (size_t layer = 0; layer < d->layers; layer++) {
    struct mbconv_part parts[MBCONV_ROLES];
    mbconv_parts_of(d, layer, parts);
    for (int role = 0; role < MBCONV_ROLES; role++) {
      for (int which = 0; which < MBCONV_PART_TENSORS; which++) {
        struct mbconv_tensor_name wanted;
        if (!mbconv_tensor_of(&parts[role], which, &wanted)) continue;
        struct mbconv_tensor *tensor = mbconv_tensors_find(tensors, wanted.name);
        const bool first = *status == MBCONV_OK;
        mbconv_status found = mbconv_tensor_check(tensor, &wanted, "F32", d->name, first ? error : NULL);
        if (found == MBCONV_OK && which == MBCONV_VARIANCE) found = check_variance(tensor, first ? error : NULL);
        if (tensor) tensor->used = true;
        fit.right += found == MBCONV_OK;
        fit.wrong += found != MBCONV_OK;
        if (first) *status = found;
      }
    }
  }
  return fit;
}

/* PyTorch's counters of a BN are of no use here. */
static bool is_counter(const struct mbconv_tensor *tensor) {
  static const char suffix[] = ".num_batches_tracked";
  const size_t length = strlen(tensor->name);
  return length >= sizeof suffix && strcmp(tensor->name + length - (sizeof suffix - 1), suffix) == 0 &&
         strcmp(tensor->type, "I64") == 0 && tensor->rank == 0;
}

/* Rows of the last layer's weights, whatever they are called. */
static size_t classes_of(const struct mbconv_tensors *tensors) {
  static const char *const classifiers[] = {"classifier.3.weight", "classifier.1.weight", "classifier.weight",
                                            "_fc.weight"};
  for (size_t i = 0; i < sizeof classifiers / sizeof *classifiers; i++) {
    const struct mbconv_tensor *tensor = mbconv_tensors_find(tensors, classifiers[i]);
    if (tensor && tensor->rank == 2 && tensor->shape[0] > 0) return tensor->shape[0];
  }
  return 1000;
}

/* ---- Which network ----------------------------------------------------------------------------------------------- */

/* What a family's names say beyond the description: timm's leave epsilon and padding open, those of
 * efficientnet_pytorch stand for TensorFlow's. */
static void describe(const char *name, size_t classes, enum mbconv_naming naming, struct mbconv_description *d) {
  mbconv_describe(name, classes, d);
  d->naming = naming;
  if (naming == MBCONV_TORCHVISION) return;
  const bool timm = naming == MBCONV_TIMM;
  d->epsilon = timm ? 1e-5f : 1e-3f;
  d->padding = timm ? MBCONV_PADDING_OWN : MBCONV_PADDING_SAME;
}

/* The width of a MobileNetV2: by the channels that a convolution of each size puts out. */
static void name_of_width(const struct mbconv_tensors *tensors, enum mbconv_naming naming, char name[32]) {
  struct mbconv_description d;
  describe("mobilenet_v2", 1, naming, &d);
  size_t channels[MBCONV_WIDTH_MARKS] = {0}, marks_found = 0;
  for (size_t i = 0; i < d.layers; i++) {
    const struct mbconv_layer *layer = &d.layer[i];
    const bool block = layer->kind == MBCONV_LAYER_BLOCK;
    if (layer->index > 0 || (!block && layer->kind != MBCONV_LAYER_CONVOLUTION)) continue;
    struct mbconv_part parts[MBCONV_ROLES];
    struct mbconv_tensor_name wanted;
    mbconv_parts_of(&d, i, parts);
    mbconv_tensor_of(&parts[block ? MBCONV_PROJECT : 0], MBCONV_WEIGHT, &wanted);
    const struct mbconv_tensor *tensor = mbconv_tensors_find(tensors, wanted.name);
    if (tensor && tensor->rank > 0) channels[marks_found] = tensor->shape[0];
    marks_found++;
  }
  mbconv_name_width(channels, name);
}

/* A network, and how well the tensors fit it. */
struct candidate {
  char name[32];
  struct fit fit;
};

/* Takes the network if more tensors fit it than any before; of equals the one that lacks fewer. */
static void consider(const struct mbconv_tensors *tensors, const char *name, size_t classes, enum mbconv_naming naming,
                     struct candidate *best) {
  struct mbconv_description d;
  mbconv_status status;
  describe(name, classes, naming, &d);
  const struct fit fit = compare(tensors, &d, &status, NULL);
  const bool better =
      fit.right > best->fit.right || (fit.right == best->fit.right && fit.wrong < best->fit.wrong) || !*best->name;
  if (!better) return;
  best->fit = fit;
  strcpy(best->name, name);
}

/* The network of the family whose tensors these are, or most of them. */
static void consider_family(const struct mbconv_tensors *tensors, enum mbconv_family family, enum mbconv_naming naming,
                            size_t classes, struct candidate *best) {
  char name[32];
  if (family == MBCONV_MOBILENET_V2) {
    name_of_width(tensors, naming, name);
    consider(tensors, name, classes, naming, best);
    return;
  }
  for (size_t i = 0; mbconv_candidate(family, i, name); i++) consider(tensors, name, classes, naming, best);
}

/* Fully connected layers at the end of which there is no tensor: the file is one without classifier. */
static void drop_classifier(const struct mbconv_tensors *tensors, struct mbconv_description *d) {
  while (d->layers > 0 && d->layer[d->layers - 1].kind == MBCONV_LAYER_CONNECTED) {
    struct mbconv_part parts[MBCONV_ROLES];
    struct mbconv_tensor_name weight, bias = {.name = ""};
    mbconv_parts_of(d, d->layers - 1, parts);
    mbconv_tensor_of(&parts[0], MBCONV_WEIGHT, &weight);
    mbconv_tensor_of(&parts[0], MBCONV_BIAS, &bias);
    if (mbconv_tensors_find(tensors, weight.name) || mbconv_tensors_find(tensors, bias.name)) return;
    d->layers--;
  }
}

/* A tensor that the network has no use for: how many there are, and the first. */
static size_t count_strangers(const struct mbconv_tensors *tensors, const struct mbconv_tensor **first) {
  size_t count = 0;
  for (size_t i = 0; i < tensors->count; i++) {
    const struct mbconv_tensor *tensor = &tensors->tensor[i];
    if (tensor->used || is_counter(tensor)) continue;
    if (count++ == 0) *first = tensor;
  }
  return count;
}

/* All tensors of the network are there, and no others. What is far from that is told to be of another network. */
static mbconv_status check_all(struct mbconv_tensors *tensors, const struct mbconv_description *d,
                               mbconv_error *error) {
  mbconv_status status;
  mbconv_error cause;
  const struct mbconv_tensor *stranger = NULL;
  for (size_t i = 0; i < tensors->count; i++) tensors->tensor[i].used = false;
  const struct fit fit = compare(tensors, d, &status, &cause);
  const size_t strangers = count_strangers(tensors, &stranger);
  if (status == MBCONV_OK && strangers == 0) return MBCONV_OK;
  if (status == MBCONV_OK)
    mbconv_network_fail(&cause, MBCONV_BAD_FILE, "tensor \"%.80s\" does not belong to %s", stranger->name, d->name);
  /* A few tensors wrong are a damaged file; of another network, some tenth of them is. */
  if (10 * (fit.wrong + strangers) <= fit.right + 10)
    return mbconv_network_fail(error, MBCONV_BAD_FILE, "%s", cause.message);
  return mbconv_network_fail(error, MBCONV_BAD_FILE,
                             "no network known here; the nearest is %s, with %zu of its %zu tensors: %.150s", d->name,
                             fit.right, fit.right + fit.wrong, cause.message);
}

mbconv_status mbconv_recognise(struct mbconv_tensors *tensors, struct mbconv_description *description,
                               mbconv_error *error) {
  size_t mark = 0;
  mbconv_tensors_strip(tensors);
  while (mark < MARKS && !mbconv_tensors_find(tensors, marks[mark].tensor)) mark++;
  if (mark == MARKS)
    return mbconv_network_fail(error, MBCONV_BAD_FILE,
                               "the tensors are of no network known here; the first is \"%.80s\"",
                               tensors->count > 0 ? tensors->tensor[0].name : "");
  const char *const tensor = marks[mark].tensor;
  const enum mbconv_naming naming = marks[mark].naming;
  const size_t classes = classes_of(tensors);
  struct candidate best = {.name = ""};
  for (; mark < MARKS && strcmp(marks[mark].tensor, tensor) == 0; mark++)
    consider_family(tensors, marks[mark].family, naming, classes, &best);
  describe(best.name, classes, naming, description);
  drop_classifier(tensors, description);
  const mbconv_status status = check_all(tensors, description, error);
  return status == MBCONV_OK ? mbconv_metadata_apply(&tensors->metadata, description, error) : status;
}

mbconv_conv mbconv_conv_of(const struct mbconv_tensors *tensors, const struct mbconv_part *part, float epsilon,
                           mbconv_batch_norm *norm) {
  const float *data[MBCONV_PART_TENSORS] = {NULL};
  for (int which = 0; which < MBCONV_PART_TENSORS; which++) {
    struct mbconv_tensor_name name;
    if (mbconv_tensor_of(part, which, &name)) data[which] = mbconv_tensors_find(tensors, name.name)->data;
  }
  *norm = (mbconv_batch_norm){.struct_size = sizeof *norm,
                              .gamma = data[MBCONV_GAMMA],
                              .beta = data[MBCONV_BETA],
                              .mean = data[MBCONV_MEAN],
                              .variance = data[MBCONV_VARIANCE],
                              .epsilon = epsilon};
  return (mbconv_conv){.struct_size = sizeof(mbconv_conv),
                       .weight = data[MBCONV_WEIGHT],
                       .bias = data[MBCONV_BIAS],
                       .batch_norm = part->batch_norm ? norm : NULL};
}
