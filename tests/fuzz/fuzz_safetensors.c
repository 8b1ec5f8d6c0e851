/* SPDX-License-Identifier: MIT
 *
 * Hostile safetensors files: reading them, making the network, running it.
 *
 * An input that starts with a brace is a header alone: its length is put before it, and behind it as many bytes as the
 * largest number in it, so that the fuzzer can work on tensors of megabytes by a text of kilobytes. Any other is a
 * file.
 */
#include <mbconv_networks.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { PREFIX = 8, MOST_DATA = 12 << 20, SIDE = 32 };

static size_t largest_number(const uint8_t *text, size_t size) {
  size_t largest = 0, number = 0;
  for (size_t i = 0; i < size; i++) {
    number = text[i] >= '0' && text[i] <= '9' ? 10 * number + (text[i] - '0') : 0;
    if (number > MOST_DATA) return MOST_DATA;
    if (number > largest) largest = number;
  }
  return largest;
}

/* Exactly as many bytes as the file has, so that none behind them can be read unnoticed. */
static uint8_t *make_file(const uint8_t *input, size_t size, size_t *file_size) {
  const bool header = size > 0 && input[0] == '{';
  *file_size = header ? PREFIX + size + largest_number(input, size) : size;
  uint8_t *file = fuzz_allocate(*file_size);
  if (!header) {
    if (size > 0) memcpy(file, input, size);
    return file;
  }
  for (size_t i = 0; i < PREFIX; i++) file[i] = (uint8_t)(size >> 8 * i);
  memcpy(file + PREFIX, input, size);
  memset(file + PREFIX + size, 0x3d, *file_size - PREFIX - size); /* as floats: 0.046 */
  return file;
}

/* At another size than the default, in exactly the memory that is asked for. */
static void run_at(const mbconv_network *network, size_t channels) {
  enum { HEIGHT = 9, WIDTH = 45 };
  size_t arena_bytes = 0, outputs = 0;
  mbconv_error error;
  fuzz_require(mbconv_network_outputs_at(network, HEIGHT, WIDTH, &outputs, &error) == MBCONV_OK, error.message);
  fuzz_require(mbconv_network_arena_size_at(network, 1, HEIGHT, WIDTH, &arena_bytes, &error) == MBCONV_OK,
               error.message);
  float *x = fuzz_allocate(HEIGHT * WIDTH * channels * sizeof *x), *y = fuzz_allocate(outputs * sizeof *y);
  void *arena = fuzz_allocate(arena_bytes);
  for (size_t i = 0; i < HEIGHT * WIDTH * channels; i++) x[i] = (float)(i % 5) - 2;
  fuzz_require(mbconv_network_run_at(network, 1, HEIGHT, WIDTH, x, y, arena, arena_bytes, NULL, &error) == MBCONV_OK,
               error.message);
  free(arena), free(y), free(x);
}

static void run(const mbconv_network *network) {
  const mbconv_network_info info = *mbconv_network_info_of(network);
  const size_t x_floats = info.height * info.width * info.channels;
  const size_t arena_bytes = mbconv_network_arena_size(network, 1);
  float *x = fuzz_allocate(x_floats * sizeof *x), *y = fuzz_allocate(info.outputs * sizeof *y);
  void *arena = fuzz_allocate(arena_bytes);
  for (size_t i = 0; i < x_floats; i++) x[i] = (float)(i % 7) - 3;
  mbconv_error error;
  fuzz_require(mbconv_network_run(network, 1, x, y, arena, arena_bytes, NULL, &error) == MBCONV_OK, error.message);
  free(arena), free(y), free(x);
  run_at(network, info.channels);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
  size_t file_size;
  uint8_t *file = make_file(input, size, &file_size);
  const mbconv_network_options options = {.height = SIDE, .width = SIDE, .layout = MBCONV_NHWC};
  mbconv_network *network = NULL;
  mbconv_error error = {0};
  const mbconv_status status = mbconv_network_load_memory(file, file_size, &options, &network, &error);
  free(file); /* a network must not need it any more */
  if (status == MBCONV_OK) {
    run(network);
    mbconv_network_destroy(network);
  } else {
    fuzz_require(error.message[0] != '\0', "a refusal says nothing");
    fuzz_require(memchr(error.message, '\0', sizeof error.message), "a message without an end");
  }
  return 0;
}
