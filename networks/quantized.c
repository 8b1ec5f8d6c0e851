/* SPDX-License-Identifier: MIT */
#include "quantized.h"

#include <stdio.h>
#include <string.h>

#include "status.h"
#include "weights.h"

/* ---- Names ------------------------------------------------------------------------------------------------------- */

const struct mbconv_value_name mbconv_value_input = {"input"}, mbconv_value_pooled = {"pool.output"};

struct mbconv_value_name mbconv_value_of(const struct mbconv_part *part, enum mbconv_value value) {
  static const char *const suffixes[] = {"output", "activation", "mean", "product", "three", "shifted", "sixth", "sum"};
  struct mbconv_value_name name;
  snprintf(name.text, sizeof name.text, "%s.%s", part->name, suffixes[value]);
  return name;
}

/* ---- Layers ------------------------------------------------------------------------------------------------------ */

bool mbconv_is_table(mbconv_activation_kind activation) { return activation > MBCONV_ACTIVATION_RELU6; }

bool mbconv_layer_adds(const struct mbconv_layer *layer) {
  const bool strides = layer->stride > 1 || (layer->start > 0 && layer->start_stride > 1);
  return layer->kind == MBCONV_LAYER_BLOCK && !layer->alone && layer->in == layer->out && !strides;
}

int mbconv_last_role(const struct mbconv_layer *layer) {
  if (layer->kind != MBCONV_LAYER_BLOCK) return 0;
  return layer->fused && !layer->expand ? MBCONV_EXPAND : MBCONV_PROJECT;
}

/* Whether an activation is a clamp or one of LiteRT's tables. A hard sigmoid is a gate alone. */
static bool has_form(mbconv_activation_kind activation) {
  return activation <= MBCONV_ACTIVATION_SIGMOID || activation == MBCONV_ACTIVATION_HARD_SWISH;
}

mbconv_status mbconv_quantized_layers(mbconv_type type, struct mbconv_description *d, mbconv_error *error) {
  for (size_t i = 0; i < d->layers; i++) {
    struct mbconv_layer *layer = &d->layer[i];
    const bool excite = layer->kind == MBCONV_LAYER_BLOCK && layer->squeeze > 0;
    const char *what = NULL;
    if (!has_form(layer->activation)) what = "its activation";
    if (excite && !has_form(layer->inner)) what = "the inner activation of its squeeze-excite";
    if (layer->residual_back > 0) what = "its shortcut";
    char name[64];
    mbconv_layer_name(layer, name, sizeof name);
    if (what)
      return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "%s, layer %zu of %s: %s has no form in int8", name, i,
                                 d->name, what);
    layer->i8 = true;
  }
  d->type = type;
  return MBCONV_OK;
}

/* ---- Files ------------------------------------------------------------------------------------------------------- */

/* How many classes there are: the rows of the classifier's weights. */
static mbconv_status find_classes(const struct mbconv_tensors *tensors, const struct mbconv_description *d,
                                  size_t *classes, mbconv_error *error) {
  const size_t last = d->layers - 1;
  *classes = 0;
  if (!d->layer[last].classifier) return MBCONV_OK;
  struct mbconv_part parts[MBCONV_ROLES];
  struct mbconv_tensor_name weight;
  mbconv_parts_of(d, last, parts);
  mbconv_tensor_of(&parts[0], MBCONV_WEIGHT, &weight);
  const struct mbconv_tensor *tensor = mbconv_tensors_find(tensors, weight.name);
  if (!tensor)
    return mbconv_network_fail(error, MBCONV_BAD_FILE, "tensor \"%s\" of %s is missing", weight.name, d->name);
  *classes = tensor->rank > 0 ? tensor->shape[0] : 0;
  if (*classes > 0 && *classes <= MBCONV_MOST_CLASSES) return MBCONV_OK;
  return mbconv_network_fail(error, MBCONV_BAD_FILE, "tensor \"%s\" is of %zu classes, not of 1 to %d", weight.name,
                             *classes, MBCONV_MOST_CLASSES);
}

mbconv_status mbconv_quantized_describe(const struct mbconv_tensors *tensors, struct mbconv_description *d,
                                        mbconv_error *error) {
  const struct mbconv_metadata *m = &tensors->metadata;
  const char *lacking = m->type == MBCONV_F32              ? "mbconv.type"
                        : !*m->network                     ? "mbconv.network"
                        : m->padding == MBCONV_PADDING_OWN ? "mbconv.padding"
                                                           : NULL;
  if (lacking)
    return mbconv_network_fail(error, MBCONV_BAD_FILE, "__metadata__ lacks %s, which a network of int8 has", lacking);
  if (m->epsilon > 0)
    return mbconv_network_fail(error, MBCONV_BAD_FILE, "__metadata__: bn_eps in a network of int8, which has no BN");
  if (!mbconv_describe(m->network, MBCONV_DEFAULT_CLASSES, d))
    return mbconv_no_network(MBCONV_BAD_FILE, "__metadata__: ", m->network, error);
  size_t classes;
  mbconv_status status = find_classes(tensors, d, &classes, error);
  if (status != MBCONV_OK) return status;
  mbconv_describe(m->network, classes, d);
  status = mbconv_metadata_apply(m, d, error);
  d->assumed &= MBCONV_ASSUMED_PREPROCESSING;
  if (status != MBCONV_OK) return status;
  mbconv_error cause;
  if (mbconv_quantized_layers(m->type, d, &cause) == MBCONV_OK) return MBCONV_OK;
  return mbconv_network_fail(error, MBCONV_BAD_FILE, "%s", cause.message);
}

mbconv_status mbconv_quantized_all_used(const struct mbconv_tensors *tensors, const char *network,
                                        mbconv_error *error) {
  for (size_t i = 0; i < tensors->count; i++)
    if (!tensors->tensor[i].used)
      return mbconv_network_fail(error, MBCONV_BAD_FILE, "tensor \"%.80s\" does not belong to %s in int8",
                                 tensors->tensor[i].name, network);
  return MBCONV_OK;
}
