/* SPDX-License-Identifier: MIT
 *
 * A network is recognised by its names, its variant by which one's shapes fit most tensors. Then all tensors are held
 * against it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "status.h"
#include "weights.h"

/* A tensor that only this family has under this naming. */
static const struct {
  const char *tensor;
  enum mbconv_family family;
  enum mbconv_naming naming;
} marks[] = {
    {"features.1.conv.0.0.weight", MBCONV_MOBILENET_V2, MBCONV_TORCHVISION},
    {"features.1.0.block.0.0.weight", MBCONV_EFFICIENTNET, MBCONV_TORCHVISION},
    {"features.1.block.0.0.weight", MBCONV_MOBILENET_V3, MBCONV_TORCHVISION},
    {"conv_head.bias", MBCONV_MOBILENET_V3, MBCONV_TIMM}, /* the others have a BN instead */
    {"blocks.0.0.se.conv_reduce.weight", MBCONV_EFFICIENTNET, MBCONV_TIMM},
    {"blocks.0.0.conv_dw.weight", MBCONV_MOBILENET_V2, MBCONV_TIMM},
    {"expand.0.weight", MBCONV_SINGLE_BLOCK, MBCONV_TORCHVISION},
    {"conv.0.weight", MBCONV_PLAIN_BLOCK, MBCONV_TORCHVISION},
    {"bn3.weight", MBCONV_BOTTLENECK, MBCONV_TORCHVISION},
};

/* What is wrong with a tensor that should be as `wanted`. */
static mbconv_status check_tensor(const struct mbconv_tensor *tensor, const struct mbconv_tensor_name *wanted,
                                  const char *network, mbconv_error *error) {
  if (!tensor)
    return mbconv_network_fail(error, MBCONV_BAD_FILE, "tensor \"%s\" of %s is missing", wanted->name, network);
  if (strcmp(tensor->type, "F32") != 0)
    return mbconv_network_fail(error, MBCONV_BAD_FILE, "tensor \"%s\" is %s, not F32", wanted->name, tensor->type);
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
    if (!(variance >= 0) || isinf(variance))
      return mbconv_network_fail(error, MBCONV_BAD_FILE, "tensor \"%s\": the variance of channel %zu is %g",
                                 tensor->name, i, (double)variance);
  }
  return MBCONV_OK;
}

/* Calls check_tensor for each tensor of the network: how many are right, and the first that is not. */
static size_t compare(const struct mbconv_tensors *tensors, const struct mbconv_description *d, mbconv_status *status,
                      mbconv_error *error) {
  size_t right = 0;
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
        mbconv_status found = check_tensor(tensor, &wanted, d->name, first ? error : NULL);
        if (found == MBCONV_OK && which == MBCONV_VARIANCE) found = check_variance(tensor, first ? error : NULL);
        if (tensor) tensor->used = true;
        if (found == MBCONV_OK) right++;
        if (first) *status = found;
      }
    }
  }
  return right;
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
  static const char *const classifiers[] = {"classifier.3.weight", "classifier.1.weight", "classifier.weight"};
  for (size_t i = 0; i < sizeof classifiers / sizeof *classifiers; i++) {
    const struct mbconv_tensor *tensor = mbconv_tensors_find(tensors, classifiers[i]);
    if (tensor && tensor->rank == 2 && tensor->shape[0] > 0) return tensor->shape[0];
  }
  return 1000;
}

mbconv_status mbconv_recognise(struct mbconv_tensors *tensors, struct mbconv_description *description,
                               mbconv_error *error) {
  size_t mark = 0;
  while (mark < sizeof marks / sizeof *marks && !mbconv_tensors_find(tensors, marks[mark].tensor)) mark++;
  if (mark == sizeof marks / sizeof *marks)
    return mbconv_network_fail(error, MBCONV_BAD_FILE,
                               "the tensors are of no network known here; the first is \"%.80s\"",
                               tensors->count > 0 ? tensors->tensor[0].name : "");
  const size_t classes = classes_of(tensors);
  size_t most = 0;
  bool any = false;
  mbconv_status status;
  char name[32];
  for (size_t i = 0; mbconv_candidate(marks[mark].family, i, name); i++) {
    struct mbconv_description d;
    if (!mbconv_describe(name, classes, &d)) continue;
    d.naming = marks[mark].naming;
    if (d.naming == MBCONV_TIMM) d.epsilon = 1e-5f;
    const size_t right = compare(tensors, &d, &status, NULL);
    if (any && right <= most) continue;
    any = true;
    most = right;
    *description = d;
  }
  for (size_t i = 0; i < tensors->count; i++) tensors->tensor[i].used = false;
  compare(tensors, description, &status, error);
  if (status != MBCONV_OK) return status;
  for (size_t i = 0; i < tensors->count; i++) {
    const struct mbconv_tensor *tensor = &tensors->tensor[i];
    if (!tensor->used && !is_counter(tensor))
      return mbconv_network_fail(error, MBCONV_BAD_FILE, "tensor \"%.80s\" does not belong to %s", tensor->name,
                                 description->name);
  }
  if (tensors->epsilon > 0) description->epsilon = tensors->epsilon;
  return MBCONV_OK;
}

mbconv_conv mbconv_conv_of(const struct mbconv_tensors *tensors, const struct mbconv_part *part, float epsilon,
                           mbconv_batch_norm *norm) {
  const float *data[MBCONV_PART_TENSORS] = {NULL};
  for (int which = 0; which < MBCONV_PART_TENSORS; which++) {
    struct mbconv_tensor_name name;
    if (mbconv_tensor_of(part, which, &name)) data[which] = mbconv_tensors_find(tensors, name.name)->data;
  }
  *norm = (mbconv_batch_norm){data[MBCONV_GAMMA], data[MBCONV_BETA], data[MBCONV_MEAN], data[MBCONV_VARIANCE], epsilon};
  return (mbconv_conv){data[MBCONV_WEIGHT], data[MBCONV_BIAS], part->batch_norm ? norm : NULL};
}
