/* SPDX-License-Identifier: MIT
 *
 * One network on images of any size: it gives the same floats, needs the same arena and has the same layers as a
 * network that was made for that size. It takes no memory for it, and says what is wrong with a size.
 */
#include <stdlib.h>

#include "block_case.h"
#include "failing_memory.h"
#include "file_case.h"
#include "networks_suites.h"

enum { DEFAULT_HEIGHT = 32, DEFAULT_WIDTH = 40, BATCH = 2, THREADS = 3, CLASSES = 7, CORNERS = 20, SIZES = 40 };

struct size {
  size_t height, width;
};

/* The size that a network is made with at first. */
static const struct size usual = {DEFAULT_HEIGHT, DEFAULT_WIDTH};

static mbconv_network *make(struct test *t, const char *name, struct size size, mbconv_layout layout,
                            mbconv_padding padding, const mbconv_allocator *allocator) {
  const mbconv_options kernels = {.isa = t->isa, .allocator = allocator};
  const mbconv_network_options options = {.kernels = &kernels,
                                          .height = size.height,
                                          .width = size.width,
                                          .layout = layout,
                                          .threads = THREADS,
                                          .classes = CLASSES,
                                          .seed = t->seed,
                                          .padding = padding};
  mbconv_network *network = NULL;
  mbconv_error error = {.message = ""};
  test_check(t, mbconv_network_random(name, &options, &network, &error) == MBCONV_OK, "%s", error.message);
  return network;
}

/* The smallest images, the default one and its neighbours, long and large ones; then random ones. */
static struct size size_of(size_t index, uint64_t *state) {
  /* clang-format off */
  static const struct size corners[CORNERS] = {
      {1, 1}, {1, 2}, {2, 1}, {2, 2}, {3, 3}, {1, 9}, {9, 1}, {5, 4},
      {DEFAULT_HEIGHT, DEFAULT_WIDTH - 1}, {DEFAULT_HEIGHT + 1, DEFAULT_WIDTH}, {DEFAULT_WIDTH, DEFAULT_HEIGHT},
      {DEFAULT_HEIGHT, DEFAULT_WIDTH}, {4, 17}, {31, 6}, {16, 16}, {17, 15}, {65, 33}, {48, 96}, {1, 130}, {97, 64}};
  /* clang-format on */
  const size_t height = test_random_size(state, 1, 80), width = test_random_size(state, 1, 80);
  return index < CORNERS ? corners[index] : (struct size){height, width};
}

/* ---- Equal to a network of that size ----------------------------------------------------------------------------- */

static void check_layers(struct test *t, const mbconv_network *network, const mbconv_network *made, struct size size) {
  const mbconv_network_info info = *mbconv_network_info_of(made);
  size_t outputs = 0;
  mbconv_error error = {.message = "something"};
  mbconv_status status = mbconv_network_outputs_at(network, size.height, size.width, &outputs, &error);
  test_check(t, status == MBCONV_OK && outputs == info.outputs && error.message[0] == '\0', "%zu outputs, not %zu: %s",
             outputs, info.outputs, error.message);
  uint64_t multiply_adds = 0;
  for (size_t i = 0; i < info.layers; i++) {
    const mbconv_layer_info *want = mbconv_network_layer(made, i);
    mbconv_layer_info got = {.struct_size = i % 2 == 0 ? sizeof got : 0};
    status = mbconv_network_layer_at(network, i, size.height, size.width, &got, &error);
    test_check(t, status == MBCONV_OK && got.struct_size == (i % 2 == 0 ? sizeof got : 0), "layer %zu: %s", i,
               error.message);
    test_check(t,
               got.height == want->height && got.width == want->width && got.channels == want->channels &&
                   strcmp(got.name, want->name) == 0,
               "layer %zu is %s of %zux%zux%zu, not %s of %zux%zux%zu", i, got.name, got.height, got.width,
               got.channels, want->name, want->height, want->width, want->channels);
    test_check(t, got.scratch_bytes == want->scratch_bytes, "layer %zu needs %zu bytes, not %zu", i, got.scratch_bytes,
               want->scratch_bytes);
    test_check(t, memcmp(&got.counts, &want->counts, sizeof got.counts) == 0, "layer %zu has other counts", i);
    multiply_adds += got.counts.multiply_adds;
  }
  test_check(t, multiply_adds == info.counts.multiply_adds, "the multiply-adds do not add up");
}

/* A run at a size, with the arena and the outputs guarded and full of NaN. */
static void run_at(struct test *t, const mbconv_network *network, size_t batch, struct size size, size_t threads,
                   const float *x, const float *want, size_t outputs, size_t bytes) {
  struct test_buffer y, arena;
  test_buffer_new(&y, batch * outputs, threads == 1 ? TEST_GUARD_AFTER : TEST_GUARD_BEFORE);
  test_buffer_new(&arena, (bytes + sizeof(float) - 1) / sizeof(float), TEST_GUARD_AFTER);
  const mbconv_threads many = {.parallel_for = parallel_reversed, .count = threads};
  mbconv_error error = {.message = ""};
  size_t needed = 0;
  mbconv_status status = mbconv_network_arena_size_at(network, batch, size.height, size.width, &needed, &error);
  test_check(t, status == MBCONV_OK && needed == bytes, "the arena has %zu bytes, not %zu: %s", needed, bytes,
             error.message);
  status = mbconv_network_run_at(network, batch, size.height, size.width, x, y.data, arena.data, bytes, &many, &error);
  test_check(t, status == MBCONV_OK, "run: %s", error.message);
  test_check_equal(t, y.data, want, y.n, "outputs");
  test_check(t, test_buffer_intact(&y) && test_buffer_intact(&arena), "wrote outside y or the arena");
  test_buffer_free(&y);
  test_buffer_free(&arena);
}

/* `network` against a new one that is made for the size. */
static void check_size(struct test *t, const mbconv_network *network, const char *name, struct size size,
                       mbconv_layout layout, mbconv_padding padding) {
  test_at(t, "%s on %zux%zu, layout %d, padding %d", name, size.height, size.width, (int)layout, (int)padding);
  mbconv_network *made = make(t, name, size, layout, padding, NULL);
  if (!made) return;
  const mbconv_network_info info = *mbconv_network_info_of(made);
  uint64_t state = t->seed;
  struct test_buffer x;
  test_buffer_new_rows(&state, &x, 1, BATCH * size.height * size.width * info.channels,
                       BATCH * size.height * size.width * info.channels, TEST_GUARD_AFTER);
  test_buffer_protect(&x);
  const size_t bytes = mbconv_network_arena_size(made, BATCH);
  float *want = calloc(BATCH * info.outputs, sizeof *want);
  void *arena = malloc(bytes);
  if (!want || !arena) abort();
  test_check(t, mbconv_network_run(made, BATCH, x.data, want, arena, bytes, NULL, NULL) == MBCONV_OK, "reference");
  run_at(t, network, BATCH, size, 1, x.data, want, info.outputs, bytes);
  run_at(t, network, 1, size, THREADS, x.data, want, info.outputs, mbconv_network_arena_size(made, 1));
  check_layers(t, network, made, size);
  test_buffer_free(&x);
  free(want);
  free(arena);
  mbconv_network_destroy(made);
}

/* In all layouts and paddings, or, with way_step 3, in two of the four combinations that have all of them; every
 * `step`-th size. */
static void check_network(struct test *t, const char *name, size_t step, int way_step) {
  const bool block = strncmp(name, "mobilenet", 9) != 0 && strncmp(name, "efficientnet", 12) != 0;
  for (int way = 0; way < 4; way += way_step) {
    const mbconv_layout layout = way % 2 ? MBCONV_NCHW : MBCONV_NHWC;
    const mbconv_padding padding = way / 2 ? MBCONV_PADDING_SAME : MBCONV_PADDING_SYMMETRIC;
    if (block && layout == MBCONV_NCHW) continue;
    test_at(t, "%s, layout %d, padding %d", name, (int)layout, (int)padding);
    mbconv_network *network = make(t, name, usual, layout, padding, NULL);
    if (!network) continue;
    uint64_t state = t->seed + (uint64_t)way;
    for (size_t i = 0; i < SIZES; i++) {
      const struct size size = size_of(i, &state);
      if (i % step == (size_t)way % step) check_size(t, network, name, size, layout, padding);
    }
    mbconv_network_destroy(network);
  }
}

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

static void *allocate(void *context, size_t size, size_t alignment) {
  size_t *calls = context;
  ++*calls;
  return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static void release(void *context, void *memory) {
  (void)context;
  free(memory);
}

/* Every call of the allocator, and of the C library's, would be seen, and would fail. */
static void check_memory(struct test *t, const char *name) {
  const struct size size = {61, 47};
  size_t calls = 0;
  const mbconv_allocator allocator = {allocate, release, &calls};
  test_at(t, "memory of %s", name);
  mbconv_network *network = make(t, name, usual, MBCONV_NHWC, MBCONV_PADDING_OWN, &allocator);
  if (!network) return;
  const size_t made = calls, channels = mbconv_network_info_of(network)->channels;
  uint64_t state = t->seed;
  size_t bytes = 0, outputs = 0;
  mbconv_layer_info layer = {0};
  mbconv_network_arena_size_at(network, 1, size.height, size.width, &bytes, NULL);
  mbconv_network_outputs_at(network, size.height, size.width, &outputs, NULL);
  float *x = test_new_floats(&state, size.height * size.width * channels);
  float *y = malloc(outputs * sizeof *y);
  void *arena = malloc(bytes);
  if (!y || !arena) abort();
  const mbconv_threads many = {.parallel_for = parallel_reversed, .count = THREADS};
  mbconv_status status[4];
  failing_memory_begin(1);
  status[0] = mbconv_network_outputs_at(network, size.height, size.width, &outputs, NULL);
  status[1] = mbconv_network_arena_size_at(network, 1, size.height, size.width, &bytes, NULL);
  status[2] = mbconv_network_run_at(network, 1, size.height, size.width, x, y, arena, bytes, &many, NULL);
  status[3] = mbconv_network_layer_at(network, 0, size.height, size.width, &layer, NULL);
  const struct failing_memory_count count = failing_memory_end();
  for (size_t i = 0; i < 4; i++)
    test_check(t, status[i] == MBCONV_OK, "call %zu: %s", i, mbconv_status_string(status[i]));
  test_check(t, count.calls == 0 && count.live == 0 && calls == made, "%zu calls of malloc, %zu of the allocator",
             count.calls, calls - made);
  mbconv_network_destroy(network);
  free(x);
  free(y);
  free(arena);
}

/* ---- What is refused --------------------------------------------------------------------------------------------- */

static void expect(struct test *t, const char *what, mbconv_status status, mbconv_status expected,
                   const mbconv_error *error, const char *part) {
  test_check(t, status == expected && error->status == expected && strstr(error->message, part),
             "%s: status \"%s\", message \"%s\" without \"%s\"", what, mbconv_status_string(status), error->message,
             part);
}

static const mbconv_status bad = MBCONV_INVALID_ARGUMENT, over = MBCONV_SIZE_OVERFLOW;

/* All four functions refuse a size with the same message, which names the layer, and write nothing. */
static void check_bad_size(struct test *t, const mbconv_network *n, size_t height, size_t width, mbconv_status expected,
                           const char *part) {
  test_at(t, "a size of %zu x %zu", height, width);
  float x[3] = {0}, y[CLASSES] = {test_poison()}, arena[1];
  size_t number = 5;
  mbconv_layer_info layer = {.channels = 5};
  mbconv_error e;
  expect(t, "run", mbconv_network_run_at(n, 1, height, width, x, y, arena, SIZE_MAX, NULL, &e), expected, &e, part);
  expect(t, "batch 0", mbconv_network_run_at(n, 0, height, width, x, y, arena, 0, NULL, &e), expected, &e, part);
  expect(t, "arena", mbconv_network_arena_size_at(n, 1, height, width, &number, &e), expected, &e, part);
  expect(t, "outputs", mbconv_network_outputs_at(n, height, width, &number, &e), expected, &e, part);
  expect(t, "layer", mbconv_network_layer_at(n, 1, height, width, &layer, &e), expected, &e, part);
  test_check(t, test_is_poison(y[0]) && number == 5 && layer.channels == 5, "something was written");
}

static void check_bad_runs(struct test *t, const mbconv_network *n) {
  enum { HEIGHT = 9, WIDTH = 14, IMAGE = HEIGHT * WIDTH * 3 };
  uint64_t state = 1;
  size_t bytes = 0;
  mbconv_error e;
  test_at(t, "bad runs");
  if (!test_check(t, mbconv_network_arena_size_at(n, 1, HEIGHT, WIDTH, &bytes, &e) == MBCONV_OK, "%s", e.message))
    return;
  float *x = test_new_floats(&state, IMAGE), y[CLASSES] = {test_poison()}, *a = malloc(bytes + sizeof x[0] * IMAGE);
  if (!a) abort();
  const mbconv_threads none = {.count = 2}, many = {.parallel_for = parallel_forward, .count = THREADS + 1};
  mbconv_layer_info layer = {.struct_size = sizeof layer + 1};
  size_t number;
#define RUN(...) mbconv_network_run_at(__VA_ARGS__, &e)
  expect(t, "NULL", RUN(NULL, 1, HEIGHT, WIDTH, x, y, a, bytes, NULL), bad, &e, "network is NULL");
  expect(t, "x", RUN(n, 1, HEIGHT, WIDTH, NULL, y, a, bytes, NULL), bad, &e, "x is NULL");
  expect(t, "y", RUN(n, 1, HEIGHT, WIDTH, x, NULL, a, bytes, NULL), bad, &e, "y is NULL");
  expect(t, "arena", RUN(n, 1, HEIGHT, WIDTH, x, y, NULL, bytes, NULL), bad, &e, "arena is NULL");
  expect(t, "arena - 1", RUN(n, 1, HEIGHT, WIDTH, x, y, a, bytes - 1, NULL), MBCONV_SCRATCH_TOO_SMALL, &e, "needed");
  expect(t, "arena of 9x14", RUN(n, 1, 2 * HEIGHT, WIDTH, x, y, a, bytes, NULL), MBCONV_SCRATCH_TOO_SMALL, &e,
         "needed");
  expect(t, "no parallel_for", RUN(n, 1, HEIGHT, WIDTH, x, y, a, bytes, &none), bad, &e, "parallel_for is NULL");
  expect(t, "threads", RUN(n, 1, HEIGHT, WIDTH, x, y, a, bytes, &many), bad, &e, "4 threads, but the network was made");
  expect(t, "y in x", RUN(n, 1, HEIGHT, WIDTH, x, x + IMAGE - 1, a, bytes, NULL), bad, &e, "x and y overlap");
  expect(t, "y in the arena", RUN(n, 1, HEIGHT, WIDTH, x, a, a, bytes, NULL), bad, &e, "the arena overlaps");
  expect(t, "x in the arena", RUN(n, 1, HEIGHT, WIDTH, a + bytes / sizeof *a - 1, y, a, bytes, NULL), bad, &e,
         "the arena overlaps");
  expect(t, "batch", RUN(n, SIZE_MAX / 8, HEIGHT, WIDTH, x, y, a, bytes, NULL), over, &e, "images do not fit");
  expect(t, "batch 0", RUN(n, 0, HEIGHT, WIDTH, NULL, NULL, NULL, 0, NULL), MBCONV_OK, &e, "");
#undef RUN
  test_check(t, test_is_poison(y[0]), "y was written");
  expect(t, "no bytes", mbconv_network_arena_size_at(n, 1, 9, 9, NULL, &e), bad, &e, "bytes is NULL");
  expect(t, "no network", mbconv_network_arena_size_at(NULL, 1, 9, 9, &number, &e), bad, &e, "network is NULL");
  expect(t, "no outputs", mbconv_network_outputs_at(n, 9, 9, NULL, &e), bad, &e, "outputs is NULL");
  expect(t, "no network", mbconv_network_outputs_at(NULL, 9, 9, &number, &e), bad, &e, "network is NULL");
  expect(t, "struct_size", mbconv_network_layer_at(n, 1, 9, 9, &layer, &e), bad, &e, "struct_size is");
  layer.struct_size = 0;
  expect(t, "no layer", mbconv_network_layer_at(n, 1, 9, 9, NULL, &e), bad, &e, "layer is NULL");
  expect(t, "no network", mbconv_network_layer_at(NULL, 1, 9, 9, &layer, &e), bad, &e, "network is NULL");
  const size_t layers = mbconv_network_info_of(n)->layers;
  expect(t, "last layer", mbconv_network_layer_at(n, layers - 1, 9, 9, &layer, &e), MBCONV_OK, &e, "");
  expect(t, "too many layers", mbconv_network_layer_at(n, layers, 9, 9, &layer, &e), bad, &e, "of");
  test_check(t, mbconv_network_arena_size_at(n, SIZE_MAX / 2, 9, 9, &number, &e) == MBCONV_OK && number == SIZE_MAX,
             "an arena larger than memory");
  free(x);
  free(a);
}

/* A size is refused if and only if a network cannot be made for it, and for the same reason. */
static void check_absurd(struct test *t, const mbconv_network *network, const char *name) {
  static const size_t sizes[] = {
      1 << 16,     PTRDIFF_MAX / 8192, PTRDIFF_MAX / 4096, PTRDIFF_MAX / 64, PTRDIFF_MAX / 12, PTRDIFF_MAX / 12 + 1,
      PTRDIFF_MAX, SIZE_MAX / 12 + 1,  SIZE_MAX / 4 + 1,   SIZE_MAX};
  const mbconv_options kernels = {.isa = t->isa};
  for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
    const struct size size = i % 2 ? (struct size){1, sizes[i / 2]} : (struct size){sizes[i / 2], 1};
    const mbconv_network_options options = {.kernels = &kernels,
                                            .height = size.height,
                                            .width = size.width,
                                            .threads = THREADS,
                                            .classes = CLASSES,
                                            .seed = t->seed};
    test_at(t, "%zux%zu", size.height, size.width);
    mbconv_network *made = NULL;
    mbconv_error wanted = {.message = ""}, error = {.message = ""};
    size_t bytes = 0;
    const mbconv_status want = mbconv_network_random(name, &options, &made, &wanted);
    const mbconv_status got = mbconv_network_arena_size_at(network, 1, size.height, size.width, &bytes, &error);
    test_check(t, got == want && strcmp(error.message, wanted.message) == 0, "\"%s\", not \"%s\"", error.message,
               wanted.message);
    test_check(t, !made || bytes == mbconv_network_arena_size(made, 1), "an arena of %zu bytes", bytes);
    mbconv_network_destroy(made);
  }
}

static void check_refused(struct test *t) {
  static const char name[] = "mobilenet_v2_0.1";
  mbconv_network *network = make(t, name, usual, MBCONV_NHWC, MBCONV_PADDING_OWN, NULL);
  mbconv_network *same = make(t, name, usual, MBCONV_NCHW, MBCONV_PADDING_SAME, NULL);
  const mbconv_network *const both[] = {network, same};
  for (size_t i = 0; i < 2 && network && same; i++) {
    check_bad_size(t, both[i], 0, 5, bad, "layer 0 of mobilenet_v2_0.1: the image is 0 x 5");
    check_bad_size(t, both[i], 5, 0, bad, "layer 0 of mobilenet_v2_0.1: the image is 5 x 0");
    check_bad_size(t, both[i], 0, 0, bad, "layer 0 of mobilenet_v2_0.1: the image is 0 x 0");
    check_bad_size(t, both[i], SIZE_MAX, 5, over, "layer 0 of mobilenet_v2_0.1: an image of ");
    check_bad_size(t, both[i], 5, PTRDIFF_MAX, over, "layer 0 of mobilenet_v2_0.1: an image of ");
    check_bad_size(t, both[i], (size_t)1 << 30, (size_t)1 << 30, over, "does not fit into memory");
    check_bad_runs(t, both[i]);
  }
  if (network) check_absurd(t, network, name);
  mbconv_network_destroy(network);
  mbconv_network_destroy(same);
}

void test_sizes(struct test *t) {
  check_refused(t);
  check_network(t, "mobilenet_v2_0.1", t->small ? 8 : 1, 1);
  check_network(t, "mobilenet_v3_small", t->small ? 20 : 2, t->small ? 3 : 1);
  if (!t->small) check_network(t, "efficientnet_b0", 10, 1);
  static const char *const blocks[] = {"mbconv", "plain", "bottleneck"};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
    check_network(t, blocks[i], t->small ? 20 : 1, 1);
    check_memory(t, blocks[i]);
  }
  check_memory(t, "mobilenet_v2_0.1");
  check_memory(t, "mobilenet_v3_small");
}
