/* SPDX-License-Identifier: MIT
 *
 * The networks by name, and what their tables are put together with.
 */
#include "tables.h"

#include <string.h>

#include "status.h"

/* ---- Layers ------------------------------------------------------------------------------------------------------ */

size_t mbconv_divisible(double channels) {
  size_t rounded = (size_t)(channels + 4) / 8 * 8;
  if (rounded < 8) rounded = 8;
  return (double)rounded < 0.9 * channels ? rounded + 8 : rounded;
}

size_t mbconv_last_channels(const struct mbconv_description *d) {
  return d->layers > 0 ? d->layer[d->layers - 1].out : d->channels;
}

struct mbconv_layer *mbconv_add(struct mbconv_description *d, struct mbconv_layer layer) {
  layer.number = (unsigned)d->layers;
  d->layer[d->layers] = layer;
  return &d->layer[d->layers++];
}

struct mbconv_layer *mbconv_add_convolution(struct mbconv_description *d, size_t out, size_t kernel, size_t stride,
                                            mbconv_activation_kind activation) {
  return mbconv_add(d, (struct mbconv_layer){.kind = MBCONV_LAYER_CONVOLUTION,
                                             .in = mbconv_last_channels(d),
                                             .out = out,
                                             .kernel = kernel,
                                             .stride = stride,
                                             .activation = activation});
}

void mbconv_add_pool(struct mbconv_description *d) {
  const size_t channels = mbconv_last_channels(d);
  mbconv_add(d, (struct mbconv_layer){.kind = MBCONV_LAYER_POOL, .in = channels, .out = channels});
}

struct mbconv_layer *mbconv_add_connected(struct mbconv_description *d, size_t out, mbconv_activation_kind activation) {
  return mbconv_add(d, (struct mbconv_layer){.kind = MBCONV_LAYER_CONNECTED,
                                             .in = mbconv_last_channels(d),
                                             .out = out,
                                             .activation = activation,
                                             .classifier = activation == MBCONV_ACTIVATION_NONE});
}

void mbconv_add_row(struct mbconv_description *d, const struct mbconv_row *row, unsigned stage, size_t channels,
                    size_t blocks, const struct mbconv_block_kind *kind) {
  for (unsigned b = 0; b < blocks; b++) {
    const size_t in = mbconv_last_channels(d);
    mbconv_add(d, (struct mbconv_layer){.kind = MBCONV_LAYER_BLOCK,
                                        .in = in,
                                        .expanded = kind->fused && row->expansion == 1 ? channels : in * row->expansion,
                                        .out = channels,
                                        .expand = row->expansion > 1,
                                        .fused = kind->fused,
                                        .kernel = row->kernel,
                                        .stride = b == 0 ? row->stride : 1,
                                        .squeeze = kind->squeeze_excite ? in / 4 : 0,
                                        .activation = kind->activation,
                                        .inner = MBCONV_ACTIVATION_SILU,
                                        .gate = MBCONV_ACTIVATION_SIGMOID,
                                        .stage = stage,
                                        .index = b});
  }
}

/* ---- By name ----------------------------------------------------------------------------------------------------- */

static const char *const names[] = {
    "mobilenet_v1",
    "mobilenet_v1_1.25",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "mobilenet_v4_conv_small",
    "mobilenet_v4_conv_medium",
    "mobilenet_v4_conv_large",
    "mnasnet0_5",
    "mnasnet0_75",
    "mnasnet1_0",
    "mnasnet1_3",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_b5",
    "efficientnet_b6",
    "efficientnet_b7",
    "efficientnet_b8",
    "efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite2",
    "efficientnet_lite3",
    "efficientnet_lite4",
    "efficientnet_v2_b0",
    "efficientnet_v2_b1",
    "efficientnet_v2_b2",
    "efficientnet_v2_b3",
    "efficientnet_v2_s",
    "efficientnet_v2_m",
    "efficientnet_v2_l",
    "mbconv",
    "plain",
    "bottleneck",
};
enum { NAMES = sizeof names / sizeof *names };

size_t mbconv_network_names(const char **out, size_t capacity) {
  for (size_t i = 0; out && i < NAMES && i < capacity; i++) out[i] = names[i];
  return NAMES;
}

bool mbconv_describe(const char *name, size_t classes, struct mbconv_description *d) {
  *d = (struct mbconv_description){.size = 224,
                                   .resize = 256,
                                   .mean = {0.485f, 0.456f, 0.406f}, /* of ImageNet, as everybody uses them */
                                   .deviation = {0.229f, 0.224f, 0.225f},
                                   .epsilon = 1e-5f,
                                   .channels = 3};
  if (strlen(name) >= sizeof d->name) return false;
  strcpy(d->name, name);
  return mbconv_describe_mobilenet(d, classes) || mbconv_describe_mobilenet_v3(d, classes) ||
         mbconv_describe_mobilenet_v4(d, classes) || mbconv_describe_efficientnet(d, classes) ||
         mbconv_describe_single(d);
}

/* The next letter or digit of a name, a small letter; 0 at its end. */
static char next_letter(const char **at) {
  for (; **at; ++*at) {
    const char c = **at;
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return c;
    if (c >= 'A' && c <= 'Z') return (char)(c - 'A' + 'a');
  }
  return 0;
}

/* How many letters and digits two names begin with in common: mobilenetv2_100 is a mobilenet_v2 to timm. */
static size_t alike(const char *a, const char *b) {
  size_t count = 0;
  for (char c; (c = next_letter(&a)) && c == next_letter(&b); a++, b++) count++;
  return count;
}

mbconv_status mbconv_no_network(mbconv_status status, const char *where, const char *name, mbconv_error *error) {
  const char *nearest = NULL;
  size_t most = sizeof "mobile" - 1; /* begins too many other networks' names */
  for (size_t i = 0; i < NAMES; i++) {
    const size_t letters = alike(strncmp(name, "tf_", 3) ? name : name + 3, names[i]);
    if (letters > most) most = letters, nearest = names[i];
  }
  if (nearest)
    return mbconv_network_fail(error, status, "%s\"%.80s\" is no network known here; the nearest is %s", where, name,
                               nearest);
  return mbconv_network_fail(error, status,
                             "%s\"%.80s\" is no network known here; known are MobileNets, MnasNets and EfficientNets",
                             where, name);
}

bool mbconv_candidate(enum mbconv_family family, size_t index, char name[32]) {
  for (size_t i = 0; i < NAMES; i++) {
    struct mbconv_description d;
    if (mbconv_describe(names[i], 1000, &d) && d.family == family && index-- == 0) {
      strcpy(name, names[i]);
      return true;
    }
  }
  return false;
}
