/* SPDX-License-Identifier: MIT
 *
 * Blocks of int8: a list of any kinds, in whose description the input then changes what it likes: scales, zero points,
 * bounds, biases, weights, kinds. Either every row of kernels refuses it in the same words, or each gives what the
 * oracle gives, in both layouts, by two plans, alone and on threads, made for the image's size or told it by the call.
 */
#include <float.h>
#include <math.h>

#include "block_case.h"
#include "i8_case.h"
#include "i8_row.h"
#include "i8_sets.h"
#include "input.h"

enum { MOST_MULTIPLY_ADDS = 30000 };

/* ---- What is changed --------------------------------------------------------------------------------------------- */

/* Any float: those at the edges of what is taken, or the bits of the input. */
static float any_scale(struct fuzz_input *in) {
  static const float edges[] = {0.0f,          -0.0f,  FLT_MIN, FLT_MIN / 2.0f, FLT_MAX,        INFINITY,
                                -INFINITY,     NAN,    -0.01f,  1.0f,           0.5f,           0x1p-10f,
                                0x1.fffffep7f, 0x1p8f, 0x1p19f, 0x1p20f,        0x1.fffffep-11f};
  const size_t count = sizeof edges / sizeof *edges, choice = fuzz_bytes(in, 1);
  return choice < count ? edges[choice] : test_float((uint32_t)fuzz_bytes(in, 4));
}

/* Any number: a byte or so, those at the ends, or the bits of the input. */
static int32_t any_number(struct fuzz_input *in) {
  static const int32_t ends[] = {INT32_MIN, INT32_MAX, -129, -128, 127, 128, 255, 256, INT32_MAX - 127, INT32_MIN + 1};
  const size_t count = sizeof ends / sizeof *ends, choice = fuzz_bytes(in, 1);
  if (choice < count) return ends[choice];
  return choice < 192 ? (int8_t)fuzz_bytes(in, 1) : (int32_t)fuzz_bytes(in, 4);
}

/* Changes a scale or a zero point. */
static void change_quantization(struct fuzz_input *in, mbconv_quantization *q) {
  if (fuzz_flag(in))
    q->scale = any_scale(in);
  else
    q->zero_point = any_number(in);
}

/* `out` is the number of its channels, k that of the weights of each. What it points to is the case's own. */
static void change_stage(struct fuzz_input *in, mbconv_i8_stage_desc *stage, size_t out, size_t k) {
  mbconv_i8_squeeze_excite *excite = (mbconv_i8_squeeze_excite *)stage->squeeze_excite;
  if (excite && fuzz_flag(in)) { /* its own numbers or those of a layer */
    mbconv_i8_stage_desc *expand = (mbconv_i8_stage_desc *)excite->expand;
    if (fuzz_flag(in))
      change_quantization(in, &excite->mean);
    else
      change_stage(in, expand, expand->out_channels, excite->reduce->out_channels);
    return;
  }
  const size_t channel = fuzz_bytes(in, 1) % out;
  switch (fuzz_bytes(in, 1) % 8) {
    case 0: change_quantization(in, &stage->output); break;
    case 1: change_quantization(in, &stage->table_output); break;
    case 2:
      if (!excite) ((float *)stage->weight_scale)[stage->weight_scales > 1 ? channel : 0] = any_scale(in);
      break;
    case 3:
      if (stage->bias) ((int32_t *)stage->bias)[channel] = any_number(in);
      break;
    case 4:
      if (excite) break;
      memset((int8_t *)stage->weight + channel * k, (int)fuzz_bytes(in, 1), k);
      break;
    case 5: stage->activation = (mbconv_activation_kind)(fuzz_bytes(in, 1) % 5); break;
    case 6: stage->clamp_lo = any_number(in), stage->clamp_hi = any_number(in); break;
    default: stage->table = NULL; break;
  }
}

static void change_block(struct fuzz_input *in, mbconv_i8_desc *desc) {
  switch (fuzz_bytes(in, 1) % 8) {
    case 0: change_quantization(in, &desc->input); break;
    case 1: change_quantization(in, &desc->sum); break;
    case 2: change_quantization(in, fuzz_flag(in) ? &desc->residual_input : &desc->sum_table_output); break;
    case 3: desc->add = (mbconv_i8_add_kind)(fuzz_bytes(in, 1) % 4); break;
    case 4: desc->rounding = (mbconv_i8_rounding)(fuzz_bytes(in, 1) % 3); break;
    case 5: desc->type = (mbconv_type)(fuzz_bytes(in, 1) % 4); break;
    case 6: desc->residual = (mbconv_residual)(fuzz_bytes(in, 1) % 4); break;
    default: desc->sum_activation = (mbconv_activation_kind)(fuzz_bytes(in, 1) % 4); break;
  }
}

/* By the rest of the input. Returns whether anything was changed. */
static bool change(struct fuzz_input *in, struct i8_case *c) {
  const bool any = in->left > 0;
  while (in->left > 0) {
    const size_t part = fuzz_bytes(in, 1) % (c->desc.count + 1);
    size_t out = c->desc.in_channels, k = 0;
    for (size_t i = 0; i < part; i++) {
      k = i8_case_terms(&c->stages[i], out);
      out = i8_case_channels(&c->stages[i], out);
    }
    if (part == 0)
      change_block(in, &c->desc);
    else
      change_stage(in, &c->stages[part - 1], out, k);
  }
  return any;
}

/* ---- Runs -------------------------------------------------------------------------------------------------------- */

/* Images of a case, and how they are run. */
struct images {
  struct i8_image x, y, added; /* y.values NULL: it is too small for a window; added.values NULL: none is given */
  mbconv_threads threads;
  bool any_size;
};

static uint8_t *bytes_of(const struct i8_image *image, bool planes) {
  if (!image->values) return NULL;
  uint8_t *bytes = fuzz_allocate(image->height * image->width * image->channels);
  i8_image_store(image, planes, bytes);
  return bytes;
}

static void run(const mbconv_block *block, const struct images *i, bool planes, const mbconv_threads *threads) {
  const size_t height = i->x.height, width = i->x.width, count = threads ? threads->count : 1;
  const size_t y_size = i->y.height * i->y.width * i->y.channels;
  size_t size = 0;
  mbconv_error error = {.message = ""};
  mbconv_status status = mbconv_block_scratch_size_at(block, height, width, count, &size, &error);
  if (!i->y.values) {
    fuzz_require(status == MBCONV_INVALID_ARGUMENT && error.message[0] != '\0', "a size that fits no window was taken");
    return;
  }
  fuzz_require(status == MBCONV_OK, error.message);
  uint8_t *x = bytes_of(&i->x, planes), *want = bytes_of(&i->y, planes), *added = bytes_of(&i->added, planes);
  uint8_t *y = fuzz_allocate(y_size), *scratch = fuzz_allocate(size);
  memset(scratch, 0xa5, size);
  status = added ? mbconv_block_run_residual_at(block, 1, height, width, x, added, y, scratch, size, threads, &error)
                 : mbconv_block_run_at(block, 1, height, width, x, y, scratch, size, threads, &error);
  fuzz_require(status == MBCONV_OK, error.message);
  fuzz_require(memcmp(y, want, y_size) == 0, "other bytes than the oracle's");
  free(x), free(want), free(added), free(y), free(scratch);
}

/* On every row. `unchanged` descriptions must be taken. */
static void check(struct i8_case *c, const struct images *i, bool unchanged) {
  mbconv_error first = {.message = ""};
  bool any = false;
  for (size_t r = 0; r < mbconv_i8_sets.count; r++) {
    const struct mbconv_row *row = &mbconv_i8_sets.rows[r];
    if (!i8_row_runs(row, MBCONV_ISA_AUTO)) continue;
    mbconv_block *block = NULL;
    mbconv_error error = {.message = ""};
    const mbconv_status status = i8_row_create(&c->desc, row, &block, &error);
    if (!any) first = error;
    any = true;
    fuzz_require(status == first.status && strcmp(error.message, first.message) == 0, "rows do not refuse the same");
    if (status != MBCONV_OK) {
      fuzz_require(!block && error.message[0] != '\0', "refused without a word, or a block was left behind");
      fuzz_require(!unchanged || (!i->y.values && !i->any_size), "a good description was refused");
      continue;
    }
    const bool planes = c->desc.layout == MBCONV_NCHW;
    run(block, i, planes, NULL);
    run(block, i, planes, &i->threads);
    mbconv_block_destroy(block);
  }
}

/* What the block makes of x, if it can be made at all: the oracle knows nothing of descriptions that are bad. */
static void compute(struct i8_case *c, struct images *i, uint64_t *state) {
  mbconv_block *block = NULL;
  const size_t height = c->desc.height, width = c->desc.width;
  c->desc.height = c->desc.width = 0;
  const mbconv_status status = mbconv_block_create_i8(&c->desc, NULL, &block, NULL);
  c->desc.height = height, c->desc.width = width;
  if (status != MBCONV_OK) return;
  const bool given = c->desc.residual == MBCONV_RESIDUAL_GIVEN;
  size_t out_height, out_width;
  if (mbconv_block_output_size_at(block, i->x.height, i->x.width, &out_height, &out_width, NULL) == MBCONV_OK) {
    if (given) {
      i->added = i8_image_new(out_height, out_width, c->out_channels);
      i8_image_fill(&i->added, c->desc.type, state);
    }
    i->y = i8_oracle(c, &i->x, &i->added);
    fuzz_require(i->y.height == out_height && i->y.width == out_width, "another size than the oracle's");
  }
  mbconv_block_destroy(block);
}

/* Leaves of a description what blocks from bytes to bytes have: these are all that is run here. */
static void keep_bytes(mbconv_i8_desc *desc) {
  *desc = (mbconv_i8_desc){.type = desc->type,
                           .rounding = desc->rounding,
                           .in_channels = desc->in_channels,
                           .input = desc->input,
                           .count = desc->count,
                           .stages = desc->stages,
                           .residual = desc->residual,
                           .add = desc->add,
                           .residual_input = desc->residual_input,
                           .sum = desc->sum,
                           .sum_activation = desc->sum_activation,
                           .sum_table = desc->sum_table,
                           .sum_table_output = desc->sum_table_output,
                           .layout = desc->layout};
}

/* An image on which nothing takes long. */
static struct i8_image choose_image(struct fuzz_input *in, const struct i8_case *c) {
  size_t per_pixel = 1, channels = c->desc.in_channels;
  for (size_t i = 0; i < c->desc.count; i++) {
    const mbconv_i8_stage_desc *s = &c->stages[i];
    per_pixel += i8_case_terms(s, channels) * i8_case_channels(s, channels);
    channels = i8_case_channels(s, channels);
  }
  const size_t most = MOST_MULTIPLY_ADDS / per_pixel + 1;
  size_t height = fuzz_between(in, 1, 20), width = fuzz_between(in, 1, 20);
  if (height > most) height = most;
  if (height * width > 2 * most) width = 2 * most / height;
  return i8_image_new(height, width, c->desc.in_channels);
}

int LLVMFuzzerTestOneInput(const unsigned char *input, size_t size) {
  struct fuzz_input in = {input, size};
  char kinds[MBCONV_MOST_STAGES + 1] = "";
  struct images i = {.threads = {.parallel_for = parallel_reversed, .count = fuzz_between(&in, 1, 7)}};
  const size_t count = fuzz_between(&in, 1, MBCONV_MOST_STAGES);
  for (size_t s = 0; s < count; s++) kinds[s] = "PD"[fuzz_between(&in, 0, 1)];
  if (fuzz_between(&in, 0, 3) == 0) kinds[0] = 'C';
  if (count > 2 && kinds[count - 1] == 'P' && fuzz_flag(&in)) kinds[count - 2] = 'E';
  mbconv_residual residual = (mbconv_residual)fuzz_between(&in, MBCONV_RESIDUAL_ON, MBCONV_RESIDUAL_GIVEN);
  if (kinds[count - 1] == 'D') residual = MBCONV_RESIDUAL_OFF;
  const size_t most = fuzz_between(&in, 1, 140), strip_rows = fuzz_between(&in, 0, 9);
  const size_t group_channels = fuzz_bytes(&in, 1);
  i.any_size = fuzz_flag(&in);
  uint64_t state = fuzz_bytes(&in, 2);
  struct i8_case c;
  i8_case_new(&c, kinds, residual, most, &state);
  keep_bytes(&c.desc);
  c.desc.strip_rows = strip_rows, c.desc.group_channels = group_channels;
  i.x = choose_image(&in, &c);
  c.desc.height = i.any_size ? 0 : i.x.height, c.desc.width = i.any_size ? 0 : i.x.width;
  const bool changed = change(&in, &c);
  i8_image_fill(&i.x, c.desc.type, &state);
  compute(&c, &i, &state);
  check(&c, &i, !changed);
  free(i.x.values), free(i.y.values), free(i.added.values);
  i8_case_free(&c);
  return 0;
}
