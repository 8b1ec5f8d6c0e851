/* SPDX-License-Identifier: MIT
 *
 * Descriptions with sizes at the limits of size_t, as api_limits.c tries them in runs.
 */
#include <stdint.h>

#include "api.h"

static const mbconv_status over = MBCONV_SIZE_OVERFLOW, bad = MBCONV_INVALID_ARGUMENT;

/* A description with one size varied, and no weights: a good size is refused for their sake. */
struct create_call {
  enum api_kind kind;
  size_t height, width, in, expanded, out, kernel, stride, squeeze;
  enum { HEIGHT, WIDTH, CHANNELS_IN, EXPANDED, CHANNELS_OUT, SQUEEZE, VARIED } varied;
};

static mbconv_status call_create(const void *context, size_t number, mbconv_error *error) {
  struct create_call c = *(const struct create_call *)context;
  size_t *const fields[] = {&c.height, &c.width, &c.in, &c.expanded, &c.out, &c.squeeze};
  *fields[c.varied] = number;
  const mbconv_conv none = {0};
  const mbconv_pad pad = {c.kernel / 2, c.kernel / 2, c.kernel / 2, c.kernel / 2};
  const mbconv_squeeze_excite squeeze = {.width = c.squeeze};
  mbconv_pointwise *no_pointwise;
  mbconv_depthwise *no_depthwise;
  mbconv_convolution *no_convolution;
  mbconv_block *no_block;
  const mbconv_pointwise_desc pointwise = {.in_channels = c.in, .out_channels = c.out};
  const mbconv_depthwise_desc depthwise = {
      .height = c.height, .width = c.width, .channels = c.in, .kernel = c.kernel, .stride = c.stride, .pad = pad};
  const mbconv_convolution_desc convolution = {.height = c.height,
                                               .width = c.width,
                                               .in_channels = c.in,
                                               .out_channels = c.out,
                                               .kernel = c.kernel,
                                               .stride = c.stride,
                                               .pad = pad};
  const mbconv_block_desc block = {.height = c.height,
                                   .width = c.width,
                                   .in_channels = c.in,
                                   .expanded_channels = c.expanded,
                                   .out_channels = c.out,
                                   .expand = &none,
                                   .depthwise = &none,
                                   .project = &none,
                                   .squeeze_excite = c.squeeze ? &squeeze : NULL,
                                   .kernel = c.kernel,
                                   .stride = c.stride,
                                   .pad = pad};
  /* C D E P */
  const mbconv_stage_desc list[] = {
      {.kind = MBCONV_STAGE_DENSE,
       .out_channels = c.expanded,
       .conv = &none,
       .kernel = c.kernel,
       .stride = c.stride,
       .pad = pad},
      {.kind = MBCONV_STAGE_DEPTHWISE, .conv = &none, .kernel = c.kernel, .stride = 1, .pad = pad},
      {.kind = MBCONV_STAGE_SQUEEZE_EXCITE, .squeeze_excite = &squeeze},
      {.kind = MBCONV_STAGE_POINTWISE, .out_channels = c.out, .conv = &none}};
  const mbconv_stages_desc stages = {
      .height = c.height, .width = c.width, .in_channels = c.in, .count = 4, .stages = list};
  switch (c.kind) {
    case STAGES: return mbconv_block_create_stages(&stages, NULL, &no_block, error);
    case POINTWISE: return mbconv_pointwise_create(&pointwise, NULL, &no_pointwise, error);
    case DEPTHWISE: return mbconv_depthwise_create(&depthwise, NULL, &no_depthwise, error);
    case CONVOLUTION: return mbconv_convolution_create(&convolution, NULL, &no_convolution, error);
    default: return mbconv_block_create(&block, NULL, &no_block, error);
  }
}

/* The bytes of the largest tensor, all weights of one convolution among them; SIZE_MAX if they are more. */
static size_t largest_bytes(const struct create_call *c) {
  const size_t pixels = api_times(c->height, c->width), taps = c->kernel * c->kernel;
  size_t sizes[6] = {api_times(c->in, c->out)};
  if (c->kind != POINTWISE) {
    sizes[1] = api_times(pixels, c->in);
    sizes[2] = api_times(pixels / (c->stride * c->stride), c->out);
  }
  if (c->kind == CONVOLUTION) sizes[0] = api_times(sizes[0], taps);
  if (c->kind == STAGES) {
    sizes[0] = api_times(api_times(c->in, c->expanded), taps);
    sizes[3] = api_times(c->expanded, c->squeeze > c->out ? c->squeeze : c->out);
    sizes[4] = api_times(pixels / (c->stride * c->stride), c->expanded);
  }
  if (c->kind == DEPTHWISE) sizes[0] = api_times(c->in, taps);
  if (c->kind == BLOCK) {
    sizes[0] = api_times(c->expanded, c->in > c->out ? c->in : c->out);
    sizes[3] = api_times(c->expanded, c->squeeze);
    sizes[4] = api_times(pixels / (c->stride * c->stride), c->expanded);
    sizes[5] = api_times(c->expanded, taps);
  }
  size_t most = 0;
  for (size_t i = 0; i < 6; i++)
    if (sizes[i] > most) most = sizes[i];
  return api_times(most, sizeof(float));
}

/* A block's limit is that of the square of its widest layer, whichever two channel counts that would need. */
static size_t square_bytes(const struct create_call *c) {
  size_t widest = c->in > c->out ? c->in : c->out;
  if (c->expanded > widest) widest = c->expanded;
  const size_t square = c->kind == BLOCK ? api_times(api_times(widest, widest), sizeof(float)) : 0,
               most = largest_bytes(c);
  return square > most ? square : most;
}

static struct create_call with(const struct create_call *c, size_t number) {
  struct create_call varied = *c;
  size_t *const fields[] = {&varied.height, &varied.width, &varied.in, &varied.expanded, &varied.out, &varied.squeeze};
  *fields[c->varied] = number;
  return varied;
}

/* Where the limit is, the library decides; but what it accepts must fit into PTRDIFF_MAX bytes, what it refuses must
 * exceed a sixteen-thousandth of them (whole tiles and padding are added to each size), and there is one limit. */
static void check_description(struct test *t, const struct create_call *c) {
  enum { SLACK = 1 << 14 };
  if (call_create(c, 1, NULL) == over) { /* the other sizes alone are too large for 32 bits */
    const struct create_call least = with(c, 1);
    test_check(t, square_bytes(&least) >= PTRDIFF_MAX / SLACK, "%s: 1 is refused, but would fit",
               api_kind_names[c->kind]);
    return;
  }
  size_t good = 1, refused = SIZE_MAX;
  while (refused - good > 1) {
    const size_t middle = good + (refused - good) / 2;
    if (call_create(c, middle, NULL) == over)
      refused = middle;
    else
      good = middle;
  }
  test_at(t, "%s of %zu x %zu x %zu to %zu to %zu, field %d: %zu is good", api_kind_names[c->kind], c->height, c->width,
          c->in, c->expanded, c->out, (int)c->varied, good);
  const struct create_call last = with(c, good), first = with(c, refused);
  test_check(t, largest_bytes(&last) <= PTRDIFF_MAX, "the last good size is of too large a tensor");
  const size_t least = refused > PTRDIFF_MAX / 4 / SLACK ? PTRDIFF_MAX : square_bytes(&first);
  test_check(t, least >= PTRDIFF_MAX / SLACK, "the first bad size, %zu, needs no more than %zu bytes", refused, least);
  api_check_limit(t, "size", call_create, c, good, sizeof(float));
  for (size_t divisor = 3; divisor <= 4096; divisor += divisor / 3) {
    for (size_t off = 0; off < 3; off++) {
      const size_t number = SIZE_MAX / divisor - 1 + off;
      mbconv_error error = api_stale_error();
      test_at(t, "%s, field %d, %zu", api_kind_names[c->kind], (int)c->varied, number);
      api_check_error(t, "size", call_create(c, number, &error), number <= good ? bad : over, &error);
    }
  }
}

void api_description_limits(struct test *t) {
  static const struct create_call calls[] = {
      {.kind = POINTWISE, .in = 1, .out = 1},
      {.kind = POINTWISE, .in = 1000, .out = 4096},
      {.kind = DEPTHWISE, .in = 1},
      {.kind = DEPTHWISE, .height = 1000, .width = 64, .in = 30},
      {.kind = DEPTHWISE, .height = 90000, .width = 70000, .in = 20000},
      {.kind = CONVOLUTION, .height = 90000, .width = 70000, .in = 20000, .out = 9000},
      {.kind = BLOCK, .height = 90000, .width = 70000, .in = 20000, .expanded = 30000, .out = 9000},
      {.kind = CONVOLUTION, .in = 1, .out = 1},
      {.kind = CONVOLUTION, .height = 512, .width = 70, .in = 64, .out = 4000},
      {.kind = BLOCK, .in = 1, .expanded = 1, .out = 1, .squeeze = 1},
      {.kind = BLOCK, .in = 9000, .expanded = 4, .out = 3},
      {.kind = BLOCK, .height = 4096, .in = 4, .expanded = 50000, .out = 3000},
      {.kind = STAGES, .in = 1, .expanded = 1, .out = 1, .squeeze = 1},
      {.kind = STAGES, .height = 4096, .width = 70, .in = 9, .expanded = 5000, .out = 300, .squeeze = 7}};
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    for (size_t stride = 1; stride <= 2; stride++) {
      for (int varied = HEIGHT; varied < VARIED; varied++) {
        struct create_call c = calls[i];
        c.varied = varied;
        c.kernel = 3;
        c.stride = stride;
        if (c.height == 0) c.height = 3;
        if (c.width == 0) c.width = 3;
        if (c.kind == POINTWISE) c.height = c.width = 1;
        if (c.kind != BLOCK && c.kind != STAGES) c.expanded = 1;
        if (c.kind == DEPTHWISE) c.out = c.in;
        const bool image = varied == HEIGHT || varied == WIDTH, se = varied == SQUEEZE || varied == EXPANDED;
        if ((c.kind == POINTWISE && (image || stride == 2)) || (c.kind != BLOCK && c.kind != STAGES && se)) continue;
        if (c.kind == DEPTHWISE && varied == CHANNELS_OUT) continue;
        if (varied == SQUEEZE && c.squeeze == 0) continue;
        check_description(t, &c);
      }
    }
  }
}
