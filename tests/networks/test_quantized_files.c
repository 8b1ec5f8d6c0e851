/* SPDX-License-Identifier: MIT
 *
 * Files of networks of int8: what is written is read as the same network; what lacks a tensor or a word, or has one of
 * another type, shape or value, is refused, with its name; and memory that runs out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "failing_memory.h"
#include "file_case.h"
#include "i8_bytes.h"
#include "network.h"
#include "quantized.h"
#include "weights.h"

enum { CLASSES = 3, SIDE = 32 };
static const char network_name[] = "efficientnet_b0", small_name[] = "mobilenet_v2_0.1";

struct subject {
  struct mbconv_description d;
  struct mbconv_tensors tensors;
};

static void subject_new(struct test *t, struct subject *s, const char *name, mbconv_type type) {
  mbconv_error error = {.message = ""};
  struct mbconv_tensors floats;
  bool good = mbconv_describe(name, CLASSES, &s->d) && mbconv_quantized_layers(type, &s->d, &error) == MBCONV_OK &&
              mbconv_random_tensors(&s->d, t->seed, &floats, &error) == MBCONV_OK;
  if (good) {
    good = mbconv_quantize(&s->d, &floats, MBCONV_PADDING_SYMMETRIC, s->d.epsilon, t->seed, &s->tensors, &error) ==
           MBCONV_OK;
    mbconv_tensors_free(&floats);
  }
  if (!test_check(t, good, "%s", error.message)) abort();
}

/* The file that the tensors make. */
static struct file_case file_of(const struct subject *s) {
  struct file_case file;
  FILE *stream = open_memstream((char **)&file.data, &file.size);
  if (!stream || mbconv_quantized_write(&s->tensors, &s->d, MBCONV_PADDING_SYMMETRIC, stream, NULL) != MBCONV_OK)
    abort();
  fclose(stream);
  return file;
}

/* ---- Good files -------------------------------------------------------------------------------------------------- */

static void run(struct test *t, const mbconv_network *network, uint8_t *y) {
  const mbconv_network_info info = *mbconv_network_info_of(network);
  const size_t bytes = mbconv_network_arena_size(network, 1), n = info.height * info.width * info.channels;
  uint64_t state = t->seed;
  uint8_t *x = malloc(n), *arena = malloc(bytes);
  if (!x || !arena) abort();
  for (size_t i = 0; i < n; i++) x[i] = (uint8_t)test_random(&state);
  mbconv_error error = {.message = ""};
  test_check(t, mbconv_network_run(network, 1, x, y, arena, bytes, NULL, &error) == MBCONV_OK, "%s", error.message);
  free(x);
  free(arena);
}

/* The network of the file, read where its data begin `spaces` bytes later, and that of random weights give the same. */
static void check_same(struct test *t, const struct file_case *file, mbconv_type type, size_t spaces) {
  test_at(t, "a file of %s, %zu spaces", network_name, spaces);
  struct file_case moved = {malloc(file->size + spaces), file->size + spaces};
  if (!moved.data) abort();
  uint64_t length = 0;
  for (size_t i = 0; i < 8; i++) length |= (uint64_t)file->data[i] << 8 * i;
  for (size_t i = 0; i < 8; i++) moved.data[i] = (unsigned char)((length + spaces) >> 8 * i);
  memcpy(moved.data + 8, file->data + 8, length);
  memset(moved.data + 8 + length, ' ', spaces);
  memcpy(moved.data + 8 + length + spaces, file->data + 8 + length, file->size - 8 - length);
  const mbconv_network_options options = {
      .height = SIDE, .width = SIDE, .classes = CLASSES, .seed = t->seed, .type = type};
  mbconv_network *made = NULL, *loaded = file_case_load(t, &moved, &options);
  test_check(t, mbconv_network_random(network_name, &options, &made, NULL) == MBCONV_OK, "random");
  if (made && loaded) {
    uint8_t want[CLASSES], got[CLASSES] = {0};
    const mbconv_network_info *info = mbconv_network_info_of(loaded);
    run(t, made, want);
    run(t, loaded, got);
    test_check(t, memcmp(want, got, CLASSES) == 0, "another network");
    test_check(t,
               info->type == type && info->classes == CLASSES && info->padding == MBCONV_PADDING_SYMMETRIC &&
                   strcmp(info->name, network_name) == 0 && info->assumed == MBCONV_ASSUMED_PREPROCESSING,
               "what it says of itself");
  }
  mbconv_network_destroy(made);
  mbconv_network_destroy(loaded);
  file_case_free(&moved);
}

static void check_good(struct test *t, mbconv_type type) {
  struct subject s;
  subject_new(t, &s, network_name, type);
  struct file_case file = file_of(&s);
  for (size_t spaces = 0; spaces < 4; spaces++) check_same(t, &file, type, spaces);
  mbconv_tensors_free(&s.tensors);
  file_case_free(&file);
}

static void check_path(struct test *t) {
  test_at(t, "a file on disk");
  char path[] = "/tmp/mbconv-quantized-XXXXXX";
  const int descriptor = mkstemp(path);
  if (descriptor < 0) abort();
  close(descriptor);
  const mbconv_network_options options = {.type = MBCONV_U8, .classes = CLASSES}, of_f32 = {.classes = CLASSES};
  mbconv_network *network = NULL;
  mbconv_error error = {.message = ""};
  test_check(t, mbconv_network_write_random(small_name, &options, path, &error) == MBCONV_OK, "%s", error.message);
  test_check(t, mbconv_network_load(path, NULL, &network, &error) == MBCONV_OK, "%s", error.message);
  test_check(t, network && mbconv_network_info_of(network)->type == MBCONV_U8, "another type");
  mbconv_network_destroy(network);
  const mbconv_status bad = MBCONV_INVALID_ARGUMENT;
  test_check(t, mbconv_network_write_random(small_name, &of_f32, path, &error) == bad, "f32 was written");
  test_check(t, mbconv_network_write_random("nothing", &options, path, &error) == bad, "no network was written");
  test_check(t, mbconv_network_write_random(NULL, &options, path, &error) == bad, "no name");
  test_check(t, mbconv_network_write_random(small_name, &options, NULL, &error) == bad, "no path");
  test_check(t, mbconv_network_load(path, NULL, &network, &error) == MBCONV_OK, "a refusal touched the file");
  mbconv_network_destroy(network);
  remove(path);
  test_check(t,
             mbconv_network_write_random(small_name, &options, "/nonexistent/file", &error) == MBCONV_BAD_FILE &&
                 strstr(error.message, "/nonexistent/file"),
             "%s", error.message);
  test_check(t, access(path, F_OK) != 0, "a file was left");
}

/* A file of another type than the options name, or with an epsilon. */
static void check_options(struct test *t, const struct file_case *file) {
  static const struct {
    mbconv_network_options options;
    const char *message;
  } bad[] = {{{.type = MBCONV_U8}, "is of int8, not of uint8"},
             {{.epsilon = 1e-3f}, "has no batch norms"},
             {{.layout = MBCONV_NCHW}, "for images in NHWC"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    mbconv_network *network = NULL;
    mbconv_error error = {.message = ""};
    const mbconv_status status = mbconv_network_load_memory(file->data, file->size, &bad[i].options, &network, &error);
    test_check(t, status == MBCONV_INVALID_ARGUMENT && !network && strstr(error.message, bad[i].message), "%s",
               error.message);
  }
}

/* ---- Bad tensors ------------------------------------------------------------------------------------------------- */

enum change { MISSING, RETYPED, RESHAPED, FLOAT, INTEGER, EXTRA };

struct wrong {
  const char *tensor;
  enum change change;
  const char *type;
  float number;
  int32_t integer;
  const char *message;
};

static const struct wrong tensors_wrong[] = {
    {"features.0.0.weight", MISSING, "", 0, 0, "tensor \"features.0.0.weight\" of mobilenet_v2_0.1 is missing"},
    {"features.1.conv.0.0.bias", MISSING, "", 0, 0, "\"features.1.conv.0.0.bias\" of"},
    {"classifier.1.weight", MISSING, "", 0, 0, "\"classifier.1.weight\" of"},
    {"features.18.0.weight_scale", MISSING, "", 0, 0, "\"features.18.0.weight_scale\" of"},
    {"features.18.0.output.scale", MISSING, "", 0, 0, "\"features.18.0.output.scale\" of"},
    {"features.18.0.output.zero_point", MISSING, "", 0, 0, "\"features.18.0.output.zero_point\" of"},
    {"features.3.conv.2.sum.scale", MISSING, "", 0, 0, "\"features.3.conv.2.sum.scale\" of"},
    {"input.scale", MISSING, "", 0, 0, "\"input.scale\" of"},
    {"pool.output.zero_point", MISSING, "", 0, 0, "\"pool.output.zero_point\" of"},
    {"input.scale", EXTRA, "", 0, 0, "tensor \"stranger\" does not belong to mobilenet_v2_0.1 in int8"},
    {"features.0.0.weight", RETYPED, "U8", 0, 0, "\"features.0.0.weight\" is U8, not I8"},
    {"features.0.0.bias", RETYPED, "F32", 0, 0, "\"features.0.0.bias\" is F32, not I32"},
    {"features.0.0.weight_scale", RETYPED, "I32", 0, 0, "\"features.0.0.weight_scale\" is I32, not F32"},
    {"input.zero_point", RETYPED, "U32", 0, 0, "\"input.zero_point\" is U32, not I32"},
    {"features.0.0.weight", RESHAPED, "", 0, 0, "\"features.0.0.weight\" has shape"},
    {"features.0.0.bias", RESHAPED, "", 0, 0, "\"features.0.0.bias\" has shape"},
    {"features.0.0.weight_scale", RESHAPED, "", 0, 0, "\"features.0.0.weight_scale\" has shape"},
    {"pool.output.scale", RESHAPED, "", 0, 0, "\"pool.output.scale\" has shape"},
    {"input.scale", FLOAT, "", 0, 0, "layer 0 of mobilenet_v2_0.1"},
    {"input.scale", FLOAT, "", -1, 0, "layer 0 of mobilenet_v2_0.1"},
    {"features.0.0.weight_scale", FLOAT, "", 1e-40f, 0, "layer 0 of mobilenet_v2_0.1"},
    {"features.0.0.output.scale", FLOAT, "", 0, 0, "layer 0 of mobilenet_v2_0.1"},
    {"pool.output.scale", FLOAT, "", 0, 0, "layer 19 of mobilenet_v2_0.1"},
    {"input.zero_point", INTEGER, "", 0, 128, "layer 0 of mobilenet_v2_0.1"},
    {"features.3.conv.2.sum.zero_point", INTEGER, "", 0, -129, "layer 3 of mobilenet_v2_0.1"},
    {"features.18.0.output.zero_point", INTEGER, "", 0, 1 << 30, "layer 18 of mobilenet_v2_0.1"},
    {"features.0.0.bias", INTEGER, "", 0, INT32_MAX, "layer 0 of mobilenet_v2_0.1"},
};

/* Of a gate by two operators. */
static const struct wrong gates_wrong[] = {
    {"features.1.block.1.fc2.three.scale", MISSING, "", 0, 0, "\"features.1.block.1.fc2.three.scale\" of"},
    {"features.1.block.1.fc2.shifted.zero_point", MISSING, "", 0, 0, "fc2.shifted.zero_point\" of"},
    {"features.1.block.1.fc2.sixth.scale", MISSING, "", 0, 0, "fc2.sixth.scale\" of"},
    {"features.1.block.1.fc2.constants", MISSING, "", 0, 0, "fc2.constants\" of"},
    {"features.1.block.1.fc2.constants", RETYPED, "F32", 0, 0, "fc2.constants\" is F32, not I32"},
    {"features.1.block.1.fc2.constants", RESHAPED, "", 0, 0, "fc2.constants\" has shape"},
    {"features.1.block.1.fc2.constants", INTEGER, "", 0, 128,
     "\"features.1.block.1.fc2\": a gate's constants are 128 and"},
    {"features.1.block.1.fc2.three.scale", FLOAT, "", 1e20f, 0, "\"features.1.block.1.fc2\": "},
    {"features.1.block.1.fc2.shifted.scale", FLOAT, "", 0, 0, "\"features.1.block.1.fc2\": "},
    {"features.1.block.1.fc2.sixth.scale", FLOAT, "", 0, 0, "fc2\": a gate's scale or zero point is none"},
    {"features.1.block.1.fc2.sixth.scale", FLOAT, "", 1e6f, 0, "fc2\": a gate's product has the scale"},
    {"features.1.block.1.fc2.sixth.scale", FLOAT, "", 1e-6f, 0, "fc2\": a gate's product has the scale"},
    {"features.1.block.1.fc2.sixth.zero_point", INTEGER, "", 0, 128, "fc2\": a gate's scale or zero point is none"},
    {"features.1.block.1.fc2.activation.scale", FLOAT, "", -1, 0, "fc2\": a gate's scale or zero point is none"},
    {"features.1.block.1.fc2.activation.zero_point", INTEGER, "", 0, -129, "fc2\": a gate's scale or zero point"},
};

/* Does it to the tensors, which are not used any more. */
static void change(struct mbconv_tensors *tensors, const struct wrong *wrong) {
  struct mbconv_tensor *tensor = mbconv_tensors_find(tensors, wrong->tensor);
  if (!tensor) abort();
  void *bytes = (void *)(uintptr_t)tensor->bytes; /* malloc's, not a file's */
  switch (wrong->change) {
    case MISSING:
      free(tensor->name);
      *tensor = tensors->tensor[--tensors->count];
      break;
    case RETYPED: strcpy(tensor->type, wrong->type); break;
    case RESHAPED: tensor->shape[tensor->rank++] = 1; break;
    case FLOAT: memcpy(bytes, &wrong->number, sizeof(float)); break;
    case INTEGER: memcpy(bytes, &wrong->integer, sizeof(int32_t)); break;
    case EXTRA: /* in the room that quantize() leaves */
      tensors->tensor[tensors->count] = *tensor;
      tensor = &tensors->tensor[tensors->count++];
      tensor->name = strdup("stranger");
      if (!tensor->name) abort();
      break;
  }
}

static void check_bad_tensors(struct test *t, const char *name, const struct wrong *wrong, size_t count) {
  for (size_t i = 0; i < count; i++) {
    test_at(t, "%s, change %d: %s", wrong[i].tensor, (int)wrong[i].change, wrong[i].message);
    struct subject s;
    subject_new(t, &s, name, MBCONV_S8);
    change(&s.tensors, &wrong[i]);
    struct file_case file = file_of(&s);
    file_case_refused(t, &file, wrong[i].message);
    file_case_free(&file);
    mbconv_tensors_free(&s.tensors);
  }
}

/* ---- Bad words --------------------------------------------------------------------------------------------------- */

/* Of the header: what stands there, and what of the same length is put in its place. */
static const struct {
  const char *old, *new, *message;
} words_wrong[] = {
    {"\"int8\"", "\"int9\"", "mbconv.type \"int9\" is not int8 or uint8"},
    {"\"mobilenet_v2_0.1\"", "\"mobilenet_v9_0.1\"", "\"mobilenet_v9_0.1\" is no network known here"},
    {"\"mobilenet_v2_0.1\"", "\"\",\"a\":\"mobilenet\"", "is not the name of a network"},
    {"\"symmetric\"", "\"symmetrik\"", "is not symmetric or same"},
    {"\"mbconv.type\"", "\"nobody.type\"", "lacks mbconv.type"},
    {"\"mbconv.network\"", "\"nobody.network\"", "lacks mbconv.network"},
    {"\"mbconv.padding\"", "\"nobody.padding\"", "lacks mbconv.padding"},
};

static void check_bad_words(struct test *t, const struct file_case *good) {
  for (size_t i = 0; i < sizeof words_wrong / sizeof *words_wrong; i++) {
    test_at(t, "%s in place of %s", words_wrong[i].new, words_wrong[i].old);
    const size_t length = strlen(words_wrong[i].old);
    struct file_case file = {malloc(good->size), good->size};
    if (!file.data || strlen(words_wrong[i].new) != length) abort();
    memcpy(file.data, good->data, good->size);
    size_t at = 0;
    while (at + length < 400 && memcmp(file.data + at, words_wrong[i].old, length) != 0) at++;
    memcpy(file.data + at, words_wrong[i].new, length);
    file_case_refused(t, &file, words_wrong[i].message);
    file_case_free(&file);
  }
  struct file_case file;
  file_case_of_header(&file,
                      "{\"__metadata__\":{\"mbconv.type\":\"int8\",\"mbconv.network\":\"mobilenet_v2\","
                      "\"mbconv.padding\":\"same\",\"bn_eps\":\"1e-3\"}}",
                      0);
  test_at(t, "bn_eps in int8");
  file_case_refused(t, &file, "bn_eps in a network of int8");
  file_case_free(&file);
}

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

/* Loads the file, or makes a network if there is none, while allocation `failing` fails; 0: none. */
static mbconv_network *make(struct test *t, const struct file_case *file, size_t failing,
                            struct failing_memory_count *count) {
  const mbconv_options kernels = {.isa = t->isa};
  const mbconv_network_options options = {
      .kernels = &kernels, .height = SIDE, .width = SIDE, .classes = 2, .type = MBCONV_S8};
  mbconv_network *network = NULL;
  mbconv_error error = {.message = ""};
  failing_memory_begin(failing);
  const mbconv_status status = file ? mbconv_network_load_memory(file->data, file->size, &options, &network, &error)
                                    : mbconv_network_random("mbconv", &options, &network, &error);
  *count = failing_memory_end();
  const mbconv_status right = failing > 0 ? MBCONV_OUT_OF_MEMORY : MBCONV_OK;
  test_check(t, count->in_json || (status == right && error.status == right), "status \"%s\", \"%s\"",
             mbconv_status_string(status), error.message);
  return network;
}

/* Every allocation fails once, from the last to the first; nothing is left. But Jansson's, which come before those of
 * interest: Debian's ends the program if it cannot grow its text at the end of a string. */
static void check_memory(struct test *t, const struct file_case *file) {
  struct failing_memory_count count;
  test_at(t, "no allocation of a network of int8 fails");
  mbconv_network_destroy(make(t, file, 0, &count));
  const size_t calls = count.calls;
  size_t failed = 0;
  for (; failed < calls && !count.in_json; failed++) {
    test_at(t, "allocation %zu of %zu of a network of int8 fails", calls - failed, calls);
    mbconv_network *network = make(t, file, calls - failed, &count);
    test_check(t, !network && count.live == 0, "%td allocations left", count.live);
    mbconv_network_destroy(network);
  }
  test_check(t, failed > 20, "only %zu allocations", failed);
}

void test_quantized_files(struct test *t) {
  struct subject s;
  subject_new(t, &s, small_name, MBCONV_S8);
  struct file_case file = file_of(&s);
  mbconv_tensors_free(&s.tensors);
  check_good(t, MBCONV_S8);
  check_good(t, MBCONV_U8);
  check_path(t);
  check_options(t, &file);
  check_bad_tensors(t, small_name, tensors_wrong, sizeof tensors_wrong / sizeof *tensors_wrong);
  check_bad_tensors(t, "mobilenet_v3_small", gates_wrong, sizeof gates_wrong / sizeof *gates_wrong);
  check_bad_words(t, &file);
  file_case_free(&file);
  check_memory(t, NULL);
  subject_new(t, &s, "mbconv", MBCONV_S8);
  file = file_of(&s);
  check_memory(t, &file);
  mbconv_tensors_free(&s.tensors);
  file_case_free(&file);
}
