/* SPDX-License-Identifier: MIT
 *
 * Names of MobileNetV2's widths: which are accepted; and that what is made by any of them is recognised in its file.
 */
#include <stdio.h>

#include "file_case.h"
#include "networks_suites.h"
#include "weights.h"

/* ---- Names ------------------------------------------------------------------------------------------------------- */

static void check_names(struct test *t) {
  static const struct {
    const char *name;
    bool known;
  } names[] = {
      {"mobilenet_v2_0.1", true},
      {"mobilenet_v2_0.10", true},
      {"mobilenet_v2_0.100", true},
      {"mobilenet_v2_1", true},
      {"mobilenet_v2_1.0", true},
      {"mobilenet_v2_4", true},
      {"mobilenet_v2_4.000", true},
      {"mobilenet_v2_0.333", true},
      {"mobilenet_v2_0.099", false},
      {"mobilenet_v2_4.001", false},
      {"mobilenet_v2_0", false},
      {"mobilenet_v2_5", false},
      {"mobilenet_v2_", false},
      {"mobilenet_v2_.5", false},
      {"mobilenet_v2_1.", false},
      {"mobilenet_v2_1e0", false},
      {"mobilenet_v2_1.0e0", false},
      {"mobilenet_v2_0.5e", false},
      {"mobilenet_v2_+1", false},
      {"mobilenet_v2_-1", false},
      {"mobilenet_v2_ 1", false},
      {"mobilenet_v2_1 ", false},
      {"mobilenet_v2_0,5", false},
      {"mobilenet_v2_0x1", false},
      {"mobilenet_v2_01", false},
      {"mobilenet_v2_0.5.5", false},
      {"mobilenet_v2_0.3333", false},
      {"mobilenet_v2_inf", false},
      {"mobilenet_v2_nan", false},
      {"mobilenet_v20.5", false},
      {"mobilenet_v2-0.5", false},
      {"mobilenet_v2 ", false},
      {"Mobilenet_v2", false},
      {"mobilenet_v2_1\n", false},
      {"", false},
      {"efficientnet_b", false},
      {"efficientnet_b/", false},
      {"efficientnet_b0 ", false},
      {"efficientnet_b\xb0", false},
      {"mobilenet_v3", false},
      {"mobilenet_v3_small_0.5", false},
      {"MOBILENET_V3_SMALL", false},
      {"MBCONV", false},
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct mbconv_description d;
    test_at(t, "name \"%s\"", names[i].name);
    test_check(t, mbconv_describe(names[i].name, 10, &d) == names[i].known, "known: %d", !names[i].known);
  }
}

/* ---- There and back ---------------------------------------------------------------------------------------------- */

static bool same_layers(const struct mbconv_description *a, const struct mbconv_description *b) {
  bool same = a->layers == b->layers;
  for (size_t i = 0; same && i < a->layers; i++) {
    const struct mbconv_layer *x = &a->layer[i], *y = &b->layer[i];
    same = x->kind == y->kind && x->in == y->in && x->expanded == y->expanded && x->out == y->out &&
           x->kernel == y->kernel && x->stride == y->stride && x->activation == y->activation;
  }
  return same;
}

/* The tensors of a network without their data: all variances, the only ones that are read, are these. */
static void tensors_of(const struct mbconv_description *d, const float *variances, struct mbconv_tensors *tensors,
                       char (*names)[80]) {
  for (size_t layer = tensors->count = 0; layer < d->layers; layer++) {
    struct mbconv_part parts[MBCONV_ROLES];
    mbconv_parts_of(d, layer, parts);
    for (int role = 0; role < MBCONV_ROLES; role++) {
      for (int which = 0; which < MBCONV_PART_TENSORS; which++) {
        struct mbconv_tensor_name name;
        if (!mbconv_tensor_of(&parts[role], which, &name)) continue;
        struct mbconv_tensor *tensor = &tensors->tensor[tensors->count];
        *tensor = (struct mbconv_tensor){.type = "F32", .rank = name.rank, .data = variances};
        memcpy(tensor->shape, name.shape, sizeof name.shape);
        tensor->name = strcpy(names[tensors->count++], name.name);
      }
    }
  }
  mbconv_tensors_sort(tensors);
}

/* Each width of `step` thousandths on is recognised, as one of the same channels; the name of that is one, too. */
static void check_widths(struct test *t, enum mbconv_naming naming, unsigned first, unsigned step) {
  enum { MOST_TENSORS = 400, MOST_CHANNELS = 4 * 1280 + 64 };
  static float variances[MOST_CHANNELS];
  static char names[MOST_TENSORS][80];
  static struct mbconv_tensor room[MOST_TENSORS];
  for (size_t i = 0; i < MOST_CHANNELS; i++) variances[i] = 1;
  for (unsigned width = first; width <= 4000; width += step) {
    char name[32];
    snprintf(name, sizeof name, "mobilenet_v2_%u.%03u", width / 1000, width % 1000);
    test_at(t, "%s, naming %d", name, naming);
    const struct mbconv_description d = file_case_describe(name, naming, 10);
    struct mbconv_tensors tensors = {.tensor = room};
    struct mbconv_description found = {.layers = 0}, again;
    mbconv_error error = {.message = ""};
    tensors_of(&d, variances, &tensors, names);
    test_check(t, mbconv_recognise(&tensors, &found, &error) == MBCONV_OK, "%s", error.message);
    test_check(t, same_layers(&found, &d), "taken for %s, of other channels", found.name);
    test_check(t, mbconv_describe(found.name, 10, &again) && same_layers(&again, &d), "its name %s is none",
               found.name);
  }
}

/* Widths with published weights are called by them, though others have the same channels. */
static void check_published(struct test *t) {
  static const char *const names[] = {"mobilenet_v2",     "mobilenet_v2_0.5", "mobilenet_v2_0.75", "mobilenet_v2_0.35",
                                      "mobilenet_v2_1.4", "mobilenet_v2_1.3", "mobilenet_v2_0.25", "mobilenet_v2_0.1"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const struct mbconv_description d = file_case_describe(names[i], MBCONV_TORCHVISION, 10);
    size_t channels[MBCONV_WIDTH_MARKS] = {0}, count = 0;
    for (size_t k = 0; k < d.layers; k++)
      if (d.layer[k].index == 0 && d.layer[k].kind <= MBCONV_LAYER_BLOCK) channels[count++] = d.layer[k].out;
    char name[32] = "";
    test_at(t, "channels of %s", names[i]);
    mbconv_name_width(channels, name);
    test_check(t, count == MBCONV_WIDTH_MARKS && strcmp(name, names[i]) == 0, "called %s", name);
  }
}

void test_widths(struct test *t) {
  check_names(t);
  check_published(t);
  check_widths(t, MBCONV_TORCHVISION, 100, t->small ? 130 : 10);
  check_widths(t, MBCONV_TIMM, t->small ? 330 : 100, t->small ? 170 : 10);
  check_widths(t, MBCONV_TORCHVISION, t->small ? 138 : 101,
               t->small ? 699 : 37); /* some have channels that no width of two decimals has */
}
