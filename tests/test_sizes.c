/* SPDX-License-Identifier: MIT
 *
 * Images of any size: one object of each operator, made for no size or for one, runs images of random sizes. It must do
 * what an object does that is made for that size: the same floats, byte for byte, in as much scratch, with an output of
 * the same size, by the plan of the same description; or refuse the size with the same words. Nothing but create may
 * call the allocator.
 */
#include "oracle.h"
#include "sizes.h"

enum { MOST_HEIGHT = 500, MOST_WIDTH = 37 };

static const size_t thread_counts[] = {1, 2, 3, 7};
enum { COUNTS = sizeof thread_counts / sizeof *thread_counts };

/* The objects of one operator: for any size, and for one size that is not the image's. */
struct objects {
  const struct sizes_operator *subject;
  void *any, *one;
};

/* ---- One size ---------------------------------------------------------------------------------------------------- */

static void check_queries(struct test *t, const struct objects *s, const void *exact, struct sizes_size size,
                          struct sizes_size *out) {
  const struct sizes_operator *o = s->subject;
  const void *const asked[] = {s->any, s->one, exact};
  mbconv_error error = {.message = ""};
  sizes_output_size(o, exact, NULL, out, NULL);
  for (size_t i = 0; i < 3; i++) {
    struct sizes_size got = {0};
    test_check(t, sizes_output_size(o, asked[i], &size, &got, &error) == MBCONV_OK, "output size: %s", error.message);
    test_check(t, got.height == out->height && got.width == out->width, "object %zu: output %zux%zu, not %zux%zu", i,
               got.height, got.width, out->height, out->width);
    for (size_t c = 0; c < COUNTS; c++) {
      size_t bytes = 1, want = 0;
      sizes_scratch_size(o, exact, NULL, thread_counts[c], &want, NULL);
      test_check(t, sizes_scratch_size(o, asked[i], &size, thread_counts[c], &bytes, &error) == MBCONV_OK,
                 "scratch: %s", error.message);
      test_check(t, bytes == want, "object %zu, %zu threads: scratch of %zu, not %zu", i, thread_counts[c], bytes,
                 want);
      if (o->kind != SIZES_BLOCK) continue;
      char text[512], expected[512];
      size_t length = 0;
      const size_t whole = mbconv_block_describe(exact, thread_counts[c], expected, sizeof expected);
      test_check(t,
                 mbconv_block_describe_at(asked[i], size.height, size.width, thread_counts[c], text, sizeof text,
                                          &length, &error) == MBCONV_OK,
                 "describe: %s", error.message);
      test_check(t, length == whole && strcmp(text, expected) == 0, "object %zu: \"%s\", not \"%s\"", i, text,
                 expected);
    }
  }
}

/* All objects on the same image; exact->any on threads and in orders that differ. */
static void check_floats(struct test *t, uint64_t *state, const struct objects *s, const void *exact,
                         struct sizes_size size, struct sizes_size out) {
  static const mbconv_parallel_for parallel_fors[] = {parallel_forward, parallel_reversed, parallel_pthreads};
  const struct sizes_operator *o = s->subject;
  const size_t count = thread_counts[test_random_size(state, 0, COUNTS - 1)];
  struct sizes_run_case c = {
      .subject = o,
      .size = size,
      .out = out,
      .batch = test_random_size(state, 0, 7) % 3,
      .threads = 1,
      .parallel_for = parallel_forward,
      .guard = (enum test_guard)test_random_size(state, TEST_GUARD_AFTER, TEST_GUARD_BEFORE),
  };
  struct test_buffer x, residual, want, got;
  test_buffer_new(&x, c.batch * size.height * size.width * o->in, c.guard);
  test_fill(state, x.data, x.n);
  test_buffer_protect(&x);
  test_buffer_new(&residual, c.batch * out.height * out.width * o->out, c.guard);
  test_fill(state, residual.data, residual.n);
  test_buffer_protect(&residual);
  c.x = x.data;
  if (o->residual && test_random_size(state, 0, 1)) c.residual = residual.data;
  c.residual_is_y = test_random_size(state, 0, 1);
  sizes_run_guarded(t, &c, exact, NULL, &want);
  c.threads = count;
  c.parallel_for = parallel_fors[test_random_size(state, 0, 2)];
  const void *const objects[] = {s->any, s->one};
  for (size_t i = 0; i < 2; i++) {
    sizes_run_guarded(t, &c, objects[i], &size, &got);
    test_check(t, memcmp(want.data, got.data, want.n * sizeof(float)) == 0,
               "object %zu, batch %zu, %zu threads: other floats than an object for this size", i, c.batch, c.threads);
    test_buffer_free(&got);
    c.threads = 1 + c.threads % 3;
  }
  test_buffer_free(&want);
  test_buffer_free(&x);
  test_buffer_free(&residual);
}

/* A size that create refuses: the calls refuse it too, with its words, and touch nothing. */
static void check_refused(struct test *t, const struct objects *s, struct sizes_size size, const mbconv_error *want) {
  const struct sizes_operator *o = s->subject;
  const void *const objects[] = {s->any, s->one};
  for (size_t i = 0; i < 2; i++) {
    struct sizes_size out;
    size_t bytes, length;
    mbconv_error errors[4] = {{.message = ""}};
    float nothing = 1;
    const struct sizes_call call = {.batch = 1, .x = &nothing, .y = &nothing, .threads = {.count = 1}};
    sizes_output_size(o, objects[i], &size, &out, &errors[0]);
    sizes_scratch_size(o, objects[i], &size, 2, &bytes, &errors[1]);
    sizes_run(o, objects[i], &size, &call, &errors[2]);
    if (o->kind == SIZES_BLOCK)
      mbconv_block_describe_at(objects[i], size.height, size.width, 1, NULL, 0, &length, &errors[3]);
    for (size_t e = 0; e < (o->kind == SIZES_BLOCK ? 4 : 3); e++)
      test_check(t, errors[e].status == want->status && strcmp(errors[e].message, want->message) == 0,
                 "object %zu, call %zu: \"%s\", not \"%s\"", i, e, errors[e].message, want->message);
  }
}

static void check_size(struct test *t, uint64_t *state, const struct objects *s, struct sizes_size size) {
  const mbconv_options options = {.isa = t->isa};
  mbconv_error error = {.message = ""};
  void *exact = NULL;
  test_at_size(t, size.height, size.width);
  const mbconv_status status = sizes_create(s->subject, size, &options, &exact, &error);
  if (status != MBCONV_OK) {
    test_check(t, status == MBCONV_INVALID_ARGUMENT, "create: %s", error.message);
    check_refused(t, s, size, &error);
    return;
  }
  struct sizes_size out = {0};
  check_queries(t, s, exact, size, &out);
  check_floats(t, state, s, exact, size, out);
  sizes_destroy(s->subject, exact);
}

/* ---- One operator ------------------------------------------------------------------------------------------------ */

/* Sizes of all magnitudes, most of them of few multiply-adds. */
static struct sizes_size random_size(uint64_t *state, const struct sizes_operator *o, size_t most) {
  const size_t height = (size_t)1 << test_random_size(state, 0, 9), width = (size_t)1 << test_random_size(state, 0, 6);
  struct sizes_size size = {test_random_size(state, 1, mbconv_min(height, MOST_HEIGHT)),
                            test_random_size(state, 1, mbconv_min(width, MOST_WIDTH))};
  if (height == 512 && test_random_size(state, 0, 9) == 0) size.height = MOST_HEIGHT;
  if (width == 64 && test_random_size(state, 0, 9) == 0) size.width = MOST_WIDTH;
  const size_t fit = most / (size.width * o->multiply_adds);
  if (size.height > fit) size.height = mbconv_max(fit, 1);
  return size;
}

static void check_operator(struct test *t, uint64_t *state, const struct sizes_operator *o) {
  const size_t sizes = t->small ? 3 : 200;
  struct sizes_ledger ledger = {0};
  const mbconv_allocator allocator = sizes_allocator(&ledger);
  const mbconv_options options = {.isa = t->isa, .allocator = &allocator};
  struct objects s = {.subject = o};
  const struct sizes_size one = {45, 47}; /* more than any kernel spans */
  mbconv_error error = {.message = ""};
  sizes_describe_operator(t, o);
  bool made = sizes_create(o, (struct sizes_size){0, 0}, &options, &s.any, &error) == MBCONV_OK;
  made = made && sizes_create(o, one, &options, &s.one, &error) == MBCONV_OK;
  if (test_check(t, made && ledger.live == 2, "create: %s", error.message)) {
    ledger.closed = true;
    const size_t calls = ledger.calls;
    for (size_t i = 0; i < sizes; i++)
      check_size(t, state, &s, random_size(state, o, t->small ? 4000 : i % 50 ? 100000 : 2000000));
    check_size(t, state, &s, one); /* that of the second object */
    test_check(t, ledger.calls == calls, "runs and queries called the allocator %zu times", ledger.calls - calls);
  }
  sizes_destroy(o, s.any);
  sizes_destroy(o, s.one);
  test_check(t, ledger.live == 0, "%zu objects are left", ledger.live);
}

/* ---- The operators ----------------------------------------------------------------------------------------------- */

static mbconv_activation_kind random_activation(uint64_t *state) {
  return (mbconv_activation_kind)test_random_size(state, MBCONV_ACTIVATION_NONE, MBCONV_ACTIVATION_HARD_SWISH);
}

/* PyTorch's padding, SAME, none, or one that differs on each side. */
static void random_padding(uint64_t *state, size_t span, mbconv_pad *pad, mbconv_pad_kind *kind) {
  const size_t half = span / 2, choice = test_random_size(state, 0, 5);
  *kind = choice == 0 ? MBCONV_PAD_SAME : MBCONV_PAD_GIVEN;
  *pad = choice > 2 ? (mbconv_pad){half, half, half, half} : (mbconv_pad){0};
  if (choice != 2) return;
  *pad = (mbconv_pad){test_random_size(state, 0, span - 1), test_random_size(state, 0, span - 1),
                      test_random_size(state, 0, span - 1), test_random_size(state, 0, span - 1)};
}

static void blocks(struct test *t, uint64_t *state) {
  static const size_t strips[] = {0, 0, 1, 2, 1000}, groups[] = {0, 0, 1, 20, 1000};
  for (size_t i = 0; i < 2 * 2 * 2 * 3; i++) {
    const bool expand = i & 1, excite = i >> 1 & 1;
    mbconv_block_desc desc = {
        .in_channels = test_random_size(state, 1, 9),
        .kernel = 3 + 2 * (i >> 3),
        .stride = test_random_size(state, 0, 2) ? 1 : 2,
        .activation = random_activation(state),
        .layout = (mbconv_layout)(i >> 2 & 1),
        .strip_rows = strips[test_random_size(state, 0, 4)],
        .group_channels = groups[test_random_size(state, 0, 4)],
    };
    desc.expanded_channels = !expand ? desc.in_channels : test_random_size(state, 1, i % 5 == 1 ? 150 : 20);
    desc.out_channels = test_random_size(state, 0, 2) ? desc.in_channels : test_random_size(state, 1, 9);
    desc.dilation = i % 3 == 2 ? test_random_size(state, 2, 5) : 0;
    const size_t span = oracle_span(desc.kernel, desc.dilation);
    random_padding(state, span, &desc.pad, &desc.pad_kind);
    if (i % 4 == 1) { /* residuals, which random pads seldom allow */
      const size_t half = span / 2;
      desc.stride = 1;
      desc.pad_kind = MBCONV_PAD_GIVEN;
      desc.pad = (mbconv_pad){half, half, half, half};
      desc.out_channels = desc.in_channels;
      desc.residual = MBCONV_RESIDUAL_ON;
    }
    const struct block_parts parts = {.expand = expand,
                                      .bias = true,
                                      .batch_norm = i % 2,
                                      .squeeze_excite = excite ? test_random_size(state, 1, 5) : 0,
                                      .inner = MBCONV_ACTIVATION_SILU,
                                      .gate = MBCONV_ACTIVATION_SIGMOID};
    struct sizes_operator o;
    sizes_block_new(&o, &desc, &parts, state);
    check_operator(t, state, &o);
    sizes_free(&o);
  }
}

static void depthwises(struct test *t, uint64_t *state) {
  for (size_t i = 0; i < 12; i++) {
    mbconv_depthwise_desc desc = {.channels = test_random_size(state, 1, 40),
                                  .kernel = 3 + 2 * (i / 2 % 3),
                                  .stride = 1 + i % 2,
                                  .activation = random_activation(state),
                                  .dilation = i / 6 * test_random_size(state, 1, 7)};
    random_padding(state, oracle_span(desc.kernel, desc.dilation), &desc.pad, &desc.pad_kind);
    struct sizes_operator o;
    sizes_depthwise_new(&o, &desc, state);
    check_operator(t, state, &o);
    sizes_free(&o);
  }
}

/* Every kernel, stride and layout; the 1x1 of NHWC is read in place. */
static void convolutions(struct test *t, uint64_t *state) {
  for (size_t i = 0; i < 7 * 2 * 2; i++) {
    mbconv_convolution_desc desc = {.in_channels = i % 3 ? test_random_size(state, 1, 5) : 3,
                                    .out_channels = test_random_size(state, 1, 20),
                                    .kernel = 1 + i / 4,
                                    .stride = 1 + i % 2,
                                    .layout = (mbconv_layout)(i >> 1 & 1),
                                    .activation = random_activation(state)};
    random_padding(state, desc.kernel, &desc.pad, &desc.pad_kind);
    struct sizes_operator o;
    sizes_convolution_new(&o, &desc, state);
    o.residual = true;
    check_operator(t, state, &o);
    sizes_free(&o);
  }
}

static void pools(struct test *t, uint64_t *state) {
  static const size_t channels[] = {1, 13, 600};
  for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
    struct sizes_operator o;
    sizes_pool_new(&o, channels[i], state);
    check_operator(t, state, &o);
    sizes_free(&o);
  }
}

void test_sizes(struct test *t) {
  uint64_t state = t->seed;
  sizes_refusals(t);
  sizes_padding(t);
  blocks(t, &state);
  depthwises(t, &state);
  convolutions(t, &state);
  pools(t, &state);
}
