/* SPDX-License-Identifier: MIT */
#include "file_case.h"

#include <stdio.h>
#include <stdlib.h>

#include "weights.h"

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

static void *checked(void *memory) {
  if (!memory) abort();
  return memory;
}

static void join(struct file_case *file, const char *header, size_t length, const void *data, size_t data_bytes) {
  file->size = 8 + length + data_bytes;
  file->data = checked(malloc(file->size));
  for (size_t i = 0; i < 8; i++) file->data[i] = (unsigned char)((uint64_t)length >> 8 * i);
  memcpy(file->data + 8, header, length);
  if (data_bytes > 0) memcpy(file->data + 8 + length, data, data_bytes);
}

void file_case_of_header(struct file_case *file, const char *header, size_t data_bytes) {
  void *zeros = checked(calloc(data_bytes + 1, 1));
  join(file, header, strlen(header), zeros, data_bytes);
  free(zeros);
}

static bool is(const char *name, const char *named) { return named && strcmp(name, named) == 0; }

static bool ends(const char *name, const char *suffix) {
  const size_t length = strlen(name), end = strlen(suffix);
  return length >= end && strcmp(name + length - end, suffix) == 0;
}

/* Adds one tensor to the header and its bytes to the data. */
static void add(FILE *header, FILE *data, const char *name, const char *type, const size_t *shape, size_t rank,
                const void *bytes, size_t size) {
  const size_t begin = (size_t)ftell(data);
  fprintf(header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", ftell(header) > 1 ? "," : "", name, type);
  for (size_t i = 0; i < rank; i++) fprintf(header, i > 0 ? ",%zu" : "%zu", shape[i]);
  fprintf(header, "],\"data_offsets\":[%zu,%zu]}", begin, begin + size);
  if (fwrite(bytes, 1, size, data) != size) abort();
}

/* A float of 8 bits of mantissa that is 0 or normal as F16, too. */
static float coarse(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  bits &= 0xffff0000;
  memcpy(&value, &bits, sizeof bits);
  return value < 0x1p-14f && value > -0x1p-14f ? 0 : value;
}

/* Writes a coarse float as `type`; returns its bytes. */
static size_t write_as(const char *type, float value, unsigned char *to) {
  const double wide = (double)value;
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  uint16_t half = (uint16_t)(bits >> 16); /* BF16 */
  if (strcmp(type, "F16") == 0)
    half =
        (uint16_t)((bits >> 16 & 0x8000) | (value != 0 ? ((bits >> 23 & 255) - 112) << 10 | (bits >> 13 & 1023) : 0));
  const size_t size = strcmp(type, "F64") == 0 ? sizeof wide : strcmp(type, "F32") == 0 ? sizeof value : sizeof half;
  memcpy(to, size == sizeof wide ? (const void *)&wide : size == sizeof value ? (const void *)&value : &half, size);
  return size;
}

static void add_coarse(FILE *header, FILE *data, const struct mbconv_tensor *tensor, const char *name, size_t floats,
                       const char *type) {
  unsigned char *bytes = checked(malloc(floats * sizeof(double)));
  size_t size = 0;
  for (size_t i = 0; i < floats; i++) size += write_as(type, coarse(tensor->data[i]), bytes + size);
  add(header, data, name, type, tensor->shape, tensor->rank, bytes, size);
  free(bytes);
}

static void add_tensor(FILE *header, FILE *data, const struct mbconv_tensor *tensor,
                       const struct file_changes *changes) {
  size_t shape[MBCONV_MOST_DIMENSIONS], rank = tensor->rank, floats = 1;
  for (size_t i = 0; i < rank; i++) floats *= shape[i] = tensor->shape[i];
  char name[128];
  snprintf(name, sizeof name, "%s%s", changes->prefix ? changes->prefix : "", tensor->name);
  if (changes->coarse) {
    add_coarse(header, data, tensor, name, floats, changes->coarse);
    return;
  }
  if (is(tensor->name, changes->reshaped)) shape[rank++] = 1;
  if (is(tensor->name, changes->negative)) ((float *)tensor->data)[floats - 1] = -1; /* malloc's, not a file's */
  const bool retyped = is(tensor->name, changes->retyped);
  const size_t element = retyped && strcmp(changes->type, "U16") == 0 ? 2 : 4;
  add(header, data, name, retyped ? changes->type : "F32", shape, rank, tensor->data, floats * element);
}

static void add_counter(FILE *header, FILE *data, const char *variance) {
  static const char suffix[] = "running_var";
  const uint64_t batches = 7;
  char name[128];
  snprintf(name, sizeof name, "%.*snum_batches_tracked", (int)(strlen(variance) - strlen(suffix)), variance);
  add(header, data, name, "I64", NULL, 0, &batches, sizeof batches);
}

void file_case_of_network(struct file_case *file, const struct mbconv_description *description, uint64_t seed,
                          const struct file_changes *changes) {
  struct mbconv_tensors tensors;
  if (mbconv_random_tensors(description, seed, &tensors, NULL) != MBCONV_OK) abort();
  char *header_text, *data_bytes;
  size_t header_size, data_size;
  FILE *header = checked(open_memstream(&header_text, &header_size));
  FILE *data = checked(open_memstream(&data_bytes, &data_size));
  fputc('{', header);
  if (changes->metadata) fprintf(header, "\"__metadata__\":%s", changes->metadata);
  for (size_t i = 0; i < tensors.count; i++) {
    const struct mbconv_tensor *tensor = &tensors.tensor[i];
    if (is(tensor->name, changes->without)) continue;
    if (changes->without_all && strncmp(tensor->name, changes->without_all, strlen(changes->without_all)) == 0)
      continue;
    add_tensor(header, data, tensor, changes);
    if (changes->counters && ends(tensor->name, ".running_var")) add_counter(header, data, tensor->name);
  }
  if (changes->extra) add(header, data, changes->extra, "F32", (size_t[]){2}, 1, (float[]){1, 2}, 2 * sizeof(float));
  fputc('}', header);
  /* Data aligned to 8 bytes, but for the spaces asked for. */
  for (size_t i = (-(size_t)ftell(header) & 7) + changes->spaces; i > 0; i--) fputc(' ', header);
  fclose(header);
  fclose(data);
  join(file, header_text, header_size, data_bytes, data_size);
  free(header_text);
  free(data_bytes);
  mbconv_tensors_free(&tensors);
}

void file_case_free(struct file_case *file) {
  free(file->data);
  *file = (struct file_case){0};
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

void file_case_refused(struct test *t, const struct file_case *file, const char *part) {
  const mbconv_options kernels = {.isa = t->isa};
  const mbconv_network_options options = {.kernels = &kernels, .height = 32, .width = 32};
  mbconv_network *network = (void *)file->data; /* must become NULL */
  mbconv_error error = {.status = MBCONV_OK};
  const mbconv_status status = mbconv_network_load_memory(file->data, file->size, &options, &network, &error);
  test_check(t, status == MBCONV_BAD_FILE && error.status == status && strstr(error.message, part),
             "status \"%s\", message \"%s\" without \"%s\"", mbconv_status_string(status), error.message, part);
  test_check(t, network == NULL, "*out is not NULL");
  if (status == MBCONV_OK) mbconv_network_destroy(network);
  network = (void *)file->data;
  test_check(t,
             mbconv_network_load_memory(file->data, file->size, &options, &network, NULL) == status && network == NULL,
             "without an error struct");
}

mbconv_network *file_case_load(struct test *t, const struct file_case *file, const mbconv_network_options *options) {
  const mbconv_options kernels = {.isa = t->isa};
  mbconv_network_options all = options ? *options : (mbconv_network_options){0};
  all.struct_size = sizeof all;
  all.kernels = &kernels;
  mbconv_network *network = NULL;
  mbconv_error error = {.message = ""};
  const mbconv_status status = mbconv_network_load_memory(file->data, file->size, &all, &network, &error);
  test_check(t, status == MBCONV_OK && network, "load: %s", error.message);
  return network;
}

struct mbconv_description file_case_describe(const char *name, enum mbconv_naming naming, size_t classes) {
  struct mbconv_description description;
  if (!mbconv_describe(name, classes, &description)) abort();
  description.naming = naming;
  return description;
}

void file_case_run(struct test *t, const mbconv_network *network, uint64_t seed, float *y) {
  const mbconv_network_info info = *mbconv_network_info_of(network);
  const size_t bytes = mbconv_network_arena_size(network, 1);
  float *x = test_new_floats(&seed, info.height * info.width * info.channels);
  void *arena = checked(malloc(bytes));
  memset(arena, 0xff, bytes); /* NaN */
  mbconv_error error = {.message = ""};
  const mbconv_status status = mbconv_network_run(network, 1, x, y, arena, bytes, NULL, &error);
  test_check(t, status == MBCONV_OK, "run: %s", error.message);
  free(x);
  free(arena);
}
