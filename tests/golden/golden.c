/* SPDX-License-Identifier: MIT
 *
 * The reader of golden data: see golden.h. Every number of the header is checked before it is used as a size, and the
 * floats must be exactly as many as the header implies.
 */
#include "golden.h"
#include "reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The words of the header, in the order of the file. */
enum word {
  VERSION,
  BATCH,
  HEIGHT,
  WIDTH,
  IN_CHANNELS,
  EXPANDED_CHANNELS,
  OUT_CHANNELS,
  KERNEL,
  STRIDE,
  PAD_TOP,
  PAD_LEFT,
  PAD_BOTTOM,
  PAD_RIGHT,
  ACTIVATION,
  RESIDUAL,
  EXPAND_FLAGS,
  DEPTHWISE_FLAGS,
  PROJECT_FLAGS,
  SQUEEZE_WIDTH,
  SQUEEZE_INNER,
  SQUEEZE_GATE,
  OUT_HEIGHT,
  OUT_WIDTH,
  PARAMETERS,
  PLAIN_PARAMETERS,
  FLOATS,
  DILATION, /* version 2 alone; version 1 has none, which is 1 */
  WORDS
};

static const char magic[8] = {'M', 'B', 'G', 'O', 'L', 'D', 'E', 'N'};
enum { LAST_VERSION = 2 };

/* Flags of a convolution. */
enum { PRESENT = 1, BIAS = 2, BATCH_NORM = 4 };

/* Of a file. What fseek says of a directory is larger. */
static const long largest_file = 1L << 28;

/* One convolution of `outputs` channels, each of `fan_in` weights; NULL if it is not there. */
static const mbconv_conv *take_conv(struct reader *r, struct golden_conv *part, uint32_t flags, uint64_t outputs,
                                    uint64_t fan_in) {
  if (!(flags & PRESENT)) return NULL;
  part->conv.weight = take(r, outputs * fan_in);
  if (flags & BIAS) part->conv.bias = take(r, outputs);
  if (flags & BATCH_NORM) part->conv.batch_norm = take_batch_norm(r, &part->batch_norm, outputs);
  return &part->conv;
}

static bool take_all(struct golden *g, const uint32_t *words, struct reader *r) {
  mbconv_block_desc *desc = &g->desc;
  const uint64_t expanded = words[EXPANDED_CHANNELS], taps = (uint64_t)words[KERNEL] * words[KERNEL];
  const uint64_t width = words[SQUEEZE_WIDTH];
  g->x_size = (size_t)words[BATCH] * words[IN_CHANNELS] * words[HEIGHT] * words[WIDTH];
  g->y_size = (size_t)words[BATCH] * words[OUT_CHANNELS] * words[OUT_HEIGHT] * words[OUT_WIDTH];
  g->x = take(r, g->x_size);
  desc->expand = take_conv(r, &g->parts[0], words[EXPAND_FLAGS], expanded, words[IN_CHANNELS]);
  desc->depthwise = take_conv(r, &g->parts[1], words[DEPTHWISE_FLAGS], expanded, taps);
  desc->project = take_conv(r, &g->parts[2], words[PROJECT_FLAGS], words[OUT_CHANNELS], expanded);
  if (width > 0) {
    mbconv_squeeze_excite *squeeze = &g->squeeze_excite;
    squeeze->width = width;
    squeeze->reduce = &g->reduce;
    squeeze->expand = &g->excite;
    g->reduce.weight = take(r, width * expanded);
    g->reduce.bias = take(r, width);
    g->excite.weight = take(r, expanded * width);
    g->excite.bias = take(r, expanded);
    squeeze->inner = (mbconv_activation_kind)words[SQUEEZE_INNER];
    squeeze->gate = (mbconv_activation_kind)words[SQUEEZE_GATE];
    desc->squeeze_excite = squeeze;
  }
  g->y = take(r, g->y_size);
  return !r->short_of && r->left == 0;
}

/* ---- The file ---------------------------------------------------------------------------------------------------- */

static size_t header_size(uint32_t version) { return sizeof magic + 4 * (size_t)(version == 1 ? DILATION : WORDS); }

/* The words of the header, of which a file of version 1 lacks the last. */
static bool read_header(const unsigned char *bytes, size_t size, uint32_t words[WORDS], char message[GOLDEN_MESSAGE]) {
  if (size < sizeof magic + 4 || memcmp(bytes, magic, sizeof magic) != 0) return fail(message, "not golden data");
  const uint32_t version = little_endian(bytes + sizeof magic);
  if (version < 1 || version > LAST_VERSION) return fail(message, "golden data of another version");
  const size_t header = header_size(version);
  if (size < header) return fail(message, "not golden data");
  words[DILATION] = 1;
  for (size_t i = 0; sizeof magic + 4 * i < header; i++) words[i] = little_endian(bytes + sizeof magic + 4 * i);
  for (int i = BATCH; i <= OUT_WIDTH; i++) {
    if (words[i] > LARGEST_SIZE) return fail(message, "a size in the header is too large");
  }
  if (words[DILATION] > LARGEST_SIZE) return fail(message, "a size in the header is too large");
  if ((size - header) / 4 != words[FLOATS] || size % 4 != 0) return fail(message, "not as long as its header says");
  return true;
}

static void fill_desc(struct golden *g, const uint32_t *words) {
  g->desc = (mbconv_block_desc){
      .height = words[HEIGHT],
      .width = words[WIDTH],
      .in_channels = words[IN_CHANNELS],
      .expanded_channels = words[EXPANDED_CHANNELS],
      .out_channels = words[OUT_CHANNELS],
      .kernel = words[KERNEL],
      .stride = words[STRIDE],
      .pad = {words[PAD_TOP], words[PAD_LEFT], words[PAD_BOTTOM], words[PAD_RIGHT]},
      .activation = (mbconv_activation_kind)words[ACTIVATION],
      .residual = (mbconv_residual)words[RESIDUAL],
      .layout = MBCONV_NCHW,
      .dilation = words[DILATION],
  };
  g->batch = words[BATCH];
  g->out_height = words[OUT_HEIGHT];
  g->out_width = words[OUT_WIDTH];
  g->parameters = words[PARAMETERS];
  g->plain_parameters = words[PLAIN_PARAMETERS];
}

bool golden_parse(struct golden *g, const unsigned char *bytes, size_t size, char message[GOLDEN_MESSAGE]) {
  *g = (struct golden){0};
  uint32_t words[WORDS];
  if (!read_header(bytes, size, words, message)) return false;
  g->floats = malloc((words[FLOATS] + (size_t)1) * sizeof(float));
  if (!g->floats) return fail(message, "no memory");
  for (size_t i = 0; i < words[FLOATS]; i++) {
    const uint32_t bits = little_endian(bytes + header_size(words[VERSION]) + 4 * i);
    memcpy(&g->floats[i], &bits, sizeof bits);
  }
  fill_desc(g, words);
  struct reader r = {.next = g->floats, .left = words[FLOATS]};
  if (take_all(g, words, &r)) return true;
  golden_free(g);
  return fail(message, "its tensors are not as many floats as the header says");
}

unsigned char *golden_read(const char *path, size_t *size, char message[GOLDEN_MESSAGE]) {
  FILE *file = fopen(path, "rb");
  if (!file) {
    fail(message, "cannot be opened");
    return NULL;
  }
  unsigned char *bytes = NULL;
  const long length = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
  if (length > 0 && length <= largest_file && fseek(file, 0, SEEK_SET) == 0) bytes = malloc((size_t)length);
  if (bytes && fread(bytes, 1, (size_t)length, file) != (size_t)length) {
    free(bytes);
    bytes = NULL;
  }
  fclose(file);
  if (!bytes) fail(message, "cannot be read");
  *size = bytes ? (size_t)length : 0;
  return bytes;
}

bool golden_load(struct golden *g, const char *path, char message[GOLDEN_MESSAGE]) {
  size_t size;
  unsigned char *bytes = golden_read(path, &size, message);
  const bool ok = bytes && golden_parse(g, bytes, size, message);
  free(bytes);
  return ok;
}

void golden_free(struct golden *g) {
  free(g->floats);
  *g = (struct golden){0};
}

/* ---- What its users share ---------------------------------------------------------------------------------------- */

void golden_transpose(size_t batch, size_t rows, size_t columns, const float *from, float *to) {
  for (size_t n = 0; n < batch; n++, from += rows * columns, to += rows * columns) {
    for (size_t i = 0; i < rows; i++) {
      for (size_t j = 0; j < columns; j++) to[j * rows + i] = from[i * columns + j];
    }
  }
}

float golden_difference(const float *a, const float *b, size_t n, float *largest) {
  float difference = 0.0f, largest_b = 0.0f;
  for (size_t i = 0; i < n; i++) {
    const float d = fabsf(a[i] - b[i]), magnitude = fabsf(b[i]);
    /* Written so that a NaN, once met, stays. */
    if (!(d <= difference) && difference == difference) difference = d;
    if (!(magnitude <= largest_b) && largest_b == largest_b) largest_b = magnitude;
  }
  if (largest) *largest = largest_b;
  return difference;
}
