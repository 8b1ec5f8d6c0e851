/* SPDX-License-Identifier: MIT */
#include "metadata.h"

#include <math.h>
#include <string.h>

#include "decimal.h"
#include "status.h"

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

/* The next of the words between commas: its length. *text moves behind the comma, or to NULL after the last. */
static size_t next_word(const char **text, const char **word) {
  const char *start = *text, *comma = strchr(start, ',');
  *word = start;
  *text = comma ? comma + 1 : NULL;
  return comma ? (size_t)(comma - start) : strlen(start);
}

/* Which of `count` names the word is, or `count`. */
static size_t place_of(const char *word, size_t length, const char *const *names, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strlen(names[i]) == length && memcmp(word, names[i], length) == 0) return i;
  return count;
}

static const char *const activations[] = {"none", "relu", "relu6", "silu", "sigmoid", "hard-sigmoid", "hard-swish"};
enum { ACTIVATIONS = sizeof activations / sizeof *activations };
_Static_assert(ACTIVATIONS == MBCONV_ACTIVATION_HARD_SWISH + 1, "in the order of mbconv_activation_kind");

/* Fills in up to `most` activations: how many there are, 0 if it is no such list. */
static size_t read_activations(const char *text, unsigned char *kinds, size_t most) {
  size_t count = 0;
  while (text) {
    const char *word;
    const size_t length = next_word(&text, &word), kind = place_of(word, length, activations, ACTIVATIONS);
    if (count == most || kind == ACTIVATIONS) return 0;
    kinds[count++] = (unsigned char)kind;
  }
  return count;
}

static size_t read_strides(const char *text, unsigned char *strides, size_t most) {
  size_t count = 0;
  while (text) {
    const char *word;
    const size_t length = next_word(&text, &word);
    if (count == most || length != 1 || *word < '1' || *word > '9') return 0;
    strides[count++] = (unsigned char)(*word - '0');
  }
  return count;
}

/* A number in [least, most], with nothing behind it. */
static bool read_number(const char *text, double least, double most, double *number) {
  const char *end = mbconv_decimal_read(text, number);
  return end && *end == '\0' && *number >= least && *number <= most;
}

static bool read_epsilon(const char *text, float *epsilon) {
  double number;
  if (!read_number(text, 0, 1, &number)) return false;
  *epsilon = (float)number;
  return *epsilon > 0 && *epsilon < 1;
}

static bool read_size(const char *text, size_t *size) {
  enum { MOST = 1 << 16 };
  double number;
  if (!read_number(text, 1, MOST, &number) || number != floor(number)) return false;
  *size = (size_t)number;
  return true;
}

static bool read_colours(const char *text, double least, float *colours) {
  for (size_t c = 0; c < 3; c++) {
    double number;
    text = mbconv_decimal_read(text, &number);
    if (!text || *text != (c < 2 ? ',' : '\0') || !(number >= least && number <= 1000)) return false;
    colours[c] = (float)number;
    text++;
  }
  return true;
}

/* Which of the two words, from 1; 0 if neither. */
static int read_choice(const char *text, const char *first, const char *second) {
  return strcmp(text, first) == 0 ? 1 : strcmp(text, second) == 0 ? 2 : 0;
}

static bool read_squeeze(const char *text, struct mbconv_metadata *m) {
  unsigned char kinds[2] = {0};
  m->squeeze = read_activations(text, kinds, 2) == 2;
  m->inner = (mbconv_activation_kind)kinds[0];
  m->gate = (mbconv_activation_kind)kinds[1];
  return m->squeeze;
}

mbconv_status mbconv_metadata_read(struct mbconv_metadata *m, const char *key, const char *text, mbconv_error *error) {
  static const char prefix[] = "mbconv.";
  const char *wanted;
  bool good = true;
  if (strcmp(key, "bn_eps") == 0) {
    wanted = "a number above 0 and below 1";
    good = read_epsilon(text, &m->epsilon);
  } else if (strncmp(key, prefix, sizeof prefix - 1) != 0) {
    return MBCONV_OK;
  } else if (strcmp(key, "mbconv.padding") == 0) {
    wanted = "symmetric or same";
    m->padding = (mbconv_padding)read_choice(text, "symmetric", "same");
    good = m->padding != MBCONV_PADDING_OWN;
  } else if (strcmp(key, "mbconv.strides") == 0) {
    wanted = "a list of strides";
    good = (m->strides = read_strides(text, m->stride, sizeof m->stride)) > 0;
  } else if (strcmp(key, "mbconv.activations") == 0) {
    wanted = "a list of activations known here";
    good = (m->activations = read_activations(text, m->activation, sizeof m->activation)) > 0;
  } else if (strcmp(key, "mbconv.squeeze") == 0) {
    wanted = "two activations known here";
    good = read_squeeze(text, m);
  } else if (strcmp(key, "mbconv.size") == 0) {
    wanted = "a number of pixels";
    good = read_size(text, &m->size);
  } else if (strcmp(key, "mbconv.resize") == 0) {
    wanted = "a number of pixels";
    good = read_size(text, &m->resize);
  } else if (strcmp(key, "mbconv.interpolation") == 0) {
    wanted = "bilinear or bicubic";
    const int choice = read_choice(text, "bilinear", "bicubic");
    m->interpolation = choice == 1 ? MBCONV_BILINEAR : choice == 2 ? MBCONV_BICUBIC : MBCONV_UNSAID;
    good = choice > 0;
  } else if (strcmp(key, "mbconv.mean") == 0) {
    wanted = "three numbers";
    good = read_colours(text, 0, m->mean);
  } else if (strcmp(key, "mbconv.std") == 0) {
    wanted = "three numbers above 0";
    good = read_colours(text, 1e-6, m->deviation);
  } else if (strcmp(key, "mbconv.type") == 0) {
    wanted = "int8 or uint8";
    const int choice = read_choice(text, "int8", "uint8");
    m->type = choice == 1 ? MBCONV_S8 : choice == 2 ? MBCONV_U8 : MBCONV_F32;
    good = choice > 0;
  } else if (strcmp(key, "mbconv.network") == 0) {
    wanted = "the name of a network";
    good = strlen(text) > 0 && strlen(text) < sizeof m->network;
    if (good) strcpy(m->network, text);
  } else {
    return mbconv_network_fail(error, MBCONV_BAD_FILE, "__metadata__: \"%.80s\" is unknown to this version", key);
  }
  if (good) return MBCONV_OK;
  return mbconv_network_fail(error, MBCONV_BAD_FILE, "__metadata__: %.40s \"%.80s\" is not %s", key, text, wanted);
}

/* ---- Into the description ---------------------------------------------------------------------------------------- */

static mbconv_status apply_strides(const struct mbconv_metadata *m, struct mbconv_description *d, mbconv_error *error) {
  size_t count = 0;
  for (size_t i = 0; i < d->layers; i++) {
    struct mbconv_layer *layer = &d->layer[i];
    if (layer->start > 0) {
      if (count < m->strides) layer->start_stride = m->stride[count];
      count++;
    }
    if (layer->kernel < 2) continue;
    if (count < m->strides) layer->stride = m->stride[count];
    count++;
  }
  if (m->strides == 0 || count == m->strides) return MBCONV_OK;
  return mbconv_network_fail(error, MBCONV_BAD_FILE, "mbconv.strides has %zu strides, but %s has %zu", m->strides,
                             d->name, count);
}

/* How many activations a layer has that can differ: a block's inner layers have one in common. */
static size_t activations_of(const struct mbconv_layer *layer) {
  if (layer->kind == MBCONV_LAYER_POOL || layer->classifier) return 0;
  if (layer->kind != MBCONV_LAYER_BLOCK || layer->fused) return 1;
  return (size_t)layer->expand + (layer->kernel > 0) + layer->activated;
}

static mbconv_status apply_activations(const struct mbconv_metadata *m, struct mbconv_description *d,
                                       mbconv_error *error) {
  if (m->activations == 0) return MBCONV_OK;
  size_t count = 0;
  for (size_t i = 0; i < d->layers; i++) count += activations_of(&d->layer[i]);
  if (m->activations != 1 && m->activations != count)
    return mbconv_network_fail(error, MBCONV_BAD_FILE, "mbconv.activations has %zu activations, but %s has %zu",
                               m->activations, d->name, count);
  size_t next = 0;
  for (size_t i = 0; i < d->layers; i++) {
    struct mbconv_layer *layer = &d->layer[i];
    const size_t own = activations_of(layer);
    if (own == 0) continue;
    const unsigned char *kinds = &m->activation[m->activations == 1 ? 0 : next];
    if (m->activations > 1 && own == 2 && kinds[0] != kinds[1])
      return mbconv_network_fail(error, MBCONV_BAD_FILE, "mbconv.activations: layer %zu of %s has both %s and %s", i,
                                 d->name, activations[kinds[0]], activations[kinds[1]]);
    layer->activation = (mbconv_activation_kind)kinds[0];
    next += own;
  }
  return MBCONV_OK;
}

static void apply_preprocessing(const struct mbconv_metadata *m, struct mbconv_description *d) {
  if (m->size > 0) d->size = m->size;
  if (m->resize > 0) d->resize = m->resize;
  if (m->interpolation != MBCONV_UNSAID) d->bicubic = m->interpolation == MBCONV_BICUBIC;
  if (m->deviation[0] > 0) {
    memcpy(d->mean, m->mean, sizeof d->mean);
    memcpy(d->deviation, m->deviation, sizeof d->deviation);
  }
  const bool said = m->size > 0 && m->resize > 0 && m->interpolation != MBCONV_UNSAID && m->deviation[0] > 0;
  if (!said && d->channels == 3) d->assumed |= MBCONV_ASSUMED_PREPROCESSING;
}

mbconv_status mbconv_metadata_apply(const struct mbconv_metadata *m, struct mbconv_description *d,
                                    mbconv_error *error) {
  mbconv_status status = apply_strides(m, d, error);
  if (status == MBCONV_OK) status = apply_activations(m, d, error);
  if (status != MBCONV_OK) return status;
  for (size_t i = 0; m->squeeze && i < d->layers; i++) {
    d->layer[i].inner = m->inner;
    d->layer[i].gate = m->gate;
  }
  if (m->epsilon > 0)
    d->epsilon = m->epsilon;
  else if (d->naming == MBCONV_TIMM)
    d->assumed |= MBCONV_ASSUMED_EPSILON;
  if (m->padding != MBCONV_PADDING_OWN) d->padding = m->padding;
  if (m->padding == MBCONV_PADDING_OWN && d->naming == MBCONV_TIMM) d->assumed |= MBCONV_ASSUMED_PADDING;
  apply_preprocessing(m, d);
  return MBCONV_OK;
}
