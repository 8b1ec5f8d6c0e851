/* SPDX-License-Identifier: MIT
 *
 * Blocks of any shape and any data: on every set, by every strategy of the plan, on any number of threads, in both
 * layouts, made for the image's size or told it by the call, with SAME for the pads that it stands for, the scalar
 * set's floats, which are those of the promised chains, with tensors and scratch flush against guard pages.
 */
#include <sys/mman.h>

#include "block_subject.h"
#include "input.h"
#include "oracle.h"

enum { ALL = 1 << 20, MOST_MULTIPLY_ADDS = 50000, MOST_SETS = MBCONV_ISA_COUNT };

static mbconv_block_desc shape_of(struct fuzz_input *in) {
  mbconv_block_desc shape = {
      .height = fuzz_between(in, 1, 33),
      .width = fuzz_between(in, 1, 33),
      .in_channels = fuzz_between(in, 1, 50),
      .expanded_channels = fuzz_between(in, 1, 200),
      .out_channels = fuzz_between(in, 1, 50),
      .kernel = 3 + 2 * fuzz_between(in, 0, 2),
      .stride = fuzz_bytes(in, 1),
      .activation = (mbconv_activation_kind)fuzz_between(in, MBCONV_ACTIVATION_NONE, MBCONV_ACTIVATION_HARD_SWISH),
      .residual = (mbconv_residual)fuzz_between(in, MBCONV_RESIDUAL_AUTO, MBCONV_RESIDUAL_OFF),
  };
  size_t *pads[] = {&shape.pad.top, &shape.pad.left, &shape.pad.bottom, &shape.pad.right};
  fuzz_stride(&shape.stride, &shape.dilation);
  const size_t most = oracle_span(shape.kernel, shape.dilation) - 1;
  for (size_t i = 0; i < 4; i++) *pads[i] = fuzz_between(in, 0, most);
  return shape;
}

/* Without an expand the channels are one; an image must hold the taps; and nothing may take long, so that the output of
 * a dilated kernel may not be much larger than the input. */
static void make_sound(mbconv_block_desc *shape, bool expand) {
  const size_t span = oracle_span(shape->kernel, shape->dilation);
  if (!expand) shape->expanded_channels = shape->in_channels;
  const size_t channel = shape->in_channels + shape->out_channels + shape->kernel * shape->kernel;
  const size_t most = MOST_MULTIPLY_ADDS / channel / shape->expanded_channels;
  if (shape->height * shape->width > most) shape->height = most / shape->width > 0 ? most / shape->width : 1;
  const size_t rows = shape->height + shape->pad.top + shape->pad.bottom, half = span / 2;
  const size_t columns = shape->width + shape->pad.left + shape->pad.right;
  const bool small = rows < span || columns < span;
  if (shape->dilation > 1 && (small || (rows - span + 1) * (columns - span + 1) > most)) {
    shape->pad = (mbconv_pad){half, half, half, half};
  } else if (small) {
    if (rows < span) shape->height = span;
    if (columns < span) shape->width = span;
  }
}

/* How the size and the padding are said: `ways` has a bit for each way of check_set() whose calls name the size. */
static void choose_sizes(struct fuzz_input *in, mbconv_block_desc *shape, struct block_run *run, unsigned *ways) {
  const size_t span = oracle_span(shape->kernel, shape->dilation);
  *ways = (unsigned)fuzz_bytes(in, 1);
  run->same = fuzz_flag(in);
  if (fuzz_flag(in)) {
    run->made_height = span + fuzz_between(in, 0, 40);
    run->made_width = span + fuzz_between(in, 0, 40);
  }
  if (!run->same) return;
  fuzz_same(shape->height, span, shape->stride, &shape->pad.top, &shape->pad.bottom);
  fuzz_same(shape->width, span, shape->stride, &shape->pad.left, &shape->pad.right);
}

/* The weights of a convolution are a buffer of the case, which is read-only. */
static void poke_weight(struct block_case *c, const mbconv_conv *conv, size_t index, float value) {
  for (size_t i = 0; i < c->buffer_count; i++) {
    const struct test_buffer *buffer = &c->buffers[i];
    if (buffer->data != conv->weight) continue;
    mprotect(buffer->first, buffer->capacity * sizeof(float), PROT_READ | PROT_WRITE);
    buffer->data[index % buffer->n] = value;
    mprotect(buffer->first, buffer->capacity * sizeof(float), PROT_READ);
  }
}

static void poke(struct fuzz_input *in, struct test *t, struct block_subject *s) {
  const mbconv_conv *convs[] = {&s->block.expand, &s->block.depthwise, &s->block.project};
  const size_t x_size = s->batch * block_case_x_size(&s->block.desc);
  size_t array, index;
  float value;
  while (fuzz_poke(in, 4, &array, &index, &value)) {
    if (array < 3)
      poke_weight(&s->block, convs[array], index, value);
    else if (x_size > 0)
      s->x[index % x_size] = value;
  }
  block_subject_expect(t, s);
}

static void check_set(struct test *t, struct block_subject *s, struct block_run own, unsigned at_size) {
  const struct {
    size_t strip_rows, group_channels;
    bool threads;
  } ways[] = {
      {0, 0, false},     /* the library's choice */
      {0, 0, true},      /* and on threads, which may share out groups */
      {1, ALL, false},   /* row ring */
      {1, 1, true},      /* row ring of channel groups */
      {ALL, 1, false},   /* channel split */
      {ALL, ALL, false}, /* unfused */
      {own.strip_rows, own.group_channels, true},
  };
  /* Scalar is slow, and its own yardstick: only the last. */
  const size_t count = sizeof ways / sizeof *ways, first = t->isa == MBCONV_ISA_SCALAR ? count - 1 : 0;
  for (size_t i = first; i < count; i++) {
    struct block_run run = own;
    run.layout = (mbconv_layout)((own.layout + i) % 2);
    run.strip_rows = ways[i].strip_rows;
    run.group_channels = ways[i].group_channels;
    run.at = at_size >> i & 1;
    if (!ways[i].threads) {
      run.threads = 1;
      run.parallel_for = NULL;
    }
    block_subject_check(t, s, &run);
  }
}

int LLVMFuzzerTestOneInput(const unsigned char *input, size_t size) {
  struct fuzz_input in = {input, size};
  struct test t = {.isa = MBCONV_ISA_SCALAR};
  test_begin(&t, "fuzz_block");
  mbconv_block_desc shape = shape_of(&in);
  struct block_parts parts = {.expand = fuzz_flag(&in), .bias = fuzz_flag(&in), .batch_norm = fuzz_flag(&in)};
  parts.squeeze_excite = fuzz_between(&in, 0, 1) * fuzz_between(&in, 1, 20);
  parts.inner = (mbconv_activation_kind)fuzz_between(&in, MBCONV_ACTIVATION_NONE, MBCONV_ACTIVATION_HARD_SWISH);
  parts.gate = (mbconv_activation_kind)fuzz_between(&in, MBCONV_ACTIVATION_NONE, MBCONV_ACTIVATION_HARD_SWISH);
  make_sound(&shape, parts.expand);
  struct block_run run = {.layout = (mbconv_layout)fuzz_between(&in, MBCONV_NHWC, MBCONV_NCHW),
                          .strip_rows = fuzz_bytes(&in, 1),
                          .group_channels = fuzz_bytes(&in, 1),
                          .guard = fuzz_flag(&in) ? TEST_GUARD_BEFORE : TEST_GUARD_AFTER,
                          .misalign = fuzz_between(&in, 0, 3)};
  run.options.exp = fuzz_flag(&in) ? MBCONV_EXP_INLINE : MBCONV_EXP_AUTO;
  run.threads = fuzz_between(&in, 1, 9);
  run.parallel_for = fuzz_flag(&in) ? parallel_reversed : parallel_forward;
  const size_t batch = fuzz_between(&in, 0, 2);
  uint64_t state = fuzz_bytes(&in, 2);
  unsigned at_size;
  choose_sizes(&in, &shape, &run, &at_size);

  struct block_subject subject;
  block_subject_new(&t, &subject, &shape, &parts, batch, &state);
  poke(&in, &t, &subject);
  mbconv_isa sets[MOST_SETS];
  const size_t count = mbconv_usable_isas(sets, MOST_SETS);
  for (size_t i = 0; i < count; i++) {
    t.isa = run.options.isa = sets[i];
    check_set(&t, &subject, run, at_size);
  }
  block_subject_check_oracle(&t, &subject, false); /* of the last run, which is the scalar set's */
  block_subject_free(&subject);
  fuzz_require(t.failed == 0, "a block failed");
  return 0;
}
