/* SPDX-License-Identifier: MIT
 *
 * Hostile images: decoding PNG and JPEG, resizing and normalising as `mbconv run` does.
 *
 * The checksums of a PNG's chunks are set right first, or the fuzzer would never get past them.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include "fuzz.h"
#include "image.h"

enum { SIGNATURE = 8, CHUNK = 12 /* length, type and checksum */, MANY_PIXELS = 1 << 18 };
enum { RESIZE = 37, HEIGHT = 33, WIDTH = 29, COLOURS = 3 };

static uint32_t big_endian(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void set_checksums(uint8_t *file, size_t size) {
  if (size < SIGNATURE || memcmp(file, "\x89PNG", 4) != 0) return;
  for (size_t at = SIGNATURE; size - at >= CHUNK;) {
    const size_t length = big_endian(file + at);
    if (length > size - at - CHUNK) return;
    const uLong sum = crc32(0, file + at + 4, (uInt)(4 + length));
    uint8_t *to = file + at + 8 + length;
    for (size_t i = 0; i < 4; i++) to[i] = (uint8_t)(sum >> (24 - 8 * i));
    at += CHUNK + length;
  }
}

/* An image that is large, or so long that it becomes large, takes as long as hundreds of others: one in 32 is looked
 * at. */
static bool left_out(uint64_t height, uint64_t width, size_t size) {
  const uint64_t longer = height > width ? height : width, shorter = height > width ? width : height;
  if (shorter == 0 || size % 32 == 0) return false;
  return longer * shorter > MANY_PIXELS || longer / shorter * RESIZE * RESIZE > MANY_PIXELS;
}

static bool left_out_png(const uint8_t *file, size_t size) {
  return size >= 24 && memcmp(file, "\x89PNG", 4) == 0 && left_out(big_endian(file + 20), big_endian(file + 16), size);
}

static void preprocess(const struct image *image, bool bicubic, mbconv_layout layout) {
  float *x = fuzz_allocate(HEIGHT * WIDTH * COLOURS * sizeof *x);
  mbconv_error error = {0};
  const struct image_preprocessing how = {RESIZE, HEIGHT, WIDTH, bicubic, {0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f},
                                          layout};
  const mbconv_status status = image_preprocess(image, &how, x, &error);
  if (status == MBCONV_OK)
    for (size_t i = 0; i < HEIGHT * WIDTH * COLOURS; i++) fuzz_require(fabsf(x[i]) < 3, "a pixel out of range");
  else
    fuzz_require(error.message[0] != '\0', "a refusal says nothing");
  free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
  if (left_out_png(input, size)) return 0;
  uint8_t *file = fuzz_allocate(size);
  if (size > 0) memcpy(file, input, size);
  set_checksums(file, size);
  struct image image;
  mbconv_error error = {0};
  if (image_decode(file, size, &image, &error) == MBCONV_OK) {
    fuzz_require(image.rgb != NULL && image.height > 0 && image.width > 0, "an image without pixels");
    if (!left_out(image.height, image.width, size)) {
      preprocess(&image, size % 2 == 0, MBCONV_NCHW);
      preprocess(&image, size % 2 == 1, MBCONV_NHWC);
    }
    image_free(&image);
  } else {
    fuzz_require(error.message[0] != '\0', "a refusal says nothing");
    fuzz_require(image.rgb == NULL, "a refused image is left behind");
  }
  free(file);
  return 0;
}
