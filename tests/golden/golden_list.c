/* SPDX-License-Identifier: MIT
 *
 * The reader of golden lists: see golden_list.h. Every number of the header is checked before it is used as a size, and
 * the floats must be exactly as many as the header implies.
 */
#include "golden_list.h"
#include "reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The words of the header, in the order of the file; then those of each stage. */
enum {
  VERSION,
  BATCH,
  HEIGHT,
  WIDTH,
  CHANNELS,
  COUNT,
  RESIDUAL,
  AFTER,
  RESIDUAL_CHANNELS,
  OUT_HEIGHT,
  OUT_WIDTH,
  PARAMETERS,
  FLOATS,
  WORDS
};
enum {
  KIND,
  OUT,
  ACTIVATION,
  KERNEL,
  STRIDE,
  DILATION,
  TOP,
  LEFT,
  BOTTOM,
  RIGHT,
  FLAGS,
  SQUEEZE,
  INNER,
  GATE,
  STAGE_WORDS
};

/* Flags of a convolution. */
enum { BIAS = 1, BATCH_NORM = 2, SCALE = 4, SLOPE = 8 };

static const char magic[8] = {'M', 'B', 'S', 'T', 'A', 'G', 'E', 'S'};

static void take_conv(struct reader *r, struct golden_conv *part, uint32_t flags, uint64_t out, uint64_t terms) {
  part->conv.weight = take(r, out * terms);
  if (flags & BIAS) part->conv.bias = take(r, out);
  if (flags & BATCH_NORM) part->conv.batch_norm = take_batch_norm(r, &part->batch_norm, out);
  if (flags & SCALE) part->conv.scale = take(r, out);
  if (flags & SLOPE) part->conv.slope = take(r, out);
}

static void take_excite(struct reader *r, struct golden_list *g, const uint32_t *words, uint64_t channels) {
  const uint64_t width = words[SQUEEZE];
  g->reduce.weight = take(r, width * channels);
  g->reduce.bias = take(r, width);
  g->excite.weight = take(r, width * channels);
  g->excite.bias = take(r, channels);
  g->squeeze_excite = (mbconv_squeeze_excite){.width = width,
                                              .reduce = &g->reduce,
                                              .expand = &g->excite,
                                              .inner = (mbconv_activation_kind)words[INNER],
                                              .gate = (mbconv_activation_kind)words[GATE]};
}

/* Stage `index`; returns its output channels. */
static uint64_t take_stage(struct reader *r, struct golden_list *g, size_t index, const uint32_t *words,
                           uint64_t channels) {
  mbconv_stage_desc *stage = &g->stages[index];
  const uint64_t taps = (uint64_t)words[KERNEL] * words[KERNEL];
  *stage = (mbconv_stage_desc){.kind = (mbconv_stage_kind)words[KIND],
                               .out_channels = words[OUT],
                               .activation = (mbconv_activation_kind)words[ACTIVATION],
                               .kernel = words[KERNEL],
                               .stride = words[STRIDE],
                               .dilation = words[DILATION],
                               .pad = {words[TOP], words[LEFT], words[BOTTOM], words[RIGHT]}};
  if (stage->kind == MBCONV_STAGE_SQUEEZE_EXCITE) {
    take_excite(r, g, words, channels);
    stage->squeeze_excite = &g->squeeze_excite;
  } else {
    take_conv(r, &g->convs[index], words[FLAGS], words[OUT],
              taps * (stage->kind == MBCONV_STAGE_DEPTHWISE ? 1 : channels));
    stage->conv = &g->convs[index].conv;
  }
  return words[OUT];
}

static void take_all(struct golden_list *g, const uint32_t *words, struct reader *r) {
  uint64_t channels = words[CHANNELS];
  const size_t pixels = (size_t)words[BATCH] * words[OUT_HEIGHT] * words[OUT_WIDTH];
  g->x_size = (size_t)words[BATCH] * words[CHANNELS] * words[HEIGHT] * words[WIDTH];
  g->x = take(r, g->x_size);
  for (size_t i = 0; i < words[COUNT]; i++) channels = take_stage(r, g, i, words + WORDS + i * STAGE_WORDS, channels);
  g->out_channels = (size_t)channels;
  g->residual_channels = words[RESIDUAL_CHANNELS] ? words[RESIDUAL_CHANNELS] : g->out_channels;
  if (words[RESIDUAL] == MBCONV_RESIDUAL_GIVEN) {
    g->added_size = pixels * g->residual_channels;
    g->added = take(r, g->added_size);
  }
  g->y_size = pixels * g->out_channels;
  g->y = take(r, g->y_size);
}

/* The header, little-endian; false unless all of it is there and its sizes are sound. */
static bool read_words(const unsigned char *bytes, size_t size, uint32_t *words, size_t *count) {
  if (size < sizeof magic + WORDS * 4 || memcmp(bytes, magic, sizeof magic) != 0) return false;
  for (size_t i = 0; i < WORDS; i++) words[i] = little_endian(bytes + sizeof magic + 4 * i);
  if (words[VERSION] != 1 || words[COUNT] == 0 || words[COUNT] > MBCONV_MOST_STAGES) return false;
  *count = WORDS + words[COUNT] * STAGE_WORDS;
  if (size < sizeof magic + *count * 4) return false;
  for (size_t i = WORDS; i < *count; i++) words[i] = little_endian(bytes + sizeof magic + 4 * i);
  for (size_t i = 0; i < *count; i++)
    if (i != PARAMETERS && i != FLOATS && words[i] > LARGEST_SIZE) return false;
  return true;
}

bool golden_list_parse(struct golden_list *g, const unsigned char *bytes, size_t size, char message[GOLDEN_MESSAGE]) {
  uint32_t words[WORDS + MBCONV_MOST_STAGES * STAGE_WORDS];
  size_t count;
  *g = (struct golden_list){.floats = NULL};
  if (!read_words(bytes, size, words, &count)) return fail(message, "not a header of a list");
  const size_t begin = sizeof magic + 4 * count;
  if ((size - begin) / 4 != words[FLOATS] || (size - begin) % 4 != 0)
    return fail(message, "not as many floats as it says");
  g->floats = malloc((size_t)words[FLOATS] * sizeof(float) + 1);
  if (!g->floats) return fail(message, "no memory");
  for (size_t i = 0; i < words[FLOATS]; i++) {
    const uint32_t bits = little_endian(bytes + begin + 4 * i);
    memcpy(&g->floats[i], &bits, sizeof bits);
  }
  struct reader r = {g->floats, words[FLOATS], false};
  take_all(g, words, &r);
  if (r.short_of || r.left > 0) {
    golden_list_free(g);
    return fail(message, "not as many floats as its list has");
  }
  g->batch = words[BATCH];
  g->out_height = words[OUT_HEIGHT];
  g->out_width = words[OUT_WIDTH];
  g->parameters = words[PARAMETERS];
  g->desc = (mbconv_stages_desc){.height = words[HEIGHT],
                                 .width = words[WIDTH],
                                 .in_channels = words[CHANNELS],
                                 .count = words[COUNT],
                                 .stages = g->stages,
                                 .residual = (mbconv_residual)words[RESIDUAL],
                                 .residual_place = (mbconv_residual_place)words[AFTER],
                                 .residual_channels = words[RESIDUAL_CHANNELS],
                                 .layout = MBCONV_NCHW};
  return true;
}

void golden_list_free(struct golden_list *g) {
  free(g->floats);
  g->floats = NULL;
}
