/* SPDX-License-Identifier: MIT
 *
 * Sums to bytes by the kernels of every row: blocks of one stage whose sums are a bias and a byte, so that they can be
 * any number. The full budget takes all of them, from 256 - 2^31 to 2^31 - 1; the small one those around the steps from
 * byte to byte, around 0, at the ends, and random ones.
 */
#include <stdlib.h>

#include "i8_case.h"
#include "i8_row.h"
#include "i8_sets.h"

enum { BYTES = 256, SIDE = 16, CHUNK = 4096, MOST_BASES = (1 << 23) - 1 };

/* How sums become bytes. */
struct sweep {
  const struct mbconv_row *row;
  bool depthwise;
  mbconv_type type;
  mbconv_i8_rounding rounding;
  mbconv_activation_kind activation;
  float scale;
};

/* A block of `channels` channels whose biases are 256 times these, and its weights. */
struct subject {
  mbconv_i8_desc desc;
  mbconv_i8_stage_desc stage;
  int32_t *bias;
  int8_t *weight;
  uint8_t *x, *y;
  char *scratch;
  size_t scratch_size;
};

static int32_t least_of(const struct sweep *s) { return s->type == MBCONV_S8 ? -128 : 0; }

static void *allocate(size_t bytes) {
  void *memory = malloc(bytes + 1);
  if (!memory) abort();
  return memory;
}

static void subject_new(struct subject *b, const struct sweep *s) {
  *b = (struct subject){.bias = allocate(CHUNK * sizeof(int32_t)), .weight = allocate((size_t)CHUNK * 9)};
  b->x = allocate((size_t)CHUNK * BYTES), b->y = allocate((size_t)CHUNK * BYTES);
  b->stage = (mbconv_i8_stage_desc){
      .kind = s->depthwise ? MBCONV_STAGE_DEPTHWISE : MBCONV_STAGE_POINTWISE,
      .weight = b->weight,
      .bias = b->bias,
      .weight_scale = &s->scale,
      .weight_scales = 1,
      .output = {1.0f, least_of(s) + (s->activation == MBCONV_ACTIVATION_NONE ? 100 : 0)},
      .activation = s->activation,
      .kernel = s->depthwise ? 3 : 0,
      .stride = s->depthwise ? 1 : 0,
      .pad_kind = s->depthwise ? MBCONV_PAD_SAME : MBCONV_PAD_GIVEN,
  };
  b->desc = (mbconv_i8_desc){.type = s->type,
                             .rounding = s->rounding,
                             .height = SIDE,
                             .width = SIDE,
                             .in_channels = 1,
                             .input = {1.0f, least_of(s)},
                             .count = 1,
                             .stages = &b->stage,
                             .residual = MBCONV_RESIDUAL_OFF};
  for (size_t i = 0; i < (size_t)CHUNK * 9; i++) b->weight[i] = !s->depthwise || i % 9 == 4;
}

static void subject_free(struct subject *b) {
  free(b->bias), free(b->weight), free(b->x), free(b->y), free(b->scratch);
}

/* Its channels get the biases; every byte is a pixel. */
static bool run(struct test *t, struct subject *b, const struct sweep *s, size_t channels) {
  const size_t in = s->depthwise ? channels : 1;
  mbconv_block *block = NULL;
  mbconv_error error = {.message = ""};
  b->desc.in_channels = in;
  b->stage.out_channels = channels;
  mbconv_status status = i8_row_create(&b->desc, s->row, &block, &error);
  if (!test_check(t, status == MBCONV_OK, "create: %s", error.message)) return false;
  for (size_t i = 0; i < BYTES * in; i++) b->x[i] = (uint8_t)((int32_t)(i / in) + least_of(s));
  const size_t size = mbconv_block_scratch_size(block, 1);
  if (size > b->scratch_size) {
    free(b->scratch);
    b->scratch = allocate(size);
    memset(b->scratch, 0xa5, size);
    b->scratch_size = size;
  }
  status = mbconv_block_run(block, 1, b->x, b->y, b->scratch, size, NULL, &error);
  mbconv_block_destroy(block);
  return test_check(t, status == MBCONV_OK, "run: %s", error.message);
}

/* first[q]: the least sum whose byte, counted from the type's lowest, is q or above. All roundings are monotonic. */
static void find_steps(const struct subject *b, const struct sweep *s, int64_t first[BYTES]) {
  for (int32_t q = 0; q < BYTES; q++) {
    int64_t low = INT32_MIN, high = (int64_t)INT32_MAX + 1; /* the answer is one of these or between them */
    while (low < high) {
      const int64_t middle = low + (high - low) / 2;
      const int32_t byte = i8_oracle_requantize(&b->desc, &b->stage, 1.0f, 0, middle) - least_of(s);
      if (byte >= q)
        high = middle;
      else
        low = middle + 1;
    }
    first[q] = low;
  }
}

/* How many of the outputs are wrong. */
static size_t count_wrong(const struct subject *b, const struct sweep *s, size_t channels, const int64_t first[BYTES]) {
  size_t wrong = 0;
  for (size_t c = 0; c < channels; c++) {
    int32_t q = 0;
    while (q < BYTES - 1 && first[q + 1] <= b->bias[c]) q++;
    for (int64_t p = 0; p < BYTES; p++) {
      while (q < BYTES - 1 && first[q + 1] <= b->bias[c] + p) q++;
      wrong += b->y[(size_t)p * channels + c] != (uint8_t)(q + least_of(s));
    }
  }
  return wrong;
}

/* Some biases, `CHUNK` at most. */
static size_t sample(struct subject *b, const int64_t first[BYTES], uint64_t *state) {
  size_t n = 0;
  for (int32_t i = -60; i < 60; i++) b->bias[n++] = i * BYTES;
  for (size_t q = 0; q < BYTES; q++) {
    const int64_t base = (first[q] - BYTES / 2) / BYTES;
    if (base >= -MOST_BASES && base <= MOST_BASES) b->bias[n++] = (int32_t)base * BYTES;
  }
  for (int32_t i = 0; i < 20; i++) b->bias[n++] = (MOST_BASES - i) * BYTES, b->bias[n++] = (i - MOST_BASES) * BYTES;
  for (size_t i = 0; i < 80; i++)
    b->bias[n++] = ((int32_t)test_random_size(state, 0, 2 * (size_t)MOST_BASES) - MOST_BASES) * BYTES;
  return n;
}

static void check(struct test *t, const struct sweep *s, uint64_t *state) {
  int64_t first[BYTES];
  struct subject b;
  subject_new(&b, s);
  find_steps(&b, s, first);
  test_at(t, "%s, %s, type %d, rounding %d, activation %d, scale %a", mbconv_isa_name(s->row->isa),
          s->depthwise ? "depthwise" : "pointwise", (int)s->type, (int)s->rounding, (int)s->activation,
          (double)s->scale);
  size_t wrong = 0;
  if (t->small) {
    const size_t channels = sample(&b, first, state);
    if (run(t, &b, s, channels)) wrong = count_wrong(&b, s, channels, first);
    enum { FEW = 5 }; /* a part of a unit or panel, with small sums only */
    for (int32_t c = 0; c < FEW; c++) b.bias[c] = (c - 2) * BYTES;
    if (run(t, &b, s, FEW)) wrong += count_wrong(&b, s, FEW, first);
  } else {
    for (int32_t base = -MOST_BASES; base <= MOST_BASES; base += CHUNK) {
      const int32_t left = MOST_BASES - base + 1;
      const size_t channels = left < CHUNK ? (size_t)left : CHUNK;
      for (size_t c = 0; c < channels; c++) b.bias[c] = (base + (int32_t)c) * BYTES;
      if (!run(t, &b, s, channels)) break;
      wrong += count_wrong(&b, s, channels, first);
    }
    test_progress(t, "%s, rounding %d, scale %a", mbconv_isa_name(s->row->isa), (int)s->rounding, (double)s->scale);
  }
  test_check(t, wrong == 0, "%zu bytes are wrong", wrong);
  subject_free(&b);
}

void test_i8_sums(struct test *t) {
  static const float scales[] = {0.5f, 0x1.99999ap-3f, 0x1p-12f, 0x1.7ffffep-20f, 0x1p-23f, 0x1.fffffep-24f};
  static const mbconv_activation_kind activations[] = {MBCONV_ACTIVATION_NONE, MBCONV_ACTIVATION_RELU,
                                                       MBCONV_ACTIVATION_RELU6};
  uint64_t state = t->seed;
  size_t runs = 0;
  for (size_t r = 0; r < mbconv_i8_sets.count; r++) {
    const struct mbconv_row *row = &mbconv_i8_sets.rows[r];
    if (!i8_row_runs(row, t->isa)) continue;
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
      for (size_t way = 0; way < 8; way++) {
        const struct sweep s = {.row = row,
                                .depthwise = way & 1,
                                .rounding = way & 2 ? MBCONV_I8_TFLITE_DOUBLE : MBCONV_I8_FP32,
                                .type = way & 4 ? MBCONV_S8 : MBCONV_U8,
                                .activation = activations[(i + way / 2) % 3],
                                .scale = scales[i]};
        /* The small budget has each scale, rounding and type by one of the operators; everything, by one type, too. */
        if (t->small && (way & 1) != (i + way / 2 + way / 4) % 2) continue;
        if (!t->small && (way & 5) != (i % 2) * 5) continue;
        check(t, &s, &state);
        runs++;
      }
    }
  }
  if (runs == 0) test_check(t, mbconv_i8_sets.count > 0, "no row of int8");
}
