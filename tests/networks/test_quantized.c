/* SPDX-License-Identifier: MIT
 *
 * Networks of int8: every row of kernels gives the bytes of single operators, on any number of threads, for any batch
 * and size; floats go in and out by the doors; what has no form in int8 is refused.
 *
 * A suite runs once for each set of f32; this one then runs the rows of int8 that are of that set's instruction set.
 */
#include <math.h>
#include <stdlib.h>

#include "block_case.h"
#include "file_case.h"
#include "i8_bytes.h"
#include "network.h"
#include "quantized_gate.h"
#include "quantized_oracle.h"
#include "weights.h"

enum { BATCH = 2, CLASSES = 11, MOST_THREADS = 3 };

/* A network by name: as the library makes it, and as tensors for the oracle. */
struct subject {
  const char *name;
  struct mbconv_description d;
  struct mbconv_tensors tensors;
  mbconv_network_options options; /* but the kernels and the doors */
};

static void subject_new(struct test *t, struct subject *s, const char *name, mbconv_type type, mbconv_padding padding) {
  *s = (struct subject){.name = name};
  s->options = (mbconv_network_options){.height = 39, /* odd, and another one at every layer */
                                        .width = 50,
                                        .threads = MOST_THREADS,
                                        .classes = CLASSES,
                                        .seed = t->seed,
                                        .padding = padding,
                                        .type = type};
  mbconv_error error = {.message = ""};
  struct mbconv_tensors floats;
  mbconv_network_options known;
  bool good = mbconv_describe(name, CLASSES, &s->d) && mbconv_quantized_layers(type, &s->d, &error) == MBCONV_OK &&
              mbconv_options_take(&s->options, &s->d, &known, &error) == MBCONV_OK &&
              mbconv_random_tensors(&s->d, t->seed, &floats, &error) == MBCONV_OK;
  if (good) {
    good = mbconv_quantize(&s->d, &floats, known.padding, known.epsilon, t->seed, &s->tensors, &error) == MBCONV_OK;
    mbconv_tensors_free(&floats);
  }
  if (!test_check(t, good, "%s", error.message)) abort();
}

static mbconv_network *make(struct test *t, const struct subject *s, mbconv_isa isa, mbconv_i8_door x_door,
                            mbconv_i8_door y_door) {
  const mbconv_options kernels = {.isa = isa};
  mbconv_network_options options = s->options;
  options.kernels = &kernels;
  options.x_door = x_door;
  options.y_door = y_door;
  mbconv_network *network = NULL;
  mbconv_error error = {.message = ""};
  test_check(t, mbconv_network_random(s->name, &options, &network, &error) == MBCONV_OK, "%s", error.message);
  return network;
}

/* ---- Runs -------------------------------------------------------------------------------------------------------- */

/* Images of a size and what the oracle makes of them. */
struct images {
  size_t height, width, x_bytes, y_bytes; /* of an image */
  uint8_t *x, *y;
};

static void images_new(struct test *t, const struct subject *s, size_t height, size_t width, struct images *images) {
  uint64_t state = t->seed + height;
  *images = (struct images){.height = height, .width = width, .x_bytes = height * width * s->d.channels};
  images->x = malloc(BATCH * images->x_bytes);
  if (!images->x) abort();
  for (size_t i = 0; i < BATCH * images->x_bytes; i++) images->x[i] = (uint8_t)test_random(&state);
  const mbconv_padding own = s->d.padding ? s->d.padding : MBCONV_PADDING_SYMMETRIC;
  for (size_t i = 0; i < BATCH; i++) {
    const struct oracle_image image = {
        height, width, s->d.channels, images->x + i * images->x_bytes, {.scale = 1, .zero_point = 0}};
    struct oracle_image y =
        quantized_oracle(t, &s->d, &s->tensors, s->options.padding ? s->options.padding : own, &image);
    images->y_bytes = y.height * y.width * y.channels;
    if (i == 0) images->y = malloc(BATCH * images->y_bytes);
    if (!images->y) abort();
    memcpy(images->y + i * images->y_bytes, y.bytes, images->y_bytes);
    free(y.bytes);
  }
}

static void images_free(struct images *images) {
  free(images->x);
  free(images->y);
}

/* A run in exactly the memory that it asks for, all of it guarded. */
static void check_run(struct test *t, const mbconv_network *network, const struct images *images, size_t batch,
                      size_t threads, enum test_guard guard) {
  size_t arena_bytes = 0;
  mbconv_error error = {.message = ""};
  mbconv_status status =
      mbconv_network_arena_size_at(network, batch, images->height, images->width, &arena_bytes, &error);
  test_check(t, status == MBCONV_OK, "%s", error.message);
  struct bytes x, y, arena;
  bytes_new(&x, batch * images->x_bytes, guard);
  bytes_new(&y, batch * images->y_bytes, guard);
  bytes_new(&arena, arena_bytes, guard);
  memcpy(x.data, images->x, x.n);
  test_buffer_protect(&x.buffer);
  const mbconv_threads many = {.parallel_for = threads == 3 ? parallel_pthreads : parallel_reversed, .count = threads};
  status = mbconv_network_run_at(network, batch, images->height, images->width, x.data, y.data, arena.data, arena_bytes,
                                 &many, &error);
  test_check(t, status == MBCONV_OK, "%zu images on %zu threads: %s", batch, threads, error.message);
  test_check(t, memcmp(y.data, images->y, y.n) == 0, "other bytes than single operators give, %zu threads", threads);
  test_check(t, bytes_intact(&y) && bytes_intact(&arena), "wrote outside y or the arena");
  test_buffer_free(&x.buffer);
  test_buffer_free(&y.buffer);
  test_buffer_free(&arena.buffer);
}

/* Floats in and out: they are the bytes that XNNPACK makes of them, and fl((q - Z) * S) of the bytes that come out. */
static void check_doors(struct test *t, const struct subject *s, mbconv_isa isa, const struct images *images) {
  mbconv_network *network = make(t, s, isa, MBCONV_I8_DOOR_XNNPACK, MBCONV_I8_DOOR_XNNPACK);
  if (!network) return;
  const mbconv_network_info info = *mbconv_network_info_of(network);
  const bool is_signed = info.type == MBCONV_S8;
  const size_t bytes = mbconv_network_arena_size(network, BATCH);
  float *x = malloc(BATCH * images->x_bytes * sizeof *x), *y = malloc(BATCH * images->y_bytes * sizeof *y);
  void *arena = malloc(bytes);
  if (!x || !y || !arena) abort();
  for (size_t i = 0; i < BATCH * images->x_bytes; i++) {
    const int q = is_signed ? (int)(int8_t)images->x[i] : (int)images->x[i];
    x[i] = (float)(q - info.input.zero_point) * info.input.scale;
  }
  mbconv_error error = {.message = ""};
  test_check(t, mbconv_network_run(network, BATCH, x, y, arena, bytes, NULL, &error) == MBCONV_OK, "%s", error.message);
  bool same = true;
  for (size_t i = 0; i < BATCH * images->y_bytes; i++) {
    const int q = is_signed ? (int)(int8_t)images->y[i] : (int)images->y[i];
    same = same && y[i] == (float)(q - info.output.zero_point) * info.output.scale;
  }
  test_check(t, same, "other floats than the bytes stand for");
  free(x);
  free(y);
  free(arena);
  mbconv_network_destroy(network);
}

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

/* Whether a row of int8 is run where the set of f32 is. */
static bool belongs(mbconv_isa row, mbconv_isa set) {
  if (row == MBCONV_ISA_AVX2_VNNI) return set == MBCONV_ISA_AVX2;
  if (row == MBCONV_ISA_AVX512_VNNI) return set == MBCONV_ISA_AVX512;
  if (row == MBCONV_ISA_NEON_DOTPROD || row == MBCONV_ISA_NEON_I8MM) return set == MBCONV_ISA_NEON;
  return row == set;
}

/* That the images and the outputs mean something: bytes that are all alike would hide faults. */
static void check_spread(struct test *t, const struct images *images) {
  bool seen[256] = {false};
  size_t different = 0;
  for (size_t i = 0; i < BATCH * images->y_bytes; i++) {
    different += !seen[images->y[i]];
    seen[images->y[i]] = true;
  }
  test_check(t, different >= 8, "only %zu values among %zu outputs", different, BATCH * images->y_bytes);
}

static void check_network(struct test *t, const char *name, mbconv_type type, mbconv_padding padding) {
  mbconv_isa isas[MBCONV_ISA_COUNT];
  const size_t count = mbconv_usable_isas_i8(isas, MBCONV_ISA_COUNT);
  test_at(t, "%s, %s, padding %d", name, type == MBCONV_S8 ? "int8" : "uint8", (int)padding);
  struct subject s;
  struct images own, other;
  subject_new(t, &s, name, type, padding);
  images_new(t, &s, s.options.height, s.options.width, &own);
  images_new(t, &s, 32, 33, &other);
  check_spread(t, &own);
  for (size_t i = 0; i < count; i++) {
    if (!belongs(isas[i], t->isa)) continue;
    test_at(t, "%s, %s, padding %d, %s", name, type == MBCONV_S8 ? "int8" : "uint8", (int)padding,
            mbconv_isa_name(isas[i]));
    mbconv_network *network = make(t, &s, isas[i], MBCONV_I8_DOOR_BYTES, MBCONV_I8_DOOR_BYTES);
    if (!network) continue;
    const mbconv_network_info info = *mbconv_network_info_of(network);
    /* A name of f32's asks for the best of its rows. */
    test_check(t, info.isa == isas[i] || belongs(info.isa, isas[i]), "runs on %s", mbconv_isa_name(info.isa));
    test_check(t, info.type == type && info.outputs == own.y_bytes, "another type or size");
    for (size_t threads = 1; threads <= MOST_THREADS; threads++)
      check_run(t, network, &own, threads == 1 ? 1 : BATCH, threads,
                threads % 2 ? TEST_GUARD_AFTER : TEST_GUARD_BEFORE);
    check_run(t, network, &other, BATCH, 2, TEST_GUARD_AFTER);
    mbconv_network_destroy(network);
    check_doors(t, &s, isas[i], &own);
  }
  images_free(&own);
  images_free(&other);
  mbconv_tensors_free(&s.tensors);
}

/* ---- What is refused --------------------------------------------------------------------------------------------- */

static void check_refusals(struct test *t) {
  static const struct {
    const char *name, *message;
    mbconv_network_options options;
  } bad[] = {
      {"bottleneck", "its shortcut has no form in int8", {.type = MBCONV_U8}},
      {"mobilenet_v2_0.1", "for images in NHWC", {.type = MBCONV_S8, .layout = MBCONV_NCHW}},
      {"mobilenet_v2_0.1", "type is 3", {.type = (mbconv_type)3}},
      {"mobilenet_v2_0.1", "x_door or y_door", {.type = MBCONV_S8, .x_door = (mbconv_i8_door)4}},
      {"mobilenet_v2_0.1", "x_door or y_door", {.type = MBCONV_S8, .y_door = (mbconv_i8_door)4}},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    test_at(t, "refused: %s", bad[i].message);
    mbconv_network *network = (mbconv_network *)(void *)t;
    mbconv_error error = {.message = ""};
    const mbconv_status status = mbconv_network_random(bad[i].name, &bad[i].options, &network, &error);
    test_check(t, status == MBCONV_INVALID_ARGUMENT && !network && strstr(error.message, bad[i].message), "%s",
               error.message);
  }
}

/* A hard sigmoid is a gate, and nothing else. */
static void check_forms(struct test *t) {
  static const char *const whats[] = {"its activation", "the inner activation of its squeeze-excite"};
  for (size_t i = 0; i < sizeof whats / sizeof *whats; i++) {
    struct mbconv_description d;
    mbconv_error error = {.message = ""};
    if (!mbconv_describe("mobilenet_v3_small", CLASSES, &d)) abort();
    mbconv_activation_kind *kind = i == 0 ? &d.layer[1].activation : &d.layer[1].inner;
    *kind = MBCONV_ACTIVATION_HARD_SIGMOID;
    test_at(t, "refused: %s", whats[i]);
    const mbconv_status status = mbconv_quantized_layers(MBCONV_S8, &d, &error);
    test_check(t,
               status == MBCONV_INVALID_ARGUMENT && strstr(error.message, "layer 1 of mobilenet_v3_small") &&
                   strstr(error.message, whats[i]),
               "%s", error.message);
  }
}

/* ---- Gates ------------------------------------------------------------------------------------------------------- */

/* From `least` to twice that. */
static float scale_from(double least, uint64_t *state) {
  return (float)(least * (1 + (double)(test_random(state) % 1000) / 1000));
}

static int clamp_to(double x, int least, int most) { return (int)fmin(fmax(x, least), most); }

/* What the two operators make of a byte, as mbconv_i8.h and quantized_gate.c have their formulas. */
static int gate_of(const struct mbconv_gate *g, int lowest, const mbconv_quantization *input,
                   const mbconv_quantization *output, int x) {
  const float ra = input->scale / g->shifted.scale, rb = g->three.scale / g->shifted.scale;
  const float six = 6 / g->shifted.scale, scales = g->shifted.scale * g->sixth.scale, factor = scales / output->scale;
  int exponent;
  frexp((double)fmaxf(ra, rb), &exponent);
  const int n = 21 - exponent;
  const double a = rint(ldexp((double)ra, n)) * (x - input->zero_point);
  const double b = rint(ldexp((double)rb, n)) * (g->constants[0] - g->three.zero_point);
  const double sum = floor(ldexp(a + b + ldexp(1, n - 1), -n)), most = round((double)six);
  const int shifted = clamp_to(sum + g->shifted.zero_point, lowest, lowest + 255) - g->shifted.zero_point;
  const float product = (float)(clamp_to(shifted, 0, (int)most) * (g->constants[1] - g->sixth.zero_point)) * factor;
  return clamp_to(rint((double)product) + output->zero_point, lowest, lowest + 255);
}

/* Constants and quantizations at random; 6 may be the largest byte, or not. */
static void check_gates(struct test *t) {
  uint64_t state = t->seed;
  for (int i = 0; i < 400; i++) {
    const mbconv_type type = i % 2 ? MBCONV_U8 : MBCONV_S8;
    const int lowest = type == MBCONV_S8 ? -128 : 0;
    const mbconv_quantization input = {scale_from(0.02, &state), lowest + 90 + (int)(test_random(&state) % 70)},
                              output = {scale_from(1.0 / 400, &state), lowest + (int)(test_random(&state) % 20)};
    const struct mbconv_gate gate = {
        .three = {scale_from(3.0 / 255, &state), lowest + (int)(test_random(&state) % 20)},
        .shifted = {scale_from(6.0 / 300, &state), lowest + (int)(test_random(&state) % 20)},
        .sixth = {scale_from(1.0 / 6 / 255, &state), lowest + (int)(test_random(&state) % 20)},
        .constants = {lowest + 200 + (int)(test_random(&state) % 56), lowest + 200 + (int)(test_random(&state) % 56)}};
    uint8_t table[256];
    mbconv_error error = {.message = ""};
    test_at(t, "gate %d", i);
    const mbconv_status status = mbconv_gate_table(&gate, type, &input, &output, table, &error);
    if (!test_check(t, status == MBCONV_OK, "%s", error.message)) continue;
    bool same = true;
    for (int x = lowest; x < lowest + 256; x++)
      same = same && table[(uint8_t)x] == (uint8_t)gate_of(&gate, lowest, &input, &output, x);
    test_check(t, same, "another table");
  }
}

/* What a row's packed weights may take for MobileNetV2: 3.7 MB with dot products of bytes. Rows that multiply words
 * keep those of all layers so, AVX2 but for the classifier. */
static size_t most_bytes(mbconv_isa row) {
  switch (row) {
    case MBCONV_ISA_AVX2: return 5830000;
    case MBCONV_ISA_NEON: return 7090000;
    default: return 3700000;
  }
}

/* What a network of int8 weighs: see networks/README.md. */
static void check_memory(struct test *t) {
  mbconv_isa isas[MBCONV_ISA_COUNT];
  const size_t count = mbconv_usable_isas_i8(isas, MBCONV_ISA_COUNT);
  for (size_t i = 0; i < count; i++) {
    if (!belongs(isas[i], t->isa)) continue;
    test_at(t, "memory, %s", mbconv_isa_name(isas[i]));
    const mbconv_options kernels = {.isa = isas[i]};
    const mbconv_network_options options = {.kernels = &kernels, .type = MBCONV_S8};
    mbconv_network *network = NULL;
    mbconv_error error = {.message = ""};
    test_check(t, mbconv_network_random("mobilenet_v2", &options, &network, &error) == MBCONV_OK, "%s", error.message);
    if (!network) continue;
    const mbconv_network_info info = *mbconv_network_info_of(network);
    test_check(t, info.counts.multiply_adds == 300774272, "%llu multiply-adds",
               (unsigned long long)info.counts.multiply_adds);
    test_check(t, info.counts.parameters == 3487816, "%llu parameters", (unsigned long long)info.counts.parameters);
    test_check(t, info.weight_bytes <= most_bytes(info.isa), "%zu bytes of weights on %s", info.weight_bytes,
               mbconv_isa_name(info.isa));
    test_check(t, mbconv_network_arena_size(network, 1) <= 800000, "%zu bytes of arena",
               mbconv_network_arena_size(network, 1));
    mbconv_network_destroy(network);
  }
}

void test_quantized(struct test *t) {
  static const struct {
    const char *name;
    mbconv_type type;
    mbconv_padding padding;
  } networks[] = {
      {"mobilenet_v2_0.35", MBCONV_S8, MBCONV_PADDING_SAME},
      {"efficientnet_b0", MBCONV_S8, MBCONV_PADDING_OWN},
      {"mobilenet_v3_small", MBCONV_S8, MBCONV_PADDING_SAME},
      {"efficientnet_v2_b0", MBCONV_U8, MBCONV_PADDING_SAME},
      {"mobilenet_v4_conv_small", MBCONV_S8, MBCONV_PADDING_OWN},
      {"mobilenet_v1", MBCONV_U8, MBCONV_PADDING_OWN},
      {"efficientnet_lite0", MBCONV_S8, MBCONV_PADDING_OWN},
      {"mnasnet0_5", MBCONV_S8, MBCONV_PADDING_SYMMETRIC},
      {"mobilenet_v3_large", MBCONV_U8, MBCONV_PADDING_OWN},
      {"mobilenet_v2", MBCONV_U8, MBCONV_PADDING_OWN},
      {"efficientnet_b1", MBCONV_U8, MBCONV_PADDING_SYMMETRIC},
  };
  check_refusals(t);
  check_forms(t);
  check_gates(t);
  check_memory(t);
  for (size_t i = 0; i < (t->small ? 4 : sizeof networks / sizeof *networks); i++)
    check_network(t, networks[i].name, networks[i].type, networks[i].padding);
  check_network(t, "mbconv", MBCONV_S8, MBCONV_PADDING_OWN);
}
