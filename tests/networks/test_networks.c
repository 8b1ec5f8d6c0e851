/* SPDX-License-Identifier: MIT
 *
 * Whole networks: every set gives the scalar set's logits, on any number of threads, in both layouts, for any batch;
 * the arena is as large as is said and not a byte larger, and what is placed in it does not overlap while it is needed.
 */
#include <stdlib.h>

#include "block_case.h"
#include "file_case.h"
#include "network.h"

enum { MOST_BATCH = 3, MOST_THREADS = 7 };

/* A network of one set, with random weights. */
static mbconv_network *make(struct test *t, const char *name, mbconv_isa isa, size_t height, size_t width,
                            mbconv_layout layout) {
  const mbconv_options kernels = {.isa = isa};
  const mbconv_network_options options = {.kernels = &kernels,
                                          .height = height,
                                          .width = width,
                                          .layout = layout,
                                          .threads = MOST_THREADS,
                                          .classes = 11,
                                          .seed = t->seed};
  mbconv_network *network = NULL;
  mbconv_error error = {.message = ""};
  test_check(t, mbconv_network_random(name, &options, &network, &error) == MBCONV_OK, "%s", error.message);
  return network;
}

/* A run with the arena and the outputs guarded, and full of NaN. */
static void run(struct test *t, const mbconv_network *network, size_t batch, size_t threads, const float *x,
                const float *want, enum test_guard guard) {
  const mbconv_network_info info = *mbconv_network_info_of(network);
  const size_t bytes = mbconv_network_arena_size(network, batch);
  struct test_buffer y, arena;
  test_buffer_new(&y, batch * info.outputs, guard);
  test_buffer_new(&arena, (bytes + sizeof(float) - 1) / sizeof(float), guard);
  const mbconv_threads many = {.parallel_for = parallel_reversed, .count = threads};
  mbconv_error error = {.message = ""};
  const mbconv_status status = mbconv_network_run(network, batch, x, y.data, arena.data, bytes, &many, &error);
  test_check(t, status == MBCONV_OK, "run: %s", error.message);
  if (want) test_check_equal(t, y.data, want, y.n, "logits");
  bool finite = true;
  for (size_t i = 0; i < y.n; i++) finite = finite && y.data[i] - y.data[i] == 0;
  test_check(t, finite, "not a number among the logits");
  test_check(t, test_buffer_intact(&y) && test_buffer_intact(&arena), "wrote outside y or the arena");
  test_buffer_free(&y);
  test_buffer_free(&arena);
}

/* [image][c][h][w] from [image][h][w][c]. */
static void to_planes(const float *x, size_t images, size_t pixels, size_t channels, float *y) {
  for (size_t i = 0; i < images; i++)
    for (size_t p = 0; p < pixels; p++)
      for (size_t c = 0; c < channels; c++) y[(i * channels + c) * pixels + p] = x[(i * pixels + p) * channels + c];
}

static void check_network(struct test *t, const char *name, size_t height, size_t width) {
  uint64_t state = t->seed;
  test_at(t, "%s, %zux%zu", name, height, width);
  mbconv_network *reference = make(t, name, MBCONV_ISA_SCALAR, height, width, MBCONV_NHWC);
  mbconv_network *network = make(t, name, t->isa, height, width, MBCONV_NHWC);
  if (!reference || !network) return;
  const mbconv_network_info info = *mbconv_network_info_of(network);
  test_check(t, info.isa == t->isa, "made for another set");
  const size_t image = height * width * info.channels;
  float *x = test_new_floats(&state, MOST_BATCH * image), *planes = test_new_floats(&state, MOST_BATCH * image);
  float *want = calloc(MOST_BATCH * info.outputs, sizeof *want);
  const size_t bytes = mbconv_network_arena_size(reference, 1);
  void *arena = malloc(bytes);
  if (!want || !arena) abort();
  for (size_t i = 0; i < MOST_BATCH; i++) /* image by image: a batch must not mix them */
    test_check(
        t,
        mbconv_network_run(reference, 1, x + i * image, want + i * info.outputs, arena, bytes, NULL, NULL) == MBCONV_OK,
        "reference");
  run(t, network, 1, 1, x, want, TEST_GUARD_AFTER);
  run(t, network, MOST_BATCH, 1, x, want, TEST_GUARD_BEFORE);
  static const size_t threads[] = {2, 3, 7};
  for (size_t i = 0; i < (t->small ? 1 : 3); i++) run(t, network, 1 + i % 2, threads[i], x, want, TEST_GUARD_AFTER);
  mbconv_network_destroy(network);
  if (info.channels == 3) {
    network = make(t, name, t->isa, height, width, MBCONV_NCHW);
    to_planes(x, MOST_BATCH, height * width, info.channels, planes);
    if (network) run(t, network, 2, 3, planes, want, TEST_GUARD_AFTER);
    mbconv_network_destroy(network);
  }
  mbconv_network_destroy(reference);
  free(x);
  free(planes);
  free(want);
  free(arena);
}

/* ---- The arena --------------------------------------------------------------------------------------------------- */

struct place {
  size_t begin, end, first, last; /* bytes; layers in which it is needed */
};

/* Everything in the arena, from the plan itself: what a layer reads, writes and scribbles on. */
static void check_plan(struct test *t, const mbconv_network *network, const struct mbconv_arena *arena) {
  const struct mbconv_description *d = &network->description;
  struct place places[2 * MBCONV_MOST_LAYERS];
  size_t count = 0, least = 0;
  for (size_t i = 0; i < d->layers; i++) {
    const struct mbconv_place *place = &arena->place[i];
    places[count++] = (struct place){place->scratch, place->scratch + place->scratch_bytes, i, i};
    if (i + 1 >= network->first_for_all || i + 1 == d->layers) continue;
    size_t last = i + 1;
    for (size_t r = i + 1; r < d->layers; r++)
      if (d->layer[r].residual_back > 0 && r - d->layer[r].residual_back == i + 1) last = r;
    const size_t bytes = place->image.height * place->image.width * d->layer[i].out * mbconv_element_size(network);
    places[count++] = (struct place){place->output, place->output + bytes, i, last};
  }
  for (size_t layer = 0; layer < d->layers; layer++) {
    size_t needed = 0;
    for (size_t i = 0; i < count; i++)
      if (places[i].first <= layer && layer <= places[i].last) needed += places[i].end - places[i].begin;
    if (needed > least) least = needed;
  }
  bool apart = true, inside = true;
  for (size_t i = 0; i < count; i++) {
    inside = inside && places[i].end <= arena->image_bytes;
    for (size_t j = 0; j < i; j++) {
      const bool together = places[i].first <= places[j].last && places[j].first <= places[i].last;
      apart = apart && !(together && places[i].begin < places[j].end && places[j].begin < places[i].end);
    }
  }
  test_check(t, apart, "two of them overlap");
  test_check(t, inside, "one lies beyond the arena's end");
  test_check(t, arena->image_bytes < least + 3 * MBCONV_ALIGNMENT, "%zu bytes, though no layer needs more than %zu",
             arena->image_bytes, least);
}

/* The plan that create made, and those of other sizes. */
static void check_places(struct test *t, const char *name) {
  static const struct mbconv_image images[] = {{64, 48}, {64, 47}, {63, 48}, {1, 1}, {33, 7}, {97, 130}};
  test_at(t, "places in the arena of %s", name);
  mbconv_network *network = make(t, name, t->isa, 64, 48, MBCONV_NHWC);
  if (!network) return;
  check_plan(t, network, &network->arena);
  for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
    test_at(t, "places in the arena of %s for %zux%zu", name, images[i].height, images[i].width);
    struct mbconv_arena made;
    const struct mbconv_arena *arena;
    mbconv_error error;
    if (!test_check(t, mbconv_arena_for(network, images[i], &made, &arena, &error) == MBCONV_OK, "%s", error.message))
      continue;
    test_check(t, (arena == &network->arena) == (i == 0), "the default size is planned anew, or another one is not");
    check_plan(t, network, arena);
  }
  mbconv_network_destroy(network);
}

/* ---- Bad arguments ----------------------------------------------------------------------------------------------- */

static void expect_no_run(struct test *t, const char *what, mbconv_status status, mbconv_status expected,
                          const float *y, const mbconv_error *error) {
  test_check(t, status == expected && error->status == expected && (error->message[0] != '\0') == (status != MBCONV_OK),
             "%s: status \"%s\", message \"%s\"", what, mbconv_status_string(status), error->message);
  test_check(t, test_is_poison(y[0]), "%s: y was written", what);
}

static void check_bad_runs(struct test *t) {
  test_at(t, "bad runs");
  mbconv_network *n = make(t, "mobilenet_v2_0.35", t->isa, 32, 32, MBCONV_NHWC);
  if (!n) return;
  enum { IMAGE = 32 * 32 * 3 };
  uint64_t state = 1;
  const size_t bytes = mbconv_network_arena_size(n, 1);
  float *x = test_new_floats(&state, IMAGE), y[11] = {test_poison()};
  float *a = malloc(bytes + IMAGE * sizeof(float));
  if (!a) abort();
  const mbconv_threads none = {.count = 2}, many = {.parallel_for = parallel_forward, .count = MOST_THREADS + 1};
  const mbconv_status bad = MBCONV_INVALID_ARGUMENT, small = MBCONV_SCRATCH_TOO_SMALL, over = MBCONV_SIZE_OVERFLOW;
  mbconv_error e;
  expect_no_run(t, "NULL", mbconv_network_run(NULL, 1, x, y, a, bytes, NULL, &e), bad, y, &e);
  expect_no_run(t, "x NULL", mbconv_network_run(n, 1, NULL, y, a, bytes, NULL, &e), bad, y, &e);
  expect_no_run(t, "y NULL", mbconv_network_run(n, 1, x, NULL, a, bytes, NULL, &e), bad, y, &e);
  expect_no_run(t, "arena NULL", mbconv_network_run(n, 1, x, y, NULL, bytes, NULL, &e), bad, y, &e);
  expect_no_run(t, "arena - 1", mbconv_network_run(n, 1, x, y, a, bytes - 1, NULL, &e), small, y, &e);
  expect_no_run(t, "arena for 1", mbconv_network_run(n, 2, x, y, a, bytes, NULL, &e), small, y, &e);
  expect_no_run(t, "no parallel_for", mbconv_network_run(n, 1, x, y, a, bytes, &none, &e), bad, y, &e);
  expect_no_run(t, "too many threads", mbconv_network_run(n, 1, x, y, a, bytes, &many, &e), bad, y, &e);
  expect_no_run(t, "y in x", mbconv_network_run(n, 1, x, x + 1, a, bytes, NULL, &e), bad, y, &e);
  expect_no_run(t, "x in arena", mbconv_network_run(n, 1, a + 1, y, a, bytes, NULL, &e), bad, y, &e);
  expect_no_run(t, "y in arena", mbconv_network_run(n, 1, x, a + 1, a, bytes, NULL, &e), bad, y, &e);
  expect_no_run(t, "batch", mbconv_network_run(n, SIZE_MAX / 8, x, y, a, bytes, NULL, &e), over, y, &e);
  expect_no_run(t, "batch 0", mbconv_network_run(n, 0, NULL, NULL, NULL, 0, NULL, &e), MBCONV_OK, y, &e);
  expect_no_run(t, "layers", mbconv_network_run_layers(n, 2, 1, x, y, a, bytes, NULL, &e), bad, y, &e);
  expect_no_run(t, "layers", mbconv_network_run_layers(n, 0, 99, x, y, a, bytes, NULL, &e), bad, y, &e);
  test_check(t, mbconv_network_arena_size(n, SIZE_MAX / 2) == SIZE_MAX, "an arena larger than memory");
  test_check(t, mbconv_network_arena_size(NULL, 1) == SIZE_MAX && !mbconv_network_info_of(NULL), "queries of NULL");
  const size_t layers = mbconv_network_info_of(n)->layers;
  test_check(t,
             mbconv_network_layer(n, layers - 1) && !mbconv_network_layer(n, layers) && !mbconv_network_layer(NULL, 0),
             "layers beyond the last");
  test_check(t, mbconv_network_names(NULL, 99) == mbconv_network_names(NULL, 0), "a list without room");
  mbconv_network_destroy(n);
  free(x);
  free(a);
}

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

struct ledger {
  size_t calls, live, fail_at;
};

static void *allocate(void *context, size_t size, size_t alignment) {
  struct ledger *ledger = context;
  if (++ledger->calls == ledger->fail_at) return NULL;
  ledger->live++;
  return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static void release(void *context, void *memory) {
  struct ledger *ledger = context;
  ledger->live--;
  free(memory);
}

/* Every allocation fails once; nothing is left. */
static void check_allocations(struct test *t) {
  struct ledger ledger = {0};
  const mbconv_allocator allocator = {allocate, release, &ledger};
  const mbconv_options kernels = {.isa = t->isa, .allocator = &allocator};
  const mbconv_network_options options = {.kernels = &kernels, .height = 32, .width = 32, .classes = 2};
  mbconv_network *network = NULL;
  while (!network && ledger.fail_at < 100) {
    ledger = (struct ledger){.fail_at = ledger.fail_at + 1};
    test_at(t, "allocation %zu fails", ledger.fail_at);
    mbconv_error error = {.message = ""};
    const mbconv_status status = mbconv_network_random("mobilenet_v2_0.1", &options, &network, &error);
    test_check(t, network || (status == MBCONV_OUT_OF_MEMORY && error.message[0]), "%s", error.message);
    test_check(t, network || ledger.live == 0, "%zu allocations left", ledger.live);
  }
  test_check(t, network && ledger.fail_at > 20, "only %zu allocations", ledger.fail_at);
  mbconv_network_destroy(network);
  test_check(t, ledger.live == 0, "destroy left %zu allocations", ledger.live);
}

/* ---- Counts ------------------------------------------------------------------------------------------------------ */

/* As PyTorch counts them of torchvision's models, of timm's where that has none; as the notebook prints them. */
static void check_counts(struct test *t) {
  static const struct {
    const char *name;
    uint64_t parameters, multiply_adds; /* of images of the network's own size */
  } counts[] = {{"mbconv", 4352, 4030464},
                {"plain", 4672, 4718592},
                {"mobilenet_v2", 3504872, 300774272},
                {"efficientnet_lite1", 5416680, 600185232},
                {"efficientnet_v2_b0", 7139704, 718086176},
                {"mobilenet_v4_conv_small", 3774024, 186005568},
                {"mobilenet_v3_small", 2542856, 56510400},
                {"mobilenet_v3_large", 5483032, 216589760},
                {"efficientnet_b0", 5288548, 385814752},
                {"efficientnet_b1", 7794184, 686802832},
                {"efficientnet_b2", 9109994, 1087529456},
                {"efficientnet_b3", 12233232, 1827141392},
                {"efficientnet_b4", 19341616, 4393771024},
                {"efficientnet_b5", 30389784, 10266384752},
                {"efficientnet_b6", 43040704, 19067593536},
                {"efficientnet_b7", 66347960, 37745884192},
                {"efficientnet_b8", 87413142, 62597461568},
                {"efficientnet_lite0", 4652008, 385187552},
                {"efficientnet_lite2", 6092072, 859736272},
                {"efficientnet_lite3", 8197096, 1383321872},
                {"efficientnet_lite4", 13006568, 2553034336},
                {"efficientnet_v2_b1", 8141052, 1196819360},
                {"efficientnet_v2_b2", 10096086, 1697542832},
                {"efficientnet_v2_b3", 14358406, 3011458816},
                {"efficientnet_v2_s", 21458488, 8365617152},
                {"efficientnet_v2_m", 54139356, 24582460384},
                {"efficientnet_v2_l", 118515272, 56079699008},
                {"mnasnet0_5", 2218512, 104455968},
                {"mnasnet0_75", 3170208, 215493104},
                {"mnasnet1_0", 4383312, 314415872},
                {"mnasnet1_3", 6282256, 526362432},
                {"mobilenet_v1", 4231976, 568740352},
                {"mobilenet_v1_1.25", 6270840, 879516800},
                {"mobilenet_v4_conv_medium", 9715512, 1080244224},
                {"mobilenet_v4_conv_large", 32590864, 6376220672}};
  const mbconv_options kernels = {.isa = t->isa};
  const mbconv_network_options options = {.kernels = &kernels, .height = 16, .width = 16};
  for (size_t i = 0; i < (t->small ? 6 : sizeof counts / sizeof *counts); i++) {
    test_at(t, "parameters of %s", counts[i].name);
    mbconv_network *network = NULL;
    if (!test_check(t, mbconv_network_random(counts[i].name, &options, &network, NULL) == MBCONV_OK, "random"))
      continue;
    const mbconv_network_info info = *mbconv_network_info_of(network);
    test_check(t, info.counts.parameters == counts[i].parameters, "%llu instead of %llu",
               (unsigned long long)info.counts.parameters, (unsigned long long)counts[i].parameters);
    mbconv_counts sum = {0};
    for (size_t k = 0; k < info.layers; k++) {
      const mbconv_layer_info layer = *mbconv_network_layer(network, k);
      sum.parameters += layer.counts.parameters;
      sum.multiply_adds += layer.counts.multiply_adds;
    }
    test_check(t, sum.parameters == info.counts.parameters && sum.multiply_adds == info.counts.multiply_adds,
               "the layers do not add up");
    const struct mbconv_description d = file_case_describe(counts[i].name, MBCONV_TORCHVISION, 1000);
    uint64_t multiply_adds = 0;
    for (size_t k = 0; k < info.layers; k++) {
      mbconv_layer_info layer = {0};
      test_check(t, mbconv_network_layer_at(network, k, d.size, d.size, &layer, NULL) == MBCONV_OK, "layer %zu", k);
      multiply_adds += layer.counts.multiply_adds;
    }
    test_check(t, multiply_adds == counts[i].multiply_adds, "%llu multiply-adds instead of %llu",
               (unsigned long long)multiply_adds, (unsigned long long)counts[i].multiply_adds);
    mbconv_network_destroy(network);
  }
  test_check(t, mbconv_network_names(NULL, 0) == 36, "too few names");
}

/* Each single block by its name has this activation in all its layers. */
static void check_activations(struct test *t) {
  static const struct {
    const char *name;
    mbconv_activation_kind activation;
  } blocks[] = {{"mbconv", MBCONV_ACTIVATION_SILU},     {"mbconv_relu", MBCONV_ACTIVATION_RELU},
                {"plain", MBCONV_ACTIVATION_RELU},      {"plain_silu", MBCONV_ACTIVATION_SILU},
                {"bottleneck", MBCONV_ACTIVATION_RELU}, {"bottleneck_silu", MBCONV_ACTIVATION_SILU}};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
    test_at(t, "%s", blocks[i].name);
    const struct mbconv_description d = file_case_describe(blocks[i].name, MBCONV_TORCHVISION, 1000);
    bool right = d.layers > 0;
    for (size_t l = 0; l < d.layers; l++) right = right && d.layer[l].activation == blocks[i].activation;
    test_check(t, right, "another activation");
  }
}

void test_networks(struct test *t) {
  check_bad_runs(t);
  check_allocations(t);
  check_counts(t);
  check_activations(t);
  static const char *const names[] = {"mobilenet_v2_0.35",  "mobilenet_v3_small", "mobilenet_v4_conv_small",
                                      "efficientnet_v2_b0", "efficientnet_b0",    "mobilenet_v3_large",
                                      "efficientnet_b3",    "mobilenet_v2",       "efficientnet_lite0",
                                      "mnasnet0_75",        "mobilenet_v1",       "mobilenet_v4_conv_medium"};
  for (size_t i = 0; i < (t->small ? 4 : sizeof names / sizeof *names); i++) {
    check_places(t, names[i]);
    check_network(t, names[i], t->small ? 32 : 64 + i, t->small ? 32 : 97);
  }
  static const char *const blocks[] = {"mbconv", "plain", "bottleneck", "mbconv_relu", "plain_silu", "bottleneck_silu"};
  for (size_t i = 0; i < 6; i++) {
    check_places(t, blocks[i]);
    check_network(t, blocks[i], 9, 14);
  }
}
